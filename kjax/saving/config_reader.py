"""The walk through a model config that every producer's reader shares."""

from __future__ import annotations

import re

from kjax.saving.branches import functional_from_graph, functional_from_merge
from kjax.saving.errors import CorruptFileError, UnsafeModelError
from kjax.saving.graph_checks import calls_of, checked_layers

__all__ = ["ConfigReader"]

MODELS = frozenset(("Sequential", "Model", "Functional", "Graph"))
MAX_LAYERS = 10_000
MAX_CALLS = 20_000
MAX_NAME = 65_536
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]").search


class ConfigReader:
    """Turns the configs of one producer into today's; a subclass says what is different in a single layer.

    Args:
        notes: Notes.
        custom: names of the caller's own classes; their configs keep their arguments.
        names: of the file's layers in order, for models whose config does not store them.

    The caller's data are never changed.
    """

    def __init__(self, notes, custom=(), names=()):
        self.notes, self.custom, self.names = notes, frozenset(custom), list(names)
        self._count = 0

    def model(self, config) -> dict:
        """A model's {'class_name', 'config'} in today's words."""
        result = self.layer(config, self.names)
        cost = calls_of(result)
        if cost > MAX_CALLS:
            raise UnsafeModelError(
                self.notes.where, f"building it takes {cost} layer calls; at most {MAX_CALLS} are made."
            )
        return result

    # ------------------------------------------------------------ what a subclass defines

    def plain_layer(self, name, config) -> dict:
        """{'class_name', 'config'} of a layer that holds no other layers."""
        return {"class_name": name, "config": config}

    def common(self, config) -> dict:
        """The arguments that all layers have, in today's words."""
        return config

    def model_fields(self, config) -> dict:
        """What a functional model's config holds besides its layers."""
        return {k: v for k, v in config.items() if k != "layers"}

    # ------------------------------------------------------------ the walk

    def fail(self, reason):
        raise CorruptFileError(self.notes.where, reason)

    def layer(self, data, names=()) -> dict:
        """A layer's {'class_name', 'config'} in today's words.

        Args:
            names: of the layers inside, where a model's config may not store them.
        """
        self._count += 1
        if self._count > MAX_LAYERS:
            raise UnsafeModelError(self.notes.where, f"more than {MAX_LAYERS} layers.")
        if not isinstance(data, dict) or not isinstance(data.get("class_name"), str) or "config" not in data:
            self.fail(f"a layer must be a dict with 'class_name' and 'config'; got {str(data)[:100]!r}.")
        name, config = self.class_name(data["class_name"]), data["config"]
        if isinstance(config, dict):
            self._check_name(config.get("name"))
        if name in self.custom:
            return {"class_name": name, "config": self.common(dict(config)) if isinstance(config, dict) else config}
        if name in MODELS:
            return self._model(name, config, names)
        if not isinstance(config, dict):
            self.fail(f"the config of {name[:80]} must be a dict; got {str(config)[:100]!r}.")
        config = self.common(dict(config))
        if isinstance(config.get("layer"), dict):
            config["layer"] = self.layer(config["layer"])
            if isinstance(config.get("backward_layer"), dict):
                config["backward_layer"] = self.layer(config["backward_layer"])
        if isinstance(config.get("cell"), dict):
            config["cell"] = self.layer(config["cell"])
        if isinstance(config.get("cells"), list):
            config["cells"] = [self.layer(cell) for cell in config["cells"]]
        return self.plain_layer(name, config)

    def _check_name(self, name):
        if name is not None and not (isinstance(name, str) and 0 < len(name) <= MAX_NAME and not _CONTROL(name)):
            self.fail(
                f"the layer name {str(name)[:80]!r} is not valid: a text without control characters, at most "
                f"{MAX_NAME} characters long, was required."
            )

    def _check_flag(self, fields):
        if not isinstance(fields.get("trainable", True), bool):
            self.fail(f"trainable of a model must be true or false; got {str(fields['trainable'])[:80]!r}.")

    def class_name(self, name) -> str:
        """The class name without a package in front of it."""
        return name

    def _model(self, name, config, names):
        if name == "Graph":
            return functional_from_graph(config, self)
        if name == "Sequential":
            return self._sequential(config, names)
        if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
            self.fail(f"the config of a {name} must be a dict with a list of layers; got {str(config)[:100]!r}.")
        layers = checked_layers([self._graph_layer(data) for data in config["layers"]], self.fail)
        fields = self.model_fields(self.common(dict(config)))
        self._check_flag(fields)
        for key in ("input_layers", "output_layers"):
            fields[key] = _coordinates(config.get(key), self)
        return {"class_name": "Model", "config": {**fields, "layers": layers}}

    def _sequential(self, config, names):
        layers = config.get("layers") if isinstance(config, dict) else config
        if not isinstance(layers, list):
            self.fail("the config of a Sequential must be a list of layers, or a dict that holds one.")
        fields = {}
        if isinstance(config, dict):
            fields = {k: config[k] for k in ("name", "build_input_shape", "trainable") if config.get(k) is not None}
            self._check_flag(fields)
            self._check_name(fields.get("name"))
        if layers and _is_merge_of_models(layers[0]):
            return functional_from_merge(layers, fields.get("name"), self)
        stored = [n for n in names]
        inner = []
        for i, data in enumerate(layers):
            translated = self.layer(data)
            if len(stored) == len(layers) and translated["class_name"] in MODELS:
                self._check_name(stored[i])
                translated["config"].setdefault("name", stored[i])
            inner.append(translated)
        return {"class_name": "Sequential", "config": {**fields, "layers": inner}}

    def _graph_layer(self, data):
        if not isinstance(data, dict) or not isinstance(data.get("name"), str):
            self.fail(f"a layer of a functional model must be a dict with a name; got {str(data)[:100]!r}.")
        self._check_name(data["name"])
        result = self.layer(data)
        if result["class_name"] in MODELS:
            result["config"]["name"] = data["name"]
        return {"name": data["name"], **result, "inbound_nodes": self._calls(data)}

    def _calls(self, data):
        """The layer's calls: for each, for each input, [layer, call, output, arguments]."""
        calls = data.get("inbound_nodes", [])
        name = data["name"]
        if not isinstance(calls, list):
            self.fail(f"layer {name[:80]!r}: inbound_nodes must be a list; got {str(calls)[:100]!r}.")
        result = []
        for call in calls:
            if isinstance(call, list) and call and isinstance(call[0], str):
                call = [call]  # TensorFlow's Keras, a layer with one input
            if not isinstance(call, list) or not call:
                self.fail(f"layer {name[:80]!r}: a call must list its inputs; got {str(call)[:100]!r}.")
            result.append([self._source(source, name) for source in call])
        return result

    def _source(self, source, name):
        valid = (
            isinstance(source, list)
            and 3 <= len(source) <= 4
            and isinstance(source[0], str)
            and all(isinstance(i, int) and not isinstance(i, bool) and 0 <= i < 100_000 for i in source[1:3])
            and (len(source) == 3 or isinstance(source[3], dict))
        )
        if not valid:
            self.fail(
                f"layer {name[:80]!r}: an input must be [layer, call, output, arguments]; got {str(source)[:100]!r}."
            )
        return list(source)


def _is_merge_of_models(data) -> bool:
    return (
        isinstance(data, dict) and data.get("class_name") == "Merge" and bool((data.get("config") or {}).get("layers"))
    )


def _coordinates(value, reader):
    """Inputs or outputs of a functional model: a list of [layer, call, output]."""
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        value = [value]
    if not isinstance(value, list) or not value:
        reader.fail(f"input_layers and output_layers must list places; got {str(value)[:100]!r}.")
    return [reader._source(v, "inputs and outputs") for v in value]

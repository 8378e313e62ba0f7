"""Keras 1's models of several branches as functional ones: `Graph`, and a Sequential that starts with a `Merge`."""

from __future__ import annotations

__all__ = ["functional_from_graph", "functional_from_merge", "merge_layer"]

_MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate"}


def merge_layer(config, notes) -> dict:
    """A Merge layer that is called on tensors: the layer of its mode, or the legacy class (dot, cos, functions)."""
    mode, name = config.get("mode", "sum"), config.get("name")
    if config.get("mode_type", "raw") == "raw" and mode in _MERGES:
        notes(f"Merge in mode {mode!r} is read as {_MERGES[mode]}")
        own = {"name": name, "trainable": config.get("trainable", True)}
        if mode == "concat":
            own["axis"] = config.get("concat_axis", -1)
        return {"class_name": _MERGES[mode], "config": own}
    return {"class_name": "Merge", "config": {k: v for k, v in config.items() if k != "layers"}}


class _Functional:
    """A functional config that is being put together; each layer is called once."""

    def __init__(self, reader, name):
        self.reader, self.name = reader, name
        self.layers: list[dict] = []
        self.inputs: list[list] = []
        self.taken: dict[str, dict] = {}

    def add(self, data, sources) -> tuple:
        """Appends a translated layer, called on the outputs of `sources`; returns (its name, the call)."""
        name = data["config"].get("name")
        if not isinstance(name, str):
            self.reader.fail(f"a {data['class_name']} in a branch has no name.")
        self.reader._check_name(name)
        if name in self.taken:
            self.reader.fail(f"two layers are called {name[:80]!r}.")
        self.taken[name] = data
        inner = data["class_name"] in ("Model", "Sequential")
        self.layers.append(
            {**data, "name": name, "inbound_nodes": [[[s, n, 0, {}] for s, n in sources]] if sources else []}
        )
        return name, 1 if inner else 0

    def input(self, name, shape, dtype):
        self.inputs.append([name, 0, 0])
        return self.add(
            {
                "class_name": "InputLayer",
                "config": {"name": name, "batch_input_shape": shape, "dtype": dtype, "sparse": False},
            },
            [],
        )

    def config(self, outputs) -> dict:
        return {
            "class_name": "Model",
            "config": {
                **({"name": self.name} if self.name else {}),
                "layers": self.layers,
                "input_layers": self.inputs,
                "output_layers": [[name, node, 0] for name, node in outputs],
            },
        }


def functional_from_merge(layers, name, reader) -> dict:
    """A Sequential whose first layer merges other models, as one functional model of all their layers."""
    reader.notes("a Sequential that starts with Merge is read as a functional Model of all branches' layers")
    graph = _Functional(reader, name)
    last = _merge(layers[0]["config"], graph)
    for data in layers[1:]:
        last = graph.add(reader.layer(data), [last])
    return graph.config([last])


def _merge(config, graph):
    branches = [_branch(data, graph) for data in config["layers"]]
    return graph.add(merge_layer({k: v for k, v in config.items() if k != "layers"}, graph.reader.notes), branches)


def _branch(data, graph):
    """The layers of one branch; returns the last one's (name, node)."""
    name, config = data.get("class_name"), data.get("config")
    if name == "Merge":
        return _merge(config, graph)
    if name != "Sequential":
        return _single(data, graph)
    layers = config["layers"] if isinstance(config, dict) else config
    if not layers:
        graph.reader.fail("a branch of a Merge has no layers.")
    if layers[0].get("class_name") == "Merge":
        last = _merge(layers[0]["config"], graph)
    else:
        last = _single(layers[0], graph)
    for layer in layers[1:]:
        last = graph.add(graph.reader.layer(layer), [last])
    return last


def _single(data, graph):
    """A layer at the start of a branch, with an input of its own."""
    layer = graph.reader.layer(data)
    if layer["class_name"] == "InputLayer":
        return graph.input(layer["config"]["name"], layer["config"]["batch_input_shape"], layer["config"].get("dtype"))
    source = layer["config"]
    while layer["class_name"] in ("Model", "Sequential") and source.get("layers"):
        source = source["layers"][0]["config"]
        if "layers" not in source:
            break
    shape = source.get("batch_input_shape")
    if shape is None:
        graph.reader.fail(f"the branch that starts with {data.get('class_name')} states no input shape.")
    name = layer["config"].get("name")
    return graph.add(layer, [graph.input(f"{name}_input", shape, source.get("dtype"))])


def functional_from_graph(config, reader) -> dict:
    """Keras 1.0's `Graph` as a functional model; its outputs keep their order."""
    reader.notes("a Graph is read as a functional Model")
    graph = _Functional(reader, config.get("name"))
    places: dict[str, tuple] = {}
    for data in config["input_config"]:
        shape = data.get("batch_input_shape") or [None, *data["input_shape"]]
        places[data["name"]] = graph.input(data["name"], shape, data.get("dtype"))
    for data in config["node_config"]:
        source = _graph_source(data, places, graph)
        layer = reader.layer(config["nodes"][data["name"]])
        layer["config"].setdefault("name", data["name"])
        places[data["name"]] = graph.add(layer, [source])
    outputs = []
    for data in config["output_config"]:
        outputs.append(_graph_source(data, places, graph))
    return graph.config(outputs)


def _graph_source(data, places, graph):
    """Where a node of a Graph takes its input from: one place, or several merged."""
    names = [data["input"]] if data.get("input") else data.get("inputs") or []
    for name in names:
        if name not in places:
            graph.reader.fail(
                f"node {data['name'][:80]!r} takes its input from {str(name)[:80]!r}, which comes later or never."
            )
    if len(names) == 1:
        return places[names[0]]
    if not names:
        graph.reader.fail(f"node {data['name'][:80]!r} has no input.")
    merge = {
        "name": f"merge_inputs_for_{data['name']}",
        "mode": data.get("merge_mode", "concat"),
        "concat_axis": data.get("concat_axis", -1),
        "dot_axes": data.get("dot_axes", -1),
    }
    return graph.add(merge_layer(merge, graph.reader.notes), [places[n] for n in names])

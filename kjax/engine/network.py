"""Network: a directed graph of layers between input and output tensors."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from kjax import backend as K
from kjax.backend.phase import built_for
from kjax.engine.base_layer import Layer, Node, to_list, unique, unlist
from kjax.engine.call_layer import call_layer, registers, unregistered
from kjax.engine.input_layer import InputLayer
from kjax.engine.network_config import KERAS_VERSION, graph_config, graph_from_config
from kjax.engine.persistence import Persistence
from kjax.engine.topology_map import map_graph
from kjax.graph import KerasTensor
from kjax.utils.layer_utils import print_summary

__all__ = ["Network"]


class _Call(NamedTuple):
    """What a network's layers gave for new inputs, and the losses and updates that depend on these."""

    inputs: list
    in_masks: list
    within: list  # the network's own outputs at that time
    outputs: list
    masks: list
    updates: list
    losses: list


class Network(Persistence, Layer):
    """A graph of layers; a layer itself, so that models nest.

    Args:
        inputs: KerasTensor, list or dict of them.
        outputs: KerasTensor, list or dict of them.
        name: str.

    A subclass that passes no tensors defines `call(inputs)` and keeps its layers as attributes; it is built by the
    first data it sees.
    """

    def __init__(self, *args, **kwargs):
        tensors = len(args) == 2 or len(args) == 1 and "outputs" in kwargs or "inputs" in kwargs and "outputs" in kwargs
        names = ("inputs", "outputs", "name") if tensors else ("name",)
        given = dict(zip(names, args, strict=False))
        unknown = set(kwargs) - set(names)
        if len(args) > len(names) or unknown:
            raise TypeError(
                f"{type(self).__name__} takes {', '.join(names)}; got {len(args)} positional arguments and "
                f"{sorted(kwargs)}."
            )
        given.update(kwargs)
        if len(args) == 1 and not tensors and not isinstance(args[0], str | None):
            raise TypeError(f"{type(self).__name__} takes inputs and outputs; got only {args[0]!r:.200}.")
        if tensors:
            self._init_graph_network(given["inputs"], given["outputs"], given.get("name"))
        else:
            self._init_subclassed(given.get("name"))

    def _base_init(self, name):
        self._set_up()
        if not name:
            prefix = type(self).__name__.lower()
            name = f"{prefix}_{K.get_uid(prefix)}"
        self.name = name
        self.trainable = True
        self.supports_masking = True
        self.optimizer = None
        self.__dict__.setdefault("_calls", {})  # what it gave for new inputs, as long as these live

    def _init_subclassed(self, name):
        self._base_init(name)
        self._is_graph_network = False
        self.inputs = self.outputs = None
        self.input_names = self.output_names = None
        self._layers, self._nodes = [], []
        self.built = False

    def _init_graph_network(self, inputs, outputs, name=None):
        self._base_init(name)
        self._is_graph_network = True
        self._output_keys = list(outputs) if isinstance(outputs, dict) else None
        self.inputs = _tensors(inputs, "inputs")
        self.outputs = _tensors(outputs, "outputs")
        if len(set(map(id, self.inputs))) != len(self.inputs):
            raise ValueError(
                f"The list of inputs passed to the model is redundant. All inputs should only appear once. Found: "
                f"{self.inputs}"
            )
        for x in self.inputs:
            if not hasattr(x, "_keras_history"):
                raise ValueError(
                    f"Input tensors to a {type(self).__name__} must come from `keras.layers.Input`. Received: {x!r} "
                    "(missing previous layer metadata)."
                )
        topology = map_graph(self.inputs, self.outputs)
        self._nodes, self._layers = topology.nodes, topology.layers
        self._input_layers = [x._keras_history[0] for x in self.inputs]
        self._input_coordinates = [x._keras_history for x in self.inputs]
        self.input_names = [layer.name for layer in self._input_layers]
        fed = [getattr(layer, "is_placeholder", True) for layer in self._input_layers]
        self._feed_inputs = [x for x, wanted in zip(self.inputs, fed, strict=True) if wanted]
        self._feed_input_names = [n for n, wanted in zip(self.input_names, fed, strict=True) if wanted]
        self._take_outputs()

    def _take_outputs(self):
        """Notes where `outputs` come from, and that the network leads to them."""
        self._output_layers = [x._keras_history[0] for x in self.outputs]
        self._output_coordinates = [x._keras_history for x in self.outputs]
        self.output_names = [layer.name for layer in self._output_layers]
        self.built = True
        Node(
            self,
            [],
            [],
            [],
            self.inputs,
            self.outputs,
            [getattr(x, "_keras_mask", None) for x in self.inputs],
            [getattr(x, "_keras_mask", None) for x in self.outputs],
            [tuple(x.shape) for x in self.inputs],
            [tuple(x.shape) for x in self.outputs],
        )

    # ------------------------------------------------------------ layers and weights

    @property
    def layers(self) -> list:
        if not self._is_graph_network:
            return [layer for layer in self._tracked_layers if isinstance(layer, Layer)]
        return self._layers  # the list itself: old code takes layers off with `model.layers.pop()`

    def get_layer(self, name=None, index=None) -> Layer:
        """The layer of this name, or at this index of `layers`.

        Raises:
            ValueError: when there is none.
        """
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(self.layers)} layers."
                )
            return self.layers[index]
        if not name:
            raise ValueError("Provide either a layer name or layer index.")
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name!r}. The layers are {[layer.name for layer in self.layers]}.")

    def _collect(self, attribute) -> list:
        return unique(w for layer in self.layers for w in getattr(layer, attribute))

    @property  # type: ignore[misc]
    def trainable_weights(self) -> list:
        if not self.trainable:
            return []
        return unique([*self._trainable_weights, *self._collect("trainable_weights")])

    @property  # type: ignore[misc]
    def non_trainable_weights(self) -> list:
        weights = [*self._non_trainable_weights, *self._collect("non_trainable_weights")]
        if not self.trainable:
            return unique([*self._trainable_weights, *self._collect("trainable_weights"), *weights])
        return unique(weights)

    def get_weights(self) -> list:
        """The values of all weights, layer by layer."""
        return K.batch_get_value(self._weights_by_layer())

    def set_weights(self, weights) -> None:
        """Replaces the values of all weights, layer by layer; all shapes are checked before anything changes."""
        weights, handles = list(weights), self._weights_by_layer()
        if len(weights) != len(handles):
            raise ValueError(f"Model {self.name} has {len(handles)} weight arrays; {len(weights)} were given.")
        for w, value in zip(handles, weights, strict=True):
            if tuple(np.shape(value)) != tuple(w.shape):
                raise ValueError(
                    f"Model {self.name}: weight {w.name!r} has shape {tuple(w.shape)}, which is not compatible with "
                    f"the provided shape {tuple(np.shape(value))}."
                )
        K.batch_set_value(list(zip(handles, weights, strict=True)))

    def _weights_by_layer(self) -> list:
        own = [*self._trainable_weights, *self._non_trainable_weights]
        return unique([*own, *[w for layer in self.layers for w in layer.weights]])

    def count_params(self) -> int:
        self._require_built("count_params")
        return sum(int(np.prod(w.shape, dtype=np.int64)) for w in self._weights_by_layer())

    def _require_built(self, what):
        if not self.built:
            raise ValueError(
                f"Model {self.name} has not yet been built: {what} needs its input shape. Call `fit` on data, "
                "`build(input_shape)`, or give the first layer an `input_shape`."
            )

    # ------------------------------------------------------------ losses, updates, state

    def _relevant(self, attribute):
        """Losses or updates of the layers' calls that are part of this model."""
        items = []
        mine = {id(n) for n in self._nodes}
        for layer in self.layers:
            for_inputs = getattr(layer, f"get_{attribute}_for")
            for node in layer._inbound_nodes:
                if id(node) in mine:
                    items += for_inputs(node.input_tensors)
            items += for_inputs(None)
        return items

    @property
    def losses(self) -> list:
        """Regularisation and `add_loss` tensors of the model."""
        if not self._is_graph_network:
            return unique([*self._losses, *self._collect("losses")])
        own = [x for key, xs in self._per_input_losses.items() for x in xs if key is None or key == self._own_key()]
        return unique([*self._relevant("losses"), *own])

    @property
    def updates(self) -> list:
        """Updates that a training step makes besides the weights' own."""
        if not self.trainable and not self.stateful:
            return []
        if not self._is_graph_network:
            return unique([*self._updates, *self._collect("updates")])
        own = [x for key, xs in self._per_input_updates.items() for x in xs if key is None or key == self._own_key()]
        return unique([*self._relevant("updates"), *own])

    def _own_key(self):
        return tuple(id(x) for x in self.inputs)

    def get_losses_for(self, inputs):
        if inputs is None:
            return unique(
                [*self._per_input_losses.get(None, []), *[x for y in self.layers for x in y.get_losses_for(None)]]
            )
        return unique([*super().get_losses_for(inputs), *[x for call in self._calls_on(inputs) for x in call.losses]])

    def get_updates_for(self, inputs):
        if not self.trainable and not self.stateful:
            return []
        if inputs is None:
            return unique(
                [*self._per_input_updates.get(None, []), *[x for y in self.layers for x in y.get_updates_for(None)]]
            )
        return unique([*super().get_updates_for(inputs), *[x for call in self._calls_on(inputs) for x in call.updates]])

    def _calls_on(self, inputs):
        return [call for call in self._calls.values() if _same(call.inputs, to_list(inputs))]

    @property
    def stateful(self) -> bool:  # type: ignore[override]
        return any(getattr(layer, "stateful", False) for layer in self.layers) if hasattr(self, "_layers") else False

    @property
    def state_updates(self) -> list:
        """Updates of stateful layers: made when predicting and testing too."""
        return unique(
            [u for layer in self.layers if getattr(layer, "stateful", False) for u in self._updates_of(layer)]
        )

    def _updates_of(self, layer):
        if isinstance(layer, Network):
            mine = {id(n) for n in self._nodes}
            inner = {id(u.variable) for u in layer.state_updates}
            calls = [u for n in layer._inbound_nodes if id(n) in mine for u in layer.get_updates_for(n.input_tensors)]
            return [u for u in calls if id(u.variable) in inner]
        return layer.updates

    def reset_states(self) -> None:
        """Sets the states of all stateful layers to zero."""
        for layer in self.layers:
            if hasattr(layer, "reset_states") and getattr(layer, "stateful", False):
                layer.reset_states()

    @property
    def uses_learning_phase(self) -> bool:
        return any(getattr(x, "_uses_learning_phase", False) for x in self.outputs or [])

    @property
    def input_spec(self):
        """What the inputs must be: InputSpec or list of them."""
        if not getattr(self, "_is_graph_network", False):
            return None
        specs = []
        for layer in self._input_layers:
            if not isinstance(layer, InputLayer):
                return None
            specs.append(None)
        return specs if len(specs) > 1 else specs[0]

    # ------------------------------------------------------------ calling

    def call(self, inputs, mask=None, training=None):
        """The outputs for new inputs: every layer is called again, its weights shared.

        Args:
            training: a bool, for layers that differ in training and test: which of the two this call is; default both.
        """
        if not self._is_graph_network:
            raise NotImplementedError(f"Model {self.name}: a subclass of Model defines `call(inputs)`.")
        masks = [None] * len(to_list(inputs)) if mask is None else to_list(mask)
        with built_for(training):
            outputs, _, _ = self.run_internal_graph(to_list(inputs), masks)
        return unlist(outputs)

    def compute_mask(self, inputs, mask):
        if not self._is_graph_network:
            return None
        inputs = to_list(inputs)
        masks = [None] * len(inputs) if mask is None else to_list(mask)
        for call in reversed(self._calls.values()):
            if _same(call.inputs, inputs) and _same(call.in_masks, masks) and _same(call.within, self.outputs):
                return unlist(call.masks)
        with unregistered():
            return unlist(self._run(inputs, masks).masks)

    def compute_output_shape(self, input_shape):
        if not self._is_graph_network:
            raise NotImplementedError(f"Model {self.name}: a subclass of Model defines `compute_output_shape` itself.")
        shapes = [tuple(s) for s in (input_shape if isinstance(input_shape, list) else [input_shape])]
        if len(shapes) != len(self.inputs):
            raise ValueError(
                f"Model {self.name} has {len(self.inputs)} inputs; {len(shapes)} input shapes were given: {shapes}."
            )
        tensors = [KerasTensor(s, x.dtype) for s, x in zip(shapes, self.inputs, strict=True)]
        with unregistered():
            outputs = self._run(tensors, [None] * len(tensors)).outputs
        return unlist([tuple(x.shape) for x in outputs])

    def run_internal_graph(self, inputs, masks=None):
        """Calls every layer on new inputs, without new nodes; on inputs it was called on before, gives the same again.

        Returns:
            (output tensors, output masks, output shapes).
        """
        masks = [None] * len(inputs) if masks is None else masks
        key = (*map(id, inputs), *map(id, masks), K.fixed_phase(), *map(id, self.outputs))
        if key not in self._calls:
            call = self._run(inputs, masks)
            if not registers():
                return call.outputs, call.masks, [tuple(x.shape) for x in call.outputs]
            self._calls[key] = call
        call = self._calls[key]
        return call.outputs, call.masks, [tuple(x.shape) for x in call.outputs]

    def _run(self, inputs, masks) -> _Call:
        if len(inputs) != len(self.inputs):
            raise ValueError(
                f"Model {self.name} expects {len(self.inputs)} inputs, but received {len(inputs)}: {inputs}"
            )
        computed = {id(x): (new, mask) for x, new, mask in zip(self.inputs, inputs, masks, strict=True)}
        updates: list = []
        losses: list = []
        for node in self._nodes:
            if all(id(x) in computed for x in node.output_tensors):
                continue
            layer = node.outbound_layer
            given = unlist([computed[id(x)][0] for x in node.input_tensors])
            in_masks = [computed[id(x)][1] for x in node.input_tensors]
            arguments = {k: _replaced(v, computed) for k, v in node.arguments.items()}
            outputs, out_masks = call_layer(layer, given, in_masks, arguments)
            updates += layer.get_updates_for(given)
            losses += layer.get_losses_for(given)
            for old, new, mask in zip(node.output_tensors, to_list(outputs), out_masks, strict=False):
                computed[id(old)] = (new, mask)
        results = [computed[id(x)] for x in self.outputs]
        outputs, out_masks = [y for y, _ in results], [m for _, m in results]
        return _Call(list(inputs), list(masks), list(self.outputs), outputs, out_masks, updates, losses)

    # ------------------------------------------------------------ config, summary, files

    def get_config(self) -> dict:
        if not self._is_graph_network or getattr(self, "_subclassed", False):
            raise NotImplementedError(
                f"Model {self.name} is a subclass of Model: its Python code is its only description."
            )
        return graph_config(self)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model a config describes.

        Args:
            custom_objects: dict name -> class or function.
        """
        inputs, outputs, name = graph_from_config(config, custom_objects)
        model = cls(inputs=inputs, outputs=outputs, name=name)
        model.trainable = config.get("trainable", True)
        return model

    def _updated_config(self) -> dict:
        """Config with the class's name and the version, as `to_json` writes it."""
        return {
            "class_name": type(self).__name__,
            "config": self.get_config(),
            "keras_version": KERAS_VERSION,
            "backend": K.backend(),
        }

    def to_json(self, **kwargs) -> str:
        """The architecture as JSON; `kwargs` go to `json.dumps`."""
        return json.dumps(self._updated_config(), default=_plain, **kwargs)

    def to_yaml(self, **kwargs) -> str:
        """The architecture as YAML; `kwargs` go to `yaml.safe_dump`."""
        import yaml

        return yaml.safe_dump(json.loads(self.to_json()), **kwargs)

    def _before_summary(self) -> None:
        """What a subclass has to say first."""

    def summary(self, line_length=None, positions=None, print_fn=None) -> None:
        """Prints a table of the layers.

        Args:
            line_length: int.
            positions: relative or absolute ends of the columns.
            print_fn: called with each line instead of `print`.
        """
        self._require_built("summary")
        self._before_summary()
        return print_summary(self, line_length=line_length, positions=positions, print_fn=print_fn)


def _tensors(x, what) -> list:
    tensors = list(x.values()) if isinstance(x, dict) else list(x) if isinstance(x, (list, tuple)) else [x]
    for t in tensors:
        if not isinstance(t, KerasTensor):
            raise TypeError(f"{what} of a model must be symbolic tensors; got {type(t).__name__}: {t!r:.200}")
    if not tensors:
        raise ValueError(f"a model needs at least one tensor among its {what}; got {x!r}.")
    return tensors


def _same(a, b) -> bool:
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def _replaced(value, computed):
    """Tensors among a call's arguments, replaced by what the new inputs made of them."""
    if isinstance(value, KerasTensor):
        return computed[id(value)][0] if id(value) in computed else value
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(v, computed) for v in value)
    return value


def _plain(value):
    """JSON's image of NumPy numbers and arrays.

    Raises:
        TypeError: for anything else, naming it.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"type": "ndarray", "value": value.tolist()}
    if callable(value):
        return value.__name__
    raise TypeError(
        f"the config holds {value!r:.100} of type {type(value).__name__}, which JSON cannot hold; see the layer's "
        f"get_config."
    )

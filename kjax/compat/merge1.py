"""Keras 1's `Merge` layer and `merge` function, in all modes; `keras.layers.merge` is module and function at once."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from kjax import backend as K
from kjax.engine.base_layer import Layer, unique
from kjax.engine.network import Network
from kjax.engine.registry import deserialize_layer, serialize_layer
from kjax.graph import KerasTensor
from kjax.layers import Add, Average, Concatenate, Maximum, Multiply
from kjax.utils.generic_utils import func_dump, func_load, get_custom_objects
from kjax.utils.layer_utils import get_source_inputs

MODES = ("sum", "mul", "concat", "ave", "cos", "dot", "max")


class Merge(Layer):
    """One tensor from several.

        sum, mul, ave, max: elementwise;  concat: along `concat_axis`;  dot: products summed over `dot_axes`;
        cos: dot / sqrt(dot(a, a) dot(b, b)), with a new axis of size 1 behind the batch

    Args:
        layers: list of layers or models whose outputs are merged; None: call the layer on a list of tensors.
        mode: one of the seven names, or a function of the list of tensors.
        concat_axis: int, for mode concat.
        dot_axes: int or pair of ints, for modes dot and cos; an int i means (i, i).
        output_shape: for a function as mode: the shape without the batch axis, or a function of the list of input
            shapes; None: found by calling the function.
        output_mask: for a function as mode: a mask, or a function of the list of masks.
        arguments: dict of further arguments of the function.
        node_indices, tensor_indices: which call and which output of each of `layers`; default the first.
        name: str.
    """

    def __init__(
        self,
        layers=None,
        mode="sum",
        concat_axis=-1,
        dot_axes=-1,
        output_shape=None,
        output_mask=None,
        arguments=None,
        node_indices=None,
        tensor_indices=None,
        name=None,
        **kwargs,
    ):
        super().__init__(**({"name": name} if name else {}), **kwargs)
        if mode not in MODES and not callable(mode):
            raise ValueError(f"Layer {self.name}: mode must be one of {', '.join(MODES)} or a function; got {mode!r}.")
        self.mode = mode
        self.concat_axis = concat_axis
        self.dot_axes = dot_axes if isinstance(dot_axes, int) else tuple(dot_axes)
        self._output_shape = output_shape
        self._output_mask = output_mask
        self.arguments = arguments or {}
        self.supports_masking = True
        self.layers = list(layers or [])
        # in a Sequential this layer stands for its branches: their weights, losses and updates are its own
        self._tracked_layers += self.layers
        if layers:
            self(_outputs(self.name, layers, node_indices, tensor_indices))

    @property
    def weights(self) -> list:
        """Those of the branches, layer by layer."""
        inner = [layer.layers if isinstance(layer, Network) else [layer] for layer in self.layers]
        return unique(w for layers in inner for layer in layers for w in layer.weights)

    def call(self, inputs, mask=None):
        inputs = self._checked(inputs)
        if callable(self.mode):
            return self.mode(inputs, **self.arguments)
        if self.mode in ("dot", "cos"):
            return self._product(*inputs)
        return self._merging().call(inputs)

    def _checked(self, inputs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            count = len(inputs) if isinstance(inputs, (list, tuple)) else 1
            raise ValueError(f"Layer {self.name}: mode {self.mode!r} merges at least 2 tensors; got {count}.")
        if self.mode in ("dot", "cos") and len(inputs) != 2:
            raise ValueError(f"Layer {self.name}: mode {self.mode!r} merges exactly 2 tensors; got {len(inputs)}.")
        return list(inputs)

    def _product(self, a, b):
        axes = self.dot_axes
        axes = (axes % K.ndim(a), axes % K.ndim(b)) if isinstance(axes, int) else axes
        product = K.batch_dot(a, b, axes)
        if self.mode == "dot":
            return product
        norm = K.sqrt(K.batch_dot(a, a, (axes[0], axes[0])) * K.batch_dot(b, b, (axes[1], axes[1])))
        return K.expand_dims(product / K.maximum(norm, K.epsilon()), 1)

    def _merging(self):
        """The Keras 2 layer of this mode."""
        if self.mode == "concat":
            return Concatenate(axis=self.concat_axis, name=self.name)
        return {"sum": Add, "mul": Multiply, "ave": Average, "max": Maximum}[self.mode](name=self.name)

    def build(self, input_shape):
        shapes = [tuple(s) for s in input_shape] if isinstance(input_shape, list) else []
        if self.mode in ("sum", "mul", "ave", "max") and len(set(shapes)) > 1:
            raise ValueError(f"Layer {self.name}: mode {self.mode!r} needs inputs of one shape; got {shapes}.")
        self.built = True

    def compute_output_shape(self, input_shape):
        if not callable(self.mode):
            if self.mode in ("dot", "cos"):
                a, b = (KerasTensor(tuple(s), K.floatx()) for s in input_shape)
                return tuple(self._product(a, b).shape)
            return self._merging().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return tuple(self._output_shape(input_shape))
        if self._output_shape is not None:
            return (input_shape[0][0], *self._output_shape)
        tensors = [KerasTensor(tuple(s), K.floatx()) for s in input_shape]
        return tuple(self.mode(tensors, **self.arguments).shape)

    def compute_mask(self, inputs, mask=None):
        if mask is None or all(m is None for m in mask):
            return None
        if callable(self.mode):
            return self._output_mask(mask) if callable(self._output_mask) else self._output_mask
        if self.mode in ("dot", "cos"):
            return None
        if self.mode == "concat":
            return self._merging().compute_mask(inputs, mask)
        combined, *others = [m for m in mask if m is not None]
        for m in others:
            combined = K.all(K.stack([combined, m]), axis=0)
        return combined

    def get_config(self):
        config = {
            **super().get_config(),
            "concat_axis": self.concat_axis,
            "dot_axes": self.dot_axes,
            "arguments": self.arguments,
        }
        for key, value in (
            ("mode", self.mode),
            ("output_shape", self._output_shape),
            ("output_mask", self._output_mask),
        ):
            config[key], config[key + "_type"] = _described(value)
        if self.layers:
            config["layers"] = [serialize_layer(layer) for layer in self.layers]
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("mode", "output_shape", "output_mask"):
            kind = config.pop(key + "_type", "raw")
            config[key] = _restored(config.get(key), kind, key, config.get("name"), custom_objects)
        if config.get("layers"):
            config["layers"] = [deserialize_layer(c, custom_objects) for c in config["layers"]]
        return cls(**config)


def merge(
    inputs, mode="sum", concat_axis=-1, dot_axes=-1, output_shape=None, output_mask=None, arguments=None, name=None
):
    """The tensor that a `Merge` layer makes of a list of tensors.

    Args:
        inputs: list of at least two tensors.
        mode, concat_axis, dot_axes, output_shape, output_mask, arguments, name: as `Merge` takes them.
    """
    if not isinstance(inputs, (list, tuple)) or not all(isinstance(x, KerasTensor) for x in inputs):
        raise TypeError(f"merge: inputs must be a list of symbolic tensors; got {inputs!r:.200}")
    layer = Merge(
        mode=mode,
        concat_axis=concat_axis,
        dot_axes=dot_axes,
        output_shape=output_shape,
        output_mask=output_mask,
        arguments=arguments,
        name=name,
    )
    return layer(list(inputs))


class MergeModule(ModuleType):
    """The class of the module `keras.layers.merge`: calling the module is calling `merge`."""

    def __call__(
        self,
        inputs,
        mode="sum",
        concat_axis=-1,
        dot_axes=-1,
        output_shape=None,
        output_mask=None,
        arguments=None,
        name=None,
    ):
        return merge(inputs, mode, concat_axis, dot_axes, output_shape, output_mask, arguments, name)


def _outputs(name, layers, node_indices, tensor_indices):
    """The tensors that the layers and models give."""
    tensors = []
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise TypeError(f"Layer {name}: layers must hold layers or models; got {layer!r:.200} at {i}.")
        if isinstance(layer, Network) and not layer.outputs:
            raise ValueError(
                f"Layer {name}: the model {layer.name} at {i} has no output yet; give its first layer an input_shape."
            )
        node = node_indices[i] if node_indices else 0
        tensor = tensor_indices[i] if tensor_indices else 0
        if isinstance(layer, Network) and node == 0:
            tensors.append(layer.outputs[tensor])
        elif len(layer._inbound_nodes) <= node:
            raise ValueError(
                f"Layer {name}: the layer {layer.name} at {i} was called {len(layer._inbound_nodes)} times: it has no "
                f"call {node}; give it an input or an input_shape."
            )
        else:
            tensors.append(layer._inbound_nodes[node].output_tensors[tensor])
    return tensors


def _described(value):
    """(what a config says of a value, the kind of it)."""
    if not callable(value):
        return value, "raw"
    if value.__name__ == "<lambda>":
        return func_dump(value), "lambda"
    return value.__name__, "function"


def _restored(value, kind, key, name, custom_objects):
    if kind == "lambda":
        return func_load(value)
    if kind != "function":
        return tuple(value) if key == "output_shape" and isinstance(value, list) else value
    known = {**get_custom_objects(), **(custom_objects or {})}
    if value not in known:
        raise ValueError(
            f"Layer {name}: {key} is the function {value!r}, which is not known here; "
            f"give it by custom_objects={{{value!r}: function}}."
        )
    return known[value]


def accept_merge_first(sequential: Any) -> None:
    """Let a Sequential begin with a Merge of models: its inputs are theirs."""
    if "_merge_first" in vars(sequential):
        return
    sequential._merge_first = True
    add, connect = sequential.add, sequential._init_graph_network

    @functools.wraps(add)
    def add_or_begin(self, layer):
        if self._layers or not (isinstance(layer, Merge) and layer.layers):
            return add(self, layer)
        self.built = False
        self._layers.append(layer)
        self._outputs_so_far = layer._inbound_nodes[-1].output_tensors[0]
        self._finish()

    @functools.wraps(connect)
    def connect_sources(self, inputs, outputs, name=None):
        first = getattr(inputs[0], "_keras_history", (None,))[0] if isinstance(inputs, list) else None
        if isinstance(first, Merge) and first.layers:
            inputs = get_source_inputs(inputs[0])
        return connect(self, inputs, outputs, name=name)

    sequential.add, sequential._init_graph_network = add_or_begin, connect_sources

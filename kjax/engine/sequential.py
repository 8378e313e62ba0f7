"""Sequential: a stack of layers."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable

from kjax.engine.base_layer import Layer
from kjax.engine.input_layer import Input, InputLayer
from kjax.engine.network import Network
from kjax.engine.registry import deserialize_layer
from kjax.engine.training import Model

__all__ = ["Sequential"]


class Sequential(Model):
    """A stack of layers, each fed with the output of the one before.

    Args:
        layers: list to add.
        name: str.

    It is built when its first layer knows its input shape, or by the first data.
    """

    def __init__(self, layers=None, name=None):
        self._init_subclassed(name)
        self._build_input_shape = None
        if layers is not None and not isinstance(layers, Iterable):
            raise TypeError(f"Sequential takes a list of layers; got {layers!r:.200}.")
        for layer in layers or []:
            self.add(layer)

    @property
    def layers(self) -> list:
        """Without the InputLayer."""
        if self._layers and isinstance(self._layers[0], InputLayer):
            return self._layers[1:]
        return list(self._layers)

    @property
    def model(self):
        """Keras 1's name for the model inside; it is the model itself."""
        return self

    def add(self, layer) -> None:
        """Puts a layer on top.

        Raises:
            TypeError: when it is no layer.
            ValueError: when it gives several outputs.
        """
        if not isinstance(layer, Layer):
            raise TypeError(f"The added layer must be an instance of class Layer. Found: {layer!r:.200}")
        self.built = False
        if not self._layers:
            source = layer.inputs[0] if isinstance(layer, Network) and layer._is_graph_network else None
            shape = tuple(source.shape) if source is not None else getattr(layer, "batch_input_shape", None)
            if isinstance(layer, InputLayer):
                self._layers.append(layer)
                self._outputs_so_far = layer._inbound_nodes[-1].output_tensors[0]
                self._finish()
                return
            if shape is not None:
                dtype = source.dtype if source is not None else layer.dtype
                x = Input(batch_shape=shape, dtype=dtype, name=f"{layer.name}_input")
                self._layers.append(x._keras_history[0])
                self._push(layer, x)
                return
            self._layers.append(layer)
            return
        if self.outputs:
            self._push(layer, self.outputs[0])
        else:
            self._layers.append(layer)

    def _push(self, layer, x):
        """Calls the layer on x and makes the result the output; leaves the model as it was on failure."""
        y = None
        try:
            y = layer(x)
        finally:
            if y is None and not self.outputs:  # the layer refused its input: take the placeholder out again
                self._layers.pop()
        if isinstance(y, list):
            raise ValueError(
                f"All layers in a Sequential model should have a single output tensor; {layer.name} gives {len(y)}. "
                "For multi-output layers, use the functional API."
            )
        grows = self._grows(layer, x, y)
        self._layers.append(layer)
        self._outputs_so_far = y
        if grows:
            self._finish_one_more(layer, y)
        else:
            self._finish()

    def _grows(self, layer, x, y) -> bool:
        """Whether the graph so far only becomes longer by the call of a new layer on its output."""
        if not self._is_graph_network or not self.outputs or len(self._layers) != len(self._nodes):
            return False
        known, names = self._on_stack
        node = layer._inbound_nodes[-1]
        return (
            self._nodes[-1].output_tensors[0] is x
            and self._nodes[-1].outbound_layer is self._layers[-1]
            and id(layer) not in known
            and layer.name not in names
            and len(node.input_tensors) == 1
            and node.input_tensors[0] is x
            and node.output_tensors[0] is y
        )

    def _finish_one_more(self, layer, y):
        """What `_finish` does, without a look at the layers below."""
        known, names = self._on_stack
        known.add(id(layer))
        names.add(layer.name)
        self._nodes.append(layer._inbound_nodes[-1])
        self.outputs = [y]
        calls = [n for n in self._inbound_nodes if n.inbound_layers]
        self._inbound_nodes = []
        self._take_outputs()
        self._inbound_nodes += calls
        self._forget_programs()

    def _finish(self):
        """Makes the graph of the layers so far."""
        stack, x = self._layers, self._layers[0]._inbound_nodes[-1].output_tensors[0]
        nodes, optimizer = self._inbound_nodes, self.optimizer
        first_nodes = [n for n in nodes if n.inbound_layers]
        self._inbound_nodes = []
        self._layers = []
        name, trainable = self.name, self.trainable
        losses, updates = (self._losses, self._per_input_losses), (self._updates, self._per_input_updates)
        self._init_graph_network([x], [self._outputs_so_far], name=name)
        self._losses, self._per_input_losses = losses
        self._updates, self._per_input_updates = updates
        self._inbound_nodes += first_nodes
        self._on_stack = {id(n.outbound_layer) for n in self._nodes}, {n.outbound_layer.name for n in self._nodes}
        self._layers, self.trainable, self.optimizer = stack, trainable, optimizer
        self._forget_programs()

    def pop(self) -> None:
        """Takes the last layer off.

        Raises:
            TypeError: when there is none.
        """
        if not self.layers:
            raise TypeError("There are no layers in the model.")
        self._layers.pop()
        if not self.layers:
            self._layers = []
            self.built = False
            self.outputs = self.inputs = None
        elif self.outputs:
            last = self._layers[-1]
            last._outbound_nodes = []
            self._outputs_so_far = last._inbound_nodes[-1].output_tensors[0]
            self._finish()

    def build(self, input_shape=None) -> None:
        """Builds the layers for inputs of this shape (batch axis included)."""
        if self._is_graph_network:
            self._finish()
            return
        if input_shape is None:
            raise ValueError(
                f"Model {self.name}: input_shape must be given to build a Sequential whose first layer has none."
            )
        if not self._layers:
            raise TypeError(f"Sequential model {self.name} is empty: add layers before building it.")
        self._build_input_shape = tuple(input_shape)
        layers, self._layers = self._layers, []
        dtype = getattr(layers[0], "dtype", None)
        x = Input(batch_shape=self._build_input_shape, dtype=dtype, name=layers[0].name + "_input")
        self._layers.append(x._keras_history[0])
        for layer in layers:
            self._push(layer, x if len(self._layers) == 1 else self.outputs[0])

    def call(self, inputs, mask=None, training=None):
        if not self._is_graph_network:
            self.build(tuple(inputs.shape))
        return super().call(inputs, mask, training)

    def predict_proba(self, x, batch_size=32, verbose=0):
        """As `predict`, with a warning when the numbers are no probabilities."""
        predictions = self.predict(x, batch_size, verbose)
        self._warn_if_not_probabilities(predictions)
        return predictions

    def predict_classes(self, x, batch_size=32, verbose=0):
        """The index of the largest output, or 0/1 for a single sigmoid unit; shape (samples,) or (samples, 1)."""
        probabilities = self.predict(x, batch_size=batch_size, verbose=verbose)
        if probabilities.shape[-1] > 1:
            return probabilities.argmax(axis=-1)
        return (probabilities > 0.5).astype("int32")

    @staticmethod
    def _warn_if_not_probabilities(predictions):
        if predictions.min() < 0.0 or predictions.max() > 1.0:
            warnings.warn(
                "Network returning invalid probability values. The last layer might not normalize predictions into "
                "probabilities (like softmax or sigmoid would).",
                stacklevel=3,
            )

    def get_config(self) -> dict:
        layers = [{"class_name": type(layer).__name__, "config": layer.get_config()} for layer in self.layers]
        config: dict = {"name": self.name, "layers": copy.deepcopy(layers)}
        if not self.trainable:
            config["trainable"] = False
        if self._build_input_shape:
            config["build_input_shape"] = self._build_input_shape
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model a config (a dict, or the list of Keras before 2.2.3) describes."""
        if isinstance(config, list):
            config = {"layers": config}
        model = cls(name=config.get("name"))
        for data in config["layers"]:
            model.add(deserialize_layer(data, custom_objects))
        shape = config.get("build_input_shape")
        if not model.inputs and shape:
            model.build(tuple(shape))
        model.trainable = config.get("trainable", True)
        return model

"""From output tensors back to the inputs: the layers and calls a model is made of, in Keras's order."""

from __future__ import annotations

import collections
from typing import NamedTuple

from kjax.engine.base_layer import Layer
from kjax.graph import KerasTensor
from kjax.graph.substitute import substitute

__all__ = ["Expression", "TopologyMap", "ensure_history", "map_graph"]


class Expression(Layer):
    """What `keras.backend` functions computed between layers, outside of any layer.

    It makes such tensors part of a model. It has no config: a model to be saved wraps the functions in a Lambda.
    """

    def __init__(self, inputs, output, **kwargs):
        super().__init__(**kwargs)
        self._sources = inputs
        self._result = output
        self.built = True
        self.supports_masking = True

    def call(self, inputs, **kwargs):
        inputs = inputs if isinstance(inputs, list) else [inputs]
        return substitute([self._result], dict(zip(self._sources, inputs, strict=True)))[0]

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        raise NotImplementedError(
            f"the tensor {self._result.name!r} was computed by keras.backend functions outside of any layer, "
            f"which has no config; to save this model, put the computation in a Lambda layer."
        )


def ensure_history(tensors) -> None:
    """Gives tensors that no layer produced a layer of their own."""
    for t in tensors:
        if not isinstance(t, KerasTensor) or hasattr(t, "_keras_history"):
            continue
        if t.op is None:
            raise ValueError(
                f"the tensor {t.name!r} is a placeholder that no Input layer made; models take tensors from "
                f"keras.layers.Input."
            )
        sources = _sources(t)
        layer = Expression(sources, t)
        layer._connect(sources, [t], None)


def _link(node) -> None:
    """Completes a call whose inputs were computed outside of any layer."""
    ensure_history(node.input_tensors)
    for i, (x, known) in enumerate(zip(node.input_tensors, node.inbound_layers, strict=True)):
        if known is None:
            node.inbound_layers[i], node.node_indices[i], node.tensor_indices[i] = x._keras_history
            x._keras_history[0]._outbound_nodes.append(node)


def _sources(tensor) -> list:
    """The nearest tensors that layers produced."""
    found, seen, stack = [], set(), [tensor]
    while stack:
        t = stack.pop()
        if id(t) in seen or not isinstance(t, KerasTensor):
            continue
        seen.add(id(t))
        if hasattr(t, "_keras_history"):
            found.append(t)
        elif t.op is None:
            raise ValueError(
                f"the tensor {t.name!r} is a placeholder that no Input layer made; use keras.layers.Input."
            )
        else:
            stack.extend(reversed(t.op.leaves))
    return found


class TopologyMap(NamedTuple):
    """The parts of a model.

    Attributes:
        nodes: calls in the order of execution.
        layers: in Keras's order (by depth, then by discovery).
        node_depths, layer_depths: how many calls lie between each and the outputs, at most.
    """

    nodes: list
    layers: list
    node_depths: list
    layer_depths: list


def map_graph(inputs, outputs) -> TopologyMap:
    """Finds the calls between `inputs` and `outputs`.

    Raises:
        ValueError: when an output needs an input that is not given, or two layers have one name.
    """
    ensure_history(outputs)
    given = {id(t) for t in inputs}
    order: list = []
    state: dict = {}
    layer_index: dict = {}
    for output in outputs:
        stack = [(output, False)]
        while stack:
            t, leaving = stack.pop()
            layer, index, _ = t._keras_history
            node = layer._inbound_nodes[index]
            if leaving:
                if id(node) not in state or state[id(node)] != "done":
                    state[id(node)] = "done"
                    order.append(node)
                continue
            if id(node) in state:
                if state[id(node)] == "open":
                    raise ValueError(f"The tensor {t!r} at layer {layer.name!r} is part of a cycle.")
                continue
            layer_index.setdefault(id(layer), len(layer_index))
            state[id(node)] = "open"
            stack.append((t, True))
            if id(t) in given or not node.inbound_layers:
                continue
            _link(node)
            for x in reversed(node.input_tensors):
                if id(x._keras_history[0]._inbound_nodes[x._keras_history[1]]) not in state:
                    stack.append((x, False))
    _refuse_missing(inputs, order, given)
    nodes_depth = {id(n): 0 for n in order}
    layers_depth: dict[int, int] = {}
    layers = {}
    for node in reversed(order):
        layer = node.outbound_layer
        layers[id(layer)] = layer
        depth = max(nodes_depth[id(node)], layers_depth.get(id(layer), 0))
        layers_depth[id(layer)] = nodes_depth[id(node)] = depth
        if any(id(t) in given for t in node.output_tensors):
            continue
        for x in node.input_tensors:
            source, index, _ = x._keras_history
            before = source._inbound_nodes[index]
            if before is not node and id(before) in nodes_depth:
                nodes_depth[id(before)] = max(nodes_depth[id(before)], depth + 1)
    for t in inputs:
        layer, index, _ = t._keras_history
        node = layer._inbound_nodes[index]
        if id(node) not in nodes_depth:
            nodes_depth[id(node)] = 0
            order.append(node)
    ordered = sorted(layers.values(), key=lambda layer: (-layers_depth[id(layer)], layer_index[id(layer)]))
    for name, count in collections.Counter(layer.name for layer in ordered).items():
        if count != 1:
            raise ValueError(f"The name {name!r} is used {count} times in the model. All layer names should be unique.")
    positions = {id(n): i for i, n in enumerate(order)}
    nodes = sorted(order, key=lambda n: (-nodes_depth[id(n)], positions[id(n)]))
    depths = [nodes_depth[id(n)] for n in nodes], [layers_depth[id(layer)] for layer in ordered]
    return TopologyMap(nodes, ordered, *depths)


def _refuse_missing(inputs, order, given) -> None:
    for node in order:
        if not node.inbound_layers and not any(id(t) in given for t in node.output_tensors):
            raise ValueError(
                f"Graph disconnected: cannot obtain value for tensor {node.output_tensors[0]!r} at layer "
                f"{node.outbound_layer.name!r}. The inputs given are {[t.name for t in inputs]}."
            )

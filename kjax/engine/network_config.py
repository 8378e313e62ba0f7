"""Configs of functional models: from the graph to plain data and back."""

from __future__ import annotations

import copy
import json
import warnings

from kjax.engine.base_layer import to_list
from kjax.engine.registry import deserialize_layer
from kjax.graph import KerasTensor

__all__ = ["KERAS_VERSION", "graph_config", "graph_from_config"]

# The version whose configs these are: what `to_json` and files say, so that genuine readers take them.
KERAS_VERSION = "2.2.4"


def graph_config(model) -> dict:
    """Name, layers with their calls, and the coordinates of inputs and outputs."""
    kept: dict[tuple, int] = {}  # (layer, index among all its calls) -> index among its calls in this model
    mine = {id(n) for n in model._nodes}
    # inputs that no output uses are no layers of the model, but the config needs them
    described = list({id(layer): layer for layer in [*model.layers, *model._input_layers]}.values())
    for layer in described:
        calls = [i for i, n in enumerate(layer._inbound_nodes) if id(n) in mine]
        first = 1 if getattr(layer, "_is_graph_network", False) else 0  # a model's first node is its own, inside
        kept.update({(id(layer), i): first + k for k, i in enumerate(calls)})
    layers = []
    for layer in described:
        inbound = [
            _call_config(layer, node, kept)
            for i, node in enumerate(layer._inbound_nodes)
            if (id(layer), i) in kept and node.inbound_layers
        ]
        layers.append(
            {
                "name": layer.name,
                "class_name": type(layer).__name__,
                "config": layer.get_config(),
                "inbound_nodes": inbound,
            }
        )

    def coordinates(items):
        return [[layer.name, kept[id(layer), node], tensor] for layer, node, tensor in items]

    return copy.deepcopy(
        {
            "name": model.name,
            **({} if model.trainable else {"trainable": False}),  # genuine Keras 2 forgets it
            "layers": layers,
            "input_layers": coordinates(model._input_coordinates),
            "output_layers": coordinates(model._output_coordinates),
        }
    )


def _call_config(layer, node, kept) -> list:
    arguments = {k: v for k, v in node.arguments.items() if not _holds_tensor(v)}
    if arguments:
        try:
            json.dumps(arguments)
        except TypeError:
            warnings.warn(
                f"Layer {layer.name} was passed non-serializable keyword arguments: {arguments}. They will not be "
                "included in the serialized model (and thus will be missing at deserialization time).",
                stacklevel=2,
            )
            arguments = {}
    return [
        [source.name, kept.get((id(source), index), 0), tensor, arguments]
        for source, index, tensor in zip(node.inbound_layers, node.node_indices, node.tensor_indices, strict=True)
    ]


def _holds_tensor(value) -> bool:
    return any(isinstance(v, KerasTensor) for v in to_list(value))


def graph_from_config(config, custom_objects=None):
    """Builds the graph a config describes.

    Returns:
        (inputs, outputs, name) for the constructor of a model.

    Raises:
        ValueError: when the calls refer to layers or outputs that do not exist, or to one another in a circle.
    """
    layers = {}
    waiting = []  # (layer, config of one call)
    for data in config["layers"]:
        layer = deserialize_layer({"class_name": data["class_name"], "config": data["config"]}, custom_objects)
        if data["name"] in layers:
            raise ValueError(f"the config names two layers {data['name']!r}.")
        layers[data["name"]] = layer
        waiting += [(layer, call) for call in data.get("inbound_nodes", [])]
    while waiting:
        later = []
        blocked: set[int] = set()
        for layer, call in waiting:
            ready = id(layer) not in blocked and all(_available(layers, c) for c in call)
            if not ready:
                blocked.add(id(layer))  # calls of one layer keep their order
                later.append((layer, call))
                continue
            inputs = [_output_of(layers, c) for c in call]
            kwargs = call[0][3] if call and len(call[0]) > 3 else {}
            layer(inputs[0] if len(inputs) == 1 else inputs, **kwargs)
        if len(later) == len(waiting):
            names = sorted({layer.name for layer, _ in later})
            raise ValueError(
                f"the config cannot be built: the inputs of layers {names} refer to missing layers or to one another."
            )
        waiting = later
    inputs = [_output_of(layers, c) for c in config["input_layers"]]
    outputs = [_output_of(layers, c) for c in config["output_layers"]]
    return inputs, outputs, config.get("name")


def _node_of(layers, coordinate):
    name, index = coordinate[0], coordinate[1]
    if name not in layers:
        raise ValueError(f"the config refers to a layer {name!r} that it does not contain.")
    nodes = layers[name]._inbound_nodes
    return nodes[index] if 0 <= index < len(nodes) else None


def _available(layers, coordinate) -> bool:
    return _node_of(layers, coordinate) is not None


def _output_of(layers, coordinate):
    node = _node_of(layers, coordinate)
    if node is None or not 0 <= coordinate[2] < len(node.output_tensors):
        raise ValueError(
            f"the config refers to output {coordinate[2]} of call {coordinate[1]} of {coordinate[0]!r}, which "
            f"does not exist."
        )
    return node.output_tensors[coordinate[2]]

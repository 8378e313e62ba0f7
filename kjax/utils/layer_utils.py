"""Tables of layers, parameter counts, conversions of whole models."""

from __future__ import annotations

import numpy as np

from kjax.utils.conv_utils import convert_kernel

__all__ = [
    "convert_all_kernels_in_model",
    "convert_dense_weights_data_format",
    "count_params",
    "get_source_inputs",
    "print_summary",
]


def count_params(weights) -> int:
    """How many numbers the weights hold; each weight counts once."""
    return int(sum(np.prod(tuple(w.shape), dtype=np.int64) for w in {id(w): w for w in weights}.values()))


def print_summary(model, line_length=None, positions=None, print_fn=None) -> None:
    """Prints a table of a model's layers, output shapes and parameter counts.

    Args:
        model: a built model.
        line_length: total length of the lines; default 65, or 98 with connections.
        positions: relative (all <= 1) or absolute ends of the columns.
        print_fn: called with every line; default `print`.
    """
    print_fn = print_fn or print
    sequential = type(model).__name__ == "Sequential" or _is_chain(model)
    if sequential:
        line_length, positions = line_length or 65, positions or [0.45, 0.85, 1.0]
        header = ["Layer (type)", "Output Shape", "Param #"]
    else:
        line_length, positions = line_length or 98, positions or [0.33, 0.55, 0.67, 1.0]
        header = ["Layer (type)", "Output Shape", "Param #", "Connected to"]
    if positions[-1] <= 1:
        positions = [int(line_length * p) for p in positions]

    def row(fields):
        line = ""
        for field, end in zip(fields, positions, strict=False):
            line = line[:-1] + " " * bool(line) + str(field)
            line = line[:end].ljust(end)
        print_fn(line)

    print_fn("_" * line_length)
    row(header)
    print_fn("=" * line_length)
    layers = model.layers
    mine = {id(n) for n in model._nodes}
    for i, layer in enumerate(layers):
        fields = [f"{layer.name} ({type(layer).__name__})", _output_shape(layer), layer.count_params()]
        sources = [] if sequential else _connections(layer, mine)
        row(fields if sequential else [*fields, sources[0] if sources else ""])
        for source in sources[1:]:
            row(["", "", "", source])
        print_fn(("=" if i == len(layers) - 1 else "_") * line_length)
    trainable = count_params(getattr(model, "_collected_trainable_weights", None) or model.trainable_weights)
    total = count_params(model.weights)
    print_fn(f"Total params: {total:,}")
    print_fn(f"Trainable params: {trainable:,}")
    print_fn(f"Non-trainable params: {total - trainable:,}")
    print_fn("_" * line_length)


def _is_chain(model) -> bool:
    """Whether every layer has one call with one input."""
    mine = {id(n) for n in model._nodes}
    by_depth = [n for n in model._nodes if n.inbound_layers]
    if len(model.inputs) != 1 or any(len(n.input_tensors) != 1 for n in by_depth):
        return False
    sources = [id(n.input_tensors[0]) for n in by_depth]
    return len(set(sources)) == len(sources) and all(
        sum(id(n) in mine for n in y._inbound_nodes) == 1 for y in model.layers
    )


def _output_shape(layer) -> str:
    try:
        return str(layer.output_shape)
    except AttributeError:
        return "multiple"


def _connections(layer, mine) -> list:
    return [
        f"{source.name}[{index}][{tensor}]"
        for node in layer._inbound_nodes
        if id(node) in mine
        for source, index, tensor in zip(node.inbound_layers, node.node_indices, node.tensor_indices, strict=True)
    ]


def get_source_inputs(tensor, layer=None, node_index=None) -> list:
    """The Input tensors that `tensor` was computed from, each once."""
    if not hasattr(tensor, "_keras_history"):
        return [tensor]
    if layer is None or node_index:
        layer, node_index, _ = tensor._keras_history
    if not layer._inbound_nodes:
        return [tensor]
    node = layer._inbound_nodes[node_index or 0]
    if not node.inbound_layers:
        return node.input_tensors
    found = {}
    for x, source, index in zip(node.input_tensors, node.inbound_layers, node.node_indices, strict=True):
        for t in get_source_inputs(x, source, index):
            found[id(t)] = t
    return list(found.values())


def convert_all_kernels_in_model(model) -> None:
    """Flips the convolution kernels of a model between Theano's and TensorFlow's convention, in place."""
    names = {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose", "ConvLSTM2D"}
    for layer in model.layers:
        if type(layer).__name__ in names:
            layer.kernel.assign(convert_kernel(np.asarray(layer.kernel.value)))


def convert_dense_weights_data_format(dense, previous_feature_map_shape, target_data_format="channels_first") -> None:
    """Reorders the rows of a Dense kernel that follows a Flatten, for features in the other data format.

    Args:
        dense: the Dense layer.
        previous_feature_map_shape: shape of the feature map before Flatten, without batch, in the old format.
        target_data_format: the new format.
    """
    if target_data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"target_data_format must be 'channels_last' or 'channels_first'; got {target_data_format!r}.")
    kernel, bias = dense.get_weights()
    shape = tuple(previous_feature_map_shape)
    if target_data_format == "channels_first":
        order = np.arange(int(np.prod(shape))).reshape(shape).transpose(2, 0, 1)
    else:
        order = np.arange(int(np.prod(shape))).reshape(shape).transpose(1, 2, 0)
    dense.set_weights([kernel[order.ravel()], bias])

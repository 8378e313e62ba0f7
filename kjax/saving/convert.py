"""The arrays of one layer, from the way their producer kept them to today's."""

from __future__ import annotations

import numpy as np

from kjax.keras1.gates import PARTS, joined_gates
from kjax.saving.cudnn import convert_recurrent
from kjax.saving.errors import CorruptFileError

__all__ = ["Conversion", "convert_leaf"]

# classes whose kernels slide over space; Theano turned them round where TensorFlow does not
_CONVOLVED = frozenset(
    "Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose ConvLSTM2D ConvLSTM2DCell SeparableConv1D "
    "SeparableConv2D DepthwiseConv2D".split()
)
_SLIDING = frozenset(("kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel"))
_GATES = {
    "LSTM": "ifco",
    "LSTMCell": "ifco",
    "ConvLSTM2D": "ifco",
    "ConvLSTM2DCell": "ifco",
    "GRU": "zrh",
    "GRUCell": "zrh",
}
_KERAS1_NAMES = {
    "W": "kernel",
    "b": "bias",
    "U": "recurrent_kernel",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
    "alphas": "alpha",
    "betas": "beta",
}
# channels-first kernels (out, in, *space) -> (*space, in, out)
_TO_LAST = {4: (2, 3, 1, 0), 5: (2, 3, 4, 1, 0)}


class Conversion:
    """What the conversion of a file's arrays depends on.

    Args:
        producer: Producer.
        notes: Notes.
        image_dim_ordering: 'th' or 'tf': how Keras 1 kept its kernels, where the layer does not tell.
        reshape: whether arrays of equal size may be reshaped.
        same_config: whether the layers were built from the config of the file's own producer.
    """

    def __init__(self, producer, notes, image_dim_ordering=None, reshape=False, same_config=False):
        self.producer, self.notes = producer, notes
        self.image_dim_ordering, self.reshape, self.same_config = image_dim_ordering, reshape, same_config


def convert_leaf(leaf, shorts, arrays, conversion) -> list:
    """The arrays for a leaf's weights, in their order.

    Args:
        leaf: Leaf.
        shorts: the short names of the arrays in the file.
        arrays: list of arrays, one per short name.
        conversion: Conversion.

    Raises:
        ValueError: when they do not fit.
    """
    if conversion.producer.generation == "keras1":
        shorts, arrays = _from_keras1(leaf, shorts, arrays, conversion)
    shorts, arrays = convert_recurrent(leaf, shorts, arrays, conversion.notes)
    arrays = _in_order(leaf, shorts, arrays)
    if conversion.producer.backend == "theano" and _kind(leaf) in _CONVOLVED:
        arrays = [_turned(leaf, w, a, conversion) for w, a in zip(leaf.weights, arrays, strict=True)]
    return [_fitted(w, a, leaf, conversion) for w, a in zip(leaf.weights, arrays, strict=True)]


def _kind(leaf) -> str:
    """The name of the nearest class that this module knows."""
    known = {*_CONVOLVED, *_GATES, "LocallyConnected1D", "LocallyConnected2D", "Embedding"}
    return next((c.__name__ for c in type(leaf.layer).__mro__ if c.__name__ in known), type(leaf.layer).__name__)


# ---------------------------------------------------------------- Keras 1


def _from_keras1(leaf, shorts, arrays, conversion):
    """Keras 1's names and layouts -> today's."""
    kind = _kind(leaf)
    if set(shorts) <= set(leaf.shorts):
        names = list(shorts)
    else:
        names = [_KERAS1_NAMES.get(s, s) for s in shorts]
        if kind == "Embedding":
            names = ["embeddings" if n == "kernel" else n for n in names]
    arrays = [_keras1_kernel(leaf, kind, n, a, conversion) for n, a in zip(names, arrays, strict=True)]
    if kind in _GATES and any("_" in n and n[0] in "WUb" for n in shorts):
        return _gates_joined(leaf, _GATES[kind], shorts, arrays, conversion)
    if kind.startswith("LocallyConnected"):
        arrays = [_keras1_local(leaf, n, a) for n, a in zip(names, arrays, strict=True)]
    return names, arrays


def _keras1_kernel(leaf, kind, name, array, conversion):
    """A kernel as (*space, in, out)."""
    if kind not in _CONVOLVED or array.ndim not in _TO_LAST:
        return array
    if kind == "Conv1D":
        return _keras1_conv1d(leaf, array)
    transposed = np.transpose(array, _TO_LAST[array.ndim])
    array = transposed if _is_channels_first(leaf, name, array, transposed, conversion) else array
    if kind == "Conv2DTranspose":  # (*space, in, out) -> (*space, out, in)
        array = np.swapaxes(array, -1, -2)
    return array


def _keras1_conv1d(leaf, array):
    """(length, 1, in, out), or on Theano (out, in, length, 1) -> (length, in, out)."""
    shape = tuple(leaf.weights[0].shape)
    if array.shape[1] == 1 and array[:, 0].shape == shape:
        return array[:, 0]
    return np.transpose(array, (2, 3, 1, 0))[:, 0]


def _is_channels_first(leaf, name, array, transposed, conversion) -> bool:
    """Whether a Keras 1 kernel is kept as (out, in, *space)."""
    if conversion.same_config:
        return getattr(leaf.layer, "data_format", "channels_last") == "channels_first"
    wanted = next((w for w in leaf.weights if w.short_name == name), None)
    shape = None if wanted is None else tuple(wanted.shape)
    swap = _kind(leaf) == "Conv2DTranspose"
    fits_last = shape is None or _swapped(array.shape, swap) == shape
    fits_first = shape is None or _swapped(transposed.shape, swap) == shape
    if conversion.image_dim_ordering is not None:
        return conversion.image_dim_ordering == "th"
    if fits_first != fits_last:
        return fits_first
    if np.array_equal(array, transposed):
        return False
    raise ValueError(
        f"{conversion.notes.where}: the kernel {array.shape} of layer {leaf.title} may be kept channels first or last; "
        "the file does not tell. Pass image_dim_ordering='th' or 'tf', as in the keras.json of the program that wrote "
        "it."
    )


def _swapped(shape, swap):
    return (*shape[:-2], shape[-1], shape[-2]) if swap else tuple(shape)


def _keras1_local(leaf, name, array):
    """A channels-first bias (filters, *space); Keras 2 reads its (*space, filters) as if they lay that way."""
    wanted = {w.short_name: tuple(w.shape) for w in leaf.weights}.get(name)
    channels_first = getattr(leaf.layer, "data_format", None) == "channels_first"
    if name == "bias" and channels_first and array.ndim == 3 and wanted == (*array.shape[1:], array.shape[0]):
        return np.reshape(array, wanted)
    return array


def _gates_joined(leaf, gates, shorts, arrays, conversion):
    """One array per gate -> kernel, recurrent_kernel and bias with the gates side by side in today's order."""
    stored = dict(zip(shorts, arrays, strict=True))
    missing = [f"{p}_{g}" for p in PARTS for g in gates if f"{p}_{g}" not in stored]
    if missing:
        raise CorruptFileError(
            conversion.notes.where,
            f"layer {leaf.title}: the arrays {missing} are missing; there are {sorted(stored)[:20]}.",
        )
    conversion.notes(f"layer {leaf.title}: one array per gate is joined in the order {', '.join(gates)}")
    return list(PARTS.values()), joined_gates(stored, gates)


# ---------------------------------------------------------------- all producers


def _in_order(leaf, shorts, arrays):
    """The arrays in the order of the leaf's weights: by name where the names agree, as they come otherwise."""
    if len(arrays) != len(leaf.weights):
        raise ValueError(
            f"layer {leaf.title} ({type(leaf.layer).__name__}) has {len(leaf.weights)} weights {leaf.shorts}; "
            f"the file has {len(arrays)}: {list(shorts)}."
        )
    if len(set(shorts)) == len(shorts) and set(shorts) == set(leaf.shorts):
        stored = dict(zip(shorts, arrays, strict=True))
        return [stored[s] for s in leaf.shorts]
    return list(arrays)


def _turned(leaf, weight, array, conversion):
    """A kernel of Theano, which convolves, for us who correlate: turned round along every axis of space."""
    if weight.short_name not in _SLIDING or array.ndim < 3:
        return array
    conversion.notes(f"layer {leaf.title}: {weight.short_name} of Theano is turned round")
    return array[tuple(slice(None, None, -1) for _ in range(array.ndim - 2))]


def _fitted(weight, array, leaf, conversion):
    shape = tuple(weight.shape)
    if array.shape == shape:
        return array
    if array.size == int(np.prod(shape, dtype=np.int64)) and (
        conversion.reshape or weight.short_name == "bias" and array.ndim <= 1
    ):
        return np.reshape(array, shape)
    raise ValueError(
        f"layer {leaf.title} ({type(leaf.layer).__name__}): weight {weight.short_name!r} has shape {shape}, the "
        f"file's array {array.shape}."
    )

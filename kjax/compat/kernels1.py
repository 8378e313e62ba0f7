"""Keras 1's layout of convolution kernels: what `get_weights`, `set_weights` and `weights=` of its layers hold.

    class                     'th'                                    'tf'
    Convolution1D             (length, 1, in, out)                    (length, 1, in, out)
    Convolution2D, 3D         (out, in, *space)                       (*space, in, out)
    Deconvolution2D           (out, in, *space)                       (*space, in, out)
    SeparableConvolution2D    (multiplier, in, *space),               (*space, in, multiplier),
                              (out, in * multiplier, 1, 1)            (1, 1, in * multiplier, out)

A layer has it that is made in Keras 1's words while the ordering is given in Keras 1's words: by `dim_ordering=`, by
`K.set_image_dim_ordering` or by a `keras.json` with `image_dim_ordering`. Variables, files and Flax have today's layout
always. Verified with Keras 1.2.2 on TensorFlow.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from kjax import backend as K
from kjax.backend.config import FORMAT_TO_ORDERING, keras1_dim_ordering
from kjax.keras1.call_conversion import marked

_RANKS = {"Conv1D": 1, "Conv2D": 2, "Conv3D": 3, "Conv2DTranspose": 2, "Conv3DTranspose": 3, "SeparableConv2D": 2}
_OTHERS = frozenset(("DepthwiseConv2D", "SeparableConv1D"))
_KEYWORDS2 = ("padding", "strides", "data_format", "dilation_rate", "use_bias", "filters", "kernel_size")


class KernelLayout:
    """Where the axes of today's kernel are in Keras 1's.

    Args:
        axes: for each axis of today's kernel its number in Keras 1's; one that is left out has size 1.
        shown: whether `get_weights` gives Keras 1's array; `set_weights` understands it anyway.
    """

    __slots__ = ("axes", "rank", "shown")

    def __init__(self, axes: tuple[int, ...], shown: bool = False):
        self.axes = axes
        self.rank = max(axes) + 1
        self.shown = shown

    def shape(self, shape) -> tuple:
        """Keras 1's shape of a kernel that has `shape` today."""
        sizes = dict(zip(self.axes, shape, strict=True))
        return tuple(sizes.get(a, 1) for a in range(self.rank))

    def to_keras1(self, kernel):
        """Keras 1's array or tensor of today's."""
        order = [self.axes.index(a) for a in range(self.rank) if a in self.axes]
        missing = [a for a in range(self.rank) if a not in self.axes]
        if isinstance(kernel, np.ndarray):
            return (
                np.expand_dims(np.transpose(kernel, order), tuple(missing)) if missing else np.transpose(kernel, order)
            )
        kernel = K.permute_dimensions(kernel, order)
        return functools.reduce(lambda x, axis: K.expand_dims(x, axis), missing, kernel)

    def to_today(self, kernel):
        """Today's array or tensor of Keras 1's."""
        missing = [a for a in range(self.rank) if a not in self.axes]
        if isinstance(kernel, np.ndarray):
            return np.transpose(kernel, (*self.axes, *missing)).reshape([kernel.shape[a] for a in self.axes])
        kernel = functools.reduce(lambda x, axis: K.squeeze(x, axis), reversed(missing), kernel)
        kept = [a for a in range(self.rank) if a in self.axes]
        return K.permute_dimensions(kernel, [kept.index(a) for a in self.axes])

    def axis(self, axis):
        """An axis, or a list of them, of Keras 1's kernel in today's."""
        if isinstance(axis, (list, tuple)):
            return [self.axis(a) for a in axis if a % self.rank in self.axes]
        return self.axes.index(axis % self.rank) if axis % self.rank in self.axes else axis


def kernel_layout(layer, ordering: str | None, shown: bool = False) -> KernelLayout | None:
    """The layout that Keras 1 gave the kernels of a layer; None where it is today's, or Keras 1 had no such layer."""
    kind = next((c.__name__ for c in type(layer).__mro__ if c.__name__ in _RANKS or c.__name__ in _OTHERS), None)
    if kind is None or kind in _OTHERS or ordering is None:
        return None
    rank = _RANKS[kind]
    if rank == 1:
        return KernelLayout((0, 2, 3), shown)
    transposed = kind.endswith("Transpose")
    if ordering == "th":
        return KernelLayout((*range(2, rank + 2), *((0, 1) if transposed else (1, 0))), shown)
    return KernelLayout((*range(rank), rank + 1, rank), shown) if transposed else None


def ordering_of_call(args, kwargs, converted: bool) -> str | None:
    """The ordering of Keras 1 that a call is made with; None where the call or the ordering is Keras 2's.

    Args:
        args, kwargs: of the layer, as it was called.
        converted: whether it was read as a call of Keras 1.
    """
    stated = kwargs.get("dim_ordering")
    ordering = stated if stated in FORMAT_TO_ORDERING.values() else keras1_dim_ordering()
    # `Convolution1D(64, 3)` reads alike in both
    plain = not any(k in _KEYWORDS2 or k.startswith(("kernel_", "bias_")) for k in kwargs)
    return ordering if converted or (plain and all(not isinstance(a, (tuple, list)) for a in args)) else None


def speak_keras1(layer: Any, ordering: str | None) -> None:
    """Let a layer that is not built yet have Keras 1's kernel layout, also for its constraints and initializers."""
    layout = kernel_layout(layer, ordering, shown=True)
    if layout is None:
        return
    layer._keras1_kernels = layout
    for name in [n for n in vars(layer) if n.endswith("_constraint") and n != "bias_constraint"]:
        constraint = getattr(layer, name)
        if _is_own(constraint) and hasattr(constraint, "axis"):
            moved = copy.copy(constraint)
            moved.axis = layout.axis(constraint.axis)
            setattr(layer, name, moved)
    for name in [n for n in vars(layer) if n.endswith("_initializer") and n != "bias_initializer"]:
        initializer = getattr(getattr(layer, name), "of_keras1", getattr(layer, name))
        if inspect.isfunction(initializer) and "name" in inspect.signature(initializer).parameters:
            setattr(layer, name, _of_keras1_shape(initializer, layout, ordering))


def _is_own(thing) -> bool:
    return type(thing).__module__.startswith("kjax.")


def _of_keras1_shape(function: Callable, layout: KernelLayout, ordering) -> Callable:
    """A user's initializer of Keras 1's shape, as one of today's."""
    takes = inspect.signature(function).parameters
    given = {"name": None, **({"dim_ordering": ordering} if "dim_ordering" in takes else {})}

    @functools.wraps(function)
    def initializer(shape):
        return layout.to_today(np.asarray(K.eval(function(layout.shape(shape), **given))))

    del initializer.__wrapped__  # its arguments are not those of the function
    return initializer


def accept_keras1_flatten(flatten: Any) -> None:
    """Let `Flatten()` behind layers with Keras 1's kernels keep the order, as it did; Keras 2's reorders 'th' data."""
    if hasattr(flatten.__init__, "keras1"):
        return
    init, call = flatten.__init__, flatten.call

    @functools.wraps(init)
    def __init__(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self._follows_keras1 = not args and kwargs.get("data_format") is None and keras1_dim_ordering() == "th"

    @functools.wraps(call)
    def flattened(self, inputs):
        if getattr(self, "_follows_keras1", False) and _behind_keras1(inputs):
            self.data_format = "channels_last"
        return call(self, inputs)

    flatten.__init__, flatten.call = marked(__init__), marked(flattened)


def _behind_keras1(tensor) -> bool:
    """Whether a layer with Keras 1's kernels is among those that the tensor was computed by."""
    stack, seen = [tensor], set()
    while stack:
        layer, node, _ = getattr(stack.pop(), "_keras_history", (None, None, None))
        if layer is None or (id(layer), node) in seen:
            continue
        seen.add((id(layer), node))
        if getattr(getattr(layer, "layer", layer), "_keras1_kernels", None) is not None:
            return True
        stack.extend(layer._inbound_nodes[node].input_tensors)
    return False


def accept_keras1_kernels(convolution: Any, *holders: Any) -> None:
    """Let convolution layers speak Keras 1's kernel layout.

    Args:
        convolution: base class of the convolution layers.
        holders: classes that have `get_weights` and `set_weights`.
    """
    if hasattr(convolution._add, "keras1"):
        return
    add = convolution._add

    @functools.wraps(add)
    def _add(self, name, shape):
        weight = add(self, name, shape)
        if name in self.kernel_names:
            spoken = getattr(self, "_keras1_kernels", None)
            weight.keras1 = spoken or kernel_layout(self, FORMAT_TO_ORDERING[self.data_format])
            if spoken is not None and weight.constraint is not None and not _is_own(weight.constraint):
                weight.constraint = _in_keras1(weight.constraint, spoken)
        return weight

    convolution._add = marked(_add)
    for cls in holders:
        _accept_arrays(cls)


def _in_keras1(constraint: Callable, layout: KernelLayout) -> Callable:
    def constrained(w):
        return layout.to_today(constraint(layout.to_keras1(w)))

    return constrained


def _accept_arrays(cls: Any) -> None:
    get_weights, set_weights = cls.get_weights, cls.set_weights

    @functools.wraps(get_weights)
    def get(self):
        return [_shown(w, value) for w, value in zip(_handles(self), get_weights(self), strict=True)]

    @functools.wraps(set_weights)
    def put(self, weights):
        weights, handles = list(weights), _handles(self)
        if len(weights) == len(handles):
            weights = [_read(self, w, value) for w, value in zip(handles, weights, strict=True)]
        return set_weights(self, weights)

    cls.get_weights, cls.set_weights = marked(get), marked(put)


def _handles(holder) -> list:
    return holder._weights_by_layer() if hasattr(holder, "_weights_by_layer") else holder.weights


def _layout(weight) -> KernelLayout | None:
    return getattr(weight, "keras1", None)


def _shown(weight, value):
    layout = _layout(weight)
    return layout.to_keras1(value) if layout is not None and layout.shown else value


def _read(holder, weight, value):
    """An array in today's layout: Keras 1's meaning wins where the layer speaks Keras 1, today's elsewhere."""
    layout = _layout(weight)
    if layout is None:
        return value
    given, today = tuple(np.shape(value)), tuple(weight.shape)
    keras1 = layout.shape(today)
    if given == keras1 and (layout.shown or given != today):
        return layout.to_today(np.asarray(value))
    if layout.shown and given != today:
        raise ValueError(
            f"Layer {holder.name}: weight {weight.name!r} has the shape {keras1} in Keras 1's layout, {today} in "
            f"today's; got an array of shape {given}."
        )
    return value

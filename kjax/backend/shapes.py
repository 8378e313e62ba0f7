"""Functions that move elements: reshape, transpose, join, repeat, pick."""

from __future__ import annotations

import functools
import math
from builtins import max as builtin_max
from builtins import slice as builtin_slice

import jax
import jax.numpy as jnp
import numpy as np

from kjax.backend.config import dtype_name, floatx
from kjax.backend.operation import as_array, axes_of, batch_axis_kept, int_of, tensor_op
from kjax.graph.context import is_inferring
from kjax.graph.record import TRIALS

__all__ = [
    "arange", "batch_flatten", "concatenate", "expand_dims", "flatten", "gather", "one_hot", "permute_dimensions",
    "repeat", "repeat_elements", "reshape", "reverse", "slice", "squeeze", "stack", "tile", "transpose",
]  # fmt: skip


def _is_size(t):
    return getattr(t, "static", None) is not None


def _only_first(rule=None):
    """Rowwise rule: the first argument, and nothing else, depends on the batch, and `rule` (if any) holds."""

    def check(tensors, args, kwargs):
        x = args[0] if args else next(iter(kwargs.values()))
        return (
            len(tensors) == 1 and tensors[0] is x and not _is_size(x) and (rule is None or bool(rule(x, args, kwargs)))
        )

    return check


def _second(args, kwargs, name):
    return kwargs[name] if name in kwargs else args[1]


# -------------------------------------------------- reshape


def _keeps_rows(tensors, args, kwargs):
    """The first axis stays: -1, None, or the size of x's, with the same number of elements in each row."""
    x, shape = args[0], _second(args, kwargs, "shape")
    if (
        not isinstance(shape, (list, tuple))
        or not shape
        or not hasattr(x, "shape")
        or any(t is not x and not _is_size(t) for t in tensors)
    ):
        return False
    first, rest, row = shape[0], list(shape[1:]), tuple(x.shape)[1:]
    if None in row or _is_size(x) or any(not isinstance(d, (int, np.integer)) for d in rest):
        return False
    same = int(first.static[0]) == TRIALS[0] if _is_size(first) else first == x.shape[0]
    if -1 in rest:
        return same and first is not None
    return (same or first is None or first == -1) and int(np.prod(row)) == int(np.prod(rest))


@tensor_op(rowwise=_keeps_rows)
def reshape(x, shape):
    """The elements of x, in order, in another shape.

    Args:
        x: tensor.
        shape: tuple of int, one of which may be -1 (or None): whatever is left; or of sizes from `K.shape`. Whether it
            fits a size that is unknown yet, e.g. the batch's, is checked when the tensor is computed.
    """
    x = as_array(x)
    sizes = list(shape) if isinstance(shape, (list, tuple)) else list(np.asarray(shape))
    target = tuple(-1 if d is None else int_of(d) for d in sizes)
    known = math.prod(d for d in target if d != -1)
    if target.count(-1) > 1:
        raise ValueError(f"reshape: shape may have one -1 only; got {target}.")
    if (-1 not in target and known != x.size) or (-1 in target and (known == 0 or x.size % known)):
        if not is_inferring():
            raise ValueError(f"reshape: a tensor of shape {tuple(x.shape)} cannot have the shape {target}.")
        # the tensor has a size that is unknown yet
        return jnp.zeros([x.size // max(known, 1) + 1 if d == -1 else d for d in target], x.dtype)
    return jnp.reshape(x, target)


@tensor_op
def flatten(x):
    """All elements in one axis."""
    return jnp.ravel(as_array(x))


@tensor_op(rowwise=_only_first())
def batch_flatten(x):
    """(batch, ...) as (batch, the product of the rest)."""
    x = as_array(x)
    return jnp.reshape(x, (x.shape[0], int(np.prod(x.shape[1:]))))


def _expand_keeps_batch(x, args, kwargs):
    axis = kwargs.get("axis", args[1] if len(args) > 1 else -1)
    return axis % (len(x.shape) + 1) != 0


@tensor_op(rowwise=_only_first(_expand_keeps_batch))
def expand_dims(x, axis=-1):
    """x with an axis of size 1 put in at `axis`."""
    return jnp.expand_dims(as_array(x), axis)


@tensor_op(rowwise=batch_axis_kept)
def squeeze(x, axis):
    """x without its axis `axis`, of size 1."""
    x = as_array(x)
    axes = axes_of(axis, x.ndim, "squeeze")
    if any(x.shape[a] != 1 for a in axes):
        raise ValueError(f"squeeze: axis {axis!r} must be of size 1; got a tensor of shape {tuple(x.shape)}.")
    return jnp.squeeze(x, axes)


@tensor_op
def transpose(x):
    """x with its axes in the opposite order."""
    return jnp.transpose(as_array(x))


@tensor_op(rowwise=_only_first(lambda x, args, kwargs: _second(args, kwargs, "pattern")[0] == 0))
def permute_dimensions(x, pattern):
    """x with its axes in another order.

    Args:
        x: tensor.
        pattern: tuple of int: where each axis of the result comes from.
    """
    return jnp.transpose(as_array(x), tuple(int_of(p) for p in pattern))


# -------------------------------------------------- join


def _joined(shift):
    """Rowwise rule of joins: every tensor carries the batch on axis 0, and the join is along another axis."""

    def check(tensors, args, kwargs):
        parts = args[0] if args else next(iter(kwargs.values()))
        axis = kwargs.get("axis", args[1] if len(args) > 1 else (-1 if shift == 0 else 0))
        if not isinstance(parts, (list, tuple)) or any(_is_size(t) for t in tensors):
            return False
        # the rest must not carry rows of its own: joined along another axis it would have to, at least one row
        known = {id(t) for t in tensors}
        return all(id(p) in known for p in parts) and axis % (len(tensors[0].shape) + shift) != 0

    return check


@tensor_op(rowwise=_joined(0))
def concatenate(tensors, axis=-1):
    """Tensors one after the other along an axis.

    Args:
        tensors: list of tensors, equal in all other axes.
        axis: int.
    """
    tensors = [as_array(t) for t in tensors]
    if not tensors:
        raise ValueError("concatenate: tensors must hold at least one tensor; got an empty list.")
    return jnp.concatenate(tensors, *axes_of(axis, tensors[0].ndim, "concatenate"))


@tensor_op(rowwise=_joined(1))
def stack(x, axis=0):
    """Tensors of the same shape along a new axis.

    Args:
        x: list of tensors.
        axis: int.
    """
    return jnp.stack([as_array(t) for t in x], axis)


# -------------------------------------------------- repeat


@tensor_op(rowwise=functools.partial(batch_axis_kept, position=2))
def repeat_elements(x, rep, axis):
    """Each element `rep` times in a row along an axis.

    Args:
        x: tensor.
        rep: int.
        axis: int.
    """
    return jnp.repeat(as_array(x), int_of(rep), axis)


@tensor_op(rowwise=_only_first())
def repeat(x, n):
    """(batch, dim) as (batch, n, dim).

    Args:
        x: tensor of rank 2.
        n: int.
    """
    x = as_array(x)
    if x.ndim != 2:
        raise ValueError(f"repeat: x must have rank 2, (batch, dim); got shape {tuple(x.shape)}.")
    return jnp.repeat(x[:, None, :], int_of(n), axis=1)


def _tile_keeps_batch(x, args, kwargs):
    n = _second(args, kwargs, "n")
    return isinstance(n, (list, tuple)) and isinstance(n[0], (int, np.integer)) and n[0] == 1 and len(n) == len(x.shape)


@tensor_op(rowwise=_only_first(_tile_keeps_batch))
def tile(x, n):
    """x repeated n[i] times along axis i.

    Args:
        x: tensor.
        n: list of int, one per axis; an int: along the last one.
    """
    x = as_array(x)
    counts = [int_of(v) for v in n] if isinstance(n, (list, tuple)) else [int(v) for v in np.asarray(n).reshape(-1)]
    if isinstance(n, (int, np.integer)):
        counts = [1] * (x.ndim - 1) + counts
    return jnp.tile(x, counts)


@tensor_op
def arange(start, stop=None, step=1, dtype="int32"):
    """start, start + step, ... below stop.

    Args:
        start: number; with `stop` None it is the stop and the start is 0.
        stop: number or None.
        step: number.
        dtype: str.
    """
    start, stop, step = (v if v is None or isinstance(v, (int, float)) else int_of(v) for v in (start, stop, step))
    if stop is None:
        # a negative length gives an empty vector, as Theano's arange does
        start, stop = 0, builtin_max(start, 0)
    return jnp.asarray(np.arange(start, stop, step, dtype=dtype_name(dtype, "arange")))


# -------------------------------------------------- pick


@tensor_op(rowwise=lambda tensors, args, kwargs: len(tensors) == 1 and tensors[0] is _second(args, kwargs, "indices"))
def gather(reference, indices):
    """reference[indices]: rows (along axis 0).

    Args:
        reference: tensor.
        indices: tensor of ints, 0 <= index < size of axis 0.
    Differs: an index beyond the end gives NaN (the last row for integers) instead of an error.
    """
    return jnp.take(as_array(reference), as_array(indices).astype(jnp.int32), axis=0)


@tensor_op(rowwise=_only_first())
def _one_hot(indices, num_classes, dtype):
    return jax.nn.one_hot(as_array(indices).astype(jnp.int32), int_of(num_classes), dtype=dtype)


def one_hot(indices, num_classes):
    """(..) ints as (.., num_classes) rows of `floatx()`, 1 at the index, 0 elsewhere (everywhere if out of range).

    Args:
        indices: tensor of ints.
        num_classes: int.
    """
    return _one_hot(indices, num_classes, floatx())


@tensor_op(rowwise=functools.partial(batch_axis_kept, position=1))
def _reverse(x, axis):
    x = as_array(x)
    return jnp.flip(x, axes_of(axis, x.ndim, "reverse"))


def reverse(x, axes):
    """x with the order along `axes` (int or list of int) turned around."""
    return _reverse(x, tuple(axes) if isinstance(axes, (list, tuple)) else (axes,))


def _slice_keeps_batch(x, args, kwargs):
    start, size = _second(args, kwargs, "start"), kwargs["size"] if "size" in kwargs else args[2]
    return all(isinstance(v, (list, tuple)) for v in (start, size)) and start[0] == 0 and size[0] in (-1, x.shape[0])


@tensor_op(rowwise=_only_first(_slice_keeps_batch))
def slice(x, start, size):
    """x[start[0] : start[0] + size[0], ...].

    Args:
        x: tensor.
        start: list of int, one per axis.
        size: list of int, one per axis; -1: up to the end.
    """
    x = as_array(x)
    begin = [int_of(v) for v in (start if isinstance(start, (list, tuple)) else np.asarray(start))]
    count = [int_of(v) for v in (size if isinstance(size, (list, tuple)) else np.asarray(size))]
    if not len(begin) == len(count) == x.ndim:
        raise ValueError(
            f"slice: start and size must have one number per axis of x, {tuple(x.shape)}; got {begin} and {count}."
        )
    end = [n if c == -1 else b + c for b, c, n in zip(begin, count, x.shape, strict=True)]
    if any(not 0 <= b <= e <= n for b, e, n in zip(begin, end, x.shape, strict=True)):
        raise ValueError(f"slice: start {begin} with size {count} goes beyond a tensor of shape {tuple(x.shape)}.")
    return x[tuple(builtin_slice(b, e) for b, e in zip(begin, end, strict=True))]

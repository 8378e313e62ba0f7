"""Functions along axes: sums, extremes, statistics, cumulative ones."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from kjax.backend.config import floatx
from kjax.backend.operation import as_array, axes_of, batch_axis_kept, tensor_op
from kjax.graph.padded import Padded, highest, lowest, mean_over, without

__all__ = [
    "all", "any", "argmax", "argmin", "cumprod", "cumsum", "logsumexp", "max", "mean", "min", "prod", "std", "sum",
    "var",
]  # fmt: skip


def _axes(x, axis, where):
    return None if axis is None else axes_of(axis, x.ndim, where)


def _axis(x, axis, where):
    axes = axes_of(axis, x.ndim, where)
    if len(axes) != 1:
        raise ValueError(f"{where}: axis must be one int; got {axis!r} for a tensor of shape {tuple(x.shape)}.")
    return axes[0]


def _real(x, dtype):
    """Truth values as numbers."""
    x = as_array(x)
    return x.astype(dtype) if x.dtype == bool else x


def _left(x, axes, keepdims):
    """The tags of a Padded after axes were reduced."""
    return {a: t for a, t in x.tags.items() if a not in axes} if keepdims else without(x.tags, axes)


def _reducing(reduce, neutral):
    """The rule for filling of a reduction that an element `neutral(dtype)` leaves as it is."""

    def rule(x, axis=None, keepdims=False):
        axes = axes_of(axis, x.ndim, reduce.__name__)
        result = reduce(x.filled(neutral(x.dtype), axes), axis=axes, keepdims=keepdims)
        return x.like(result, _left(x, axes, keepdims))

    return rule


@tensor_op(rowwise=batch_axis_kept, padded=_reducing(jnp.max, lowest))
def max(x, axis=None, keepdims=False):
    """Maximum over axes.

    Args:
        x: tensor.
        axis: int, list of int, or None for all.
        keepdims: whether the axes stay, with size 1.
    """
    x = as_array(x)
    return jnp.max(x, _axes(x, axis, "max"), keepdims=keepdims)


@tensor_op(rowwise=batch_axis_kept, padded=_reducing(jnp.min, highest))
def min(x, axis=None, keepdims=False):
    """Minimum over axes; arguments as for `max`."""
    x = as_array(x)
    return jnp.min(x, _axes(x, axis, "min"), keepdims=keepdims)


@tensor_op(rowwise=batch_axis_kept, padded=_reducing(jnp.sum, lambda dtype: 0))
def sum(x, axis=None, keepdims=False):
    """Sum over axes; arguments as for `max`."""
    x = as_array(x)
    return jnp.sum(x, _axes(x, axis, "sum"), keepdims=keepdims)


@tensor_op(rowwise=batch_axis_kept, padded=_reducing(jnp.prod, lambda dtype: 1))
def prod(x, axis=None, keepdims=False):
    """Product over axes; arguments as for `max`."""
    x = as_array(x)
    return jnp.prod(x, _axes(x, axis, "prod"), keepdims=keepdims)


def _mean_padded(x, axis, keepdims, dtype):
    axes = axes_of(axis, x.ndim, "mean")
    result = mean_over(x.like(_real(x.value, dtype)), axes)
    value = result.value if isinstance(result, Padded) else result
    return x.like(jnp.expand_dims(value, axes) if keepdims else value, _left(x, axes, keepdims))


@tensor_op(rowwise=batch_axis_kept, padded=_mean_padded)
def _mean(x, axis, keepdims, dtype):
    x = _real(x, dtype)
    return jnp.mean(x, _axes(x, axis, "mean"), keepdims=keepdims)


def mean(x, axis=None, keepdims=False):
    """Mean over axes; truth values count as 0 and 1; arguments as for `max`.

    Differs: the mean of integers is a float.
    """
    return _mean(x, axis, keepdims, floatx())


@tensor_op(rowwise=batch_axis_kept)
def _var(x, axis, keepdims, dtype):
    x = _real(x, dtype)
    return jnp.var(x, _axes(x, axis, "var"), keepdims=keepdims)


def var(x, axis=None, keepdims=False):
    """Variance over axes, mean((x - mean(x))^2); arguments as for `max`."""
    return _var(x, axis, keepdims, floatx())


@tensor_op(rowwise=batch_axis_kept)
def _std(x, axis, keepdims, dtype):
    x = _real(x, dtype)
    return jnp.sqrt(jnp.var(x, _axes(x, axis, "std"), keepdims=keepdims))


def std(x, axis=None, keepdims=False):
    """Standard deviation over axes, the root of `var`; arguments as for `max`."""
    return _std(x, axis, keepdims, floatx())


@tensor_op(rowwise=batch_axis_kept)
def logsumexp(x, axis=None, keepdims=False):
    """log(sum(exp(x))) over axes, without overflow; arguments as for `max`."""
    x = as_array(x)
    return jax.nn.logsumexp(x, _axes(x, axis, "logsumexp"), keepdims=keepdims)


@tensor_op(rowwise=batch_axis_kept, padded=_reducing(jnp.any, lambda dtype: 0))
def any(x, axis=None, keepdims=False):
    """Whether one element is not 0, a bool tensor; arguments as for `max`."""
    x = as_array(x)
    return jnp.any(x, _axes(x, axis, "any"), keepdims=keepdims)


@tensor_op(rowwise=batch_axis_kept, padded=_reducing(jnp.all, lambda dtype: 1))
def all(x, axis=None, keepdims=False):
    """Whether no element is 0, a bool tensor; arguments as for `max`."""
    x = as_array(x)
    return jnp.all(x, _axes(x, axis, "all"), keepdims=keepdims)


@tensor_op(rowwise=functools.partial(batch_axis_kept, default=-1))
def argmax(x, axis=-1):
    """Index of the (first) maximum along one axis, int32.

    Args:
        x: tensor.
        axis: int.
    Differs: int32, where 2.2.4 gives int64.
    """
    x = as_array(x)
    return jnp.argmax(x, _axis(x, axis, "argmax"))


@tensor_op(rowwise=functools.partial(batch_axis_kept, default=-1))
def argmin(x, axis=-1):
    """Index of the (first) minimum along one axis, int32; arguments as for `argmax`."""
    x = as_array(x)
    return jnp.argmin(x, _axis(x, axis, "argmin"))


@tensor_op(rowwise=functools.partial(batch_axis_kept, default=0))
def cumsum(x, axis=0):
    """Running sum along one axis.

    Args:
        x: tensor.
        axis: int.
    """
    x = as_array(x)
    return jnp.cumsum(x, _axis(x, axis, "cumsum"))


@tensor_op(rowwise=functools.partial(batch_axis_kept, default=0))
def cumprod(x, axis=0):
    """Running product along one axis; arguments as for `cumsum`."""
    x = as_array(x)
    return jnp.cumprod(x, _axis(x, axis, "cumprod"))

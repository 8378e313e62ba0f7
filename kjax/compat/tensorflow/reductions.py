"""Functions along axes, under TensorFlow's names."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.backend.operation import as_array, axes_of, batch_axis_kept, tensor_op
from kjax.compat.tensorflow.tensors import get_static_value, kind_of, tf_function, type_of, value_of
from kjax.graph import KerasTensor

OLD_AXIS = {"reduction_indices": "axis", "keep_dims": "keepdims"}


def axes(axis):
    """An axis or several, in any form TensorFlow takes, as an int, a tuple, or None."""
    if isinstance(axis, KerasTensor):
        known = get_static_value(axis)
        if known is None:
            raise ValueError("axis must be known when the graph is built; got a tensor that is computed from data.")
        axis = known
    if axis is None or isinstance(axis, (int, np.integer)):
        return axis if axis is None else int(axis)
    found = tuple(int(a) for a in np.asarray(axis).reshape(-1))
    return found if np.ndim(axis) else found[0]


def _reduction(name, compute):
    @tf_function(old=OLD_AXIS)
    def function(input_tensor, axis=None, keepdims=False):
        x = value_of(input_tensor)
        axis = axes(axis)
        if axis == ():
            return x
        return compute(x, axis, bool(keepdims))

    function.__name__, function.__qualname__ = name, name
    function.__doc__ = f"`keras.backend.{name.removeprefix('reduce_')}` over axes; None: all of them."
    return function


@tensor_op(name="Mean", rowwise=batch_axis_kept)
def _whole_mean(x, axis, keepdims):
    x = as_array(x)
    axis = axes_of(axis, x.ndim, "reduce_mean")
    count = int(np.prod([x.shape[a] for a in axis]))
    return jax.lax.div(jnp.sum(x, axis, keepdims=keepdims), jnp.asarray(count, x.dtype))


def _mean(x, axis, keepdims):
    whole = jnp.issubdtype(type_of(x), jnp.integer)
    return _whole_mean(x, axis, keepdims) if whole else K.mean(x, axis, keepdims)


reduce_sum = _reduction("reduce_sum", K.sum)
reduce_mean = _reduction("reduce_mean", _mean)
reduce_max = _reduction("reduce_max", K.max)
reduce_min = _reduction("reduce_min", K.min)
reduce_prod = _reduction("reduce_prod", K.prod)
reduce_any = _reduction("reduce_any", K.any)
reduce_all = _reduction("reduce_all", K.all)
reduce_logsumexp = _reduction("reduce_logsumexp", K.logsumexp)
reduce_variance = _reduction("reduce_variance", K.var)
reduce_std = _reduction("reduce_std", K.std)


@tensor_op(name="count_nonzero", rowwise=batch_axis_kept)
def _count(x, axis, keepdims, dtype):
    x = as_array(x)
    return jnp.sum(x != 0, axes_of(axis, x.ndim, "count_nonzero"), keepdims=keepdims, dtype=dtype)


@tf_function(old=OLD_AXIS)
def count_nonzero(input_tensor, axis=None, keepdims=False, dtype="int64"):
    """How many elements are not 0."""
    return _count(value_of(input_tensor), axes(axis), bool(keepdims), kind_of(dtype))


def _extreme(name, compute):
    @tf_function(old={"dimension": "axis"})
    def function(input, axis=0, output_type="int64"):
        return K.cast(compute(value_of(input), axes(axis)), kind_of(output_type))

    function.__name__, function.__qualname__ = name, name
    function.__doc__ = f"Index of the first {name[3:]}imum along an axis."
    return function


argmax, argmin = _extreme("argmax", K.argmax), _extreme("argmin", K.argmin)


@functools.partial(tensor_op, name="Cumsum", rowwise=functools.partial(batch_axis_kept, default=0))
def _cumulative(x, axis, exclusive, reverse, product):
    x = as_array(x)
    (axis,) = axes_of(axis, x.ndim, "cumsum")
    if reverse:
        x = jnp.flip(x, axis)
    total = (jnp.cumprod if product else jnp.cumsum)(x, axis)
    if exclusive:
        start = jnp.full_like(jax.lax.slice_in_dim(x, 0, 1, axis=axis), 1 if product else 0)
        total = jnp.concatenate([start, jax.lax.slice_in_dim(total, 0, -1, axis=axis)], axis)
    return (jnp.flip(total, axis) if reverse else total).astype(x.dtype)


@tf_function
def cumsum(x, axis=0, exclusive=False, reverse=False):
    """Running sum; exclusive: of what comes before; reverse: from the end."""
    return _cumulative(value_of(x), axes(axis), bool(exclusive), bool(reverse), False)


@tf_function
def cumprod(x, axis=0, exclusive=False, reverse=False):
    """Running product; exclusive: of what comes before; reverse: from the end."""
    return _cumulative(value_of(x), axes(axis), bool(exclusive), bool(reverse), True)


@tf_function(old={"dim": "axis"})
def l2_normalize(x, axis=None, epsilon=1e-12):
    """x / sqrt(max(sum(x^2), epsilon)) along axes."""
    return _normalized(value_of(x), axes(axis), epsilon)


@tensor_op(name="l2_normalize", rowwise=batch_axis_kept)
def _normalized(x, axis, epsilon):
    x = as_array(x)
    total = jnp.sum(jnp.square(x), axes_of(axis, x.ndim, "l2_normalize"), keepdims=True)
    return x * jax.lax.rsqrt(K.maximum(total, epsilon))


@tf_function(old={"keep_dims": "keepdims"})
def norm(tensor, ord="euclidean", axis=None, keepdims=False):
    """The norm of vectors (axis an int, or None: of all elements) or matrices (two axes).

    Args:
        ord: 'euclidean', 'fro', 1, 2, another number > 0, or infinity.
    """
    return _norm(value_of(tensor), ord, axes(axis), bool(keepdims))


@tensor_op(name="norm", rowwise=lambda tensors, args, kwargs: batch_axis_kept(tensors, args, kwargs, position=2))
def _norm(x, ord, axis, keepdims):
    x = as_array(x)
    if ord in ("euclidean", "fro") or (ord == 2 and not isinstance(axis, tuple)):
        return jnp.sqrt(jnp.sum(jnp.square(jnp.abs(x)), axis, keepdims=keepdims))
    if isinstance(axis, tuple) and len(axis) == 2:
        return jnp.linalg.norm(x, ord, axis, keepdims)
    size = jnp.abs(x)
    if ord in (np.inf, "inf"):
        return jnp.max(size, axis, keepdims=keepdims)
    if not isinstance(ord, (int, float)) or ord <= 0:
        raise ValueError(f"norm: ord must be 'euclidean', 'fro', a number > 0 or infinity; got {ord!r}.")
    return jnp.sum(size**ord, axis, keepdims=keepdims) ** (1.0 / ord)


@tf_function
def clip_by_norm(t, clip_norm, axes=None):
    """t scaled down to a norm of at most `clip_norm`, over axes."""
    return _clipped(value_of(t), clip_norm, axes if axes is None else tuple(np.atleast_1d(axes).tolist()))


@tensor_op(name="clip_by_norm")
def _clipped(x, limit, axis):
    x = as_array(x)
    total = jnp.sum(jnp.square(x), axis, keepdims=True)
    positive = total > 0
    size = jnp.where(positive, jnp.sqrt(jnp.where(positive, total, 1.0)), total)
    return x * limit / K.maximum(size, limit)


@tf_function
def global_norm(t_list):
    """The root of the sum of the squares of all elements of a list of tensors (None is left out)."""
    return _global_norm([value_of(t) for t in t_list if t is not None])


@tensor_op(name="global_norm")
def _global_norm(tensors):
    return jnp.sqrt(sum(jnp.sum(jnp.square(as_array(t))) for t in tensors))


@tf_function
def clip_by_global_norm(t_list, clip_norm, use_norm=None):
    """(tensors scaled by clip_norm / max(global norm, clip_norm), global norm)."""
    size = global_norm(t_list) if use_norm is None else use_norm
    scale = K.minimum(1.0 / size, value_of(1.0 / clip_norm)) * clip_norm
    return [None if t is None else value_of(t) * scale for t in t_list], size


@tf_function
def zero_fraction(value):
    """The share of elements that are 0."""
    return K.mean(K.cast(K.equal(value_of(value), 0), "float32"))

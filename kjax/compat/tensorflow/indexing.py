"""Picking and placing elements, under TensorFlow's names."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kjax import backend as K
from kjax.backend.conditional import _select_rowwise
from kjax.backend.operation import as_array, int_of, tensor_op
from kjax.compat.tensorflow.counted import count_of, counted
from kjax.compat.tensorflow.reductions import axes
from kjax.compat.tensorflow.shapes import sizes_of
from kjax.compat.tensorflow.tensors import get_static_value, held, kind_of, tf_function, type_of, value_of


def _rows_of_indices(tensors, args, kwargs):
    return len(tensors) == 1 and tensors[0] is args[1]


# -------------------------------------------------- picking


@tf_function
def gather(params, indices, validate_indices=None, axis=None, batch_dims=0):
    """params[indices] along an axis.

    Args:
        params: tensor.
        indices: ints, 0 <= index < size of the axis.
        axis: int; default: `batch_dims`.
        batch_dims: how many first axes both have in common.
    Differs: an index beyond the end gives NaN (the last entry for integers) instead of an error.
    """
    axis = batch_dims if axis is None else axes(axis)
    params, indices = value_of(params), value_of(indices)
    if axis == 0 and batch_dims == 0:
        return K.gather(params, indices)
    return _gather(params, indices, axis % len(params.shape), batch_dims)


def _gather_rowwise(tensors, args, kwargs):
    params, indices, axis, batch = args
    if batch:
        return len(tensors) == 2
    return len(tensors) == 1 and tensors[0] is params and axis != 0


@tensor_op(name="GatherV2", rowwise=_gather_rowwise)
def _gather(params, indices, axis, batch):
    take = lambda p, i: jnp.take(p, i, axis=axis - batch)
    for _ in range(batch):
        take = jax.vmap(take)
    return take(as_array(params), as_array(indices).astype(jnp.int32))


@tf_function
def gather_nd(params, indices, batch_dims=0):
    """params[indices[..., 0], indices[..., 1], ...].

    Differs: an index beyond the end gives the last entry instead of an error.
    """
    return _gather_nd(value_of(params), value_of(indices), batch_dims)


@tensor_op(
    name="GatherNd", rowwise=lambda tensors, args, kwargs: bool(args[2]) or _rows_of_indices(tensors, args, kwargs)
)
def _gather_nd(params, indices, batch):
    pick = lambda p, i: p[tuple(jnp.moveaxis(i, -1, 0))] if i.shape[-1] else jnp.broadcast_to(p, i.shape[:-1] + p.shape)
    for _ in range(batch):
        pick = jax.vmap(pick)
    return pick(as_array(params), as_array(indices).astype(jnp.int32))


@tf_function
def batch_gather(params, indices):
    """params[..., indices] for each entry of the first axes."""
    indices = value_of(indices)
    return gather(params, indices, batch_dims=len(indices.shape) - 1)


@tf_function
def embedding_lookup(params, ids, partition_strategy="mod", validate_indices=True, max_norm=None):
    """params[ids]: rows of a table."""
    if isinstance(params, (list, tuple)):
        if len(params) != 1:
            raise ValueError(f"embedding_lookup: params must be one table; got {len(params)} parts of one.")
        (params,) = params
    rows = K.gather(value_of(params), value_of(ids))
    return rows if max_norm is None else _shortened(rows, max_norm)


@tensor_op(name="clip_by_norm", rowwise=True)
def _shortened(rows, limit):
    rows = as_array(rows)
    size = jnp.sqrt(jnp.sum(jnp.square(rows), -1, keepdims=True))
    return rows * limit / jnp.maximum(size, limit)


class TopKV2(NamedTuple):
    """The largest entries, and where they are."""

    values: object
    indices: object


@tf_function
def top_k(input, k=1, sorted=True):
    """The k largest entries along the last axis, largest first, and their indices; of equal ones the first."""
    return TopKV2(*_top_k(value_of(input), k))


@tensor_op(name="TopKV2", rowwise=lambda tensors, args, kwargs: len(tensors) == 1 and len(tensors[0].shape) > 1)
def _top_k(x, k):
    values, indices = lax.top_k(as_array(x), int_of(k))
    return [values, indices.astype(jnp.int32)]


@tf_function
def nth_element(input, n, reverse=False):
    """The entry that would be number n of the sorted last axis."""
    return _nth(value_of(input), n, reverse)


@tensor_op(name="NthElement", rowwise=True)
def _nth(x, n, reverse):
    x = jnp.sort(as_array(x), -1)
    return x[..., x.shape[-1] - 1 - int_of(n) if reverse else int_of(n)]


@tf_function
def sort(values, axis=-1, direction="ASCENDING"):
    """Entries in order along an axis."""
    return _sort(value_of(values), axis, _descending(direction), False)


@tf_function
def argsort(values, axis=-1, direction="ASCENDING", stable=False):
    """The indices that put the entries in order along an axis."""
    return _sort(value_of(values), axis, _descending(direction), True)


def _descending(direction):
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"sort: direction must be ASCENDING or DESCENDING; got {direction!r}.")
    return direction == "DESCENDING"


@tensor_op(name="sort")
def _sort(x, axis, descending, indices):
    x = as_array(x)
    if not indices:
        return jnp.sort(x, axis, descending=descending)
    return jnp.argsort(x, axis, descending=descending).astype(jnp.int32)


@tf_function
def one_hot(indices, depth, on_value=None, off_value=None, axis=None, dtype=None):
    """`on_value` (1) at the index along a new axis, `off_value` (0) elsewhere and everywhere if out of range."""
    if dtype is None:
        given = [v for v in (on_value, off_value) if v is not None]
        dtype = type_of(given[0]) if given else "float32"
    on, off = 1 if on_value is None else on_value, 0 if off_value is None else off_value
    return _one_hot(value_of(indices), depth, on, off, -1 if axis is None else axis, kind_of(dtype))


@tensor_op(
    name="OneHot", rowwise=lambda tensors, args, kwargs: len(tensors) == 1 and tensors[0] is args[0] and args[4] != 0
)
def _one_hot(indices, depth, on, off, axis, dtype):
    indices = as_array(indices)
    classes = jnp.arange(int_of(depth), dtype=indices.dtype)
    axis = axis % (indices.ndim + 1)
    hit = jnp.expand_dims(indices, axis) == classes.reshape([-1 if a == axis else 1 for a in range(indices.ndim + 1)])
    return jnp.where(hit, jnp.asarray(on, dtype), jnp.asarray(off, dtype))


@tf_function
def sequence_mask(lengths, maxlen=None, dtype="bool"):
    """(..., maxlen): whether the position is below the length.

    Args:
        lengths: ints.
        maxlen: int; default: the largest length.
    """
    lengths = value_of(lengths)
    if maxlen is None:
        return _all_lengths(lengths, kind_of(dtype))
    return _mask(lengths, maxlen, kind_of(dtype))


@tensor_op(name="SequenceMask", rowwise=lambda tensors, args, kwargs: len(tensors) == 1 and tensors[0] is args[0])
def _mask(lengths, maxlen, dtype):
    lengths = as_array(lengths)
    return (jnp.arange(int_of(maxlen), dtype=lengths.dtype) < lengths[..., None]).astype(dtype)


@counted(name="SequenceMask")
def _all_lengths(lengths, dtype):
    lengths = as_array(lengths)
    n = count_of(lambda: np.max(lengths, initial=0))
    return (jnp.arange(n, dtype=lengths.dtype) < lengths[..., None]).astype(dtype)


# -------------------------------------------------- choosing


@tf_function(old={"input": "condition"})
def where(condition, x=None, y=None):
    """x where the condition holds, y elsewhere; without x and y: the indices of true elements, (n, rank).

    Args:
        condition: bools of the shape of x and y, or one for each of their first axis.
        x, y: tensors of equal shape.
    """
    condition = value_of(condition)
    if x is None and y is None:
        return _true_at(condition)
    if x is None or y is None:
        raise ValueError("where: x and y must both be given, or neither.")
    return _where(condition, value_of(x), value_of(y))


select = where


@tensor_op(name="Select", rowwise=_select_rowwise)
def _where(condition, x, y):
    condition, x, y = as_array(condition), as_array(x), as_array(y)
    rank = max(x.ndim, y.ndim)
    if condition.ndim == 1 and rank > 1:
        condition = condition.reshape(condition.shape + (1,) * (rank - 1))
    return jnp.where(condition, x, y)


@tf_function
def where_v2(condition, x=None, y=None):
    """x where the condition holds, y elsewhere, all broadcast; without x and y: the indices of true elements."""
    condition = value_of(condition)
    if x is None and y is None:
        return _true_at(condition)
    return _where_v2(condition, value_of(x), value_of(y))


@tensor_op(name="SelectV2")
def _where_v2(condition, x, y):
    return jnp.where(as_array(condition), as_array(x), as_array(y))


@counted(name="Where")
def _true_at(condition):
    condition = as_array(condition) != 0
    n = count_of(lambda: np.count_nonzero(condition))
    return jnp.stack(jnp.nonzero(condition, size=n), -1).astype(jnp.int32)


@tf_function
def boolean_mask(tensor, mask, axis=None):
    """The elements (or rows, along the first axes) of a tensor where the mask is true.

    Args:
        tensor: tensor.
        mask: bools, of the shape of the axes from `axis` on.
        axis: int; default 0.
    """
    return _masked(value_of(tensor), value_of(mask), 0 if axis is None else axes(axis))


@counted(name="boolean_mask")
def _masked(x, mask, axis):
    x, mask = as_array(x), as_array(mask) != 0
    axis = axis % x.ndim
    n = count_of(lambda: np.count_nonzero(mask))
    (index,) = jnp.nonzero(mask.reshape(-1), size=n)
    x = x.reshape(*x.shape[:axis], -1, *x.shape[axis + mask.ndim :])
    return jnp.take(x, index, axis)


class UniqueResult(NamedTuple):
    """Different elements, and which one each element is."""

    y: object
    idx: object


class UniqueWithCounts(NamedTuple):
    """Different elements, which one each element is, and how often each occurs."""

    y: object
    idx: object
    count: object  # type: ignore[assignment]


@tf_function
def unique(x, out_idx="int32"):
    """The different elements of a vector, in the order in which they first occur."""
    return UniqueResult(*_unique(value_of(x))[:2])


@tf_function
def unique_with_counts(x, out_idx="int32"):
    """The different elements of a vector, in the order in which they first occur, with their numbers."""
    return UniqueWithCounts(*_unique(value_of(x)))


@counted(name="Unique")
def _unique(x):
    x = as_array(x)
    same = x[:, None] == x[None, :]
    first = jnp.argmax(same, 1)  # where each element occurs for the first time
    is_first = first == jnp.arange(x.shape[0])
    n = count_of(lambda: np.count_nonzero(is_first))
    (places,) = jnp.nonzero(is_first, size=n)
    number = jnp.cumsum(is_first) - 1
    return [x[places], number[first].astype(jnp.int32), jnp.sum(same, 1)[places].astype(jnp.int32)]


@tf_function
def setdiff1d(x, y, index_dtype="int32"):
    """The elements of a vector that another one lacks, and where they are."""
    return ListDiff(*_difference(value_of(x), value_of(y)))


class ListDiff(NamedTuple):
    """Elements, and where they are."""

    out: object
    idx: object


@counted(name="ListDiff")
def _difference(x, y):
    x, y = as_array(x), as_array(y)
    alone = ~jnp.any(x[:, None] == y[None, :], 1)
    (places,) = jnp.nonzero(alone, size=count_of(lambda: np.count_nonzero(alone)))
    return [x[places], places.astype(jnp.int32)]


@tf_function
def dynamic_partition(data, partitions, num_partitions):
    """The rows of `data` with partition 0, those with 1, ...: a list."""
    data, partitions = value_of(data), value_of(partitions)
    return [_masked(data, K.equal(partitions, i), 0) for i in range(int(num_partitions))]


@tf_function
def dynamic_stitch(indices, data):
    """The rows data[m][i] at place indices[m][i] of the result."""
    return _stitched([value_of(i) for i in indices], [value_of(d) for d in data])


@counted(name="DynamicStitch")
def _stitched(indices, data):
    indices = [as_array(i) for i in indices]
    inner = [as_array(d).reshape(-1, *as_array(d).shape[i.ndim :]) for i, d in zip(indices, data, strict=True)]
    rows, values = jnp.concatenate([i.reshape(-1) for i in indices]), jnp.concatenate(inner)
    n = count_of(lambda: np.max(rows, initial=-1) + 1)
    return jnp.zeros((n, *values.shape[1:]), values.dtype).at[rows].set(values)


@tf_function
def invert_permutation(x):
    """The permutation that undoes x."""
    return _inverted(value_of(x))


@tensor_op(name="InvertPermutation")
def _inverted(x):
    return jnp.argsort(as_array(x)).astype(jnp.int32)


@tensor_op(name="Bincount")
def _bins(values, weights, n, dtype):
    values = as_array(values).reshape(-1)
    weights = jnp.ones(values.shape, dtype) if weights is None else as_array(weights).reshape(-1)
    return jnp.zeros((n,), weights.dtype).at[values].add(weights, mode="drop")


@counted(name="Bincount")
def _all_bins(values, weights, least, dtype):
    values = as_array(values).reshape(-1)
    n = count_of(lambda: max(int(np.max(values, initial=-1)) + 1, least))
    return _bins.operation.fn(values, weights, n, dtype)


@tf_function
def bincount(arr, weights=None, minlength=None, maxlength=None, dtype="int32"):
    """How often (or with which sum of weights) each of 0, 1, ... occurs."""
    weights = None if weights is None else value_of(weights)
    if maxlength is not None and minlength == maxlength:
        return _bins(value_of(arr), weights, int(maxlength), kind_of(dtype))
    found = _all_bins(value_of(arr), weights, int(minlength or 0), kind_of(dtype))
    return found if maxlength is None else found[: int(maxlength)]


@tf_function
def searchsorted(sorted_sequence, values, side="left"):
    """Where values belong in the sorted last axis."""
    return _searched(value_of(sorted_sequence), value_of(values), side)


@tensor_op(name="searchsorted")
def _searched(sequence, values, side):
    find = lambda s, v: jnp.searchsorted(s, v, side=side)
    for _ in range(as_array(sequence).ndim - 1):
        find = jax.vmap(find)
    return find(as_array(sequence), as_array(values)).astype(jnp.int32)


# -------------------------------------------------- placing


@tf_function
def scatter_nd(indices, updates, shape):
    """Zeros of a shape, with updates[i] added at indices[i]."""
    return _scatter(held(value_of(indices)), value_of(updates), sizes_of(shape))


@tensor_op(name="ScatterNd")
def _scatter(indices, updates, shape):
    shape = shape if isinstance(shape, (list, tuple)) else np.asarray(shape)
    updates = as_array(updates)
    zeros = jnp.zeros(tuple(int_of(d) for d in shape), updates.dtype)
    return zeros.at[tuple(jnp.moveaxis(as_array(indices).astype(jnp.int32), -1, 0))].add(updates)


def _placing(name, method, doc):
    @tensor_op(name=name)
    def operation(x, indices, updates):
        at = as_array(x).at[tuple(jnp.moveaxis(as_array(indices).astype(jnp.int32), -1, 0))]
        return getattr(at, method)(as_array(updates))

    @tf_function
    def function(tensor, indices, updates):
        return operation(value_of(tensor), held(value_of(indices)), value_of(updates))

    function.__name__, function.__doc__ = name, doc
    return function


tensor_scatter_update = _placing("tensor_scatter_update", "set", "A tensor with updates[i] at indices[i].")
tensor_scatter_add = _placing("tensor_scatter_add", "add", "A tensor with updates[i] added at indices[i].")
tensor_scatter_sub = _placing("tensor_scatter_sub", "subtract", "A tensor less updates[i] at indices[i].")


# -------------------------------------------------- segments


def _sum_of(rows, ids, n):
    return jnp.zeros((n, *rows.shape[1:]), rows.dtype).at[ids].add(rows)


def _mean_of(rows, ids, n):
    count = jnp.zeros((n,), rows.dtype).at[ids].add(1)
    return _sum_of(rows, ids, n) / jnp.maximum(count, 1).reshape(-1, *[1] * (rows.ndim - 1))


def _prod_of(rows, ids, n):
    return jnp.ones((n, *rows.shape[1:]), rows.dtype).at[ids].multiply(rows)


def _max_of(rows, ids, n):
    lowest = jnp.finfo(rows.dtype).min if jnp.issubdtype(rows.dtype, jnp.floating) else jnp.iinfo(rows.dtype).min
    return jnp.full((n, *rows.shape[1:]), lowest, rows.dtype).at[ids].max(rows)


def _min_of(rows, ids, n):
    highest = jnp.finfo(rows.dtype).max if jnp.issubdtype(rows.dtype, jnp.floating) else jnp.iinfo(rows.dtype).max
    return jnp.full((n, *rows.shape[1:]), highest, rows.dtype).at[ids].min(rows)


def _sorted_segments(name, reduce, empty_is_zero):
    @counted(name=name)
    def of_data(rows, ids):
        rows, ids = as_array(rows), as_array(ids)
        return finish(rows, ids, count_of(lambda: np.max(ids, initial=-1) + 1))

    @tensor_op(name=name)
    def of_known(rows, ids, n):
        return finish(as_array(rows), as_array(ids), n)

    def finish(rows, ids, n):
        result = reduce(rows, ids, n)
        if empty_is_zero:
            found = jnp.zeros((n,), bool).at[ids].set(True).reshape(-1, *[1] * (rows.ndim - 1))
            result = jnp.where(found, result, jnp.zeros((), rows.dtype))
        return result

    @tf_function
    def function(data, segment_ids):
        ids = held(value_of(segment_ids))
        known = get_static_value(ids)
        if known is not None:
            return of_known(value_of(data), ids, int(known.max(initial=-1)) + 1)
        return of_data(value_of(data), ids)

    function.__name__, function.__doc__ = name, "For each segment (ids in ascending order) of rows, one row."
    return function


segment_sum = _sorted_segments("segment_sum", _sum_of, False)
segment_mean = _sorted_segments("segment_mean", _mean_of, False)
segment_prod = _sorted_segments("segment_prod", _prod_of, False)
segment_max = _sorted_segments("segment_max", _max_of, True)
segment_min = _sorted_segments("segment_min", _min_of, True)


def _segments(name, reduce):
    @tensor_op(name=name)
    def operation(rows, ids, n):
        rows, ids = as_array(rows), as_array(ids)
        flat = rows.reshape(-1, *rows.shape[ids.ndim :])
        ids = ids.reshape(-1)
        return reduce(flat, jnp.where(ids < 0, int_of(n), ids), int_of(n))

    @tf_function
    def function(data, segment_ids, num_segments):
        return operation(value_of(data), held(value_of(segment_ids)), num_segments)

    function.__name__, function.__doc__ = name, "For each of `num_segments` segments of rows, one row."
    return function


unsorted_segment_sum = _segments("unsorted_segment_sum", _sum_of)
unsorted_segment_mean = _segments("unsorted_segment_mean", _mean_of)
unsorted_segment_prod = _segments("unsorted_segment_prod", _prod_of)
unsorted_segment_max = _segments("unsorted_segment_max", _max_of)
unsorted_segment_min = _segments("unsorted_segment_min", _min_of)

"""Shapes, and functions that move elements, under TensorFlow's names."""

from __future__ import annotations

import builtins
import functools

import jax.numpy as jnp
import numpy as np
from jax import lax

from kjax import backend as K
from kjax.backend.operation import as_array, axes_of, batch_axis_kept, int_of, tensor_op
from kjax.backend.variables import _filled
from kjax.compat.tensorflow.reductions import axes
from kjax.compat.tensorflow.tensors import get_static_value, held, kind_of, tf_function, type_of, value_of
from kjax.graph import KerasTensor, Variable

newaxis = None


def sizes_of(shape):
    """A shape in any form TensorFlow takes, as a list of ints and symbolic sizes, or the symbolic vector itself."""
    if isinstance(shape, KerasTensor):
        known = get_static_value(shape)
        return shape if known is None else known.reshape(-1).tolist()
    if isinstance(shape, (int, np.integer)):
        return [int(shape)]
    return [_size(d) for d in (shape.tolist() if isinstance(shape, np.ndarray) else shape)]


def _size(d):
    if isinstance(d, KerasTensor):
        known = get_static_value(d)
        return d if known is None else int(known)
    if d is not None and not isinstance(d, int) and hasattr(d, "value"):
        d = d.value
    if d is None:
        raise ValueError("a size must be a number or come from tf.shape; got one that is unknown (Dimension(None)).")
    return int(d)


# -------------------------------------------------- asking


@tf_function
def shape(input, out_type="int32"):
    """The shape of a tensor as a vector that may be indexed and used where shapes are wanted."""
    return K.shape(value_of(input))


@tf_function
def shape_n(input, out_type="int32"):
    """The shapes of a list of tensors."""
    return [K.shape(value_of(x)) for x in input]


@tf_function
def size(input, out_type="int32"):
    """The number of elements of a tensor."""
    return K.size(value_of(input))


@tf_function
def rank(input):
    """The number of axes of a tensor."""
    return np.asarray(len(value_of(input).shape), np.int32)


# -------------------------------------------------- filling


@tf_function
def zeros(shape, dtype="float32"):
    """A tensor of zeros."""
    return _filled(sizes_of(shape), 0, kind_of(dtype))


@tf_function
def ones(shape, dtype="float32"):
    """A tensor of ones."""
    return _filled(sizes_of(shape), 1, kind_of(dtype))


@tensor_op(name="Fill")
def _fill(dims, value):
    dims = dims if isinstance(dims, (list, tuple)) else np.asarray(dims).reshape(-1)
    return jnp.full(tuple(int_of(d) for d in dims), as_array(value))


@tf_function
def fill(dims, value):
    """A tensor of one number."""
    return _fill(sizes_of(dims), value_of(value))


@tf_function
def zeros_like(tensor, dtype=None, optimize=True):
    """Zeros of the shape (and, unless `dtype` says otherwise, type) of a tensor."""
    return K.zeros_like(value_of(tensor), None if dtype is None else kind_of(dtype))


@tf_function
def ones_like(tensor, dtype=None, optimize=True):
    """Ones of the shape (and, unless `dtype` says otherwise, type) of a tensor."""
    return K.ones_like(value_of(tensor), None if dtype is None else kind_of(dtype))


@tensor_op(name="Range")
def _range(start, limit, delta, dtype):
    start, limit, delta = (v if isinstance(v, (int, float)) else np.asarray(v)[()] for v in (start, limit, delta))
    if all(isinstance(v, (int, np.integer)) for v in (start, limit, delta)):
        return jnp.arange(int(start), int(limit), int(delta), dtype)
    return jnp.asarray(np.arange(start, limit, delta), dtype)


@tf_function
def range(start, limit=None, delta=1, dtype=None):
    """start, start + delta, ... below limit; one number alone is the limit."""
    if limit is None:
        start, limit = 0, start
    given = [
        np.result_type(*(v if isinstance(v, (int, float)) else np.dtype(type_of(v)) for v in (start, limit, delta)))
    ]
    return _range(start, limit, delta, kind_of(dtype, "float32" if given[0].kind == "f" else "int32"))


@tf_function
def linspace(start, stop, num):
    """`num` numbers at equal distances, both ends included."""
    return _linspace(value_of(start), value_of(stop), num)


@tensor_op(name="LinSpace")
def _linspace(start, stop, num):
    return jnp.linspace(as_array(start), as_array(stop), int_of(num))


@tf_function
def meshgrid(*args, indexing="xy"):
    """Coordinate matrices of coordinate vectors."""
    return _meshgrid([value_of(a) for a in args], indexing)


@tensor_op(name="meshgrid")
def _meshgrid(vectors, indexing):
    return jnp.meshgrid(*(as_array(v) for v in vectors), indexing=indexing)


@tf_function
def eye(num_rows, num_columns=None, batch_shape=None, dtype="float32"):
    """Identity matrices."""
    columns = num_rows if num_columns is None else num_columns
    return _eye(_size(num_rows), _size(columns), sizes_of([] if batch_shape is None else batch_shape), kind_of(dtype))


@tensor_op(name="eye")
def _eye(rows, columns, batch, dtype):
    rows, columns = int_of(rows), int_of(columns)
    batch = batch if isinstance(batch, (list, tuple)) else np.asarray(batch)
    return jnp.broadcast_to(jnp.eye(rows, columns, dtype=dtype), (*(int_of(d) for d in batch), rows, columns))


# -------------------------------------------------- reshape


@tf_function
def reshape(tensor, shape):
    """The elements of a tensor, in order, in another shape; one size may be -1."""
    x, sizes = value_of(tensor), sizes_of(shape)
    if isinstance(sizes, KerasTensor) and len(sizes.shape) == 1 and sizes.shape[0] is not None and sizes.static is None:
        raise ValueError(
            f"reshape: shape must be known from sizes when the graph is built; {sizes.name!r} is computed from data."
        )
    return K.reshape(x, sizes)


@tf_function
def transpose(a, perm=None, conjugate=False):
    """Axes in another order; None: in the opposite order."""
    x = value_of(a)
    order = tuple(builtins.range(len(x.shape)))[::-1] if perm is None else sizes_of(perm)
    return K.permute_dimensions(x, tuple(order))


@tf_function(old={"dim": "axis"})
def expand_dims(input, axis=None):
    """A tensor with an axis of size 1 put in."""
    if axis is None:
        raise ValueError("expand_dims: axis must be given.")
    return K.expand_dims(value_of(input), axes(axis))


@tf_function(old={"squeeze_dims": "axis"})
def squeeze(input, axis=None):
    """A tensor without axes of size 1; None: without all of them."""
    x = value_of(input)
    axis = axes(axis)
    if axis is None or axis == ():
        axis = tuple(i for i, d in enumerate(x.shape) if d == 1)
    return K.squeeze(x, axis) if axis != () else x


@tf_function
def broadcast_to(input, shape):
    """A tensor repeated along axes of size 1 (and new ones in front) to a shape."""
    return _broadcast(value_of(input), sizes_of(shape))


@tensor_op(name="BroadcastTo")
def _broadcast(x, shape):
    shape = shape if isinstance(shape, (list, tuple)) else np.asarray(shape)
    return jnp.broadcast_to(as_array(x), tuple(int_of(d) for d in shape))


@tf_function
def broadcast_static_shape(shape_x, shape_y):
    """The shape of what comes of two tensors of these shapes."""
    return type(shape_x)(np.broadcast_shapes(tuple(shape_x.as_list()), tuple(shape_y.as_list())))


@tf_function
def broadcast_dynamic_shape(shape_x, shape_y):
    """The shape, a vector, of what comes of two tensors of these shapes."""
    return _joint(value_of(shape_x), value_of(shape_y))


@tensor_op(name="BroadcastArgs")
def _joint(x, y):
    x, y = (np.asarray(v) for v in (x, y))
    return jnp.asarray(np.broadcast_shapes(tuple(x.tolist()), tuple(y.tolist())), jnp.int32)


# -------------------------------------------------- join and part


@tf_function(old={"concat_dim": "axis"})
def concat(values, axis=None):
    """Tensors one after the other along an axis; as in TensorFlow 0.x, the axis may come first."""
    if isinstance(values, (int, np.integer)):
        values, axis = axis, values
    if axis is None:
        raise ValueError("concat: axis must be given.")
    parts = values if isinstance(values, (list, tuple)) else [values]
    parts = _of_one_type([value_of(v) for v in parts])
    return K.concatenate(parts, axes(axis)) if len(parts) > 1 else K.identity(parts[0])


def _of_one_type(parts):
    """Numbers among tensors in the tensors' type."""
    tensors = [p for p in parts if isinstance(p, (KerasTensor, Variable))]
    if not tensors:
        return parts
    dtype = str(tensors[0].dtype)
    return [p if isinstance(p, (KerasTensor, Variable)) else value_of(p, dtype) for p in parts]


@tf_function
def stack(values, axis=0):
    """Tensors of equal shape along a new axis."""
    if isinstance(values, (KerasTensor, Variable, np.ndarray)):
        values = unstack(values)
    return K.stack(_of_one_type([value_of(v) for v in values]), axes(axis))


parallel_stack = stack


@tf_function
def unstack(value, num=None, axis=0):
    """The parts of a tensor along an axis, a list; its size must be known."""
    x = value_of(value)
    (axis,) = axes_of(axis, len(x.shape), "unstack")
    if num is None:
        num = x.shape[axis]
    if num is None:
        raise ValueError(f"unstack: axis {axis} of a tensor of shape {tuple(x.shape)} must have a known size, or num=.")
    before = (slice_(None),) * axis
    return [x[(*before, i)] for i in builtins.range(int(num))]


slice_ = builtins.slice


@tf_function(old={"split_dim": "axis"})
def split(value, num_or_size_splits, axis=0, num=None):
    """The parts of a tensor along an axis: so many equal ones, or of these sizes (one may be -1).

    As in TensorFlow 0.x, the arguments may be: axis, number, tensor.
    """
    if isinstance(value, (int, np.integer)) and hasattr(axis, "shape"):
        value, num_or_size_splits, axis = axis, num_or_size_splits, value
    x = value_of(value)
    (axis,) = axes_of(axes(axis), len(x.shape), "split")
    whole = isinstance(num_or_size_splits, (int, np.integer)) or np.ndim(get_static_value(num_or_size_splits)) == 0
    if whole and get_static_value(num_or_size_splits) is not None:
        return _split(x, int(get_static_value(num_or_size_splits)), axis)
    return _split(x, sizes_of(num_or_size_splits), axis)


@tensor_op(name="Split", rowwise=lambda tensors, args, kwargs: batch_axis_kept(tensors, args, kwargs, position=2))
def _split(x, parts, axis):
    x = as_array(x)
    total = x.shape[axis]
    if isinstance(parts, int):
        if total % parts:
            raise ValueError(
                f"split: axis {axis} of a tensor of shape {tuple(x.shape)} must divide into {parts} equal parts."
            )
        return jnp.split(x, parts, axis)
    parts = [int_of(n) for n in (parts if isinstance(parts, (list, tuple)) else np.asarray(parts))]
    if -1 in parts:
        parts[parts.index(-1)] = total - sum(parts) - 1
    if sum(parts) != total or min(parts) < 0:
        raise ValueError(f"split: the sizes must add up to {total}, the size of axis {axis}; got {parts}.")
    return jnp.split(x, np.cumsum(parts)[:-1].tolist(), axis)


@tf_function
def tile(input, multiples):
    """A tensor repeated so many times along each axis."""
    return K.tile(value_of(input), sizes_of(multiples))


@tf_function
def repeat(input, repeats, axis=None):
    """Each element `repeats` times in a row."""
    x = value_of(input)
    if axis is None:
        x, axis = K.flatten(x), 0
    if isinstance(repeats, (int, np.integer)):
        return K.repeat_elements(x, int(repeats), axis)
    known = get_static_value(repeats)
    if known is None:
        raise ValueError("repeat: repeats must be known when the graph is built; got a tensor computed from data.")
    return _repeat(x, tuple(known.reshape(-1).tolist()), axis)


@tensor_op(name="repeat", rowwise=lambda tensors, args, kwargs: batch_axis_kept(tensors, args, kwargs, position=2))
def _repeat(x, counts, axis):
    return jnp.repeat(as_array(x), np.asarray(counts), axis, total_repeat_length=sum(counts))


# -------------------------------------------------- slices


@tf_function(old={"input": "input_"})
def slice(input_, begin, size):
    """input_[begin[0] : begin[0] + size[0], ...]; a size of -1: up to the end."""
    x, begin, size = value_of(input_), sizes_of(begin), sizes_of(size)
    if not isinstance(begin, list) or any(_from_data(b) for b in begin):
        return _moving_slice(x, begin, size)
    return K.slice(x, begin, size)


def _from_data(d):
    return isinstance(d, KerasTensor) and d.static is None


@tensor_op(name="Slice")
def _moving_slice(x, begin, size):
    """A slice whose start is computed from data: what would reach beyond the end is moved inside."""
    x = as_array(x)
    begin = list(begin) if isinstance(begin, (list, tuple)) else list(as_array(begin))
    size = list(size) if isinstance(size, (list, tuple)) else list(np.asarray(size))
    counts = []
    for b, n, whole in zip(begin, size, x.shape, strict=True):
        n = int_of(n)
        counts.append(whole - int_of(b) if n == -1 else n)
    return lax.dynamic_slice(x, [jnp.asarray(b, jnp.int32) for b in begin], counts)


@tf_function
def strided_slice(
    input_,
    begin,
    end=None,
    strides=None,
    begin_mask=0,
    end_mask=0,
    ellipsis_mask=0,
    new_axis_mask=0,
    shrink_axis_mask=0,
):
    """input_[begin[0] : end[0] : strides[0], ...]; bit i of a mask says how axis i is taken instead.

    Args:
        begin_mask, end_mask: from the start, up to the end.
        ellipsis_mask, new_axis_mask: `...`, a new axis.
        shrink_axis_mask: the element at `begin`, without the axis.
    """
    begin, end = sizes_of(begin), sizes_of(begin if end is None else end)
    strides = [1] * len(begin) if strides is None else sizes_of(strides)
    index = []
    for i, (b, e, s) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << i
        if ellipsis_mask & bit:
            index.append(Ellipsis)
        elif new_axis_mask & bit:
            index.append(None)
        elif shrink_axis_mask & bit:
            index.append(b)
        else:
            index.append(slice_(None if begin_mask & bit else b, None if end_mask & bit else e, s))
    return as_tensor_like(value_of(input_))[tuple(index)]


def as_tensor_like(x):
    """Something that can be indexed."""
    return x if isinstance(x, (KerasTensor, Variable)) else as_array(x)


@tf_function
def reverse(tensor, axis):
    """The order along axes turned around; as in TensorFlow 0.x, a list of bools may say which."""
    x, axis = value_of(tensor), np.asarray(axis).reshape(-1)
    if axis.dtype == bool:
        axis = np.flatnonzero(axis)
    return K.reverse(x, tuple(int(a) for a in axis)) if len(axis) else x


@tf_function(old={"seq_dim": "seq_axis", "batch_dim": "batch_axis"})
def reverse_sequence(input, seq_lengths, seq_axis=None, batch_axis=0):
    """The first seq_lengths[i] elements along `seq_axis` of each i along `batch_axis` turned around."""
    return _reverse_sequence(value_of(input), held(value_of(seq_lengths)), seq_axis, batch_axis or 0)


@tensor_op(name="ReverseSequence", rowwise=lambda tensors, args, kwargs: args[3] == 0)
def _reverse_sequence(x, lengths, axis, batch):
    x, lengths = as_array(x), as_array(lengths)
    moved = jnp.moveaxis(x, (batch, axis), (0, 1))
    steps, ends = jnp.arange(moved.shape[1])[None, :], lengths.astype(jnp.int32)[:, None]
    index = jnp.where(steps < ends, ends - 1 - steps, steps)
    index = index.reshape(index.shape + (1,) * (moved.ndim - 2))
    return jnp.moveaxis(jnp.take_along_axis(moved, index, 1), (0, 1), (batch, axis))


@tf_function
def roll(input, shift, axis):
    """Elements shifted along axes; what falls off one end comes in at the other."""
    return _roll(value_of(input), axes(shift), axes(axis))


@tensor_op(name="Roll", rowwise=lambda tensors, args, kwargs: batch_axis_kept(tensors, args, kwargs, position=2))
def _roll(x, shift, axis):
    return jnp.roll(as_array(x), shift, axis)


# -------------------------------------------------- padding


@tf_function
def pad(tensor, paddings, mode="CONSTANT", constant_values=0):
    """A tensor with paddings[i] = (before, after) elements around along axis i.

    Args:
        mode: 'CONSTANT', 'REFLECT' (without the edge) or 'SYMMETRIC' (with it).
        constant_values: the number that fills.
    """
    kinds = {"CONSTANT": "constant", "REFLECT": "reflect", "SYMMETRIC": "symmetric"}
    if str(mode).upper() not in kinds:
        raise ValueError(f"pad: mode must be one of {', '.join(kinds)}; got {mode!r}.")
    x = value_of(tensor)
    known = get_static_value(paddings) if isinstance(paddings, KerasTensor) else None
    pairs = paddings if known is None else known.tolist()
    if not isinstance(pairs, KerasTensor):
        pairs = [sizes_of(p) for p in pairs]
    return _pad(x, pairs, kinds[str(mode).upper()], constant_values)


def _pads_no_rows(tensors, args, kwargs):
    x, pairs = args[:2]
    return len(tensors) == 1 and tensors[0] is x and isinstance(pairs, list) and pairs[0] == [0, 0]


@tensor_op(name="Pad", rowwise=_pads_no_rows)
def _pad(x, pairs, mode, value):
    pairs = pairs if isinstance(pairs, (list, tuple)) else np.asarray(pairs)
    pairs = [tuple(int_of(n) for n in (p if isinstance(p, (list, tuple)) else np.asarray(p))) for p in pairs]
    extra = {"constant_values": value} if mode == "constant" else {}
    return jnp.pad(as_array(x), pairs, mode, **extra)


# -------------------------------------------------- blocks


def _first_only(tensors, args, kwargs):
    return len(tensors) == 1 and tensors[0] is args[0]


@tf_function
def depth_to_space(input, block_size, data_format="NHWC"):
    """(n, h, w, b b c) as (n, h b, w b, c)."""
    return _last(_depth_to_space, input, int(block_size), data_format)


@tf_function
def space_to_depth(input, block_size, data_format="NHWC"):
    """(n, h b, w b, c) as (n, h, w, b b c)."""
    return _last(_space_to_depth, input, int(block_size), data_format)


def _last(operation, x, block, data_format):
    x = value_of(x)
    if data_format == "NHWC":
        return operation(x, block)
    if data_format != "NCHW":
        raise ValueError(f"{operation.__name__}: data_format must be NHWC or NCHW; got {data_format!r}.")
    return K.permute_dimensions(operation(K.permute_dimensions(x, (0, 2, 3, 1)), block), (0, 3, 1, 2))


@tensor_op(name="DepthToSpace", rowwise=_first_only)
def _depth_to_space(x, b):
    n, h, w, c = as_array(x).shape
    y = as_array(x).reshape(n, h, w, b, b, c // (b * b))
    return y.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, c // (b * b))


@tensor_op(name="SpaceToDepth", rowwise=_first_only)
def _space_to_depth(x, b):
    n, h, w, c = as_array(x).shape
    y = as_array(x).reshape(n, h // b, b, w // b, b, c)
    return y.transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, b * b * c)


@tf_function
def space_to_batch_nd(input, block_shape, paddings):
    """Blocks of the spatial axes moved into the batch."""
    return _to_batch(value_of(input), sizes_of(block_shape), [sizes_of(p) for p in paddings])


@tensor_op(name="SpaceToBatchND")
def _to_batch(x, block, paddings):
    x, m = as_array(x), len(block)
    x = jnp.pad(x, [(0, 0), *map(tuple, paddings), *[(0, 0)] * (x.ndim - 1 - m)])
    shape = [x.shape[0]]
    for n, b in zip(x.shape[1 : m + 1], block, strict=True):
        shape += [n // b, b]
    y = x.reshape(*shape, *x.shape[m + 1 :])
    order = [*builtins.range(2, 2 * m + 1, 2), 0, *builtins.range(1, 2 * m + 1, 2), *builtins.range(2 * m + 1, y.ndim)]
    y = y.transpose(order)
    return y.reshape(-1, *y.shape[m + 1 :])


@tf_function
def batch_to_space_nd(input, block_shape, crops):
    """The inverse of `space_to_batch_nd`."""
    return _from_batch(value_of(input), sizes_of(block_shape), [sizes_of(p) for p in crops])


@tensor_op(name="BatchToSpaceND")
def _from_batch(x, block, crops):
    x, m = as_array(x), len(block)
    y = x.reshape(*block, x.shape[0] // int(np.prod(block)), *x.shape[1:])
    order = [m]
    for i in builtins.range(m):
        order += [m + 1 + i, i]
    y = y.transpose(*order, *builtins.range(2 * m + 1, y.ndim))
    y = y.reshape(y.shape[0], *(n * b for n, b in zip(x.shape[1 : m + 1], block, strict=True)), *x.shape[m + 1 :])
    ends = [n - after for n, (_, after) in zip(y.shape[1 : m + 1], crops, strict=True)]
    return y[(slice_(None), *(slice_(before, e) for (before, _), e in zip(crops, ends, strict=True)))]


@functools.wraps(space_to_batch_nd)
def space_to_batch(input, paddings, block_size=None, name=None, block_shape=None):
    return space_to_batch_nd(input, [block_size] * 2 if block_shape is None else block_shape, paddings, name=name)


@functools.wraps(batch_to_space_nd)
def batch_to_space(input, crops, block_size=None, name=None, block_shape=None):
    return batch_to_space_nd(input, [block_size] * 2 if block_shape is None else block_shape, crops, name=name)

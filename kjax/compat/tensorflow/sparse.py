"""Sparse tensors: lists of places and values, under TensorFlow's names."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.backend.operation import as_array, int_of, tensor_op
from kjax.compat.tensorflow.counted import count_of, counted
from kjax.compat.tensorflow.tensors import get_static_value, held, tf_function, value_of


class SparseTensor:
    """A tensor of which only some elements are not 0.

    Args:
        indices: (n, rank) ints, the places in ascending order.
        values: (n,).
        dense_shape: (rank,) ints.
    """

    def __init__(self, indices, values, dense_shape):
        self.indices = held(value_of(indices, "int32"))
        self.values = held(value_of(values))
        self.dense_shape = held(value_of(dense_shape, "int32"))

    @classmethod
    def of_padded(cls, labels):
        """Rows of labels with -1 behind the last."""
        indices, values, columns = _kept(labels)
        return cls(indices, values, K.stack([K.shape(labels)[0], columns]))

    @property
    def dtype(self):
        return self.values.dtype

    @property
    def shape(self):
        return self.get_shape()

    def get_shape(self):
        return to_dense(self).get_shape()

    def dense_labels(self):
        """(labels (rows, columns), how many each row has): of a SparseTensor of labels."""
        shape = get_static_value(self.dense_shape)
        if shape is not None:
            return to_dense(self), _known_row_lengths(self.indices, int(shape[0]))
        return to_dense(self), _row_lengths(self.indices, self.dense_shape)

    def eval(self, feed_dict=None, session=None):
        """A SparseTensorValue."""
        return SparseTensorValue(*(K.eval(t) for t in (self.indices, self.values, self.dense_shape)))


class SparseTensorValue(tuple):
    """(indices, values, dense shape) of a sparse tensor, NumPy arrays."""

    __slots__ = ()

    def __new__(cls, indices, values, dense_shape):
        return super().__new__(cls, (indices, values, dense_shape))

    indices = property(lambda self: self[0])
    values = property(lambda self: self[1])
    dense_shape = property(lambda self: self[2])


@counted(name="DenseToSparse")
def _kept(labels):
    labels = as_array(labels)
    keep = labels >= 0
    n = count_of(lambda: np.count_nonzero(keep))
    places = jnp.stack(jnp.nonzero(keep, size=n), -1).astype(jnp.int32)
    columns = jnp.max(jnp.sum(keep, 1), initial=0).astype(jnp.int32)
    return [places, labels[tuple(jnp.moveaxis(places, -1, 0))], columns]


@counted(name="SparseRowLengths")
def _row_lengths(indices, shape):
    rows = count_of(lambda: np.asarray(shape)[0])
    return jnp.zeros((rows,), jnp.int32).at[as_array(indices)[:, 0]].add(1)


@tensor_op(name="SparseRowLengths")
def _known_row_lengths(indices, rows):
    return jnp.zeros((rows,), jnp.int32).at[as_array(indices)[:, 0]].add(1)


@counted(name="SparseToDense")
def _filled(indices, shape, values, default):
    rank = as_array(indices).shape[-1]
    sizes = tuple(count_of(lambda i=i: np.asarray(shape)[i]) for i in range(rank))
    return _placed(indices, sizes, values, default)


@tensor_op(name="SparseToDense")
def _known(indices, shape, values, default):
    return _placed(indices, tuple(int_of(n) for n in np.asarray(shape)), values, default)


def _placed(indices, sizes, values, default):
    values = as_array(values)
    dense = jnp.full(sizes, default, values.dtype)
    return dense.at[tuple(jnp.moveaxis(as_array(indices).astype(jnp.int32), -1, 0))].set(values)


def _dense(indices, shape, values, default):
    known = not hasattr(shape, "static") or shape.static is not None
    return (_known if known else _filled)(indices, shape, values, default)


@tf_function
def to_dense(sp_input, default_value=0, validate_indices=True):
    """The tensor with all its elements, `default_value` where none is given."""
    return _dense(sp_input.indices, sp_input.dense_shape, sp_input.values, default_value or 0)


sparse_tensor_to_dense = to_dense


@tf_function
def sparse_to_dense(sparse_indices, output_shape, sparse_values, default_value=0, validate_indices=True):
    """A tensor with these values at these places, `default_value` elsewhere."""
    indices = held(value_of(sparse_indices, "int32"))
    if len(indices.shape) == 1:
        indices = K.expand_dims(indices, -1)
    shape, values = held(value_of(output_shape, "int32")), value_of(sparse_values)
    if len(shape.shape) == 0:
        shape = K.expand_dims(shape, 0)
    return _dense(indices, shape, values, default_value)


@counted(name="DenseToSparse")
def _not_zero(x):
    x = as_array(x)
    n = count_of(lambda: np.count_nonzero(x != 0))
    places = jnp.nonzero(x != 0, size=n)
    return [jnp.stack(places, -1).astype(jnp.int32), x[places]]


def from_dense(tensor, name=None):
    """The SparseTensor of the elements that are not 0."""
    x = held(value_of(tensor))
    indices, values = _not_zero(x)
    return SparseTensor(indices, values, K.shape(x))


@tf_function
def sparse_tensor_dense_matmul(sp_a, b, adjoint_a=False, adjoint_b=False):
    """The product of a sparse and a dense matrix."""
    return _product(to_dense(sp_a), value_of(b), bool(adjoint_a), bool(adjoint_b))


@tensor_op(name="SparseTensorDenseMatMul")
def _product(a, b, transpose_a, transpose_b):
    a, b = as_array(a), as_array(b)
    return jnp.matmul(a.T if transpose_a else a, b.T if transpose_b else b)


@tf_function(old={"reduction_axes": "axis", "keep_dims": "keepdims"})
def sparse_reduce_sum(sp_input, axis=None, keepdims=False):
    """The sum over axes of a SparseTensor, dense."""
    return K.sum(to_dense(sp_input), axis, bool(keepdims))


def is_sparse(x) -> bool:
    """Whether x is a SparseTensor."""
    return isinstance(x, SparseTensor)


# -------------------------------------------------- sets


def _operation(name, belongs, doc):
    @counted(name=name)
    def operation(a, b):
        """Rows of sets: (indices, values, largest number of elements)."""
        a, b = as_array(a), as_array(b)
        everything = jnp.sort(jnp.concatenate([a, b], -1), -1)
        first = jnp.concatenate([jnp.ones_like(everything[:, :1], bool), everything[:, 1:] != everything[:, :-1]], -1)
        within = [jnp.any(everything[:, :, None] == s[:, None, :], -1) for s in (a, b)]
        keep = first & belongs(*within)
        order = jnp.cumsum(keep, -1) - 1
        rows, columns = jnp.nonzero(keep, size=count_of(lambda: np.count_nonzero(keep)))
        indices = jnp.stack([rows, order[rows, columns]], -1).astype(jnp.int32)
        return [indices, everything[rows, columns], jnp.max(jnp.sum(keep, -1), initial=0).astype(jnp.int32)]

    def function(a, b, validate_indices=True):
        a, b = (to_dense(s) if isinstance(s, SparseTensor) else held(value_of(s)) for s in (a, b))
        if len(a.shape) != 2 or len(b.shape) != 2:
            raise NotImplementedError(f"{name}: sets must be rows of matrices; got shapes {a.shape} and {b.shape}.")
        indices, values, columns = operation(a, b)
        return SparseTensor(indices, values, K.stack([K.shape(a)[0], columns]))

    function.__name__, function.__doc__ = name, doc
    return function


set_intersection = _operation("set_intersection", lambda a, b: a & b, "The elements that both rows have, sparse.")
set_union = _operation("set_union", lambda a, b: a | b, "The elements that one of the rows has, sparse.")
_minus = _operation("set_difference", lambda a, b: a & ~b, "The elements that only the first row has, sparse.")


def set_difference(a, b, aminusb=True, validate_indices=True):
    """The elements that only the first row (`aminusb=False`: the second) has, sparse."""
    return _minus(a, b) if aminusb else _minus(b, a)

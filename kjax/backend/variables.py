"""Variables, constants, placeholders: making them, telling them apart, reading and writing values."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from kjax.backend.config import dtype_name
from kjax.backend.naming import scoped_name
from kjax.backend.operation import as_array, in_floatx, int_of, tensor_op
from kjax.backend.placeholders import required_placeholders
from kjax.backend.sparse import densified, is_scipy_sparse
from kjax.graph import KerasTensor, Update, Variable, is_symbolic, symbolic_leaves
from kjax.graph.execute import compute

__all__ = [
    "batch_get_value", "batch_set_value", "constant", "count_params", "dtype", "eval", "eye", "get_value",
    "get_variable_shape", "identity", "int_shape", "is_keras_tensor", "is_placeholder", "is_tensor", "is_variable",
    "ndim", "ones", "ones_like", "placeholder", "set_value", "shape", "size", "variable", "zeros", "zeros_like",
]  # fmt: skip


_LARGEST_KEPT = 2**20  # bytes of a value that a variable can be given again

# -------------------------------------------------- making


def variable(value, dtype=None, name=None, constraint=None):
    """A Variable with this initial value.

    Args:
        value: number, array, nested list, SciPy sparse matrix (stored dense), or symbolic tensor without placeholders.
        dtype: str; default `floatx()`.
        name: str.
        constraint: function applied after each training step, or None.
    """
    sparse = is_scipy_sparse(value)
    if isinstance(value, (KerasTensor, Variable)):
        value = eval(value)
    dtype = dtype_name(dtype, "variable")
    if value is None or isinstance(value, str):
        raise TypeError(f"variable: value must be a number, an array or a symbolic tensor; got {value!r:.100}.")
    made = Variable(
        np.array(densified(value), dtype=dtype), name=scoped_name(name or "Variable"), constraint=constraint
    )
    made.sparse = sparse
    if made.value.nbytes <= _LARGEST_KEPT:
        made.initial = functools.partial(np.asarray, made.value.copy())
    return made


def constant(value, dtype=None, shape=None, name=None):
    """A constant array.

    Args:
        value: number, nested list or array.
        dtype: str; default `floatx()`.
        shape: shape of the result; a single number fills it.
        name: ignored.
    """
    value = np.asarray(value, dtype=dtype_name(dtype, "constant"))
    if shape is not None:
        shape = tuple(int(d) for d in shape)
        if value.size != 1 and value.size != int(np.prod(shape)):
            raise ValueError(
                f"constant: value must be one number, or as many as shape {shape} holds; got {value.size}."
            )
        value = np.full(shape, value.reshape(())) if value.size == 1 else value.reshape(shape)
    return jnp.asarray(value)


def placeholder(shape=None, ndim=None, dtype=None, sparse=False, name=None):
    """A symbolic tensor whose value is fed later.

    Args:
        shape: tuple of int or None (unknown).
        ndim: rank, where `shape` is not given.
        dtype: str; default `floatx()`.
        sparse: whether sparse matrices will be fed; they are computed with as dense ones.
        name: str.
    Differs: the rank must be known.
    """
    if shape is None:
        if ndim is None:
            raise ValueError("placeholder: shape or ndim must be given; got neither.")
        shape = (None,) * ndim
    elif isinstance(shape, (int, np.integer)):
        shape = (shape,)
    shape = tuple(None if d is None or int(d) < 0 else int(d) for d in shape)
    dtype = dtype_name(dtype, "placeholder")
    made = KerasTensor(shape, dtype, name=scoped_name(name) + ":0" if name else None)
    made.sparse = bool(sparse)
    return made


@tensor_op(name="zeros")
def _filled(shape, value, dtype):
    sizes = shape if isinstance(shape, (list, tuple)) else np.asarray(shape).reshape(-1)
    return jnp.full(tuple(int_of(d) for d in sizes), value, dtype)


def _known(shape):
    """Sizes from `K.shape` that do not depend on the batch, as numbers."""
    if isinstance(shape, KerasTensor) and shape.static is not None and np.array_equal(*shape.static):
        return np.asarray(shape.static[0]).tolist()
    return [_known(d) for d in shape] if isinstance(shape, (list, tuple)) else shape


def _full(shape, value, dtype, name):
    dtype, shape = dtype_name(dtype, "ones" if value else "zeros"), _known(shape)
    if symbolic_leaves(shape) or (
        isinstance(shape, (list, tuple)) and any(isinstance(d, jax.core.Tracer) for d in shape)
    ):
        return _filled(shape, value, dtype)
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(int(d) for d in shape)
    made = variable(np.full(shape, value), dtype, name)
    made.initial = functools.partial(np.full, shape, value, made.dtype)
    return made


def zeros(shape, dtype=None, name=None):
    """A Variable of zeros.

    Args:
        shape: tuple of int; with sizes from `K.shape` among them the result is a symbolic tensor.
        dtype: str; default `floatx()`.
        name: str.
    """
    return _full(shape, 0, dtype, name)


def ones(shape, dtype=None, name=None):
    """A Variable of ones; arguments as for `zeros`."""
    return _full(shape, 1, dtype, name)


def eye(size, dtype=None, name=None):
    """A Variable: the identity matrix.

    Args:
        size: int, or (rows, columns).
        dtype: str; default `floatx()`.
        name: str.
    """
    rows, columns = size if isinstance(size, (list, tuple)) else (size, size)
    return variable(np.eye(rows, columns), dtype, name)


@tensor_op(name="zeros_like", rowwise=True)
def _like(x, value, dtype):
    return jnp.full_like(as_array(x), value, dtype=dtype)


def zeros_like(x, dtype=None, name=None):
    """Zeros of the shape (and, unless `dtype` says otherwise, type) of x."""
    return _like(x, 0, None if dtype is None else dtype_name(dtype, "zeros_like"))


def ones_like(x, dtype=None, name=None):
    """Ones of the shape (and, unless `dtype` says otherwise, type) of x."""
    return _like(x, 1, None if dtype is None else dtype_name(dtype, "ones_like"))


@tensor_op(rowwise=True)
def _identity(x):
    return as_array(x)


def identity(x, name=None):
    """A tensor with the value of x."""
    return _identity(x)


@tensor_op(name="constant", rowwise=True, always=True)
def _held(x):
    return as_array(x)


def as_tensor(x):
    """The symbolic tensor that has the value of a Variable or of a JAX array; anything else as it is."""
    known = isinstance(x, Variable) or (isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer))
    return _held(x) if known else x


# -------------------------------------------------- kinds


def is_tensor(x):
    """Whether x is a symbolic tensor, a Variable or a JAX array."""
    return isinstance(x, (KerasTensor, Variable, jax.Array))


def is_variable(x):
    """Whether x is a Variable."""
    return isinstance(x, Variable)


def is_placeholder(x):
    """Whether x is a symbolic tensor whose value must be fed."""
    return isinstance(x, KerasTensor) and x.op is None


def is_keras_tensor(x):
    """Whether a layer (or `Input`) returned x.

    Raises:
        ValueError: when x is not a tensor at all.
    """
    if not is_tensor(x):
        raise ValueError(f"is_keras_tensor: x must be a tensor; got {type(x).__name__}.")
    return hasattr(x, "_keras_history")


def dtype(x):
    """The element type of x, a str."""
    return str(x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype)


def int_shape(x):
    """The shape of x, a tuple of int and None (unknown)."""
    if hasattr(x, "_keras_shape"):
        return tuple(x._keras_shape)
    return tuple(np.shape(x) if not hasattr(x, "shape") else x.shape)


def get_variable_shape(x):
    """The shape of a Variable."""
    return int_shape(x)


def ndim(x):
    """The number of axes of x."""
    return len(int_shape(x))


def count_params(x):
    """The number of elements of x, whose shape must be known."""
    shape = int_shape(x)
    if None in shape:
        raise ValueError(f"count_params: every size of x must be known; got shape {shape}.")
    return int(np.prod(shape))


@tensor_op(static=True)
def shape(x):
    """The shape of x as an int32 vector that may be indexed and used where shapes are wanted."""
    return np.asarray(np.shape(x) if not hasattr(x, "shape") else x.shape, np.int32)


@tensor_op(static=True, name="size")
def _size(x):
    return np.asarray(np.prod(np.shape(x) if not hasattr(x, "shape") else x.shape, dtype=np.int64), np.int32)


def size(x, name=None):
    """The number of elements of x, an int32 scalar tensor."""
    return _size(x)


# -------------------------------------------------- values


def eval(x):
    """The value of x as a NumPy array.

    Args:
        x: Variable, array, or symbolic tensor that needs no placeholder; an Update is carried out.
    """
    if isinstance(x, Update):
        value = eval(x.value)
        x.variable.assign(value)
        return get_value(x.variable)
    if isinstance(x, Variable):
        return get_value(x)
    if is_symbolic(x):
        missing = required_placeholders([x])
        if missing:
            raise ValueError(
                f"eval: {x.name!r} depends on the placeholder(s) {[t.name for t in missing]}, which have no value; "
                "use K.function([...], [...]) and feed them."
            )
        return _numpy(compute([x])[0])
    return _numpy(densified(in_floatx(x)))


def _numpy(value):
    """A writable copy; NumPy scalars for scalars."""
    return np.array(value)[()]


def get_value(x):
    """The value of a Variable, a NumPy array."""
    return _numpy(x.value) if isinstance(x, Variable) else eval(x)


def batch_get_value(ops):
    """The values of several Variables, a list of NumPy arrays; Updates are carried out, all from the values before."""
    values = [eval(x.value) if isinstance(x, Update) else get_value(x) for x in ops]
    for x, value in zip(ops, values, strict=True):
        if isinstance(x, Update):
            x.variable.assign(value)
    return values


def set_value(x, value):
    """Gives a Variable another value.

    Args:
        x: Variable.
        value: array or number of the same shape.
    """
    if not isinstance(x, Variable):
        raise TypeError(f"set_value: x must be a Variable (a weight, an optimizer's lr); got {type(x).__name__}.")
    x.assign(np.asarray(densified(value), dtype=x.dtype))


def batch_set_value(tuples):
    """Gives several Variables other values.

    Args:
        tuples: list of (variable, value).
    """
    for x, value in tuples:
        set_value(x, value)

"""How the stand-in's functions give tensors, and functions that make tensors: constants, placeholders."""

from __future__ import annotations

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np

from kjax.backend import cast as K_cast
from kjax.backend import stack as K_stack
from kjax.backend import stop_gradient as K_stop_gradient
from kjax.backend.config import dtype_name, floatx
from kjax.backend.naming import scoped_name
from kjax.backend.operation import as_array, tensor_op
from kjax.backend.variables import as_tensor as array_as_tensor
from kjax.backend.variables import identity as K_identity
from kjax.backend.variables import placeholder as K_placeholder
from kjax.graph import KerasTensor, Update, Variable, symbolic_leaves
from kjax.graph.context import current_resolver
from kjax.graph.dtypes import as_dtype

_MOST_SIZES = 64  # integer arrays up to this size may be shapes: they are known while a graph is built


@tensor_op(name="Const", static=True, always=True)
def _known(value):
    return np.asarray(value)


def held(x):
    """The symbolic tensor that has the value of an array; anything else, and everything inside of a trace, as it is."""
    if current_resolver() is not None or isinstance(x, jax.core.Tracer):
        return x
    if not isinstance(x, (jax.Array, np.ndarray, np.generic)):
        return x
    if x.dtype.kind in "iub" and x.size <= _MOST_SIZES:
        return _known(np.asarray(x, jax.dtypes.canonicalize_dtype(x.dtype)))
    return array_as_tensor(x if isinstance(x, jax.Array) else jnp.asarray(x))


def _all_held(result):
    """Arrays in nested lists and tuples as symbolic tensors."""
    if isinstance(result, Update):
        return result
    if isinstance(result, (list, tuple)):
        parts = [_all_held(v) for v in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if isinstance(result, dict):
        return {k: _all_held(v) for k, v in result.items()}
    return held(result)


def named(result, name):
    """The tensor with another name, under the name scopes that are open."""
    if name and isinstance(result, KerasTensor):
        result._name = scoped_name(str(name)) + ":0"
    return result


def tf_function(fn=None, *, old=None):
    """A function in TensorFlow's words: it takes `name=`, and gives symbolic tensors also for numbers and arrays.

    Args:
        fn: a function that need not care for names.
        old: name of an argument in older versions -> today's name.
    """
    if fn is None:
        return functools.partial(tf_function, old=old)
    signature = inspect.signature(fn)
    parameters = list(signature.parameters.values())
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)

    @functools.wraps(fn)
    def call(*args, name=None, **kwargs):
        if len(args) > len(positional) and not several and isinstance(args[-1], str):
            *args, name = args
        for before, now in (old or {}).items():
            if before in kwargs:
                value = kwargs.pop(before)
                if value is not None:
                    kwargs[now] = value
        return named(_all_held(fn(*args, **kwargs)), name)

    added = [inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY, default=None)]
    added += [inspect.Parameter(b, inspect.Parameter.KEYWORD_ONLY, default=None) for b in old or {}]
    last = [p for p in parameters if p.kind is p.VAR_KEYWORD]
    call.__signature__ = signature.replace(parameters=[p for p in parameters if p not in last] + added + last)
    return call


def kind_of(dtype, default=None) -> str:
    """The name of the type JAX computes in for a type in TensorFlow's words; None: `default`."""
    return dtype_name(default if dtype is None else str(as_dtype(dtype)), "dtype")


def type_of(x) -> str:
    """The type of the elements that a tensor, an array or nested lists of numbers have."""
    if hasattr(x, "dtype"):
        return dtype_name(str(x.dtype), "dtype")
    leaves = symbolic_leaves(x)
    if leaves:
        return str(leaves[0].dtype)
    found = np.asarray(x).dtype
    return floatx() if found.kind == "f" else dtype_name(found, "dtype")


# -------------------------------------------------- making


def value_of(value, dtype=None):
    """Numbers, arrays and nested lists, also of tensors, as one tensor or array of a type."""
    if isinstance(value, (KerasTensor, Variable)):
        return value if dtype is None or kind_of(dtype) == value.dtype else K_cast(value, kind_of(dtype))
    if isinstance(value, (list, tuple)) and symbolic_leaves(value):
        first = dtype or type_of(symbolic_leaves(value)[0])
        return K_stack([value_of(v, first) for v in value], axis=0)
    if isinstance(value, jax.Array):
        return value if dtype is None else value.astype(kind_of(dtype))
    if isinstance(value, (str, bytes)) or value is None:
        raise TypeError(f"a tensor must hold numbers or truth values; got {value!r:.60}.")
    return np.asarray(value, type_of(value) if dtype is None else kind_of(dtype))


@tf_function
def constant(value, dtype=None, shape=None, verify_shape=False):
    """A tensor of these values.

    Args:
        value: number, nested list or array.
        dtype: type; default: that of the values (floats: `floatx()`).
        shape: list of int: the values fill it, the last one as often as needed.
        verify_shape: whether `value` must have the shape already.
    Differs: 64-bit types are 32-bit ones unless `floatx()` is 'float64'.
    """
    value = value_of(value, dtype)
    if shape is None:
        return value
    shape = tuple(int(d) for d in shape)
    if verify_shape and tuple(value.shape) != shape:
        raise TypeError(f"constant: value must have shape {shape}; it has {tuple(value.shape)}.")
    flat, size = np.asarray(value).reshape(-1), int(np.prod(shape))
    if flat.size > size:
        raise ValueError(f"constant: value must have at most the {size} elements of shape {shape}; got {flat.size}.")
    return np.concatenate([flat, np.full(size - flat.size, flat[-1], flat.dtype)]).reshape(shape)


@tf_function(old={"preferred_dtype": "dtype_hint"})
def convert_to_tensor(value, dtype=None, dtype_hint=None):
    """`value` as a tensor; a list with tensors in it is stacked."""
    if isinstance(value, Variable) and dtype is None:
        return array_as_tensor(value)
    return value_of(value, dtype)


@tf_function
def convert_to_tensor_or_sparse_tensor(value, dtype=None):
    """`value` as a tensor."""
    return value_of(value, dtype)


def placeholder(dtype=None, shape=None, name=None):
    """A tensor that is fed.

    Args:
        dtype: type; default `floatx()`.
        shape: list of int and None (unknown).
    Differs: the number of axes must be known.
    """
    if shape is None:
        raise ValueError(
            f"placeholder {name!r}: shape must be given, with None for unknown sizes; the number of axes must be known."
        )
    sizes = [getattr(d, "value", d) for d in (shape if isinstance(shape, (list, tuple)) else [shape])]
    return K_placeholder(tuple(sizes), dtype=kind_of(dtype, floatx()), name=name)


@tf_function
def identity(input):
    """A tensor with the value of `input`."""
    return array_as_tensor(input) if isinstance(input, Variable) else K_identity(value_of(input))


@tf_function
def identity_n(input):
    """Tensors with the values of a list."""
    return [K_identity(value_of(x)) for x in input]


@tf_function
def cast(x, dtype):
    """x in another type; floats become integers by dropping the fraction."""
    return K_cast(value_of(x), kind_of(dtype))


def _caster(dtype):
    @tf_function
    def to(x):
        return K_cast(value_of(x), kind_of(dtype))

    to.__name__ = f"to_{dtype}"
    to.__doc__ = f"x as {dtype}."
    return to


to_float, to_double, to_bfloat16 = _caster("float32"), _caster("float64"), _caster("bfloat16")
to_int32, to_int64 = _caster("int32"), _caster("int64")
to_complex64 = _caster("complex64")


@tf_function
def saturate_cast(value, dtype):
    """x in another type, its limits in place of what is beyond them."""
    limits = as_dtype(dtype).limits
    return _saturated(value_of(value), kind_of(dtype), *limits)


@tensor_op(name="saturate_cast", rowwise=True)
def _saturated(x, dtype, low, high):
    return jnp.clip(as_array(x), low, high).astype(dtype)


def is_tensor(x) -> bool:
    """Whether x is a tensor or a variable."""
    return isinstance(x, (KerasTensor, Variable))


is_tensor_like = is_dense_tensor_like = contains_tensor = is_tensor


def get_static_value(tensor, partial=False):
    """The value of a tensor where it is known while the graph is built, a NumPy array; else None."""
    if isinstance(tensor, KerasTensor):
        if tensor.static is not None and np.array_equal(*tensor.static):
            return np.asarray(tensor.static[0])
        return None
    return None if isinstance(tensor, Variable) else np.asarray(tensor)


constant_value = get_static_value


@tf_function
def stop_gradient(input):
    """`input` as a constant: no gradient flows through it."""
    return K_stop_gradient(value_of(input))

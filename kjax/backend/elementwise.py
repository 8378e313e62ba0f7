"""Functions of each element: arithmetic, comparison, types."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kjax.backend.config import dtype_name
from kjax.backend.operation import as_array, tensor_op
from kjax.graph import elementwise

__all__ = [
    "abs", "cast", "clip", "cos", "equal", "exp", "greater", "greater_equal", "less", "less_equal", "log",
    "maximum", "minimum", "not_equal", "pow", "round", "sign", "sin", "sqrt", "square",
]  # fmt: skip


# -------------------------------------------------- gradients at ties and corners, as TensorFlow has them


@jax.custom_jvp
def _maximum(x, y):
    return jnp.maximum(x, y)


@jax.custom_jvp
def _minimum(x, y):
    return jnp.minimum(x, y)


@_maximum.defjvp
def _maximum_jvp(primals, tangents):
    x, y = primals
    dx, dy = tangents
    return _maximum(x, y), jnp.where(x >= y, dx, dy)


@_minimum.defjvp
def _minimum_jvp(primals, tangents):
    x, y = primals
    dx, dy = tangents
    return _minimum(x, y), jnp.where(x <= y, dx, dy)


@jax.custom_jvp
def _abs(x):
    return jnp.abs(x)


@_abs.defjvp
def _abs_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return _abs(x), jnp.sign(x) * dx


def _floats(x, y):
    """Both in their common type, and whether it is one that has gradients."""
    x, y = as_array(x), as_array(y)
    dtype = jnp.result_type(x, y)
    return x.astype(dtype), y.astype(dtype), jnp.issubdtype(dtype, jnp.inexact)


# -------------------------------------------------- arithmetic


@tensor_op(rowwise=True)
def square(x):
    """x^2."""
    return jnp.square(as_array(x))


@tensor_op(rowwise=True)
def abs(x):
    """|x|; the gradient at 0 is 0."""
    x = as_array(x)
    return _abs(x) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.abs(x)


@tensor_op(rowwise=True)
def sqrt(x):
    """Square root of max(x, 0)."""
    x = as_array(x)
    # not jnp.maximum: its gradient at 0 would be halved, and sqrt's is infinite there anyway
    return jnp.sqrt(jnp.where(x < 0, jnp.zeros_like(x), x))


@tensor_op(rowwise=True)
def exp(x):
    """e^x."""
    return jnp.exp(as_array(x))


@tensor_op(rowwise=True)
def log(x):
    """Natural logarithm."""
    return jnp.log(as_array(x))


@tensor_op(rowwise=True)
def round(x):
    """The nearest integer; halves go to the even one."""
    return jnp.round(as_array(x))


@tensor_op(rowwise=True)
def sign(x):
    """-1, 0 or 1."""
    return jnp.sign(as_array(x))


@tensor_op(rowwise=True)
def sin(x):
    """Sine of x in radians."""
    return jnp.sin(as_array(x))


@tensor_op(rowwise=True)
def cos(x):
    """Cosine of x in radians."""
    return jnp.cos(as_array(x))


@tensor_op(rowwise=elementwise)
def pow(x, a):
    """x^a.

    Args:
        x: tensor.
        a: number or tensor.
    """
    return jnp.power(as_array(x), a if isinstance(a, (int, float)) else as_array(a))


@tensor_op(rowwise=elementwise)
def clip(x, min_value, max_value):
    """min(max(x, min_value), max_value).

    Args:
        x: tensor.
        min_value: number or tensor.
        max_value: number or tensor; None: infinity; where below `min_value`, `min_value` is taken instead.
    """
    if max_value is not None and not isinstance(max_value, jax.Array) and not isinstance(min_value, jax.Array):
        max_value = (
            np.maximum(max_value, min_value).tolist() if np.ndim(max_value) == 0 else np.maximum(max_value, min_value)
        )
    x, low, inexact = _floats(x, min_value)
    if inexact:
        # the gradient of `where` is all or nothing at the borders, TensorFlow's too
        y = jnp.where(x < low, low, x)
        return y if max_value is None else jnp.where(y > max_value, jnp.asarray(max_value, y.dtype), y)
    y = jnp.maximum(x, low)
    return y if max_value is None else jnp.minimum(y, max_value)


@tensor_op(rowwise=elementwise)
def maximum(x, y):
    """The larger of both, element by element; where equal, the gradient goes to x."""
    x, y, inexact = _floats(x, y)
    return _maximum(x, y) if inexact else jnp.maximum(x, y)


@tensor_op(rowwise=elementwise)
def minimum(x, y):
    """The smaller of both, element by element; where equal, the gradient goes to x."""
    x, y, inexact = _floats(x, y)
    return _minimum(x, y) if inexact else jnp.minimum(x, y)


# -------------------------------------------------- comparison


@tensor_op(rowwise=elementwise)
def equal(x, y):
    """x == y, a bool tensor."""
    return jnp.equal(as_array(x), as_array(y))


@tensor_op(rowwise=elementwise)
def not_equal(x, y):
    """x != y, a bool tensor."""
    return jnp.not_equal(as_array(x), as_array(y))


@tensor_op(rowwise=elementwise)
def greater(x, y):
    """x > y, a bool tensor."""
    return jnp.greater(as_array(x), as_array(y))


@tensor_op(rowwise=elementwise)
def greater_equal(x, y):
    """x >= y, a bool tensor."""
    return jnp.greater_equal(as_array(x), as_array(y))


@tensor_op(rowwise=elementwise)
def less(x, y):
    """x < y, a bool tensor."""
    return jnp.less(as_array(x), as_array(y))


@tensor_op(rowwise=elementwise)
def less_equal(x, y):
    """x <= y, a bool tensor."""
    return jnp.less_equal(as_array(x), as_array(y))


# -------------------------------------------------- types


@tensor_op(rowwise=True)
def cast(x, dtype):
    """x in another type; floats become integers by dropping the fraction.

    Args:
        x: tensor.
        dtype: 'float16', 'float32', 'float64', 'bfloat16', 'int8' .. 'int64', 'uint8' .., 'bool'.
    Differs: 64-bit types are 32-bit ones unless `floatx()` is 'float64'.
    """
    return as_array(x).astype(dtype_name(dtype, "cast"))

"""Functions of each element, under TensorFlow's names."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import jax.scipy.special as special

from kjax import backend as K
from kjax.backend.operation import as_array, tensor_op
from kjax.compat.tensorflow.tensors import kind_of, tf_function, type_of, value_of
from kjax.graph import elementwise

# -------------------------------------------------- of one argument


def _unary(name, compute, doc, recorded=True):
    operation = tensor_op(compute, name=name, rowwise=True) if recorded else compute

    @tf_function
    def function(x):
        return operation(value_of(x))

    function.__name__, function.__qualname__, function.__doc__ = name, name, doc
    return function


def _float_of(fn):
    return lambda x: fn(as_array(x))


_UNARY = {
    "acos": (jnp.arccos, "Inverse cosine, in radians."),
    "acosh": (jnp.arccosh, "Inverse hyperbolic cosine."),
    "asin": (jnp.arcsin, "Inverse sine, in radians."),
    "asinh": (jnp.arcsinh, "Inverse hyperbolic sine."),
    "atan": (jnp.arctan, "Inverse tangent, in radians."),
    "atanh": (jnp.arctanh, "Inverse hyperbolic tangent."),
    "ceil": (jnp.ceil, "The smallest integer not below x."),
    "conj": (jnp.conj, "Complex conjugate."),
    "cosh": (jnp.cosh, "Hyperbolic cosine."),
    "digamma": (special.digamma, "Derivative of lgamma."),
    "erf": (jax.lax.erf, "Error function."),
    "erfc": (jax.lax.erfc, "1 - erf(x)."),
    "erfinv": (jax.lax.erf_inv, "Inverse error function."),
    "expm1": (jnp.expm1, "e^x - 1."),
    "floor": (jnp.floor, "The largest integer not above x."),
    "imag": (jnp.imag, "Imaginary part."),
    "is_finite": (jnp.isfinite, "Whether x is a finite number."),
    "is_inf": (jnp.isinf, "Whether x is infinite."),
    "is_nan": (jnp.isnan, "Whether x is no number."),
    "lgamma": (special.gammaln, "log |gamma(x)|."),
    "log1p": (jnp.log1p, "log(1 + x)."),
    "log_sigmoid": (jax.nn.log_sigmoid, "log(sigmoid(x))."),
    "logical_not": (jnp.logical_not, "Whether x is false."),
    "invert": (jnp.bitwise_not, "The bits of x turned around."),
    "negative": (jnp.negative, "-x."),
    "real": (jnp.real, "Real part."),
    "reciprocal": (jnp.reciprocal, "1 / x."),
    "rint": (jnp.rint, "The nearest integer; halves go to the even one."),
    "rsqrt": (jax.lax.rsqrt, "1 / sqrt(x)."),
    "sinh": (jnp.sinh, "Hyperbolic sine."),
    "sqrt": (jnp.sqrt, "Square root."),
    "tan": (jnp.tan, "Tangent of x in radians."),
    "bessel_i0": (special.i0, "Modified Bessel function of order 0."),
    "bessel_i0e": (special.i0e, "e^-|x| times the modified Bessel function of order 0."),
    "bessel_i1": (special.i1, "Modified Bessel function of order 1."),
    "bessel_i1e": (special.i1e, "e^-|x| times the modified Bessel function of order 1."),
}
# functions that keras.backend has
_BACKEND = {
    "cos": K.cos,
    "exp": K.exp,
    "log": K.log,
    "round": K.round,
    "sigmoid": K.sigmoid,
    "sign": K.sign,
    "sin": K.sin,
    "softplus": K.softplus,
    "softsign": K.softsign,
    "square": K.square,
    "tanh": K.tanh,
}

acos, acosh, asin, asinh, atan, atanh, ceil, conj, cosh, digamma, erf, erfc, erfinv, expm1, floor, imag = (
    _unary(name, _float_of(_UNARY[name][0]), _UNARY[name][1])
    for name in "acos acosh asin asinh atan atanh ceil conj cosh digamma erf erfc erfinv expm1 floor imag".split()
)
is_finite, is_inf, is_nan, lgamma, log1p, log_sigmoid, logical_not, invert, negative, real, reciprocal, rint, rsqrt = (
    _unary(name, _float_of(_UNARY[name][0]), _UNARY[name][1])
    for name in (
        "is_finite is_inf is_nan lgamma log1p log_sigmoid logical_not invert negative real reciprocal rint rsqrt"
    ).split()
)
sinh, sqrt, tan, bessel_i0, bessel_i0e, bessel_i1, bessel_i1e = (
    _unary(name, _float_of(_UNARY[name][0]), _UNARY[name][1])
    for name in "sinh sqrt tan bessel_i0 bessel_i0e bessel_i1 bessel_i1e".split()
)
cos, exp, log, round, sigmoid, sign, sin, softplus, softsign, square, tanh = (
    _unary(name, _BACKEND[name], _BACKEND[name].__doc__, recorded=False)
    for name in "cos exp log round sigmoid sign sin softplus softsign square tanh".split()
)


@tensor_op(name="Abs", rowwise=True)
def _modulus(x):
    return jnp.abs(as_array(x))


@tf_function
def abs(x):
    """|x|; the gradient at 0 is 0."""
    x = value_of(x)
    return _modulus(x) if type_of(x).startswith("complex") else K.abs(x)


@tensor_op(name="Angle", rowwise=True)
def _angle(x):
    return jnp.angle(as_array(x))


@tf_function
def angle(input):
    """The argument of complex numbers, in radians."""
    return _angle(value_of(input))


# -------------------------------------------------- of two arguments


def _binary(name, compute, doc, recorded=True):
    operation = (
        tensor_op(lambda x, y: compute(as_array(x), as_array(y)), name=name, rowwise=elementwise)
        if recorded
        else compute
    )

    @tf_function
    def function(x, y):
        return operation(*_pair(x, y))

    function.__name__, function.__qualname__, function.__doc__ = name, name, doc
    return function


def _pair(x, y):
    """Both as what can be computed with; a plain number takes the other's type."""
    plain = isinstance(x, (bool, int, float)), isinstance(y, (bool, int, float))
    if all(plain):
        return value_of(x), value_of(y)
    x, y = (v if is_plain else value_of(v) for v, is_plain in zip((x, y), plain, strict=True))
    if any(plain):
        return x, y
    # lists and arrays of numbers take the tensor's type where both are floats
    return x, y


def _floor_div(x, y):
    return jnp.floor_divide(x, y)


def _div(x, y):
    """Whole numbers stay whole."""
    whole = jnp.issubdtype(jnp.result_type(x, y), jnp.integer)
    return jnp.floor_divide(x, y) if whole else jnp.true_divide(x, y)


def _no_nan(fn, hole):
    """fn(x, y), but 0 where `hole` says; its gradient there is 0 too."""

    def compute(x, y):
        at = hole(x, y)
        one = jnp.ones((), jnp.result_type(x, y))
        return jnp.where(at, jnp.zeros_like(one), fn(jnp.where(at, one, x), jnp.where(at, one, y)))

    return compute


def _truncated_mod(x, y):
    return jnp.fmod(x, y)


add = _binary("add", jnp.add, "x + y.")
subtract = _binary("subtract", jnp.subtract, "x - y.")
multiply = _binary("multiply", jnp.multiply, "x y.")
truediv = _binary("truediv", jnp.true_divide, "x / y.")
divide = _binary("divide", jnp.true_divide, "x / y.")
realdiv = _binary("realdiv", jnp.true_divide, "x / y.")
div = _binary("div", _div, "x / y; of integers the floor of it.")
floordiv = _binary("floordiv", _floor_div, "The floor of x / y.")
truncatediv = _binary("truncatediv", lambda x, y: jax.lax.div(*jnp.broadcast_arrays(x, y)), "x / y towards 0.")
mod = _binary("mod", jnp.mod, "x - floor(x / y) y.")
truncatemod = _binary("truncatemod", _truncated_mod, "The remainder of x / y, with the sign of x.")
pow = _binary("pow", K.pow, K.pow.__doc__, recorded=False)
maximum = _binary("maximum", K.maximum, K.maximum.__doc__, recorded=False)
minimum = _binary("minimum", K.minimum, K.minimum.__doc__, recorded=False)
squared_difference = _binary("squared_difference", lambda x, y: jnp.square(x - y), "(x - y)^2.")
atan2 = _binary("atan2", jnp.arctan2, "The angle of the point (y, x): arguments y, x; in radians.")
igamma = _binary("igamma", special.gammainc, "Lower regularised incomplete gamma function.")
igammac = _binary("igammac", special.gammaincc, "Upper regularised incomplete gamma function.")
div_no_nan = _binary("div_no_nan", _no_nan(jnp.true_divide, lambda x, y: y == 0), "x / y, 0 where y is 0.")
multiply_no_nan = _binary(
    "multiply_no_nan", lambda x, y: jnp.where(y == 0, jnp.zeros((), x.dtype), x * y), "x y, 0 where y is 0."
)
xdivy = _binary("xdivy", _no_nan(jnp.true_divide, lambda x, y: x == 0), "x / y, 0 where x is 0.")
xlogy = _binary("xlogy", _no_nan(lambda x, y: x * jnp.log(y), lambda x, y: x == 0), "x log(y), 0 where x is 0.")

equal = _binary("equal", K.equal, K.equal.__doc__, recorded=False)
not_equal = _binary("not_equal", K.not_equal, K.not_equal.__doc__, recorded=False)
greater = _binary("greater", K.greater, K.greater.__doc__, recorded=False)
greater_equal = _binary("greater_equal", K.greater_equal, K.greater_equal.__doc__, recorded=False)
less = _binary("less", K.less, K.less.__doc__, recorded=False)
less_equal = _binary("less_equal", K.less_equal, K.less_equal.__doc__, recorded=False)
logical_and = _binary("logical_and", jnp.logical_and, "Whether both are true.")
logical_or = _binary("logical_or", jnp.logical_or, "Whether one is true.")
logical_xor = _binary("logical_xor", jnp.logical_xor, "Whether exactly one is true.")
bitwise_and = _binary("bitwise_and", jnp.bitwise_and, "The bits that both have.")
bitwise_or = _binary("bitwise_or", jnp.bitwise_or, "The bits that one has.")
bitwise_xor = _binary("bitwise_xor", jnp.bitwise_xor, "The bits that exactly one has.")


@tensor_op(name="approximate_equal", rowwise=elementwise)
def _near(x, y, tolerance):
    return jnp.abs(as_array(x) - as_array(y)) < tolerance


@tf_function
def approximate_equal(x, y, tolerance=1e-5):
    """Whether |x - y| < tolerance."""
    return _near(value_of(x), value_of(y), tolerance)


# -------------------------------------------------- of several


@tf_function
def add_n(inputs):
    """The sum of a list of tensors of equal shape."""
    total, *rest = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    for x in rest:
        total = add(total, x)
    return total if rest else value_of(total)


@tf_function
def accumulate_n(inputs, shape=None, tensor_dtype=None):
    """The sum of a list of tensors of equal shape."""
    return add_n(inputs)


@tf_function
def clip_by_value(t, clip_value_min, clip_value_max):
    """t within two limits; no gradient comes from beyond them."""
    return K.clip(value_of(t), clip_value_min, clip_value_max)


@tensor_op(name="complex", rowwise=elementwise)
def _complex(real, imag):
    return jax.lax.complex(as_array(real), as_array(imag))


@tf_function
def complex(real, imag):
    """real + i imag."""
    return _complex(value_of(real), value_of(imag))


@tf_function
def scalar_mul(scalar, x):
    """scalar x."""
    return multiply(scalar, x)


@tensor_op(name="polyval", rowwise=elementwise)
def _polyval(coeffs, x):
    total = jnp.zeros_like(as_array(x))
    for c in coeffs:
        total = total * x + c
    return total


@tf_function
def polyval(coeffs, x):
    """coeffs[0] x^(n - 1) + ... + coeffs[n - 1]."""
    return _polyval(list(coeffs), value_of(x))


pi = math.pi


@tf_function
def bitcast(input, type):
    """The bits of `input` read as another type."""
    return _bits(value_of(input), kind_of(type))


@tensor_op(name="bitcast", rowwise=True)
def _bits(x, dtype):
    return jax.lax.bitcast_convert_type(as_array(x), dtype)

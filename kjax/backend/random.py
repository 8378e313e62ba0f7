"""Random tensors and variables."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kjax.backend.config import dtype_name
from kjax.backend.operation import as_array, int_of, tensor_op
from kjax.backend.variables import eval, variable
from kjax.nn.masks import kept

__all__ = [
    "dropout", "random_binomial", "random_normal", "random_normal_variable", "random_uniform",
    "random_uniform_variable", "truncated_normal",
]  # fmt: skip


def _per_row(tensors, args, kwargs):
    """The batch appears as the first size only."""
    shape = args[0] if args else kwargs["shape"]
    return isinstance(shape, (list, tuple)) and all(t is shape[0] for t in tensors)


def _sizes(shape):
    if isinstance(shape, (int, np.integer)):
        return (int(shape),)
    return tuple(int_of(d) for d in (shape if isinstance(shape, (list, tuple)) else np.asarray(shape)))


def _seed(seed):
    return None if seed is None else int(seed) % 2**32


@tensor_op(name="random_normal", context=True, always=True, draws=True, rowwise=_per_row)
def _normal(ctx, shape, mean, stddev, dtype, seed):
    return jax.random.normal(ctx.next_key(seed), _sizes(shape), dtype) * stddev + mean


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal random numbers, new ones in every evaluation.

    Args:
        shape: tuple of int, or of sizes from `K.shape`.
        mean, stddev: numbers or tensors.
        dtype: str; default `floatx()`.
        seed: int: the same numbers in the n-th evaluation of every program; None: they follow `np.random.seed`.
    """
    return _normal(shape, mean, stddev, dtype_name(dtype, "random_normal"), _seed(seed))


@tensor_op(name="random_uniform", context=True, always=True, draws=True, rowwise=_per_row)
def _uniform(ctx, shape, minval, maxval, dtype, seed):
    draw = jax.random.randint if jnp.issubdtype(dtype, jnp.integer) else jax.random.uniform
    return draw(ctx.next_key(seed), _sizes(shape), dtype=dtype, minval=minval, maxval=maxval)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Random numbers, uniform in [minval, maxval); other arguments as for `random_normal`.

    Args:
        minval, maxval: numbers or tensors; ints where `dtype` is an integer type.
    """
    return _uniform(shape, minval, maxval, dtype_name(dtype, "random_uniform"), _seed(seed))


@tensor_op(name="random_binomial", context=True, always=True, draws=True, rowwise=_per_row)
def _binomial(ctx, shape, p, dtype, seed):
    return jax.random.bernoulli(ctx.next_key(seed), p, _sizes(shape)).astype(dtype)


def random_binomial(shape, p=0.0, dtype=None, seed=None):
    """1 with probability p, else 0; other arguments as for `random_normal`.

    Args:
        p: number, 0..1.
    """
    return _binomial(shape, p, dtype_name(dtype, "random_binomial"), _seed(seed))


@tensor_op(name="truncated_normal", context=True, always=True, draws=True, rowwise=_per_row)
def _truncated(ctx, shape, mean, stddev, dtype, seed):
    return jax.random.truncated_normal(ctx.next_key(seed), -2.0, 2.0, _sizes(shape), dtype) * stddev + mean


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal random numbers within 2 stddev of the mean; arguments as for `random_normal`."""
    return _truncated(shape, mean, stddev, dtype_name(dtype, "truncated_normal"), _seed(seed))


def _only_x(tensors, args, kwargs):
    return len(tensors) == 1 and tensors[0] is args[0]


@tensor_op(context=True, always=True, draws=True, rowwise=_only_x)
def _dropout(ctx, x, level, noise_shape, seed):
    x = as_array(x)
    shape = (
        x.shape
        if noise_shape is None
        else tuple(n if d is None else int_of(d) for d, n in zip(noise_shape, x.shape, strict=True))
    )
    key = ctx.next_key(seed)
    keep = kept(key, level, shape) if isinstance(level, (int, float)) else jax.random.bernoulli(key, 1.0 - level, shape)
    return jnp.where(keep, x / (1.0 - level), jnp.zeros((), x.dtype))


def dropout(x, level, noise_shape=None, seed=None):
    """Each element is 0 with probability `level`, else x / (1 - level); in any phase.

    Args:
        x: tensor.
        level: number, 0 <= level < 1.
        noise_shape: shape of the random mask, broadcast to x; None in it: the size of x.
        seed: as for `random_normal`.
    """
    if isinstance(level, (int, float)) and not 0.0 <= level < 1:
        raise ValueError(f"dropout: level must be at least 0 and below 1; got {level!r}.")
    return _dropout(x, level, noise_shape, _seed(seed))


def random_normal_variable(shape, mean, scale, dtype=None, name=None, seed=None):
    """A Variable filled with normal random numbers.

    Args:
        shape: tuple of int.
        mean, scale: numbers: mean and standard deviation.
        dtype, name: as for `variable`.
        seed: int or None.
    """
    return variable(eval(random_normal(shape, mean, scale, dtype, seed)), dtype, name)


def random_uniform_variable(shape, low, high, dtype=None, name=None, seed=None):
    """A Variable filled with numbers uniform in [low, high); other arguments as for `random_normal_variable`."""
    return variable(eval(random_uniform(shape, low, high, dtype, seed)), dtype, name)

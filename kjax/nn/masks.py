"""Random masks for the dropout layers."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["kept"]


def kept(key, rate: float, shape):
    """A bool mask: False with probability `rate`, each element by itself.

    Args:
        key: typed PRNG key.
        rate: number, 0 <= rate < 1. It is met exactly where it is a multiple of 1/256, else to 1/131072.
        shape: of the mask.

    A mask needs few random bits per element: those of one 32-bit number serve four elements, or two. Drawing is what
    dropout costs on a CPU.
    """
    bits = 8 if float(rate * 256).is_integer() else 16
    dropped = round(rate * 2**bits)
    if rate > 0.0 and dropped in (0, 2**bits):  # finer than 16 bits tell
        return jax.random.bernoulli(key, 1.0 - rate, shape)
    *outer, last = shape or (1,)
    each = 32 // bits
    numbers = jax.random.bits(key, (*outer, -(-last // each)), jnp.uint32)
    narrow = lax.bitcast_convert_type(numbers, jnp.dtype(f"uint{bits}"))
    narrow = narrow.reshape(*outer, math.prod(narrow.shape[-2:]))[..., :last]
    return (narrow >= dropped).reshape(shape)

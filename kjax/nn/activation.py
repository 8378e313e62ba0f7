"""Activations with weights or parameters of their own."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from kjax.nn.module import Module

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"]


class LeakyReLU(Module):
    """x where x > 0, else alpha x."""

    alpha: float = 0.3

    def __call__(self, x):
        return jnp.where(x > 0, x, x * jnp.asarray(self.alpha, x.dtype))


class PReLU(Module):
    """x where x > 0, else alpha x, with a learned alpha.

    Weights: alpha, the shape of one sample with 1 at `shared_axes` (counted with the batch axis).
    """

    shared_axes: tuple[int, ...] = ()

    @nn.compact
    def __call__(self, x):
        shape = tuple(1 if a in self.shared_axes else m for a, m in enumerate(x.shape))[1:]
        alpha = self.param("alpha", nn.initializers.zeros_init(), shape)
        return jnp.where(x > 0, x, jnp.zeros((), x.dtype)) + alpha * jnp.where(x < 0, x, jnp.zeros((), x.dtype))


class ELU(Module):
    """x where x > 0, else alpha (exp(x) - 1)."""

    alpha: float = 1.0

    def __call__(self, x):
        return jax.nn.elu(x, self.alpha)


class ThresholdedReLU(Module):
    """x where x > theta, else 0."""

    theta: float = 1.0

    def __call__(self, x):
        return jnp.where(x > jnp.asarray(self.theta, x.dtype), x, jnp.zeros((), x.dtype))


class Softmax(Module):
    """exp(x) / sum(exp(x)) along `axis`."""

    axis: int = -1

    def __call__(self, x):
        return jax.nn.softmax(x, self.axis)


class ReLU(Module):
    """max_value where x >= max_value, x where threshold <= x < max_value, else negative_slope (x - threshold)."""

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def __call__(self, x):
        below = jnp.asarray(self.negative_slope, x.dtype) * (x - jnp.asarray(self.threshold, x.dtype))
        y = jnp.where(x > jnp.asarray(self.threshold, x.dtype), x, below)
        return y if self.max_value is None else jnp.minimum(y, jnp.asarray(self.max_value, x.dtype))

"""Activations with weights or parameters of their own."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from kjax.nn.module import Module

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU", "relu"]


def relu(x, slope=0.0, max_value=None, threshold=0.0):
    """min(max(p, 0), max_value) - slope max(threshold - x, 0), where p is x above the threshold and 0 elsewhere.

    Without `max_value` p stays as it is: values between a threshold < 0 and 0 are kept.

    Args:
        slope: number or array.
        max_value: number >= 0, or None.
        threshold: number.
    """
    zero, edge = jnp.zeros((), x.dtype), jnp.asarray(threshold, x.dtype)
    y = jax.nn.relu(x) if _is(threshold, 0) else jnp.where(x > edge, x, zero)
    if max_value is not None:
        top = jnp.asarray(max_value, x.dtype)
        # TensorFlow's clipping passes the gradient at its borders, its relu6 does not
        y = jnp.where(y >= top if _is(max_value, 6) and _is(threshold, 0) else y > top, top, y)
        y = y if _is(threshold, 0) else jnp.where(y < zero, zero, y)
    return y if _is(slope, 0) else y - slope * jnp.where(x < edge, edge - x, zero)


def _is(x, number) -> bool:
    return isinstance(x, (int, float, np.number)) and x == number


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

    along_time = "softmax"

    def __call__(self, x):
        return jax.nn.softmax(x, self.axis)


class ReLU(Module):
    """`relu` with static numbers."""

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def __call__(self, x):
        return relu(x, self.negative_slope, self.max_value, self.threshold)

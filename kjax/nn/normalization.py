"""Batch normalization as Keras 2 computes it."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from kjax.nn.module import Module

__all__ = ["BatchNorm", "moments", "normalize"]


def moments(x, axes, rows=None):
    """(mean, variance, how many numbers went into each).

    Args:
        axes: reduced axes.
        rows: None, or (batch,) with 0 for the rows to leave out.
    """
    if rows is None or 0 not in axes:
        count = 1
        for a in axes:
            count *= x.shape[a]
        mean = jnp.mean(x, axes, keepdims=True)
        variance = jnp.mean(lax.square(x - mean), axes)
        return mean.reshape(variance.shape), variance, jnp.asarray(count, x.dtype)
    weights = rows.astype(x.dtype).reshape((-1,) + (1,) * (x.ndim - 1))
    count = jnp.sum(weights)
    for a in axes:
        count = count * (x.shape[a] if a else 1)
    mean = jnp.sum(x * weights, axes, keepdims=True) / count
    variance = jnp.sum(lax.square(x - mean) * weights, axes) / count
    return mean.reshape(variance.shape), variance, count


def normalize(x, mean, variance, beta, gamma, epsilon, axis=-1):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, vectors along `axis`; beta and gamma may be None."""
    shape = [1] * x.ndim
    shape[axis] = -1
    scale = lax.rsqrt(variance + epsilon)
    if gamma is not None:
        scale = scale * gamma
    shift = -mean * scale if beta is None else beta - mean * scale
    return x * scale.reshape(shape) + shift.reshape(shape)


class BatchNorm(Module):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta.

    Training uses the batch's mean and variance and moves the averages: a = momentum a + (1 - momentum) batch, with the
    variance times n / (n - 1 - epsilon), n numbers going into each. Otherwise the averages are used.

    Weights: gamma, beta (params); moving_mean, moving_variance (batch_stats); all (channels,).
    Differs: 2.2.4 on TensorFlow corrects its averages for their start, and the variance of images twice; later versions
    and this one do not.
    """

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True

    @nn.nowrap
    def has_phases(self):
        return True

    @nn.compact
    def __call__(self, x, training=False, rows=None):
        axis = self.axis % x.ndim
        shape = (x.shape[axis],)
        gamma = self.param("gamma", nn.initializers.ones_init(), shape) if self.scale else None
        beta = self.param("beta", nn.initializers.zeros_init(), shape) if self.center else None
        moving_mean = self.variable("batch_stats", "moving_mean", jnp.zeros, shape)
        moving_variance = self.variable("batch_stats", "moving_variance", jnp.ones, shape)
        dtype = x.dtype
        # Half-precision sums over a batch lose the mean.
        x = x.astype(jnp.promote_types(dtype, jnp.float32))
        if not training:
            y = normalize(x, moving_mean.value, moving_variance.value, beta, gamma, self.epsilon, axis)
            return y.astype(dtype)
        axes = tuple(a for a in range(x.ndim) if a != axis)
        mean, variance, count = moments(x, axes, rows)
        if self.is_mutable_collection("batch_stats") and not self.is_initializing():
            unbiased = variance * (count / (count - (1.0 + self.epsilon)))
            for average, value in ((moving_mean, mean), (moving_variance, unbiased)):
                old = average.value
                average.value = (old - (old - value) * (1.0 - self.momentum)).astype(old.dtype)
        return normalize(x, mean, variance, beta, gamma, self.epsilon, axis).astype(dtype)

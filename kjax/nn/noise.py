"""Random layers: identity in the test phase."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from kjax.nn.masks import kept
from kjax.nn.module import Module

__all__ = ["AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"]

# SELU's constants: alpha * scale is what its negative side tends to (Klambauer et al., 2017).
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def _mask_shape(shape, noise_shape):
    if noise_shape is None:
        return shape
    return tuple(n if want is None else want for n, want in zip(shape, noise_shape, strict=True))


class _Noise(Module):
    """A module that draws its own stream of random numbers; with a `seed` always the same numbers per stream "
    "position."""

    def _key(self, seed):
        key = self.make_rng("dropout")
        return key if seed is None else jax.random.fold_in(key, seed)


class _RatedNoise(_Noise):
    """Noise with a `rate`, 0 for none."""

    rate: float

    @nn.nowrap
    def draws(self):
        return self.rate != 0.0


class Dropout(_RatedNoise):
    """y = x * m / (1 - rate), m being 0 with probability `rate`, else 1.

    Attributes:
        rate: 0 <= rate < 1.
        noise_shape: shape of m, broadcast to x; None in it stands for x's own size.
        seed: int or None.
    """

    noise_shape: tuple | None = None
    seed: int | None = None

    @nn.compact
    def __call__(self, x, training=False):
        if not training or self.rate == 0.0:
            return x
        keep = kept(self._key(self.seed), self.rate, _mask_shape(x.shape, self.noise_shape))
        return jnp.where(keep, x / (1.0 - self.rate), jnp.zeros((), x.dtype))


class GaussianNoise(_Noise):
    """y = x + n, n normal with standard deviation `stddev`."""

    stddev: float

    @nn.nowrap
    def draws(self):
        return self.stddev != 0.0

    @nn.nowrap
    def has_phases(self):
        return True

    @nn.compact
    def __call__(self, x, training=False):
        if not training or self.stddev == 0.0:
            return x
        return x + self.stddev * jax.random.normal(self._key(None), x.shape, x.dtype)


class GaussianDropout(_RatedNoise):
    """y = x * n, n normal with mean 1 and standard deviation sqrt(rate / (1 - rate))."""

    @nn.compact
    def __call__(self, x, training=False):
        if not training or not 0 < self.rate < 1:
            return x
        stddev = (self.rate / (1.0 - self.rate)) ** 0.5
        return x * (1.0 + stddev * jax.random.normal(self._key(None), x.shape, x.dtype))


class AlphaDropout(_RatedNoise):
    """Dropout to SELU's negative saturation value, rescaled to keep mean and variance (Klambauer et al., 2017)."""

    noise_shape: tuple | None = None
    seed: int | None = None

    @nn.compact
    def __call__(self, x, training=False):
        if not training or not 0.0 < self.rate < 1.0:
            return x
        low = -SELU_ALPHA * SELU_SCALE
        keep = kept(self._key(self.seed), self.rate, _mask_shape(x.shape, self.noise_shape))
        a = ((1 - self.rate) * (1 + self.rate * low**2)) ** -0.5
        b = -a * low * self.rate
        return a * jnp.where(keep, x, jnp.asarray(low, x.dtype)) + b

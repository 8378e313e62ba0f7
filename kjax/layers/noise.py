"""Layers that add noise in training."""

from __future__ import annotations

from kjax.engine.base_layer import Layer
from kjax.nn import noise

__all__ = ["AlphaDropout", "GaussianDropout", "GaussianNoise"]


class GaussianNoise(Layer):
    """In training y = x + n, n normal with mean 0; any shape.

    Args:
        stddev: standard deviation of the noise.
    """

    def __init__(self, stddev, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.stddev = stddev

    def call(self, inputs, training=None):
        return self.apply_module(noise.GaussianNoise(float(self.stddev)), inputs, training=training)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}


class GaussianDropout(Layer):
    """In training y = x * n, n normal with mean 1 and standard deviation sqrt(rate / (1 - rate)); any shape.

    Args:
        rate: 0 < rate < 1; outside of it the identity.
    """

    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.rate = rate

    def call(self, inputs, training=None):
        return self.apply_module(noise.GaussianDropout(float(self.rate)), inputs, training=training)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


class AlphaDropout(Layer):
    """Dropout that keeps mean and variance of SELU networks; any shape.

    Args:
        rate: 0 < rate < 1; outside of it the identity.
        noise_shape: shape of the random mask, broadcast to x.
        seed: int or None.

    References: Klambauer et al., Self-Normalizing Neural Networks, 2017.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed
        self.supports_masking = True

    def call(self, inputs, training=None):
        shape = None if self.noise_shape is None else tuple(self.noise_shape)
        return self.apply_module(noise.AlphaDropout(float(self.rate), shape, self.seed), inputs, training=training)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}

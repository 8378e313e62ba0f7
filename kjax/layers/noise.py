"""Layers that add noise in training."""

from __future__ import annotations

import numpy as np

from kjax.engine.base_layer import Layer
from kjax.layers.fields import number, warn_rate
from kjax.nn import noise

__all__ = ["AlphaDropout", "GaussianDropout", "GaussianNoise"]


def read_seed(seed, layer):
    """An int, or None for a random one.

    Raises:
        TypeError: for anything else, naming the layer.
    """
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
        raise TypeError(f"Layer {layer}: the `seed` argument must be an integer or None; got {seed!r}.")
    return seed


def read_noise_shape(shape, layer):
    """A sequence or None.

    Raises:
        TypeError: for anything else, naming the layer.
    """
    if shape is not None and not isinstance(shape, (tuple, list)):
        raise TypeError(f"Layer {layer}: the `noise_shape` argument must be a tuple or None; got {shape!r}.")
    return shape


def fitting_noise_shape(shape, inputs, layer):
    """The shape of a random mask for these inputs: None where it is the inputs' own size.

    Raises:
        ValueError: when such a mask cannot be broadcast to the inputs.
    """
    if shape is None:
        return None
    fixed = tuple(int(d) if isinstance(d, (int, np.integer)) else None for d in shape)
    own = tuple(inputs.shape)
    if len(fixed) != len(own) or any(d not in (None, 1, m) and m is not None for d, m in zip(fixed, own, strict=True)):
        raise ValueError(
            f"Layer {layer}: the `noise_shape` argument must have the inputs' size, 1 or None for each of their axes; "
            f"got {tuple(shape)} for inputs of shape {own}."
        )
    return fixed


class GaussianNoise(Layer):
    """In training y = x + n, n normal with mean 0; any shape.

    Args:
        stddev: standard deviation of the noise.
    """

    def __init__(self, stddev, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.stddev = number(stddev, "stddev", self.name)

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
        warn_rate(rate, "rate", self.name)
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
        warn_rate(rate, "rate", self.name)
        self.rate = rate
        self.noise_shape = read_noise_shape(noise_shape, self.name)
        self.seed = read_seed(seed, self.name)
        self.supports_masking = True

    def call(self, inputs, training=None):
        shape = fitting_noise_shape(self.noise_shape, inputs, self.name)
        return self.apply_module(noise.AlphaDropout(float(self.rate), shape, self.seed), inputs, training=training)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}

"""`tf.initializers`: Keras's initializers under TensorFlow's names, with its defaults."""

from __future__ import annotations

from kjax import initializers as keras
from kjax.initializers import (
    Identity,
    Ones,
    Orthogonal,
    VarianceScaling,
    Zeros,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
)

__all__ = [
    "Constant", "Identity", "Ones", "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling",
    "Zeros", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform",
    "xavier_initializer",
]  # fmt: skip


class Constant(keras.Constant):
    """All values `value`. Args: value: number; dtype, verify_shape: not read, a variable has its own type."""

    def __init__(self, value=0, dtype=None, verify_shape=False):
        super().__init__(value)


class RandomNormal(keras.RandomNormal):
    """Normal numbers. Args: mean, stddev: numbers; seed: int or None; dtype: not read."""

    def __init__(self, mean=0.0, stddev=1.0, seed=None, dtype=None):
        super().__init__(mean, stddev, seed)


class RandomUniform(keras.RandomUniform):
    """Uniform numbers in [minval, maxval). Args: minval, maxval: numbers; seed: int or None; dtype: not read."""

    def __init__(self, minval=0.0, maxval=None, seed=None, dtype=None):
        super().__init__(minval, 1.0 if maxval is None else maxval, seed)


class TruncatedNormal(keras.TruncatedNormal):
    """Normal numbers within two stddev. Args: mean, stddev: numbers; seed: int or None; dtype: not read."""

    def __init__(self, mean=0.0, stddev=1.0, seed=None, dtype=None):
        super().__init__(mean, stddev, seed)


def xavier_initializer(uniform=True, seed=None, dtype=None):
    """`tf.contrib.layers.xavier_initializer`: Glorot's, uniform or normal."""
    return glorot_uniform(seed) if uniform else glorot_normal(seed)

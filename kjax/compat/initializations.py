"""`keras.initializations` of Keras 1: functions of a shape that give a variable."""

from __future__ import annotations

import numpy as np

from kjax import backend as K
from kjax import initializers
from kjax.backend.config import ORDERING_TO_FORMAT
from kjax.utils.generic_utils import get_custom_objects


def get_fans(shape, dim_ordering="th"):
    """(fan in, fan out) of a weight.

    Args:
        shape: tuple of int; of a convolution kernel (filters, channels, ...) or (..., channels, filters).
        dim_ordering: 'th' for the first, 'tf' for the second.
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) in (4, 5):
        if dim_ordering not in ORDERING_TO_FORMAT:
            raise ValueError(f"get_fans: dim_ordering must be tf or th; got {dim_ordering!r}.")
        first = dim_ordering == "th"
        field = np.prod(shape[2:] if first else shape[:-2])
        channels, filters = (shape[1], shape[0]) if first else (shape[-2], shape[-1])
        return channels * field, filters * field
    return np.sqrt(np.prod(shape)), np.sqrt(np.prod(shape))


def _variable(initializer, shape, name):
    return K.variable(initializer(tuple(shape)), name=name)


def _scaled(shape, mode, scale, distribution, name, dim_ordering):
    fan_in, fan_out = get_fans(shape, dim_ordering)
    n = {"fan_in": fan_in, "fan_avg": (fan_in + fan_out) / 2}[mode]
    if distribution == "uniform":
        return uniform(shape, np.sqrt(3.0 * scale / n), name=name)
    return normal(shape, np.sqrt(scale / n), name=name)


def uniform(shape, scale=0.05, name=None, dim_ordering="th"):
    """Uniform over [-scale, scale)."""
    return _variable(initializers.RandomUniform(-scale, scale), shape, name)


def normal(shape, scale=0.05, name=None, dim_ordering="th"):
    """Normal with standard deviation `scale`."""
    return _variable(initializers.RandomNormal(stddev=scale), shape, name)


def lecun_uniform(shape, name=None, dim_ordering="th"):
    """Uniform, variance 1 / fan_in."""
    return _scaled(shape, "fan_in", 1.0, "uniform", name, dim_ordering)


def glorot_normal(shape, name=None, dim_ordering="th"):
    """Normal, variance 2 / (fan_in + fan_out)."""
    return _scaled(shape, "fan_avg", 1.0, "normal", name, dim_ordering)


def glorot_uniform(shape, name=None, dim_ordering="th"):
    """Uniform, variance 2 / (fan_in + fan_out)."""
    return _scaled(shape, "fan_avg", 1.0, "uniform", name, dim_ordering)


def he_normal(shape, name=None, dim_ordering="th"):
    """Normal, variance 2 / fan_in."""
    return _scaled(shape, "fan_in", 2.0, "normal", name, dim_ordering)


def he_uniform(shape, name=None, dim_ordering="th"):
    """Uniform, variance 2 / fan_in."""
    return _scaled(shape, "fan_in", 2.0, "uniform", name, dim_ordering)


def orthogonal(shape, scale=1.1, name=None, dim_ordering="th"):
    """A random matrix with orthonormal rows or columns, times `scale`."""
    return _variable(initializers.Orthogonal(gain=scale), shape, name)


def identity(shape, scale=1, name=None, dim_ordering="th"):
    """`scale` times the identity matrix."""
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"identity: shape must be that of a square matrix; got {tuple(shape)}.")
    return _variable(initializers.Identity(gain=scale), shape, name)


def zero(shape, name=None, dim_ordering="th"):
    """All zero."""
    return _variable(initializers.Zeros(), shape, name)


def one(shape, name=None, dim_ordering="th"):
    """All one."""
    return _variable(initializers.Ones(), shape, name)


FUNCTIONS = {
    f.__name__: f
    for f in (
        uniform,
        normal,
        lecun_uniform,
        glorot_normal,
        glorot_uniform,
        he_normal,
        he_uniform,
        orthogonal,
        identity,
        zero,
        one,
    )
}


def get(identifier, **kwargs):
    """The function of a name; anything that can be called is given back.

    Args:
        identifier: str or callable.
        kwargs: arguments of the function besides shape and name.
    """
    if callable(identifier):
        found = identifier
    else:
        found = get_custom_objects().get(identifier) or FUNCTIONS.get(identifier)
        if found is None:
            raise ValueError(f"Invalid initialization: {identifier!r}; known are {', '.join(sorted(FUNCTIONS))}.")
    if not kwargs:
        return found

    def initialization(shape, name=None):
        return found(shape, name=name, **kwargs)

    initialization.__name__ = found.__name__
    return initialization

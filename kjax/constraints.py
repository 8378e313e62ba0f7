"""Constraints: projections applied to a weight after each training step."""

from __future__ import annotations

import jax.numpy as jnp

from kjax.backend.config import epsilon
from kjax.graph import op
from kjax.utils.generic_utils import deserialize_keras_object, serialize_keras_object


class Constraint:
    """Base class: `constraint(w)` is the projected weight."""

    def __call__(self, w):
        return w

    def get_config(self):
        return {}


def _axes(axis):
    """An axis, or several as a tuple (JSON configs hold lists)."""
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


def _norms(w, axis):
    return jnp.sqrt(jnp.sum(jnp.square(w), axis=_axes(axis), keepdims=True))


@op
def _max_norm(w, max_value, axis, eps):
    norms = _norms(w, axis)
    return w * (jnp.clip(norms, 0, max_value) / (eps + norms))


@op
def _non_neg(w):
    return w * (w >= 0.0).astype(w.dtype)


@op
def _unit_norm(w, axis, eps):
    return w / (eps + _norms(w, axis))


@op
def _min_max_norm(w, min_value, max_value, rate, axis, eps):
    norms = _norms(w, axis)
    desired = rate * jnp.clip(norms, min_value, max_value) + (1 - rate) * norms
    return w * (desired / (eps + norms))


class MaxNorm(Constraint):
    """Norms along `axis` clipped to at most `max_value`: w * clip(|w|, 0, max_value) / (epsilon + |w|).

    Args:
        max_value: number, default 2.
        axis: int or list of ints over which the norm is taken, default 0 (the inputs of a Dense kernel);
            [0, 1, 2] for a convolution kernel.
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w):
        return _max_norm(w, self.max_value, self.axis, epsilon())

    def get_config(self):
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Negative elements become zero."""

    def __call__(self, w):
        return _non_neg(w)


class UnitNorm(Constraint):
    """Norms along `axis` become 1: w / (epsilon + |w|).

    Args:
        axis: as for `MaxNorm`.
    """

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        return _unit_norm(w, self.axis, epsilon())

    def get_config(self):
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Norms along `axis` pulled into [min_value, max_value].

    w * (rate * clip(|w|, min_value, max_value) + (1 - rate) * |w|) / (epsilon + |w|)

    Args:
        min_value, max_value: numbers, default 0 and 1.
        rate: number in (0, 1], default 1; how much of the way is gone in one step.
        axis: as for `MaxNorm`.
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w):
        return _min_max_norm(w, self.min_value, self.max_value, self.rate, self.axis, epsilon())

    def get_config(self):
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm = MaxNorm
non_neg = NonNeg
unit_norm = UnitNorm
min_max_norm = MinMaxNorm
maxnorm = max_norm
nonneg = non_neg
unitnorm = unit_norm

_REGISTRY = {
    "MaxNorm": MaxNorm,
    "NonNeg": NonNeg,
    "UnitNorm": UnitNorm,
    "MinMaxNorm": MinMaxNorm,
    "max_norm": MaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
    "maxnorm": MaxNorm,
    "nonneg": NonNeg,
    "unitnorm": UnitNorm,
}


def serialize(constraint):
    """{'class_name': ..., 'config': ...} of a constraint."""
    return serialize_keras_object(constraint)


def deserialize(config, custom_objects=None):
    """The constraint that `serialize` described."""
    return deserialize_keras_object(
        config, module_objects=_REGISTRY, custom_objects=custom_objects, printable_module_name="constraint"
    )


def get(identifier):
    """The constraint of None, a name, a config dict or any callable.

    Raises:
        ValueError: for anything else.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    if callable(identifier):
        return identifier
    raise ValueError(f"Could not interpret constraint identifier: received {identifier!r}.")

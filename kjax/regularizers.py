"""Regularizers: penalties on weights and outputs."""

from __future__ import annotations

import jax.numpy as jnp

from kjax.graph import KerasTensor, absolute_value, op
from kjax.utils.generic_utils import deserialize_keras_object, serialize_keras_object


class Regularizer:
    """Base class: `regularizer(x)` is the scalar penalty of an array or tensor."""

    def __call__(self, x):
        return 0.0

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _sums(x, l1, l2):
    penalty = jnp.zeros((), x.dtype)
    if l1:
        penalty += l1 * jnp.sum(absolute_value(x))
    if l2:
        penalty += l2 * jnp.sum(jnp.square(x))
    return penalty


@op
def _weight_penalty(x, l1, l2):
    return _sums(jnp.asarray(x), l1, l2)


@op(context=True, rowwise=True)
def _activity_penalty(ctx, x, l1, l2):
    """Rows of an output that only pad the batch count nothing."""
    return _sums(x if ctx.rows is None else x * ctx.row_weights(x), l1, l2)


class L1L2(Regularizer):
    """sum(l1 * |x| + l2 * x^2) over all elements.

    Args:
        l1: factor of the absolute values, number, default 0.
        l2: factor of the squares, number, default 0.
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = float(l1)
        self.l2 = float(l2)

    def __call__(self, x):
        # An output's first dimension is the unknown batch; a weight has none.
        of_batch = isinstance(x, KerasTensor) and len(x.shape) > 0 and x.shape[0] is None
        return _activity_penalty(x, self.l1, self.l2) if of_batch else _weight_penalty(x, self.l1, self.l2)

    def get_config(self):
        return {"l1": self.l1, "l2": self.l2}


def l1(l=0.01):
    """l * sum(|x|)."""
    return L1L2(l1=l)


def l2(l=0.01):
    """l * sum(x^2)."""
    return L1L2(l2=l)


def l1_l2(l1=0.01, l2=0.01):
    """l1 * sum(|x|) + l2 * sum(x^2)."""
    return L1L2(l1=l1, l2=l2)


_REGISTRY = {"L1L2": L1L2, "l1": l1, "l2": l2, "l1_l2": l1_l2}


def serialize(regularizer):
    """{'class_name': ..., 'config': ...} of a regularizer."""
    return serialize_keras_object(regularizer)


def deserialize(config, custom_objects=None):
    """The regularizer that `serialize` described."""
    return deserialize_keras_object(
        config, module_objects=_REGISTRY, custom_objects=custom_objects, printable_module_name="regularizer"
    )


def get(identifier):
    """The regularizer of None, a name, a config dict or any callable.

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
    raise ValueError(f"Could not interpret regularizer identifier: received {identifier!r}.")

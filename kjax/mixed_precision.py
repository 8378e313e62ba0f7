"""Mixed precision: layers compute in 16 bits, weights and figures stay in 32.

    keras.mixed_precision.set_policy('mixed_bfloat16')   # before the layers are made
    model = Sequential([Dense(512, activation='relu', input_shape=(784,)), Dense(10, activation='softmax')])

In `floatx` stay weights, the optimizer's state, batch statistics, the means and variances of BatchNormalization,
softmax, losses and metrics. In the policy's type are products, convolutions, recurrences, and what layers hand to each
other.

A layer's own `dtype` goes before the policy: `Dense(1, activation='sigmoid', dtype='float32')` for a last layer whose
output should be exact. (In a layer with an `input_shape`, 'float32' names the placeholder's type only, as in Keras.)
In float16 small gradients vanish: the loss is multiplied by a factor before they are taken, and they are divided by it.
The factor begins at 32768, doubles after 2000 finite steps, and halves when gradients overflow; such a step trains
nothing. `set_policy('mixed_float16', loss_scale=1024)` keeps it fixed. It is a part of the optimizer's state and is
saved with it. (An optimizer with a `get_updates` of its own takes gradients by itself: they are not scaled.)

Keras 2.2.4 has no such module.
"""

from __future__ import annotations

import math
import numbers

from kjax.backend.config import floatx
from kjax.loss_scale import LossScale

__all__ = ["POLICIES", "compute_dtype", "global_policy", "loss_scale", "set_policy"]

POLICIES = {"float32": None, "mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}
_HALVES = ("bfloat16", "float16")
_current = ["float32"]
_scale = [LossScale()]


def set_policy(policy, loss_scale="dynamic") -> None:
    """Sets the policy of layers made from now on.

    Args:
        policy: 'float32' (everything in `floatx`, the default), 'mixed_bfloat16' or 'mixed_float16'.
        loss_scale: 'dynamic', or a number >= 1 for a fixed one; of models with layers in float16, when they are
            compiled.

    Raises:
        ValueError: for another name or number.
    """
    if policy not in POLICIES:
        raise ValueError(f"set_policy: policy must be one of {', '.join(POLICIES)}; got {policy!r}.")
    if loss_scale == "dynamic":
        scale = LossScale()
    elif isinstance(loss_scale, numbers.Real) and math.isfinite(loss_scale) and float(loss_scale) >= 1:
        scale = LossScale(float(loss_scale), None)
    else:
        raise ValueError(f"set_policy: loss_scale must be 'dynamic' or a number >= 1; got {loss_scale!r}.")
    _current[0], _scale[0] = policy, scale


def loss_scale() -> LossScale:
    """How models compiled from now on scale the loss."""
    return _scale[0]


def global_policy() -> str:
    """The name of the policy that new layers follow."""
    return _current[0]


def compute_dtype(dtype=None, placeholder=False):
    """The type a new layer computes in, None for that of its inputs and weights.

    Args:
        dtype: the layer's `dtype` argument.
        placeholder: whether that argument names the type of an input placeholder.
    """
    if dtype in _HALVES:
        return None if dtype == floatx() else dtype
    if dtype in ("float32", "float64") and not placeholder:
        return None if dtype == floatx() and POLICIES[_current[0]] is None else dtype  # promotion does it by itself
    return POLICIES[_current[0]]

"""Mixed precision: layers compute in 16 bits, weights and figures stay in 32.

    keras.mixed_precision.set_policy('mixed_bfloat16')   # before the layers are made
    model = Sequential([Dense(512, activation='relu', input_shape=(784,)), Dense(10, activation='softmax')])

In `floatx` stay weights, the optimizer's state, batch statistics, the means and variances of BatchNormalization,
softmax, losses and metrics. In the policy's type are products, convolutions, recurrences, and what layers hand to each
other.

A layer's own `dtype` goes before the policy: `Dense(1, activation='sigmoid', dtype='float32')` for a last layer whose
output should be exact. (In a layer with an `input_shape`, 'float32' names the placeholder's type only, as in Keras.)
With 'mixed_float16' the loss is multiplied by 1024 before gradients are taken and they are divided by it; a step whose
gradients overflow changes no weight. Keras 2.2.4 has no such module.
"""

from __future__ import annotations

from kjax.backend.config import floatx

__all__ = ["POLICIES", "compute_dtype", "global_policy", "set_policy"]

POLICIES = {"float32": None, "mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}
_HALVES = ("bfloat16", "float16")
_current = ["float32"]


def set_policy(policy) -> None:
    """Sets the policy of layers made from now on.

    Args:
        policy: 'float32' (everything in `floatx`, the default), 'mixed_bfloat16' or 'mixed_float16'.

    Raises:
        ValueError: for another name.
    """
    if policy not in POLICIES:
        raise ValueError(f"set_policy: policy must be one of {', '.join(POLICIES)}; got {policy!r}.")
    _current[0] = policy


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

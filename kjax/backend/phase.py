"""The learning phase: training or test."""

from __future__ import annotations

import contextlib

import jax.numpy as jnp
import numpy as np

from kjax.backend.conditional import switch
from kjax.backend.operation import as_array, tensor_op
from kjax.graph import KerasTensor, Variable, elementwise

__all__ = [
    "fixed_phase",
    "in_test_phase",
    "in_train_phase",
    "is_learning_phase",
    "learning_phase",
    "set_learning_phase",
]

_state: dict = {"fixed": None, "built_for": None, "symbol": None}


@tensor_op(context=True, always=True)
def keras_learning_phase(ctx):
    return np.asarray(ctx.training)


def learning_phase():
    """The phase: a symbolic bool scalar, or 0 or 1 after `set_learning_phase`.

    As an input of `K.function` it is fed 0 (test) or 1 (training).
    """
    fixed = fixed_phase()
    if fixed is not None:
        return fixed
    if _state["symbol"] is None:
        symbol = keras_learning_phase()
        if not isinstance(symbol, KerasTensor):
            return symbol  # inside of a running evaluation the phase is known
        symbol._name = "keras_learning_phase:0"
        symbol._uses_learning_phase = True
        _state["symbol"] = symbol
    return _state["symbol"]


def set_learning_phase(value):
    """Fixes the phase of everything built from now on, until `clear_session`.

    Args:
        value: 0 (test) or 1 (training).
    """
    if value not in (0, 1):
        raise ValueError(f"set_learning_phase: value must be 0 or 1; got {value!r}.")
    _state["fixed"] = int(value)


def fixed_phase():
    """0 or 1 after `set_learning_phase` or within `built_for`, else None."""
    return _state["fixed"] if _state["built_for"] is None else _state["built_for"]


def tests_while_training() -> bool:
    """Whether `set_learning_phase(0)` alone makes what is built now act as in the test phase: averages still move."""
    return _state["fixed"] == 0 and _state["built_for"] is None


@contextlib.contextmanager
def built_for(training):
    """`with built_for(False):` what is built inside is for the test phase; None or a tensor: for any."""
    before = _state["built_for"]
    if isinstance(training, (bool, int)):
        _state["built_for"] = int(training)
    try:
        yield
    finally:
        _state["built_for"] = before


def forget_phase() -> None:
    """Undoes `set_learning_phase`."""
    _state["fixed"] = None


def is_learning_phase(x) -> bool:
    """Whether x is the symbolic phase."""
    return isinstance(x, KerasTensor) and x.op is not None and x.op.operation is keras_learning_phase.operation


@tensor_op(name="in_train_phase", context=True, always=True, rowwise=elementwise)
def _by_phase(ctx, x, alt):
    x, alt = as_array(x), as_array(alt)
    dtype = jnp.result_type(x, alt)
    x, alt = jnp.broadcast_arrays(x.astype(dtype), alt.astype(dtype))
    return x if ctx.training else alt


def in_train_phase(x, alt, training=None):
    """x in the training phase, alt in the test phase.

    Args:
        x, alt: tensors of the same shape, or functions without arguments that give them.
        training: None: the learning phase; a bool or 0, 1; or a scalar tensor.
    """
    marks = training is None
    if training is None:
        training = learning_phase()
    if not isinstance(training, (KerasTensor, Variable)) and np.ndim(training) == 0:
        chosen = x if bool(training) else alt
        return chosen() if callable(chosen) else chosen
    x = x() if callable(x) else x
    alt = alt() if callable(alt) else alt
    result = _by_phase(x, alt) if is_learning_phase(training) else switch(training, x, alt)
    if marks and isinstance(result, KerasTensor):
        result._uses_learning_phase = True
    return result


def in_test_phase(x, alt, training=None):
    """x in the test phase, alt in the training phase; arguments as for `in_train_phase`."""
    return in_train_phase(alt, x, training)

"""Telling a positional Keras 1 call, `Dense(64, 'uniform', 'relu')`, from a Keras 2 one that gives too much."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from kjax.keras1.rules import FORMATS, Row

INITIALIZERS = frozenset(
    "zero zeros one ones uniform normal identity orthogonal lecun_uniform glorot_normal glorot_uniform he_normal "
    "he_uniform".split()
)
ACTIVATIONS = frozenset("softmax elu softplus softsign relu tanh sigmoid hard_sigmoid linear".split())


def _is_number(x):
    return isinstance(x, (int, float, np.number)) and not isinstance(x, bool)


def _is_int(x):
    return isinstance(x, (int, np.integer)) and not isinstance(x, bool)


def _is_size(x):
    return _is_int(x) or (isinstance(x, (tuple, list)) and all(map(_is_int, x)))


def _is_penalty(x):
    return x is None or isinstance(x, str) or callable(x)


_INIT = lambda x: callable(x) or (isinstance(x, str) and x in INITIALIZERS)
_ACTIVATION = lambda x: x is None or callable(x) or (isinstance(x, str) and x in ACTIVATIONS)

# what a Keras 1 argument may be, as far as it is needed to tell the two apart
DOMAINS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("init", "inner_init", "forget_bias_init", "beta_init", "gamma_init"), _INIT),
    **dict.fromkeys(("activation", "inner_activation"), _ACTIVATION),
    **dict.fromkeys(("bias", "mask_zero"), lambda x: isinstance(x, bool)),
    **dict.fromkeys(("dropout", "dropout_W", "dropout_U"), _is_number),
    **dict.fromkeys(("epsilon", "momentum"), lambda x: isinstance(x, float)),
    **dict.fromkeys(("mode", "axis", "depth_multiplier"), _is_int),
    **dict.fromkeys(("nb_row", "nb_col", "kernel_dim1", "kernel_dim2", "kernel_dim3"), _is_int),
    **dict.fromkeys(("subsample", "subsample_length"), _is_size),
    **dict.fromkeys(("input_dim", "input_length"), lambda x: x is None or _is_int(x)),
    "weights": lambda x: x is None or isinstance(x, (list, tuple)),
    "border_mode": lambda x: x in ("valid", "same", "full"),
    "dim_ordering": lambda x: isinstance(x, str) and x in FORMATS,
    "output_shape": lambda x: x is None or isinstance(x, (tuple, list)) or callable(x),
    "arguments": lambda x: isinstance(x, dict),
    "shared_axes": lambda x: x is None or isinstance(x, (tuple, list)),
}


def read_positions(row: Row, label: str, args, kwargs) -> tuple[tuple, dict[str, Any]]:
    """The call with its positional arguments by their Keras 1 names, where only Keras 1 could have meant them.

    Args:
        label: the class called, for errors.
    """
    before, _, behind = row.order.partition("|")
    order = [*before.split(), *behind.split()]
    if not len(before.split()) < len(args) <= len(order):
        return args, kwargs
    named = dict(zip(order, args, strict=False))
    if not all(_fits(name, value) for name, value in named.items()):
        return args, kwargs
    twice = [name for name in named if name in kwargs]
    if twice:
        raise TypeError(f"{label}: {', '.join(twice)} was given by position and by keyword.")
    return (), {**named, **kwargs}


def _fits(name: str, value: Any) -> bool:
    if name.endswith(("_regularizer", "_constraint")):
        return _is_penalty(value)
    return name not in DOMAINS or bool(DOMAINS[name](value))


def adapted_initializers(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Keras 1's initializer functions of (shape, name, dim_ordering), as functions of the shape."""
    return {k: _of_shape(v) if k.endswith(("init", "initializer")) else v for k, v in kwargs.items()}


def _of_shape(function):
    if not inspect.isfunction(function):
        return function
    parameters = inspect.signature(function).parameters
    given = {
        name: value
        for name, value in (("name", None), ("dim_ordering", "tf"))
        if name in parameters and parameters[name].default is inspect.Parameter.empty
    }
    if not given:
        return function

    def initializer(shape):
        return function(shape, **given)

    initializer.__name__, initializer.__doc__ = function.__name__, function.__doc__
    initializer.of_keras1 = function
    return initializer

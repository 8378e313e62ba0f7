"""Constructor arguments that several layers take: read once, and written back to the config."""

from __future__ import annotations

import math
import warnings

import numpy as np

from kjax import activations, constraints, initializers, regularizers
from kjax import backend as K
from kjax.utils.arguments import given

__all__ = [
    "AFFINE_FIELDS",
    "add_weight",
    "axis_numbers",
    "given",
    "number",
    "positive_int",
    "rate",
    "read_data_format",
    "read_fields",
    "sizes",
    "warn_rate",
    "write_fields",
]

# what dense and convolution layers share, in the order of their configs
AFFINE_FIELDS = (
    "activation",
    "use_bias",
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
)

_KINDS = {
    "_initializer": initializers,
    "_regularizer": regularizers,
    "_constraint": constraints,
    "activation": activations,
}


def _kind(name):
    for suffix, kind in _KINDS.items():
        if name.endswith(suffix):
            return kind
    return None


def read_fields(layer, **fields) -> None:
    """Sets attributes: activations, initializers, regularizers and constraints by their `get`, the rest as given.

    Raises:
        ValueError, TypeError: as `get` does, naming the layer and the argument.
    """
    for name, value in fields.items():
        kind = _kind(name)
        try:
            setattr(layer, name, value if kind is None else kind.get(value))
        except (TypeError, ValueError) as error:
            raise type(error)(f"Layer {layer.name}: the `{name}` argument: {error}") from error


def write_fields(layer, *names) -> dict:
    """The config entries of these attributes."""
    config = {}
    for name in names:
        value, kind = getattr(layer, name), _kind(name)
        config[name] = value if kind is None else kind.serialize(value)
    return config


def add_weight(layer, name, shape, initializer=None):
    """Adds a trainable weight with the initializer, regularizer and constraint in the layer's fields of its name.

    Args:
        name: such as 'kernel', of `kernel_initializer`, or 'recurrent_kernel', of `recurrent_initializer`.
        initializer: in place of the field's.
    """
    short = name.removesuffix("_kernel")
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=getattr(layer, f"{short}_initializer") if initializer is None else initializer,
        regularizer=getattr(layer, f"{short}_regularizer"),
        constraint=getattr(layer, f"{short}_constraint"),
    )


def _is_int(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def read_data_format(value, layer) -> str:
    """'channels_last' or 'channels_first'; None: the setting in `keras.json`.

    Raises:
        ValueError: for anything else, naming the layer.
    """
    try:
        return K.normalize_data_format(value)
    except ValueError as error:
        raise ValueError(f"Layer {layer}: the `data_format` argument: {error}") from error


def number(value, argument, layer, least=-math.inf):
    """A number, at least `least` and not NaN, as it is.

    Raises:
        TypeError: when it is no number.
        ValueError: when it is too small or NaN.
    """
    if isinstance(value, (bool, str)) or np.ndim(value) or not isinstance(value, (int, float, np.number, np.ndarray)):
        raise TypeError(f"Layer {layer}: the `{argument}` argument must be a number; got {value!r}.")
    if not value >= least:
        bound = "a number" if least == -math.inf else f"a number >= {least}"
        raise ValueError(f"Layer {layer}: the `{argument}` argument must be {bound}; got {value!r}.")
    return value


def rate(value, argument, layer):
    """A dropout rate, kept within 0 and 1 as in Keras.

    Raises:
        TypeError: when it is no number.
        ValueError: when it is NaN.
    """
    warn_rate(value, argument, layer)
    return min(1.0, max(0.0, value))


def warn_rate(value, argument, layer) -> None:
    """Keras takes rates that are none, and drops nothing then: that is said here.

    Raises:
        TypeError: when it is no number.
        ValueError: when it is NaN.
    """
    if not 0 <= number(value, argument, layer) < 1:
        warnings.warn(
            f"Layer {layer}: the `{argument}` argument should be a number in [0, 1); got {value!r}, with which, as in "
            "Keras, nothing is dropped.",
            stacklevel=5,
        )


def axis_numbers(values, argument, layer) -> tuple[int, ...]:
    """Ints, from one or from a sequence.

    Raises:
        TypeError: for anything else, naming the layer.
    """
    entries = (values,) if _is_int(values) else values
    if not isinstance(entries, (tuple, list, np.ndarray)) or not all(map(_is_int, entries)):
        raise TypeError(f"Layer {layer}: the `{argument}` argument must hold integers; got {values!r}.")
    return tuple(int(v) for v in entries)


def positive_int(value, argument, layer) -> int:
    """An int >= 1.

    Raises:
        ValueError: for anything else, naming the layer.
    """
    if not _is_int(value) and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not _is_int(value) or value < 1:
        raise ValueError(f"Layer {layer}: the `{argument}` argument must be an integer >= 1; got {value!r}.")
    return int(value)


def sizes(value, n, argument, layer) -> tuple[int, ...]:
    """n ints >= 1, from one for all axes or from a sequence.

    Raises:
        ValueError: for anything else, naming the layer.
    """
    entries = (value,) * n if _is_int(value) else value
    if not isinstance(entries, (tuple, list, np.ndarray)) or len(entries) != n or not all(map(_is_int, entries)):
        raise ValueError(
            f"Layer {layer}: the `{argument}` argument must be an integer or a tuple of {n} integers; got {value!r}."
        )
    if min(entries) < 1:
        raise ValueError(f"Layer {layer}: the `{argument}` argument must hold integers >= 1; got {value!r}.")
    return tuple(int(v) for v in entries)

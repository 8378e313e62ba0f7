"""Constructor arguments that several layers take: read once, and written back to the config."""

from __future__ import annotations

import numpy as np

from kjax import activations, constraints, initializers, regularizers

__all__ = ["positive_int", "read_fields", "sizes", "write_fields"]

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
    """Sets attributes: activations, initializers, regularizers and constraints by their `get`, the rest as given."""
    for name, value in fields.items():
        kind = _kind(name)
        setattr(layer, name, value if kind is None else kind.get(value))


def write_fields(layer, *names) -> dict:
    """The config entries of these attributes."""
    config = {}
    for name in names:
        value, kind = getattr(layer, name), _kind(name)
        config[name] = value if kind is None else kind.serialize(value)
    return config


def _is_int(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


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

"""The state of callbacks as plain data and arrays."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["callback_state", "put_callback_state"]

_NOT_STATE = frozenset(("model", "params", "validation_data", "uses_batches"))


def _plain(value) -> bool:
    """Whether JSON holds the value as it is; infinities are held by name."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return True
    if isinstance(value, dict):
        return all(isinstance(k, str) and _plain(v) for k, v in value.items())
    return isinstance(value, (list, tuple)) and all(_plain(v) for v in value)


def _is_arrays(value) -> bool:
    return (
        isinstance(value, np.ndarray)
        or isinstance(value, list)
        and bool(value)
        and all(isinstance(v, np.ndarray) for v in value)
    )


def _packed(value):
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, dict):
        return {"dict": [[k, _packed(v)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_packed(v) for v in value]}
    if isinstance(value, list):
        return [_packed(v) for v in value]
    return value


def _unpacked(value):
    if isinstance(value, list):
        return [_unpacked(v) for v in value]
    if isinstance(value, dict):
        (kind, inner), *_ = value.items()
        if kind == "float":
            return float(inner)
        if kind == "tuple":
            return tuple(_unpacked(v) for v in inner)
        return {k: _unpacked(v) for k, v in inner}
    return value


def callback_state(callback) -> tuple:
    """(plain data, dict of arrays) of a callback: its attributes that are figures, texts, lists of them, or arrays.

    A callback with `get_state()` says itself what its state is: a dict of such values.
    """
    state = callback.get_state() if hasattr(callback, "get_state") else vars(callback)
    plain, arrays = {}, {}
    for name, value in state.items():
        value = value.item() if isinstance(value, np.generic) else value
        if name in _NOT_STATE:
            continue
        if _is_arrays(value):
            parts = value if isinstance(value, list) else [value]
            arrays[name] = {f"{i:05d}": np.array(v) for i, v in enumerate(parts)}
            plain[name] = {"arrays": len(parts) if isinstance(value, list) else None}
        elif _plain(value):
            plain[name] = {"value": _packed(value)}
    return plain, arrays


def put_callback_state(callback, plain, arrays) -> None:
    """Gives a callback the state that `callback_state` found; `set_state(dict)` is called where there is one."""
    state = {}
    for name, held in plain.items():
        if "value" in held:
            state[name] = _unpacked(held["value"])
            continue
        parts = [np.asarray(arrays[name][k]) for k in sorted(arrays[name])]
        state[name] = parts if held["arrays"] is not None else parts[0]
    if hasattr(callback, "set_state"):
        callback.set_state(state)
        return
    for name, value in state.items():
        current = getattr(callback, name, None)
        if isinstance(current, dict) and type(current) is not dict and isinstance(value, dict):
            current.clear()  # e.g. History's dict that answers to two names
            current.update(value)
        else:
            setattr(callback, name, value)

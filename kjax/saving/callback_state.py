"""Values as plain data beside arrays, and the state of callbacks as such."""

from __future__ import annotations

import collections
import inspect
import math

import jax
import numpy as np

__all__ = ["NoPlainData", "callback_settings", "callback_state", "pack", "put_callback_state", "unpack"]

_NOT_STATE = frozenset(("model", "params", "validation_data", "uses_batches"))
_COLLECTIONS = {"tuple": tuple, "set": set, "frozenset": frozenset, "deque": collections.deque}


class NoPlainData(TypeError):
    """A value that is neither figures, texts, arrays nor built-in collections of them."""


def pack(value, arrays):
    """A value as plain data that JSON holds; its arrays go into the dict `arrays`, under numbers.

    Raises:
        NoPlainData: for other objects, e.g. functions or open files.
    """
    if value is None or isinstance(value, (bool, str)) or type(value) is int:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        return _pack_array(value, arrays)
    if isinstance(value, dict):
        return {"dict": [[pack(k, arrays), pack(v, arrays)] for k, v in value.items()]}
    if type(value) is list:
        return [pack(v, arrays) for v in value]
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    kind = next((name for name, of in _COLLECTIONS.items() if type(value) is of), None)
    if kind is None:
        raise NoPlainData(f"{type(value).__name__} is no plain data")
    return {
        kind: [pack(v, arrays) for v in value],
        **({"maxlen": value.maxlen} if isinstance(value, collections.deque) else {}),
    }


def _pack_array(value, arrays):
    array = np.array(value)
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise NoPlainData(f"an array of {array.dtype} is no plain data")
    if not array.size:  # Orbax holds none of these
        return {"empty": [list(array.shape), array.dtype.name]}
    key = f"{len(arrays):05d}"
    arrays[key] = array
    return {"scalar" if isinstance(value, np.generic) else "array": key}


def unpack(value, arrays):
    """The value that `pack` was given."""
    if isinstance(value, list):
        return [unpack(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    kind, inner = next(iter(value.items()))
    if kind == "dict":
        return {unpack(k, arrays): unpack(v, arrays) for k, v in inner}
    if kind == "array":
        return np.array(arrays[inner])
    if kind == "scalar":
        return np.array(arrays[inner])[()]
    if kind == "empty":
        return np.empty(inner[0], np.dtype(inner[1]))
    if kind == "float":
        return float(inner)
    if kind == "bytes":
        return bytes.fromhex(inner)
    items = [unpack(v, arrays) for v in inner]
    return collections.deque(items, value["maxlen"]) if kind == "deque" else _COLLECTIONS[kind](items)


def callback_settings(callback) -> dict:
    """What a callback was made with: its attributes that are named like arguments of its constructor, packed."""
    names = {
        name
        for kind in type(callback).__mro__
        if "__init__" in vars(kind) and kind is not object
        for name in inspect.signature(vars(kind)["__init__"]).parameters
    }
    return {name: _packed(value) for name, value in vars(callback).items() if name in names}


def _packed(value):
    """(plain data, the arrays' bytes), for comparison; None for other objects, a number that tells arrays apart."""
    if isinstance(value, (np.ndarray, jax.Array)):
        return id(value)
    arrays: dict = {}
    try:
        return pack(value, arrays), {k: (a.shape, a.tobytes()) for k, a in arrays.items()}
    except NoPlainData:
        return None


def callback_state(callback, settings=None) -> tuple:
    """(plain data, dict of arrays) of a callback: its attributes that `pack` takes.

    A callback with `get_state()` says itself what its state is: a dict of such values.

    Args:
        settings: `callback_settings` before the run; what has not changed since is no state, so that a run may be
            continued with other ones.

    Raises:
        NoPlainData: for what `get_state()` gives otherwise.
    """
    arrays: dict = {}
    if hasattr(callback, "get_state"):
        return {name: pack(value, arrays) for name, value in callback.get_state().items()}, arrays
    plain = {}
    for name, value in vars(callback).items():
        if name in _NOT_STATE or settings and name in settings and _packed(value) == settings[name]:
            continue
        taken = dict(arrays)
        try:
            plain[name] = pack(value, taken)
        except NoPlainData:
            continue
        arrays = taken
    return plain, arrays


def put_callback_state(callback, plain, arrays) -> None:
    """Gives a callback the state that `callback_state` found; `set_state(dict)` is called where there is one."""
    state = {name: unpack(value, arrays) for name, value in plain.items()}
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

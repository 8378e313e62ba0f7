"""Reading pickled arrays as data: only arrays, their types and Python's lists, numbers, strings and dicts are made."""

from __future__ import annotations

import io
import pickle
from typing import NamedTuple

import numpy as np


class _Type:
    """What a pickle says of a dtype."""

    def __init__(self, code, align=False, copy=False):
        self.code = code.decode("ascii") if isinstance(code, bytes) else code
        self.order = "|"

    def __setstate__(self, state):
        order = state[1]
        self.order = order.decode("ascii") if isinstance(order, bytes) else order

    def dtype(self) -> np.dtype:
        if not isinstance(self.code, str) or self.order not in ("<", ">", "|", "="):
            raise ValueError(f"unknown array type {self.code!r}")
        dtype = np.dtype(self.code)
        if dtype.kind not in "biufcO" or dtype.subdtype is not None:
            raise ValueError(f"array type {self.code!r} is not allowed")
        return dtype if self.order == "|" else dtype.newbyteorder(self.order)


class _Array:
    """What a pickle says of an array, until `array` checks it."""

    def __init__(self):
        self.state = None

    def __setstate__(self, state):
        self.state = state

    def array(self) -> np.ndarray:
        if not isinstance(self.state, tuple) or len(self.state) != 5 or not isinstance(self.state[2], _Type):
            raise ValueError("incomplete array")
        _, shape, kind, fortran, content = self.state
        dtype = kind.dtype()
        if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise ValueError(f"bad array shape {shape!r}")
        count = 1
        for n in shape:
            count *= n
        if dtype.hasobject:
            if not isinstance(content, list) or len(content) != count:
                raise ValueError(f"an array of shape {shape} with another number of entries")
            flat = np.empty(count, dtype=object)
            for i, entry in enumerate(content):
                flat[i] = _finish(entry)
        else:
            content = content.encode("latin1") if isinstance(content, str) else content
            if not isinstance(content, bytes) or len(content) != count * dtype.itemsize:
                raise ValueError(f"an array of shape {shape} with another number of bytes")
            flat = np.frombuffer(content, dtype=dtype).astype(dtype.newbyteorder("="))
        return flat.reshape(shape, order="F" if fortran else "C")


class _Scalar(NamedTuple):
    kind: _Type
    content: bytes


def _reconstruct(kind, shape, code):
    """Every array starts empty; its content comes with its state."""
    if kind is not _Array:
        raise pickle.UnpicklingError("an array of a subclass is not allowed")
    return _Array()


def _encode(text, encoding="latin1"):
    """How Python 3 writes bytes in old pickles."""
    if encoding != "latin1" or not isinstance(text, str):
        raise pickle.UnpicklingError("only latin1 text stands for bytes")
    return text.encode("latin1")


def _no_bytes():
    """How Python 3 writes empty bytes in old pickles."""
    return b""


_ALLOWED = {
    ("__builtin__", "bytes"): _no_bytes,
    ("_codecs", "encode"): _encode,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _Scalar,
    ("numpy._core.multiarray", "scalar"): _Scalar,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"the name {module}.{name} is not allowed in a data file")
        return _ALLOWED[module, name]

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("references to outside are not allowed in a data file")


def loads(data: bytes, name: str, encoding: str = "ASCII"):
    """The object that was pickled. ValueError, with the file's `name`, for anything but arrays and plain data.

    Args:
        data: bytes of the pickle.
        name: of the file, for errors.
        encoding: of Python 2's strings; 'bytes' leaves them as they are.
    """
    try:
        return _finish(_Reader(io.BytesIO(data), encoding=encoding).load())
    except (
        pickle.UnpicklingError,
        ValueError,
        TypeError,
        EOFError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        MemoryError,
        RecursionError,
    ) as error:
        raise ValueError(f"{name}: not a data file that may be read: {error}") from error


def _finish(value):
    """Arrays in place of what stands for them."""
    if isinstance(value, _Array):
        return value.array()
    if isinstance(value, _Scalar):
        dtype = value.kind.dtype() if isinstance(value.kind, _Type) else None
        if dtype is None or dtype.hasobject or not isinstance(value.content, bytes):
            raise ValueError("bad number")
        return np.frombuffer(value.content, dtype=dtype)[0]
    if isinstance(value, dict):
        return {key: _finish(entry) for key, entry in value.items()}
    if isinstance(value, list) and any(isinstance(entry, (_Array, _Scalar, dict, list, tuple)) for entry in value):
        return [_finish(entry) for entry in value]
    if isinstance(value, tuple):
        return tuple(_finish(entry) for entry in value)
    if isinstance(value, (_Type, type)):
        raise ValueError("a type where data should be")
    return value

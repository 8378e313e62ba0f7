"""Reading pickled arrays as data: only arrays, their types and Python's lists, numbers, strings and dicts are made."""

from __future__ import annotations

import io
import pickle
import re

import numpy as np

from kjax.datasets.pickle_codes import check_codes
from kjax.saving.errors import CorruptFileError

MAX_AXES = 32
_GROWTH, _FREE = 32, 1 << 20  # bytes that objects may take: so many for each of the pickle's, and so many besides
_KIND = re.compile(r"[<>|=]?[biufcO]\d{0,2}")


class _Type:
    """What a pickle says of a dtype."""

    __slots__ = ("code", "order")

    def __init__(self, code, align=False, copy=False):
        self.code = code.decode("ascii") if isinstance(code, bytes) else code
        self.order = "|"

    def __setstate__(self, state):
        order = state[1]
        self.order = order.decode("ascii") if isinstance(order, bytes) else order

    def dtype(self) -> np.dtype:
        if not isinstance(self.code, str) or self.order not in ("<", ">", "|", "="):
            raise ValueError(f"unknown array type {self.code!r:.80}")
        if not _KIND.fullmatch(self.code):
            raise ValueError(f"array type {self.code!r:.80} is not allowed")
        dtype = np.dtype(self.code)
        return dtype if self.order == "|" else dtype.newbyteorder(self.order)


class _Array:
    """What a pickle says of an array, until `array` checks it."""

    __slots__ = ("state",)

    def __init__(self):
        self.state = None

    def __setstate__(self, state):
        self.state = state

    def array(self, finish) -> np.ndarray:
        if not isinstance(self.state, tuple) or len(self.state) != 5 or not isinstance(self.state[2], _Type):
            raise ValueError("incomplete array")
        _, shape, kind, fortran, content = self.state
        dtype = kind.dtype()
        sizes = isinstance(shape, tuple) and all(type(n) is int and 0 <= n < 2**63 for n in shape)
        if not sizes or len(shape) > MAX_AXES:
            raise ValueError(f"bad array shape {shape!r:.80}")
        count = 1
        for n in shape:
            count *= n
        if dtype.hasobject:
            if not isinstance(content, list) or len(content) != count:
                raise ValueError(f"an array of shape {shape} with another number of entries")
            flat = np.empty(count, dtype=object)
            for i, entry in enumerate(content):
                flat[i] = finish(entry)
        else:
            content = content.encode("latin1") if isinstance(content, str) else content
            if not isinstance(content, bytes) or len(content) != count * dtype.itemsize:
                raise ValueError(f"an array of shape {shape} with another number of bytes")
            flat = np.frombuffer(content, dtype=dtype).astype(dtype.newbyteorder("="))
        return flat.reshape(shape, order="F" if fortran else "C")


class _Scalar:
    """What a pickle says of a single number."""

    __slots__ = ("content", "kind")

    def __init__(self, kind, content):
        self.kind, self.content = kind, content

    def number(self):
        dtype = self.kind.dtype() if isinstance(self.kind, _Type) else None
        if dtype is None or dtype.hasobject or not isinstance(self.content, bytes):
            raise ValueError("bad number")
        if len(self.content) != dtype.itemsize:
            raise ValueError(f"a number of {len(self.content)} bytes where {dtype.itemsize} were required")
        return np.frombuffer(self.content, dtype=dtype)[0]


class _Name:
    """What a pickle gets for a name: it can be called, and nothing in the file can change it.

    Args:
        make: what a call gives.
    """

    __slots__ = ("_make",)

    def __init__(self, make):
        self._make = make

    def __call__(self, *arguments):
        return self._make(*arguments)

    def __setstate__(self, state):
        raise pickle.UnpicklingError("a state for a name is not allowed in a data file")


def _reconstruct(kind, shape, code):
    """Every array starts empty; its content comes with its state."""
    if kind is not _ALLOWED["numpy", "ndarray"]:
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


def _no_array():
    raise pickle.UnpicklingError("an array without a state is not allowed in a data file")


_ALLOWED = {
    ("__builtin__", "bytes"): _Name(_no_bytes),
    ("_codecs", "encode"): _Name(_encode),
    ("numpy", "ndarray"): _Name(_no_array),
    ("numpy", "dtype"): _Name(_Type),
    ("numpy.core.multiarray", "_reconstruct"): _Name(_reconstruct),
    ("numpy._core.multiarray", "_reconstruct"): _Name(_reconstruct),
    ("numpy.core.multiarray", "scalar"): _Name(_Scalar),
    ("numpy._core.multiarray", "scalar"): _Name(_Scalar),
}


class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"the name {module}.{name} is not allowed in a data file")
        return _ALLOWED[module, name]

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("references to outside are not allowed in a data file")


def loads(data: bytes, name: str, encoding: str = "ASCII"):
    """The object that was pickled. CorruptFileError, with the file's `name`, for anything but arrays and plain data.

    Args:
        data: bytes of the pickle.
        name: of the file, for errors.
        encoding: of Python 2's strings; 'bytes' leaves them as they are.
    """
    try:
        check_codes(data, _GROWTH * len(data) + _FREE)
        return _Finish(len(data)).value(_Reader(io.BytesIO(data), encoding=encoding).load())
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
        raise CorruptFileError(name, f"not a data file that may be read: {error}") from error


_LEAVES = frozenset((int, float, complex, str, bytes, bool, type(None)))


class _Finish:
    """Arrays in place of what stands for them.

    Args:
        limit: of entries. What stands once in a file may be referred to many times, and multiply with each reading.
    """

    def __init__(self, limit):
        self.left = limit

    def value(self, value):
        kind = type(value)
        if kind in _LEAVES:
            return value
        if kind is _Array:
            return value.array(self.value)
        if kind is _Scalar:
            return value.number()
        if kind not in (dict, list, tuple):
            raise ValueError(f"a {kind.__name__.strip('_').lower()} where data should be")
        self.left -= len(value) + 1
        if self.left < 0:
            raise ValueError("it refers to the same values over and over")
        if kind is dict:
            return {key: self.value(entry) for key, entry in value.items()}
        if kind is list and {*map(type, value)} <= _LEAVES:
            return value
        return kind(self.value(entry) for entry in value)

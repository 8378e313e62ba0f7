"""What the index says of each tensor."""

from __future__ import annotations

import math
from typing import NamedTuple

import ml_dtypes
import numpy as np

from kjax.saving.errors import CorruptFileError, UnsafeModelError
from kjax.saving.tf_checkpoint.wire import fields, signed

__all__ = ["DTYPES", "STRING", "Entry", "check_header", "entry_of", "slice_key"]

STRING = 7
MAX_RANK = 32  # NumPy's
MAX_SHARDS = 10_000
_BUNDLE_VERSION = 1
# TensorFlow's number of a type -> the type
DTYPES = {
    number: np.dtype(name)
    for number, name in (
        (1, "float32"), (2, "float64"), (3, "int32"), (4, "uint8"), (5, "int16"), (6, "int8"), (8, "complex64"),
        (9, "int64"), (10, "bool"), (14, ml_dtypes.bfloat16), (17, "uint16"), (18, "complex128"), (19, "float16"),
        (22, "uint32"), (23, "uint64"),
    )
}  # fmt: skip
_NAMES = {11: "qint8", 12: "quint8", 13: "qint32", 15: "qint16", 16: "quint16", 20: "resource", 21: "variant"}


class Entry(NamedTuple):
    """One tensor of the index.

    Attributes:
        dtype: TensorFlow's number of the type.
        shape: tuple of int.
        shard, offset, size: the file, the first byte and the number of bytes of the data.
        crc: the check sum of the data, as stored.
        slices: for a variable saved in parts: each part as a tuple of (start, length), length None for the whole axis.
    """

    dtype: int
    shape: tuple
    shard: int
    offset: int
    size: int
    crc: int
    slices: tuple

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


def check_header(message, where) -> int:
    """How many data files belong to the index.

    Raises:
        CorruptFileError: for a file of another byte order, or of a later format.
    """
    found = fields(message, where, {1: "varint", 2: "varint", 3: "bytes"})
    shards = found.get(1, [0])[-1]
    if found.get(2, [0])[-1] != 0:
        raise CorruptFileError(where, "the checkpoint was written by a big-endian machine; only little-endian is read.")
    if not 1 <= shards <= MAX_SHARDS:
        raise CorruptFileError(where, f"it names {shards} data files; 1 to {MAX_SHARDS} are read.")
    version = fields(found.get(3, [b""])[-1], where, {2: "varint"}).get(2, [0])[-1]
    if version > _BUNDLE_VERSION:
        raise CorruptFileError(where, f"it needs a reader of version {version}; this one is of {_BUNDLE_VERSION}.")
    return shards


def entry_of(message, where) -> Entry:
    """The entry that a message of the index is.

    Raises:
        CorruptFileError, UnsafeModelError: with the reason.
    """
    kinds = {1: "varint", 2: "bytes", 3: "varint", 4: "varint", 5: "varint", 6: "fixed32", 7: "bytes"}
    found = fields(message, where, kinds)
    dtype, shard, offset, size, crc = (found.get(n, [0])[-1] for n in (1, 3, 4, 5, 6))
    if dtype != STRING and dtype not in DTYPES:
        raise CorruptFileError(where, f"its type is {_NAMES.get(dtype, f'number {dtype}')}, which is not read.")
    for name, value in (("shard", shard), ("offset", offset), ("size", size)):
        if value >> 63:
            raise CorruptFileError(where, f"its {name} is negative: {signed(value)}.")
    slices = tuple(_slice(part, where) for part in found.get(7, []))
    return Entry(dtype, _shape(found.get(2, [b""])[-1], where), shard, offset, size, crc, slices)


def _shape(message, where) -> tuple:
    found = fields(message, where, {2: "bytes", 3: "varint"})
    if found.get(3, [0])[-1]:
        raise CorruptFileError(where, "its rank is unknown.")
    dims = [fields(d, where, {1: "varint"}).get(1, [0])[-1] for d in found.get(2, [])]
    if len(dims) > MAX_RANK:
        raise UnsafeModelError(where, f"its rank is {len(dims)}; at most {MAX_RANK} is read.")
    for d in dims:
        if d >> 63:
            raise CorruptFileError(where, f"a dimension is negative: {signed(d)}.")
    if math.prod(max(d, 1) for d in dims) >> 62:
        raise UnsafeModelError(where, f"the shape {tuple(dims)} has more elements than any memory.")
    return tuple(dims)


def _slice(message, where) -> tuple:
    extents = []
    for extent in fields(message, where, {1: "bytes"}).get(1, []):
        found = fields(extent, where, {1: "varint", 2: "varint"})
        start, length = found.get(1, [0])[-1], found[2][-1] if 2 in found else None
        if start >> 63 or (length is not None and length >> 63):
            raise CorruptFileError(where, "a slice begins or ends at a negative index.")
        extents.append((start, length))
    return tuple(extents)


def slice_key(name: bytes, extents) -> bytes:
    """The key under which a part of a variable stands in the index.

    Args:
        name: of the variable.
        extents: (start, length) of each axis; length None: the whole axis.
    """
    escaped = (
        name.replace(b"\xff", b"\xff\x00").replace(b"\x00", b"\x00\xff") if b"\xff" not in name else _escaped(name)
    )
    key = _ordered(0) + escaped + b"\x00\x01" + _ordered(len(extents))
    for start, length in extents:
        key += _ordered_signed(start) + _ordered_signed(-1 if length is None else length)
    return key


def _escaped(name) -> bytes:
    return b"".join({0: b"\x00\xff", 255: b"\xff\x00"}.get(b, bytes([b])) for b in name)


def _ordered(value) -> bytes:
    """A number >= 0 whose bytes sort like it: their count, then the bytes, high ones first."""
    digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(digits)]) + digits


def _ordered_signed(value) -> bytes:
    """A number whose bytes sort like it: the leading bits count the bytes, 7 bits of number in each."""
    length = 1
    while not -(1 << 7 * length - 1) <= value < 1 << 7 * length - 1:
        length += 1
    header = ((1 << length) - 1) << 8 * length - length  # as many leading ones as there are bytes
    return ((value & (1 << 8 * length) - 1) ^ header).to_bytes(length, "big")

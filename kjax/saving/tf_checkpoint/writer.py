"""Checkpoints that TensorFlow reads: one index, one data file."""

from __future__ import annotations

import os
import struct

import numpy as np

from kjax.saving.atomic import atomic_path
from kjax.saving.tf_checkpoint.crc32c import crc32c, masked
from kjax.saving.tf_checkpoint.entries import DTYPES, STRING
from kjax.saving.tf_checkpoint.table import table_of
from kjax.saving.tf_checkpoint.wire import put_field, put_fixed32, put_varint

__all__ = ["write_checkpoint"]

_NUMBERS = {dtype: number for number, dtype in DTYPES.items()}


def write_checkpoint(prefix, tensors) -> None:
    """Writes `prefix.data-00000-of-00001` and `prefix.index`; each appears whole, the index last.

    Args:
        prefix: path without the endings.
        tensors: dict name -> array of numbers, or of `bytes`.

    Raises:
        TypeError: for an array of a type that TensorFlow has not.
    """
    entries = {b"": put_field(1, 1) + put_field(3, put_field(1, 1))}
    with atomic_path(f"{os.fsdecode(prefix)}.data-00000-of-00001") as temporary, open(temporary, "wb") as file:
        for name in sorted(tensors, key=str.encode):
            number, data, crc, shape = _encoded(name, tensors[name])
            dims = b"".join(put_field(2, put_field(1, d)) for d in shape)
            entries[name.encode()] = (
                put_field(1, number)
                + put_field(2, dims)
                + put_field(4, file.tell())
                + put_field(5, len(data))
                + put_fixed32(6, masked(crc))
            )
            file.write(data)
    with atomic_path(f"{os.fsdecode(prefix)}.index") as temporary, open(temporary, "wb") as file:
        file.write(table_of(entries))


def _encoded(name, value):
    """(TensorFlow's number of the type, bytes, check sum, shape) of an array."""
    if not name:
        raise ValueError("write_checkpoint: a tensor's name must not be empty.")
    array = np.asarray(value, object) if isinstance(value, bytes) else np.asarray(value)
    if array.dtype.kind in "SO":
        texts = [bytes(t) if isinstance(t, (bytes, np.bytes_)) else _no_text(name, t) for t in array.reshape(-1)]
        sums = crc32c(b"".join(struct.pack("<I", len(t)) for t in texts))
        check = struct.pack("<I", masked(sums))
        data = check + b"".join(texts)
        return STRING, b"".join(put_varint(len(t)) for t in texts) + data, crc32c(data, sums), array.shape
    if array.dtype.newbyteorder("=") not in _NUMBERS:
        raise TypeError(
            f"write_checkpoint: {name!r} is of type {array.dtype}, which TensorFlow's checkpoints have not."
        )
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    data = little.tobytes()
    return _NUMBERS[array.dtype.newbyteorder("=")], data, crc32c(data), array.shape


def _no_text(name, value):
    raise TypeError(f"write_checkpoint: {name!r} must hold numbers or bytes; it holds {type(value).__name__}.")

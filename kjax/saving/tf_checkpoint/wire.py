"""Numbers and messages in Protocol Buffers' wire format, with bounds."""

from __future__ import annotations

import struct

from kjax.saving.errors import CorruptFileError

__all__ = ["fields", "put_field", "put_varint", "varint"]

MAX_FIELDS = 100_000  # of one message
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def varint(data, offset, where) -> tuple[int, int]:
    """(number, the offset behind it): 7 bits a byte, low ones first, at most 64 bits."""
    value = shift = 0
    while True:
        if offset >= len(data):
            raise CorruptFileError(where, f"ends within a number at byte {offset}.")
        byte = data[offset]
        offset += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift > 63:
            raise CorruptFileError(where, f"a number of more than 64 bits ends at byte {offset}.")
    if value >> 64:
        raise CorruptFileError(where, f"a number of more than 64 bits ends at byte {offset}.")
    return value, offset


def signed(value) -> int:
    """A 64-bit number as two's complement."""
    return value - (1 << 64) if value >> 63 else value


def fields(message, where, kinds) -> dict[int, list]:
    """The fields of a message: number -> values in their order.

    Args:
        message: bytes.
        kinds: field number -> wire kind that it must have ('varint', 'bytes', 'fixed32'); others are skipped.

    Raises:
        CorruptFileError: when the message is none, or a field has another kind.
    """
    found: dict[int, list] = {}
    offset = count = 0
    while offset < len(message):
        tag, offset = varint(message, offset, where)
        number, kind = tag >> 3, tag & 7
        value: int | bytes
        if kind == _VARINT:
            value, offset = varint(message, offset, where)
        elif kind == _BYTES:
            length, offset = varint(message, offset, where)
            value = message[offset : offset + length]
            offset += length
        elif kind == _FIXED32:
            value = struct.unpack("<I", message[offset : offset + 4].ljust(4, b"\0"))[0]
            offset += 4
        elif kind == _FIXED64:
            value = message[offset : offset + 8]
            offset += 8
        else:
            raise CorruptFileError(where, f"field {number} is of the unknown wire kind {kind}.")
        count += 1
        if number == 0 or offset > len(message) or count > MAX_FIELDS:
            raise CorruptFileError(where, f"field {number} at byte {offset} of {len(message)} is no field.")
        if number in kinds:
            if _KINDS[kinds[number]] != kind:
                raise CorruptFileError(where, f"field {number} must be a {kinds[number]}; its wire kind is {kind}.")
            found.setdefault(number, []).append(value)
    return found


_KINDS = {"varint": _VARINT, "bytes": _BYTES, "fixed32": _FIXED32}


def put_varint(value: int) -> bytes:
    """A number >= 0 in 7 bits a byte."""
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def put_field(number: int, value) -> bytes:
    """A field: int (a varint; left out where 0), or bytes."""
    if isinstance(value, bytes):
        return put_varint(number << 3 | _BYTES) + put_varint(len(value)) + value
    return put_varint(number << 3) + put_varint(value) if value else b""


def put_fixed32(number: int, value: int) -> bytes:
    """A field of four bytes."""
    return put_varint(number << 3 | _FIXED32) + struct.pack("<I", value)

"""Members of a tar file, read once from front to end: regular files and folders; everything else is told by its kind.

Formats: POSIX (ustar, pax) and GNU's, as far as files and folders need them. Headers that describe others (long names,
pax records) are bounded, and taken apart in time proportional to their size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["BLOCK", "Member", "TarError", "is_tar_header", "tar_members"]

BLOCK = 512
_MAX_NOTE = 1 << 16  # bytes of a header that describes the next one
_FOLDER, _LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"5", b"L", b"K", b"x", b"g"
_MAX_NOTES = 8  # such headers in front of one member


class TarError(ValueError):
    """What is no tar file, or a damaged one."""


class Member(NamedTuple):
    """One entry.

    Attributes:
        name: its path.
        kind: 'file', 'folder' or 'other'.
        size: bytes of a file.
        executable: whether its owner may run it.
        stream: object whose `read(size)` gives the file's content.
    """

    name: str
    kind: str
    size: int
    executable: bool
    stream: Any


class _Content:
    """So many bytes of a stream."""

    def __init__(self, stream, size):
        self._stream, self.left = stream, size

    def read(self, size):
        part = self._stream.read(min(size, self.left))
        if not part and min(size, self.left):
            raise TarError("it ends within a member")
        self.left -= len(part)
        return part

    def all(self) -> bytes:
        parts = []
        while self.left:
            parts.append(self.read(self.left))
        return b"".join(parts)

    def skip(self):
        while self.left:
            self.read(1 << 20)


def is_tar_header(block) -> bool:
    """Whether a block is the header of a member."""
    return len(block) == BLOCK and any(block) and _checksum_fits(block)


def _checksum_fits(block) -> bool:
    try:
        stated = _number(block[148:156])
    except TarError:
        return False
    rest = block[:148] + b" " * 8 + block[156:]
    signed = sum(b - 256 if b > 127 else b for b in rest)  # as some old programs counted
    return stated in (sum(rest), signed)


def _number(field) -> int:
    """Octal digits, or GNU's binary form for large sizes."""
    if field[0] == 0x80:
        value = int.from_bytes(field[1:], "big")
        if value >= 1 << 63:
            raise TarError(f"a size of {value}")
        return value
    digits = field.split(b"\0")[0].strip()
    if digits.strip(b"01234567"):
        raise TarError(f"{field!r} is no number")
    return int(digits or b"0", 8)


def _text(field) -> str:
    return field.split(b"\0")[0].decode("utf-8", "surrogateescape")


def tar_members(stream):
    """Yields the Members; what is not read of a file's content is skipped. Nobody asks for more after an 'other'.

    Args:
        stream: object with `read(size)`, at the archive's start.

    Raises:
        TarError: where the archive is damaged.
    """
    name, records, notes = None, {}, 0
    while True:
        block = _block(stream)
        if not any(block):
            return
        if not _checksum_fits(block):
            raise TarError("a header whose checksum does not fit")
        kind, size = block[156:157], _number(block[124:136])
        if kind in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL):
            notes += 1
            if size > _MAX_NOTE or notes > _MAX_NOTES:
                raise TarError(f"a header of {size} bytes, or more than {_MAX_NOTES} of them, for one member")
            content = _Content(stream, size).all()
            _skip_padding(stream, size)
            if kind == _LONG_NAME:
                name = _text(content)
            elif kind == _PAX:
                records = _records(content)
            elif kind == _PAX_GLOBAL and _records(content).keys() & {"path", "size"}:
                raise TarError("one name or size for all members")
            continue
        size = int(records.get("size", size))
        yield from _member(stream, block, kind, size, _name(block, name, records), records)
        name, records, notes = None, {}, 0


def _block(stream) -> bytes:
    """The next header; zeros where the archive ends without the blocks of zeros that it should end with."""
    block = b""
    while len(block) < BLOCK:
        part = stream.read(BLOCK - len(block))
        if not part:
            if block:
                raise TarError("it ends within a header")
            return bytes(BLOCK)
        block += part
    return block


def _member(stream, block, kind, size, name, records):
    executable = bool(_number(block[100:108]) & 0o100)
    sparse = any(key.startswith("GNU.sparse") for key in records)
    if kind == _FOLDER or kind == b"\0" and name.endswith("/"):  # so did old programs say folder
        yield Member(name, "folder", 0, executable, None)
    elif kind in (b"0", b"\0", b"7") and not sparse:
        content = _Content(stream, size)
        yield Member(name, "file", size, executable, content)
        content.skip()
        _skip_padding(stream, size)
    else:
        yield Member(name, "other", 0, executable, None)


def _name(block, long, records) -> str:
    if "path" in records:
        return records["path"]
    if long is not None:
        return long
    name, prefix = _text(block[:100]), _text(block[345:500])
    return f"{prefix}/{name}" if block[257:263] == b"ustar\0" and prefix else name


def _skip_padding(stream, size):
    rest = -size % BLOCK
    while rest:
        part = stream.read(rest)
        if not part:
            return  # only padding is missing
        rest -= len(part)


def _records(content) -> dict:
    """The pax records 'LENGTH KEY=VALUE\\n' of a header."""
    found, place = {}, 0
    while place < len(content) and content[place] != 0:
        space = content.find(b" ", place, place + 8)
        digits = content[place:space] if space > 0 else b""
        end = place + int(digits) if digits.isdigit() else 0
        if not space < end <= len(content) or content[end - 1 : end] != b"\n":
            raise TarError("a pax record whose length is wrong")
        key, mark, value = content[space + 1 : end - 1].partition(b"=")
        if not mark:
            raise TarError("a pax record without a value")
        found[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        place = end
    if "size" in found and not (found["size"].isascii() and found["size"].isdigit() and len(found["size"]) < 19):
        raise TarError(f"a pax record with a size of {found['size'][:40]!r}")
    return found

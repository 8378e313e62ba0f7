"""The sorted table (LevelDB's SSTable) that a checkpoint's index is."""

from __future__ import annotations

import struct

from kjax.saving.errors import CorruptFileError, UnsafeModelError
from kjax.saving.tf_checkpoint.crc32c import crc32c, masked, unmasked
from kjax.saving.tf_checkpoint.wire import put_varint, varint

__all__ = ["MAX_ENTRIES", "MAX_INDEX", "read_table", "table_of"]

MAX_INDEX = 256 * 1024**2  # bytes of the file, and of all keys in it
MAX_ENTRIES = 1_000_000
MAX_KEY = 65_536  # bytes
_MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
_FOOTER = 48
_TRAILER = 5  # the kind of compression and the check sum
_COMPRESSIONS = {1: "Snappy", 2: "zlib", 4: "LZ4", 7: "Zstandard"}
_BLOCK = 4096  # bytes after which a written block ends
_EVERY = 16  # entries between two full keys of a written block


def read_table(data: bytes, where: str) -> dict[bytes, bytes]:
    """All entries of a table, in the order of their keys.

    Args:
        data: the whole file.
        where: what error messages call it.

    Raises:
        CorruptFileError, UnsafeModelError: with the place and the reason.
    """
    if len(data) < _FOOTER or data[-8:] != _MAGIC:
        raise CorruptFileError(
            where, f"no index of a checkpoint: a table's {_FOOTER} last bytes are missing or others."
        )
    footer = data[-_FOOTER:]
    place = 0
    for _ in range(2):  # the first handle is that of the filters, which nothing needs
        first, place = varint(footer, place, f"{where}, footer")
        size, place = varint(footer, place, f"{where}, footer")
    found: dict[bytes, bytes] = {}
    keys, last, end = 0, None, 0
    for _, handle in _entries(_block(data, first, size, f"{where}, index block"), f"{where}, index block"):
        here = f"{where}, block handle {len(found)}"
        start, place = varint(handle, 0, here)
        size, _ = varint(handle, place, here)
        if start < end:
            raise CorruptFileError(
                where, f"the block at byte {start} begins before the one in front of it ends ({end})."
            )
        end = start + size + _TRAILER
        here = f"{where}, block at byte {start}"
        for key, value in _entries(_block(data, start, size, here), here):
            if last is not None and key <= last:
                raise CorruptFileError(here, f"the key {_shown(key)} stands behind {_shown(last)}; keys must ascend.")
            found[key] = value
            last, keys = key, keys + len(key)
            if len(found) > MAX_ENTRIES or keys > MAX_INDEX:
                raise UnsafeModelError(
                    here, f"more than {MAX_ENTRIES} entries, or keys of more than {MAX_INDEX} bytes in all."
                )
    return found


def _block(data, start, size, where) -> bytes:
    """The content of a block, its check sum verified."""
    end = start + size
    if end + _TRAILER > len(data) - _FOOTER:
        raise CorruptFileError(
            where, f"its {size} bytes from byte {start} on do not lie in the file of {len(data)} bytes."
        )
    if data[end] != 0:
        kind = _COMPRESSIONS.get(data[end], f"unknown kind {data[end]}")
        raise CorruptFileError(
            where, f"it is compressed ({kind}); TensorFlow writes the index of a checkpoint without compression."
        )
    stored = unmasked(struct.unpack_from("<I", data, end + 1)[0])
    computed = crc32c(data[start : end + 1])
    if stored != computed:
        raise CorruptFileError(where, f"the CRC32C of its content is {computed:#010x}; stored is {stored:#010x}.")
    return data[start:end]


def _entries(block, where):
    """(key, value) of each entry; keys are stored as what differs from the one in front."""
    if len(block) < 4:
        raise CorruptFileError(where, f"{len(block)} bytes are no block.")
    restarts = struct.unpack_from("<I", block, len(block) - 4)[0]
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise CorruptFileError(where, f"it names {restarts} restarts, more than its {len(block)} bytes hold.")
    offset, key = 0, b""
    while offset < end:
        shared, offset = varint(block, offset, where)
        fresh, offset = varint(block, offset, where)
        length, offset = varint(block, offset, where)
        if shared > len(key) or offset + fresh + length > end:
            raise CorruptFileError(where, f"the entry before byte {offset} does not lie in the block.")
        if shared + fresh > MAX_KEY:
            raise UnsafeModelError(where, f"a key of {shared + fresh} bytes; at most {MAX_KEY} are read.")
        key = key[:shared] + block[offset : offset + fresh]
        offset += fresh
        yield key, block[offset : offset + length]
        offset += length


def _shown(key) -> str:
    return repr(key[:80])


def table_of(entries: dict[bytes, bytes]) -> bytes:
    """The file of a table.

    Args:
        entries: key -> value; written in the order of the keys.
    """
    file, handles = bytearray(), []
    block = _Block()
    for key in sorted(entries):
        block.add(key, entries[key])
        if block.size > _BLOCK:
            handles.append((key, block.append_to(file)))
            block = _Block()
    if block.count:
        handles.append((block.last, block.append_to(file)))
    filters = _Block().append_to(file)
    index = _Block()
    for key, handle in handles:
        index.add(key, handle)
    footer = filters + index.append_to(file)
    return bytes(file) + footer.ljust(_FOOTER - 8, b"\0") + _MAGIC


class _Block:
    """A block that is being written."""

    def __init__(self):
        self.data, self.restarts, self.count, self.last = bytearray(), [0], 0, b""

    @property
    def size(self) -> int:
        return len(self.data)

    def add(self, key, value):
        shared = 0
        if self.count % _EVERY:
            while shared < min(len(key), len(self.last)) and key[shared] == self.last[shared]:
                shared += 1
        elif self.count:
            self.restarts.append(len(self.data))
        self.data += put_varint(shared) + put_varint(len(key) - shared) + put_varint(len(value)) + key[shared:] + value
        self.count, self.last = self.count + 1, key

    def append_to(self, file) -> bytes:
        """Puts the block into the file; returns its handle."""
        content = (
            bytes(self.data) + struct.pack(f"<{len(self.restarts) + 1}I", *self.restarts, len(self.restarts)) + b"\0"
        )
        handle = put_varint(len(file)) + put_varint(len(content) - 1)
        file += content + struct.pack("<I", masked(crc32c(content)))
        return handle

"""`tf.train.load_checkpoint` without TensorFlow: the tensors of a checkpoint by name."""

from __future__ import annotations

import os
import stat
import struct

import numpy as np

from kjax.saving.errors import CorruptFileError, ModelFileError
from kjax.saving.gate import MAX_BYTES, Budget
from kjax.saving.tf_checkpoint.crc32c import crc32c, masked, unmasked
from kjax.saving.tf_checkpoint.entries import DTYPES, STRING, Entry, check_header, entry_of, slice_key
from kjax.saving.tf_checkpoint.table import MAX_INDEX, read_table
from kjax.saving.tf_checkpoint.wire import varint

__all__ = ["CheckpointReader", "MissingTensorError"]

_HEADER = b""
_SLICES = 0  # the first byte of the keys of parts


class MissingTensorError(ModelFileError, KeyError):
    """A tensor that a checkpoint does not have."""

    __str__ = ValueError.__str__


class CheckpointReader:
    """The tensors of a checkpoint.

    Args:
        prefix: path without `.index` and `.data-...`, as `tf.train.Saver.save` was given it or returned it.
        max_bytes: how many bytes one tensor may have; None for no bound.

    Raises:
        FileNotFoundError: when there is no index at that path.
        CorruptFileError, UnsafeModelError: when the index is damaged or beyond the bounds, with the place.
    Differs: the index and every tensor that is read are verified by their check sums, without a way to switch it off.
    """

    def __init__(self, prefix, max_bytes=MAX_BYTES):
        self.prefix = _prefix(prefix)
        self._max_bytes = max_bytes
        self._index = f"{self.prefix}.index"
        entries = read_table(_whole_file(self._index, self.prefix), self._index)
        if _HEADER not in entries:
            raise CorruptFileError(self._index, "the header, an entry with an empty key, is missing.")
        self._shards = check_header(entries.pop(_HEADER), f"{self._index}, header")
        self._parts = {key: value for key, value in entries.items() if key[0] == _SLICES}
        self._entries = {
            _name(key, self._index): entry_of(value, f"{self._index}, {_name(key, self._index)!r:.120}")
            for key, value in entries.items()
            if key[0] != _SLICES
        }

    def __repr__(self):
        return f"<CheckpointReader {self.prefix!r}: {len(self._entries)} tensors>"

    def has_tensor(self, tensor_str) -> bool:
        """Whether the checkpoint has a tensor of this name."""
        return tensor_str in self._entries

    def get_variable_to_shape_map(self) -> dict[str, list]:
        """Name -> shape, a list of int, of every tensor."""
        return {name: list(entry.shape) for name, entry in self._entries.items()}

    def get_variable_to_dtype_map(self) -> dict:
        """Name -> NumPy type of every tensor; that of texts is `object`."""
        return {name: DTYPES.get(entry.dtype, np.dtype(object)) for name, entry in self._entries.items()}

    def debug_string(self) -> bytes:
        """A line for every tensor: name, type, shape."""
        lines = [
            f"{name} ({'DT_STRING' if e.dtype == STRING else DTYPES[e.dtype].name}) {list(e.shape)}"
            for name, e in self._entries.items()
        ]
        return "\n".join([*lines, ""]).encode()

    def get_tensor(self, tensor_str):
        """The value of a tensor: an array, or for a scalar NumPy's number or `bytes`.

        Args:
            tensor_str: its name; a ':0' behind it is left out.

        Raises:
            MissingTensorError: when the checkpoint has none of that name.
            CorruptFileError, UnsafeModelError: when the data are damaged or beyond the bound.
        """
        name = tensor_str[:-2] if tensor_str.endswith(":0") and tensor_str not in self._entries else tensor_str
        entry = self._entries.get(name)
        if entry is None:
            raise MissingTensorError(
                self._index,
                f"Key {tensor_str} not found in checkpoint; it has {len(self._entries)} tensors{self._near(name)}.",
            )
        where = f"{self._index}, {name!r:.120}"
        if entry.dtype != STRING:
            Budget(self._max_bytes).take(entry.elements * DTYPES[entry.dtype].itemsize, where)
        value = self._joined(name, entry, where) if entry.slices else self._read(entry, where)
        return value[()]

    def _near(self, name) -> str:
        end = name.rsplit("/", 1)[-1]
        like = [n for n in self._entries if n.rsplit("/", 1)[-1] == end][:3]
        return f", among them {', '.join(map(repr, like))}" if like else ""

    # ------------------------------------------------------------ parts

    def _joined(self, name, entry, where):
        """A variable from its parts, which must cover it without overlap."""
        if entry.dtype == STRING:
            raise CorruptFileError(where, "texts saved in parts are not read.")
        parts = []
        for extents in entry.slices:
            if len(extents) != len(entry.shape):
                raise CorruptFileError(where, f"a part has {len(extents)} axes; the variable has {len(entry.shape)}.")
            pairs = zip(extents, entry.shape, strict=True)
            spans = tuple(slice(0, n) if length is None else slice(s, s + length) for (s, length), n in pairs)
            if any(span.stop > n for span, n in zip(spans, entry.shape, strict=True)):
                raise CorruptFileError(where, f"the part {_shown(spans)} is not within the shape {entry.shape}.")
            message = self._parts.get(slice_key(name.encode(), extents))
            if message is None:
                raise CorruptFileError(where, f"the part {_shown(spans)} is missing in the index.")
            part = entry_of(message, f"{where}, part {_shown(spans)}")
            shape = tuple(span.stop - span.start for span in spans)
            if part.shape != shape or part.dtype != entry.dtype or part.slices:
                raise CorruptFileError(where, f"the part {_shown(spans)} has another shape, {part.shape}, or type.")
            parts.append((spans, part))
        if sum(part.elements for _, part in parts) != entry.elements:
            raise CorruptFileError(where, f"its {len(parts)} parts do not cover its shape {entry.shape} once.")
        value = np.empty(entry.shape, DTYPES[entry.dtype])
        covered = np.zeros(entry.shape, bool)
        for spans, part in parts:
            if covered[spans].any():
                raise CorruptFileError(where, f"the part {_shown(spans)} overlaps another.")
            covered[spans] = True
            value[spans] = self._read(part, f"{where}, part {_shown(spans)}")
        return value

    # ------------------------------------------------------------ data

    def _read(self, entry: Entry, where):
        """The array that an entry's bytes are."""
        if entry.dtype != STRING and entry.size != entry.elements * DTYPES[entry.dtype].itemsize:
            raise CorruptFileError(
                where, f"{entry.size} bytes are no array of shape {entry.shape} and type {DTYPES[entry.dtype]}."
            )
        if entry.shard >= self._shards:
            raise CorruptFileError(where, f"it lies in data file {entry.shard} of {self._shards}.")
        path = f"{self.prefix}.data-{entry.shard:05d}-of-{self._shards:05d}"
        data = _piece(path, entry, where, self._max_bytes)
        where = f"{path}, byte {entry.offset}, {where.rpartition('.index, ')[2]}"
        if entry.dtype == STRING:
            return _texts(data, entry, where)
        _verify(crc32c(data), entry.crc, where)
        if entry.dtype == _BOOL and data and max(data) > 1:
            raise CorruptFileError(where, "a truth value is neither 0 nor 1.")
        return np.frombuffer(data, DTYPES[entry.dtype]).reshape(entry.shape)


_BOOL = 10


def _texts(data, entry, where):
    """Texts: their lengths, the check sum of those, their bytes."""
    if entry.elements > len(data):
        raise CorruptFileError(where, f"{len(data)} bytes cannot hold {entry.elements} texts.")
    lengths, offset = [], 0
    for _ in range(entry.elements):
        length, offset = varint(data, offset, where)
        lengths.append(length)
    if offset + 4 + sum(lengths) != len(data):
        raise CorruptFileError(where, f"the texts' lengths do not make up its {len(data)} bytes.")
    sums = crc32c(b"".join(struct.pack("<I" if n < 1 << 32 else "<Q", n) for n in lengths))
    _verify(sums, struct.unpack_from("<I", data, offset)[0], where)
    _verify(crc32c(memoryview(data)[offset:], sums), entry.crc, where)
    found = np.empty(entry.elements, object)
    offset += 4
    for i, length in enumerate(lengths):
        found[i] = bytes(data[offset : offset + length])
        offset += length
    return found.reshape(entry.shape)


def _verify(computed, stored, where):
    if masked(computed) != stored:
        raise CorruptFileError(
            where, f"the CRC32C of the data is {computed:#010x}; the index has {unmasked(stored):#010x}."
        )


def _piece(path, entry, where, limit) -> bytearray:
    """The bytes of an entry, of a file that has them."""
    try:
        file = _opened(path)
    except FileNotFoundError:
        raise CorruptFileError(where, f"its data file {path} is missing.") from None
    with file:
        size = os.fstat(file.fileno()).st_size
        if entry.offset + entry.size > size:
            raise CorruptFileError(
                where,
                f"its bytes {entry.offset} to {entry.offset + entry.size} do not lie in {path}, which has {size}.",
            )
        Budget(limit).take(entry.size, where)
        data = bytearray(entry.size)
        file.seek(entry.offset)
        if file.readinto(data) != entry.size:
            raise CorruptFileError(where, f"{path} ended while it was read.")
    return data


def _whole_file(path, prefix) -> bytes:
    try:
        file = _opened(path)
    except FileNotFoundError:
        hint = "nothing of that name is there."
        if os.path.isfile(prefix):
            hint = "the file at that path itself may be a checkpoint of TensorFlow's first format, which is not read."
        raise FileNotFoundError(
            f"{path}: Failed to find any matching files for {prefix}: a checkpoint is named without '.index'; {hint}"
        ) from None
    with file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_INDEX:
            raise CorruptFileError(path, f"an index of {size} bytes; at most {MAX_INDEX} are read.")
        return file.read(size)


def _opened(path):
    """A regular file, open for reading."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise CorruptFileError(path, "a regular file was required.")
    return open(path, "rb", buffering=0)


def _prefix(prefix) -> str:
    if not isinstance(prefix, (str, bytes, os.PathLike)):
        raise TypeError(f"a checkpoint's path must be a str or a path; got {type(prefix).__name__}.")
    return os.fsdecode(prefix)


def _name(key, where) -> str:
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError:
        raise CorruptFileError(where, f"the name {key[:80]!r} is not UTF-8.") from None


def _shown(spans) -> str:
    return ":".join(f"{s.start},{s.stop - s.start}" for s in spans)

"""The one door to HDF5: every byte that is read from an HDF5 file passes here."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import stat
from typing import NamedTuple

import h5py
import numpy as np

from kjax.saving.bounded import check_tree, parse_json
from kjax.saving.chunks import check_chunks, check_streams
from kjax.saving.errors import CorruptFileError, ModelFileError, UnsafeModelError, shown

__all__ = ["ArrayHeader", "Budget", "Gate", "open_gate"]

GIB = 1024**3
MAX_BYTES = 8 * GIB
MAX_RANK = 8
MAX_STEPS = 64  # groups on the way to an object
MAX_ENTRIES = 200_000  # of an attribute
MAX_CHUNKS = 10_000  # numbered parts of an attribute
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


# what h5py and NumPy raise on damaged files, besides OSError
_LIBRARY = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, OSError, MemoryError)


@contextlib.contextmanager
def _reading(where):
    """Turns whatever the libraries raise into an error that names the file and the object."""
    try:
        yield
    except ModelFileError:
        raise
    except (*_LIBRARY, SystemError, BufferError) as error:
        text = " ".join(str(error).split())[:300]
        raise CorruptFileError(where, f"cannot be read: {text or type(error).__name__}.") from None


def _reads(mark):
    """For methods that read what stands under a name: an error of the libraries there names it, behind `mark`."""

    def decorator(method):
        @functools.wraps(method)
        def call(self, name="", *args, **kwargs):
            given = (name,) if name != "" else ()
            with _reading(f"{self.where}{mark}{_text(name)[:200]}" if given else self.where):
                return method(self, *given, *args, **kwargs)

        return call

    return decorator


class ArrayHeader(NamedTuple):
    """What is known of an array before it is read."""

    shape: tuple
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        return int(np.prod([int(d) for d in self.shape], dtype=object)) * self.dtype.itemsize


class Budget:
    """How many bytes may still be read.

    Args:
        limit: bytes, or None for no bound.
    """

    def __init__(self, limit):
        self.limit, self.used = limit, 0

    def take(self, count, where):
        self.used += count
        if self.limit is not None and self.used > self.limit:
            raise UnsafeModelError(
                where,
                f"{self.used} bytes would have been read; the limit is {self.limit}. Pass max_bytes= to raise it.",
            )


class Gate:
    """One group of an HDF5 file, seen read-only.

    Only hard links are followed, only regular groups and data sets opened, and only names that the caller gives are
    looked at. Arrays are read when their shape is what the caller expects.

    Args:
        group: h5py.Group.
        where: what error messages call it.
        budget: Budget.
    """

    def __init__(self, group, where, budget):
        self._group, self.where, self.budget = group, where, budget

    # ------------------------------------------------------------ the way to an object

    def _step(self, group, name, where):
        """The low-level object one hard link away, or None."""
        if not name or "\0" in name or name in (".", ".."):
            raise UnsafeModelError(where, f"the name {name[:80]!r} is no name of an object.")
        key = name.encode("utf-8", "surrogateescape")
        if not group.id.links.exists(key):
            return None
        if group.id.links.get_info(key).type != h5py.h5l.TYPE_HARD:
            raise UnsafeModelError(f"{where}/{name[:80]}", "a soft or external link; only hard links are followed.")
        found = h5py.h5o.open(group.id, key)
        if isinstance(found, h5py.h5g.GroupID):
            return h5py.Group(found)
        if isinstance(found, h5py.h5d.DatasetID):
            return h5py.Dataset(found)
        raise UnsafeModelError(f"{where}/{name[:80]}", "neither a group nor a data set.")

    def _walk(self, path):
        steps = [s for s in _text(path).split("/") if s]
        if not steps or len(steps) > MAX_STEPS:
            raise UnsafeModelError(
                self.where, f"the path {_text(path)[:80]!r} has {len(steps)} steps; 1 to {MAX_STEPS} are followed."
            )
        found, where = self._group, self.where
        if _text(path).startswith("/"):  # an early version stored '/iterations' at the root
            found, where = found.file["/"], f"{where}:"
        for name in steps:
            if not isinstance(found, h5py.Group):
                raise CorruptFileError(where, "a group was required; it is a data set.")
            found = self._step(found, name, where)
            where = f"{where}/{shown(name[:120])}"
            if found is None:
                return None, where
        return found, where

    @_reads("/")
    def has(self, path) -> bool:
        """Whether a group or data set stands at this path."""
        return self._walk(path)[0] is not None

    def names_inside(self, limit=MAX_ENTRIES) -> list:
        """The names in this group, unopened; for people to read, never to load by."""
        with _reading(self.where):
            if len(self._group) > limit:
                raise UnsafeModelError(self.where, f"{len(self._group)} members; at most {limit} are listed.")
            return [n if isinstance(n, str) else n.decode("utf-8", "replace") for n in self._group]

    @_reads("/")
    def group(self, path) -> Gate:
        """The group at this path.

        Raises:
            CorruptFileError: when there is none.
        """
        found, where = self._walk(path)
        if found is None:
            raise CorruptFileError(where, "missing.")
        if not isinstance(found, h5py.Group):
            raise CorruptFileError(where, "a group was required; it is a data set.")
        return Gate(found, where, self.budget)

    # ------------------------------------------------------------ attributes

    def _attribute(self, name):
        key = name.encode("utf-8")
        if not h5py.h5a.exists(self._group.id, key):
            return None
        where = f"{self.where}@{name}"
        attribute = h5py.h5a.open(self._group.id, key)
        kind = attribute.get_type()
        if kind.get_class() not in (h5py.h5t.STRING, h5py.h5t.FLOAT, h5py.h5t.INTEGER):
            raise CorruptFileError(where, "text was required.")
        if attribute.shape is None or len(attribute.shape) > 1:
            raise CorruptFileError(where, f"one text or a list was required; its shape is {attribute.shape}.")
        count = int(np.prod(attribute.shape, dtype=object))
        if count > MAX_ENTRIES:
            raise UnsafeModelError(where, f"{count} entries; at most {MAX_ENTRIES} are read.")
        if not (kind.get_class() == h5py.h5t.STRING and kind.is_variable_str()):
            self.budget.take(count * kind.get_size(), where)
        if kind.get_class() != h5py.h5t.STRING:
            if count:
                raise CorruptFileError(where, f"text was required; it holds {count} numbers.")
            return []  # an empty list is stored as numbers
        value = self._group.attrs[name]
        if attribute.shape == ():
            return value
        return list(np.asarray(value).ravel())

    @_reads("@")
    def text(self, name) -> str | None:
        """The text of an attribute; None when it is not there.

        Raises:
            CorruptFileError: when it is no single text.
        """
        value = self._attribute(name)
        if value is None:
            return None
        if isinstance(value, list):
            raise CorruptFileError(f"{self.where}@{name}", "one text was required; it is a list.")
        return _decoded(value, f"{self.where}@{name}")

    @_reads("@")
    def json(self, name):
        """The plain data that an attribute holds as JSON; None when it is not there.

        Raises:
            CorruptFileError, UnsafeModelError: when it is no JSON, or beyond the bounds.
        """
        text = self.text(name)
        if text is None:
            return None
        value = parse_json(text, f"{self.where}@{name}")
        check_tree(value, f"{self.where}@{name}")
        return value

    @_reads("@")
    def has_texts(self, name) -> bool:
        """Whether a list of texts of this name is there, in one attribute or in numbered ones."""
        return any(h5py.h5a.exists(self._group.id, n.encode("utf-8")) for n in (name, name + "0"))

    @_reads("@")
    def texts(self, name) -> list:
        """A list of texts, in one attribute or in chunks `name0`, `name1`, ...

        Raises:
            CorruptFileError: when it is missing, no list, or a chunk is missing between others.
        """
        where = f"{self.where}@{name}"
        parts = []
        if h5py.h5a.exists(self._group.id, name.encode("utf-8")):
            parts.append(self._attribute(name))
        else:
            while len(parts) < MAX_CHUNKS and h5py.h5a.exists(self._group.id, f"{name}{len(parts)}".encode()):
                parts.append(self._attribute(f"{name}{len(parts)}"))
            if not parts:
                raise CorruptFileError(where, "missing.")
            for later in range(len(parts) + 1, len(parts) + 4):
                if h5py.h5a.exists(self._group.id, f"{name}{later}".encode()):
                    raise CorruptFileError(where, f"part {len(parts)} is missing, part {later} is there.")
        values = []
        for part in parts:
            if not isinstance(part, list):
                raise CorruptFileError(where, "a list was required; it is one text.")
            values += [_decoded(v, where) for v in part]
            if len(values) > MAX_ENTRIES:
                raise UnsafeModelError(where, f"more than {MAX_ENTRIES} entries.")
        return values

    # ------------------------------------------------------------ arrays

    @_reads("/")
    def header(self, path) -> ArrayHeader:
        """Shape and dtype of a data set, nothing read.

        Raises:
            CorruptFileError, UnsafeModelError: when it is missing or not of a kind that models have.
        """
        found, where = self._walk(path)
        if found is None:
            raise CorruptFileError(where, "missing.")
        if not isinstance(found, h5py.Dataset):
            raise CorruptFileError(where, "an array was required; it is a group.")
        return _header(found, where)

    @_reads("/")
    def read(self, path, shape) -> np.ndarray:
        """The array at this path, in native byte order.

        Args:
            shape: the shape it must have.

        Raises:
            CorruptFileError: when it has another, or cannot be read.
        """
        header = self.header(path)
        found, where = self._walk(path)
        if header.shape != tuple(shape):
            raise CorruptFileError(where, f"shape {tuple(shape)} was required; it is {header.shape}.")
        self.budget.take(header.nbytes, where)
        check_streams(found, where)
        return np.asarray(found[()], dtype=header.dtype.newbyteorder("="))


def _header(dataset, where) -> ArrayHeader:
    creation = dataset.id.get_create_plist()
    if creation.get_layout() == h5py.h5d.VIRTUAL:
        raise UnsafeModelError(where, "a virtual data set, which takes its data from other files.")
    if creation.get_external_count():
        raise UnsafeModelError(where, "its data lie in another file.")
    space = dataset.id.get_space()
    if space.get_simple_extent_type() not in (h5py.h5s.SIMPLE, h5py.h5s.SCALAR):
        raise CorruptFileError(where, "it holds no data.")
    if len(dataset.shape) > MAX_RANK:
        raise UnsafeModelError(where, f"{len(dataset.shape)} axes; at most {MAX_RANK} are read.")
    kind = dataset.id.get_type()
    boolean = kind.get_class() == h5py.h5t.ENUM and dataset.dtype == np.bool_
    if not boolean and kind.get_class() not in (h5py.h5t.FLOAT, h5py.h5t.INTEGER):
        raise UnsafeModelError(where, f"elements of type {dataset.dtype}; numbers are read.")
    if dataset.dtype.kind not in "fiub" or dataset.dtype.itemsize > 8:
        raise UnsafeModelError(where, f"elements of type {dataset.dtype}; f2, f4, f8, integers and bool are read.")
    check_chunks(creation, dataset.shape, dataset.dtype.itemsize, where)
    return ArrayHeader(tuple(int(d) for d in dataset.shape), dataset.dtype)


def _text(name) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name


def _decoded(value, where) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CorruptFileError(where, f"the text is not UTF-8: {error}.") from None
    raise CorruptFileError(where, f"text was required; it is {type(value).__name__}.")


@contextlib.contextmanager
def open_gate(source, max_bytes=MAX_BYTES):
    """`with open_gate(source) as gate:` opens a model file for reading.

    Args:
        source: path, bytes, a binary file object, or an open h5py file or group (left open).
        max_bytes: how many bytes of arrays and texts may be read in all; None for no bound.

    Raises:
        FileNotFoundError, OSError: when the path cannot be opened.
        CorruptFileError: when it is no HDF5 file.
        TypeError: for anything else.
    """
    budget = Budget(max_bytes)
    if isinstance(source, h5py.Group):
        yield Gate(source, f"{source.file.filename}:{source.name}".rstrip("/"), budget)
        return
    if isinstance(source, (bytes, bytearray, memoryview)) or hasattr(source, "read"):
        data = source.read() if hasattr(source, "read") else bytes(source)
        where = getattr(source, "name", None)
        where = where if isinstance(where, str) else f"<{len(data)} bytes>"
        _check_signature(data[:1024], where, len(data), data.__getitem__)
        opened = io.BytesIO(data)
    else:
        where = opened = _path(source)
        _check_file(where)
    try:
        file = h5py.File(opened, "r") if not isinstance(opened, str) else _open_path(opened)
    except _LIBRARY as error:
        raise CorruptFileError(where, f"no readable HDF5 file: {' '.join(str(error).split())[:300]}.") from None
    with file:
        yield Gate(file, where, budget)


def _open_path(path):
    """The file, open for reading; where this program has it open already, in the way of locking that it has there."""
    try:
        return h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        if "values don't match" not in str(error):
            raise
    for locking in (True, False):
        with contextlib.suppress(OSError):
            return h5py.File(path, "r", locking=locking)
    return h5py.File(path, "r")


def _path(source) -> str:
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"a path, bytes, a binary file object or an open h5py group was required; got {type(source).__name__}."
        )
    path = os.fspath(source)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    return path


def _check_file(path):
    """Raises unless the path is a regular file that begins like HDF5."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise CorruptFileError(path, "a regular file was required.")
    size = os.path.getsize(path)
    with open(path, "rb") as f:

        def at(where):
            f.seek(where.start)
            return f.read(where.stop - where.start)

        _check_signature(f.read(8), path, size, at)


def _check_signature(start, where, size, at):
    """HDF5's signature stands at 0, 512, 1024, 2048, ..."""
    offset = 0
    while offset + 8 <= size:
        if at(slice(offset, offset + 8)) == _SIGNATURE:
            return
        offset = 512 if offset == 0 else offset * 2
    kind = "empty" if size == 0 else "a zip archive" if start[:2] == b"PK" else "something else"
    raise CorruptFileError(where, f"an HDF5 file was required; it is {kind} ({size} bytes).")

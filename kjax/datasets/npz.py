"""Arrays of .npz files, arrays of lists among them, without running what a pickle says."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib

import numpy as np

from kjax.datasets import plain_pickle
from kjax.saving.errors import CorruptFileError, ModelFileError, UnsafeModelError

# What a member may unpack to: so many times its size in the file, or so many bytes. Data sets of numbers stay below 20,
# pickled lists below 5; zeros reach 1000.
MAX_RATIO, FREE_BYTES = 200, 16 << 20
MAX_PICKLE_RATIO, FREE_PICKLE = 20, 1 << 20
MAX_MEMBERS = 10_000
_MAX_HEADER = 10_000
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, LookupError, OverflowError)
_HEADER = re.compile(
    r"\{'descr': '([<>|=]?[biufcO]\d{0,2})', 'fortran_order': (True|False), 'shape': \(((?:\d{1,19}L?,? ?)*+)\),? ?\}"
)


def read_npz(path, *names):
    """The arrays of these names.

    Args:
        path: of the .npz file.
        *names: of arrays in it.

    Raises:
        CorruptFileError, UnsafeModelError: when one is missing, damaged, or would take far more memory than it should.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            if len(members) > MAX_MEMBERS:
                raise UnsafeModelError(path, f"{len(members)} members; at most {MAX_MEMBERS} are looked at.")
            found = []
            for name in names:
                if members.count(name + ".npy") != 1:
                    raise CorruptFileError(path, f"needs one array {name!r}, it has {members[:20]}")
                found.append(_read_npy(archive, archive.getinfo(name + ".npy"), f"{path}, array {name!r}"))
            return found
    except (ModelFileError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except (*_DAMAGE, OSError) as error:
        raise CorruptFileError(path, f"damaged file: {error}") from error


def _read_npy(archive, member, label):
    with archive.open(member) as stream:
        shape, fortran, dtype = _header(stream, label)
        if dtype.hasobject:
            limit = max(FREE_PICKLE, MAX_PICKLE_RATIO * member.compress_size)
            array = plain_pickle.loads(bytes(_read(stream, limit, label)), label)
            if not isinstance(array, np.ndarray) or array.shape != shape:
                raise CorruptFileError(label, f"its content is not the array of shape {shape} that it announces")
            return array
        size = dtype.itemsize
        for n in shape:
            size *= n
        if size > member.file_size:
            raise CorruptFileError(label, f"announces shape {shape}, more than the file holds")
        limit = max(FREE_BYTES, MAX_RATIO * member.compress_size)
        if size > limit:
            raise UnsafeModelError(label, f"unpacks to {size} bytes, of {member.compress_size}: more than data do")
        if member.file_size - stream.tell() != size:
            held = member.file_size - stream.tell()
            raise CorruptFileError(label, f"holds {held} bytes, not those of shape {shape}")
        content = _read(stream, size, label)
        if len(content) != size:
            raise CorruptFileError(label, f"holds {len(content)} bytes, not those of shape {shape}")
        return np.frombuffer(content, dtype=dtype).reshape(shape, order="F" if fortran else "C")


def _header(stream, label) -> tuple:
    """(shape, whether in Fortran's order, dtype): the text that NumPy writes, nothing else."""
    start = stream.read(8)
    if start[:6] != b"\x93NUMPY" or start[6:] not in (b"\1\0", b"\2\0"):
        raise CorruptFileError(label, f"no array of NumPy's format 1 or 2; it starts with {start!r}")
    form = "<H" if start[6] == 1 else "<I"
    (length,) = struct.unpack(form, stream.read(struct.calcsize(form)))
    if length > _MAX_HEADER:
        raise CorruptFileError(label, f"a header of {length} bytes; at most {_MAX_HEADER} are read")
    text = stream.read(length).decode("latin1").rstrip()
    found = _HEADER.fullmatch(text)
    if found is None:
        raise CorruptFileError(label, f"no header of NumPy's: {text[:100]!r}")
    code, fortran, sizes = found.groups()
    shape = tuple(int(n.strip("L ")) for n in sizes.split(",") if n.strip())
    if len(shape) > plain_pickle.MAX_AXES:
        raise CorruptFileError(label, f"an array of {len(shape)} axes; at most {plain_pickle.MAX_AXES} are read")
    try:
        return shape, fortran == "True", np.dtype(code)
    except TypeError as error:
        raise CorruptFileError(label, f"unknown array type {code!r}") from error


def _read(stream, limit, label) -> bytearray:
    """All of a stream; more than `limit` bytes are not unpacked."""
    content = bytearray()
    while part := stream.read(min(1 << 20, limit + 1 - len(content))):
        content += part
        if len(content) > limit:
            raise UnsafeModelError(label, f"unpacks to more than {limit} bytes: more than data do")
    return content

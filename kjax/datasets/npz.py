"""Arrays of .npz files, arrays of lists among them, without running what a pickle says."""

from __future__ import annotations

import zipfile
import zlib

import numpy as np

from kjax.datasets import plain_pickle

_MAX_HEADER = 10_000


def read_npz(path, *names):
    """The arrays of these names.

    Args:
        path: of the .npz file.
        *names: of arrays in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            found = []
            for name in names:
                if members.count(name + ".npy") != 1:
                    raise ValueError(f"{path}: needs one array {name!r}, it has {members[:20]}")
                found.append(_read_npy(archive, name, path))
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(f"{path}: damaged file: {error}") from error


def _read_npy(archive, name, path):
    size = archive.getinfo(name + ".npy").file_size
    with archive.open(name + ".npy") as member:
        version = np.lib.format.read_magic(member)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"{path}: array {name!r} has the unknown format version {version}")
        shape, fortran, dtype = readers[version](member, max_header_size=_MAX_HEADER)
        label = f"{path}, array {name!r}"
        if dtype.hasobject:
            array = plain_pickle.loads(member.read(), label)
            if not isinstance(array, np.ndarray) or array.shape != shape:
                raise ValueError(f"{label}: its content is not the array of shape {shape} that it announces")
            return array
        count = 1
        for n in shape:
            count *= n
        if count * dtype.itemsize > size:
            raise ValueError(f"{label}: announces shape {shape}, more than the file holds")
        content = member.read()
        if len(content) != count * dtype.itemsize:
            raise ValueError(f"{label}: holds {len(content)} bytes, not those of shape {shape}")
        return np.frombuffer(content, dtype=dtype).reshape(shape, order="F" if fortran else "C").copy()

"""Files, as in `keras.utils.io_utils`: HDF5 data sets as arrays, groups as dicts, the question before overwriting."""

from __future__ import annotations

import inspect
import sys

import h5py
import numpy as np

from kjax.utils.hdf5_matrix import HDF5Matrix

__all__ = ["H5Dict", "HDF5Matrix", "ask_to_proceed_with_overwrite", "h5dict"]

# an object's header in HDF5 holds less than 64 KiB of attributes
HDF5_OBJECT_HEADER_LIMIT = 64512


def ask_to_proceed_with_overwrite(filepath):
    """Asks on the terminal whether `filepath` may be overwritten; True for yes."""
    # programs put their own in the place of `input` or of `six.moves.input`, which Keras calls
    own = vars(sys.modules["six"].moves).get("input") if "six" in sys.modules else None
    ask = input if own is None or inspect.isbuiltin(own) else own
    try:
        answer = ask(f"[WARNING] {filepath} already exists - overwrite? [y/n]")
        while answer.strip().lower() not in ("y", "n"):
            answer = ask('Enter "y" (overwrite) or "n" (cancel).')
    except EOFError:
        raise FileExistsError(f"{filepath} already exists and nobody answers whether to overwrite it") from None
    if answer.strip().lower() == "n":
        return False
    print("[TIP] Next time specify overwrite=True!")
    return True


class H5Dict:
    """An HDF5 group, or a plain dict, with one dict-like face.

    Args:
        path: path of an HDF5 file, an open h5py group, or a dict to fill.
        mode: as in h5py.File, used with a path: 'r' reads, 'w' starts anew, 'a' reads and writes.

    Arrays become data sets, other values attributes (long lists of strings in chunks `name0`, `name1`, ...). Reading a
    name that is not there creates a group of that name, unless read-only. Text comes back from a file as bytes.

    For files of your own: they are opened as h5py opens them. `load_model` and `load_weights` do not use it but
    `kjax.saving.gate`, which trusts no file.
    """

    def __init__(self, path, mode="a"):
        if isinstance(path, h5py.Group):
            self.data = path
            self.read_only = path.file.mode == "r"
            self._is_file = isinstance(path, h5py.File)
        elif isinstance(path, str):
            self.data = h5py.File(path, mode)
            self.read_only = mode == "r"
            self._is_file = True
        elif isinstance(path, dict):
            self.data = path
            self.read_only = mode == "r"
            self._is_file = False
        else:
            raise TypeError(f"H5Dict: path must be a string, an h5py group or a dict, received {type(path).__name__}")

    @staticmethod
    def is_supported_type(path):
        """True for what an H5Dict can be made of."""
        return isinstance(path, (h5py.Group, str, dict))

    def __setitem__(self, attr, val):
        if self.read_only:
            raise ValueError(f"H5Dict: cannot set item {attr!r} in read only mode")
        name = _name(attr)
        if isinstance(self.data, dict):
            self.data[name] = val
            return
        if name in self:
            raise KeyError(f"H5Dict: cannot set {name!r}: it exists already")
        if isinstance(val, (np.ndarray, np.generic)):
            self.data.create_dataset(name, data=val)
        elif isinstance(val, (list, tuple)):
            self._set_list(name, val)
        elif isinstance(val, str):
            self.data.attrs[name] = val.encode("utf-8")
        else:
            self.data.attrs[name] = val

    def _set_list(self, name, values):
        array = np.array([v.encode("utf-8") if isinstance(v, str) else v for v in values])
        if array.itemsize > HDF5_OBJECT_HEADER_LIMIT:
            raise RuntimeError(
                f"H5Dict: an entry of {name!r} is longer than an HDF5 attribute, {HDF5_OBJECT_HEADER_LIMIT} bytes"
            )
        chunks = max(1, -(-array.nbytes // HDF5_OBJECT_HEADER_LIMIT))
        while any(part.nbytes > HDF5_OBJECT_HEADER_LIMIT for part in np.array_split(array, chunks)):
            chunks += 1
        if chunks == 1:
            self.data.attrs[name] = array
            return
        for i, part in enumerate(np.array_split(array, chunks)):
            self.data.attrs[f"{name}{i}"] = part

    def __getitem__(self, attr):
        name = _name(attr)
        if isinstance(self.data, dict):
            return self._from_dict(name)
        if name in self.data.attrs:
            value = self.data.attrs[name]
            return value.encode("utf-8") if isinstance(value, str) else value
        if name in self.data:
            found = self.data[name]
            return np.asarray(found) if isinstance(found, h5py.Dataset) else H5Dict(found)
        parts = []
        while f"{name}{len(parts)}" in self.data.attrs:
            parts.append(self.data.attrs[f"{name}{len(parts)}"])
        if parts:
            return np.concatenate(parts)
        if self.read_only:
            raise ValueError(f"H5Dict: cannot create group {name!r} in read only mode")
        return H5Dict(self.data.create_group(name))

    def _from_dict(self, name):
        if name not in self.data:
            if self.read_only:
                raise ValueError(f"H5Dict: cannot create group {name!r} in read only mode")
            self.data[name] = {"_is_group": True}
        value = self.data[name]
        if isinstance(value, dict) and value.get("_is_group"):
            return H5Dict(value, mode="r" if self.read_only else "a")
        return value

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return iter(self.data)

    def iter(self):
        """Iterator over the names of groups and data sets (of a dict: all its keys)."""
        return iter(self.data)

    def __contains__(self, key):
        name = _name(key)
        if isinstance(self.data, dict):
            return name in self.data
        return name in self.data or name in self.data.attrs or f"{name}0" in self.data.attrs

    def get(self, key, default=None):
        """The value of `key`, or `default`."""
        return self[key] if key in self else default

    def update(self, *args):
        """Sets every item of the dicts."""
        for items in args:
            for key, value in items.items():
                if isinstance(value, dict):
                    self[key].update(value)
                else:
                    self[key] = value

    def close(self):
        """Closes the file that this object opened or was given."""
        if isinstance(self.data, h5py.Group):
            self.data.file.flush()
            if self._is_file:
                self.data.close()
        self.read_only = True

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self.close()


h5dict = H5Dict


def _name(attr):
    if isinstance(attr, bytes):
        return attr.decode("utf-8")
    if not isinstance(attr, str):
        raise TypeError(f"H5Dict: a name must be a string or bytes, received {attr!r}")
    return attr

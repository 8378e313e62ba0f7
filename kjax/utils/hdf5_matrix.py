"""A data set of an HDF5 file, used like an array and read piece by piece."""

from __future__ import annotations

import operator
import os
import weakref

import h5py
import numpy as np

# files open now, by path: matrices of one file share its handle, and the last one gone closes it
_OPEN_FILES: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


def _open(datapath):
    path = os.path.abspath(os.fspath(datapath))
    handle = _OPEN_FILES.get(path)
    if not handle:  # unknown, or closed by somebody
        try:
            handle = h5py.File(path, "r")
        except OSError as error:
            raise OSError(f"HDF5Matrix: cannot open {path}: {error}") from error
        _OPEN_FILES[path] = handle
    return handle


class HDF5Matrix:
    """Rows `start` to `end` of a data set, read when indexed.

    Args:
        datapath: path of an HDF5 file.
        dataset: name of the data set in it.
        start: first row, default 0.
        end: row after the last, default the data set's length.
        normalizer: function applied to each piece read, or None.

    Indexing takes ints, slices, lists and arrays of ints in any order, booleans; negative ones count from `end`.
    Differs: the file is opened read-only and closed when no matrix uses it; a matrix can be sent to other processes.

    Model files are read through `kjax.saving.gate`, which refuses what models do not have. This is for data of your
    own, larger than memory, where all of HDF5 is welcome: any type, any filter that is installed, virtual data sets and
    links to other files. So do not open a stranger's file with it: it may show you files of yours as its data.
    """

    refs = _OPEN_FILES

    def __init__(self, datapath, dataset, start=0, end=None, normalizer=None):
        self._file = _open(datapath)
        if dataset not in self._file or not isinstance(self._file[dataset], h5py.Dataset):
            raise ValueError(
                f"HDF5Matrix: no data set {dataset!r} in {os.fspath(datapath)}; it has {sorted(self._file)[:20]}"
            )
        self._origin = (os.path.abspath(os.fspath(datapath)), dataset)
        self.data = self._file[dataset]
        rows = self.data.shape[0] if self.data.shape else 0
        self.start = operator.index(start)
        self.end = rows if end is None else operator.index(end)
        if not 0 <= self.start <= self.end <= rows:
            raise ValueError(
                f"HDF5Matrix: needs 0 <= start <= end <= {rows}, the rows of {dataset!r}; received start={start!r}, "
                f"end={end!r}"
            )
        self.normalizer = normalizer
        self._sample_facts = None

    def __len__(self):
        return self.end - self.start

    def __getitem__(self, key):
        rest = ()
        if isinstance(key, tuple):
            key, rest = key[0], tuple(key[1:])
        piece = self._read(key)
        if self.normalizer is not None:
            piece = self.normalizer(piece)
        if not rest:
            return piece
        return piece[rest] if isinstance(key, (int, np.integer)) else piece[(slice(None), *rest)]

    def _read(self, key):
        if isinstance(key, slice):
            if (key.start or 0) >= len(self) > 0 and (key.stop or 0) > len(
                self
            ):  # Keras refuses rows that are not there
                raise IndexError(f"HDF5Matrix: rows {key.start}:{key.stop} are out of range for {len(self)} rows")
            first, stop, step = key.indices(len(self))
            if step > 0:
                return self.data[self.start + first : max(self.start + first, self.start + stop) : step]
            return self._read(np.arange(first, stop, step))
        if isinstance(key, (int, np.integer)):
            return self.data[self.start + int(self._rows(np.asarray([key]))[0])]
        rows = np.asarray(key)
        if rows.dtype == bool and rows.shape == (len(self),):
            rows = np.flatnonzero(rows)
        if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
            raise TypeError(
                f"HDF5Matrix: indices must be ints, slices or one-dimensional lists of ints, received {key!r}"
            )
        if not rows.size:
            return self.data[0:0]
        # HDF5 reads increasing, distinct rows only
        ordered, places = np.unique(self._rows(rows), return_inverse=True)
        return self.data[(self.start + ordered).tolist()][places]

    def _rows(self, rows):
        length = len(self)
        if rows.min() < -length or rows.max() >= length:
            raise IndexError(f"HDF5Matrix: index out of range for {length} rows, received {rows.min()} to {rows.max()}")
        return np.where(rows < 0, rows + length, rows)

    def _facts(self):
        """(shape of a row, dtype) as the normalizer leaves them."""
        if self._sample_facts is None:
            if self.normalizer is None:
                self._sample_facts = (self.data.shape[1:], self.data.dtype)
            else:
                sample = np.asarray(self.normalizer(self.data[0:1]))
                self._sample_facts = (sample.shape[1:], sample.dtype)
        return self._sample_facts

    @property
    def shape(self):
        """(rows, ...), after the normalizer."""
        return (len(self),) + tuple(self._facts()[0])

    @property
    def dtype(self):
        """NumPy dtype, after the normalizer."""
        return self._facts()[1]

    @property
    def ndim(self):
        """Number of axes."""
        return self.data.ndim

    @property
    def size(self):
        """Number of entries."""
        return int(np.prod(self.shape))

    def __getstate__(self):
        return {"origin": self._origin, "start": self.start, "end": self.end, "normalizer": self.normalizer}

    def __setstate__(self, state):
        self.__init__(*state["origin"], state["start"], state["end"], state["normalizer"])

"""Rows: data that are not in memory, read when a batch wants them."""

from __future__ import annotations

import numpy as np

__all__ = ["Rows", "SparseRows", "whole"]

_PIECE_BYTES = 1 << 22  # how much one slice holds at most, beside the rows it is read for
_GAP = 4  # rows read for nothing between two wanted ones, rather than to ask for both


class Rows:
    """Samples of a source that has a shape and can be sliced: `numpy.memmap`, `h5py.Dataset`, `HDF5Matrix`, ...

    Args:
        source: the object; only `source[a:b]` with 0 <= a < b <= len is asked of it.
        dtype: what rows are cast to when read; default the source's.
        start, stop: the samples that belong to it.
        column: whether samples get one more axis, of length one, at the end.
        checks: functions called with every array that is read, which raise when it is not what is needed.

    Attributes:
        shape, dtype: of the samples as they are given out.
    """

    def __init__(self, source, dtype=None, start=0, stop=None, column=False, checks=()):
        self.source = source
        self.start = start
        self.stop = int(source.shape[0]) if stop is None and len(source.shape) else stop
        self.column = column
        self.checks = tuple(checks)
        if dtype is None:
            dtype = source.dtype if hasattr(source, "dtype") else np.asarray(source[0:1]).dtype
        self.dtype = np.dtype(dtype)

    @property
    def shape(self) -> tuple:
        inner = tuple(int(d) for d in self.source.shape)
        return (self.stop - self.start, *inner[1:], *((1,) if self.column else ())) if inner else ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self):
        return self.stop - self.start

    def astype(self, dtype):
        """The same rows, cast when they are read."""
        return type(self)(self.source, dtype, self.start, self.stop, self.column, self.checks)

    def as_column(self):
        """The same rows with an axis of length one at the end."""
        return type(self)(self.source, self.dtype, self.start, self.stop, True, self.checks)

    def checked(self, check):
        """The same rows, checked when they are read."""
        return type(self)(self.source, self.dtype, self.start, self.stop, self.column, (*self.checks, check))

    def part(self, start, stop):
        """Samples start to stop, unread."""
        return type(self)(self.source, self.dtype, self.start + start, self.start + stop, self.column, self.checks)

    def _read(self, first, last):
        """Samples first to last as an array, not yet cast."""
        rows = np.asarray(self.source[self.start + first : self.start + last])
        for check in self.checks:
            check(rows)
        if len(rows) != last - first:
            raise ValueError(
                f"the {type(self.source).__name__} of shape {tuple(self.source.shape)} gave {len(rows)} rows for the "
                f"slice {self.start + first}:{self.start + last}; {last - first} were required."
            )
        return rows[..., None] if self.column else rows

    def take(self, index):
        """Rows `index`, in this order, as a new array.

        The source is read in slices in increasing order; rows close to each other are read at once, never more than
        were asked for in all.
        """
        index = np.asarray(index)
        if isinstance(self.source, np.memmap):
            rows = np.asarray(self.source[self.start + index])
            for check in self.checks:
                check(rows)
            return (rows[..., None] if self.column else rows).astype(self.dtype, copy=False)
        result = np.empty((len(index), *self.shape[1:]), self.dtype)
        order = np.argsort(index, kind="stable")
        rows = index[order]
        row_bytes = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))
        longest = min(len(rows), max(1, _PIECE_BYTES // max(1, row_bytes)))
        first = 0
        while first < len(rows):
            within = np.searchsorted(rows, rows[first] + longest)
            jumps = np.flatnonzero(np.diff(rows[first:within]) > _GAP)
            last = first + int(jumps[0]) + 1 if len(jumps) else int(within)
            piece = self._read(int(rows[first]), int(rows[last - 1]) + 1)
            result[order[first:last]] = piece[rows[first:last] - rows[first]]
            first = last
        return result

    def __getitem__(self, key):
        index = np.arange(len(self))[key]
        return self.take(index) if np.ndim(index) else self.take(index[None])[0]

    def __array__(self, dtype=None, copy=None):
        return self._read(0, len(self)).astype(self.dtype if dtype is None else dtype)


class SparseRows(Rows):
    """Samples of a `scipy.sparse` matrix in any format; only the rows of a batch are ever dense.

    Args: see :class:`Rows`.
    """

    def __init__(self, source, *args, **kwargs):
        super().__init__(source.tocsr(), *args, **kwargs)  # the same object where it is one already

    def take(self, index):
        """Rows `index`, in this order, as a new dense array."""
        rows = self.source[self.start + np.asarray(index)].toarray()
        for check in self.checks:
            check(rows)
        return (rows[..., None] if self.column else rows).astype(self.dtype, copy=False)

    def _read(self, first, last):
        return self.take(np.arange(first, last))


def whole(x) -> np.ndarray:
    """All of an array or of Rows, in memory."""
    return np.asarray(x) if isinstance(x, Rows) else x

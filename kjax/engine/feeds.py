"""Feeds: standardized arrays cut into batches, padded where the program allows it."""

from __future__ import annotations

import numpy as np

from kjax.engine.data import take
from kjax.engine.rows import whole

__all__ = ["Feed", "batch_order"]


class Feed:
    """The arrays of one data set: inputs and targets, and a weight array or None per weighted output.

    Attributes:
        lengths: None; or, where sequences were filled up, int32 (groups,): how long the groups of inputs really are.
            Batches are (data, weights, lengths) then, else (data, weights).
    """

    def __init__(self, data, weights, size):
        self.data = list(data)
        self.weights = list(weights)
        self.size = size
        self.lengths = None

    def _batch(self, data, weights, steps=None):
        if self.lengths is None:
            return data, weights
        return data, weights, self.lengths if steps is None else np.tile(self.lengths, (steps, 1))

    def batch(self, index, size=None):
        """One batch: (data, weights) and rows. With `size` it is padded to it, and `rows` marks the real samples."""
        rows = None
        if size is not None and len(index) < size:
            rows = np.zeros((size,), "float32")
            rows[: len(index)] = 1.0
            index = np.concatenate([index, np.full(size - len(index), index[-1], index.dtype)])
        data = [take(x, index) for x in self.data]
        return self._batch(data, [None if w is None else take(w, index) for w in self.weights]), rows

    def whole(self, size=None):
        """All samples as one batch, as `batch` gives it; with `size` padded to it."""
        if size is not None and size > self.size:
            return self.batch(np.arange(self.size), size)
        return self._batch([whole(x) for x in self.data], [None if w is None else whole(w) for w in self.weights]), None

    def chunk(self, index, steps, size, pad):
        """Several batches stacked: arrays (steps, size, ...), rows None; if padded (steps, pad, ...), (steps, pad)."""
        rows = None
        wanted, real = steps * size, len(index)
        if real < wanted:
            index = np.concatenate([index, np.full(wanted - real, index[-1], index.dtype)])
        if pad is not None:
            spread = np.full((steps, pad), index[-1], index.dtype)
            spread[:, :size] = index.reshape(steps, size)
            rows = np.zeros((steps, pad), "float32")
            rows[:, :size] = (np.arange(wanted) < real).reshape(steps, size)
            index, size = spread.reshape(-1), pad

        def stack(x):
            return None if x is None else take(x, index).reshape(steps, size, *x.shape[1:])

        return self._batch([stack(x) for x in self.data], [stack(w) for w in self.weights], steps), rows


def batch_order(order, batch_size, shuffle):
    """The order of the samples in one epoch, drawn from the last one's by NumPy's global generator, as in Keras.

    Args:
        order: int array; it is left as it is.
        shuffle: bool, or 'batch' to shuffle whole batches; a smaller batch at the end stays there.
    """
    order = np.array(order)
    if shuffle == "batch":
        whole = len(order) // batch_size * batch_size
        np.random.shuffle(order[:whole].reshape(-1, batch_size))
    elif shuffle:
        np.random.shuffle(order)
    return order

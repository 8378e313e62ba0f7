"""Sequence: a data set given as numbered batches."""

from __future__ import annotations


class Sequence:
    """Base of data sets that give batch `i` on request, so that several workers can make batches at once, each once.

    A subclass has `__getitem__(index)`, which returns a whole batch, and `__len__()`, the number of batches;
    `on_epoch_end()` may change the data between epochs.
    """

    use_sequence_api = True

    def __getitem__(self, index):
        """Batch `index`."""
        raise NotImplementedError(f"{type(self).__name__} needs a __getitem__(index) that returns a batch")

    def __len__(self):
        """Number of batches."""
        raise NotImplementedError(f"{type(self).__name__} needs a __len__() that returns the number of batches")

    def on_epoch_end(self):
        """Called after every epoch."""

    def __iter__(self):
        """The batches of one epoch, in order."""
        for index in range(len(self)):
            yield self[index]

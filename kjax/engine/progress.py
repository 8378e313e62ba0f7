"""Progress: where a training loop is, for those who save it, and where a continued run begins."""

from __future__ import annotations

import numpy as np

from kjax.engine.feeds import batch_order

__all__ = ["Progress", "SampleOrder"]


class Progress:
    """The epoch that a model's training loop is in.

    Attributes:
        figures: Figures of the epoch so far.
        data: plain data on what the batches are made of; a run can only be continued on the same.
        source: what decides which batch comes next; `position()` and `move_to(position)` tell and set where it is.
    """

    def __init__(self):
        self.figures = None
        self.data: dict = {}
        self.source = None
        self._entering = None

    def enter_with(self, function) -> None:
        """Sets what the next epoch is entered with: a function (this) -> number of its batches that are done."""
        self._entering = function

    def enter(self, figures, data, source) -> int:
        """Told by the loops when an epoch's first batch is next; returns how many of its batches are done already."""
        self.figures, self.data, self.source = figures, data, source
        function, self._entering = self._entering, None
        return 0 if function is None else function(self)


class SampleOrder:
    """The order of the samples in one epoch, as `batch_order` draws it.

    Args:
        start: the order that it is drawn from: that of the last epoch.

    Attributes:
        order: int array.
    """

    def __init__(self, start, batch_size, shuffle):
        self._arguments = (batch_size, shuffle)
        self._random = np.random.get_state()
        self._done = False
        self.order = batch_order(start, *self._arguments)

    def finish(self) -> None:
        """Told at the end of the epoch: the position is now that before the next one."""
        self._done = True

    def position(self) -> dict:
        """Plain data for `move_to`."""
        return {"order": self.order, "done": self._done}

    def move_to(self, position) -> None:
        """Takes the order of another run's epoch, or draws the one that followed it."""
        self.order = np.asarray(position["order"])
        if position["done"]:
            np.random.set_state(self._random)
            self.order = batch_order(self.order, *self._arguments)

"""The learning rate as a function of the epoch."""

from __future__ import annotations

import inspect
import numbers

import numpy as np

from kjax import backend as K
from kjax.callbacks.base import Callback
from kjax.callbacks.monitor import optimizer_rate

__all__ = ["LearningRateScheduler"]


def _takes_rate(schedule) -> bool:
    try:
        signature = inspect.signature(schedule)
    except ValueError:  # a builtin that says nothing about itself
        return False
    try:
        signature.bind(0, 0.0)
    except TypeError:
        return False
    return True


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of every epoch.

    Args:
        schedule: f(epoch) or f(epoch, lr) -> new rate; epochs count from 0.
        verbose: 0, or 1 to say the rate.
    """

    def __init__(self, schedule, verbose=0):
        super().__init__()
        if not callable(schedule):
            raise TypeError(f"LearningRateScheduler: schedule must be a function of the epoch; received {schedule!r}.")
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch, logs=None):
        rate = optimizer_rate(self)
        if _takes_rate(self.schedule):
            new = self.schedule(epoch, float(K.get_value(rate)))
        else:
            new = self.schedule(epoch)
        if isinstance(new, bool) or np.shape(new) != () or not isinstance(np.asarray(new).item(), numbers.Real):
            raise ValueError(f'The output of the "schedule" function should be float, received {new!r}.')
        K.set_value(rate, float(new))
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: LearningRateScheduler setting learning rate to {new}.")

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["lr"] = float(K.get_value(optimizer_rate(self)))

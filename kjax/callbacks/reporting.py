"""Callbacks that every training has: averages, the progress bar, the history."""

from __future__ import annotations

import math
import time

from kjax.callbacks.base import Callback
from kjax.engine.logs import Logs
from kjax.utils.generic_utils import Progbar

__all__ = ["BaseLogger", "History", "ProgbarLogger"]


class BaseLogger(Callback):
    """Keras's averaging of batch figures over an epoch.

    Args:
        stateful_metrics: names whose last value counts instead of the average.

    Differs: in `fit` the loop averages on its own, on the device where it can; this class averages when it is driven
    by other loops through its batch hooks.
    """

    uses_batches = False

    def __init__(self, stateful_metrics=None):
        super().__init__()
        self.stateful_metrics = set(stateful_metrics or ())
        self.seen, self.totals = 0, {}

    def on_epoch_begin(self, epoch, logs=None):
        self.seen, self.totals = 0, {}

    def on_batch_end(self, batch, logs=None):
        logs = logs or {}
        size = logs.get("size", 0)
        self.seen += size
        for k, v in logs.items():
            self.totals[k] = v if k in self.stateful_metrics else self.totals.get(k, 0) + v * size

    def on_epoch_end(self, epoch, logs=None):
        if logs is None or not self.seen:
            return
        for k in self.params.get("metrics", []):
            if k in self.totals:
                logs[k] = self.totals[k] if k in self.stateful_metrics else self.totals[k] / self.seen


class History(Callback):
    """Keeps the figures of every epoch.

    Attributes:
        epoch: list of epoch numbers.
        history: dict name -> list of figures; `acc` and `accuracy` are one.
    """

    def __init__(self):
        super().__init__()
        self.epoch: list = []
        self.history = Logs()

    def on_train_begin(self, logs=None):
        self.epoch, self.history = [], Logs()

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for k, v in (logs or {}).items():
            self.history.setdefault(k, []).append(v)


class ProgbarLogger(Callback):
    """Prints Keras's progress bar (verbose 1) or one line per epoch (verbose 2).

    Args:
        count_mode: 'samples' or 'steps'.
        stateful_metrics: names shown as they are instead of averaged.
    """

    uses_batches = False

    def __init__(self, count_mode="samples", stateful_metrics=None):
        super().__init__()
        if count_mode not in ("samples", "steps"):
            raise ValueError(f"ProgbarLogger: count_mode must be 'samples' or 'steps'; got {count_mode!r}.")
        self.use_steps = count_mode == "steps"
        self.stateful_metrics = set(stateful_metrics or ())
        self.bar = None
        self.seen = 0

    def on_train_begin(self, logs=None):
        self.verbose, self.epochs = self.params["verbose"], self.params["epochs"]

    def on_epoch_begin(self, epoch, logs=None):
        self.seen, self.begun = 0, time.monotonic()
        if self.verbose:
            print(f"Epoch {epoch + 1}/{self.epochs}")
            target = self.params["steps"] if self.use_steps else self.params["samples"]
            self.target = None if target is None else math.ceil(target)
            self.bar = Progbar(self.target, verbose=self.verbose, stateful_metrics=self.params["metrics"])

    def on_batch_end(self, batch, logs=None):
        logs = logs or {}
        self.seen += 1 if self.use_steps else logs.get("size", 0)
        if self.verbose and self.seen < self.target:
            self.bar.update(self.seen, [(k, logs[k]) for k in self.params["metrics"] if k in logs])

    def on_chunk_end(self, samples, steps, averages):
        if not self.verbose:
            return
        self.seen = steps if self.use_steps else samples
        if self.seen < self.target:
            self.bar.update(self.seen, _Figures(averages))

    def on_epoch_end(self, epoch, logs=None):
        if self.verbose:
            figures = [(k, logs[k]) for k in self.params["metrics"] if logs and k in logs]
            done = self.target if self.target is None or self.seen >= self.target else self.seen
            self.bar.update(done if done is not None else self.seen, figures)
            if self.target is None or self.seen < self.target:
                self.bar.close()


class _Figures:
    """Figures that are asked for only when the bar is really drawn."""

    def __init__(self, averages):
        self.averages = averages

    def __iter__(self):
        return iter(self.averages().items())

"""Phases: who looks on while a model is evaluated or predicts."""

from __future__ import annotations

import functools

from kjax.engine.logs import BatchLogs, Logs
from kjax.engine.registry import room

__all__ = ["Phase", "unwatched"]


class Phase:
    """An evaluation ('test') or a prediction ('predict'): its progress bar, and the hooks of callbacks.

    Args:
        kind: 'test' or 'predict'.
        callbacks: CallbackList, already told of model and parameters; or None.
        bar: Progbar or None.
        by_steps: whether the bar counts steps instead of samples.

    Nothing is fetched from the device and nothing built for callbacks that have no hook for batches of this kind.
    """

    def __init__(self, kind, callbacks=None, bar=None, by_steps=False):
        self.kind = kind
        self._callbacks = callbacks if callbacks is not None else room("callbacks").CallbackList()
        self._per_batch = self._callbacks.with_batch_hooks(kind)
        self._bar = bar
        self._by_steps = by_steps
        self._seen = 0

    def begin(self) -> None:
        self._callbacks.tell(f"on_{self.kind}_begin", None)

    def end(self) -> None:
        self._callbacks.tell(f"on_{self.kind}_end", None)

    def batch_begins(self, number, size) -> None:
        for c in self._per_batch:
            getattr(c, f"on_{self.kind}_batch_begin")(number, Logs(batch=number, size=size))

    def batch_ends(self, number, size, figures=None, outputs=None) -> None:
        """Told after every batch.

        Args:
            figures: (names, device array of their values), of an evaluation.
            outputs: function giving the batch's outputs as a list of arrays, of a prediction.
        """
        self._seen += size
        if self._per_batch:
            if figures is not None:
                logs: Logs = BatchLogs(*figures, batch=number, size=size)
            else:
                logs = Logs(batch=number, size=size, outputs=outputs())
            for c in self._per_batch:
                getattr(c, f"on_{self.kind}_batch_end")(number, logs)
        if self._bar is not None:
            self._bar.update(number + 1 if self._by_steps else self._seen)


@functools.lru_cache
def unwatched(kind) -> Phase:
    """The phase of a kind that nobody looks at."""
    return Phase(kind)

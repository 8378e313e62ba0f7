"""Safeguard: after a failed step a model has values again, not buffers that were given away."""

from __future__ import annotations

import time

import jax
import numpy as np

__all__ = ["Safeguard"]

_MOST_BYTES = 1 << 26  # states up to this size are kept on the host; larger ones would slow training down
_SHARE = 0.02  # of the time, at most, goes into copies: where epochs are short, not each begins with one


class Safeguard:
    """Copies of a model's state, made at the beginning of epochs, for steps that fail in the middle.

    A step gives its buffers to the next state. Interruptions and exceptions of callbacks come between steps and lose
    nothing; when the device fails within a step (out of memory, an error raised by a host callback), the state it
    worked on is gone, and the copy is put back.

    Args:
        model: being trained.
    """

    def __init__(self, model):
        self.model = model
        self.epoch = None
        self.kept: list = []
        self._next_time = 0.0

    def _variables(self) -> list:
        executor = self.model._executors.get("train")
        if executor is None:
            return list(self.model._weights_by_layer()) if self.model.built else []
        return [*executor.params, *executor.updated, *executor.slots]

    def keep(self, epoch) -> None:
        """Copies the state, where it is small enough for that to cost nothing."""
        begun = time.perf_counter()
        if begun < self._next_time:
            return
        variables = self._variables()
        self.epoch, self.kept = epoch, []
        if sum(int(np.prod(v.shape, dtype=np.int64)) * np.dtype(v.dtype).itemsize for v in variables) <= _MOST_BYTES:
            self.kept = [(v, np.array(v.value)) for v in variables]
        ended = time.perf_counter()
        self._next_time = ended + (ended - begun) / _SHARE

    def rescue(self, error) -> None:
        """Puts values back where they were lost, and says so in a note on the error."""
        lost = [v for v in self._variables() if _is_lost(v)]
        if "RESOURCE_EXHAUSTED" in str(error):
            error.add_note(
                "kjax: the device ran out of memory within a step; a smaller batch_size needs less, and so does "
                "keras.mixed_precision.set_policy('mixed_bfloat16')."
            )
        if not lost:
            return
        known = {id(v) for v, _ in self.kept}
        if all(id(v) in known for v in lost):
            for v, value in self.kept:  # all of them: a state is restored as a whole
                v.assign(value)
            error.add_note(
                f"kjax: model {self.model.name} failed within a step; it holds the weights and the optimizer's state "
                f"of the beginning of epoch {self.epoch + 1}."
            )
        else:
            error.add_note(
                f"kjax: model {self.model.name} failed within a step and the values of {len(lost)} variables "
                f"({', '.join(v.name for v in lost[:3])}, ...) were lost with it; load them from a checkpoint. "
                "Only `fit` and `fit_generator` keep copies, of models with a state of up to 64 MB."
            )


def _is_lost(variable) -> bool:
    value = variable.value
    if not isinstance(value, jax.Array):
        return False
    if value.is_deleted():
        return True
    try:
        value.block_until_ready()
    except (RuntimeError, ValueError):  # what a failed computation left in place of a value
        return True
    return False

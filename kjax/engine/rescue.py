"""Rescue: what a model holds, and is told to hold, after an error or Ctrl-C."""

from __future__ import annotations

import sys

import jax

from kjax.graph.interrupts import listening

__all__ = ["rescued"]


class rescued:  # read as a verb: with rescued(model, ...)
    """Within it a model runs steps; when one fails, the newest state that can be had is put back, and a note says so.

    Args:
        model: a Model.
        what: the method that runs them.
        kinds: of the steps, 'train', 'test', 'predict'.
        again: whether the method is, as a rule, called many times in a row.
    """

    def __init__(self, model, what, *kinds, again=False):
        self._model, self._what, self._kinds, self._again = model, what, kinds, again
        self._listening = listening(sys._getframe(1))

    def __enter__(self):
        self._listening.__enter__()
        return self

    def __exit__(self, kind, error, traceback):
        try:
            if error is not None:
                _rescue(self._model, self._what, self._kinds, error)
            for safeguard in _safeguards(self._model, self._kinds):
                safeguard.forget(newest=not self._again or error is not None)
        finally:
            self._listening.__exit__(kind, error, traceback)
        return False


def _safeguards(model, kinds) -> list:
    return [model._executors[kind].safeguard for kind in kinds if kind in model._executors]


def _rescue(model, what, kinds, error):
    safeguards = _safeguards(model, kinds)
    held = [text for text in [s.rescue() for s in safeguards] if text is not None]
    if "RESOURCE_EXHAUSTED" in str(error):
        error.add_note(
            "kjax: the device ran out of memory within a step; a smaller batch_size needs less, and so does "
            "keras.mixed_precision.set_policy('mixed_bfloat16')."
        )
    if held:
        error.add_note(f"kjax: a step of model {model.name} failed within {what}; {'; '.join(held)}.")
    elif isinstance(error, (KeyboardInterrupt, jax.errors.JaxRuntimeError)):
        epochs = [s for s in safeguards if s.epoch is not None]
        place = f", number {epochs[0].steps} of epoch {epochs[0].epoch + 1}" if epochs else ""
        error.add_note(f"kjax: {what} of model {model.name} was broken off; it holds its last finished step{place}.")

"""Shortcut: a prediction that is one call of a compiled step, past all that has been looked at before.

Programs that act on each prediction call `predict` thousands of times. After a step over large weights little is left
in the processor's caches, and every object that is touched costs; so this is one function over few of them.
"""

from __future__ import annotations

import numpy as np

from kjax.distribute.placement import Placement
from kjax.engine.executor import in_floatx
from kjax.engine.intake import plain_input
from kjax.engine.loop import size_filled
from kjax.engine.step import forward_step, traces
from kjax.graph.interrupts import process, uninterrupted
from kjax.graph.variable import on_device

__all__ = ["Shortcut"]


class Shortcut:
    """Predictions of one model for NumPy arrays that are one batch and go in as they are.

    Args:
        model: a Model that has predicted before.
        most: samples per step where no batch size is given.
    """

    __slots__ = ("_compiled", "_constants", "_dtype", "_executor", "_most", "_row", "_step")

    def __init__(self, model, most):
        executor = model._executors["predict"]
        plain = executor.is_plain and model._own_step("predict") is None
        self._executor, self._constants, self._most = executor, executor.constants, most
        self._compiled: set[int] = set()  # sizes of batches
        self._row, self._dtype = plain_input(model) if plain else (None, None)
        self._step = forward_step(executor.spec, False, executor.safeguard.donates) if plain else None

    def outputs(self, model, x, batch_size) -> list | None:
        """The outputs as NumPy arrays of the caller's own; None where the long way has to be gone."""
        if type(x) is not np.ndarray or x.dtype != self._dtype or x.shape[1:] != self._row:
            return None
        executor, given = self._executor, model.__dict__
        if given["_executors"].get("predict") is not executor:
            return None
        if given.get("predict_function") is not None or "_make_predict_function" in given:
            return None
        size = x.shape[0]
        if size != 1 or batch_size is not None:
            most = self._most if batch_size is None else batch_size
            if type(most) is not int or not 0 < size <= most:
                return None
            if executor.rowwise and size_filled(size, most, None) != size:
                return None
        fixed = None if Placement.made else on_device(executor.fixed)
        if fixed is None:
            return None
        before = traces.count
        if size in self._compiled and not process.forked:
            # native code alone, which no signal enters; to shield it would take longer than the rest of this function
            outputs = self._step([], fixed, self._constants, ([x], []), None, None, None)[2]
        else:
            with uninterrupted():
                outputs = self._step([], fixed, self._constants, ([x], []), None, None, None)[2]
            self._compiled.add(size)
        arrays = [np.array(y) for y in outputs]
        if traces.count != before and executor.on_trace is not None:
            executor.on_trace(traces.count - before)
        return [y if y.itemsize > 2 else in_floatx(y) for y in arrays]

"""Keras 1's arrays of recurrent layers, one per gate, in `set_weights` and `weights=`.

    LSTM    W_i, U_i, b_i, W_c, U_c, b_c, W_f, U_f, b_f, W_o, U_o, b_o
    GRU     W_z, U_z, b_z, W_r, U_r, b_r, W_h, U_h, b_h

It kept them so with `consume_less='cpu'` and `'mem'`; `'gpu'` has today's three arrays. Verified with Keras 1.2.2.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from kjax.keras1.call_conversion import marked
from kjax.keras1.gates import PARTS, joined_gates

# class of the cell -> the gates in the order of Keras 1's arrays, and in the order they lie side by side today
_GATES = {"LSTMCell": ("icfo", "ifco"), "ConvLSTM2DCell": ("icfo", "ifco"), "GRUCell": ("zrh", "zrh")}


def joined_weights(holder: Any, handles: list, weights: list) -> list:
    """The arrays for `handles`, those of one gate joined; as they are where that does not give as many as needed.

    Args:
        holder: layer or model.
        handles: its weights, in the order of `set_weights`.
        weights: arrays as Keras 1 or 2 kept them.
    """
    if len(weights) <= len(handles):
        return weights
    cells = {id(cell.kernel): cell for cell in _cells(holder)}
    result: list = []
    place = number = 0
    while number < len(handles):
        joined = _joined(cells.get(id(handles[number])), handles[number : number + 3], weights[place:])
        if joined is None:
            result.extend(weights[place : place + 1])
            place, number = place + 1, number + 1
        else:
            arrays, used = joined
            result.extend(arrays)
            place, number = place + used, number + 3
    return result if place == len(weights) else weights


def _joined(cell, handles, weights):
    """([kernel, recurrent_kernel, bias], how many arrays they are made of); None where the arrays are not of gates."""
    if cell is None or [w.short_name for w in handles] != list(PARTS.values()):
        return None
    old, today = next(_GATES[c.__name__] for c in type(cell).__mro__ if c.__name__ in _GATES)
    names = [f"{part}_{gate}" for gate in old for part in PARTS]
    shapes = [(*w.shape[:-1], w.shape[-1] // len(old)) for w in handles] * len(old)
    given = weights[: len(names)]
    if [tuple(np.shape(w)) for w in given] != shapes:
        return None
    return joined_gates(dict(zip(names, given, strict=True)), today), len(names)


def _cells(holder) -> Iterator[Any]:
    """The built cells in a layer or model that Keras 1 kept by gates."""
    stack, seen = [holder], set()
    while stack:
        layer = stack.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        if any(c.__name__ in _GATES for c in type(layer).__mro__) and getattr(layer, "kernel", None) is not None:
            yield layer
        stack.extend(getattr(layer, "_tracked_layers", ()))
        stack.extend(getattr(layer, "layers", ()))


def accept_keras1_gates(*holders: Any) -> None:
    """Let the `set_weights` of classes take one array per gate."""
    for cls in holders:
        if not hasattr(cls.set_weights, "keras1_gates"):
            cls.set_weights = _accepting(cls.set_weights)


def _accepting(set_weights):
    @functools.wraps(set_weights)
    def put(self, weights):
        handles = self._weights_by_layer() if hasattr(self, "_weights_by_layer") else self.weights
        return set_weights(self, joined_weights(self, handles, list(weights)))

    put.keras1_gates = True
    return marked(put)

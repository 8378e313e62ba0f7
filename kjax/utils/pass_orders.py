"""PassOrders: in which order the batches of a Sequence come, pass after pass."""

from __future__ import annotations

import collections
import random

__all__ = ["PassOrders"]

_KEPT = 16  # passes; batches are prepared a few ahead, which are several passes of a very short Sequence


class PassOrders:
    """The orders of the passes over a Sequence, drawn ahead of time by whoever makes the batches.

    Args:
        sequence: with `__len__`; what its `get_state()` gives at the beginning of a pass, where it has one, belongs to
            the position.
        shuffle: whether every pass has a new random order. Python's global generator draws the first one and the seed
            of all others, which therefore do not depend on when they are drawn.
    """

    def __init__(self, sequence, shuffle):
        self.sequence = sequence
        self.shuffle = shuffle
        self._draws: random.Random | None = None
        self._next: dict | None = None  # the pass to begin with
        self._passes: collections.deque = collections.deque(maxlen=_KEPT)
        self._number = 0  # of the first batch of the next pass

    def draw(self) -> list:
        """The batches' indices of the next pass, those that were taken before `move_to` left out."""
        begun, self._next = self._next, None
        if begun is None:
            begun = {"order": list(range(len(self.sequence))), "taken": 0, "own": self._own_state()}
            if self.shuffle:
                (self._draws or random).shuffle(begun["order"])
        if self.shuffle and self._draws is None:
            self._draws = random.Random(random.getrandbits(64))
        begun["draws"] = None if self._draws is None else self._draws.getstate()
        self._passes.append((self._number - begun["taken"], begun))
        self._number += len(begun["order"]) - begun["taken"]
        return begun["order"][begun["taken"] :]

    def _own_state(self):
        return self.sequence.get_state() if hasattr(self.sequence, "get_state") else None

    def position(self, taken) -> dict | None:
        """Plain data for `move_to`: where the Sequence is after `taken` batches; None when there was no batch yet."""
        for first, begun in reversed(list(self._passes)):
            if first < taken:
                return {**begun, "taken": taken - first}
        return None

    def move_to(self, position) -> None:
        """Goes on where another run was; nothing may have been drawn yet."""
        if position["own"] is not None:
            self.sequence.set_state(position["own"])
        if position["draws"] is not None:
            self._draws = random.Random()
            self._draws.setstate(position["draws"])
        self._next = {"order": list(position["order"]), "taken": position["taken"], "own": position["own"]}

"""Safeguard: after a step that failed, the variables hold the state of the last step that finished."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

__all__ = ["Safeguard"]

_SMALL_BYTES = 1 << 23  # states up to this size are not donated: what a step was given outlives it
_MOST_BYTES = 1 << 30  # donated states up to this size are copied to the host now and then
_SHARE = 0.02  # of the time, at most, goes into these copies

FAILURES = (jax.errors.JaxRuntimeError, RuntimeError, ValueError)  # what waiting for a failed computation raises


class Sent(NamedTuple):
    """A dispatch that may not have finished yet.

    Attributes:
        state: the arrays it was given.
        result: arrays that are ready when it has finished; None where it is known to have failed.
        before: how many steps of the epoch went before it.
        steps: how many steps it holds.
        again: function (state, i) -> (state, result) that runs its step i alone; None for a single step.
    """

    state: Any
    result: Any
    before: int
    steps: int
    again: Callable | None


class Safeguard:
    """What one kind of step does about failures of the device.

    Dispatches run ahead of the device, so a failure shows only later, and the arrays that came out of a failed step
    hold no values. Small states are therefore not donated; until a dispatch has finished, the state before it is kept,
    and is put back when it fails. A dispatch of many steps is repeated step by step up to the one that fails. Large
    states are donated, as two of them may not fit; a failure before the device has begun (out of memory, as a rule)
    leaves them where they were, for one in the middle of a step the newest copy on the host is put back.

    Args:
        groups: lists of the Variables that the step replaces.

    Attributes:
        donates: whether steps give their state's buffers away.
    """

    def __init__(self, groups):
        self.groups = groups
        size = sum(_bytes(v) for v in self._variables())
        self.donates = size > _SMALL_BYTES
        self._copied = self.donates and size <= _MOST_BYTES
        self._kept: tuple | None = None  # (values on the host, epoch, steps)
        self._next_time = 0.0
        self._sent: list[Sent] = []
        self.epoch: int | None = None
        self.steps = 0

    def _variables(self) -> list:
        return [v for group in self.groups for v in group]

    def begin(self, epoch, steps) -> None:
        """Told when an epoch begins, or is continued after some steps."""
        self.epoch, self.steps = epoch, steps

    def before(self, state):
        """Told of the state that a dispatch is about to be given; returns it."""
        if self._copied and time.perf_counter() >= self._next_time:
            begun = time.perf_counter()
            self._kept = None  # not two copies at once
            self._kept = ([np.array(x) for x in jax.tree.leaves(state)], self.epoch, self.steps)
            ended = time.perf_counter()
            self._next_time = ended + (ended - begun) / _SHARE
        return state

    def after(self, state, result, steps=1, again=None) -> None:
        """Told of a dispatch that is under way.

        Raises:
            RuntimeError: when an earlier dispatch has failed meanwhile.
        """
        if not self.donates:
            self._sent.append(Sent(state, result, self.steps, steps, again))
            while len(self._sent) > 1 and _is_ready(self._sent[0].result):
                jax.block_until_ready(self._sent[0].result)
                del self._sent[0]
        self.steps += steps

    @contextlib.contextmanager
    def attempt(self, state, steps=1, again=None):
        """Within it a dispatch is made that may fail at once; the arguments are those of `after`."""
        try:
            yield
        except FAILURES:
            if not self.donates:
                self._sent.append(Sent(state, None, self.steps, steps, again))
            raise

    def given(self):
        """The arrays that the newest dispatch was given; None where they were donated."""
        return self._sent[-1].state if self._sent else None

    def put(self, state) -> None:
        """Makes these arrays the values of the variables, of all of them also if Ctrl-C comes meanwhile."""
        try:
            self._put(state)
        except KeyboardInterrupt:
            self._put(state)
            raise

    def _put(self, state) -> None:
        for group, values in zip(self.groups, state, strict=True):
            for v, value in zip(group, values, strict=True):
                v.replace(value)

    def forget(self, newest=True) -> None:
        """Told when a method of the model ends: what its dispatches were given is no longer held.

        Args:
            newest: False leaves what the newest one was given to the next call, to be freed while the device is busy.
        """
        if newest or len(self._sent) > 1:
            self._sent = [sent for sent in self._sent if not _is_ready(sent.result)]
        self.epoch, self.steps = None, 0

    def rescue(self) -> str | None:
        """Puts back the newest state that can be had; returns what the variables hold now, None if nothing was lost."""
        for sent in self._sent:
            if not _succeeds(sent.result):
                self._sent.clear()
                self.put(self._repeated(sent))
                return self._said(self.epoch, self.steps)
        lost = [v for v in self._variables() if _is_lost(v)]
        if not lost:
            return None
        if self._kept is not None:
            values, epoch, steps = self._kept
            for v, value in zip(self._variables(), values, strict=True):
                v.assign(value)
            return self._said(epoch, steps) + (
                f" (states of more than {_SMALL_BYTES >> 20} MB are copied only from time to time)"
            )
        return (
            f"the values of {len(lost)} variables ({', '.join(v.name for v in lost[:3])}, ...) are lost; load them "
            f"from a checkpoint (states of more than {_MOST_BYTES >> 20} MB are not copied)"
        )

    def _repeated(self, sent):
        """The state after the last step of a failed dispatch that does not fail."""
        state, self.steps = sent.state, sent.before
        for i in range(sent.steps if sent.again is not None else 0):
            try:
                state_after, result = sent.again(state, i)
                jax.block_until_ready(result)
            except FAILURES:
                break
            state, self.steps = state_after, self.steps + 1
        return state

    @staticmethod
    def _said(epoch, steps) -> str:
        if epoch is None:
            return "it holds the weights and the optimizer's state of the step before"
        return f"it holds the weights and the optimizer's state after {steps} steps of epoch {epoch + 1}"


def _bytes(variable) -> int:
    return int(np.prod(variable.shape, dtype=np.int64)) * np.dtype(variable.dtype).itemsize


def _succeeds(result) -> bool:
    """Waits for a dispatch; whether it gave values."""
    if result is None:
        return False
    try:
        jax.block_until_ready(result)
    except FAILURES:
        return False
    return True


def _is_ready(tree) -> bool:
    return all(x.is_ready() for x in jax.tree.leaves(tree))


def _is_lost(variable) -> bool:
    value = variable.value
    if not isinstance(value, jax.Array):
        return False
    if value.is_deleted():
        return True
    try:
        value.block_until_ready()
    except FAILURES:
        return True
    return False

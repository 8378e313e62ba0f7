"""Ctrl-C at a safe moment, and one clear error in a process that was forked after use.

An exception that is raised within JAX's tracing, lowering or compiling can leave it half done, or end the process in
native code; one that is raised within garbage collection is lost. While kjax works, its own handler of SIGINT puts such
a moment off: until the dispatch is over, at the latest until the method of the model is left.
"""

from __future__ import annotations

import _signal  # what `signal` wraps: a tenth of the time, which counts before every prediction
import gc
import os
import threading
from signal import SIGINT

__all__ = ["listening", "process", "uninterrupted"]

_SIGINT = int(SIGINT)
_NATIVE = {"jax", "jaxlib"}  # packages in which no exception may be raised from without


class _Process:
    """This process: the handler of its SIGINT while kjax works.

    Attributes:
        main: identity of the thread that receives signals; None in a process forked after use.
        closed: how many dispatches are under way.
        waits: whether a signal has not been passed on yet.
        previous: the handler that it stands for.
        outer: id of the frame within which it listens.
        used: whether there has been a dispatch, which starts JAX's threads.
        forked: whether this process is the child of one that had used JAX.
    """

    def __init__(self):
        self.main = threading.main_thread().ident
        self.closed, self.waits, self.previous, self.outer = 0, False, None, None
        self.used = self.forked = False

    def __call__(self, number, frame):
        if self.closed or _would_harm(frame, self.outer):
            self.waits = True
        else:
            self.waits = False
            self.previous(number, frame)

    def enter(self):
        """Begins to listen; returns the handlers before, (None, None) where nothing had to be changed."""
        present = _signal.getsignal(_SIGINT)
        if present is self or not callable(present):  # not callable: ignored, or set by other than Python code
            return None, None
        before, self.previous = (present, self.previous), present
        _signal.signal(_SIGINT, self)
        return before

    def leave(self, before):
        """Puts the handlers before back, unless the program has set another meanwhile."""
        present, previous = before
        if present is not None and _signal.getsignal(_SIGINT) is self:
            _signal.signal(_SIGINT, present)
            self.previous = previous or present

    def pass_on(self):
        """The signal that was put off comes again."""
        self.waits = False
        _signal.raise_signal(_SIGINT)

    def is_elsewhere(self) -> bool:
        """Whether this is a thread that receives no signals.

        Raises:
            RuntimeError: in a process that was forked after use.
        """
        if self.forked:
            raise RuntimeError(_FORKED)
        self.used = True
        return threading.get_ident() != self.main


process = _Process()

_FORKED = (
    "this process was forked from one that had already computed with kjax. JAX's threads do not exist in a fork, so a "
    "computation would wait for ever. Start processes with multiprocessing.get_context('spawn') (or "
    "multiprocessing.set_start_method('spawn') at the top of the program), or fork before the first computation."
)


class uninterrupted:  # read as an adverb: with uninterrupted(): ...
    """Within it SIGINT waits; it is delivered at the end. Only the main thread receives signals.

    Raises:
        RuntimeError: in a process that was forked after use.
    """

    __slots__ = ("_before",)

    def __enter__(self):
        self._before = None
        if not process.is_elsewhere():
            # the handler first, then the count: an exception between the two leaves nothing closed
            self._before = process.enter()
            process.closed += 1

    def __exit__(self, kind, error, traceback):
        if self._before is not None:
            process.closed -= 1
            process.leave(self._before)
            if process.waits and not process.closed:
                process.pass_on()
        return False


class listening:  # read as a verb: with listening(frame): ...
    """Within it, the time of a method of a model, SIGINT waits only for JAX and for the collection of garbage.

    Args:
        frame: of the method.

    Raises:
        RuntimeError: in a process that was forked after use.
    """

    __slots__ = ("_before", "_frame")

    def __init__(self, frame):
        self._frame = id(frame)

    def __enter__(self):
        self._before = None
        if not process.is_elsewhere():
            self._before = process.enter()
            self._frame, process.outer = process.outer, self._frame

    def __exit__(self, kind, error, traceback):
        if self._before is not None:
            process.outer = self._frame
            process.leave(self._before)
            if process.waits and not process.closed:
                process.pass_on()
        return False


def _would_harm(frame, outer) -> bool:
    """Whether an exception raised in this frame, or one that called it, would break JAX off or be lost."""
    collecting = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    while frame is not None and id(frame) != outer:
        package, code = frame.f_globals.get("__name__", "").partition(".")[0], frame.f_code
        if package in _NATIVE or package == "weakref" or code.co_name == "__del__" or code in collecting:
            return True
        frame = frame.f_back
    return False


def _in_child():
    if process.used:
        process.forked, process.main = True, None
    else:
        process.main = threading.main_thread().ident


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)

"""Ctrl-C at a safe moment: never between giving buffers away and taking the new ones."""

from __future__ import annotations

import contextlib
import signal
import threading

__all__ = ["uninterrupted"]


@contextlib.contextmanager
def uninterrupted():
    """Within it SIGINT waits; it is delivered at the end. Only the main thread receives signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted = []
    previous = signal.getsignal(signal.SIGINT)
    if not callable(previous):  # ignored, or set by other than Python code
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: noted.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if noted:
            previous(*noted[0])

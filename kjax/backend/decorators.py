"""`symbolic` and `eager`, with which 2.3 marks functions that build graphs and functions that compute."""

from __future__ import annotations

__all__ = ["eager", "symbolic"]


def symbolic(func):
    """func as it is: whether it builds a graph follows from its arguments."""
    return func


def eager(func):
    """func as it is: whether it computes at once follows from its arguments."""
    return func

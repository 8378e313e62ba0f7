"""Name scopes: prefixes that weights take from the layers they are built in."""

from __future__ import annotations

import contextlib
import threading

__all__ = ["name_scope", "name_suffix", "scoped", "scoped_weight"]


class _Scopes(threading.local):
    def __init__(self):
        self.stack: list[str] = []
        self.weights: list[set[str]] = []  # the names that weights took in each open scope
        self.suffix = ""


_scopes = _Scopes()


@contextlib.contextmanager
def name_scope(name: str):
    """Within it, variables are named `name/...`; scopes nest."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a string; got {name!r}.")
    _scopes.stack.append(name)
    _scopes.weights.append(set())
    try:
        yield name
    finally:
        _scopes.stack.pop()
        _scopes.weights.pop()


def scoped(name: str, default: str = "") -> str:
    """`name` under the scopes that are open, or under `default` when none is."""
    scope = "/".join(_scopes.stack) or default
    name += _scopes.suffix
    return f"{scope}/{name}" if scope else name


def scoped_weight(name: str, default: str) -> str:
    """`scoped`, with '_1', '_2', ... where a weight took the name while the same scope was open.

    Layers that another layer builds by hand name their weights in its scope.
    """
    if not _scopes.weights:
        return scoped(name, default)
    taken, free, n = _scopes.weights[-1], name, 0
    while free + _scopes.suffix in taken:
        n += 1
        free = f"{name}_{n}"
    taken.add(free + _scopes.suffix)
    return scoped(free, default)


@contextlib.contextmanager
def name_suffix(suffix: str):
    """Within it, variables' names end in `suffix`: TensorFlow tells a second `kernel` in one scope apart so."""
    before, _scopes.suffix = _scopes.suffix, suffix
    try:
        yield
    finally:
        _scopes.suffix = before

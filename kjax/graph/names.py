"""Name scopes: prefixes that weights take from the layers they are built in."""

from __future__ import annotations

import contextlib
import threading

__all__ = ["name_scope", "name_suffix", "scoped"]


class _Scopes(threading.local):
    def __init__(self):
        self.stack: list[str] = []
        self.suffix = ""


_scopes = _Scopes()


@contextlib.contextmanager
def name_scope(name: str):
    """Within it, variables are named `name/...`; scopes nest."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a string; got {name!r}.")
    _scopes.stack.append(name)
    try:
        yield name
    finally:
        _scopes.stack.pop()


def scoped(name: str, default: str = "") -> str:
    """`name` under the scopes that are open, or under `default` when none is."""
    scope = "/".join(_scopes.stack) or default
    name += _scopes.suffix
    return f"{scope}/{name}" if scope else name


@contextlib.contextmanager
def name_suffix(suffix: str):
    """Within it, variables' names end in `suffix`: TensorFlow tells a second `kernel` in one scope apart so."""
    before, _scopes.suffix = _scopes.suffix, suffix
    try:
        yield
    finally:
        _scopes.suffix = before

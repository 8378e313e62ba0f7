"""Names: scopes, counters per prefix."""

from __future__ import annotations

import contextlib
from collections import Counter

from kjax.graph import names, unique_name

__all__ = ["exchange_uids", "get_uid", "name_scope", "reset_uids", "scoped_name"]

_uids: Counter[str] = Counter()


def get_uid(prefix=""):
    """1, 2, ... : how often this prefix has been asked for since the last `reset_uids` or `clear_session`.

    Args:
        prefix: str.
    """
    _uids[prefix] += 1
    return _uids[prefix]


def reset_uids():
    """Lets all counters of `get_uid` start again at 1."""
    _uids.clear()


def exchange_uids(counts: Counter[str]) -> Counter[str]:
    """Lets `get_uid` count on from `counts`; returns the counts so far."""
    before = Counter(_uids)
    _uids.clear()
    _uids.update(counts)
    return before


@contextlib.contextmanager
def name_scope(name):
    """Within this scope, variables and named placeholders are called 'name/...'.

    Args:
        name: str; scopes nest: 'outer/inner/...'.
    """
    if not isinstance(name, str):
        raise TypeError(f"name_scope: name must be a str; got {type(name).__name__}.")
    with names.name_scope(name):
        yield name


def scoped_name(name: str) -> str:
    """`name` inside of the present scopes, with '_1', '_2' ... where it has been given before."""
    return unique_name(names.scoped(name))

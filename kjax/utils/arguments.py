"""Arguments: handing on what a function was called with."""

from __future__ import annotations

__all__ = ["given"]


def given(scope, *without) -> dict:
    """The arguments of the calling function by name, to be handed on; called before it has other local names.

    Args:
        scope: its `locals()`; `self` and its `**kwargs` (under that name) are left out.
        without: names of arguments to leave out, too.
    """
    return {name: value for name, value in scope.items() if name not in ("self", "kwargs", "__class__", *without)}

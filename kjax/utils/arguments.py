"""Arguments: handing on what a function was called with, numbers of steps."""

from __future__ import annotations

import math
import numbers

__all__ = ["given", "step_count"]


def given(scope, *without) -> dict:
    """The arguments of the calling function by name, to be handed on; called before it has other local names.

    Args:
        scope: its `locals()`; `self` and its `**kwargs` (under that name) are left out.
        without: names of arguments to leave out, too.
    """
    return {name: value for name, value in scope.items() if name not in ("self", "kwargs", "__class__", *without)}


def step_count(steps, argument) -> int:
    """How many steps are run until `steps`, a number > 0 such as len(x) / batch_size, are done.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(steps, bool) or not isinstance(steps, numbers.Real) or not 0 < float(steps) < math.inf:
        raise ValueError(f"{argument} must be a number > 0; got {steps!r}.")
    return math.ceil(float(steps))

"""Which placeholders a symbolic tensor needs."""

from __future__ import annotations

from kjax.graph import KerasTensor

__all__ = ["required_placeholders"]


def required_placeholders(tensors, given=()) -> list:
    """The placeholders that `tensors` depend on, beyond the tensors `given`, in the order they are met."""
    seen = {id(t) for t in given}
    found, stack = [], list(reversed(tensors))
    while stack:
        t = stack.pop()
        if id(t) in seen or not isinstance(t, KerasTensor):
            continue
        seen.add(id(t))
        if t.op is None:
            found.append(t)
        else:
            stack.extend(reversed(t.op.leaves))
    return found

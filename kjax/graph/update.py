"""Update: the intention to replace a variable's value when a program has run."""

from __future__ import annotations

from typing import NamedTuple

from kjax.graph.tensor import KerasTensor
from kjax.graph.variable import Variable

__all__ = ["Update", "as_update"]


class Update(NamedTuple):
    """`variable` becomes `value` (a KerasTensor, Variable or array) once the program that holds it has run."""

    variable: Variable
    value: object


def as_update(x) -> Update:
    """An Update from what `add_update` and `K.function(updates=)` take: an Update or a pair (variable, new value).

    Raises:
        TypeError: for anything else.
    """
    if isinstance(x, Update):  # itself: it is counted once, however often it is listed
        return x
    if isinstance(x, (tuple, list)) and len(x) == 2 and isinstance(x[0], Variable):
        return Update(x[0], x[1])
    if isinstance(x, KerasTensor):
        raise TypeError(
            f"an update must say which variable changes: use K.update(variable, value); got the tensor {x!r}."
        )
    raise TypeError(f"an update must be K.update(variable, value) or a pair (variable, value); got {type(x).__name__}.")

"""Updates: variables that change when a function or a training step has run."""

from __future__ import annotations

import contextlib

from kjax.graph import Update, Variable

__all__ = ["control_dependencies", "moving_average_update", "update", "update_add", "update_sub"]


def _check(x, where):
    if not isinstance(x, Variable):
        raise TypeError(f"{where}: x must be a Variable; got {type(x).__name__}.")


def update(x, new_x):
    """x := new_x, for `K.function(updates=)` and `layer.add_update`.

    Args:
        x: Variable.
        new_x: tensor, array or number of its shape.
    Differs: nothing changes until a function or model that holds the update runs, or `K.eval` is called on it.
    """
    _check(x, "update")
    return Update(x, new_x)


def update_add(x, increment):
    """x := x + increment; arguments as for `update`."""
    _check(x, "update_add")
    return Update(x, x + increment)


def update_sub(x, decrement):
    """x := x - decrement; arguments as for `update`."""
    _check(x, "update_sub")
    return Update(x, x - decrement)


def moving_average_update(x, value, momentum):
    """x := momentum x + (1 - momentum) value.

    Args:
        x: Variable.
        value: tensor of its shape.
        momentum: number or tensor, 0..1.
    Differs: 2.2.4 on TensorFlow corrects the bias of the first steps; this is the plain average, as in 2.3.
    """
    _check(x, "moving_average_update")
    return Update(x, x * momentum + value * (1.0 - momentum))


@contextlib.contextmanager
def control_dependencies(control_inputs):
    """Accepted so that code which orders its operations runs; here the order is that of the data, always."""
    yield

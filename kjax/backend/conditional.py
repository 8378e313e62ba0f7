"""`switch`: one of two values."""

from __future__ import annotations

import jax.numpy as jnp

from kjax.backend.operation import as_array, tensor_op

__all__ = ["switch"]


def _select_rowwise(tensors, args, kwargs):
    condition, *_ = args
    ranks = {len(t.shape) for t in tensors if t is not condition}
    if any(getattr(t, "static", None) is not None for t in tensors):
        return False
    # a condition of lower rank has its axes on the left, as the batch has
    return (
        len(ranks) == 1
        and (len(condition.shape) if hasattr(condition, "shape") else 0) <= max(ranks)
        and (not hasattr(condition, "shape") or len(condition.shape) > 0)
    )


@tensor_op(name="switch", rowwise=_select_rowwise)
def _select(condition, x, y):
    condition, x, y = as_array(condition), as_array(x), as_array(y)
    if condition.ndim:
        rank = max(x.ndim, y.ndim)
        if condition.ndim > rank:
            raise ValueError(
                "switch: the condition's rank must not exceed that of then_expression and else_expression; "
                f"got shapes {tuple(condition.shape)}, {tuple(x.shape)} and {tuple(y.shape)}."
            )
        condition = condition.reshape(condition.shape + (1,) * (rank - condition.ndim))
    return jnp.where(condition != 0, x, y)


def switch(condition, then_expression, else_expression):
    """then_expression where the condition holds, else_expression elsewhere.

    Args:
        condition: scalar tensor, or one whose axes are the first axes of the two; a Python bool chooses at once.
        then_expression, else_expression: tensors of equal shape, or functions without arguments that give them.
    Differs: both are computed (XLA drops the one that is not needed when the condition is known).
    """
    if isinstance(condition, (bool, int)):
        chosen = then_expression if condition else else_expression
        return chosen() if callable(chosen) else chosen
    then_value = then_expression() if callable(then_expression) else then_expression
    else_value = else_expression() if callable(else_expression) else else_expression
    return _select(condition, then_value, else_value)

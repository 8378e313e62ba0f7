"""Gradients of recorded tensors."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kjax.backend.operation import as_array, tensor_op
from kjax.graph import KerasTensor, SubGraph, Variable

__all__ = ["gradients", "stop_gradient"]


@tensor_op(name="stop_gradient", rowwise=True)
def _stop(x):
    return jax.lax.stop_gradient(as_array(x))


def stop_gradient(variables):
    """x as a constant: no gradient flows through it.

    Args:
        variables: tensor or list of tensors.
    """
    if isinstance(variables, (list, tuple)):
        return [_stop(v) for v in variables]
    return _stop(variables)


@tensor_op(name="gradients")
def _gradients(body, values):
    def total(*values):
        return sum(jnp.sum(loss) for loss in body(*values))

    return list(jax.grad(total, tuple(range(len(values))))(*values))


def gradients(loss, variables):
    """The derivatives of `loss` with respect to each of `variables`.

    Args:
        loss: symbolic tensor or list of them; one that is not scalar counts as its sum.
        variables: list of Variables, placeholders and other symbolic tensors.

    Returns:
        list: symbolic tensors of the variables' shapes; None where `loss` does not depend on the variable.
    """
    losses = list(loss) if isinstance(loss, (list, tuple)) else [loss]
    wanted = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    for x in losses:
        if not isinstance(x, (KerasTensor, Variable)):
            raise TypeError(f"gradients: loss must be a symbolic tensor; got {type(x).__name__}.")
        if not _differentiable(x):
            raise TypeError(f"gradients: loss must be of a float type; got {x.name!r} of type {x.dtype}.")
    for x in wanted:
        if not isinstance(x, (KerasTensor, Variable)):
            raise TypeError(f"gradients: variables must be symbolic tensors or Variables; got {type(x).__name__}.")
    reached = _reached(losses)
    unique = {id(v): v for v in wanted if id(v) in reached and _differentiable(v)}
    found: dict[int, object] = {}
    for group in _independent(list(unique.values())):
        results = _gradients(SubGraph(group, losses), group)
        found.update(zip(map(id, group), results, strict=True))
    return [found.get(id(v)) for v in wanted]


def _differentiable(x):
    return jnp.issubdtype(x.dtype, jnp.inexact)


def _reached(tensors) -> set[int]:
    """Ids of the tensors and variables that a gradient can flow to from `tensors`, these included."""
    seen: set[int] = set()
    stack = list(tensors)
    while stack:
        t = stack.pop()
        if id(t) in seen or not _differentiable(t):
            continue
        seen.add(id(t))
        if isinstance(t, KerasTensor) and t.op is not None and t.op.operation is not _stop.operation:
            stack.extend(t.op.leaves)
    return seen


def _independent(variables) -> list[list]:
    """Groups in which no tensor depends on another one: the derivative of one must include the way through another."""
    above = {id(v): _reached([v]) for v in variables if isinstance(v, KerasTensor) and v.op is not None}
    nothing: set[int] = set()
    groups: list[list] = []
    for v in variables:
        mine = above.get(id(v), nothing)
        for group in groups:
            if not any(id(u) in mine or id(v) in above.get(id(u), nothing) for u in group):
                group.append(v)
                break
        else:
            groups.append([v])
    return groups

"""Re-recording a piece of graph with some of its tensors replaced."""

from __future__ import annotations

import jax

from kjax.graph.record import Body, SubGraph, fill, record
from kjax.graph.tensor import KerasTensor

__all__ = ["replaced_body", "substitute"]


def substitute(outputs, replacements):
    """The tensors `outputs` with each key of `replacements` standing for its value.

    Args:
        outputs: list of KerasTensors.
        replacements: dict KerasTensor -> KerasTensor.

    Returns:
        list of KerasTensors; those that depend on no key are returned as they are.
    """
    done = {id(k): v for k, v in replacements.items()}
    stack = list(outputs)
    while stack:
        t = stack[-1]
        if id(t) in done or not isinstance(t, KerasTensor) or t.op is None:
            done.setdefault(id(t), t)
            stack.pop()
            continue
        todo = [v for v in t.op.leaves if isinstance(v, KerasTensor) and id(v) not in done]
        if todo:
            stack.extend(todo)
            continue
        leaves = [done.get(id(v), v) for v in t.op.leaves]
        if all(a is b for a, b in zip(leaves, t.op.leaves, strict=True)):
            fresh = t.op.outputs
        else:
            args, kwargs = fill(t.op.template, leaves, body=replaced_body)
            fresh = jax.tree.leaves(record(t.op.operation, args, kwargs))
        done.update((id(old), new) for old, new in zip(t.op.outputs, fresh, strict=True))
        stack.pop()
    return [done[id(t)] for t in outputs]


def replaced_body(template, leaves):
    """A loop body whose captured tensors are the new ones."""
    if not isinstance(template, Body):
        return None
    old = template.graph.captures
    changed = {a: leaves[i] for a, i in zip(old, template.captures, strict=True) if leaves[i] is not a}
    return SubGraph(template.graph.inputs, substitute(template.graph.outputs, changed), template.graph.since)

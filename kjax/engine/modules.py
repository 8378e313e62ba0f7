"""Running Flax modules inside the graph with a layer's variables bound to their parameters."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp

from kjax.engine.padded_modules import run_padded
from kjax.graph import KerasTensor, op
from kjax.graph.operation import When
from kjax.nn.module import Module

__all__ = ["is_module_output", "run_module"]


def _holds_arrays(x) -> bool:
    leaves = jax.tree.leaves(x)
    return bool(leaves) and all(isinstance(v, jax.Array) for v in leaves)


@functools.cache
def _takes(cls) -> frozenset[str]:
    return frozenset(inspect.signature(cls.__call__).parameters)


class Foreign:
    """What is assumed of a module from elsewhere, which declares nothing."""

    slow_in_loops = True
    along_time = None

    def __init__(self, module):
        self.module = module

    def draws(self) -> bool:
        return True

    def has_phases(self) -> bool:
        kind: Any = type(self.module)
        return "training" in _takes(kind)


def declared(module) -> Module | Foreign:
    """What answers for a module: itself, if it is one of `kjax.nn`."""
    return module if isinstance(module, Module) else Foreign(module)


def _rowwise(tensors, args, kwargs):
    rule = kwargs["rowwise"]
    return rule(tensors) if callable(rule) else rule


def _phase(args, kwargs):
    if kwargs.get("training") is None:
        return When.TRAINING if declared(args[0]).has_phases() else When.NEVER
    return When.ALWAYS if kwargs["training"] else When.NEVER


def _padded(ctx, module, variables, inputs, kwargs, training=None, rowwise=True, dtype=None):
    """`run_module` on Padded inputs."""

    def run(module, inputs, kwargs):
        return _apply(ctx, module, variables, inputs, kwargs, training, rowwise, dtype)

    return run_padded(run, module, declared(module).along_time, inputs, kwargs)


def _cast(tree, dtype):
    """The floating-point arrays of a tree in another type."""
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(jnp.result_type(x), jnp.floating) else x, tree)


def _apply(ctx, module, variables, inputs, kwargs, training=None, rowwise=True, dtype=None):
    """Applies a Flax module.

    Args:
        module: an unbound linen module (static).
        variables: {'params': {...}, 'batch_stats': {...}, ...}.
        inputs, kwargs: positional and keyword arguments of the module.
        training: None for the phase of the evaluation, or a bool.
        rowwise: whether rows of the batch are independent of one another, given the context's row mask.
        dtype: what to compute in; None: what inputs and variables have. Modules with batch statistics keep their
            variables as they are.

    Returns:
        (outputs, batch statistics after the call).
    """
    takes = _takes(type(module))
    phase = ctx.training if training is None else bool(training)
    kwargs = dict(kwargs)
    if dtype is not None:
        inputs, kwargs = (
            _cast(list(inputs), dtype),
            {k: _cast(v, dtype) if _holds_arrays(v) else v for k, v in kwargs.items()},
        )
        if not variables.get("batch_stats"):
            variables = _cast(variables, dtype)
    if "training" in takes:
        kwargs["training"] = phase
    if "rows" in takes:
        kwargs["rows"] = ctx.rows_of(inputs[0])
    rngs = {"dropout": ctx.next_key()} if phase and ctx.key is not None else None
    stats = variables.get("batch_stats", {})
    if stats and phase:
        outputs, changed = module.apply(variables, *inputs, rngs=rngs, mutable=["batch_stats"], **kwargs)
        return outputs, changed["batch_stats"]
    return module.apply(variables, *inputs, rngs=rngs, **kwargs), stats


run_module = op(
    _apply,
    name="module",
    context=True,
    rowwise=_rowwise,
    draws=lambda args, kwargs: declared(args[0]).draws(),
    phase=_phase,
    slow_in_loops=lambda args, kwargs: declared(args[0]).slow_in_loops,
    precision=lambda args, kwargs: kwargs.get("dtype"),
    padded=_padded,
)


def is_module_output(x) -> bool:
    """Whether x is a symbolic result of a module."""
    return isinstance(x, KerasTensor) and x.op is not None and x.op.operation is run_module.operation

"""Running Flax modules inside the graph with a layer's variables bound to their parameters."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from kjax.graph import op
from kjax.nn.module import Module

__all__ = ["knows_phase", "run_module"]


def _holds_arrays(x) -> bool:
    leaves = jax.tree.leaves(x)
    return bool(leaves) and all(isinstance(v, jax.Array) for v in leaves)


@functools.cache
def _takes(cls) -> frozenset[str]:
    return frozenset(inspect.signature(cls.__call__).parameters)


def knows_phase(module) -> bool:
    """Whether a module computes something else in training than in the test phase."""
    kind: Any = type(module)
    rates = [getattr(module, n) for n in ("rate", "dropout", "recurrent_dropout") if hasattr(module, n)]
    return "training" in _takes(kind) and (not rates or any(rates))


def _draws(template) -> bool:
    """Whether an application of a module may draw random numbers; of modules from elsewhere one cannot tell."""
    return _is_random(template[0][0])


def _is_random(module) -> bool:
    if not type(module).__module__.startswith("kjax.nn."):
        return True
    rates = [getattr(module, n) for n in ("rate", "dropout", "recurrent_dropout", "stddev") if hasattr(module, n)]
    return any(rates) or any(_is_random(v) for v in vars(module).values() if isinstance(v, nn.Module))


def _rowwise(tensors, args, kwargs):
    rule = kwargs["rowwise"]
    return rule(tensors) if callable(rule) else rule


def _cast(tree, dtype):
    """The floating-point arrays of a tree in another type."""
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(jnp.result_type(x), jnp.floating) else x, tree)


def _slow_in_loops(args, kwargs):
    """Of modules from elsewhere one cannot tell."""
    module = args[0]
    return module.slow_in_loops if isinstance(module, Module) else True


@op(name="module", context=True, rowwise=_rowwise, slow_in_loops=_slow_in_loops)
def run_module(ctx, module, variables, inputs, kwargs, training=None, rowwise=True, dtype=None):
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


run_module.operation.draws = _draws

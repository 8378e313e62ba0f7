"""Running Flax modules inside the graph with a layer's variables bound to their parameters."""

from __future__ import annotations

import functools
import inspect

import jax
import jax.numpy as jnp

from kjax.graph import op

__all__ = ["run_module"]


def _holds_arrays(x) -> bool:
    leaves = jax.tree.leaves(x)
    return bool(leaves) and all(isinstance(v, jax.Array) for v in leaves)


@functools.cache
def _takes(cls) -> frozenset[str]:
    return frozenset(inspect.signature(cls.__call__).parameters)


def _rowwise(tensors, args, kwargs):
    rule = kwargs["rowwise"]
    return rule(tensors) if callable(rule) else rule


def _cast(tree, dtype):
    """The floating-point arrays of a tree in another type."""
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(jnp.result_type(x), jnp.floating) else x, tree)


@op(name="module", context=True, rowwise=_rowwise)
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
        kwargs["rows"] = ctx.rows
    rngs = {"dropout": ctx.next_key()} if phase and ctx.key is not None else None
    stats = variables.get("batch_stats", {})
    if stats and phase:
        outputs, changed = module.apply(variables, *inputs, rngs=rngs, mutable=["batch_stats"], **kwargs)
        return outputs, changed["batch_stats"]
    return module.apply(variables, *inputs, rngs=rngs, **kwargs), stats

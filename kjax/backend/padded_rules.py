"""What backend functions compute where an axis of their arguments was filled up: the same as without the filling."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kjax.backend import control_flow, linear_algebra, nn_ops, reductions
from kjax.backend.operation import axes_of
from kjax.graph.padded import Padded, Unpaddable, mean_over, padded_rule, propagate, without

__all__ = ["lowest"]


def lowest(dtype):
    """What no maximum picks."""
    if np.dtype(dtype).kind == "b":
        return False
    return -np.inf if jnp.issubdtype(dtype, jnp.inexact) else np.iinfo(dtype).min


def highest(dtype):
    """What no minimum picks."""
    if np.dtype(dtype).kind == "b":
        return True
    return np.inf if jnp.issubdtype(dtype, jnp.inexact) else np.iinfo(dtype).max


def _reducing(operation, reduce, fill):
    """Registers a reduction that an element `fill` leaves as it is."""

    @padded_rule(operation)
    def rule(x, axis=None, keepdims=False):
        axes = axes_of(axis, x.ndim, operation.__name__)
        result = reduce(x.filled(fill(x.dtype), axes), axis=axes, keepdims=keepdims)
        return x.like(result, _left(x, axes, keepdims))


def _left(x, axes, keepdims):
    return {a: t for a, t in x.tags.items() if a not in axes} if keepdims else without(x.tags, axes)


_reducing(reductions.sum, jnp.sum, lambda dtype: 0)
_reducing(reductions.prod, jnp.prod, lambda dtype: 1)
_reducing(reductions.max, jnp.max, lowest)
_reducing(reductions.min, jnp.min, highest)
_reducing(reductions.any, jnp.any, lambda dtype: 0)
_reducing(reductions.all, jnp.all, lambda dtype: 1)


@padded_rule(reductions._mean)
def _mean(x, axis, keepdims, dtype):
    axes = axes_of(axis, x.ndim, "mean")
    result = mean_over(x.like(x.value.astype(dtype)) if x.dtype == bool else x, axes)
    value = result.value if isinstance(result, Padded) else result
    return x.like(jnp.expand_dims(value, axes) if keepdims else value, _left(x, axes, keepdims))


@padded_rule(nn_ops.softmax)
def softmax(x, axis=-1):
    (axis,) = axes_of(axis, x.ndim, "softmax")
    return x.like(jax.nn.softmax(x.filled(lowest(x.dtype), (axis,)), axis))


@padded_rule(linear_algebra._batch_dot)
def _batch_dot(x, y, axes):
    zeroed = [v.like(v.filled(0)) if isinstance(v, Padded) else v for v in (x, y)]
    return propagate(lambda a, b: linear_algebra._batch_dot.operation.fn(a, b, axes), zeroed, contract=True)


@padded_rule(control_flow._rnn)
def _rnn(ctx, body, inputs, states, mask, go_backwards, unroll):
    sequence = isinstance(inputs, Padded) and set(inputs.tags) == {1}
    if unroll or not sequence or any(isinstance(v, Padded) for v in states):
        raise Unpaddable("rnn")
    tag = inputs.tag(1)
    real = inputs.valid(1).reshape(-1)
    mask = mask.value if isinstance(mask, Padded) else mask

    def step(*values, context):
        results = body(*values, context=context)
        if any(isinstance(r, Padded) for r in results):
            raise Unpaddable("rnn")
        return results

    outputs, last, *states = control_flow.scan_steps(ctx, step, inputs.value, states, mask, go_backwards, unroll, real)
    if tag.end != go_backwards:  # the filling came last
        last = outputs[:, inputs.length(1) - 1]
    return [inputs.like(outputs, {1: tag._replace(end=tag.end != go_backwards)}), last, *states]

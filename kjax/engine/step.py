"""The pure steps: train, test and predict as jitted functions of a state and a batch."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from kjax.graph import Context, Program
from kjax.graph.padded import Padded, Tag
from kjax.loss_scale import LossScale, all_finite
from kjax.nn.conv_cpu import compiler_options

__all__ = ["Spec", "State", "traces", "train_chunk", "train_step", "forward_step"]


class Spec(NamedTuple):
    """Everything static about a step; equal for models of equal architecture, which thus share compiled programs.

    Attributes:
        program: computes `logs` scalars (the loss first), then `outputs` tensors, then the new values of variables.
        params: how many of the program's variables are trained; they come first.
        updated: how many of the next variables the step replaces; the rest is only read.
        logs, outputs: how many results are scalars to report, and arrays to return.
        targets: for each new value, the index of the variable it is for (params first, then updated).
        weights: how many of the inputs, at the end, are sample weights.
        weight_ranks: the ranks of these weights.
        rule: hashable function of the rates that gives the Optax transformation; None when no gradient is taken.
        slots: tree structure of the optimizer's state.
        constraints: None, or the program that maps the params numbered `constrained` to their allowed values.
        loss_scale: LossScale for layers that compute in float16, whose state stands behind the slots; or None.
        groups: for batches whose axis 1 was filled up, the group of equal lengths each input belongs to, or None.
    """

    program: Program
    params: int
    updated: int
    logs: int
    outputs: int
    targets: tuple[int, ...]
    weights: int = 0
    weight_ranks: tuple[int, ...] = ()
    rule: Any = None
    slots: Any = None
    constraints: Program | None = None
    constrained: tuple[int, ...] = ()
    loss_scale: LossScale | None = None
    groups: tuple[int | None, ...] = ()


class State(NamedTuple):
    """What a step replaces; its buffers are donated."""

    params: list
    updated: list
    slots: list


class _Traces:
    """How often a step was traced, which is how often one was compiled."""

    count = 0


traces = _Traces()


def _inputs(spec, batch, rows):
    """The program's inputs: missing sample weights are ones, or the row mask; padding rows weigh nothing."""
    data, weights, *lengths = batch
    size = data[0].shape[0] if data else 1  # nothing is fed: ones for all rows alike
    full = []
    for rank, w in zip(spec.weight_ranks, weights, strict=True):
        if w is None:
            like = data[len(data) - spec.weights + len(full)] if rank > 1 and data else None
            w = jnp.ones((size,) * rank if like is None else like.shape[:rank], jnp.float32)
        if rows is not None:
            w = w * rows.reshape((-1,) + (1,) * (rank - 1))
        full.append(w)
    inputs = [*data, *full]
    if not lengths:
        return inputs
    return [
        x if group is None else Padded(x, {1: Tag((group,), x.shape[1])}, lengths[0])
        for x, group in zip(inputs, spec.groups, strict=True)
    ]


def evaluated(spec, batch, rows, variables, constants, context) -> list:
    """The program's results; of those that were filled up, the arrays with their filling."""
    results = spec.program(_inputs(spec, batch, rows), variables, constants, context)
    return [r.value if isinstance(r, Padded) else r for r in results]


def padded_results(spec, batch, rows, variables, constants, context) -> dict:
    """Which results have filling: {index: {axis: Tag}}; to be traced, not to be run."""
    results = spec.program(_inputs(spec, batch, rows), variables, constants, context)
    return {i: r.tags for i, r in enumerate(results) if isinstance(r, Padded)}


def _new_values(spec, results, old):
    """The variables' values after the program's updates; several changes of one variable add up."""
    values = list(old)
    seen: set[int] = set()
    for target, new in zip(spec.targets, results, strict=True):
        new = jnp.asarray(new).astype(old[target].dtype).reshape(old[target].shape)
        values[target] = values[target] + (new - old[target]) if target in seen else new
        seen.add(target)
    return values


def _scalars(results) -> list:
    """Figures to report, in single precision; in double where JAX's 64-bit mode is on."""
    return [jnp.mean(jnp.asarray(r).astype(jax.dtypes.canonicalize_dtype("float64"))) for r in results]


def _apply_gradients(spec, grads, params, slots, rates, constants):
    state = jax.tree.unflatten(spec.slots, slots)
    changes, state = spec.rule(**rates).update(grads, state, params)
    params = optax.apply_updates(params, changes)
    if spec.constraints is not None:
        kept = spec.constraints([params[i] for i in spec.constrained], (), constants, Context(True))
        params = list(params)
        for i, value in zip(spec.constrained, kept, strict=True):
            params[i] = value
    return params, jax.tree.leaves(state)


def _train(spec, state, fixed, constants, rates, batch, rows, key):
    """One training step: (state, logs)."""
    program_constants, constraint_constants = constants

    def loss_of(params):
        variables = [*params, *state.updated, *fixed]
        results = evaluated(spec, batch, rows, variables, program_constants, Context(True, key, rows))
        loss = jnp.sum(results[0])
        return loss if scale is None else loss * scale.astype(loss.dtype), results

    params, slots = list(state.params), list(state.slots)
    scale = finite_steps = None
    if spec.loss_scale is not None:
        *slots, scale, finite_steps = slots
    if spec.rule is None:
        _, results = loss_of(params)
    else:
        (_, results), grads = jax.value_and_grad(loss_of, has_aux=True)(params)
        if scale is not None:
            grads = jax.tree.map(lambda g: g / scale.astype(g.dtype), grads)
        changed, changed_slots = _apply_gradients(spec, grads, params, slots, rates, constraint_constants)
        if spec.loss_scale is not None:  # gradients that overflowed change nothing
            finite = all_finite(grads)
            keep = functools.partial(jnp.where, finite)
            changed = jax.tree.map(keep, list(changed), params)
            changed_slots = [
                *jax.tree.map(keep, list(changed_slots), slots),
                *spec.loss_scale.next_state(scale, finite_steps, finite),
            ]
        params, slots = changed, changed_slots
    values = _new_values(spec, results[spec.logs + spec.outputs :], [*params, *state.updated])
    logs = jnp.stack(_scalars(results[: spec.logs]))
    return State(values[: spec.params], values[spec.params :], slots), logs


def _compiled(step, spec, donate):
    """The step as one compiled program; where sizes depend on data, operation by operation."""
    if not spec.program.counted:
        return jax.jit(step, donate_argnums=(0,) if donate else (), compiler_options=compiler_options())

    def run(*args):
        before = traces.count
        # NumPy arrays among the values of an operation are sizes
        args = jax.tree.map(lambda a: jnp.asarray(a) if isinstance(a, np.ndarray) else a, args)
        with jax.disable_jit():
            result = step(*args)
        traces.count = before
        return result

    return run


@functools.lru_cache(maxsize=256)
def train_step(spec, donate=True):
    """The compiled training step of a spec; equal specs share it. `donate`: whether the state's buffers are given away.

    Returns:
        function (state, fixed, constants, rates, batch, rows, key, count) -> (new state, logs (n,)).
    """

    def step(state, fixed, constants, rates, batch, rows, key, count):
        traces.count += 1
        key = None if key is None else jax.random.fold_in(key, count)
        return _train(spec, state, fixed, constants, rates, batch, rows, key)

    return _compiled(step, spec, donate)


@functools.lru_cache(maxsize=256)
def train_chunk(spec, donate=True):
    """The compiled loop over steps `start` to `stop` on batches stacked along a leading axis, one dispatch.

    Returns:
        function (state, logs (steps, n), fixed, constants, rates, batches, rows, key, count, start, stop) -> (new
        state, logs with the rows of these steps written). Every array of `batches` = (data, weights) is
        (steps, batch, ...), a weight may be None; `rows` is None or (steps, batch).
    """

    def chunk(state, logs, fixed, constants, rates, batches, rows, key, count, start, stop):
        traces.count += 1

        def body(i, carry):
            state, logs = carry
            batch = jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, i, keepdims=False), batches)
            mask = None if rows is None else rows[i]
            step_key = None if key is None else jax.random.fold_in(key, count + i.astype(jnp.uint32))
            state, new = _train(spec, state, fixed, constants, rates, batch, mask, step_key)
            return state, jax.lax.dynamic_update_index_in_dim(logs, new, i, 0)

        return jax.lax.fori_loop(start, stop, body, (state, logs))

    return _compiled(chunk, spec, donate)


@functools.lru_cache(maxsize=256)
def forward_step(spec, training=False, donate=True):
    """The compiled step without gradient (test, predict) of a spec; equal specs share it.

    Returns:
        function (updated, fixed, constants, batch, rows, key, count) -> (new values of the updated variables, logs,
        outputs).
    """

    def step(updated, fixed, constants, batch, rows, key, count):
        traces.count += 1
        key = None if key is None else jax.random.fold_in(key, count)
        results = evaluated(spec, batch, rows, [*updated, *fixed], constants, Context(training, key, rows))
        values = _new_values(spec, results[spec.logs + spec.outputs :], list(updated))
        logs = _scalars(results[: spec.logs])
        return values, jnp.stack(logs) if logs else None, results[spec.logs : spec.logs + spec.outputs]

    return _compiled(step, spec, donate)

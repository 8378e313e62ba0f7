"""Loops over time steps and elements: `rnn`, `map_fn`, `foldl`, `foldr`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from kjax.backend.config import dtype_name
from kjax.backend.operation import as_array, at_once, tensor_op
from kjax.graph import Context, KerasTensor, SubGraph, Variable, build_program, resolving
from kjax.graph.context import current_resolver
from kjax.graph.padded import Padded, Unpaddable
from kjax.graph.tensor import Op

__all__ = ["foldl", "foldr", "map_fn", "rnn"]

# -------------------------------------------------- the body of a loop


class _Direct:
    """The body of a loop inside of a running evaluation: the user's function, on the arrays themselves."""

    def __init__(self, function):
        self.function = function
        self.resolve = current_resolver()

    def __call__(self, *inputs, context):
        def resolve(variable):
            return self.resolve(variable)

        resolve.context = context
        with resolving(resolve):
            return [as_array(t) for t in jax.tree.leaves(self.function(*inputs))]


def _record(function, stand_ins):
    """The user's function, called once on symbolic stand-ins: (body, results, their structure)."""
    since = next(Op._serial)
    results = function(*stand_ins)
    leaves, structure = jax.tree.flatten(results)
    leaves = [t if isinstance(t, (KerasTensor, Variable)) else as_array(t) for t in leaves]
    body = SubGraph(stand_ins, leaves, since) if current_resolver() is None else _Direct(function)
    return body, leaves, structure


def _stand_in(x, drop=None):
    """A placeholder like x, without axis `drop`."""
    shape = [d for i, d in enumerate(x.shape) if i != drop]
    return KerasTensor(shape, str(x.dtype))


def _tensors(x):
    return jax.tree.map(lambda t: t if isinstance(t, (KerasTensor, Variable)) else as_array(t), x)


def _row_context(ctx, step):
    """The surroundings of one element: the batch axis, and so the mask of its rows, is gone."""
    folded = ctx.folded(step)
    return Context(folded.training, folded.key, None, folded.seeded)


# -------------------------------------------------- recurrence


def _rnn_rowwise(tensors, args, kwargs):
    body = args[0].graph
    if any(getattr(t, "static", None) is not None or not t.shape for t in tensors):
        return False
    known = {id(t) for t in tensors}
    captured = [c for c in body.captures if id(c) in known]
    return build_program([*body.inputs, *captured], body.outputs)[0].rowwise


def _rnn_padded(ctx, body, inputs, states, mask, go_backwards, unroll):
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

    outputs, last, *states = scan_steps(ctx, step, inputs.value, states, mask, go_backwards, unroll, real)
    if tag.end != go_backwards:  # the filling came last
        last = outputs[:, inputs.length(1) - 1]
    return [inputs.like(outputs, {1: tag._replace(end=tag.end != go_backwards)}), last, *states]


@tensor_op(name="rnn", context=True, always=True, rowwise=_rnn_rowwise, padded=_rnn_padded)
def _rnn(ctx, body, inputs, states, mask, go_backwards, unroll):
    """Scans over axis 1 of `inputs`; returns [outputs, last output, states...]."""
    return scan_steps(ctx, body, inputs, states, mask, go_backwards, unroll)


def scan_steps(ctx, body, inputs, states, mask, go_backwards, unroll, real=None):
    """The loop of `rnn`; `real` (time,): False for the steps that only fill up, which leave the states as they are."""
    steps = jnp.moveaxis(as_array(inputs), 1, 0)
    states = [as_array(s) for s in states]
    masks = None
    if mask is not None:
        mask = as_array(mask)
        masks = jnp.moveaxis(mask.reshape(mask.shape[:2]) != 0, 1, 0)
    if go_backwards:
        steps, masks, real = (None if v is None else jnp.flip(v, 0) for v in (steps, masks, real))

    def keep(valid, new, old):
        return jnp.where(valid.reshape(valid.shape + (1,) * (new.ndim - 1)), new, old)

    def step(carry, x):
        old, previous = carry
        t, x, valid, counts = x
        output, *new = body(x, *old, context=ctx.folded(t))
        new = [n.astype(o.dtype) for n, o in zip(new, old, strict=True)]
        if valid is not None:
            output = keep(valid, output, previous if unroll else old[0])
            new = [keep(valid, n, o) for n, o in zip(new, old, strict=True)]
        if counts is not None:
            new = [jnp.where(counts, n, o) for n, o in zip(new, old, strict=True)]
        return (new, output if unroll and masks is not None else None), output

    first = None
    if unroll and masks is not None:
        out = jax.eval_shape(lambda: body(steps[0], *states, context=ctx.folded(0))[0])
        first = jnp.zeros(out.shape, out.dtype)
    numbers = jnp.arange(steps.shape[0])
    (states, _), outputs = lax.scan(
        step, (states, first), (numbers, steps, masks, real), unroll=steps.shape[0] if unroll else 1
    )
    return [jnp.moveaxis(outputs, 0, 1), outputs[-1], *states]


def rnn(
    step_function,
    inputs,
    initial_states,
    go_backwards=False,
    mask=None,
    constants=None,
    unroll=False,
    input_length=None,
):
    """Runs a step over the time axis.

    Args:
        step_function: f(x_t, states + constants) -> (output, new states), with x_t (batch, ...) and a list of states of
            unchanged shapes. It is called once, on symbolic tensors.
        inputs: (batch, time, ...).
        initial_states: list of tensors (batch, ...).
        go_backwards: whether the last time step comes first (the outputs are in that order then).
        mask: (batch, time) or (batch, time, 1), 0 where a step is to be skipped: it leaves the states and repeats the
            first state as its output (`unroll`: the output before it, zeros at the start).
        constants: list of tensors passed to every step.
        unroll: whether the loop is written out; `time` must be known.
        input_length: ignored.

    Returns:
        (last output, outputs (batch, time, ...), list of last states).
    """
    inputs = _tensors(inputs)
    states = [_tensors(s) for s in initial_states]
    constants = list(constants or [])
    if len(inputs.shape) < 3:
        raise ValueError(f"rnn: inputs must have rank 3 or more, (batch, time, ...); got shape {tuple(inputs.shape)}.")
    if unroll and inputs.shape[1] is None:
        raise ValueError(
            f"rnn: unroll=True requires a known number of time steps; got inputs of {tuple(inputs.shape)}."
        )
    if mask is not None:
        mask = _tensors(mask)
        if not 2 <= len(mask.shape) <= 3 or (len(mask.shape) == 3 and mask.shape[2] != 1):
            raise ValueError(f"rnn: mask must have shape (batch, time) or (batch, time, 1); got {tuple(mask.shape)}.")
        if not states and not unroll:
            raise ValueError(
                "rnn: with a mask, initial_states must hold the state that a skipped step outputs; got none."
            )

    def step(x, *states):
        output, new = step_function(x, list(states) + constants)
        new = list(new)
        if len(new) != len(states):
            raise ValueError(
                f"rnn: step_function must return as many states as initial_states, {len(states)}; got {len(new)}."
            )
        return [output, *new]

    body, (output, *new), _ = _record(step, [_stand_in(inputs, 1), *[_stand_in(s) for s in states]])
    for i, (n, s) in enumerate(zip(new, states, strict=True)):
        _check_same(n, s, f"state {i} returned by step_function", f"initial_states[{i}]")
    if mask is not None and not unroll:
        _check_same(output, states[0], "with a mask, the output of step_function", "the first state")
    arguments = (body, inputs, states, mask, bool(go_backwards), bool(unroll))
    outputs, last, *states = at_once(_rnn(*arguments), arguments)
    if getattr(output, "_uses_learning_phase", False):
        for t in (outputs, last):
            if isinstance(t, KerasTensor):
                t._uses_learning_phase = True
    return last, outputs, states


def _check_same(a, b, what, other):
    fits = len(a.shape) == len(b.shape) and all(
        m is None or n is None or m == n for m, n in zip(a.shape, b.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"rnn: {what} must have the shape of {other}, {tuple(b.shape)}; got {tuple(a.shape)}.")


# -------------------------------------------------- over the elements of axis 0


def _only_elements(tensors, args, kwargs):
    """Rowwise rule of `map_fn`: nothing but the elements depends on the batch."""
    elements = {id(t) for t in args[1]}
    return all(id(t) in elements and getattr(t, "static", None) is None for t in tensors)


@tensor_op(name="map_fn", context=True, always=True, rowwise=_only_elements)
def _map(ctx, body, elements, together):
    elements = [as_array(e) for e in elements]
    if together:
        return jax.vmap(lambda *x: body(*x, context=_row_context(ctx, 0)))(*elements)
    numbers = jnp.arange(elements[0].shape[0])
    return lax.map(lambda x: body(*x[1:], context=_row_context(ctx, x[0])), (numbers, *elements))


def map_fn(fn, elems, name=None, dtype=None):
    """fn of each element along axis 0, stacked.

    Args:
        fn: function of one element (or of a list or tuple of them, as `elems`); called once, on symbolic tensors.
        elems: tensor, or list or tuple of tensors of equal length.
        name: ignored.
        dtype: str, or list of them: the type of the results; default: whatever `fn` gives.
    """
    elements, structure = jax.tree.flatten(_tensors(elems))
    stand_ins = [_stand_in(e, 0) for e in elements]
    body, leaves, result = _record(lambda *x: fn(jax.tree.unflatten(structure, x)), stand_ins)
    together = False
    if isinstance(body, SubGraph):
        program = build_program([*body.inputs, *body.captures], body.outputs)[0]
        together = not (program.random or program.counted)
    found = at_once(_map(body, elements, together), (body, elements))
    if dtype is not None:
        types = jax.tree.leaves(dtype)
        found = [_cast(t, d) for t, d in zip(found, types * len(found) if len(types) == 1 else types, strict=True)]
    return jax.tree.unflatten(result, found)


@tensor_op(name="cast", rowwise=True)
def _cast(x, dtype):
    return x.astype(dtype_name(dtype, "map_fn"))


@tensor_op(name="fold", context=True, always=True)
def _fold(ctx, body, elements, initial, reverse):
    elements = [as_array(e) for e in elements]
    if initial is None:
        # the first element (from the right: the last one) starts the sum
        initial = [e[-1] if reverse else e[0] for e in elements]
        elements = [e[:-1] if reverse else e[1:] for e in elements]
    initial = [as_array(a) for a in initial]

    def step(carry, x):
        t, *x = x
        new = body(*carry, *x, context=_row_context(ctx, t))
        return [n.astype(o.dtype) for n, o in zip(new, carry, strict=True)], None

    numbers = jnp.arange(elements[0].shape[0])
    return lax.scan(step, initial, (numbers, *elements), reverse=reverse)[0]


def _folded(fn, elems, initializer, reverse):
    elements, structure = jax.tree.flatten(_tensors(elems))
    stand_ins = [_stand_in(e, 0) for e in elements]
    if initializer is None:
        initial, kept, accumulators = None, structure, [_stand_in(e, 0) for e in elements]
    else:
        initial, kept = jax.tree.flatten(_tensors(initializer))
        accumulators = [_stand_in(a) for a in initial]
    n = len(accumulators)

    def step(*x):
        return fn(jax.tree.unflatten(kept, x[:n]), jax.tree.unflatten(structure, x[n:]))

    body, leaves, result = _record(step, [*accumulators, *stand_ins])
    where = "foldr" if reverse else "foldl"
    if len(leaves) != n:
        raise ValueError(f"{where}: fn must return as many tensors as the accumulator has, {n}; got {len(leaves)}.")
    for new, old in zip(leaves, accumulators, strict=True):
        if tuple(new.shape) != tuple(old.shape):
            raise ValueError(
                f"{where}: fn must keep the shape of the accumulator, {tuple(old.shape)}; got {tuple(new.shape)}."
            )
    arguments = (body, elements, initial, reverse)
    return jax.tree.unflatten(result, at_once(_fold(*arguments), arguments))


def foldl(fn, elems, initializer=None, name=None):
    """fn(... fn(fn(initializer, x[0]), x[1]) ..., x[n - 1]).

    Args:
        fn: function (accumulated, element) -> accumulated, of unchanged shape; called once, on symbolic tensors.
        elems: tensor (or list or tuple of them) whose elements along axis 0 are gone through.
        initializer: tensor; default: the first element.
        name: ignored.
    """
    return _folded(fn, elems, initializer, reverse=False)


def foldr(fn, elems, initializer=None, name=None):
    """fn(... fn(fn(initializer, x[n - 1]), x[n - 2]) ..., x[0]); as `foldl`, initializer: the last element."""
    return _folded(fn, elems, initializer, reverse=True)

"""Loops, under TensorFlow's names: `while_loop`, `scan`, `map_fn`, `foldl`, `foldr`, `TensorArray`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kjax import backend as K
from kjax.backend.control_flow import _record, _row_context, _stand_in
from kjax.backend.operation import as_array, tensor_op
from kjax.compat.tensorflow.tensors import get_static_value, held, kind_of, tf_function, value_of
from kjax.graph import KerasTensor, SubGraph, Variable
from kjax.graph.context import unknown_size

_MOST_TURNS = 100_000  # a loop over numbers that are known is counted beforehand up to here

# -------------------------------------------------- arrays of tensors


class TensorArray:
    """A list of tensors of one shape that loops write into.

    Args:
        dtype: type of the elements.
        size: how many there are; must be known.
        dynamic_size: whether writing beyond the end makes it longer (outside of loops).
        element_shape: shape of each, if known before the first is written.
    """

    def __init__(
        self,
        dtype,
        size=None,
        dynamic_size=None,
        clear_after_read=None,
        tensor_array_name=None,
        handle=None,
        flow=None,
        infer_shape=True,
        element_shape=None,
        colocate_with_first_write_call=True,
        name=None,
    ):
        self.dtype = kind_of(dtype)
        known = get_static_value(size) if size is not None else np.asarray(0)
        self._size = size if known is None else int(known)
        self._dynamic = bool(dynamic_size)
        self._all = None  # (size, ...): a symbolic tensor
        self._element = None  # what was written first, by this very call

    def _of(self, tensor):
        made = TensorArray(self.dtype, self._size, self._dynamic)
        made._all = tensor
        return made

    def write(self, index, value, name=None):
        """The array with `value` at `index`."""
        value = held(value_of(value, self.dtype))
        known = get_static_value(index)
        if self._dynamic and known is not None and isinstance(self._size, int) and int(known) >= self._size:
            return self._longer(int(known) + 1, value).write(index, value)
        first = self._all is None
        rows = _empty(value, 1 if self._size is None else self._size) if first else self._all
        made = self._of(_written(rows, value_of(index), value))
        made._element = value if first else None
        return made

    def _longer(self, size, value):
        more = _empty(value, size - self._size)
        made = self._of(more if self._all is None else K.concatenate([self._all, more], 0))
        made._size = size
        return made

    def read(self, index, name=None):
        """The element at `index`."""
        return _read(self._rows("read"), value_of(index))

    def stack(self, name=None):
        """All elements along a new first axis."""
        return self._rows("stack")

    def concat(self, name=None):
        """All elements one after the other along their first axis."""
        return _joined(self._rows("concat"))

    def gather(self, indices, name=None):
        """The elements at `indices` along a new first axis."""
        return K.gather(self._rows("gather"), value_of(indices))

    def unstack(self, value, name=None):
        """The array with the elements of a tensor along its first axis."""
        made = self._of(held(value_of(value, self.dtype)))
        made._size = made._all.shape[0] if made._all.shape[0] is not None else K.shape(made._all)[0]
        return made

    def split(self, value, lengths, name=None):
        """The array with parts of a tensor, of equal lengths."""
        known = get_static_value(lengths)
        if known is None or len(set(known.tolist())) != 1:
            raise ValueError("TensorArray.split: lengths must be known and equal.")
        value = held(value_of(value, self.dtype))
        return self.unstack(K.reshape(value, (len(known), int(known[0]), *value.shape[1:])))

    def scatter(self, indices, value, name=None):
        """The array with value[i] at indices[i]."""
        value, made = held(value_of(value, self.dtype)), self
        for i, index in enumerate(np.asarray(get_static_value(indices)).tolist()):
            made = made.write(index, value[i])
        return made

    def identity(self):
        """The array itself."""
        return self

    def close(self, name=None):
        """Nothing: memory is XLA's to free."""

    def size(self, name=None):
        """How many elements there are."""
        return held(np.asarray(self._size, np.int32)) if isinstance(self._size, int) else self._size

    @property
    def flow(self):
        return held(np.zeros((), np.float32))

    handle = flow

    def _rows(self, where):
        if self._all is None:
            raise ValueError(f"TensorArray.{where}: nothing has been written yet.")
        return self._all


@tensor_op(name="TensorArrayV3")
def _empty(value, size):
    value = as_array(value)
    return jnp.zeros((int(np.asarray(size)), *value.shape), value.dtype)


@tensor_op(name="TensorArrayWriteV3")
def _written(rows, index, value):
    return as_array(rows).at[index].set(value)


@tensor_op(name="TensorArrayReadV3")
def _read(rows, index):
    return as_array(rows)[index]


@tensor_op(name="TensorArrayConcatV3")
def _joined(rows):
    rows = as_array(rows)
    return rows.reshape(rows.shape[0] * rows.shape[1], *rows.shape[2:])


# -------------------------------------------------- while


def _flat(variables):
    return jax.tree.flatten(variables, is_leaf=lambda v: isinstance(v, TensorArray) or v is None)


def while_loop(
    cond,
    body,
    loop_vars,
    shape_invariants=None,
    parallel_iterations=10,
    back_prop=True,
    swap_memory=False,
    name=None,
    maximum_iterations=None,
    return_same_structure=False,
):
    """body(*loop_vars) again and again while cond(*loop_vars).

    Args:
        cond: function of the loop's variables -> bool scalar.
        body: function of them -> new ones, of unchanged shapes.
        loop_vars: list of tensors, TensorArrays, and nested lists of them.
        shape_invariants: accepted; the shapes must not change.
        maximum_iterations: int or None.
    Differs: gradients go through it where the number of turns follows from sizes and constants, or where
        `maximum_iterations` is given; otherwise forward only.
    """
    loop_vars = list(loop_vars) if isinstance(loop_vars, (list, tuple)) else [loop_vars]
    start, structure = _flat(loop_vars)
    empty = [i for i, v in enumerate(start) if isinstance(v, TensorArray) and v._all is None]
    stand_ins = [_placed(v) for v in start]
    elements = []
    if empty:
        # what an array holds is known after the body has written into it once
        inputs = [_content(s) for i, s in enumerate(stand_ins) if i not in empty]
        (_, *found), _ = _turn(cond, body, stand_ins, structure)
        for i, v in zip(empty, [found[i] for i in empty], strict=True):
            if v._element is None:
                raise ValueError("while_loop: body must write into each of the TensorArrays, or give them unchanged.")
            elements.append(v._element)
            stand_ins[i] = stand_ins[i]._of(KerasTensor((None, *v._element.shape), str(v._element.dtype)))
        elements = SubGraph(inputs, elements)
    places = [_content(s) for s in stand_ins]

    def turn(*values):
        given = [s._of(v) if isinstance(s, TensorArray) else v for s, v in zip(stand_ins, values, strict=True)]
        (go_on, *new), _ = _turn(cond, body, given, structure)
        return [go_on, *map(_content, new)]

    graph, (go_on, *new), _ = _record(turn, places)
    if not isinstance(graph, SubGraph):
        raise NotImplementedError("while_loop inside of a loop's body that is evaluated at once cannot be recorded.")
    _check_shapes(places, new)
    deciding = _deciding(go_on, new, places)
    counter = SubGraph([places[i] for i in deciding], [go_on, *(new[i] for i in deciding)], graph.since)
    values = [None if i in empty else held(_content(v)) for i, v in enumerate(start)]
    sizes = [(start[i]._size, start[i]._dynamic) for i in empty]
    results = _while(graph, counter, elements, values, sizes, tuple(deciding), maximum_iterations)
    made = [s._of(v) if isinstance(s, TensorArray) else v for s, v in zip(stand_ins, results, strict=True)]
    result = jax.tree.unflatten(structure, made)
    return result[0] if len(result) == 1 and not return_same_structure else result


def _turn(cond, body, values, structure):
    """[whether to go on, new values...] of one turn, flat, and their structure."""
    variables = jax.tree.unflatten(structure, values)
    go_on, new = cond(*variables), body(*variables)
    leaves, found = _flat(list(new) if isinstance(new, (list, tuple)) else [new])
    if len(leaves) != len(values):
        raise ValueError(f"while_loop: body must give as many variables as loop_vars has, {len(values)}.")
    return [go_on, *leaves], found


def _content(v):
    return v._all if isinstance(v, TensorArray) else value_of(v)


def _placed(v):
    """A stand-in for a variable of a loop: a placeholder, or a TensorArray of one (of nothing before it is written)."""
    if isinstance(v, TensorArray):
        return v if v._all is None else v._of(KerasTensor(v._all.shape, str(v._all.dtype)))
    v = value_of(v)
    return KerasTensor(v.shape, str(v.dtype))


def _check_shapes(old, new):
    for i, (a, b) in enumerate(zip(old, new, strict=True)):
        if len(a.shape) != len(b.shape):
            raise ValueError(
                f"while_loop: body must keep the shapes of loop_vars; variable {i} of shape {tuple(a.shape)} becomes "
                f"{tuple(b.shape)}."
            )


def _deciding(go_on, new, inputs):
    """The numbers of the variables that decide, over all turns, how often the body runs."""
    wanted: list[int] = []
    frontier = [go_on]
    while frontier:
        reached = _inputs_of(frontier, inputs)
        fresh = [i for i in reached if i not in wanted]
        wanted.extend(fresh)
        frontier = [new[i] for i in fresh]
    return sorted(wanted)


def _inputs_of(outputs, inputs):
    numbers = {id(t): i for i, t in enumerate(inputs)}
    seen, found, stack = set(), set(), list(outputs)
    while stack:
        t = stack.pop()
        if id(t) in seen:
            continue
        seen.add(id(t))
        if id(t) in numbers:
            found.add(numbers[id(t)])
        elif isinstance(t, KerasTensor) and t.op is not None:
            stack.extend(t.op.leaves)
    return sorted(found)


@tensor_op(name="while", context=True)
def _while(ctx, body, counter, elements, values, sizes, deciding, most):
    turns = _turns(ctx, counter, [values[i] for i in deciding], most)
    values = [None if v is None else as_array(v) for v in values]
    if sizes:
        known = [v for v in values if v is not None]
        shapes = iter(jax.eval_shape(lambda: elements(*known, context=ctx.folded(0))))
        sizes = iter(sizes)
        values = [_zeros(next(shapes), *next(sizes), turns) if v is None else v for v in values]

    def turn(t, values):
        go_on, *new = body(*values, context=ctx.folded(t))
        if unknown_size() is not None:
            return go_on, values  # shapes are being found out: they stay
        return go_on, [jnp.broadcast_to(n, v.shape).astype(v.dtype) for n, v in zip(new, values, strict=True)]

    if turns is not None:
        step = lambda carry, t: (turn(t, carry)[1], None)
        return lax.scan(step, values, jnp.arange(turns))[0]
    if most is not None:

        def bounded(carry, t):
            running, values = carry
            go_on, new = turn(t, values)
            running = running & (as_array(go_on).reshape(()) != 0)
            return (running, [jnp.where(running, n, v) for n, v in zip(new, values, strict=True)]), None

        return lax.scan(bounded, (jnp.asarray(True), values), jnp.arange(int(np.asarray(most))))[0][1]

    def goes_on(carry):
        return as_array(turn(*carry)[0]).reshape(()) != 0

    return lax.while_loop(goes_on, lambda carry: (carry[0] + 1, turn(*carry)[1]), (0, values))[1]


def _zeros(element, size, dynamic, turns):
    """What a TensorArray holds before it is written into."""
    size = int(np.asarray(0 if size is None else size))
    if dynamic and unknown_size() is not None:
        size = unknown_size()
    elif dynamic:
        if turns is None:
            raise NotImplementedError(
                "a TensorArray with dynamic_size=True in a while_loop needs a number of turns that follows from sizes "
                "and constants; give it a size."
            )
        size = max(size, turns)
    return jnp.zeros((size, *element.shape), element.dtype)


def _turns(ctx, counter, known, most):
    """How often the body runs, where that follows from what is known while compiling; else None."""
    if any(isinstance(v, jax.core.Tracer) for v in known):
        return None
    limit = _MOST_TURNS if most is None else int(np.asarray(most))
    values, n = known, 0
    try:
        with jax.ensure_compile_time_eval():
            while n < limit:
                go_on, *new = counter(*values, context=ctx.folded(n))
                if not bool(np.asarray(go_on)):
                    return n
                values, n = [np.asarray(v) for v in new], n + 1
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
        return None  # what the condition compares with is computed from data
    return n if most is not None else None


# -------------------------------------------------- over elements


@tensor_op(name="scan", context=True, always=True)
def _scan(ctx, body, elements, initial, reverse):
    elements = [as_array(e) for e in elements]
    first = initial is None
    if first:
        initial = [e[-1] if reverse else e[0] for e in elements]
        rest = [e[:-1] if reverse else e[1:] for e in elements]
    else:
        rest = elements
    initial = [as_array(a) for a in initial]

    def step(carry, x):
        t, *x = x
        new = body(*carry, *x, context=_row_context(ctx, t))
        new = [jnp.broadcast_to(n, o.shape).astype(o.dtype) for n, o in zip(new, carry, strict=True)]
        return new, new

    _, found = lax.scan(step, initial, (jnp.arange(rest[0].shape[0]), *rest), reverse=reverse)
    if first:
        parts = [[f, i[None]] if reverse else [i[None], f] for f, i in zip(found, initial, strict=True)]
        found = [jnp.concatenate(p, 0) for p in parts]
    return found


@tf_function
def scan(
    fn,
    elems,
    initializer=None,
    parallel_iterations=10,
    back_prop=True,
    swap_memory=False,
    infer_shape=True,
    reverse=False,
):
    """All of fn(initializer, x[0]), fn(that, x[1]), ..., along a new first axis.

    Args:
        fn: function (accumulated, element) -> accumulated, of unchanged shapes.
        elems: tensor, or nested lists of tensors, gone through along axis 0.
        initializer: tensor or nested lists; None: the first element, which is then the first result too.
        reverse: whether to begin with the last element.
    """
    elements, structure = jax.tree.flatten(jax.tree.map(lambda e: held(value_of(e)), elems))
    stand_ins = [_stand_in(e, 0) for e in elements]
    if initializer is None:
        initial, kept, accumulators = None, structure, [_stand_in(e, 0) for e in elements]
    else:
        initial, kept = jax.tree.flatten(jax.tree.map(lambda a: held(value_of(a)), initializer))
        accumulators = [_stand_in(a) for a in initial]
    n = len(accumulators)

    def step(*x):
        return fn(jax.tree.unflatten(kept, x[:n]), jax.tree.unflatten(structure, x[n:]))

    body, leaves, result = _record(step, [*accumulators, *stand_ins])
    if len(leaves) != n:
        raise ValueError(f"scan: fn must give as many tensors as the accumulator has, {n}; got {len(leaves)}.")
    return jax.tree.unflatten(kept if kept.num_leaves == n else result, _scan(body, elements, initial, bool(reverse)))


@tf_function
def map_fn(fn, elems, dtype=None, parallel_iterations=None, back_prop=True, swap_memory=False, infer_shape=True):
    """fn of each element along axis 0, along a new first axis."""
    types = None if dtype is None else jax.tree.map(kind_of, dtype)
    return K.map_fn(fn, _tensors(elems), dtype=types)


@tf_function
def foldl(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False):
    """fn(... fn(initializer, x[0]) ..., x[n - 1])."""
    return K.foldl(fn, _tensors(elems), None if initializer is None else _tensors(initializer))


@tf_function
def foldr(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False):
    """fn(... fn(initializer, x[n - 1]) ..., x[0])."""
    return K.foldr(fn, _tensors(elems), None if initializer is None else _tensors(initializer))


def _tensors(x):
    return jax.tree.map(lambda v: v if isinstance(v, (KerasTensor, Variable)) else held(value_of(v)), x)

"""Recording: calls of operations on symbolic tensors become nodes of a graph."""

from __future__ import annotations

import functools
import inspect
import re
from collections import OrderedDict
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from kjax.graph.context import Context, current_resolver, inferring
from kjax.graph.dtypes import DType
from kjax.graph.operation import Declared, Operation, When
from kjax.graph.random import key_of
from kjax.graph.shape import Dimension, TensorShape
from kjax.graph.tensor import KerasTensor, Op, StaticArray
from kjax.graph.variable import Variable

__all__ = ["Leaf", "SubGraph", "apply_operation", "fill", "op", "record", "symbolic_leaves"]

# Two trial sizes stand for every unknown dimension; a result's dimension that differs between them is unknown too. Both
# divide by 1..12, so that reshapes by small factors go through.
TRIALS = (55440, 110880)
_MAX_STATIC = 64  # integer arrays up to this size are part of the program, larger ones its inputs


class Leaf:
    """The place of tensor number `index` in an Op's template."""

    __slots__ = ("index",)

    def __init__(self, index):
        self.index = index

    def __hash__(self):
        return hash(("leaf", self.index))

    def __eq__(self, other):
        return isinstance(other, Leaf) and other.index == self.index


class SubGraph:
    """A piece of graph that an operation runs itself (loop bodies, functions to differentiate).

    Args:
        inputs: tensors whose values the operation supplies; everything that does not depend on them is captured.
        outputs: nested structure of tensors.
        since: serial number of an Op; random operations recorded after it are evaluated inside, too (a loop's body
            draws again in every turn).
    """

    __slots__ = ("captures", "inputs", "outputs", "since")

    def __init__(self, inputs, outputs, since=None):
        self.since = since
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.captures = _captures(self.inputs, self.outputs, since)


def _dependent(inputs, outputs, since):
    """Ids of the tensors between `inputs` and `outputs` that depend on an input."""
    wanted = {id(t) for t in inputs}
    state: dict[int, bool] = {}
    stack = [t for t in outputs if isinstance(t, KerasTensor)]
    while stack:
        t = stack[-1]
        if id(t) in state:
            stack.pop()
            continue
        if id(t) in wanted or t.op is None:
            state[id(t)] = id(t) in wanted
            stack.pop()
            continue
        leaves = [v for v in t.op.leaves if isinstance(v, KerasTensor)]
        todo = [v for v in leaves if id(v) not in state]
        if todo:
            stack.extend(todo)
            continue
        state[id(t)] = (
            any(state[id(v)] for v in leaves)
            or any(isinstance(v, Variable) and id(v) in wanted for v in t.op.leaves)
            or (since is not None and t.op.operation.context and t.op.serial > since)
        )
        stack.pop()
    return {i for i, dependent in state.items() if dependent}


def _captures(inputs, outputs, since):
    """The tensors and variables at the border: used inside, not depending on the inputs."""
    dependent = _dependent(inputs, outputs, since)
    given = {id(t) for t in inputs}
    border: OrderedDict[int, object] = OrderedDict()
    seen = set()
    stack = list(reversed(outputs))
    while stack:
        t = stack.pop()
        if id(t) in seen or id(t) in given:
            continue
        seen.add(id(t))
        if isinstance(t, KerasTensor) and id(t) in dependent:
            stack.extend(reversed(t.op.leaves))
        else:
            border[id(t)] = t
    return list(border.values())


# ---------------------------------------------------------------- templates


def _leaf_kind(x):
    if isinstance(x, (KerasTensor, Variable)):
        return "tensor"
    if isinstance(x, jax.Array):
        few = x.size <= _MAX_STATIC and x.dtype.kind in "iub" and not isinstance(x, jax.core.Tracer)
        return "static" if few else "array"
    if isinstance(x, np.ndarray):
        return "static" if x.dtype.kind in "iub" and x.size <= _MAX_STATIC else "array"
    return None


def pack(x, leaves):
    """The template of an argument; appends its tensors to `leaves`."""
    kind = _leaf_kind(x)
    if kind == "tensor":
        for i, known in enumerate(leaves):
            if known is x:
                return Leaf(i)
        leaves.append(x)
        return Leaf(len(leaves) - 1)
    if kind == "array":
        leaves.append(_as_floatx(x))
        return Leaf(len(leaves) - 1)
    if kind == "static":
        return StaticArray(x)
    if isinstance(x, TensorShape):
        return tuple(x.as_list())
    if isinstance(x, Dimension):
        return int(x)
    if isinstance(x, DType):
        return str(x)
    if isinstance(x, (list, tuple)):
        parts = [pack(v, leaves) for v in x]
        if hasattr(x, "_fields"):
            return type(x)(*parts)
        return type(x)(parts) if type(x) in (list, tuple) else parts
    if isinstance(x, dict):
        return {k: pack(v, leaves) for k, v in x.items()}
    if isinstance(x, SubGraph):
        return Body(x, tuple(pack(c, leaves).index for c in x.captures))
    return x


class Body:
    """A SubGraph in a template, with the leaf numbers of what it captures."""

    __slots__ = ("captures", "graph")

    def __init__(self, graph, captures):
        self.graph = graph
        self.captures = captures


def _as_floatx(x):
    """Arrays in double precision join the computation in the default float type."""
    if x.dtype == np.float64 and not jax.config.jax_enable_x64:
        return x.astype(np.float32)
    return x


def fill(template, values, body=None):
    """The arguments a template stands for, given the values of its leaves."""
    if isinstance(template, Leaf):
        return values[template.index]
    if isinstance(template, StaticArray):
        return template.array
    if isinstance(template, (list, tuple)):
        parts = [fill(v, values, body) for v in template]
        if hasattr(template, "_fields"):
            return type(template)(*parts)
        return type(template)(parts)
    if isinstance(template, dict):
        return {k: fill(v, values, body) for k, v in template.items()}
    if body is not None:
        made = body(template, values)
        if made is not None:
            return made
    return template


def symbolic_leaves(x, found=None):
    """The KerasTensors and Variables in nested lists, tuples and dicts."""
    found = [] if found is None else found
    if isinstance(x, (KerasTensor, Variable)):
        found.append(x)
    elif isinstance(x, (list, tuple)):
        for v in x:
            symbolic_leaves(v, found)
    elif isinstance(x, dict):
        for v in x.values():
            symbolic_leaves(v, found)
    elif isinstance(x, SubGraph):
        found.extend(x.captures)
    return found


class _ById:
    """A value without a usable hash: the same object or nothing."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return id(self.value)

    def __eq__(self, other):
        return isinstance(other, _ById) and self.value is other.value


def template_key(x):
    """A hashable image of a template that keeps 1, 1.0 and True apart."""
    if isinstance(x, (bool, int, float, complex)):
        return (type(x).__name__, repr(x))
    if isinstance(x, (list, tuple)):
        return (type(x).__name__, tuple(template_key(v) for v in x))
    if isinstance(x, dict):
        return ("dict", tuple(sorted((str(k), template_key(v)) for k, v in x.items())))
    if isinstance(x, slice):
        return ("slice", template_key(x.start), template_key(x.stop), template_key(x.step))
    if isinstance(x, np.generic):
        return ("numpy", str(x.dtype), repr(x.item()))
    try:
        hash(x)
    except TypeError:
        return _ById(x)
    return x


# ---------------------------------------------------------------- the decorator


def op(fn=None, **facts: Unpack[Declared]):
    """Makes a pure function on arrays recordable: on symbolic tensors it adds a node instead of computing.

    Args: those of :class:`kjax.graph.operation.Operation`, by name.
    """
    if fn is None:
        return functools.partial(op, **facts)
    operation = Operation(fn, **facts)

    def call(*args, **kwargs):
        return apply_operation(operation, args, kwargs)

    recorded: Any = functools.wraps(fn)(call)
    recorded.operation = operation
    if operation.context:
        signature = inspect.signature(fn)
        recorded.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])
    return recorded


def apply_operation(operation, args, kwargs):
    """Records the call where an argument is symbolic, computes it otherwise."""
    found = symbolic_leaves((args, kwargs))
    resolve = current_resolver()
    if resolve is None:
        if found or operation.always:
            return record(operation, args, kwargs)
        return operation.run(Context() if operation.context else None, args, kwargs)
    if any(isinstance(t, KerasTensor) for t in found):
        return record(operation, args, kwargs)
    context = resolve.context
    leaves: list = []
    template = pack((args, kwargs), leaves)
    values = [resolve(v) if isinstance(v, Variable) else v for v in leaves]
    args, kwargs = fill(template, values)
    return operation.run(context, args, kwargs)


def record(operation, args, kwargs):
    """Adds one Op to the graph; returns its symbolic outputs in the structure the function returns."""
    leaves: list = []
    template = pack((args, kwargs), leaves)
    node = Op(operation, template, leaves)
    try:
        structure, specs = _inferred(node)
    except (TypeError, ValueError) as error:
        if type(error) not in (TypeError, ValueError):  # JAX's own kinds say what else is wrong
            raise
        raise _explained(error, node) from error
    node.outputs = tuple(
        KerasTensor(shape, dtype, node, i, static=static) for i, (shape, dtype, static) in enumerate(specs)
    )
    node.structure = structure
    by_phase = operation.phase_of(*template) is When.TRAINING
    if by_phase or any(getattr(v, "_uses_learning_phase", False) for v in leaves):
        for t in node.outputs:
            t._uses_learning_phase = True
    return jax.tree.unflatten(structure, node.outputs)


# ---------------------------------------------------------------- shapes


_OF_SHAPES = re.compile(r"\b(shapes?|sizes?|dimensions?|broadcast\w*|ranks?)\b")
_OF_TRIALS = re.compile(r" \(size \d+\)|\b(" + "|".join(map(str, TRIALS)) + r")\b")


def _explained(error, node):
    """The error of an inference in terms of the symbolic tensors: None for unknown sizes, ValueError for shapes."""
    text, name = str(error), node.operation.name.strip("_")
    shown = _OF_TRIALS.sub(lambda found: "" if found[0].startswith(" ") else "None", text)
    if shown != text or not text.startswith(("Layer ", f"{name}:", f"{name} on")):
        shapes = ", ".join(str(tuple(v.shape)) for v in node.leaves)
        shown = f"{name} on tensors of shapes {shapes}: {shown}"
    kind = ValueError if isinstance(error, TypeError) and _OF_SHAPES.search(text) else type(error)
    return kind(shown)


_known_shapes: OrderedDict = OrderedDict()  # what `infer` found for equal calls: architectures repeat their layers
_MOST_KNOWN = 4096


def _inferred(node):
    """`infer`, remembered for calls of equal template on tensors of equal shapes."""
    if any(True for _ in _bodies(node.template)) or any(getattr(v, "static", None) is not None for v in node.leaves):
        return infer(node)
    shapes = tuple((tuple(v.shape), str(v.dtype), isinstance(v, KerasTensor)) for v in node.leaves)
    key = (node.operation, template_key(node.template), shapes, jax.config.jax_enable_x64)
    if key not in _known_shapes:
        _known_shapes[key] = infer(node)
        if len(_known_shapes) > _MOST_KNOWN:
            _known_shapes.popitem(last=False)
    return _known_shapes[key]


def infer(node):
    """The structure of the outputs and, for each, (shape, dtype, static values)."""
    unknown = _has_unknown_size(node.leaves) or any(_has_unknown(b) for b in _bodies(node.template))
    unknown = unknown or node.operation.counted
    try:
        first = _trial(node, 0)
        second = _trial(node, 1) if unknown else first
    except (TypeError, ValueError) as error:
        # Sizes that are unknown in one argument may be known in another: (batch, None) * (batch, 3).
        first, second = _trials_aligned(node, unknown, error)
    leaves1, structure = jax.tree.flatten(first)
    leaves2 = jax.tree.leaves(second)
    specs = []
    for a, b in zip(leaves1, leaves2, strict=True):
        if len(a.shape) != len(b.shape):
            raise ValueError(f"{node.operation.name}: the rank of the result depends on an unknown dimension.")
        shape = tuple(m if m == n else None for m, n in zip(a.shape, b.shape, strict=True))
        static = (a, b) if isinstance(a, np.ndarray) else None
        specs.append((shape, str(a.dtype), static))
    return structure, specs


def _trials_aligned(node, unknown, error):
    """Both trials with unknown sizes taken from what other arguments have; raises the error of the trials before."""
    for aligned in (_aligned(node.leaves), _aligned_batch(node.leaves)) if unknown else ():
        if aligned is not None:
            try:
                return _trial(node, 0, aligned), _trial(node, 1, aligned)
            except (TypeError, ValueError):
                continue
    raise error


def _bodies(template):
    if isinstance(template, Body):
        yield template
    elif isinstance(template, (list, tuple)):
        for v in template:
            yield from _bodies(v)
    elif isinstance(template, dict):
        for v in template.values():
            yield from _bodies(v)


def _has_unknown_size(leaves):
    return any(None in v.shape or v.static is not None for v in leaves if isinstance(v, KerasTensor))


def _has_unknown(body):
    return any(None in t.shape for t in body.graph.inputs if isinstance(t, KerasTensor))


def _aligned(leaves):
    """Shapes with unknown sizes taken from what other arguments have on the same axis from the right; None if none."""
    shapes = [tuple(v.shape) for v in leaves]
    filled = []
    for shape in shapes:
        sizes = list(shape)
        for axis in range(-len(shape), 0):
            if shape[axis] is None:
                known = [s[axis] for s in shapes if len(s) >= -axis and s[axis] not in (None, 1)]
                sizes[axis] = known[0] if known else None
        filled.append(tuple(sizes))
    return filled if filled != shapes else None


def _aligned_batch(leaves):
    """Shapes with an unknown size of axis 0 taken from what another argument has there; None if there is none."""
    shapes = [tuple(v.shape) for v in leaves]
    known = {s[0] for s in shapes if s and s[0] is not None}
    if len(known) != 1 or not any(s and s[0] is None for s in shapes):
        return None
    return [(*known, *s[1:]) if s and s[0] is None else s for s in shapes]


def _spec(leaf, trial, shape=None):
    if isinstance(leaf, KerasTensor):
        if leaf.static is not None:
            return leaf.static[trial]
        shape = leaf.shape if shape is None else shape
        return jax.ShapeDtypeStruct(tuple(TRIALS[trial] if d is None else d for d in shape), leaf.dtype)
    return jax.ShapeDtypeStruct(tuple(leaf.shape), str(leaf.dtype))


def _trial(node, trial, shapes=None):
    """The abstract result for one trial size; NumPy arrays where it is known from shapes alone."""
    specs = [_spec(v, trial, None if shapes is None else shapes[i]) for i, v in enumerate(node.leaves)]
    abstract = [s for s in specs if not isinstance(s, np.ndarray)]

    def run(*values):
        values = iter(values)
        full = [s if isinstance(s, np.ndarray) else next(values) for s in specs]
        context = Context(False, key_of(0) if node.operation.context else None)
        return evaluate(node.operation, node.template, full, context, body=_trial_body(trial))

    if node.operation.static:
        shapes = [np.zeros(s.shape, s.dtype) if isinstance(s, np.ndarray) else s for s in specs]
        args, kwargs = fill(node.template, shapes)
        return jax.tree.map(np.asarray, node.operation.fn(*args, **kwargs))
    with inferring(_has_unknown_size(node.leaves), TRIALS[trial]):
        result = jax.eval_shape(run, *abstract)
    if specs and not abstract and not node.operation.context and _is_size(result):
        with jax.ensure_compile_time_eval():
            return jax.tree.map(np.asarray, run())
    return result


def _is_size(result):
    """Whether a result computed from sizes is one again: few integers."""
    return all(v.dtype.kind in "iub" and v.size <= _MAX_STATIC for v in jax.tree.leaves(result))


def _trial_body(trial):
    """Loop bodies are already recorded: their results' shapes are known."""

    def make(template, values):
        if not isinstance(template, Body):
            return None

        def run(*inputs, context=None):
            return [
                jnp.zeros(tuple(TRIALS[trial] if d is None else d for d in t.shape), t.dtype)
                for t in template.graph.outputs
            ]

        return run

    return make


def evaluate(operation, template, values, context, body=None):
    """One operation on the values of its leaves."""
    args, kwargs = fill(template, values, body)
    known = values and all(isinstance(v, np.ndarray) for v in values)
    if known and not (operation.context or operation.static or operation.counted):
        if _is_size(jax.eval_shape(lambda: operation.fn(*args, **kwargs))):
            with jax.ensure_compile_time_eval():
                return jax.tree.map(np.asarray, operation.fn(*args, **kwargs))
    return operation.run(context, args, kwargs)

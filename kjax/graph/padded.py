"""Padded arrays: values with an axis that was filled up, and how operations carry them on without reading the filling.

Sequences of many lengths are brought to a few lengths so that few programs serve them. A program is evaluated on
`Padded` values then: an operation that works element by element along the padded axis keeps it, an operation with a
rule of its own leaves the filling out, and any other raises `Unpaddable`, upon which the sequences are left at their
own lengths.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from kjax.graph.record import fill

__all__ = [
    "Lengths", "Padded", "SameLength", "Tag", "Unpaddable", "evaluate_padded", "highest", "length_of", "lowest",
    "mean_over", "propagate", "without",
]  # fmt: skip


class Unpaddable(Exception):
    """An operation for which the filling would make a difference."""


class SameLength(Exception):
    """Two inputs met in one operation: `groups` must be as long as one another."""

    def __init__(self, *groups):
        super().__init__(groups)
        self.groups = groups


class Tag(NamedTuple):
    """What is known of an axis with filling.

    Attributes:
        key: whose length it has: the number of a group of inputs, then (span, stride) of each window that ran over it.
        size: steps, filling included.
        inner: neighbouring elements that belong to one step, more than 1 where axes were merged.
        end: whether the filling is at the end, else at the start.
    """

    key: tuple
    size: int
    inner: int = 1
    end: bool = True


class Lengths:
    """The lengths of the groups of inputs, which remembers the keys it was asked for."""

    def __init__(self, lengths):
        self.lengths = lengths
        self.keys: set = set()

    def __getitem__(self, group):
        return self.lengths[group]


def length_of(key, lengths):
    """The number of real steps of an axis, from the lengths of the groups of inputs; on arrays and on ints."""
    if isinstance(lengths, Lengths):
        lengths.keys.add(key)
    group, *windows = key
    n = lengths[group]
    for span, stride in windows:
        n = (n - span) // stride + 1
    return n


class Padded:
    """A value with filling.

    Args:
        value: array.
        tags: dict axis -> Tag.
        lengths: int array (groups,).
    """

    __slots__ = ("lengths", "tags", "value")

    def __init__(self, value, tags, lengths):
        self.value = value
        self.tags = tags
        self.lengths = lengths

    @property
    def shape(self):
        return self.value.shape

    @property
    def ndim(self):
        return self.value.ndim

    @property
    def dtype(self):
        return self.value.dtype

    def tag(self, axis) -> Tag:
        """The tag of an axis whose elements are its steps."""
        tag = self.tags[axis]
        if tag.inner != 1 or tag.size != self.value.shape[axis]:
            raise Unpaddable("an axis that was merged with another")
        return tag

    def length(self, axis):
        return length_of(self.tag(axis).key, self.lengths)

    def valid(self, axis):
        """bool, of the value's rank: which elements along the axis are real."""
        tag, n = self.tag(axis), self.length(axis)
        number = jnp.arange(tag.size)
        real = number < n if tag.end else number >= tag.size - n
        return real.reshape([-1 if i == axis else 1 for i in range(self.value.ndim)])

    def filled(self, fill, axes=None):
        """The array with `fill` where it was filled up along the axes, by default along all."""
        value = self.value
        for axis in self.tags if axes is None else axes:
            if axis in self.tags:
                value = jnp.where(self.valid(axis), value, jnp.asarray(fill, value.dtype))
        return value

    def like(self, value, tags=None):
        """Another value with the same filling, or with other tags; a plain array where there are none."""
        tags = self.tags if tags is None else tags
        return Padded(value, tags, self.lengths) if tags else value


def mean_over(x, axes):
    """The mean over axes, the filling left out."""
    axes = tuple(axes)
    if not isinstance(x, Padded):
        return jnp.mean(x, axes) if axes else x
    count = 1
    for axis in axes:
        count = count * (x.length(axis) if axis in x.tags else x.shape[axis])
    total = jnp.sum(x.filled(0, axes), axes)
    return x.like(total / jnp.asarray(count, total.dtype), without(x.tags, axes))


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


def without(tags, axes):
    """The tags after the axes are gone."""
    return {a - sum(r < a for r in axes): t for a, t in tags.items() if a not in axes}


def propagate(fn, values, contract=False):
    """`fn` on arrays, of which some are Padded.

    Args:
        fn: function of the values as arrays.
        values: list; None and NumPy arrays, which are sizes, stay what they are.
        contract: whether sums of products over a padded axis are right because the filling is zero.

    Returns:
        What `fn` returns, Padded where the filling goes on.

    Raises:
        Unpaddable: where a real element would depend on the filling.
        SameLength: where two inputs meet.
    """
    moved = [i for i, v in enumerate(values) if v is not None and not isinstance(v, np.ndarray)]

    def on_arrays(*arrays):
        full = list(values)
        for i, a in zip(moved, arrays, strict=True):
            full[i] = a
        return fn(*full)

    padded = [v for v in values if isinstance(v, Padded)]
    if not padded:
        return fn(*values)
    arrays = [values[i].value if isinstance(values[i], Padded) else jnp.asarray(values[i]) for i in moved]
    jaxpr, shapes = jax.make_jaxpr(on_arrays, return_shape=True)(*arrays)
    tags = [values[i].tags if isinstance(values[i], Padded) else {} for i in moved]
    found = _flow(jaxpr.jaxpr, tags, contract)
    results = core.jaxpr_as_fun(jaxpr)(*arrays)
    wrapped = [padded[0].like(r, t) for r, t in zip(results, found, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(shapes), wrapped)


def evaluate_padded(operation, template, values, context, body=None):
    """One operation on the values of its leaves, some of them Padded."""
    if operation.static:
        raise Unpaddable(f"{operation.name}: a size that is computed with")
    if operation.padded is not None:
        return operation.run_padded(context, *fill(template, values, body))

    def on_arrays(*arrays):
        return operation.run(context, *fill(template, arrays, body))

    return propagate(on_arrays, values)


# ---------------------------------------------------------------- what primitives do with filling

_ELEMENTWISE = frozenset(
    """abs acos acosh add add_any and asin asinh atan atan2 atanh cbrt ceil clamp convert_element_type copy copy_p cos
    cosh digamma div eq erf erf_inv erfc exp exp2 expm1 floor ge gt integer_pow is_finite le lgamma log log1p logistic
    lt max min mul ne neg nextafter not optimization_barrier or pow real reduce_precision rem round rsqrt select_n
    shift_left shift_right_arithmetic shift_right_logical sign sin sinh sqrt square stop_gradient sub tan tanh
    xor""".split()
)
_REDUCTIONS = frozenset(
    "argmax argmin reduce_and reduce_max reduce_min reduce_or reduce_prod reduce_sum reduce_xor".split()
)
_RUNNING = frozenset("cumlogsumexp cummax cummin cumprod cumsum".split())


def _flow(jaxpr, tags, contract):
    """The tags of a jaxpr's results, given those of its arguments."""
    known = dict(zip(jaxpr.invars, tags, strict=True))

    def read(v):
        return {} if isinstance(v, core.Literal) else known.get(v, {})

    for eqn in jaxpr.eqns:
        given = [read(v) for v in eqn.invars]
        if not any(given):
            continue
        for v, out in zip(eqn.outvars, _through(eqn, given, contract), strict=True):
            known[v] = out
    return [read(v) for v in jaxpr.outvars]


def _through(eqn, given, contract):
    name = eqn.primitive.name
    if name in _ELEMENTWISE:
        return [_merged(given)] * len(eqn.outvars)
    if name == "cond":
        _refuse(given[0], name)
        results = [_flow(_open(b), given[1:], contract) for b in eqn.params["branches"]]
        return [_merged(options) for options in zip(*results, strict=True)]
    rule = _RULES.get(name)
    if rule is not None:
        return [rule(eqn, given, contract)] * len(eqn.outvars)
    inner = [p for p in (eqn.params.get(n) for n in ("jaxpr", "call_jaxpr", "fun_jaxpr")) if p is not None]
    if name not in ("scan", "while") and len(inner) == 1 and len(_open(inner[0]).invars) == len(given):
        return _flow(_open(inner[0]), given, contract)
    raise Unpaddable(name)


def _open(jaxpr):
    return jaxpr.jaxpr if isinstance(jaxpr, core.ClosedJaxpr) else jaxpr


def _refuse(tags, name):
    if tags:
        raise Unpaddable(name)


def _merged(given):
    """The tags of operands of one shape together."""
    merged: dict = {}
    for tags in given:
        for axis, tag in tags.items():
            merged[axis] = _agreed(merged.get(axis, tag), tag)
    return merged


def _agreed(a, b):
    if a == b:
        return a
    if a._replace(key=b.key) == b and len(a.key) == len(b.key) == 1:
        raise SameLength(a.key[0], b.key[0])
    raise Unpaddable("axes of different lengths")


def _shape(v):
    return tuple(v.aval.shape)


def _moved(tags, place):
    return {place[a]: t for a, t in tags.items()}


def _broadcast(eqn, given, contract):
    into = eqn.params["broadcast_dimensions"]
    return _moved(given[0], dict(enumerate(into)))


def _transpose(eqn, given, contract):
    order = eqn.params["permutation"]
    return {order.index(a): t for a, t in given[0].items()}


def _squeeze(eqn, given, contract):
    return without(given[0], eqn.params["dimensions"])


def _reshape(eqn, given, contract):
    """The order of the elements stays, so a step's place in it does."""
    if eqn.params.get("dimensions") is not None:
        raise Unpaddable("reshape")
    old, new = _shape(eqn.invars[0]), _shape(eqn.outvars[0])
    tags = {}
    for axis, tag in given[0].items():
        inner = tag.inner * int(np.prod(old[axis + 1 :], dtype=np.int64))
        for j in reversed(range(len(new))):
            right = int(np.prod(new[j + 1 :], dtype=np.int64))
            if inner % right == 0 and (new[j] * right) % (inner * tag.size) == 0:
                if j in tags:
                    raise Unpaddable("reshape of two padded axes into one")
                tags[j] = tag._replace(inner=inner // right)
                break
        else:
            raise Unpaddable("reshape")
    return tags


def _concatenate(eqn, given, contract):
    merged = _merged(given)
    if eqn.params["dimension"] in merged:
        raise Unpaddable("concatenate")
    return merged


def _reduce(eqn, given, contract):
    axes = eqn.params["axes"]
    if any(a in given[0] for a in axes):
        raise Unpaddable(eqn.primitive.name)
    return without(given[0], axes)


def _running(eqn, given, contract):
    tag = given[0].get(eqn.params["axis"])
    if tag is not None and (eqn.params["reverse"] == tag.end or tag.inner != 1):
        raise Unpaddable(eqn.primitive.name)
    return given[0]


def _rev(eqn, given, contract):
    tags = dict(given[0])
    for axis in eqn.params["dimensions"]:
        if axis in tags:
            if tags[axis].size * tags[axis].inner != _shape(eqn.invars[0])[axis] or tags[axis].inner != 1:
                raise Unpaddable("rev")
            tags[axis] = tags[axis]._replace(end=not tags[axis].end)
    return tags


def _slice(eqn, given, contract):
    tags, shape = {}, _shape(eqn.invars[0])
    strides = eqn.params["strides"] or (1,) * len(shape)
    for axis, tag in given[0].items():
        part = (eqn.params["start_indices"][axis], eqn.params["limit_indices"][axis], strides[axis])
        if part == (0, shape[axis], 1):
            tags[axis] = tag
        elif part[:2] != (0, tag.inner) or not tag.end or part[2] != 1 or shape[axis] != tag.size * tag.inner:
            raise Unpaddable("slice")  # all steps, or the first one, which every sequence has
    return tags


def _split(eqn, given, contract):
    if eqn.params["axis"] in given[0]:
        raise Unpaddable("split")
    return given[0]


def _pad(eqn, given, contract):
    _refuse(given[1], "pad")
    if any(eqn.params["padding_config"][a] != (0, 0, 0) for a in given[0]):
        raise Unpaddable("pad")
    return given[0]


def _gather(eqn, given, contract):
    """Rows of a table by padded indices, or elements along another axis than the padded one."""
    numbers = eqn.params["dimension_numbers"]
    indices = dict(given[1])
    if len(_shape(eqn.invars[1])) - 1 in indices:
        raise Unpaddable("gather")
    for axis, tag in given[0].items():
        if axis not in numbers.operand_batching_dims:
            raise Unpaddable("gather")
        at = numbers.start_indices_batching_dims[numbers.operand_batching_dims.index(axis)]
        indices[at] = _agreed(indices.get(at, tag), tag)
    free = [a for a in range(len(_shape(eqn.outvars[0]))) if a not in numbers.offset_dims]
    return _moved(indices, dict(enumerate(free)))


def _dot_general(eqn, given, contract):
    (lhs_sum, rhs_sum), (lhs_batch, rhs_batch) = eqn.params["dimension_numbers"]
    for a, b in zip(lhs_sum, rhs_sum, strict=True):
        tags = [t[i] for t, i in zip(given, (a, b), strict=True) if i in t]
        if tags and not (contract and len(tags) == 2 and _agreed(*tags)):
            raise Unpaddable("dot_general")
    tags: dict = {}
    position = len(lhs_batch)
    for operand, own, batch, sums in zip(eqn.invars, given, (lhs_batch, rhs_batch), (lhs_sum, rhs_sum), strict=True):
        place = {a: i for i, a in enumerate(batch)}
        for a in range(len(_shape(operand))):
            if a not in batch and a not in sums:
                place[a] = position
                position += 1
        for axis, tag in own.items():
            if axis in place:
                tags[place[axis]] = _agreed(tags.get(place[axis], tag), tag)
    return tags


_RULES = {
    "broadcast_in_dim": _broadcast,
    "transpose": _transpose,
    "squeeze": _squeeze,
    "reshape": _reshape,
    "concatenate": _concatenate,
    "rev": _rev,
    "slice": _slice,
    "split": _split,
    "pad": _pad,
    "gather": _gather,
    "dot_general": _dot_general,
    **dict.fromkeys(_REDUCTIONS, _reduce),
    **dict.fromkeys(_RUNNING, _running),
}

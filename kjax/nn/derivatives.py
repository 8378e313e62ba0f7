"""Functions whose gradient is written by hand, differentiable in forward mode as well, and again and again.

`jax.custom_vjp` gives up forward mode (`jax.jvp`, `jacfwd`, `hessian`). Here a function states both: how tangents go
forwards and how cotangents come back. JAX's reverse mode pushes tangents forward symbolically and transposes that; the
push is therefore one primitive, whose transpose is the gradient by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

__all__ = ["differentiable", "filled"]


class _Ways(NamedTuple):
    """The two functions of `differentiable`."""

    push: Callable
    pull: Callable


@dataclass(frozen=True)
class _Rule:
    """A linear map and its transpose on lists of arrays: `push(kept, linear)`, `pull(kept, cotangents)`.

    Attributes:
        ways: push and pull on trees.
        static: their first arguments.
        kept, operands, result: tree structures.
        present: for each leaf of the operands, whether it has a tangent.
    """

    ways: _Ways
    static: tuple
    kept: Any
    operands: Any
    result: Any
    present: tuple[bool, ...]

    def push(self, kept, linear):
        given = iter(linear)
        tangents = [next(given) if there else None for there in self.present]
        trees = jax.tree.unflatten(self.kept, kept), jax.tree.unflatten(self.operands, tangents)
        return jax.tree.leaves(self.ways.push(*self.static, *trees))

    def pull(self, kept, cotangents):
        trees = jax.tree.unflatten(self.kept, kept), jax.tree.unflatten(self.result, cotangents)
        found = self.operands.flatten_up_to(self.ways.pull(*self.static, *trees))
        return [c for c, there in zip(found, self.present, strict=True) if there]


@dataclass(frozen=True)
class _Batched:
    """A rule over a further first axis of all linear arrays, and of the kept ones where `axes` has 0."""

    rule: Any
    axes: tuple

    def push(self, kept, linear):
        return jax.vmap(self.rule.push, (list(self.axes), 0))(list(kept), list(linear))

    def pull(self, kept, cotangents):
        return jax.vmap(self.rule.pull, (list(self.axes), 0))(list(kept), list(cotangents))


_linear = Primitive("linear_by_rule")  # operands: `kept` arrays of the rule, then those it is linear in
_linear.multiple_results = True


def _evaluate(*arrays, rule, kept):
    return rule.push(arrays[:kept], arrays[kept:])


def _abstract(*shapes, rule, kept):
    arrays = [jax.ShapeDtypeStruct(s.shape, s.dtype) for s in shapes]
    results = jax.eval_shape(lambda *a: _evaluate(*a, rule=rule, kept=kept), *arrays)
    return [jax.core.ShapedArray(r.shape, r.dtype) for r in results]


def _jvp(primals, tangents, *, rule, kept):
    moving = [i for i, t in enumerate(tangents) if type(t) is not ad.Zero]
    if all(i >= kept for i in moving):
        dots = [
            jnp.zeros(p.shape, p.dtype) if type(t) is ad.Zero else t for p, t in zip(primals, tangents, strict=True)
        ]
        bind = lambda arrays: _linear.bind(*primals[:kept], *arrays[kept:], rule=rule, kept=kept)
        return bind(primals), bind(dots)

    def of_moving(*values):
        arrays = list(primals)
        for i, value in zip(moving, values, strict=True):
            arrays[i] = value
        return _evaluate(*arrays, rule=rule, kept=kept)

    return jax.jvp(of_moving, [primals[i] for i in moving], [tangents[i] for i in moving])


def _transpose(cotangents, *arrays, rule, kept):
    cotangents = [jnp.zeros(c.aval.shape, c.aval.dtype) if type(c) is ad.Zero else c for c in cotangents]
    found = rule.pull(arrays[:kept], cotangents)  # in the open: ordinary operations for what is to be done with it next
    wanted = [ad.is_undefined_primal(a) for a in arrays[kept:]]
    return [None] * kept + [c if w else None for c, w in zip(found, wanted, strict=True)]


def _batch(arrays, axes, *, rule, kept):
    size = next(a.shape[axis] for a, axis in zip(arrays, axes, strict=True) if axis is not None)
    to_front = lambda a, axis: a if axis is None else jnp.moveaxis(a, axis, 0)
    fixed = [to_front(a, axis) for a, axis in zip(arrays[:kept], axes[:kept], strict=True)]
    linear = [
        jnp.broadcast_to(a, (size, *a.shape)) if axis is None else to_front(a, axis)
        for a, axis in zip(arrays[kept:], axes[kept:], strict=True)
    ]
    batched = _Batched(rule, tuple(None if axis is None else 0 for axis in axes[:kept]))
    results = _linear.bind(*fixed, *linear, rule=batched, kept=kept)
    return results, [0] * len(results)


_linear.def_impl(_evaluate)
_linear.def_abstract_eval(_abstract)
ad.primitive_jvps[_linear] = _jvp
ad.primitive_transposes[_linear] = _transpose
batching.primitive_batchers[_linear] = _batch
mlir.register_lowering(_linear, mlir.lower_fun(_evaluate, multiple_results=True))


def differentiable(function, keep, push, pull, statics=0):
    """`function(*static, *operands)` with derivatives by hand, for both modes and any order.

    Args:
        function: pure; operands and result are trees of arrays.
        keep: function of the same arguments -> (result, what push and pull need of this call, a tree of arrays).
        push: function (*static, kept, tangents) -> the result's tangent; `tangents` is a tuple like the operands with
            None for what does not move. Linear in the tangents; JAX can differentiate it again, as it can `pull`.
        pull: function (*static, kept, cotangent of the result) -> a tuple like the operands of their cotangents.
        statics: how many arguments, the first ones, are static and hashable.
    """
    ways = _Ways(push, pull)
    outer = jax.custom_jvp(function, nondiff_argnums=tuple(range(statics)))

    def rule(*given):
        static, (primals, tangents) = given[:statics], given[statics:]
        result, kept = keep(*static, *primals)
        leaves, operands = jax.tree.flatten(tuple(tangents), is_leaf=lambda x: isinstance(x, SymbolicZero))
        moves = lambda t: not isinstance(t, SymbolicZero) and getattr(t, "dtype", None) != jax.dtypes.float0
        present = tuple(map(moves, leaves))
        linear = [t for t, there in zip(leaves, present, strict=True) if there]
        kept_leaves, kept_tree = jax.tree.flatten(kept)
        shape = jax.tree.structure(result)
        by = _Rule(ways, static, kept_tree, operands, shape, present)
        tangent = _linear.bind(*kept_leaves, *linear, rule=by, kept=len(kept_leaves))
        return result, jax.tree.unflatten(shape, tangent)

    outer.defjvp(rule, symbolic_zeros=True)
    return outer


def filled(tangents, primals):
    """Tangents with zeros for None."""
    fill = lambda p, t: jnp.zeros(p.shape, p.dtype) if t is None and p is not None else t
    return jax.tree.map(fill, primals, tangents, is_leaf=lambda x: x is None)

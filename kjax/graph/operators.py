"""Python operators and slicing on symbolic tensors and variables."""

from __future__ import annotations

import operator
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from kjax.graph.context import is_inferring
from kjax.graph.record import op, symbolic_leaves
from kjax.graph.tensor import KerasTensor
from kjax.graph.variable import Variable

__all__ = ["absolute_value", "elementwise"]


def elementwise(tensors, args, kwargs):
    """Row by row unless ranks differ among those that carry the batch, or another argument has rows of its own."""
    ranks = {len(t.shape) for t in tensors}
    if len(ranks) != 1 or any(getattr(t, "static", None) is not None for t in tensors):
        return False
    rank, batch, rows = max(ranks), {id(t) for t in tensors}, any(tuple(t.shape[:1]) == (None,) for t in tensors)
    others = [
        a
        for a in (*args, *kwargs.values())
        if isinstance(a, (np.ndarray, jax.Array, KerasTensor, Variable)) and id(a) not in batch
    ]
    return all(len(a.shape) < rank or (len(a.shape) == rank and (not rows or a.shape[0] == 1)) for a in others)


def absolute_value(x):
    """|x| whose derivative at 0 is 0, as TensorFlow's (JAX's is 1)."""
    return x * jax.lax.stop_gradient(jnp.sign(x))


def _binary(name, fn):
    def forward(x, y):
        return fn(_array(x), _array(y))

    forward.__name__ = name
    return op(forward, name=name, rowwise=elementwise)


def _numbers(x, tensor):
    """Numbers in lists as an array, of the tensor's type where both are floats; anything else as it is."""
    if not isinstance(x, (list, tuple)) or symbolic_leaves(x):
        return x
    x = np.asarray(x)
    return x.astype(tensor.dtype) if x.dtype.kind == "f" and jnp.issubdtype(tensor.dtype, jnp.floating) else x


def _array(x):
    if isinstance(x, (list, tuple)):
        return jnp.asarray(x)
    if isinstance(x, np.ndarray) and x.dtype == np.float64:
        return x.astype(np.float32) if not jax.config.jax_enable_x64 else x
    return x


_BINARY = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": jnp.true_divide,
    "floordiv": jnp.floor_divide,
    "mod": jnp.mod,
    "pow": jnp.power,
    "matmul": jnp.matmul,
    "and": jnp.logical_and,
    "or": jnp.logical_or,
    "xor": jnp.logical_xor,
}
_UFUNCS = {
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.true_divide: "truediv",
    np.floor_divide: "floordiv",
    np.remainder: "mod",
    np.power: "pow",
    np.matmul: "matmul",
    np.bitwise_and: "and",
    np.bitwise_or: "or",
    np.bitwise_xor: "xor",
    np.less: "lt",
    np.less_equal: "le",
    np.greater: "gt",
    np.greater_equal: "ge",
}
_COMPARE = {"lt": jnp.less, "le": jnp.less_equal, "gt": jnp.greater, "ge": jnp.greater_equal}


def _getitem_rowwise(tensors, args, kwargs):
    if any(getattr(t, "static", None) is not None for t in tensors):
        return False
    index = args[1] if isinstance(args[1], tuple) else (args[1],)
    return len(index) > 0 and isinstance(index[0], slice) and index[0] == slice(None)


@op(name="strided_slice", rowwise=_getitem_rowwise)
def getitem(x, index):
    return x[_index(index)]


def _index(index):
    """Lists in an index are arrays, as NumPy has them."""
    if isinstance(index, tuple):
        return tuple(_index(i) for i in index)
    return jnp.asarray(index) if isinstance(index, list) else index


@op(name="strided_slice")
def _slice_dynamic(x, starts, stops, steps, kinds):
    if is_inferring() and "open" in kinds:
        return _of_unknown_size(x, starts, stops, steps, kinds)
    index = tuple(
        k
        if k is None or k is Ellipsis
        else (int(a) if k == "at" else slice(*(None if v is None else int(v) for v in (a, b, c))))
        for k, a, b, c in zip(kinds, starts, stops, steps, strict=True)
    )
    return x[index]


def _of_unknown_size(x, starts, stops, steps, kinds):
    """Zeros of the shape of a slice with open ends: as long as the trial values differ, whatever x has."""
    shape: list = []
    axis, named = 0, len([k for k in kinds if k is not None])
    for k, a, b, c in zip(kinds, starts, stops, steps, strict=True):
        if k is None:
            shape.append(1)
            continue
        if k is Ellipsis:
            after = x.ndim - named + 1
            shape += x.shape[axis : axis + after]
            axis += after
            continue
        n, axis = x.shape[axis], axis + 1
        if k == "slice":
            shape.append(len(range(*slice(*(None if v is None else int(v) for v in (a, b, c))).indices(n))))
        elif k == "open":
            shape.append(abs((n if b is None else int(b)) - (0 if a is None else int(a))))
    return jnp.zeros((*shape, *x.shape[axis:]), x.dtype)


def _check_bounds(x, parts):
    """Refuses a number past the end of an axis of known size, for which JAX would take the last entry."""
    if any(p is not None and p is not Ellipsis and not isinstance(p, (slice, int, np.integer)) for p in parts):
        return
    named = [p for p in parts if p is not None]
    axis, after = 0, len(x.shape) - len(named) + 1
    for p in named:
        if p is Ellipsis:
            axis += after
            continue
        size = x.shape[axis] if axis < len(x.shape) else None
        if size is not None and not isinstance(p, (slice, bool)) and not -size <= p < size:
            raise ValueError(
                f"slice index {p} of axis {axis} is out of bounds for {x.name!r} of shape {tuple(x.shape)}."
            )
        axis += 1


def _kind(part):
    """What a part of an index is: None, Ellipsis, 'at', 'slice', or 'open', a slice whose ends nobody knows yet."""
    if not isinstance(part, slice):
        return part if part is None or part is Ellipsis else "at"
    ends = [v for v in (part.start, part.stop, part.step) if isinstance(v, KerasTensor)]
    known = all(v.static is not None and np.array_equal(*v.static) for v in ends)
    return "slice" if known else "open"


def _slice(x, index):
    parts = index if isinstance(index, tuple) else (index,)
    _check_bounds(x, parts)
    if any(isinstance(p, slice) and any(isinstance(v, KerasTensor) for v in (p.start, p.stop, p.step)) for p in parts):
        kinds = [_kind(p) for p in parts]
        starts = [
            p.start if isinstance(p, slice) else p if k == "at" else None for p, k in zip(parts, kinds, strict=True)
        ]
        stops = [p.stop if isinstance(p, slice) else None for p in parts]
        steps = [p.step if isinstance(p, slice) else None for p in parts]
        return _slice_dynamic(x, starts, stops, steps, kinds)
    return getitem(x, index)


def _array_ufunc(calls):
    """The method by which NumPy hands over `array + tensor`, and asks about its other functions."""

    def handle(self, ufunc, method, *inputs, **kwargs):
        in_place = set(kwargs) == {"out"} and kwargs["out"][0] is inputs[0]  # `array += tensor`
        if method == "__call__" and (not kwargs or in_place):
            if ufunc in (np.equal, np.not_equal):
                return ufunc is np.not_equal
            if ufunc in _UFUNCS:
                return calls[_UFUNCS[ufunc]](*inputs)
        asked = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        raise TypeError(
            f"NumPy's {asked} cannot compute with the symbolic tensor {self.name!r}, whose numbers are known "
            "only when the model runs; use functions of keras.backend, as K.exp(x) or K.sum(x)."
        )

    return handle


def _attach():
    """Gives KerasTensor and Variable the operators."""
    methods = {"__getitem__": _slice}
    calls: dict[str, Callable] = {}
    methods["__array_ufunc__"] = _array_ufunc(calls)
    for name, fn in _BINARY.items():
        call = calls[name] = _binary(name, fn)
        methods[f"__{name}__"] = lambda x, y, call=call: call(x, _numbers(y, x))
        methods[f"__r{name}__"] = lambda x, y, call=call: call(_numbers(y, x), x)
    for name, fn in _COMPARE.items():
        call = calls[name] = _binary(name, fn)
        methods[f"__{name}__"] = lambda x, y, call=call: call(x, _numbers(y, x))
    negative = op(jnp.negative, name="neg", rowwise=True)
    absolute = op(absolute_value, name="abs", rowwise=True)
    invert = op(jnp.logical_not, name="logical_not", rowwise=True)
    methods["__neg__"] = lambda x: negative(x)
    methods["__abs__"] = lambda x: absolute(x)
    methods["__invert__"] = lambda x: invert(x)
    for name, method in methods.items():
        method.__name__ = name
        for cls in (KerasTensor, Variable):
            setattr(cls, name, method)


_attach()

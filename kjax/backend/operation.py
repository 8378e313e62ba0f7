"""`tensor_op`: a backend function on arrays that is recorded on symbolic tensors."""

from __future__ import annotations

import functools
from typing import Unpack

import jax
import jax.numpy as jnp
import numpy as np

from kjax.backend.config import floatx
from kjax.graph import KerasTensor, Variable, op, symbolic_leaves
from kjax.graph.context import current_resolver
from kjax.graph.execute import compute
from kjax.graph.operation import Declared

__all__ = ["as_array", "at_once", "axes_of", "batch_axis_kept", "int_of", "tensor_op"]


def tensor_op(fn=None, **facts: Unpack[Declared]):
    """`kjax.graph.op` whose array arguments in double precision become `floatx()`.

    Args: those of :class:`kjax.graph.operation.Operation`, by name.
    """
    if fn is None:
        return functools.partial(tensor_op, **facts)
    recorded = op(fn, **facts)

    @functools.wraps(recorded)
    def call(*args, **kwargs):
        return recorded(*[in_floatx(a) for a in args], **{k: in_floatx(v) for k, v in kwargs.items()})

    return call


def in_floatx(x):
    """`x` with the double precision arrays in it, however nested, in the default float type."""
    if isinstance(x, np.ndarray):
        return x.astype(floatx()) if x.dtype == np.float64 else x
    if isinstance(x, np.float64):
        return float(x)
    if isinstance(x, list) or type(x) is tuple:
        return type(x)(in_floatx(v) for v in x)
    return x


def as_array(x):
    """Numbers and nested lists, also of arrays, as one array; arrays as they are."""
    return jnp.asarray(x)


def at_once(result, arguments):
    """`result` computed, when it was recorded from arguments that are all known; else as it is."""
    found = symbolic_leaves(arguments)
    if current_resolver() is not None or any(isinstance(t, (KerasTensor, Variable)) for t in found):
        return result
    leaves = symbolic_leaves(result)
    values = dict(zip(map(id, leaves), compute(leaves), strict=False))

    def fill(x):
        if isinstance(x, (list, tuple)):
            return type(x)(fill(v) for v in x)
        return values.get(id(x), x)

    return fill(result)


def int_of(x) -> int:
    """A number that must be known when the graph is built: an int, or a size taken from `K.shape`."""
    if isinstance(x, jax.core.Tracer):
        raise ValueError(
            "a size (in a shape, a number of repetitions, a range) must be an int or come from K.shape; "
            f"got a tensor that is computed from data, of shape {tuple(x.shape)} and type {x.dtype}."
        )
    return int(np.asarray(x))


def axes_of(axis, ndim, where) -> tuple[int, ...]:
    """`axis` (None, int, or several) as non-negative ints.

    Raises:
        ValueError: naming `where`, when an axis is outside of -ndim..ndim-1.
    """
    if axis is None:
        return tuple(range(ndim))
    axes = [int(a) for a in (axis if isinstance(axis, (list, tuple, np.ndarray)) else [axis])]
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(
                f"{where}: axis must be within -{ndim}..{ndim - 1} for a tensor of rank {ndim}; got {axis!r}."
            )
    return tuple(a % ndim for a in axes)


def batch_axis_kept(tensors, args, kwargs, position=1, default=None):
    """Rowwise rule of functions along `axis`: axis 0 of their first argument is not touched."""
    x = args[0] if args else next(iter(kwargs.values()))
    axis = kwargs.get("axis", args[position] if len(args) > position else default)
    ndim = len(x.shape) if hasattr(x, "shape") else None
    if axis is None or ndim is None or len(tensors) != 1 or getattr(tensors[0], "static", None) is not None:
        return False
    return 0 not in axes_of(axis, ndim, "axis")

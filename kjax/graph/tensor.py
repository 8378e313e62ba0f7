"""Symbolic tensors and the recorded operations that produce them."""

from __future__ import annotations

import itertools
import threading

import numpy as np

from kjax.graph.dtypes import DType
from kjax.graph.shape import StaticShape, TensorShape

__all__ = ["KerasTensor", "Op", "TensorShape", "is_symbolic", "unique_name"]


class _Names(threading.local):
    def __init__(self):
        self.counts: dict[str, int] = {}


_names = _Names()


def unique_name(prefix: str) -> str:
    """`prefix`, `prefix_1`, ... : a name for a tensor nobody named."""
    n = _names.counts.get(prefix, -1) + 1
    _names.counts[prefix] = n
    return f"{prefix}_{n}" if n else prefix


def reset_names() -> None:
    _names.counts.clear()


def exchange_names(counts: dict[str, int]) -> dict[str, int]:
    """Lets `unique_name` count on from `counts`; returns the counts so far."""
    before, _names.counts = _names.counts, counts
    return before


class Op:
    """One recorded application of an Operation.

    Args:
        operation: what is applied.
        template: (args, kwargs) with a `Leaf(i)` wherever tensor i of `leaves` stands.
        leaves: the KerasTensors and Variables (and array constants) among the arguments.
    """

    __slots__ = ("leaves", "operation", "outputs", "serial", "structure", "template")
    _serial = itertools.count()

    def __init__(self, operation, template, leaves):
        self.operation = operation
        self.template = template
        self.leaves = leaves
        self.outputs: tuple[KerasTensor, ...] = ()
        self.structure = None
        self.serial = next(Op._serial)

    @property
    def name(self):
        return self.operation.name

    def __repr__(self):
        return f"<Op {self.operation.name}>"


class KerasTensor:
    """A symbolic tensor: static shape (None where unknown), dtype, and where it comes from.

    Attributes:
        shape: tuple of int or None.
        dtype: str.
        op: the Op that computes it; None for a placeholder.
        index: which output of `op`.
        static: None, or the two values that a shape-only tensor has for the two trial batch sizes.
    """

    __array_priority__ = 1000

    def __init__(self, shape, dtype, op=None, index=0, name=None, static=None):
        self.shape = TensorShape(shape)
        self.dtype = DType(dtype)
        self.op = op
        self.index = index
        self.static = static
        self._name = name
        self._keras_mask = None
        self._uses_learning_phase = False

    @property
    def name(self) -> str:
        if self._name is None:
            self._name = unique_name(self.op.name.rstrip("_") if self.op is not None else "Placeholder") + ":0"
        return self._name

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def _keras_shape(self):
        return tuple(self.shape)

    @_keras_shape.setter
    def _keras_shape(self, shape):
        self.shape = TensorShape(shape)

    def get_shape(self) -> StaticShape:
        return StaticShape(self.shape)

    def set_shape(self, shape) -> None:
        self.shape = TensorShape(
            b if a is None else a for a, b in zip(self.shape, StaticShape(shape).as_list(), strict=True)
        )

    def __repr__(self):
        return f"<KerasTensor {self.name!r} shape={tuple(self.shape)} dtype={self.dtype}>"

    def __bool__(self):
        raise TypeError(
            f"the symbolic tensor {self.name!r} has no truth value: its numbers are known only when the model runs; "
            "use K.switch, K.equal, ... instead of Python's if and ==."
        )

    def __iter__(self):
        raise TypeError(
            f"the symbolic tensor {self.name!r} of shape {tuple(self.shape)} cannot be iterated over; "
            "slice it (x[:, 0]), or use K.map_fn or K.unstack-like slicing."
        )

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            f"the symbolic tensor {self.name!r} has no value yet, so NumPy cannot use it; use keras.backend functions "
            "on it, or K.function([...], [...]) / model.predict to compute it."
        )

    def __hash__(self):
        return id(self)

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return self is not other

    def __deepcopy__(self, memo):
        return self


def is_symbolic(x) -> bool:
    return isinstance(x, KerasTensor)


class StaticArray:
    """A small constant array inside a template: hashable by value."""

    __slots__ = ("array", "_key")

    def __init__(self, array):
        self.array = np.asarray(array)
        self._key = (self.array.shape, str(self.array.dtype), self.array.tobytes())

    def __hash__(self):
        return hash(self._key)

    def __eq__(self, other):
        return isinstance(other, StaticArray) and self._key == other._key

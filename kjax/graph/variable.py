"""Variable: the handle of one weight or other piece of state."""

from __future__ import annotations

import itertools
import weakref

import jax
import jax.numpy as jnp
import numpy as np

from kjax.graph.context import current_resolver
from kjax.graph.dtypes import DType
from kjax.graph.interrupts import uninterrupted
from kjax.graph.shape import StaticShape, TensorShape

__all__ = ["Variable"]

_serial = itertools.count()
_alive: weakref.WeakSet[Variable] = weakref.WeakSet()


class Variable:
    """The handle of one array that models, optimizers and users share and replace.

    Args:
        value: the initial value, or a function without arguments that gives it when it is first needed.
        name: without TensorFlow's ':0', which `name` answers with.
        dtype: str; default: that of the value.
        shape: needed when `value` is a function.
        trainable: whether a training step may change it by gradient.
        constraint: function applied after each gradient step, or None.

    Attributes:
        value: the present jax array.
        initial: None, or a function without arguments that gives a first value again, drawn anew where it is random.
    """

    __array_priority__ = 1000

    def __init__(self, value, name=None, dtype=None, shape=None, trainable=True, constraint=None):
        self._thunk = None
        self._value = None
        if callable(value):
            if shape is None or dtype is None:
                raise ValueError("a Variable given a function as value needs shape= and dtype= too")
            self._thunk = value
        else:
            value = (
                jnp.asarray(value, dtype=dtype) if not isinstance(value, np.ndarray) else np.array(value, dtype=dtype)
            )
            shape, dtype = value.shape, str(value.dtype)
            self._value = value
        self.shape = TensorShape(int(d) for d in shape)
        self.dtype = DType(jax.dtypes.canonicalize_dtype(dtype))
        self.serial = next(_serial)
        self._name = name or f"Variable_{self.serial}"
        self.trainable = trainable
        self.constraint = constraint
        self.initial = None
        self._uses_learning_phase = False
        self._keras_mask = None
        _alive.add(self)

    def __getstate__(self):
        return {**self.__dict__, "_value": np.array(self.value), "_thunk": None, "initial": None}

    def __setstate__(self, state):
        self.__dict__.update(state, serial=next(_serial))
        _alive.add(self)

    @property
    def name(self) -> str:
        return self._name + ":0"

    @property
    def short_name(self) -> str:
        """The last part of the name: 'kernel' of 'dense_1/kernel'."""
        return self._name.rsplit("/", 1)[-1]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def _keras_shape(self):
        return tuple(self.shape)

    def get_shape(self) -> StaticShape:
        return StaticShape(self.shape)

    @property
    def initialized(self) -> bool:
        return self._value is not None

    @property
    def value(self):
        """The present value, a jax array (a NumPy one until a program has used it)."""
        if self._value is None:
            with uninterrupted():
                value = np.asarray(self._thunk(), dtype=self.dtype)
            if value.shape != tuple(self.shape):
                raise ValueError(
                    f"the initializer of {self._name!r} gave an array of shape {value.shape}; {tuple(self.shape)} "
                    f"was required."
                )
            self._value, self._thunk = value, None
        return self._value

    def assign(self, value) -> None:
        """Replaces the value.

        Raises:
            ValueError: when the shape is another.
        """
        if not isinstance(value, (jax.Array, np.ndarray)) or str(value.dtype) != self.dtype:
            value = np.asarray(value, dtype=self.dtype)
        if tuple(value.shape) != tuple(self.shape):
            raise ValueError(
                f"{self._name!r} has shape {tuple(self.shape)}; a value of shape {tuple(value.shape)} was given."
            )
        if isinstance(value, jax.Array) and len(value.sharding.device_set) > 1:
            value = np.asarray(value)
        # A copy: the caller may go on changing its own array, and a training step gives its buffers away.
        value = np.array(value) if isinstance(value, np.ndarray) else jnp.array(value, copy=True)
        self._value, self._thunk = value, None

    def replace(self, value) -> None:
        """Takes over the array a program computed (shape and dtype are known to be right)."""
        self._value, self._thunk = value, None

    def numpy(self) -> np.ndarray:
        return np.array(self.value)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.value, dtype=dtype)

    def __jax_array__(self):
        resolve = current_resolver()
        return jnp.asarray(self.value if resolve is None else resolve(self))

    def __repr__(self):
        return f"<Variable {self._name!r} shape={tuple(self.shape)} dtype={self.dtype}>"

    def __bool__(self):
        raise TypeError(f"the variable {self._name!r} has no truth value; use K.get_value(variable) first.")

    def __iter__(self):
        raise TypeError(f"the variable {self._name!r} cannot be iterated over; use K.get_value(variable) or slice it.")

    def __hash__(self):
        return id(self)

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return self is not other


def living_variables() -> list[Variable]:
    """All Variables that something still holds, in the order in which they were made."""
    return sorted(_alive, key=lambda v: v.serial)


def on_device(variables) -> list | None:
    """The values of Variables where all are jax arrays, else None; of few steps, as it goes before every dispatch."""
    values = [v._value for v in variables]
    kinds = set(map(type, values))
    return None if np.ndarray in kinds or type(None) in kinds else values

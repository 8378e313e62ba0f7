"""What changes when a tensor is computed: assignments, their order, operations without a value."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import jax
import jax.numpy as jnp

from kjax.backend.elementwise import cast
from kjax.backend.operation import as_array, tensor_op
from kjax.compat.tensorflow.current import session_of
from kjax.graph import KerasTensor, Update, Variable, unique_name
from kjax.graph.tensor import Op

__all__ = ["Operation", "assign", "assign_add", "assign_sub", "control_dependencies", "group", "no_op", "tuple_"]


class Operation:
    """What `Session.run` carries out and gives None for.

    Args:
        requires: tensors, updates and operations to be carried out.
        actions: functions without arguments to be called first.
        name: str.
        kind: what `type` says.
    """

    def __init__(self, requires=(), actions=(), name="NoOp", kind="NoOp"):
        self.requires, self.actions = list(requires), list(actions)
        self.name, self.type = unique_name(name), kind
        self.control_inputs = list(_open_dependencies())
        self.inputs: list = []
        self.outputs: list = []

    def run(self, feed_dict=None, session=None) -> None:
        """Carries it out in a session; see `Session.run`."""
        session_of(session).run(self, feed_dict)

    def __repr__(self):
        return f"<Operation {self.name!r} type={self.type}>"


# ---------------------------------------------------------------- order


class _Scope(NamedTuple):
    first: int  # serial numbers of the operations recorded within
    last: int | None
    after: list


_scopes: list[_Scope] = []
_open: list[int] = []  # places in `_scopes` of those that are open


def forget_scopes() -> None:
    """Drops the order of what was recorded."""
    _scopes.clear()
    _open.clear()


def _open_dependencies() -> list:
    return [x for i in _open for x in _scopes[i].after]


@contextlib.contextmanager
def control_dependencies(control_inputs):
    """What is recorded within is computed after these tensors, updates and operations, whose changes it sees.

    Args:
        control_inputs: list of them; None: within it, what is around it does not count.
    """
    outer = list(_open)
    if control_inputs is None:
        _open.clear()
    elif control_inputs:
        given = control_inputs if isinstance(control_inputs, (list, tuple)) else [control_inputs]
        _open.append(len(_scopes))
        _scopes.append(_Scope(next(Op._serial), None, [_effect(x) for x in given if x is not None]))
    try:
        yield
    finally:
        if control_inputs and _open and _open != outer:
            scope = _scopes[_open[-1]]
            _scopes[_open[-1]] = scope._replace(last=next(Op._serial))
        _open[:] = outer


def _effect(x):
    if isinstance(x, (KerasTensor, Variable, Update, Operation)):
        return x
    if callable(x):
        return _effect(x())
    if isinstance(x, (jax.Array,)) or hasattr(x, "dtype"):
        return Operation()  # a constant: nothing to wait for
    raise TypeError(f"control_dependencies: tensors, updates or operations were required; got {type(x).__name__}.")


def dependencies_of(node: Op) -> list:
    """What must be carried out before an operation."""
    return [
        x
        for scope in _scopes
        if scope.first < node.serial and (scope.last is None or node.serial < scope.last)
        for x in scope.after
    ]


def any_order() -> bool:
    """Whether any order was asked for."""
    return bool(_scopes)


def _flat(inputs):
    for x in inputs:
        if isinstance(x, (list, tuple)) and not isinstance(x, Update):
            yield from _flat(x)
        elif x is not None:
            yield x


def group(*inputs, name="group_deps", **kwargs):
    """One operation that carries out all its inputs.

    Args:
        inputs: tensors, updates, operations, lists of them.
    """
    return Operation([_effect(x) for x in _flat(inputs)], name=name)


def no_op(name="NoOp"):
    """An operation that does nothing."""
    return Operation(name=name)


def tuple_(tensors, name=None, control_inputs=None):
    """The tensors, each computed after all of them and `control_inputs`."""
    with control_dependencies([x for x in [*tensors, *(control_inputs or [])] if x is not None]):
        return [None if x is None else _same(x) for x in tensors]


@tensor_op(name="Identity", rowwise=True, always=True)
def _same(x):
    return as_array(x)


# ---------------------------------------------------------------- assignments


@tensor_op(name="Assign", always=True)
def _assigned(value):
    return as_array(value)


@tensor_op(name="AssignAdd", always=True)
def _added(variable, delta, sign):
    variable = as_array(variable)
    return variable + sign * jnp.asarray(delta).astype(variable.dtype)


def _checked(ref, where):
    if not isinstance(ref, Variable):
        raise TypeError(f"{where}: a variable was required; got {type(ref).__name__}.")
    return ref


def _pending(variable, tensor):
    """A tensor that changes the variable to its own value when it is computed."""
    tensor.update = Update(variable, tensor)
    return tensor


def assign(ref, value, validate_shape=None, use_locking=None, name=None):
    """A tensor with the value; the variable has it when a session has computed the tensor.

    Args:
        ref: Variable.
        value: tensor, array or number of its shape.
    """
    _checked(ref, "assign")
    if isinstance(value, (KerasTensor, Variable)):
        value = value if str(value.dtype) == str(ref.dtype) else cast(value, str(ref.dtype))
    else:
        value = jnp.asarray(value, str(ref.dtype))
    _check_shape(ref, value, "assign")
    return _pending(ref, _assigned(value))


def assign_add(ref, value, use_locking=None, name=None):
    """As `assign`, of the variable's value plus `value`."""
    return _step(ref, value, 1, "assign_add")


def assign_sub(ref, value, use_locking=None, name=None):
    """As `assign`, of the variable's value minus `value`."""
    return _step(ref, value, -1, "assign_sub")


def _step(ref, value, sign, where):
    _checked(ref, where)
    value = value if isinstance(value, (KerasTensor, Variable)) else jnp.asarray(value, str(ref.dtype))
    _check_shape(ref, value, where)
    return _pending(ref, _added(ref, value, sign))


def _check_shape(ref, value, where):
    shape = tuple(value.shape)
    if len(shape) != len(ref.shape) or any(d is not None and d != n for d, n in zip(shape, ref.shape, strict=True)):
        raise ValueError(f"{where}: {ref.name!r} has shape {tuple(ref.shape)}; the value has shape {shape}.")


def is_step(tensor) -> bool:
    """Whether a tensor is the result of `assign_add` or `assign_sub`, which see earlier changes of the same run."""
    return tensor.op is not None and tensor.op.operation is _added.operation

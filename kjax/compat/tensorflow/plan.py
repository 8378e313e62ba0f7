"""From what a session is asked for to one compiled function: outputs, changes, their order."""

from __future__ import annotations

from typing import Any

import jax

from kjax.backend.functions import Function
from kjax.backend.phase import is_learning_phase
from kjax.backend.placeholders import required_placeholders
from kjax.compat.tensorflow.effects import Operation, any_order, dependencies_of, is_step
from kjax.compat.tensorflow.errors import InvalidArgumentError
from kjax.graph import KerasTensor, Update, Variable
from kjax.graph.record import fill, record
from kjax.graph.substitute import replaced_body

__all__ = ["Plan"]


class Plan:
    """How to carry out fetches: which function computes them, what happens before.

    Args:
        fetches: list of tensors, Variables, Updates and Operations.
        feeds: list of the tensors that are fed.

    Raises:
        InvalidArgumentError: when a placeholder is needed that is not fed.
    """

    def __init__(self, fetches, feeds):
        self.held = (list(fetches), list(feeds))  # the cache goes by identity
        self.actions: list = []
        self._now: dict[int, Any] = {}  # id of a variable -> the tensor that is its value by now
        self._changed: dict[int, Variable] = {}
        self._done: dict[int, Any] = {id(t): t for t in feeds}
        self._carried: set[int] = set()
        self._besides: list = []  # tensors that are computed for what they do
        values = [self._fetched(x) for x in fetches]
        self.places = [None if v is None else i for v, i in zip(values, _numbers(values), strict=True)]
        outputs = [v for v in values if v is not None]
        updates = [(v, self._now[i]) for i, v in self._changed.items()]
        wanted = [*outputs, *self._besides, *(value for _, value in updates)]
        self._check_fed(wanted, feeds)
        self.feeds = list(feeds)
        self.function = Function(feeds, [*outputs, *self._besides], updates, name="Session.run") if wanted else None

    def __call__(self, values) -> list:
        """The values of the fetches for the values of the feeds; None for what has none."""
        for action in self.actions:
            action()
        found = self.function(values) if self.function is not None else []
        return [None if place is None else found[place] for place in self.places]

    def _check_fed(self, wanted, feeds):
        missing = [t for t in required_placeholders(wanted, feeds) if not is_learning_phase(t)]
        if missing:
            t = missing[0]
            raise InvalidArgumentError(
                message=f"You must feed a value for placeholder tensor {t.name!r} with dtype {t.dtype} and shape "
                f"{tuple(t.shape)}; fed are {[f.name for f in feeds]}."
            )

    # ------------------------------------------------------------ what each kind of fetch asks for

    def _fetched(self, x):
        """The tensor that is the value of a fetch; None for an operation."""
        if isinstance(x, Operation):
            self._carry_out(x)
            return None
        if isinstance(x, Update):
            return self._update(x)
        return self._value(x) if isinstance(x, KerasTensor) else x

    def _carry_out(self, x):
        """Takes over what an operation, an update or a tensor changes."""
        if id(x) in self._carried:
            return
        self._carried.add(id(x))
        if isinstance(x, Operation):
            for before in x.control_inputs:
                self._carry_out(before)
            self.actions.extend(x.actions)
            for inner in x.requires:
                self._carry_out(inner)
        elif isinstance(x, Update):
            self._update(x)
        elif isinstance(x, KerasTensor):
            value = self._value(x)
            if getattr(x, "update", None) is None:
                self._besides.append(value)

    def _update(self, update):
        value = update.value
        if isinstance(value, KerasTensor):
            value = self._value(value)
        self._change(update.variable, value)
        return value

    def _change(self, variable, value):
        self._changed[id(variable)] = variable
        self._now[id(variable)] = value

    # ------------------------------------------------------------ tensors

    def _value(self, tensor):
        """The tensor, with the changes that are to be seen in it; what it changes itself is taken over."""
        stack = [tensor]
        while stack:
            t = stack[-1]
            if id(t) in self._done or t.op is None:
                self._done.setdefault(id(t), t)
                stack.pop()
                continue
            before = dependencies_of(t.op) if any_order() else []
            for x in before:
                self._carry_out(x)
            todo = [v for v in t.op.leaves if isinstance(v, KerasTensor) and id(v) not in self._done]
            if todo:
                stack.extend(reversed(todo))
                continue
            self._recorded(t, before)
            stack.pop()
        return self._done[id(tensor)]

    def _recorded(self, t, before):
        """Puts the outputs of a tensor's operation into `_done`, recorded anew where a leaf has become another."""
        seen = {id(v): self._now[id(v)] for x in before for v in _variables(x) if id(v) in self._now}
        if is_step(t):
            variable = t.op.leaves[0]
            seen.setdefault(id(variable), self._now.get(id(variable), variable))
        leaves = [seen.get(id(v), v) if isinstance(v, Variable) else self._done.get(id(v), v) for v in t.op.leaves]
        if all(a is b for a, b in zip(leaves, t.op.leaves, strict=True)):
            fresh = t.op.outputs
        else:
            args, kwargs = fill(t.op.template, leaves, body=replaced_body)
            fresh = jax.tree.leaves(record(t.op.operation, args, kwargs))
        self._done.update((id(old), new) for old, new in zip(t.op.outputs, fresh, strict=True))
        for old in t.op.outputs:
            update = getattr(old, "update", None)
            if update is not None:
                self._change(update.variable, self._done[id(old)])


def _variables(x, seen=None):
    """The variables that a tensor, an update or an operation changes, through whatever it requires."""
    seen = set() if seen is None else seen
    found, stack = [], [x]
    while stack:
        x = stack.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        if isinstance(x, Operation):
            stack.extend([*x.requires, *x.control_inputs])
        elif isinstance(x, Update):
            found.append(x.variable)
        elif isinstance(x, KerasTensor):
            if getattr(x, "update", None) is not None:
                found.append(x.update.variable)
            if x.op is not None:
                stack.extend(x.op.leaves)
                stack.extend(dependencies_of(x.op))
    return found


def _numbers(values):
    """0, 1, ... for the values that are not None."""
    count = 0
    for v in values:
        yield count
        count += v is not None

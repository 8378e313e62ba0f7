"""Reading a Keras 1 call as the Keras 2 call it stands for: the one procedure that the tables in `rules` drive."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np


@dataclass
class Call:
    """A call on its way from Keras 1 to Keras 2; steps change it in place.

    Attributes:
        label: the class or function called, as warnings and errors name it.
        args, kwargs: the arguments without `self`.
        converted: whether anything so far asks for an "Update your call" warning.
    """

    label: str
    args: list[Any]
    kwargs: dict[str, Any]
    converted: bool = False

    def take(self, name: str) -> Any:
        """Remove a Keras 1 keyword; the call counts as converted."""
        self.converted = True
        return self.kwargs.pop(name)

    def give(self, name: str, value: Any) -> None:
        """Add a Keras 2 keyword that a Keras 1 one stands for."""
        if name in self.kwargs:
            raise TypeError(f"{self.label}: {name} was given twice, by its Keras 2 name and by a Keras 1 one.")
        self.kwargs[name] = value

    def note(self, text: str) -> None:
        """Warn about something that has no Keras 2 form."""
        _warn(f"{self.label}: {text}")

    def text(self) -> str:
        """The call as one would write it."""
        parts = [_show(v) for v in self.args] + [f"{k}={_show(v)}" for k, v in self.kwargs.items()]
        return f"{self.label}({', '.join(parts)})"


Step = Callable[[Call], None]


@dataclass(frozen=True)
class Interface:
    """What one kind of Keras 1 call becomes.

    Attributes:
        positional: the arguments Keras 2 takes by position; None: not checked.
        renamed: Keras 1 keyword -> Keras 2 keyword; None: the keyword is dropped.
        values: Keras 1 keyword -> {Keras 1 value: Keras 2 value}; values not listed stay.
        steps: what a renaming cannot express; they run first.
    """

    positional: tuple[str, ...] | None = None
    renamed: Mapping[str, str | None] = field(default_factory=dict)
    values: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


def convert(interface: Interface, label: str, args, kwargs, check: bool = True) -> tuple[list[Any], dict[str, Any]]:
    """The Keras 2 arguments of a Keras 1 (or Keras 2) call; one UserWarning if something was converted.

    Args:
        check: refuse more positional arguments than `interface.positional` lists.
    """
    call = converted_call(interface, label, args, kwargs, check)
    return call.args, call.kwargs


def converted_call(interface: Interface, label: str, args, kwargs, check: bool = True) -> Call:
    """`convert`, with the answer whether anything was converted."""
    call = Call(label, list(args), dict(kwargs))
    for step in interface.steps:
        step(call)
    limit = interface.positional
    if check and limit is not None and len(call.args) > len(limit):
        allowed = f"only {', '.join(limit)} by position" if limit else "no positional arguments"
        raise TypeError(
            f"{label}: takes {allowed}, got {len(call.args)} positional arguments: {call.text()}. "
            "Give the others by keyword."
        )
    for old in [k for k in call.kwargs if k in interface.renamed]:
        new = interface.renamed[old]
        value = call.take(old)
        if new is not None:
            call.give(new, _value(interface.values.get(old), value))
    if call.converted:
        _warn(f"Update your `{label}` call to the Keras 2 API: `{call.text()}`")
    return call


def converting(interface: Interface, label: str | None = None, method: bool = True) -> Callable[[Callable], Callable]:
    """Decorator: the function takes Keras 1 calls too.

    Args:
        label: the name in warnings; None: the class of `self`.
        method: the first argument is `self` and not part of the call.
    """

    def decorate(func):
        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            head = args[: 1 if method else 0]
            name = label if label is not None else type(head[0]).__name__
            rest, named = convert(interface, name, args[len(head) :], kwargs)
            return func(*head, *rest, **named)

        return wrapper

    return decorate


def marked(wrapper: Callable) -> Callable:
    """The wrapper with a sign that says it takes Keras 1 calls already."""
    wrapper.keras1 = True  # type: ignore[attr-defined]
    return wrapper


def _value(table: Mapping[Any, Any] | None, value: Any) -> Any:
    if table is None or not isinstance(value, str):
        return value
    return table.get(value, value)


def _show(value: Any) -> str:
    """A short form: arrays and objects by their kind."""
    if value is None or isinstance(value, (bool, int, float, str, np.generic)):
        return repr(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_show, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list) and len(value) <= 8:
        return f"[{', '.join(map(_show, value))}]"
    if isinstance(value, dict) and len(value) <= 8:
        return f"{{{', '.join(f'{_show(k)}: {_show(v)}' for k, v in value.items())}}}"
    name = getattr(value, "name", None) or getattr(value, "__name__", None)
    return f"<{type(value).__name__}{' ' + name if isinstance(name, str) else ''}>"


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=_outside())


def _outside() -> int:
    """The stack level of the first frame that is not kjax's: the line that made the call."""
    level = 2
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("kjax."):
        level, frame = level + 1, frame.f_back
    return level

"""Attributes, methods and keys that objects had in Keras 1."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from kjax.backend.config import FORMAT_TO_ORDERING
from kjax.compat.names import METHOD_NAMES
from kjax.keras1.call_conversion import marked


class Renamed:
    """A class attribute that gives the attribute `name`; an instance may set its own instead."""

    def __init__(self, name: str):
        self.name = name
        self.__doc__ = f"The name that Keras 1 gave `{name}`."

    def __get__(self, instance, owner=None):
        return self if instance is None else getattr(instance, self.name)


class RenamedSettable(Renamed):
    """The same for an attribute that programs assign to: both names mean one thing."""

    def __set__(self, instance, value):
        setattr(instance, self.name, value)


class Ordering:
    """A class attribute `dim_ordering` that gives the layer's `data_format` in Keras 1's words."""

    def __get__(self, instance, owner=None):
        return self if instance is None else FORMAT_TO_ORDERING[instance.data_format]


class OldKeys(dict):
    """A callback's `params` that also answer to the keys of Keras 1."""

    names = {"nb_epoch": "epochs", "nb_sample": "samples"}

    def __missing__(self, key):
        if key in self.names and self.names[key] in self:
            return self[self.names[key]]
        raise KeyError(key)


def accept_keras1_params(callback: Any) -> None:
    """Let callbacks read `self.params` by the keys of Keras 1."""
    set_params = callback.set_params
    if hasattr(set_params, "keras1"):
        return

    @functools.wraps(set_params)
    def with_old_keys(self, params):
        return set_params(self, OldKeys(params))

    callback.set_params = marked(with_old_keys)


def accept_keras1_methods(layer: Any) -> None:
    """Let subclasses of a base class define methods under their Keras 1 names, and call them by either name."""
    if "_keras1_methods" in vars(layer):
        return
    layer._keras1_methods = True
    inherited = vars(layer).get("__init_subclass__")

    def __init_subclass__(cls, **kwargs):
        if inherited is None:
            super(layer, cls).__init_subclass__(**kwargs)
        else:
            inherited.__func__(cls, **kwargs)
        _pair_methods(cls)

    _pair_methods(layer)
    for cls in _subclasses(layer):
        _pair_methods(cls)
    layer.__init_subclass__ = classmethod(__init_subclass__)


def _pair_methods(cls: Any) -> None:
    """Where a class defines a method by one name, define it by the other too: `super()` works by both."""
    for old, new in METHOD_NAMES.items():
        own = vars(cls)
        if new in own and old not in own:
            setattr(cls, old, own[new])
        elif old in own and new not in own:
            setattr(cls, new, own[old])


def _subclasses(cls: Any) -> Iterator[Any]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)

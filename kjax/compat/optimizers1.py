"""Optimizers of one's own as Keras 1 had them: `get_updates(self, params, constraints, loss)`."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from kjax.keras1.call_conversion import marked


def accept_keras1_updates(optimizer: Any) -> None:
    """Let subclasses of `Optimizer` define `get_updates(params, constraints, loss)`; training calls it as it is meant.

    `constraints` is a dict weight -> constraint of the weights that have one.
    """
    if "_keras1_updates" in vars(optimizer):
        return
    optimizer._keras1_updates = True
    inherited = vars(optimizer).get("__init_subclass__")

    def __init_subclass__(cls, **kwargs):
        if inherited is None:
            super(optimizer, cls).__init_subclass__(**kwargs)
        else:
            inherited.__func__(cls, **kwargs)
        own = vars(cls).get("get_updates")
        if inspect.isfunction(own) and "constraints" in inspect.signature(own).parameters:
            cls.get_updates = _called_by_either(own)

    optimizer.__init_subclass__ = classmethod(__init_subclass__)


def _called_by_either(function):
    """The method, called as (params, constraints, loss) or, as Keras 2 does, as (loss, params)."""

    @functools.wraps(function)
    def get_updates(self, *args, **kwargs):
        if "constraints" in kwargs or len(args) > 2 or len(args) + len(kwargs) > 2:
            return function(self, *args, **kwargs)
        named = {**dict(zip(("loss", "params"), args, strict=False)), **kwargs}
        if set(named) != {"loss", "params"}:
            raise TypeError(
                f"{type(self).__name__}.get_updates: takes params, constraints, loss, or loss, params as Keras 2 gives "
                f"them; got {sorted(named)}."
            )
        params = list(named["params"])
        constraints = {p: p.constraint for p in params if getattr(p, "constraint", None) is not None}
        return function(self, params=params, constraints=constraints, loss=named["loss"])

    return marked(get_updates)

"""What TensorFlow's optimizers do around their rules: scheduled rates, weight decay, clipping of each gradient."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import optax

from kjax.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, Optimizer
from kjax.saving.tf_rules import TfNadam, TfRMSprop
from kjax.saving.tf_schedules import Schedule, parse_schedule

__all__ = ["EXTENDED", "base_name"]


def extended(learning_rate, inner, options, clip_each=None, weight_decay=None, schedule=None, **rates):
    """A rule of Keras with TensorFlow's additions; see `_Extended`."""
    make = dict(options)
    start = inner(learning_rate, **rates, **make)

    def update(grads, state, params=None):
        rate = learning_rate
        if schedule is not None:
            rate = schedule(state.count.astype(jnp.result_type(float)))
        if clip_each is not None:
            grads = jax.tree.map(lambda g: g * (clip_each / jnp.maximum(jnp.linalg.norm(g.ravel()), clip_each)), grads)
        steps, state = inner(rate, **rates, **make).update(grads, state, params)
        if weight_decay is not None:
            steps = jax.tree.map(lambda s, p: s - rate * weight_decay * p, steps, params)
        return steps, state

    return optax.GradientTransformation(start.init, update)


class _Extended(Optimizer):
    """An optimizer of Keras as TensorFlow's Keras runs it, with a number of additions.

    g <- g * c / max(|g|, c) for each gradient by itself;  w <- w * (1 - lr * weight_decay) before the step

    Args:
        clip_each: c, number > 0 or None; TensorFlow calls it `clipnorm`.
        weight_decay: number >= 0 or None.
        schedule: {'class_name': ..., 'config': {...}} of a falling rate, which then counts instead of `lr`; or None.
        **kwargs: as for the optimizer itself.

    Differs: no class of Keras 2.2.4; models imported from tf.keras train with it.
    """

    def __init__(self, clip_each=None, weight_decay=None, schedule=None, **kwargs):
        self._schedule: Schedule | None = None
        if schedule is not None:
            self._schedule = parse_schedule(schedule)
            kwargs.pop("learning_rate", None)
            kwargs["lr"] = self._schedule.initial
        super().__init__(**kwargs)
        self.clip_each, self.weight_decay = clip_each, weight_decay

    def _rule(self) -> tuple[Any, dict[str, Any]]:
        inner, options = super()._rule()
        additions = {"clip_each": self.clip_each, "weight_decay": self.weight_decay, "schedule": self._schedule}
        return extended, {"inner": inner, "options": tuple(sorted(options.items())), **additions}

    def get_config(self):
        schedule = None if self._schedule is None else self._schedule.config()
        own = {"clip_each": self.clip_each, "weight_decay": self.weight_decay, "schedule": schedule}
        return {**super().get_config(), **{k: v for k, v in own.items() if v is not None}}


def _class(base):
    name = base.__name__ if base.__name__.startswith("Tf") else "Tf" + base.__name__
    return type(name, (_Extended, base), {"__doc__": inspect.getdoc(_Extended), "__module__": __name__})


# the optimizers that are read from files of TensorFlow's Keras, by the names they are saved under
EXTENDED = {c.__name__: c for c in map(_class, (SGD, TfRMSprop, Adagrad, Adadelta, Adam, Adamax, TfNadam))}


def base_name(optimizer) -> str:
    """The name of the rule an optimizer follows."""
    kind = type(optimizer)
    return kind.__mro__[2].__name__ if issubclass(kind, _Extended) else kind.__name__

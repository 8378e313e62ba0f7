"""Learning rates of TensorFlow's Keras that fall with the number of steps."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax.numpy as jnp

__all__ = ["Schedule", "parse_schedule"]


class Schedule(NamedTuple):
    """A learning rate by the number of finished steps.

    Attributes:
        name: of TensorFlow's class.
        settings: its arguments as (name, number, flag or tuple of numbers), sorted; hashable.
    """

    name: str
    settings: tuple

    def __call__(self, step):
        return _RATES[self.name](step, **dict(self.settings))

    @property
    def initial(self) -> float:
        return float(self(jnp.zeros(())))

    def config(self) -> dict:
        """What `parse_schedule` reads."""
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in self.settings}
        return {"class_name": self.name, "config": plain}


def _exponential(step, initial_learning_rate, decay_steps, decay_rate, staircase=False):
    passed = step / decay_steps
    return initial_learning_rate * decay_rate ** (jnp.floor(passed) if staircase else passed)


def _inverse_time(step, initial_learning_rate, decay_steps, decay_rate, staircase=False):
    passed = step / decay_steps
    return initial_learning_rate / (1 + decay_rate * (jnp.floor(passed) if staircase else passed))


def _polynomial(step, initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False):
    whole = decay_steps * jnp.maximum(jnp.ceil(step / decay_steps), 1.0) if cycle else decay_steps
    left = 1 - jnp.minimum(step, whole) / whole
    return (initial_learning_rate - end_learning_rate) * left**power + end_learning_rate


def _piecewise(step, boundaries, values):
    rate = jnp.asarray(values[-1], jnp.float32)
    for bound, value in reversed(list(zip(boundaries, values[:-1], strict=True))):
        rate = jnp.where(step <= bound, value, rate)
    return rate


def _cosine(step, initial_learning_rate, decay_steps, alpha=0.0, warmup_target=None, warmup_steps=0):
    top = initial_learning_rate if warmup_target is None else warmup_target
    warm = 0 if warmup_target is None else warmup_steps
    passed = jnp.clip(step - warm, 0, decay_steps) / decay_steps
    rate = top * ((1 - alpha) * 0.5 * (1 + jnp.cos(math.pi * passed)) + alpha)
    if not warm:
        return rate
    return jnp.where(step < warm, (top - initial_learning_rate) * step / warm + initial_learning_rate, rate)


def _cosine_restarts(step, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0):
    passed = step / first_decay_steps
    if t_mul == 1.0:
        restarts = jnp.floor(passed)
        passed = passed - restarts
    else:
        restarts = jnp.floor(jnp.log(1 - passed * (1 - t_mul)) / math.log(t_mul))
        passed = (passed - (1 - t_mul**restarts) / (1 - t_mul)) / t_mul**restarts
    return initial_learning_rate * ((1 - alpha) * 0.5 * m_mul**restarts * (1 + jnp.cos(math.pi * passed)) + alpha)


_RATES = {
    "ExponentialDecay": _exponential,
    "InverseTimeDecay": _inverse_time,
    "PolynomialDecay": _polynomial,
    "PiecewiseConstantDecay": _piecewise,
    "CosineDecay": _cosine,
    "CosineDecayRestarts": _cosine_restarts,
}
_LISTS = ("boundaries", "values")


def parse_schedule(described) -> Schedule:
    """The Schedule of {'class_name': ..., 'config': {...}}.

    Raises:
        ValueError: for a class or an argument that is not known, or values that are no numbers.
    """
    name, config = described.get("class_name"), described.get("config")
    name = name.rpartition(">")[2] if isinstance(name, str) else name
    if not isinstance(name, str) or name not in _RATES or not isinstance(config, dict):
        raise ValueError(f"its learning rate is the schedule {str(name)[:80]!r}, which is not supported.")
    settings: list[tuple[str, Any]] = []
    for key, value in sorted(config.items()):
        if key == "name" or value is None:
            continue
        numbers = value if key in _LISTS and isinstance(value, list) else [value]
        if not numbers or not all(isinstance(v, (bool, int, float)) and abs(v) < 1e30 for v in numbers):
            raise ValueError(f"its learning rate, a {name}, has {key}={str(value)[:80]!r}, which is no number.")
        settings.append((key, tuple(numbers) if key in _LISTS else value))
    schedule = Schedule(name, tuple(settings))
    try:
        schedule.initial  # noqa: B018
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"its learning rate, a {name}, cannot be computed from {config!r:.200}: {error}") from None
    return schedule

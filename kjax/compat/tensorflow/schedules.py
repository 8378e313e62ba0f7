"""`tf.train.*_decay`, the global step, moving averages."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from kjax.backend.operation import as_array, tensor_op
from kjax.compat.tensorflow.effects import Operation, assign
from kjax.compat.tensorflow.graphs import GraphKeys, get_default_graph
from kjax.compat.tensorflow.variables import make_variable, trainable_variables
from kjax.graph import KerasTensor, Variable

__all__ = [
    "ExponentialMovingAverage", "cosine_decay", "create_global_step", "exponential_decay", "get_global_step",
    "get_or_create_global_step", "global_step", "inverse_time_decay", "natural_exp_decay", "piecewise_constant",
    "polynomial_decay",
]  # fmt: skip


def _float(x):
    return as_array(x).astype(jnp.result_type(float))


@tensor_op(name="exponential_decay", always=True)
def _exponential(rate, step, steps, decay, staircase):
    periods = _float(step) / steps
    return rate * jnp.power(_float(decay), jnp.floor(periods) if staircase else periods)


def exponential_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None):
    """learning_rate * decay_rate ** (global_step / decay_steps), the exponent rounded down with `staircase`."""
    return _exponential(learning_rate, _step(global_step), decay_steps, decay_rate, bool(staircase))


def natural_exp_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None):
    """learning_rate * exp(-decay_rate * global_step / decay_steps), the quotient rounded down with `staircase`."""
    return _exponential(learning_rate, _step(global_step), decay_steps, math.exp(-decay_rate), bool(staircase))


@tensor_op(name="inverse_time_decay", always=True)
def _inverse(rate, step, steps, decay, staircase):
    periods = _float(step) / steps
    return rate / (1 + decay * (jnp.floor(periods) if staircase else periods))


def inverse_time_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None):
    """learning_rate / (1 + decay_rate * global_step / decay_steps), the quotient rounded down with `staircase`."""
    return _inverse(learning_rate, _step(global_step), decay_steps, decay_rate, bool(staircase))


@tensor_op(name="polynomial_decay", always=True)
def _polynomial(rate, step, steps, end, power, cycle):
    step = _float(step)
    if cycle:
        steps = steps * jnp.maximum(1.0, jnp.ceil(step / steps))
    return (rate - end) * jnp.power(1 - jnp.minimum(step, steps) / steps, power) + end


def polynomial_decay(
    learning_rate, global_step, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False, name=None
):
    """From learning_rate to end_learning_rate in decay_steps, by (1 - step / decay_steps) ** power."""
    return _polynomial(learning_rate, _step(global_step), decay_steps, end_learning_rate, power, bool(cycle))


@tensor_op(name="cosine_decay", always=True)
def _cosine(rate, step, steps, alpha):
    share = jnp.minimum(_float(step), steps) / steps
    return rate * ((1 - alpha) * 0.5 * (1 + jnp.cos(jnp.pi * share)) + alpha)


def cosine_decay(learning_rate, global_step, decay_steps, alpha=0.0, name=None):
    """From learning_rate to alpha * learning_rate in decay_steps, along half a cosine."""
    return _cosine(learning_rate, _step(global_step), decay_steps, alpha)


@tensor_op(name="piecewise_constant", always=True)
def _pieces(x, boundaries, values):
    place = jnp.sum(as_array(x) > jnp.asarray(boundaries))
    return jnp.stack([as_array(v) for v in values])[place]


def piecewise_constant(x, boundaries, values, name=None):
    """values[0] up to boundaries[0], values[1] up to boundaries[1], ...; the last one beyond."""
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")
    return _pieces(_step(x), tuple(boundaries), list(values))


def _step(x):
    if isinstance(x, (KerasTensor, Variable)):
        return x
    if x is None:
        raise ValueError("global_step is required for a decay.")
    return np.asarray(x)


# ---------------------------------------------------------------- the global step


def get_global_step(graph=None):
    """The Variable that counts steps; None before there is one."""
    found = (graph or get_default_graph()).get_collection(GraphKeys.GLOBAL_STEP)
    return found[0] if found else None


def create_global_step(graph=None):
    """Makes it; ValueError when there is one."""
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    made = make_variable(np.zeros((), np.int32), trainable=False, name="global_step")
    (graph or get_default_graph()).add_to_collection(GraphKeys.GLOBAL_STEP, made)
    return made


def get_or_create_global_step(graph=None):
    """The Variable that counts steps, made where there is none."""
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def global_step(sess, global_step_tensor) -> int:
    """The value of the global step."""
    return int(sess.run(global_step_tensor))


# ---------------------------------------------------------------- moving averages


class ExponentialMovingAverage:
    """Moving averages of variables: a <- a - (1 - decay) * (a - v).

    Args:
        decay: number, 0..1.
        num_updates: Variable or number n: the decay is at most (1 + n) / (10 + n).
        zero_debias: must be False.
    """

    def __init__(self, decay, num_updates=None, zero_debias=False, name="ExponentialMovingAverage"):
        if zero_debias:
            raise NotImplementedError("ExponentialMovingAverage: zero_debias is not supported.")
        self._decay, self._updates, self._name = decay, num_updates, name
        self._averages: dict[int, tuple[Variable, Variable]] = {}

    def apply(self, var_list=None) -> Operation:
        """The operation that moves the averages, which begin at the present values."""
        variables = trainable_variables() if var_list is None else list(var_list)
        decay = self._decay if self._updates is None else _bounded(self._decay, self._updates)
        for v in variables:
            if not isinstance(v, Variable):
                raise TypeError(f"ExponentialMovingAverage.apply: variables were required; got {type(v).__name__}.")
            if id(v) not in self._averages:
                shadow = make_variable(np.asarray(v.value), trainable=False, name=self.average_name(v))
                get_default_graph().add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, v)
                self._averages[id(v)] = (v, shadow)
        pairs = [self._averages[id(v)] for v in variables]
        return Operation([assign(a, _moved(a, v, decay)) for v, a in pairs], name=self._name)

    def average(self, var):
        """The Variable that is the average; None before `apply`."""
        found = self._averages.get(id(var))
        return found and found[1]

    def average_name(self, var) -> str:
        """The name of the average."""
        return f"{var.name[:-2]}/{self._name}"

    def variables_to_restore(self, moving_avg_variables=None) -> dict:
        """Name in a checkpoint -> Variable: averages stand for the variables that have one."""
        have = {id(v): v for v, _ in self._averages.values()}
        found = {self.average_name(v): v for v in have.values()}
        rest = moving_avg_variables if moving_avg_variables is not None else trainable_variables()
        return {**found, **{v.name[:-2]: v for v in rest if id(v) not in have}}


def assign_moving_average(variable, value, decay, zero_debias=False, name=None):
    """The assignment variable <- decay * variable + (1 - decay) * value; `zero_debias` must be False."""
    if zero_debias:
        raise NotImplementedError("assign_moving_average: zero_debias is not supported; use K.moving_average_update.")
    return assign(variable, _moved(variable, value, decay))


@tensor_op(name="bounded_decay")
def _bounded(decay, updates):
    n = _float(updates)
    return jnp.minimum(decay, (1 + n) / (10 + n))


@tensor_op(name="moving_average")
def _moved(average, value, decay):
    return as_array(average) - (1 - decay) * (as_array(average) - as_array(value))

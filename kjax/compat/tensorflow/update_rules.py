"""The arithmetic of TensorFlow 1's optimizers where Keras's is another, as Optax transformations."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

__all__ = ["adagrad", "descent", "momentum", "rmsprop"]


class _State(NamedTuple):
    """`count` is the number of finished steps; slots that are not used are empty tuples."""

    count: Any
    first: Any
    second: Any = ()
    third: Any = ()


def _filled(params, value):
    return jax.tree.map(lambda p: np.full(p.shape, value, p.dtype), params)


def _start():
    return np.zeros((), np.int32)


def _rates(*values):
    return tuple(jnp.asarray(v, jnp.result_type(float)) for v in values)


def momentum(learning_rate, momentum=0.9, nesterov=False) -> optax.GradientTransformation:
    """a <- momentum * a + g;  p <- p - rate * a, with `nesterov` p - rate * (g + momentum * a).

    Differs from Keras's SGD: a changed rate acts on all that has been gathered.
    """
    learning_rate, momentum = _rates(learning_rate, momentum)

    def init(params):
        return _State(_start(), _filled(params, 0))

    def update(grads, state, params=None):
        gathered = jax.tree.map(lambda a, g: (momentum * a + g).astype(a.dtype), state.first, grads)
        if nesterov:
            steps = jax.tree.map(lambda g, a: -learning_rate * (g + momentum * a), grads, gathered)
        else:
            steps = jax.tree.map(lambda a: -learning_rate * a, gathered)
        return steps, _State(state.count + 1, gathered)

    return optax.GradientTransformation(init, update)


def rmsprop(learning_rate, decay=0.9, momentum=0.0, epsilon=1e-10, centered=False) -> optax.GradientTransformation:
    """r <- decay * r + (1 - decay) * g^2;  m <- momentum * m + rate * g / sqrt(r - a^2 + epsilon);  p <- p - m.

    With a the moving average of g when `centered`, else 0; r begins at 1.
    """
    learning_rate, decay, momentum = _rates(learning_rate, decay, momentum)

    def init(params):
        return _State(_start(), _filled(params, 1), _filled(params, 0), _filled(params, 0) if centered else ())

    def update(grads, state, params=None):
        squares = jax.tree.map(lambda r, g: (decay * r + (1 - decay) * g * g).astype(r.dtype), state.first, grads)
        average, below = state.third, squares
        if centered:
            average = jax.tree.map(lambda a, g: (decay * a + (1 - decay) * g).astype(a.dtype), average, grads)
            below = jax.tree.map(lambda r, a: r - a * a, squares, average)
        moment = jax.tree.map(
            lambda m, g, r: (momentum * m + learning_rate * g / jnp.sqrt(r + epsilon)).astype(m.dtype),
            state.second,
            grads,
            below,
        )
        return jax.tree.map(jnp.negative, moment), _State(state.count + 1, squares, moment, average)

    return optax.GradientTransformation(init, update)


def adagrad(learning_rate, initial_accumulator_value=0.1) -> optax.GradientTransformation:
    """a <- a + g^2;  p <- p - rate * g / sqrt(a)."""
    (learning_rate,) = _rates(learning_rate)

    def init(params):
        return _State(_start(), _filled(params, initial_accumulator_value))

    def update(grads, state, params=None):
        gathered = jax.tree.map(lambda a, g: (a + g * g).astype(a.dtype), state.first, grads)
        steps = jax.tree.map(lambda g, a: -learning_rate * g / jnp.sqrt(a), grads, gathered)
        return steps, _State(state.count + 1, gathered)

    return optax.GradientTransformation(init, update)


def descent(learning_rate) -> optax.GradientTransformation:
    """p <- p - rate * g."""
    (learning_rate,) = _rates(learning_rate)

    def init(params):
        return _State(_start(), ())

    def update(grads, state, params=None):
        return jax.tree.map(lambda g: -learning_rate * g, grads), _State(state.count + 1, ())

    return optax.GradientTransformation(init, update)

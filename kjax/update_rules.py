"""Keras 2.2.4's optimizer arithmetic as Optax gradient transformations.

Every rule takes its rates as numbers or as (traced) scalars, so a rate that changes between steps never recompiles;
`epsilon`, `nesterov` and `amsgrad` are static. `update(grads, state, params)` gives what to add to the parameters.
A state is a NamedTuple: `count` (finished steps, int32), then the slots, each a pytree like the parameters, in the
order in which Keras lists an optimizer's weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

Scalar = Any  # a Python number or a scalar array


class SGDState(NamedTuple):
    count: Any
    moment: Any


class AccumulatorState(NamedTuple):
    """State of Adagrad and RMSprop."""

    count: Any
    accumulator: Any


class AdadeltaState(NamedTuple):
    count: Any
    accumulator: Any
    delta_accumulator: Any


class AdamState(NamedTuple):
    """`nu_max` is the pytree of largest second moments with `amsgrad`, else the empty tuple."""

    count: Any
    mu: Any
    nu: Any
    nu_max: Any


class AdamaxState(NamedTuple):
    count: Any
    mu: Any
    nu: Any


class NadamState(NamedTuple):
    """`schedule` is the product of the momentum terms of all finished steps; Keras 2.2.4 does not save it."""

    count: Any
    schedule: jax.Array
    mu: Any
    nu: Any


def _zeros_like(params):
    # NumPy zeros: making them needs no compilation, one per shape of parameter.
    return jax.tree.map(lambda p: np.zeros(p.shape, p.dtype), params)


def _start():
    return np.zeros((), np.int32)


def _scalars(*values):
    """The rates as arrays of the default float type, so that `1 - beta` rounds as it does in a float32 graph."""
    return tuple(jnp.asarray(v, jnp.result_type(float)) for v in values)


def _slots(fn, slot, *others):
    """Maps `fn` over the leaves; the result keeps the slot's dtype, also where the rates are wider."""
    return jax.tree.map(lambda s, *xs: fn(s, *xs).astype(s.dtype), slot, *others)


def _decayed(learning_rate, decay, count):
    """learning_rate / (1 + decay * finished steps)."""
    return learning_rate * (1.0 / (1.0 + decay * count.astype(learning_rate.dtype)))


def _moving(rate):
    """The step of an exponential average of gradients."""
    return lambda average, g: rate * average + (1.0 - rate) * g


def _moving_square(rate):
    """The step of an exponential average of squared gradients."""
    return lambda average, g: rate * average + (1.0 - rate) * jnp.square(g)


def sgd(
    learning_rate: Scalar, momentum: Scalar = 0.0, decay: Scalar = 0.0, nesterov: bool = False
) -> optax.GradientTransformation:
    """Gradient descent with momentum.

    v <- momentum * v - rate * g;  p <- p + v, or p + momentum * v - rate * g with `nesterov`

    Differs from `optax.sgd`: the velocity holds the rate of its time, so a changed rate acts on new gradients only.
    """
    learning_rate, momentum, decay = _scalars(learning_rate, momentum, decay)

    def init(params):
        return SGDState(_start(), _zeros_like(params))

    def update(grads, state, params=None):
        rate = _decayed(learning_rate, decay, state.count)
        moment = _slots(lambda v, g: momentum * v - rate * g, state.moment, grads)
        updates = jax.tree.map(lambda v, g: momentum * v - rate * g, moment, grads) if nesterov else moment
        return updates, SGDState(state.count + 1, moment)

    return optax.GradientTransformation(init, update)


def rmsprop(
    learning_rate: Scalar, rho: Scalar = 0.9, decay: Scalar = 0.0, epsilon: float = 1e-7
) -> optax.GradientTransformation:
    """Gradients divided by a moving root mean square.

    a <- rho * a + (1 - rho) * g^2;  p <- p - rate * g / (sqrt(a) + epsilon)

    Differs from `optax.rmsprop`: epsilon stands outside the root.
    """
    learning_rate, rho, decay = _scalars(learning_rate, rho, decay)

    def init(params):
        return AccumulatorState(_start(), _zeros_like(params))

    def update(grads, state, params=None):
        rate = _decayed(learning_rate, decay, state.count)
        accumulator = _slots(_moving_square(rho), state.accumulator, grads)
        updates = jax.tree.map(lambda g, a: -rate * g / (jnp.sqrt(a) + epsilon), grads, accumulator)
        return updates, AccumulatorState(state.count + 1, accumulator)

    return optax.GradientTransformation(init, update)


def adagrad(learning_rate: Scalar, decay: Scalar = 0.0, epsilon: float = 1e-7) -> optax.GradientTransformation:
    """Gradients divided by the root of the sum of all their squares.

    a <- a + g^2;  p <- p - rate * g / (sqrt(a) + epsilon)

    Differs from `optax.adagrad`: the accumulator starts at zero and epsilon stands outside the root.
    """
    learning_rate, decay = _scalars(learning_rate, decay)

    def init(params):
        return AccumulatorState(_start(), _zeros_like(params))

    def update(grads, state, params=None):
        rate = _decayed(learning_rate, decay, state.count)
        accumulator = _slots(lambda a, g: a + jnp.square(g), state.accumulator, grads)
        updates = jax.tree.map(lambda g, a: -rate * g / (jnp.sqrt(a) + epsilon), grads, accumulator)
        return updates, AccumulatorState(state.count + 1, accumulator)

    return optax.GradientTransformation(init, update)


def adadelta(
    learning_rate: Scalar, rho: Scalar = 0.95, decay: Scalar = 0.0, epsilon: float = 1e-7
) -> optax.GradientTransformation:
    """Steps scaled by the ratio of two moving root mean squares.

    a <- rho * a + (1 - rho) * g^2;  u = g * sqrt(d + epsilon) / sqrt(a + epsilon)
    p <- p - rate * u;  d <- rho * d + (1 - rho) * u^2
    """
    learning_rate, rho, decay = _scalars(learning_rate, rho, decay)

    def init(params):
        return AdadeltaState(_start(), _zeros_like(params), _zeros_like(params))

    def update(grads, state, params=None):
        rate = _decayed(learning_rate, decay, state.count)
        accumulator = _slots(_moving_square(rho), state.accumulator, grads)
        steps = jax.tree.map(
            lambda g, d, a: g * jnp.sqrt(d + epsilon) / jnp.sqrt(a + epsilon),
            grads,
            state.delta_accumulator,
            accumulator,
        )
        delta_accumulator = _slots(_moving_square(rho), state.delta_accumulator, steps)
        updates = jax.tree.map(lambda u: -rate * u, steps)
        return updates, AdadeltaState(state.count + 1, accumulator, delta_accumulator)

    return optax.GradientTransformation(init, update)


def adam(
    learning_rate: Scalar,
    beta_1: Scalar = 0.9,
    beta_2: Scalar = 0.999,
    decay: Scalar = 0.0,
    epsilon: float = 1e-7,
    amsgrad: bool = False,
) -> optax.GradientTransformation:
    """Adam; with `amsgrad` the largest second moment so far divides.

    m <- b1 * m + (1 - b1) * g;  v <- b2 * v + (1 - b2) * g^2
    p <- p - rate * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon)

    Differs from `optax.adam`: epsilon is added to the uncorrected root (the "epsilon hat" of the paper's section 2).
    """
    learning_rate, beta_1, beta_2, decay = _scalars(learning_rate, beta_1, beta_2, decay)

    def init(params):
        return AdamState(_start(), _zeros_like(params), _zeros_like(params), _zeros_like(params) if amsgrad else ())

    def update(grads, state, params=None):
        t = (state.count + 1).astype(learning_rate.dtype)
        rate = _decayed(learning_rate, decay, state.count)
        rate = rate * (jnp.sqrt(1.0 - jnp.power(beta_2, t)) / (1.0 - jnp.power(beta_1, t)))
        mu = _slots(_moving(beta_1), state.mu, grads)
        nu = _slots(_moving_square(beta_2), state.nu, grads)
        nu_max = _slots(jnp.maximum, state.nu_max, nu) if amsgrad else ()
        updates = jax.tree.map(lambda m, v: -rate * m / (jnp.sqrt(v) + epsilon), mu, nu_max if amsgrad else nu)
        return updates, AdamState(state.count + 1, mu, nu, nu_max)

    return optax.GradientTransformation(init, update)


def adamax(
    learning_rate: Scalar,
    beta_1: Scalar = 0.9,
    beta_2: Scalar = 0.999,
    decay: Scalar = 0.0,
    epsilon: float = 1e-7,
) -> optax.GradientTransformation:
    """Adam with the infinity norm.

    m <- b1 * m + (1 - b1) * g;  u <- max(b2 * u, |g|);  p <- p - rate / (1 - b1^t) * m / (u + epsilon)
    """
    learning_rate, beta_1, beta_2, decay = _scalars(learning_rate, beta_1, beta_2, decay)

    def init(params):
        return AdamaxState(_start(), _zeros_like(params), _zeros_like(params))

    def update(grads, state, params=None):
        t = (state.count + 1).astype(learning_rate.dtype)
        rate = _decayed(learning_rate, decay, state.count) / (1.0 - jnp.power(beta_1, t))
        mu = _slots(_moving(beta_1), state.mu, grads)
        nu = _slots(lambda u, g: jnp.maximum(beta_2 * u, jnp.abs(g)), state.nu, grads)
        updates = jax.tree.map(lambda m, u: -rate * m / (u + epsilon), mu, nu)
        return updates, AdamaxState(state.count + 1, mu, nu)

    return optax.GradientTransformation(init, update)


def nadam(
    learning_rate: Scalar,
    beta_1: Scalar = 0.9,
    beta_2: Scalar = 0.999,
    schedule_decay: Scalar = 0.004,
    epsilon: float = 1e-7,
) -> optax.GradientTransformation:
    """Adam with Nesterov momentum and a momentum schedule.

    c(t) = b1 * (1 - 0.5 * 0.96^(t * schedule_decay));  s <- s * c(t)
    m <- b1 * m + (1 - b1) * g;  v <- b2 * v + (1 - b2) * g^2
    n = (1 - c(t)) * g / (1 - s) + c(t + 1) * m / (1 - s * c(t + 1))
    p <- p - rate * n / (sqrt(v / (1 - b2^t)) + epsilon)
    """
    learning_rate, beta_1, beta_2, schedule_decay = _scalars(learning_rate, beta_1, beta_2, schedule_decay)

    def momentum_at(t):
        return beta_1 * (1.0 - 0.5 * jnp.power(0.96, t * schedule_decay))

    def init(params):
        return NadamState(_start(), np.ones((), learning_rate.dtype), _zeros_like(params), _zeros_like(params))

    def update(grads, state, params=None):
        t = (state.count + 1).astype(learning_rate.dtype)
        now, ahead = momentum_at(t), momentum_at(t + 1.0)
        schedule = state.schedule * now
        mu = _slots(_moving(beta_1), state.mu, grads)
        nu = _slots(_moving_square(beta_2), state.nu, grads)

        def step(g, m, v):
            mean = (1.0 - now) * (g / (1.0 - schedule)) + ahead * (m / (1.0 - schedule * ahead))
            return -learning_rate * mean / (jnp.sqrt(v / (1.0 - jnp.power(beta_2, t))) + epsilon)

        updates = jax.tree.map(step, grads, mu, nu)
        return updates, NadamState(state.count + 1, schedule.astype(state.schedule.dtype), mu, nu)

    return optax.GradientTransformation(init, update)


def clip_gradients(grads, clipnorm: float | None = None, clipvalue: float | None = None):
    """Gradients clipped as Keras does: first by the norm over all of them together, then each element.

    Args:
        grads: pytree of arrays.
        clipnorm: largest allowed norm of all gradients taken as one vector; None or <= 0: no limit.
        clipvalue: largest allowed magnitude of an element; None or <= 0: no limit.
    """
    if clipnorm is not None and clipnorm > 0:
        norm = jnp.sqrt(sum(jnp.sum(jnp.square(g)) for g in jax.tree.leaves(grads)))
        grads = jax.tree.map(lambda g: jnp.where(norm >= clipnorm, g * clipnorm / norm, g).astype(g.dtype), grads)
    if clipvalue is not None and clipvalue > 0:
        grads = jax.tree.map(lambda g: jnp.clip(g, -clipvalue, clipvalue), grads)
    return grads


def clipped(
    rule: optax.GradientTransformation, clipnorm: float | None = None, clipvalue: float | None = None
) -> optax.GradientTransformation:
    """`rule` on clipped gradients, with the state of `rule` unchanged."""
    if clipnorm is None and clipvalue is None:
        return rule

    def update(grads, state, params=None):
        return rule.update(clip_gradients(grads, clipnorm, clipvalue), state, params)

    return optax.GradientTransformation(rule.init, update)

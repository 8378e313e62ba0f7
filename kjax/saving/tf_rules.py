"""Rules of TensorFlow's Keras that Keras 2.2.4 computes otherwise: RMSprop, Nadam, penalties on outputs."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from kjax.graph import op
from kjax.optimizers import Nadam, RMSprop
from kjax.regularizers import L1L2

__all__ = ["BatchMeanL1L2", "TfNadam", "TfRMSprop"]


class TfRMSpropState(NamedTuple):
    """`average` and `momentum` are empty tuples where they are not used."""

    count: Any
    velocity: Any
    momentum: Any
    average: Any


def tf_rmsprop(learning_rate, rho=0.9, decay=0.0, momentum=0.0, epsilon=1e-7, centered=False, moving=False):
    """RMSprop with epsilon inside the root; see `TfRMSprop`."""
    learning_rate, rho, momentum, decay = (
        jnp.asarray(v, jnp.result_type(float)) for v in (learning_rate, rho, momentum, decay)
    )

    def zeros(params):
        return jax.tree.map(lambda p: np.zeros(p.shape, p.dtype), params)

    def init(params):
        return TfRMSpropState(
            np.zeros((), np.int32), zeros(params), zeros(params) if moving else (), zeros(params) if centered else ()
        )

    def update(grads, state, params=None):
        velocity = jax.tree.map(lambda v, g: (rho * v + (1 - rho) * g * g).astype(v.dtype), state.velocity, grads)
        average, denominator = state.average, velocity
        if centered:
            average = jax.tree.map(lambda a, g: (rho * a + (1 - rho) * g).astype(a.dtype), state.average, grads)
            denominator = jax.tree.map(lambda v, a: v - a * a, velocity, average)
        rate = learning_rate / (1 + decay * state.count.astype(learning_rate.dtype))
        step = jax.tree.map(lambda g, d: rate * g / jnp.sqrt(d + epsilon), grads, denominator)
        moment = state.momentum
        if moving:
            step = moment = jax.tree.map(lambda m, s: (momentum * m + s).astype(m.dtype), moment, step)
        return jax.tree.map(jnp.negative, step), TfRMSpropState(state.count + 1, velocity, moment, average)

    return optax.GradientTransformation(init, update)


class TfRMSprop(RMSprop):
    """RMSprop as TensorFlow's Keras computes it.

    v <- rho * v + (1 - rho) * g^2;  s = lr * g / sqrt(v - a^2 + epsilon);  m <- momentum * m + s;  w <- w - m

    with a the moving average of g when `centered`, else 0; lr = lr0 / (1 + decay * step).

    Args:
        lr, rho, epsilon, decay: as for `RMSprop`.
        momentum: number >= 0, default 0.
        centered: bool.
        clipnorm, clipvalue: see `Optimizer`.

    Differs: no class of Keras 2.2.4; models imported from tf.keras train with it.
    """

    def __init__(self, lr=0.001, rho=0.9, momentum=0.0, epsilon=None, centered=False, decay=0.0, **kwargs):
        super().__init__(lr=lr, rho=rho, epsilon=epsilon, decay=decay, **kwargs)
        self.moving = momentum > 0
        self._rates(momentum=momentum)
        self.centered = bool(centered)

    def _rule(self):
        return tf_rmsprop, {"epsilon": self.epsilon, "centered": self.centered, "moving": self.moving}

    def _saved_variables(self):
        return list(self.slot_variables)

    def _known_layout(self, weights):
        return weights

    def get_config(self):
        return {**super().get_config(), "centered": self.centered}


class TfNadamState(NamedTuple):
    count: Any
    product: Any
    mu: Any
    nu: Any


def tf_nadam(learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Nadam whose product of momentum terms grows by one factor per weight; see `TfNadam`."""
    learning_rate, beta_1, beta_2 = (jnp.asarray(v, jnp.result_type(float)) for v in (learning_rate, beta_1, beta_2))

    def init(params):
        def zeros():
            return jax.tree.map(lambda p: np.zeros(p.shape, p.dtype), params)

        return TfNadamState(np.zeros((), np.int32), np.ones((), np.float32), zeros(), zeros())

    def update(grads, state, params=None):
        t = (state.count + 1).astype(learning_rate.dtype)
        now = beta_1 * (1 - 0.5 * 0.96**t)
        later = beta_1 * (1 - 0.5 * 0.96 ** (t + 1))
        mu = jax.tree.map(lambda m, g: (beta_1 * m + (1 - beta_1) * g).astype(m.dtype), state.mu, grads)
        nu = jax.tree.map(lambda v, g: (beta_2 * v + (1 - beta_2) * g * g).astype(v.dtype), state.nu, grads)
        product = state.product
        steps = []
        leaves, structure = jax.tree.flatten(grads)
        for i, (g, m, v) in enumerate(zip(leaves, jax.tree.leaves(mu), jax.tree.leaves(nu), strict=True)):
            product = jnp.where(t == i, product, product * now)
            ahead = later * m / (1 - product * later) + (1 - now) * g / (1 - product)
            steps.append(-learning_rate * ahead / (jnp.sqrt(v / (1 - beta_2**t)) + epsilon))
        return jax.tree.unflatten(structure, steps), TfNadamState(state.count + 1, product, mu, nu)

    return optax.GradientTransformation(init, update)


class TfNadam(Nadam):
    """Nadam as the compiled steps of TensorFlow's Keras 2.11 to 2.15 compute it.

    u_t = beta_1 * (1 - 0.96^t / 2);  p <- p * u_t, once for each weight in turn, but not for weight t (of 0, 1, ...)
    s = u_{t+1} * m / (1 - p * u_{t+1}) + (1 - u_t) * g / (1 - p)
    w <- w - lr * s / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Args:
        lr, beta_1, beta_2, epsilon: as for `Nadam`.
        clipnorm, clipvalue: see `Optimizer`.

    Differs: no class of Keras 2.2.4; models imported from tf.keras train with it. The product p starts from 1 after
    loading, as it does there, and the weight it leaves out is that of a step traced once.
    """

    def __init__(self, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=None, **kwargs):
        kwargs.pop("schedule_decay", None)
        super().__init__(lr=lr, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **kwargs)

    def _rule(self):
        return tf_nadam, {"epsilon": self.epsilon}


@op(context=True, rowwise=True)
def _mean_penalty(ctx, x, l1, l2):
    """The penalty per row of the batch; rows that only pad it count nothing."""
    rows = jnp.asarray(x.shape[0], x.dtype)
    if ctx.rows is not None:
        x, rows = x * ctx.row_weights(x), jnp.sum(ctx.rows_of(x)).astype(x.dtype)
    penalty = jnp.zeros((), x.dtype)
    if l1:
        penalty += l1 * jnp.sum(jnp.abs(x))
    if l2:
        penalty += l2 * jnp.sum(jnp.square(x))
    return penalty / rows


class BatchMeanL1L2(L1L2):
    """sum(l1 * |x| + l2 * x^2) / batch size: TensorFlow's Keras's penalty on a layer's output.

    Args:
        l1: factor of the absolute values, number, default 0.
        l2: factor of the squares, number, default 0.
    """

    def __call__(self, x):
        return _mean_penalty(x, self.l1, self.l2)

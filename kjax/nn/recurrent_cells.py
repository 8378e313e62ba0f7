"""The steps of SimpleRNN, LSTM and GRU, and their derivatives in closed form.

Each class is a cell of `kjax.nn.recurrence`. The ones called `...Step` take any activation; the ones called `...Units` add
`slopes` and `pull` and need activations that work unit by unit. Symbols: a trailing underscore is a derivative, `dx` the
gradient of x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


@jax.custom_jvp
def hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1), any shape. Its slope is 0.2 from -2.5 to 2.5 inclusive, as TensorFlow has it."""
    return jnp.clip(0.2 * x + 0.5, 0, 1)


@hard_sigmoid.defjvp
def _hard_sigmoid_jvp(primals, tangents):
    # clip's own derivative shares the gradient between equal arguments, at three times the cost in a loop
    (x,), (dx,) = primals, tangents
    y = 0.2 * x + 0.5
    return hard_sigmoid(x), jnp.where((y >= 0) & (y <= 1), jnp.asarray(0.2, x.dtype), jnp.asarray(0, x.dtype)) * dx


def linear(x):
    """x."""
    return x


# activations that work unit by unit, by Keras's names
UNITWISE: dict[str, Callable] = {
    'elu': jax.nn.elu,
    'exponential': jnp.exp,
    'hard_sigmoid': hard_sigmoid,
    'linear': linear,
    'relu': jax.nn.relu,
    'selu': jax.nn.selu,
    'sigmoid': jax.nn.sigmoid,
    'softplus': jax.nn.softplus,
    'softsign': jax.nn.soft_sign,
    'tanh': jnp.tanh,
}


def _with_slope(activation, z):
    """(f(z), f'(z)) of a unitwise f."""
    return jax.jvp(activation, (z,), (jnp.ones_like(z),))


@dataclass(frozen=True)
class SimpleStep:
    """h' = f(x W + h R + b). One product: h R."""

    activation: Callable

    def step(self, linear, extra, states):
        (h,) = states
        return (self.activation(linear(0, h)),)


class SimpleUnits(SimpleStep):
    """SimpleStep with a unitwise activation."""

    def slopes(self, zs, extra, states):
        return _with_slope(self.activation, zs[0])[1], states

    def pull(self, back, slope, d_states):
        dz = d_states[0] * slope
        return (back(0, dz),), (dz,), None


@dataclass(frozen=True)
class LSTMStep:
    """c' = s(f) c + s(i) t(g);  h' = s(o) t(c');  i, f, g, o = x W + h R + b. One product: h R."""

    activation: Callable
    recurrent_activation: Callable

    def gates(self, z):
        i, f, g, o = jnp.split(z, 4, axis=-1)
        s, t = self.recurrent_activation, self.activation
        return s(i), s(f), t(g), s(o)

    def step(self, linear, extra, states):
        h, c = states
        i, f, g, o = self.gates(linear(0, h))
        c = f * c + i * g
        return o * self.activation(c), c


class LSTMUnits(LSTMStep):
    """LSTMStep with unitwise activations."""

    def gates(self, z):
        # Both activations over the whole row, then a choice by column: XLA's CPU loops compile an activation of a slice
        # to scalar code, of a whole row to vector code.
        candidate = np.repeat([False, False, True, False], z.shape[-1] // 4)
        return jnp.split(jnp.where(candidate, self.activation(z), self.recurrent_activation(z)), 4, axis=-1)

    def slopes(self, zs, extra, states):
        h, c = states
        i, f, g, o = jnp.split(zs[0], 4, axis=-1)
        i, i_ = _with_slope(self.recurrent_activation, i)
        f, f_ = _with_slope(self.recurrent_activation, f)
        g, g_ = _with_slope(self.activation, g)
        o, o_ = _with_slope(self.recurrent_activation, o)
        t, t_ = _with_slope(self.activation, f * c + i * g)
        return (jnp.concatenate([g * i_, c * f_, i * g_, t * o_], axis=-1), o * t_, f), (h,)

    def pull(self, back, slopes, d_states):
        gates, output, forget = slopes
        dh, dc = d_states
        dc = dc + dh * output
        dz = gates * jnp.concatenate([dc, dc, dc, dh], axis=-1)
        return (back(0, dz), dc * forget), (dz,), None


@dataclass(frozen=True)
class GRUStep:
    """h' = z h + (1 - z) t(x W_g + (r h) R_g + b_g);  z, r = s(x W + h R + b). Two products: h R_zr and (r h) R_g."""

    activation: Callable
    recurrent_activation: Callable

    def step(self, linear, extra, states):
        (h,) = states
        z, r = jnp.split(self.recurrent_activation(linear(0, h)), 2, axis=-1)
        g = self.activation(linear(1, r * h))
        return (z * h + (1 - z) * g,)


class GRUUnits(GRUStep):
    """GRUStep with unitwise activations."""

    def slopes(self, zs, extra, states):
        (h,) = states
        s, s_ = _with_slope(self.recurrent_activation, zs[0])
        (z, r), (z_, r_) = jnp.split(s, 2, axis=-1), jnp.split(s_, 2, axis=-1)
        g, g_ = _with_slope(self.activation, zs[1])
        return ((h - g) * z_, h * r_, (1 - z) * g_, z, r), (h, r * h)

    def pull(self, back, slopes, d_states):
        update, reset, candidate, z, r = slopes
        (dh,) = d_states
        dg = dh * candidate
        drh = back(1, dg)
        dzr = jnp.concatenate([dh * update, drh * reset], axis=-1)
        return (dh * z + drh * r + back(0, dzr),), (dzr, dg), None


@dataclass(frozen=True)
class GRUResetAfterStep:
    """h' = z h + (1 - z) t(x W_g + b_g + r (h R_g + b'_g));  z, r = s(x W + b + h R + b').

    One product: h R + b' for z, r, g; `extra` is the projected input x W + b of all three.
    """

    activation: Callable
    recurrent_activation: Callable

    def gates(self, zr):
        return self.recurrent_activation(zr)

    def step(self, linear, extra, states):
        (h,) = states
        inner, n = linear(0, h), h.shape[-1]
        z, r = jnp.split(self.gates((extra + inner)[..., : 2 * n]), 2, axis=-1)
        g = self.activation(extra[..., 2 * n :] + r * inner[..., 2 * n :])
        return (z * h + (1 - z) * g,)


class GRUResetAfterUnits(GRUResetAfterStep):
    """GRUResetAfterStep with unitwise activations."""

    def gates(self, zr):
        # kept apart from what follows: fused with it, XLA:CPU compiles it to scalar code
        return lax.optimization_barrier(self.recurrent_activation(zr))

    def slopes(self, zs, extra, states):
        (h,) = states
        inner, n = zs[0], h.shape[-1]
        s, s_ = _with_slope(self.recurrent_activation, (extra + inner)[..., : 2 * n])
        (z, r), (z_, r_) = jnp.split(s, 2, axis=-1), jnp.split(s_, 2, axis=-1)
        inner = inner[..., 2 * n :]
        g, g_ = _with_slope(self.activation, extra[..., 2 * n :] + r * inner)
        candidate = (1 - z) * g_
        return (jnp.concatenate([(h - g) * z_, candidate * inner * r_], axis=-1), candidate, z, r), (h,)

    def pull(self, back, slopes, d_states):
        gates, candidate, z, r = slopes
        (dh,) = d_states
        dzr = gates * jnp.concatenate([dh, dh], axis=-1)
        dg = dh * candidate
        inner = jnp.concatenate([dzr, dg * r], axis=-1)
        return (dh * z + back(0, inner),), (inner,), jnp.concatenate([dzr, dg], axis=-1)

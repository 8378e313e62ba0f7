"""The steps of SimpleRNN, LSTM and GRU, and their derivatives in closed form.

Each class is a cell of `kjax.nn.recurrence`. The ones called `...Step` take any function as activation; the ones called
`...Units` take `Unitwise` activations, and add `slopes`, `pull` and `spread`. Symbols: a trailing underscore is a
derivative, `dx` the gradient of x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


class Unitwise(NamedTuple):
    """An activation that works unit by unit, with its derivative as a function of its *value*: f'(z) = slope(f(z))."""

    f: Callable
    slope: Callable

    def __call__(self, z):
        return self.f(z)


def hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1), any shape."""
    return jnp.clip(0.2 * x + 0.5, 0, 1)


def _where(condition, value, y):
    return jnp.where(condition, jnp.asarray(value, y.dtype), jnp.asarray(0, y.dtype))


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

# by Keras's names
UNITWISE = {
    "elu": Unitwise(jax.nn.elu, lambda y: jnp.where(y > 0, 1, y + 1)),
    "exponential": Unitwise(jnp.exp, lambda y: y),
    "hard_sigmoid": Unitwise(hard_sigmoid, lambda y: _where((y > 0) & (y < 1), 0.2, y)),
    "linear": Unitwise(lambda x: x, jnp.ones_like),
    "relu": Unitwise(jax.nn.relu, lambda y: _where(y > 0, 1, y)),
    "selu": Unitwise(jax.nn.selu, lambda y: jnp.where(y > 0, _SELU_SCALE, y + _SELU_SCALE * _SELU_ALPHA)),
    "sigmoid": Unitwise(jax.nn.sigmoid, lambda y: y * (1 - y)),
    "softplus": Unitwise(jax.nn.softplus, lambda y: -jnp.expm1(-y)),
    "softsign": Unitwise(jax.nn.soft_sign, lambda y: jnp.square(1 - jnp.abs(y))),
    "tanh": Unitwise(jnp.tanh, lambda y: 1 - y * y),
}


@dataclass(frozen=True)
class SimpleStep:
    """h' = f(x W + h R + b). One product: h R."""

    activation: Callable

    def step(self, linear, extra, states):
        (h,) = states
        h = self.activation(linear(0, h))
        return (h,), (h,)


class SimpleUnits(SimpleStep):
    """SimpleStep with a unitwise activation."""

    emits = 1

    def slopes(self, kept, states):
        return self.activation.slope(kept[0]), states

    def pull(self, back, slope, d_states):
        dz = d_states[0] * slope
        return (back(0, dz),), (dz,)

    def spread(self, emitted, slopes):
        return emitted, None


@dataclass(frozen=True)
class LSTMStep:
    """c' = s(f) c + s(i) t(g);  h' = s(o) t(c');  i, f, g, o = x W + h R + b. One product: h R."""

    activation: Callable
    recurrent_activation: Callable

    def gates(self, z):
        i, f, g, o = jnp.split(z, 4, axis=-1)
        s, t = self.recurrent_activation, self.activation
        return jnp.concatenate([s(i), s(f), t(g), s(o)], axis=-1)

    def step(self, linear, extra, states):
        h, c = states
        y = self.gates(linear(0, h))
        i, f, g, o = jnp.split(y, 4, axis=-1)
        c = f * c + i * g
        return (o * self.activation(c), c), (y,)


class LSTMUnits(LSTMStep):
    """LSTMStep with unitwise activations."""

    emits = 1

    def gates(self, z):
        # Both activations over the whole row, then a choice by column: XLA's CPU loops compile an activation of a slice
        # to scalar code, of a whole row to vector code.
        candidate = np.repeat([False, False, True, False], z.shape[-1] // 4)
        return jnp.where(candidate, self.activation(z), self.recurrent_activation(z))

    def slopes(self, kept, states):
        h, c = states
        s_, t_ = self.recurrent_activation.slope, self.activation.slope
        i, f, g, o = jnp.split(kept[0], 4, axis=-1)
        t = self.activation(f * c + i * g)
        return (g * s_(i), c * s_(f), i * t_(g), t * s_(o), o * t_(t), f), (h,)

    def pull(self, back, slopes, d_states):
        i, f, g, o, output, forget = slopes
        dh, dc = d_states
        dc = dc + dh * output
        dz = jnp.concatenate([dc * i, dc * f, dc * g, dh * o], axis=-1)
        return (back(0, dz), dc * forget), (dz,)

    def spread(self, emitted, slopes):
        return emitted, None


@dataclass(frozen=True)
class GRUStep:
    """h' = z h + (1 - z) t(x W_g + (r h) R_g + b_g);  z, r = s(x W + h R + b). Two products: h R_zr and (r h) R_g."""

    activation: Callable
    recurrent_activation: Callable

    def step(self, linear, extra, states):
        (h,) = states
        zr = self.recurrent_activation(linear(0, h))
        z, r = jnp.split(zr, 2, axis=-1)
        g = self.activation(linear(1, r * h))
        return (z * h + (1 - z) * g,), (zr, g)


class GRUUnits(GRUStep):
    """GRUStep with unitwise activations."""

    emits = 2

    def slopes(self, kept, states):
        (h,), (zr, g) = states, kept
        s_, t_ = self.recurrent_activation.slope, self.activation.slope
        z, r = jnp.split(zr, 2, axis=-1)
        return ((h - g) * s_(z), h * s_(r), (1 - z) * t_(g), z, r), (h, r * h)

    def pull(self, back, slopes, d_states):
        update, reset, candidate, z, r = slopes
        (dh,) = d_states
        dg = dh * candidate
        drh = back(1, dg)
        dzr = jnp.concatenate([dh * update, drh * reset], axis=-1)
        return (dh * z + drh * r + back(0, dzr),), (dzr, dg)

    def spread(self, emitted, slopes):
        return emitted, None


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
        zr = self.gates((extra + inner)[..., : 2 * n])
        z, r = jnp.split(zr, 2, axis=-1)
        g = self.activation(extra[..., 2 * n :] + r * inner[..., 2 * n :])
        return (z * h + (1 - z) * g,), (zr, g, inner[..., 2 * n :])


class GRUResetAfterUnits(GRUResetAfterStep):
    """GRUResetAfterStep with unitwise activations."""

    emits = 2

    def gates(self, zr):
        # kept apart from what follows: fused with it, XLA:CPU compiles it to scalar code
        return lax.optimization_barrier(self.recurrent_activation(zr))

    def slopes(self, kept, states):
        (h,), (zr, g, inner) = states, kept
        s_, t_ = self.recurrent_activation.slope, self.activation.slope
        z, r = jnp.split(zr, 2, axis=-1)
        candidate = (1 - z) * t_(g)
        return ((h - g) * s_(z), candidate * inner * s_(r), candidate, z, r), (h,)

    def pull(self, back, slopes, d_states):
        update, reset, candidate, z, r = slopes
        (dh,) = d_states
        dz, dr, dg = dh * update, dh * reset, dh * candidate
        inner = jnp.concatenate([dz, dr, dg * r], axis=-1)
        return (dh * z + back(0, inner),), (jnp.concatenate([dz, dr], axis=-1), dg)

    def spread(self, emitted, slopes):
        (dzr, dg), r = emitted, slopes[-1]
        return (jnp.concatenate([dzr, dg * r], axis=-1),), jnp.concatenate([dzr, dg], axis=-1)

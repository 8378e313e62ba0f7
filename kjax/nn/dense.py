"""Dense: a matrix product over the last axis."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from kjax.nn.module import Module

__all__ = ["Dense"]


class Dense(Module):
    """y = activation(x @ kernel + bias), over the last axis of x.

    Attributes:
        units: size of the last axis of y.
        use_bias: whether there is a bias.
        activation: function on arrays, or None.
    """

    units: int
    use_bias: bool = True
    activation: Callable | None = None

    @nn.compact
    def __call__(self, x):
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), (x.shape[-1], self.units))
        y = jnp.dot(x, kernel)
        if self.use_bias:
            y = y + self.param("bias", nn.initializers.zeros_init(), (self.units,))
        return y if self.activation is None else self.activation(y)

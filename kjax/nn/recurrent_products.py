"""The linear maps of the recurrent loops: what turns a state into pre-activations, and its way back."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jax import lax

from kjax.nn import devices


def flat(x, kernel):
    """x W with all leading axes of x as one: XLA:CPU transposes operands of products that contract two axes.

    On many devices (time, batch) stays as it is: the cut goes through the second axis, and would be lost.
    """
    if devices.in_use() > 1:
        return x @ kernel
    return (x.reshape(-1, x.shape[-1]) @ kernel).reshape(*x.shape[:-1], kernel.shape[-1])


@dataclass(frozen=True)
class MatMul:
    """`x W + b`, or gate by gate `(x * m_k) W_k + b_k` where recurrent dropout gives every gate its own mask m_k.

    params: dict of kernel (units, n), bias (n,) or None, masks (gates, batch, units) or None; masks get no gradient.
    """

    def __call__(self, x, params):
        kernel, bias, masks = params["kernel"], params["bias"], params["masks"]
        if masks is None:
            z = flat(x, kernel)
        elif masks.shape[0] == 1:
            z = flat(x * lax.stop_gradient(masks[0]), kernel)
        else:
            gates = jnp.split(kernel, masks.shape[0], axis=-1)
            dropped = [x * lax.stop_gradient(m) for m in masks]
            z = jnp.concatenate([flat(d, w) for d, w in zip(dropped, gates, strict=True)], axis=-1)
        return z if bias is None else z + bias

    def transposed(self, params):
        # without the barrier XLA folds the transpose back into the loop's product, which is slower on CPU
        gates = 1 if params["masks"] is None else params["masks"].shape[0]
        kernels = [lax.optimization_barrier(k.T) for k in jnp.split(params["kernel"], gates, axis=-1)]
        return tuple(kernels), params["masks"]

    def back(self, dz, transposed):
        kernels, masks = transposed
        if masks is None:
            return dz @ kernels[0]
        parts = jnp.split(dz, len(kernels), axis=-1)
        return sum((d @ w) * m for d, w, m in zip(parts, kernels, masks, strict=True))

"""Loss scaling: the gradients of layers that compute in float16 are kept from vanishing, and from overflowing."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["LossScale", "all_finite"]


class LossScale(NamedTuple):
    """The factor that the loss has while its gradients are taken, S; they are divided by it afterwards.

        a step with finite gradients:  n <- n + 1;  S <- factor * S and n <- 0 when n = interval
        a step with others:            nothing is trained;  S <- max(S / factor, 1), n <- 0

    Attributes:
        initial: S at the beginning.
        interval: finite steps before S grows; None keeps it fixed (steps that overflow are left out all the same).
        factor: > 1.

    Reference: Micikevicius et al., Mixed Precision Training (2018), section 3.2.
    """

    initial: float = 2.0**15
    interval: int | None = 2000
    factor: float = 2.0

    def initial_state(self) -> tuple:
        """(S, n) as arrays."""
        return np.float32(self.initial), np.int32(0)

    def next_state(self, scale, steps, finite) -> tuple:
        """(S, n) after a step; `finite`: whether all its gradients were."""
        if self.interval is None:
            return scale, steps
        steps = jnp.where(finite, steps + 1, 0)
        larger = scale * self.factor
        grows = (steps >= self.interval) & jnp.isfinite(larger)
        scale = jnp.where(finite, jnp.where(grows, larger, scale), jnp.maximum(scale / self.factor, 1.0))
        return scale, jnp.where(grows, 0, steps)


def all_finite(tree):
    """Whether all numbers of a pytree are; a scalar array."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(tree)]))

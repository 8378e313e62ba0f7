"""Embedding: rows of a table."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from kjax.nn.module import Module

__all__ = ["Embedding"]


class Embedding(Module):
    """y[..., :] = embeddings[x[...], :].

    Attributes:
        input_dim: number of rows; indices are 0 <= x < input_dim.
        output_dim: length of a row.
    """

    input_dim: int
    output_dim: int

    @nn.compact
    def __call__(self, x):
        table = self.param("embeddings", nn.initializers.uniform(0.05), (self.input_dim, self.output_dim))
        return jnp.take(table, x.astype(jnp.int32), axis=0, mode="clip")

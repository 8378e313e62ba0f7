"""How many devices a program is traced for: some forms of computation are for one alone."""

from __future__ import annotations

import jax

__all__ = ["in_use"]


def in_use() -> int:
    """The size of JAX's mesh in force (`jax.set_mesh`), in which the steps over many devices are traced; 1 without."""
    mesh = jax.sharding.get_abstract_mesh()
    return 1 if mesh.empty else mesh.size

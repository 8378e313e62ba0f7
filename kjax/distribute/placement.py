"""Placement: where state and batches live on one or many devices."""

from __future__ import annotations

import warnings

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

__all__ = ["Placement"]


class Placement:
    """State on every device, batches cut along their first axis over the devices of a mesh.

    Args:
        mesh: one-dimensional Mesh with the axis 'data'.

    Attributes:
        made: of the class, whether there has ever been one; without, no variable's value is on several devices.
    """

    made = False

    def __init__(self, mesh: Mesh):
        if mesh.axis_names != ("data",):
            raise ValueError(f"a data-parallel mesh has the one axis 'data'; got axes {mesh.axis_names}.")
        Placement.made = True
        self.mesh = mesh
        self._undivided: set[int] = set()  # sizes of batches that were warned of
        self.replicated = NamedSharding(mesh, PartitionSpec())

    @property
    def size(self) -> int:
        """How many parts a batch is cut into."""
        return self.mesh.size

    def padded(self, batch_size: int) -> int:
        """The next multiple of the number of devices."""
        return -(-batch_size // self.size) * self.size

    def in_force(self):
        """A context in which programs are traced, and compiled once, for these devices."""
        return jax.set_mesh(self.mesh)

    def state(self, value):
        """An array on every device; no copy where it is there already."""
        if isinstance(value, jax.Array) and value.sharding == self.replicated:
            return value
        return jax.device_put(np.asarray(value) if not isinstance(value, jax.Array) else value, self.replicated)

    def feed(self, fed, axis=0):
        """((data, weights[, lengths]), rows) where the steps want them; lengths are those of all rows."""
        (data, weights, *lengths), rows = fed
        data, weights, rows = self.batch((data, weights, rows), axis)
        return (data, weights, *map(self.state, lengths)), rows

    def batch(self, tree, axis=0):
        """Arrays cut along `axis`; those it does not divide go to every device whole, with a warning."""

        def place(x):
            if x.shape[axis] % self.size:
                self._warn(x.shape[axis])
                return jax.device_put(x, self.replicated)
            spec = PartitionSpec(*([None] * axis), "data")
            return jax.device_put(x, NamedSharding(self.mesh, spec))

        return jax.tree.map(place, tree)

    def _warn(self, rows):
        if rows not in self._undivided:
            self._undivided.add(rows)
            warnings.warn(
                f"a batch of {rows} rows cannot be cut over {self.size} devices, nor filled up, as the model fixes its "
                "size or looks at several rows at once: every device computes the whole of it. Choose a batch size "
                f"that is a multiple of {self.size}.",
                stacklevel=2,
            )

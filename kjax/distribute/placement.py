"""Placement: where state and batches live on one or many devices."""

from __future__ import annotations

import warnings

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from kjax.distribute.processes import agree, from_chief

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
        members = sorted({d.process_index for d in mesh.devices.flat})
        self.processes = len(members)
        self._position = members.index(jax.process_index()) if jax.process_index() in members else 0
        self._keys: dict = {}  # id of a random key -> (the key, that of process 0 on every device)
        self._undivided: set[int] = set()  # sizes of batches that were warned of
        self.replicated = NamedSharding(mesh, PartitionSpec())

    @property
    def size(self) -> int:
        """How many parts this process's batches are cut into."""
        return self.mesh.size if self.processes == 1 else len(self.mesh.local_devices)

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
        if self.processes > 1 and not (isinstance(value, jax.Array) and not value.is_fully_addressable):
            host = from_chief(value)
            return jax.make_array_from_callback(host.shape, self.replicated, lambda index: host[index])
        return jax.device_put(np.asarray(value) if not isinstance(value, jax.Array) else value, self.replicated)

    def key(self, key):
        """The random key of all processes."""
        if key is None or self.processes == 1:
            return key
        if id(key) not in self._keys:
            data = self.state(np.asarray(jax.random.key_data(key)))
            self._keys = {id(key): (key, jax.random.wrap_key_data(data, impl=jax.random.key_impl(key)))}
        return self._keys[id(key)][1]

    def own(self, tree):
        """The rows of this process of arrays that hold those of all, one process after the other."""
        return tree if self.processes == 1 else jax.tree.map(self._own_rows, tree)

    def _own_rows(self, array):
        if array.is_fully_replicated:
            rows = array.shape[0] // self.processes
            return np.asarray(array)[self._position * rows : (self._position + 1) * rows]
        parts = {shard.index[0].start or 0: shard.data for shard in array.addressable_shards}
        return np.concatenate([np.asarray(parts[start]) for start in sorted(parts)])

    def agree(self, what, **numbers):
        """Makes sure, where there are several processes, that all are about to do the same."""
        if self.processes > 1:
            agree(what, numbers)

    def feed(self, fed, axis=0):
        """((data, weights[, lengths]), rows) where the steps want them; lengths are those of all rows."""
        (data, weights, *lengths), rows = fed
        data, weights, rows = self.batch((data, weights, rows), axis)
        return (data, weights, *map(self.state, lengths)), rows

    def batch(self, tree, axis=0):
        """Arrays cut along `axis`; those it does not divide go to every device whole, with a warning."""

        def place(x):
            if x.shape[axis] % self.size:
                if self.processes > 1:
                    raise ValueError(
                        f"a batch of {x.shape[axis]} rows must divide over the {self.size} devices of this process: it "
                        "cannot be filled up, as the model fixes its size or looks at several rows at once."
                    )
                self._warn(x.shape[axis])
                return jax.device_put(x, self.replicated)
            spec = PartitionSpec(*([None] * axis), "data")
            if self.processes > 1:
                return x if _is_placed(x) else jax.make_array_from_process_local_data(NamedSharding(self.mesh, spec), x)
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


def _is_placed(array) -> bool:
    return isinstance(array, jax.Array) and not array.is_fully_addressable

"""Mixin of Network: saving and loading files."""

from __future__ import annotations

from kjax.engine.registry import room

__all__ = ["Persistence"]


class Persistence:
    """`save`, `save_weights`, `load_weights`, copies and pickles of a model."""

    def __reduce__(self):
        """Copies and pickles hold what a file holds: architecture, weights, loss, metrics, optimizer and its state."""
        if not self.built:
            return type(self).from_config, (self.get_config(),)
        saving = room("saving")
        return saving.unpickle_model, (saving.pickle_model(self),)

    def save(self, filepath, overwrite=True, include_optimizer=True):
        """Writes architecture, weights and, when compiled, training state to one HDF5 file.

        Args:
            filepath: path, or an open h5py group.
            overwrite: False: ask before replacing a file.
            include_optimizer: whether to write the optimizer's state.
        """
        room("saving").save_model(self, filepath, overwrite, include_optimizer)

    def save_weights(self, filepath, overwrite=True):
        """Writes the weights to an HDF5 file; arguments as for `save`."""
        room("saving").save_weights(self, filepath, overwrite)

    def load_weights(self, filepath, by_name=False, skip_mismatch=False, reshape=False, **reading):
        """Reads weights from an HDF5 file.

        Args:
            filepath: path, bytes, a binary file object or an open h5py group.
            by_name: match layers by name instead of by order.
            skip_mismatch: with `by_name`, leave layers alone whose shapes differ.
            reshape: reshape arrays of equal size.
            **reading: `producer`, `image_dim_ordering`, `max_bytes`, `isolate`, as for `load_model`.

        Raises:
            ValueError: when the file does not fit; nothing is changed then.
        """
        room("saving").load_weights(self, filepath, by_name, skip_mismatch, reshape, **reading)

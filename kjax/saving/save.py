"""Models and weights into files."""

from __future__ import annotations

import io
import sys

import h5py

from kjax.graph.interrupts import listening
from kjax.saving.atomic import atomic_path, may_write
from kjax.saving.layout import save_weights_to_hdf5_group, write_model

__all__ = ["save_model", "save_weights"]


def _write(filepath, overwrite, write):
    """Runs `write(group)` on an open group, or in memory for a file, which appears when it is whole.

    HDF5 itself must not meet a full disk: what it cannot write makes it crash the process, sooner or later.
    """
    if isinstance(filepath, h5py.Group):
        write(filepath)
        return
    if not hasattr(filepath, "write") and not may_write(filepath, overwrite):
        return
    memory = io.BytesIO()
    with listening(sys._getframe()), h5py.File(memory, "w") as f:
        write(f)
    if hasattr(filepath, "write"):
        filepath.write(memory.getvalue())
        return
    with atomic_path(filepath) as temporary, open(temporary, "wb") as file:
        file.write(memory.getbuffer())


def save_model(model, filepath, overwrite=True, include_optimizer=True) -> None:
    """Writes architecture, weights, and of a compiled model the training configuration and the optimizer's state.

    Args:
        model: Model or Sequential.
        filepath: path, open h5py group, or binary file object with `write`.
        overwrite: False: ask on the terminal before replacing a file.
        include_optimizer: whether to store how to go on training.

    The file is that of Keras 2.2.4. It is made in memory and appears whole or not at all.
    """
    _require_built(model, "save")
    _write(filepath, overwrite, lambda group: write_model(model, group, include_optimizer))


def save_weights(model, filepath, overwrite=True) -> None:
    """Writes the weights alone; arguments as for `save_model`."""
    _require_built(model, "save_weights")
    _write(filepath, overwrite, lambda group: save_weights_to_hdf5_group(group, model.layers))


def _require_built(model, what):
    if not model.built:
        raise ValueError(
            f"Model {model.name} has no weights yet: {what} needs its input shape. Call `fit` on data, "
            "`build(input_shape)`, or give the first layer an `input_shape`."
        )

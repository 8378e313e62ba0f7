"""Models and weights in files: HDF5 of every Keras, JSON, YAML."""
from __future__ import annotations

from kjax.saving.build import model_from_config, model_from_json, model_from_yaml
from kjax.saving.errors import CorruptFileError, ModelFileError, UnsafeModelError
from kjax.saving.layout import save_attributes_to_hdf5_group, save_weights_to_hdf5_group
from kjax.saving.load import load_model, load_weights
from kjax.saving.save import save_model, save_weights

__all__ = [
    "CorruptFileError",
    "ModelFileError",
    "UnsafeModelError",
    "load_model",
    "load_weights",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "save_attributes_to_hdf5_group",
    "save_model",
    "save_weights",
    "save_weights_to_hdf5_group",
]

"""Models and weights in files: HDF5 of every Keras, JSON, YAML."""

from __future__ import annotations

import sys

from kjax.engine.registry import register_room
from kjax.saving.build import model_from_config, model_from_json, model_from_yaml
from kjax.saving.errors import CorruptFileError, ModelFileError, UnsafeModelError
from kjax.saving.helpers import (
    load_attributes_from_hdf5_group,
    load_weights_from_hdf5_group,
    load_weights_from_hdf5_group_by_name,
    pickle_model,
    preprocess_weights_for_loading,
    unpickle_model,
)
from kjax.saving.layout import save_attributes_to_hdf5_group, save_weights_to_hdf5_group
from kjax.saving.load import load_model, load_weights
from kjax.saving.save import save_model, save_weights

__all__ = [
    "CorruptFileError",
    "ModelFileError",
    "UnsafeModelError",
    "load_attributes_from_hdf5_group",
    "load_model",
    "load_weights",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "pickle_model",
    "preprocess_weights_for_loading",
    "save_attributes_to_hdf5_group",
    "save_model",
    "save_weights",
    "save_weights_to_hdf5_group",
    "unpickle_model",
]

register_room("saving", sys.modules[__name__])

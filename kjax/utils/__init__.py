"""Utilities, as in `keras.utils`.

What the low rooms need (lists, names of objects, the progress bar) loads at once and imports no JAX. What works on
models lies above those rooms and loads when it is first asked for.
"""

from __future__ import annotations

import importlib

from kjax.utils import conv_utils, data_utils, generic_utils, io_utils, np_utils
from kjax.utils.data_utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence, get_file
from kjax.utils.generic_utils import (
    CustomObjectScope,
    Progbar,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    serialize_keras_object,
)
from kjax.utils.io_utils import HDF5Matrix, h5dict
from kjax.utils.np_utils import normalize, to_categorical
from kjax.utils.seeding import set_random_seed

# public name -> module that has it; the modules' own names are public, too
_ON_DEMAND = {
    "convert_all_kernels_in_model": "layer_utils",
    "get_source_inputs": "layer_utils",
    "print_summary": "layer_utils",
    "layer_utils": None,
    "multi_gpu_model": "multi_gpu_utils",
    "multi_gpu_utils": None,
    "model_to_dot": "vis_utils",
    "plot_model": "vis_utils",
    "vis_utils": None,
}

__all__ = [
    "CustomObjectScope",
    "GeneratorEnqueuer",
    "HDF5Matrix",
    "OrderedEnqueuer",
    "Progbar",
    "Sequence",
    "conv_utils",
    "custom_object_scope",
    "data_utils",
    "deserialize_keras_object",
    "generic_utils",
    "get_custom_objects",
    "get_file",
    "h5dict",
    "io_utils",
    "normalize",
    "np_utils",
    "serialize_keras_object",
    "set_random_seed",
    "to_categorical",
    *_ON_DEMAND,
]


def __getattr__(name):
    if name not in _ON_DEMAND:
        raise AttributeError(f"module 'kjax.utils' has no attribute {name!r}")
    module = importlib.import_module("kjax.utils." + (_ON_DEMAND[name] or name))
    found = module if _ON_DEMAND[name] is None else getattr(module, name)
    globals()[name] = found
    return found


def __dir__():
    return sorted(set(globals()) | set(_ON_DEMAND))

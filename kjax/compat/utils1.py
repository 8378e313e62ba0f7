"""Utilities of Keras 1 that Keras 2 dropped."""

from __future__ import annotations

import functools
import os

import h5py
import numpy as np

from kjax import backend as K
from kjax.backend.config import keras1_dim_ordering
from kjax.utils import conv_utils
from kjax.utils.generic_utils import get_custom_objects


def probas_to_classes(y_pred):
    """Class numbers of predictions: the largest column, or 1 above 0.5 where there is one column."""
    if len(y_pred.shape) > 1 and y_pred.shape[1] > 1:
        return categorical_probas_to_classes(y_pred)
    return np.array([1 if p > 0.5 else 0 for p in y_pred])


def categorical_probas_to_classes(p):
    """The largest column of each row."""
    return np.argmax(p, axis=1)


def accuracy(p, y):
    """How many of the predicted classes `p` are the true ones `y`."""
    return float(np.mean([a == b for a, b in zip(p, y, strict=False)]))


def binary_logloss(p, y):
    """The mean of -log P(y), with probabilities `p` and labels `y` 0 or 1."""
    p, y = np.clip(np.asarray(p, dtype=float), 1e-15, 1 - 1e-15), np.asarray(y, dtype=float)
    return float(-np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / len(y))


def multiclass_logloss(p, y):
    """The mean of -log P(y), with rows of probabilities `p` and labels `y` from 1."""
    return float(-np.mean([np.log(p[i][label - 1]) for i, label in enumerate(y)]))


def convert_kernel(kernel, dim_ordering="default"):
    """A kernel with its spatial axes flipped: Theano's convolution to correlation, or back.

    Args:
        kernel: array of rank 4 or 5; (out, in, *space) with 'th', (*space, in, out) with 'tf'.
        dim_ordering: 'th', 'tf', or 'default': what Keras 1's words set, else 'tf'.
    """
    if dim_ordering not in ("th", "tf", "default"):
        raise ValueError(f"convert_kernel: dim_ordering must be th, tf or default; got {dim_ordering!r}.")
    ordering = keras1_dim_ordering() if dim_ordering == "default" else dim_ordering
    if ordering != "th":
        return conv_utils.convert_kernel(kernel)
    kernel = np.asarray(kernel)
    if kernel.ndim not in (4, 5):
        raise ValueError(f"convert_kernel: a 'th' kernel must have rank 4 or 5; got shape {kernel.shape}.")
    return np.flip(kernel, axis=tuple(range(2, kernel.ndim))).copy()


def make_tuple(*args):
    """Its arguments."""
    return args


def get_from_module(identifier, module_params, module_name, instantiate=False, kwargs=None):
    """What a name stands for in a table; anything but a name or a dict with one is given back.

    Args:
        identifier: str, or dict with 'name' and arguments, or anything.
        module_params: dict of names.
        module_name: what error messages call the table.
        instantiate: call what was found.
        kwargs: dict of its arguments.
    """
    arguments = dict(kwargs or {})
    if isinstance(identifier, dict) and "name" in identifier:
        arguments = {k: v for k, v in identifier.items() if k != "name"}
        identifier = identifier["name"]
        instantiate = True
    if not isinstance(identifier, str):
        return identifier
    found = get_custom_objects().get(identifier) or module_params.get(identifier)
    if found is None:
        raise ValueError(f"Invalid {module_name}: {identifier!r} is not known.")
    return found(**arguments) if instantiate else found


def load_array(name):
    """The array in a file of `save_array`."""
    with h5py.File(os.fspath(name), "r") as f:
        return np.asarray(f["data"])


def save_array(array, name):
    """Write an array to an HDF5 file, as PyTables would.

    Args:
        array: NumPy array.
        name: path of the file; it is replaced.
    """
    with h5py.File(os.fspath(name), "w") as f:
        f.create_dataset("data", data=array)


def count_total_params(layers, layer_set=None):
    """(trainable, other) numbers in the weights of layers, each layer once.

    Args:
        layers: list of layers and models.
        layer_set: set of layers that are counted already; those counted now are added.
    """
    counted = set() if layer_set is None else layer_set
    trainable, other = {}, {}
    for layer in layers:
        if layer not in counted:
            counted.add(layer)
            trainable.update({id(w): w for w in layer.trainable_weights})
            other.update({id(w): w for w in layer.non_trainable_weights})
    return tuple(sum(int(np.prod(w.shape)) for w in group.values()) for group in (trainable, other))


def keras_test(func):
    """Decorator of a test: the state of the backend is cleared after it."""

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        output = func(*args, **kwargs)
        K.clear_session()
        return output

    return wrapper

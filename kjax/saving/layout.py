"""The HDF5 layout of Keras 2.2.4: what is written, attribute by attribute."""

from __future__ import annotations

import json

import h5py
import numpy as np

from kjax import backend as K
from kjax import optimizers
from kjax.saving.producer import KERAS_VERSION
from kjax.saving.training_config import training_config

__all__ = ["LIMIT", "save_attributes_to_hdf5_group", "save_weights_to_hdf5_group", "write_model"]

LIMIT = 64512  # bytes of one attribute: an HDF5 object header holds less than 64 KiB
_ASCII = h5py.string_dtype("ascii")


def _write_text(group, name, text):
    """One text as Keras 2.2.4 leaves it: variable length, read back as bytes."""
    group.attrs.create(name, text.encode("utf-8"), dtype=_ASCII)


def save_attributes_to_hdf5_group(group, name, data) -> None:
    """Stores a list of texts as an attribute of fixed-length strings, in chunks `name0`, `name1`, ... when it is long.

    Args:
        group: h5py.Group.
        name: of the attribute.
        data: list of str or bytes.

    Raises:
        RuntimeError: when one text is longer than an attribute can be.
    """
    data = [d.encode("utf-8") if isinstance(d, str) else d for d in data]
    longest = max(map(len, data), default=0)
    if longest > LIMIT:
        raise RuntimeError(
            f"{name}: a text of {longest} bytes is longer than the {LIMIT} bytes that an HDF5 attribute holds: "
            f"{max(data, key=len)[:80]!r}..."
        )
    array = np.asarray(data)
    parts = 1
    while any(part.nbytes > LIMIT for part in np.array_split(array, parts)):
        parts += 1
    if parts == 1:
        group.attrs[name] = array
        return
    for i, part in enumerate(np.array_split(array, parts)):
        group.attrs[f"{name}{i}"] = part


def _unique_names(weights) -> list:
    """The weights' names, a repeated one with a number before its ':0' as TensorFlow gives them."""
    taken: set[str] = set()
    names = []
    for i, w in enumerate(weights):
        name = getattr(w, "name", None) or f"param_{i}"
        stem, colon, tail = name.partition(":")
        number = 1
        while name in taken:
            name = f"{stem}_{number}{colon}{tail}"
            number += 1
        taken.add(name)
        names.append(name)
    return names


def _write_arrays(group, weights, values):
    names = _unique_names(weights)
    save_attributes_to_hdf5_group(group, "weight_names", names)
    for name, value in zip(names, values, strict=True):
        group.create_dataset(name, data=value)


def save_weights_to_hdf5_group(f, layers) -> None:
    """Writes the weights of layers: a group for each, named like it, with its arrays and their names in order.

    Args:
        f: h5py.Group.
        layers: list of layers.
    """
    save_attributes_to_hdf5_group(f, "layer_names", [layer.name for layer in layers])
    _write_text(f, "backend", K.backend())
    _write_text(f, "keras_version", KERAS_VERSION)
    for layer in layers:
        _write_arrays(f.create_group(layer.name), layer.weights, K.batch_get_value(layer.weights))


def write_model(model, group, include_optimizer=True) -> None:
    """Writes architecture, weights and, of a compiled model, how it is trained and the optimizer's state."""
    _write_text(group, "keras_version", KERAS_VERSION)
    _write_text(group, "backend", K.backend())
    _write_text(group, "model_config", config_text(model))
    save_weights_to_hdf5_group(group.create_group("model_weights"), model.layers)
    if include_optimizer and getattr(model, "optimizer", None) is not None:
        described = training_config(model)
        if described is None:
            return
        _write_text(group, "training_config", json.dumps(described))
        _write_optimizer(model, group)


def _write_optimizer(model, group):
    optimizer = model.optimizer
    if isinstance(optimizer, optimizers.OptaxOptimizer) or not optimizer.weights:
        return
    _write_arrays(group.create_group("optimizer_weights"), optimizer.weights, optimizer.get_weights())
    for v in optimizer.loss_scale_variables:
        group.create_dataset(v.name, data=np.asarray(v.value))


def config_text(model) -> str:
    """The model's class and config as JSON."""
    described = json.loads(model.to_json())
    return json.dumps({"class_name": described["class_name"], "config": described["config"]})

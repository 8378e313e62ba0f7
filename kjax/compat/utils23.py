"""Helpers that Keras 2.3 has in `keras.utils`."""

from __future__ import annotations

import inspect

import h5py

from kjax.engine.network import Network


def getargspec(fn):
    """The arguments of a function, as `inspect.getfullargspec` gives them."""
    return inspect.getfullargspec(fn)


def load_from_binary_h5py(load_function, stream):
    """What a function reads from HDF5 data in a stream.

    Args:
        load_function: function of an open `h5py.File`.
        stream: binary file object.
    """
    with h5py.File(stream, "r") as f:
        return load_function(f)


def save_to_binary_h5py(save_function, stream):
    """Write HDF5 data to a stream.

    Args:
        save_function: function that fills an open `h5py.File`.
        stream: binary file object, readable and writable.
    """
    with h5py.File(stream, "w") as f:
        save_function(f)


def is_model(layer):
    """Whether a layer is a model."""
    return isinstance(layer, Network)


def is_wrapped_model(layer):
    """Whether a layer is a wrapper around a model."""
    return isinstance(getattr(layer, "layer", None), Network)


def add_edge(dot, src, dst):
    """An edge between two nodes of a pydot graph, unless it is there."""
    # pydot is an extra, and whoever has a graph has it
    import pydot

    if not dot.get_edge(src, dst):
        dot.add_edge(pydot.Edge(src, dst))

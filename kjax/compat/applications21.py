"""Helpers of `keras.applications` as Keras 2.0 to 2.2 had them."""

from __future__ import annotations

import functools
import importlib

from kjax import backend as K
from kjax import layers, models, utils


def keras_modules_injection(base_fun):
    """Decorator: a function of the package `keras_applications` works with this Keras."""

    @functools.wraps(base_fun)
    def wrapper(*args, **kwargs):
        modules = {"backend": K, "layers": layers, "models": models, "utils": utils}
        return base_fun(*args, **{**kwargs, **modules})

    return wrapper


def _obtain_input_shape(
    input_shape, default_size, min_size, data_format, require_flatten=None, weights=None, include_top=None
):
    """The input shape of an application, checked.

    Args:
        input_shape: of one image, or None.
        default_size, min_size: pixels along a side: of the published weights, and the least.
        data_format: 'channels_last' or 'channels_first'.
        require_flatten: whether the sizes must be known; called `include_top` before 2.0.9.
        weights: 'imagenet', None or a path.

    Raises:
        ValueError: when the shape does not fit.
    """
    package = importlib.import_module("keras_applications.imagenet_utils")
    flat = include_top if require_flatten is None else require_flatten
    return package._obtain_input_shape(input_shape, default_size, min_size, data_format, flat, weights)


def relu6(x):
    """min(max(x, 0), 6)."""
    return K.relu(x, max_value=6)

"""Padding with zeros, enlarging of images and volumes."""

from __future__ import annotations

import numpy as np

from kjax.backend.config import normalize_data_format
from kjax.backend.convolutions import images, one_of, per_axis
from kjax.backend.operation import int_of, tensor_op
from kjax.nn.padding import upsample, zero_pad

__all__ = ["resize_images", "resize_volumes", "spatial_2d_padding", "spatial_3d_padding", "temporal_padding"]


@tensor_op(name="pad", rowwise=True)
def _pad(x, padding, data_format, where):
    return zero_pad(images(x, len(padding), data_format, where), padding, data_format)


def _call(x, padding, rank, data_format, where):
    if rank > 1 and isinstance(padding, (tuple, list)):  # Keras 1 gave one number for both sides of an axis
        padding = [(p, p) if isinstance(p, (int, np.integer)) else p for p in padding]
    if len(padding) != rank or any(np.ndim(p) != 1 or len(p) != 2 or min(p) < 0 for p in padding):
        raise ValueError(f"{where}: padding must be {rank} pair(s) (before, after) of ints >= 0; got {padding!r}.")
    pairs = tuple((int_of(before), int_of(after)) for before, after in padding)
    return _pad(x, pairs, normalize_data_format(data_format), where)


def temporal_padding(x, padding=(1, 1)):
    """Zeros before and after the middle axis of (batch, time, channels).

    Args:
        x: tensor of rank 3.
        padding: (before, after).
    """
    return _call(x, (padding,), 1, "channels_last", "temporal_padding")


def spatial_2d_padding(x, padding=((1, 1), (1, 1)), data_format=None):
    """Zeros around the rows and columns of images.

    Args:
        x: tensor of rank 4.
        padding: ((top, bottom), (left, right)), or (rows, columns) as in Keras 1.
        data_format: 'channels_last', 'channels_first', or None for `image_data_format()`.
    """
    return _call(x, padding, 2, data_format, "spatial_2d_padding")


def spatial_3d_padding(x, padding=((1, 1), (1, 1), (1, 1)), data_format=None):
    """Zeros around the three axes of volumes; arguments as for `spatial_2d_padding`, with three pairs."""
    return _call(x, padding, 3, data_format, "spatial_3d_padding")


@tensor_op(name="resize", rowwise=True)
def _resize(x, factors, data_format, interpolation, where):
    return upsample(images(x, len(factors), data_format, where), factors, data_format, interpolation)


def resize_images(x, height_factor, width_factor, data_format, interpolation="nearest"):
    """Images enlarged by whole factors.

    Args:
        x: tensor of rank 4.
        height_factor, width_factor: ints >= 1.
        data_format: 'channels_last' or 'channels_first'.
        interpolation: 'nearest', or 'bilinear' (output i lies at i / factor of the input, as in TensorFlow 1).
    """
    where = "resize_images"
    factors = per_axis((height_factor, width_factor), 2, "the factors", where)
    one_of(interpolation, ("nearest", "bilinear"), "interpolation", where)
    return _resize(x, factors, normalize_data_format(data_format), interpolation, where)


def resize_volumes(x, depth_factor, height_factor, width_factor, data_format):
    """Volumes enlarged by whole factors, each element repeated; arguments as for `resize_images`."""
    where = "resize_volumes"
    factors = per_axis((depth_factor, height_factor, width_factor), 3, "the factors", where)
    return _resize(x, factors, normalize_data_format(data_format), "nearest", where)

"""Padding with zeros, enlarging of images and volumes."""
from __future__ import annotations

import jax.numpy as jnp

from kjax.backend.config import normalize_data_format
from kjax.backend.operation import as_array, int_of, tensor_op

__all__ = ["resize_images", "resize_volumes", "spatial_2d_padding", "spatial_3d_padding", "temporal_padding"]


def _spatial_axes(rank, data_format):
    first = 1 if normalize_data_format(data_format) == "channels_last" else 2
    return range(first, first + rank)


def _check_rank(x, rank, where):
    if x.ndim != rank + 2:
        raise ValueError(f"{where}: x must have rank {rank + 2}; got shape {tuple(x.shape)}.")


@tensor_op(name="pad", rowwise=True)
def _pad(x, padding, data_format, where):
    x = as_array(x)
    rank = len(padding)
    _check_rank(x, rank, where)
    widths = [(0, 0)] * x.ndim
    for axis, (before, after) in zip(_spatial_axes(rank, data_format), padding, strict=True):
        widths[axis] = (int_of(before), int_of(after))
    return jnp.pad(x, widths)


def _pairs(padding, rank, where):
    if len(padding) != rank or any(len(p) != 2 for p in padding):
        raise ValueError(f"{where}: padding must be {rank} pair(s) (before, after); got {padding!r}.")
    return [tuple(p) for p in padding]


def temporal_padding(x, padding=(1, 1)):
    """Zeros before and after the middle axis of (batch, time, channels).

    Args:
        x: tensor of rank 3.
        padding: (before, after).
    """
    return _pad(x, _pairs([padding], 1, "temporal_padding"), "channels_last", "temporal_padding")


def spatial_2d_padding(x, padding=((1, 1), (1, 1)), data_format=None):
    """Zeros around the rows and columns of images.

    Args:
        x: tensor of rank 4.
        padding: ((top, bottom), (left, right)).
        data_format: 'channels_last', 'channels_first', or None for `image_data_format()`.
    """
    where = "spatial_2d_padding"
    return _pad(x, _pairs(padding, 2, where), normalize_data_format(data_format), where)


def spatial_3d_padding(x, padding=((1, 1), (1, 1), (1, 1)), data_format=None):
    """Zeros around the three axes of volumes; arguments as for `spatial_2d_padding`, with three pairs."""
    where = "spatial_3d_padding"
    return _pad(x, _pairs(padding, 3, where), normalize_data_format(data_format), where)


@tensor_op(name="resize", rowwise=True)
def _repeat_spatial(x, factors, data_format, where):
    x = as_array(x)
    _check_rank(x, len(factors), where)
    for axis, factor in zip(_spatial_axes(len(factors), data_format), factors, strict=True):
        x = jnp.repeat(x, int_of(factor), axis)
    return x


@tensor_op(name="resize_bilinear", rowwise=True)
def _bilinear(x, factors, data_format, where):
    """Output i lies at i / factor of the input (TensorFlow 1: corners, not centres, are aligned at the start)."""
    x = as_array(x)
    _check_rank(x, len(factors), where)
    for axis, factor in zip(_spatial_axes(len(factors), data_format), factors, strict=True):
        factor, size = int_of(factor), x.shape[axis]
        place = jnp.arange(size * factor)
        low = place // factor
        weight = ((place % factor) / factor).astype(x.dtype).reshape((-1,) + (1,) * (x.ndim - 1 - axis))
        left, right = jnp.take(x, low, axis), jnp.take(x, jnp.minimum(low + 1, size - 1), axis)
        x = left + (right - left) * weight
    return x


def resize_images(x, height_factor, width_factor, data_format, interpolation="nearest"):
    """Images enlarged by whole factors.

    Args:
        x: tensor of rank 4.
        height_factor, width_factor: ints >= 1.
        data_format: 'channels_last' or 'channels_first'.
        interpolation: 'nearest' or 'bilinear'.
    """
    resize = {"nearest": _repeat_spatial, "bilinear": _bilinear}
    if interpolation not in resize:
        raise ValueError(f"resize_images: interpolation must be 'nearest' or 'bilinear'; got {interpolation!r}.")
    return resize[interpolation](x, (height_factor, width_factor), normalize_data_format(data_format), "resize_images")


def resize_volumes(x, depth_factor, height_factor, width_factor, data_format):
    """Volumes enlarged by whole factors, each element repeated; arguments as for `resize_images`."""
    factors = (depth_factor, height_factor, width_factor)
    return _repeat_spatial(x, factors, normalize_data_format(data_format), "resize_volumes")

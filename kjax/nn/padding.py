"""Zeros around, pieces cut off, and enlargement of the spatial axes."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from kjax.nn.module import Module

__all__ = ["Crop", "UpSample", "ZeroPad", "crop", "upsample", "zero_pad"]


def _first_spatial(data_format: str) -> int:
    return 1 if data_format == "channels_last" else 2


def zero_pad(x, pads, data_format="channels_last"):
    """x with `pads` ((before, after) per spatial axis) zeros around."""
    config = [(0, 0, 0)] * x.ndim
    for a, (before, after) in enumerate(pads, _first_spatial(data_format)):
        config[a] = (before, after, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def crop(x, amounts, data_format="channels_last"):
    """x without `amounts` ((before, after) per spatial axis) positions at the edges."""
    index = [slice(None)] * x.ndim
    for a, (before, after) in enumerate(amounts, _first_spatial(data_format)):
        index[a] = slice(before, x.shape[a] - after)
    return x[tuple(index)]


def upsample(x, size, data_format="channels_last", interpolation="nearest"):
    """x enlarged by whole factors.

    Args:
        size: one factor per spatial axis.
        interpolation: 'nearest' repeats positions; 'bilinear' puts output i at i / factor of the input, as TensorFlow 1
            does (the last positions repeat the edge).
    """
    grow = {"nearest": _repeat, "bilinear": _interpolate}[interpolation]
    for axis, factor in enumerate(size, _first_spatial(data_format)):
        if factor != 1:
            x = grow(x, axis, factor)
    return x


def _repeat(x, axis, factor):
    shape = x.shape
    x = jnp.broadcast_to(jnp.expand_dims(x, axis + 1), (*shape[: axis + 1], factor, *shape[axis + 1 :]))
    return x.reshape(*shape[:axis], shape[axis] * factor, *shape[axis + 1 :])


def _interpolate(x, axis, factor):
    """Between position j and j + 1, `factor` steps: (1 - t) x[j] + t x[j + 1], t = 0, 1 / factor, ..."""
    shape = x.shape
    last = lax.slice_in_dim(x, shape[axis] - 1, shape[axis], axis=axis)
    following = jnp.concatenate([lax.slice_in_dim(x, 1, shape[axis], axis=axis), last], axis)
    x, following = jnp.expand_dims(x, axis + 1), jnp.expand_dims(following, axis + 1)
    t = (jnp.arange(factor) / factor).astype(x.dtype).reshape([-1 if a == axis + 1 else 1 for a in range(x.ndim)])
    y = x + (following - x) * t
    return y.reshape(*shape[:axis], shape[axis] * factor, *shape[axis + 1 :])


class ZeroPad(Module):
    """Zeros around the spatial axes; `padding` is ((before, after), ...)."""

    padding: tuple[tuple[int, int], ...]
    data_format: str = "channels_last"

    def __call__(self, x):
        return zero_pad(x, self.padding, self.data_format)


class Crop(Module):
    """Cuts ((before, after), ...) positions off the spatial axes."""

    cropping: tuple[tuple[int, int], ...]
    data_format: str = "channels_last"

    def __call__(self, x):
        return crop(x, self.cropping, self.data_format)


class UpSample(Module):
    """Enlarges the spatial axes by the factors of `size`."""

    size: tuple[int, ...]
    data_format: str = "channels_last"
    interpolation: str = "nearest"

    def __call__(self, x):
        return upsample(x, self.size, self.data_format, self.interpolation)

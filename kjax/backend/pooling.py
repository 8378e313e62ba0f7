"""Pooling of windows."""

from __future__ import annotations

from kjax.backend.config import normalize_data_format
from kjax.backend.convolutions import images, one_of, per_axis
from kjax.backend.operation import tensor_op
from kjax.nn.pooling import avg_pool, max_pool

__all__ = ["pool2d", "pool3d"]

MODES = {"max": max_pool, "avg": avg_pool}


@tensor_op(name="pool", rowwise=True)
def _pool(x, size, strides, padding, data_format, mode, where):
    return MODES[mode](images(x, len(size), data_format, where), size, strides, padding, data_format)


def _call(x, pool_size, strides, padding, data_format, pool_mode, rank, where):
    return _pool(
        x,
        per_axis(pool_size, rank, "pool_size", where),
        per_axis(strides, rank, "strides", where),
        one_of(padding, ("valid", "same"), "padding", where),
        normalize_data_format(data_format),
        one_of(pool_mode, tuple(MODES), "pool_mode", where),
        where,
    )


def pool2d(x, pool_size, strides=(1, 1), padding="valid", data_format=None, pool_mode="max"):
    """The maximum or the mean of each window.

    Args:
        x: tensor of rank 4.
        pool_size: two ints, the window.
        strides: two ints.
        padding: 'valid' or 'same' (what it adds does not count).
        data_format: 'channels_last', 'channels_first', or None for `image_data_format()`.
        pool_mode: 'max' or 'avg'.
    """
    return _call(x, pool_size, strides, padding, data_format, pool_mode, 2, "pool2d")


def pool3d(x, pool_size, strides=(1, 1, 1), padding="valid", data_format=None, pool_mode="max"):
    """The maximum or the mean of each window of volumes; arguments as for `pool2d`, three ints each."""
    return _call(x, pool_size, strides, padding, data_format, pool_mode, 3, "pool3d")

"""One random transformation of one image. Random numbers come from NumPy's global generator.

Differs: rotations, shears and zooms are about the middle of the image wherever its axes are; keras_preprocessing takes
the first two axes for rows and columns there, whatever `row_axis` and `col_axis` say.
"""

from __future__ import annotations

import numpy as np

from kjax.preprocessing.image.affine import apply_affine_transform
from kjax.preprocessing.image.color import apply_brightness_shift, apply_channel_shift


def _transformed(x, row_axis, col_axis, channel_axis, fill_mode, cval, order, **transform):
    return apply_affine_transform(
        x,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=order,
        **transform,
    )


def random_rotation(
    x, rg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """The image turned by up to `rg` degrees either way; the other arguments as in `apply_affine_transform`."""
    theta = np.random.uniform(-rg, rg)
    rest = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return _transformed(x, *rest, theta=theta)


def random_shift(
    x, wrg, hrg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """The image moved by up to `wrg` of its width and `hrg` of its height; the rest as in `apply_affine_transform`."""
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    rest = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return _transformed(x, *rest, tx=tx, ty=ty)


def random_shear(
    x, intensity, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """The image sheared by up to `intensity` degrees either way; the rest as in `apply_affine_transform`."""
    shear = np.random.uniform(-intensity, intensity)
    rest = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return _transformed(x, *rest, shear=shear)


def random_zoom(
    x, zoom_range, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """The image zoomed by factors between the two of `zoom_range`; the rest as in `apply_affine_transform`."""
    if np.ndim(zoom_range) != 1 or len(zoom_range) != 2:
        raise ValueError(f"random_zoom: zoom_range must be two factors, received {zoom_range!r}")
    if zoom_range[0] == 1 and zoom_range[1] == 1:
        zx, zy = 1, 1
    else:
        zx, zy = np.random.uniform(zoom_range[0], zoom_range[1], 2)
    rest = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return _transformed(x, *rest, zx=zx, zy=zy)


def random_channel_shift(x, intensity_range, channel_axis=0):
    """`apply_channel_shift` by up to `intensity_range` either way."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis=channel_axis)


def random_brightness(x, brightness_range):
    """`apply_brightness_shift` by a factor between the two of `brightness_range`."""
    if np.ndim(brightness_range) != 1 or len(brightness_range) != 2:
        raise ValueError(f"random_brightness: brightness_range must be two factors, received {brightness_range!r}")
    return apply_brightness_shift(x, np.random.uniform(brightness_range[0], brightness_range[1]))

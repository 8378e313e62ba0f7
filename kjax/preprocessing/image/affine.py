"""Affine transformations of images: rotation, shift, shear, zoom, flips."""

from __future__ import annotations

import importlib

import numpy as np

from kjax.preprocessing.image import sampling

_MODES = ("constant", "nearest", "reflect", "wrap")


def transform_matrix_offset_center(matrix, x, y):
    """The 3x3 matrix whose centre is (x / 2 + 0.5, y / 2 + 0.5) instead of (0, 0)."""
    return centered(np.asarray(matrix, dtype="float64"), x, y)


# The products below are BLAS's, taken in the order of keras_preprocessing: on an edge of the image the last bit decides
# on which side a position lies.


def centered(matrices, height, width):
    """shift(c) @ matrices @ shift(-c), c = (height / 2 + 0.5, width / 2 + 0.5); matrices of shape (..., 3, 3)."""
    row, column = float(height) / 2 + 0.5, float(width) / 2 + 0.5
    there = np.array([[1, 0, row], [0, 1, column], [0, 0, 1]])
    back = np.array([[1, 0, -row], [0, 1, -column], [0, 0, 1]])
    return there @ matrices @ back


def affine_matrices(theta, tx, ty, shear, zx, zy):
    """rotation @ shift @ shear @ zoom for n images: array (n, 3, 3).

    Args:
        theta, shear: degrees, arrays (n,).
        tx, ty: shifts along rows and columns, in pixels.
        zx, zy: zoom factors along rows and columns.
    """
    theta, shear = np.deg2rad(theta), np.deg2rad(shear)
    rotation, shift, slant, zoom = (np.tile(np.eye(3), (len(theta), 1, 1)) for _ in range(4))
    rotation[:, 0, 0] = rotation[:, 1, 1] = np.cos(theta)
    rotation[:, 1, 0] = np.sin(theta)
    rotation[:, 0, 1] = -rotation[:, 1, 0]
    shift[:, 0, 2], shift[:, 1, 2] = tx, ty
    slant[:, 0, 1], slant[:, 1, 1] = -np.sin(shear), np.cos(shear)
    zoom[:, 0, 0], zoom[:, 1, 1] = zx, zy
    return rotation @ shift @ slant @ zoom


def apply_affine_transform(
    x,
    theta=0,
    tx=0,
    ty=0,
    shear=0,
    zx=1,
    zy=1,
    row_axis=0,
    col_axis=1,
    channel_axis=2,
    fill_mode="nearest",
    cval=0.0,
    order=1,
):
    """A rotated, shifted, sheared and zoomed image: pixel p comes from rotation @ shift @ shear @ zoom @ p.

    Args:
        x: array of rank 3.
        theta: degrees.
        tx, ty: shifts along rows and along columns, in pixels.
        shear: degrees.
        zx, zy: zoom factors along rows and along columns; above 1 makes things smaller.
        row_axis, col_axis, channel_axis: of x.
        fill_mode: 'constant', 'nearest', 'reflect' or 'wrap', for points outside.
        cval: value outside, with 'constant'.
        order: of the spline interpolation, 0 to 5; 0 and 2 to 5 need SciPy.
    """
    if theta == 0 and tx == 0 and ty == 0 and shear == 0 and zx == 1 and zy == 1:
        return x
    x = np.asarray(x)
    if x.ndim != 3 or len({row_axis, col_axis, channel_axis}) != 3:
        raise ValueError(
            f"apply_affine_transform: x must have rank 3 and three different axes, received shape {x.shape} and axes "
            f"{(row_axis, col_axis, channel_axis)}"
        )
    matrix = affine_matrices(*(np.float64([value]) for value in (theta, tx, ty, shear, zx, zy)))
    matrix = centered(matrix, x.shape[row_axis], x.shape[col_axis])
    image = np.moveaxis(x, channel_axis, -1)
    warped = warp(image[None], matrix, fill_mode, cval, order)[0]
    return np.moveaxis(warped, -1, channel_axis)


def warp(images, matrices, fill_mode, cval, order, flip_rows=None, flip_columns=None):
    """Images (n, height, width, channels) seen through 3x3 matrices (n, 3, 3), then flipped; their dtype is kept."""
    if fill_mode not in _MODES:
        raise ValueError(f"fill_mode must be one of {_MODES}, received {fill_mode!r}")
    linear, offsets = matrices[:, :2, :2], matrices[:, :2, 2]
    if order == 1 and images.shape[1] and images.shape[2]:
        dtype = images.dtype
        exact = images if dtype in (np.float32, np.float64) else images.astype(_arithmetic_type(dtype))
        out = sampling.sample(exact, linear, offsets, fill_mode, cval, flip_rows, flip_columns)
        return out if out.dtype == dtype else _round_to(out, dtype)
    each = zip(images, linear, offsets, strict=True)
    out = np.stack([_spline(image, matrix, offset, fill_mode, cval, order) for image, matrix, offset in each])
    return flip_each(out, flip_rows, flip_columns)


def _arithmetic_type(dtype):
    return "float32" if dtype == np.float16 else "float64"


def _round_to(values, dtype):
    """Integers: rounded, halves away from zero, and cut off at the type's limits."""
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.trunc(values + np.copysign(0.5, values)), limits.min, limits.max).astype(dtype)


def _spline(image, matrix, offset, mode, cval, order):
    try:
        ndimage = importlib.import_module("scipy.ndimage")
    except ImportError as error:
        raise ImportError("Interpolation of an order other than 1 needs SciPy: pip install 'kjax[image]'") from error
    image = image.astype("float32") if image.dtype == np.float16 else image
    channels = [
        ndimage.affine_transform(image[..., c], matrix, offset, order=order, mode=mode, cval=cval)
        for c in range(image.shape[-1])
    ]
    return np.stack(channels, axis=-1)


def flip_axis(x, axis):
    """`x` backwards along `axis`."""
    return np.flip(np.asarray(x), axis)


def flip_each(images, flip_rows, flip_columns):
    """Images (n, height, width, channels), each turned upside down or left to right where its flag says so."""
    for axis, flags in ((1, flip_rows), (2, flip_columns)):
        if flags is None or not np.any(flags):
            continue
        if np.all(flags):
            images = np.flip(images, axis)
        else:
            images = np.where(np.asarray(flags)[:, None, None, None], np.flip(images, axis), images)
    return images

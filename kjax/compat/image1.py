"""Helpers of Keras 1's `keras.preprocessing.image`."""

from __future__ import annotations

import os
import re

import numpy as np


def transform_matrix_offset_center(matrix, x, y):
    """The 3 x 3 transformation about the centre of an x by y image instead of its corner."""
    to_centre, back = np.eye(3), np.eye(3)
    to_centre[:2, 2] = x / 2 + 0.5, y / 2 + 0.5
    back[:2, 2] = -to_centre[:2, 2]
    return to_centre @ matrix @ back


def apply_transform(x, transform_matrix, channel_axis=0, fill_mode="nearest", cval=0.0):
    """The image under an affine transformation of its coordinates.

    Args:
        x: array of rank 3.
        transform_matrix: 3 x 3.
        channel_axis: the axis of the channels.
        fill_mode: what stands outside the image: 'constant', 'nearest', 'reflect' or 'wrap'.
        cval: the value for 'constant'.
    """
    # SciPy is needed for images only
    from scipy import ndimage

    turn, shift = transform_matrix[:2, :2], transform_matrix[:2, 2]
    channels = [
        ndimage.affine_transform(c, turn, shift, order=0, mode=fill_mode, cval=cval)
        for c in np.moveaxis(x, channel_axis, 0)
    ]
    return np.moveaxis(np.stack(channels), 0, channel_axis)


def flip_axis(x, axis):
    """`x` reversed along an axis."""
    return np.flip(x, axis)


def list_pictures(directory, ext="jpg|jpeg|bmp|png"):
    """Paths of the files below `directory` whose names end in one of the extensions, `|` between them."""
    pattern = re.compile(rf"([\w]+\.(?:{ext}))")
    return [os.path.join(root, f) for root, _, files in os.walk(directory) for f in files if pattern.match(f)]

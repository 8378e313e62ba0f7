"""A helper of Keras 1's `keras.preprocessing.image`."""

from __future__ import annotations

import numpy as np


def apply_transform(x, transform_matrix, channel_axis=0, fill_mode="nearest", cval=0.0):
    """The image under an affine transformation of its coordinates, to the nearest pixel.

    Args:
        x: array of rank 3.
        transform_matrix: 3 x 3, from places in the result to places in `x`.
        channel_axis: the axis of the channels.
        fill_mode: what stands outside the image: 'constant', 'nearest', 'reflect' or 'wrap'.
        cval: the value for 'constant'.
    """
    # SciPy is not needed for anything else at this place
    from scipy import ndimage

    turn, shift = transform_matrix[:2, :2], transform_matrix[:2, 2]
    channels = [
        ndimage.affine_transform(c, turn, shift, order=0, mode=fill_mode, cval=cval)
        for c in np.moveaxis(x, channel_axis, 0)
    ]
    return np.moveaxis(np.stack(channels), 0, channel_axis)

"""Bilinear sampling of many images at once, in NumPy: scipy.ndimage.affine_transform(order=1) without its calls.

output[i, j] = image at matrix @ (i, j) + offset. The source position is computed in float64 in the order of SciPy's
loop, so that both agree on which side of an edge a position lies; the weighted sum is taken in the images' float type.
"""

from __future__ import annotations

import numpy as np

MODES = ("constant", "nearest", "reflect", "wrap")
# Images are handled in groups of about this many pixels, whose arrays stay in the processor's cache.
_GROUP_PIXELS = 16384


def sample(images, matrices, offsets, mode="nearest", cval=0.0, flip_rows=None, flip_columns=None):
    """Transformed images.

    Args:
        images: array (n, height, width, channels), floating.
        matrices: array (n, 2, 2).
        offsets: array (n, 2).
        mode: 'constant', 'nearest', 'reflect' or 'wrap', for positions outside.
        cval: value outside, with 'constant'.
        flip_rows, flip_columns: booleans (n,), or None: whether the result is turned upside down, left to right.
    """
    count, height, width, channels = images.shape
    out = np.empty(images.shape, images.dtype)
    group = max(1, _GROUP_PIXELS // max(1, height * width))
    rows = _positions(height, count, flip_rows)
    columns = _positions(width, count, flip_columns)
    planes = np.empty((channels, group, height + 1, width + 1), images.dtype)
    for first in range(0, count, group):
        some = slice(first, min(first + group, count))
        used = planes[:, : some.stop - some.start]
        used[:, :, :height, :width] = np.moveaxis(images[some], 3, 0)
        # One more row and column: the neighbours of the last ones, whose weight is 0 or which repeat the edge.
        used[:, :, height, :width] = used[:, :, height - 1, :width]
        used[:, :, :, width] = used[:, :, :, width - 1]
        at = [_source(matrices[some], offsets[some], rows[some], columns[some], axis) for axis in (0, 1)]
        _sample_group(used, at, mode, cval, out[some])
    return out


def _positions(length, count, flipped):
    """Output coordinates along one axis, one row per image, backwards for flipped images."""
    along = np.arange(length, dtype="float64")
    if flipped is None:
        return np.broadcast_to(along, (count, length))
    return np.where(np.asarray(flipped)[:, None], along[::-1], along)


def _source(matrices, offsets, rows, columns, axis):
    """(offset + m0 * i) + m1 * j, for all pixels of all images."""
    down = offsets[:, axis, None] + matrices[:, axis, 0, None] * rows
    return down[:, :, None] + (matrices[:, axis, 1, None] * columns)[:, None, :]


def _sample_group(planes, at, mode, cval, out):
    channels, count, padded_height, padded_width = planes.shape
    height, width = padded_height - 1, padded_width - 1
    outside = None
    if mode == "constant":
        outside = (at[0] < 0) | (at[0] > height - 1) | (at[1] < 0) | (at[1] > width - 1)
    row, row_part = _split(_into_image(at[0], height, mode), planes.dtype)
    column, column_part = _split(_into_image(at[1], width, mode), planes.dtype)
    # the index of the upper left neighbour in a channel's planes, laid end to end
    index = row
    index *= padded_width
    index += column
    index += (np.arange(count) * (padded_height * padded_width))[:, None, None]
    for channel in range(channels):
        flat = planes[channel].reshape(-1) if planes[channel].flags.c_contiguous else planes[channel].ravel()
        above = _between(flat, index, 0, column_part)
        below = _between(flat, index, padded_width, column_part)
        below -= above
        below *= row_part
        above += below
        if outside is not None:
            above[outside] = cval
        out[..., channel] = above


def _split(position, dtype):
    """(whole part as index, fraction)."""
    whole = position.astype(np.intp)
    return whole, (position - whole).astype(dtype)


def _between(flat, index, shift, part):
    """flat[index + shift] + (flat[index + shift + 1] - flat[index + shift]) * part."""
    left = flat[shift:].take(index)
    right = flat[shift + 1 :].take(index)
    right -= left
    right *= part
    left += right
    return left


def _into_image(position, length, mode):
    """Positions moved into [0, length - 1] by the rule of `mode`."""
    last = length - 1
    if mode == "reflect":
        # d c b a | a b c d | d c b a: between an edge pixel and its image the value does not change
        position = np.abs(np.mod(position + 0.5, 2.0 * length) - length)
        position = (length - 0.5) - position
    elif mode == "wrap" and last > 0:
        # SciPy's period is length - 1; the edges themselves stay where they are
        low, high = position < 0, position > last
        position = np.where(low, position + last * (np.trunc(-position / last) + 1), position)
        position = np.where(high, position - last * np.trunc(position / last), position)
    return np.clip(position, 0, last)

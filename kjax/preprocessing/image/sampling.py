"""Bilinear sampling of many images at once, in NumPy: scipy.ndimage.affine_transform(order=1) without its calls.

output[i, j] = image at matrix @ (i, j) + offset. The source position is computed in float64 in the order of SciPy's
loop, so that both agree on which side of an edge a position lies; the weighted sum is taken in the images' float type.
"""

from __future__ import annotations

import numpy as np

MODES = ("constant", "nearest", "reflect", "wrap")
# Images are handled in groups of about this many pixels, whose arrays stay in the processor's cache.
_GROUP_PIXELS = 8192


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
    count, height, width, _ = images.shape
    out = np.empty(images.shape, images.dtype)
    # what depends on the row and what depends on the column of a source position: (offset + m0 * i) + m1 * j
    i = _along(height, count, flip_rows)
    j = _along(width, count, flip_columns)
    by_row = [(offsets[:, axis, None] + matrices[:, axis, 0, None] * i)[:, :, None] for axis in (0, 1)]
    by_column = [(matrices[:, axis, 1, None] * j)[:, None, :] for axis in (0, 1)]
    group = min(count, max(1, _GROUP_PIXELS // (height * width)))
    desk = _Desk(group, images.shape[1:], images.dtype)
    for first in range(0, count, group):
        some = slice(first, min(first + group, count))
        if some.stop - some.start < group:
            desk = _Desk(some.stop - some.start, images.shape[1:], images.dtype)
        desk.lay(images[some])
        desk.locate([part[some] for part in by_row], [part[some] for part in by_column], mode)
        desk.draw(out[some], cval)
    return out


def _along(length, count, flipped):
    """Output coordinates along one axis, one row per image, backwards for flipped images."""
    forward = np.arange(length, dtype="float64")
    if flipped is None:
        return np.broadcast_to(forward, (count, length))
    return np.where(np.asarray(flipped)[:, None], forward[::-1], forward)


class _Desk:
    """The arrays for a group of images, used again for every group."""

    def __init__(self, count, shape, dtype):
        height, width, channels = shape
        self.height, self.width = height, width
        # One more row and column: neighbours of the last ones, whose weight is 0 or which repeat the edge.
        self.planes = np.empty((channels, count, height + 1, width + 1), dtype)
        self.starts = (np.arange(count, dtype="float64") * ((height + 1) * (width + 1)))[:, None, None]
        grid = (count, height, width)
        self.row, self.column, self.whole_row, self.whole = (np.empty(grid) for _ in range(4))
        self.index = np.empty(grid, np.intp)
        self.row_part, self.column_part = np.empty(grid, dtype), np.empty(grid, dtype)
        self.above, self.below, self.right = (np.empty(grid, dtype) for _ in range(3))
        self.outside = None

    def lay(self, images):
        """Copies the images, channel by channel."""
        planes, height, width = self.planes, self.height, self.width
        planes[:, :, :height, :width] = np.moveaxis(images, 3, 0)
        planes[:, :, height, :width] = planes[:, :, height - 1, :width]
        planes[:, :, :, width] = planes[:, :, :, width - 1]

    def locate(self, by_row, by_column, mode):
        """Finds for every output pixel its upper left neighbour and the weights of the others."""
        row, column = self.row, self.column
        np.add(by_row[0], by_column[0], out=row)
        np.add(by_row[1], by_column[1], out=column)
        self.outside = None
        if mode == "constant":
            self.outside = (row < 0) | (row > self.height - 1) | (column < 0) | (column > self.width - 1)
        _move_inside(row, self.height, mode)
        _move_inside(column, self.width, mode)
        np.floor(row, out=self.whole_row)
        np.floor(column, out=self.whole)
        np.subtract(row, self.whole_row, out=row)
        np.subtract(column, self.whole, out=column)
        np.copyto(self.row_part, row, casting="same_kind")
        np.copyto(self.column_part, column, casting="same_kind")
        # the index into a channel's planes laid end to end; exact, being below 2**53
        np.multiply(self.whole_row, self.width + 1, out=self.whole_row)
        np.add(self.whole, self.whole_row, out=self.whole)
        np.add(self.whole, self.starts, out=self.whole)
        np.copyto(self.index, self.whole, casting="unsafe")

    def draw(self, out, cval):
        """The weighted sums of the four neighbours."""
        for channel, planes in enumerate(self.planes):
            flat = planes.reshape(-1)
            self._between(flat, 0, self.above)
            self._between(flat, self.width + 1, self.below)
            np.subtract(self.below, self.above, out=self.below)
            np.multiply(self.below, self.row_part, out=self.below)
            np.add(self.above, self.below, out=self.above)
            if self.outside is not None:
                self.above[self.outside] = cval
            out[..., channel] = self.above

    def _between(self, flat, shift, left):
        """left = flat[index + shift] + (flat[index + shift + 1] - flat[index + shift]) * part."""
        right = self.right
        flat[shift:].take(self.index, out=left, mode="clip")  # 'clip' only avoids a second copy: all are inside
        flat[shift + 1 :].take(self.index, out=right, mode="clip")
        np.subtract(right, left, out=right)
        np.multiply(right, self.column_part, out=right)
        np.add(left, right, out=left)


def _move_inside(position, length, mode):
    """Moves positions into [0, length - 1] by the rule of `mode`, in place."""
    last = length - 1
    if mode == "reflect":
        # d c b a | a b c d | d c b a: between an edge pixel and its mirror image the value does not change
        position += 0.5
        np.mod(position, 2.0 * length, out=position)
        position -= length
        np.abs(position, out=position)
        np.subtract(length - 0.5, position, out=position)
    elif mode == "wrap" and last > 0:
        # SciPy's period is length - 1; the edges themselves stay where they are
        low, high = position < 0, position > last
        position[low] += last * (np.trunc(-position[low] / last) + 1)
        position[high] -= last * np.trunc(position[high] / last)
    np.clip(position, 0, last, out=position)

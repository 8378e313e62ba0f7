"""The random numbers behind image transformations, from NumPy's global generator in keras_preprocessing's order."""

from __future__ import annotations

import operator

import numpy as np


class Transforms:
    """Parameters of the transformations of n images; each an array (n,), or None where nothing is to be done.

    Attributes: theta, tx, ty, shear, zx, zy as in `apply_affine_transform`; flip_horizontal, flip_vertical: booleans;
    channel_shift, brightness.
    """

    theta: np.ndarray | None
    tx: np.ndarray | None
    ty: np.ndarray | None
    shear: np.ndarray | None
    zx: np.ndarray | None
    zy: np.ndarray | None
    channel_shift: np.ndarray | None
    brightness: np.ndarray | None
    flip_horizontal: np.ndarray
    flip_vertical: np.ndarray

    def affine(self):
        """(theta, tx, ty, shear, zx, zy) with neutral numbers for None; None if all are."""
        names = ("theta", "tx", "ty", "shear", "zx", "zy")
        if all(getattr(self, name) is None for name in names):
            return None
        count = len(self.flip_horizontal)
        neutral = {"zx": 1.0, "zy": 1.0}
        found = ((getattr(self, name), neutral.get(name, 0.0)) for name in names)
        return [np.full(count, default) if values is None else values for values, default in found]


def chooses(limits) -> bool:
    """True if shifts are chosen among whole numbers (an int, or a list of choices), False if from an interval."""
    if np.ndim(limits) == 1:
        return True
    try:
        return operator.index(limits) > 0
    except TypeError:
        return False


def draw_shift(limits, length):
    """One shift in pixels: `limits` an int or a list of choices, else a float (a fraction of `length` if below 1)."""
    if chooses(limits):
        shift = np.random.choice(limits)
        shift *= np.random.choice([-1, 1])
    else:
        shift = np.random.uniform(-limits, limits)
    if np.max(limits) < 1:
        shift *= length
    return shift


def draw_many(generator, count, height, width) -> Transforms:
    """The parameters of `count` images in a row: the numbers that as many calls of `get_random_transform` give.

    Args:
        generator: an ImageDataGenerator whose shifts are drawn from intervals.
        count: number of images.
        height, width: of the images.
    """
    heights, widths = generator.height_shift_range, generator.width_shift_range
    zoom = None if generator.zoom_range[0] == 1 and generator.zoom_range[1] == 1 else tuple(generator.zoom_range)
    intervals = {
        "theta": _around_zero(generator.rotation_range),
        "tx": _around_zero(heights),
        "ty": _around_zero(widths),
        "shear": _around_zero(generator.shear_range),
        "zx": zoom,
        "zy": zoom,
        "flip_horizontal": (0, 1),
        "flip_vertical": (0, 1),
        "channel_shift": _around_zero(generator.channel_shift_range),
        "brightness": None if generator.brightness_range is None else tuple(generator.brightness_range),
    }
    drawn = [name for name, interval in intervals.items() if interval is not None]
    uniform = np.random.random_sample((count, len(drawn)))
    found = Transforms()
    for name, interval in intervals.items():
        values = None
        if interval is not None:
            low, high = interval
            values = low + (high - low) * uniform[:, drawn.index(name)]
        setattr(found, name, values)
    if found.tx is not None and heights < 1:
        found.tx = found.tx * height
    if found.ty is not None and widths < 1:
        found.ty = found.ty * width
    found.flip_horizontal = (found.flip_horizontal < 0.5) & bool(generator.horizontal_flip)
    found.flip_vertical = (found.flip_vertical < 0.5) & bool(generator.vertical_flip)
    return found


def _around_zero(limit):
    return (-limit, limit) if limit else None

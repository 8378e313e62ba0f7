"""Changes of colour: channel shift and brightness, of one image and of many."""

from __future__ import annotations

import numpy as np

from kjax.backend import config
from kjax.preprocessing.image.files import to_bytes


def apply_channel_shift(x, intensity, channel_axis=0):
    """x + intensity, kept between the image's least and largest value.

    Args:
        x: array of rank 3.
        intensity: number added.
        channel_axis: accepted for compatibility; all channels are shifted alike.
    """
    x = np.asarray(x)
    return np.clip(x + float(intensity), np.min(x), np.max(x))


def shift_each(images, intensities):
    """`apply_channel_shift` of every image (n, ...) by its own intensity."""
    flat = images.reshape(len(images), -1)
    shifted = flat + intensities.astype(images.dtype)[:, None]
    np.clip(shifted, flat.min(axis=1, keepdims=True), flat.max(axis=1, keepdims=True), out=shifted)
    return shifted.reshape(images.shape)


def apply_brightness_shift(x, brightness):
    """The image, spread over 0 to 255, as whole numbers times `brightness`, cut off at 255.

    Args:
        x: array of rank 3, channels where the backend's data format has them.
        brightness: factor; 1 changes nothing else.

    An alpha channel keeps its values.
    """
    return brighten(np.asarray(x), brightness, 0 if config.image_data_format() == "channels_first" else 2)


def brighten(x, brightness, channel_axis):
    """`apply_brightness_shift` with the channels on `channel_axis`."""
    if x.ndim != 3:
        raise ValueError(f"brightness: x must be one image of rank 3, received shape {x.shape}")
    image = np.moveaxis(np.asarray(x, dtype=config.floatx()), channel_axis, -1)
    return np.moveaxis(brighten_each(image[None], np.array([brightness]))[0], -1, channel_axis)


def brighten_each(images, factors):
    """`apply_brightness_shift` of every image (n, height, width, channels) by its own factor."""
    count, height, width, channels = images.shape
    if channels not in (1, 3, 4):
        raise ValueError(f"brightness: images must have 1, 3 or 4 channels, received shape {images.shape[1:]}")
    if not images.size:
        return images
    flat = images.astype(config.floatx()).reshape(count, -1)
    flat -= flat.min(axis=1, keepdims=True)
    largest = flat.max(axis=1, keepdims=True)
    flat /= np.where(largest == 0, 1, largest)
    flat *= 255
    whole = to_bytes(flat).astype("float32")
    # the arithmetic of Pillow's enhancer: single precision, cut off to whole numbers
    out = np.trunc(np.clip(whole * factors.astype("float32")[:, None], 0, 255)).reshape(images.shape)
    if channels == 4:  # transparency stays
        out[..., 3] = whole.reshape(images.shape)[..., 3]
    return out.astype(config.floatx(), copy=False)

"""Changes of colour: channel shift and brightness, of one image and of many."""

from __future__ import annotations

import numpy as np

from kjax.backend import config
from kjax.preprocessing.image.files import scale_to_bytes, to_bytes


def apply_channel_shift(x, intensity, channel_axis=0):
    """x + intensity, kept between the image's least and largest value.

    Args:
        x: array of rank 3.
        intensity: number added.
        channel_axis: accepted for compatibility; all channels are shifted alike.
    """
    x = np.asarray(x)
    return np.clip(x + intensity, np.min(x), np.max(x))


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
    x = np.asarray(x, dtype=config.floatx())
    channels = x.shape[0 if config.image_data_format() == "channels_first" else -1] if x.ndim == 3 else 0
    if channels not in (1, 3, 4):
        raise ValueError(f"apply_brightness_shift: x must be an image of 1, 3 or 4 channels, received shape {x.shape}")
    alpha = None
    if channels == 4:
        alpha = (3,) if config.image_data_format() == "channels_first" else (slice(None), slice(None), 3)
    whole = to_bytes(scale_to_bytes(x) if x.size else x)
    out = np.clip(np.float32(brightness) * whole.astype("float32"), 0, 255).astype("uint8")
    if alpha is not None:
        out[alpha] = whole[alpha]
    return out.astype(config.floatx())

"""Image files and arrays, by Pillow."""

from __future__ import annotations

import importlib
import io
import os
import re
import warnings

import numpy as np

from kjax.backend import config

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
_COLOR_MODES = ("grayscale", "rgb", "rgba")


def _pillow(name="Image"):
    try:
        return importlib.import_module("PIL." + name)
    except ImportError as error:
        raise ImportError("Image files need Pillow: pip install 'kjax[image]'") from error


def _checked_format(data_format, function):
    data_format = config.image_data_format() if data_format is None else data_format
    if data_format not in config.FORMATS:
        raise ValueError(f"{function}: data_format must be one of {config.FORMATS}, received {data_format!r}")
    return data_format


def load_img(path, grayscale=False, color_mode="rgb", target_size=None, interpolation="nearest"):
    """A Pillow image read from a file; of an animation, the first picture.

    Args:
        path: of the file.
        grayscale: old spelling of color_mode='grayscale'.
        color_mode: 'rgb', 'rgba' or 'grayscale' (8 bits, or what the file has if that is 16 or 32).
        target_size: (height, width) to resize to, default the file's.
        interpolation: 'nearest', 'bilinear', 'bicubic', 'hamming', 'box' or 'lanczos'.
    """
    image_module = _pillow()
    if grayscale:
        warnings.warn('grayscale is deprecated. Please use color_mode = "grayscale"', stacklevel=2)
        color_mode = "grayscale"
    if color_mode not in _COLOR_MODES:
        raise ValueError(f"load_img: color_mode must be one of {_COLOR_MODES}, received {color_mode!r}")
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(f"load_img: interpolation must be one of {_INTERPOLATIONS}, received {interpolation!r}")
    with open(path, "rb") as file:
        content = io.BytesIO(file.read())
    try:
        image = image_module.open(content)
        image.load()
        image = _in_color_mode(image, color_mode)
    except (OSError, SyntaxError, ValueError, EOFError, image_module.DecompressionBombError) as error:
        why = str(error).split(" <_io.")[0]  # Pillow names the bytes, which have no name
        raise OSError(f"load_img: {os.fspath(path)}: cannot be read as an image: {why}") from error
    if target_size is not None:
        size = (int(target_size[1]), int(target_size[0]))
        if image.size != size:
            image = image.resize(size, getattr(image_module.Resampling, interpolation.upper()))
    return image


def _in_color_mode(image, color_mode):
    if color_mode == "grayscale":
        return image if image.mode in ("L", "I;16", "I") else image.convert("L")
    wanted = color_mode.upper()
    return image if image.mode == wanted else image.convert(wanted)


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Writes an array as an image file.

    Args:
        path: of the file, or an open file.
        x: array of rank 3.
        data_format: 'channels_last' or 'channels_first', default that of the backend.
        file_format: of Pillow, default by the path's ending.
        scale: whether the values are spread over 0 to 255.
        **kwargs: for Pillow's save.
    """
    image = array_to_img(x, data_format=data_format, scale=scale)
    file_format = "jpeg" if file_format is not None and file_format.lower() == "jpg" else file_format
    named = file_format or os.path.splitext(str(path))[1].lstrip(".")
    if image.mode == "RGBA" and str(named).lower() in ("jpg", "jpeg"):
        warnings.warn("The JPG format does not support RGBA images, converting to RGB.", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format=file_format, **kwargs)


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """A Pillow image of an array of rank 3.

    Args:
        x: array with 1, 3 or 4 channels.
        data_format: 'channels_last' or 'channels_first', default that of the backend.
        scale: whether the values are spread over 0 to 255; otherwise they must be there already.
        dtype: of the arithmetic, default floatx.

    One channel with values above 255 makes an image of 32-bit integers.
    """
    image_module = _pillow()
    x = np.asarray(x, dtype=dtype or config.floatx())
    if x.ndim != 3:
        raise ValueError(f"array_to_img: x must have rank 3 (one image), received shape {x.shape}")
    if _checked_format(data_format, "array_to_img") == "channels_first":
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(f"array_to_img: x must have 1, 3 or 4 channels, received {x.shape[2]} (shape {x.shape})")
    if scale and x.size:
        x = x - np.min(x)
        largest = np.max(x)
        if largest != 0:
            x /= largest
        x *= 255
    if x.shape[2] == 1 and x.size and x.max() > 255:
        return image_module.fromarray(x[:, :, 0].astype("int32"))
    x = to_bytes(x)
    return image_module.fromarray(x[:, :, 0] if x.shape[2] == 1 else x)


def to_bytes(x):
    """Numbers cut off to integers modulo 256, as C does it on most machines; not a number is 0."""
    with np.errstate(invalid="ignore"):
        return x.astype("uint8")


def img_to_array(img, data_format=None, dtype=None):
    """An array of rank 3 of a Pillow image.

    Args:
        img: image, or array of rank 2 or 3.
        data_format: 'channels_last' or 'channels_first', default that of the backend.
        dtype: of the array, default floatx.
    """
    data_format = _checked_format(data_format, "img_to_array")
    x = np.asarray(img, dtype=dtype or config.floatx())
    if x.ndim == 2:
        return x[None] if data_format == "channels_first" else x[..., None]
    if x.ndim != 3:
        raise ValueError(f"img_to_array: img must have rank 2 or 3, received shape {x.shape}")
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def list_pictures(directory, ext=("jpg", "jpeg", "bmp", "png", "ppm", "tif", "tiff")):
    """Paths of the image files in a folder and those below it.

    Args:
        directory: folder.
        ext: ending, or tuple of endings.
    """
    endings = (ext,) if isinstance(ext, str) else tuple(ext)
    pattern = re.compile(r"[\w]+\.(?:" + "|".join(re.escape(e) for e in endings) + ")")
    return [
        os.path.join(root, name)
        for root, _, names in os.walk(directory)
        for name in names
        if pattern.match(name.lower())
    ]

"""Images: flips, colours, likeness, under TensorFlow's names."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.backend.operation import as_array, tensor_op
from kjax.compat.tensorflow.image import _batched
from kjax.compat.tensorflow.random import _drawn_uniform
from kjax.compat.tensorflow.tensors import held, kind_of, tf_function, type_of, value_of
from kjax.graph.dtypes import as_dtype
from kjax.nn.convolution import depthwise_conv

# -------------------------------------------------- turned


@tf_function
def flip_left_right(image):
    """Images mirrored along their columns."""
    return _batched(image, lambda x: K.reverse(x, 2))


@tf_function
def flip_up_down(image):
    """Images mirrored along their rows."""
    return _batched(image, lambda x: K.reverse(x, 1))


@tf_function
def transpose_image(image):
    """Images with rows and columns exchanged."""
    return _batched(image, lambda x: K.permute_dimensions(x, (0, 2, 1, 3)))


@tf_function
def rot90(image, k=1):
    """Images turned k times by 90 degrees, counter-clockwise."""
    return _batched(image, lambda x: _turned(x, int(k) % 4))


@tensor_op(name="Rot90", rowwise=True)
def _turned(x, k):
    return jnp.rot90(as_array(x), k, (1, 2))


def _perhaps(name, change, doc):
    """One draw for each image."""

    @tf_function
    def function(image, seed=None):
        def drawn(x):
            return _chosen(_drawn_uniform([K.shape(x)[0]], 0.0, 1.0, "float32", seed), change(x), x)

        return _batched(image, drawn)

    function.__name__, function.__doc__ = name, doc
    return function


@tensor_op(name="Select", rowwise=True)
def _chosen(draw, x, y):
    draw = as_array(draw)
    return jnp.where(draw.reshape(-1, *[1] * (as_array(x).ndim - 1)) < 0.5, x, y)


random_flip_left_right = _perhaps("random_flip_left_right", lambda x: K.reverse(x, 2), "Mirrored, every second time.")
random_flip_up_down = _perhaps("random_flip_up_down", lambda x: K.reverse(x, 1), "Upside down, every second time.")


# -------------------------------------------------- colours


@tf_function
def convert_image_dtype(image, dtype, saturate=False):
    """Images in another type, scaled: floats are 0..1, integers 0..their maximum."""
    x, wanted, given = value_of(image), as_dtype(dtype), as_dtype(type_of(value_of(image)))
    if wanted == given:
        return x
    return _converted(x, kind_of(wanted), float(given.max if given.is_integer else 1.0), float(_top(wanted)))


def _top(dtype):
    return dtype.max if dtype.is_integer else 1.0


@tensor_op(name="convert_image", rowwise=True)
def _converted(x, dtype, top, new_top):
    x, whole = as_array(x), jnp.issubdtype(dtype, jnp.integer)
    if not jnp.issubdtype(x.dtype, jnp.integer):
        return jnp.clip(x * (new_top + 0.5), 0, new_top).astype(dtype) if whole else x.astype(dtype)
    if not whole:
        return x.astype(dtype) * (1.0 / top)
    scale = (new_top + 1) / (top + 1)
    return (x.astype(jnp.float32) * scale).astype(dtype)


@tf_function
def per_image_standardization(image):
    """(x - mean) / max(standard deviation, 1 / sqrt(elements)) of each image."""
    return _batched(image, _standardized)


@tensor_op(name="per_image_standardization", rowwise=True)
def _standardized(x):
    x = as_array(x)
    x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32)
    n = np.prod(x.shape[1:])
    spread = jnp.maximum(jnp.std(x, (1, 2, 3), keepdims=True), 1.0 / np.sqrt(n))
    return (x - jnp.mean(x, (1, 2, 3), keepdims=True)) / spread


@tf_function
def adjust_brightness(image, delta):
    """x + delta."""
    x = value_of(image)
    if as_dtype(type_of(x)).is_floating:
        return x + delta
    return convert_image_dtype(convert_image_dtype(x, "float32") + delta, type_of(x))


@tf_function
def adjust_contrast(images, contrast_factor):
    """(x - mean) factor + mean, the mean of each channel of each image."""
    return _batched(images, lambda x: _contrast(x, contrast_factor))


@tensor_op(name="AdjustContrastv2", rowwise=True)
def _contrast(x, factor):
    x = as_array(x)
    mean = jnp.mean(x, (1, 2), keepdims=True)
    return (x - mean) * factor + mean


@tf_function
def adjust_gamma(image, gamma=1, gain=1):
    """gain x^gamma."""
    return K.pow(value_of(image), gamma) * gain


@tf_function
def rgb_to_grayscale(images):
    """0.2989 red + 0.587 green + 0.114 blue, one channel."""
    return _gray(value_of(images))


@tensor_op(name="rgb_to_grayscale", rowwise=True)
def _gray(x):
    x = as_array(x)
    return jnp.sum(x * jnp.asarray([0.2989, 0.587, 0.114], jnp.float32), -1, keepdims=True).astype(x.dtype)


@tf_function
def grayscale_to_rgb(images):
    """The one channel three times."""
    x = value_of(images)
    return K.concatenate([x, x, x], -1)


@tf_function
def rgb_to_hsv(images):
    """Hue, saturation, value, each 0..1."""
    return _hsv(value_of(images))


@tensor_op(name="RGBToHSV", rowwise=True)
def _hsv(x):
    red, green, blue = jnp.moveaxis(as_array(x), -1, 0)
    value, low = jnp.maximum(jnp.maximum(red, green), blue), jnp.minimum(jnp.minimum(red, green), blue)
    spread = value - low
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1), 0)
    sixth = 1 / (6 * jnp.where(spread > 0, spread, 1))
    hue = jnp.where(
        value == red,
        sixth * (green - blue),
        jnp.where(value == green, sixth * (blue - red) + 2 / 6, sixth * (red - green) + 4 / 6),
    )
    hue = jnp.where(spread > 0, hue, 0)
    return jnp.stack([jnp.where(hue < 0, hue + 1, hue), saturation, value], -1)


@tf_function
def hsv_to_rgb(images):
    """Red, green, blue of hue, saturation, value, each 0..1."""
    return _rgb(value_of(images))


@tensor_op(name="HSVToRGB", rowwise=True)
def _rgb(x):
    hue, saturation, value = jnp.moveaxis(as_array(x), -1, 0)
    pure = [jnp.abs(hue * 6 - 3) - 1, 2 - jnp.abs(hue * 6 - 2), 2 - jnp.abs(hue * 6 - 4)]
    return jnp.stack([((jnp.clip(p, 0, 1) - 1) * saturation + 1) * value for p in pure], -1)


@tf_function
def adjust_saturation(image, saturation_factor):
    """Images of RGB with the saturation multiplied."""
    hue, saturation, value = (held(rgb_to_hsv(image))[..., i : i + 1] for i in range(3))
    return hsv_to_rgb(K.concatenate([hue, K.clip(saturation * saturation_factor, 0.0, 1.0), value], -1))


@tf_function
def adjust_hue(image, delta):
    """Images of RGB with the hue turned by delta, -1..1."""
    hue, saturation, value = (held(rgb_to_hsv(image))[..., i : i + 1] for i in range(3))
    return hsv_to_rgb(K.concatenate([(hue + (delta + 1.0)) % 1.0, saturation, value], -1))


def _random(name, adjust, doc):
    @tf_function
    def function(image, low, high=None, seed=None):
        if high is None:
            low, high = -low, low
        return adjust(image, _drawn_uniform([], float(low), float(high), "float32", seed))

    function.__name__, function.__doc__ = name, doc
    return function


random_brightness = _random("random_brightness", adjust_brightness, "x + a random number of -max_delta..max_delta.")
random_hue = _random("random_hue", adjust_hue, "The hue turned by a random number of -max_delta..max_delta.")
random_contrast = _random("random_contrast", adjust_contrast, "The contrast times a random number of lower..upper.")
random_saturation = _random("random_saturation", adjust_saturation, "The saturation times a number of lower..upper.")


# -------------------------------------------------- likeness


@tf_function
def total_variation(images):
    """The sum of the differences of neighbours, for each image."""
    x = held(value_of(images))
    over = [1, 2, 3] if len(x.shape) == 4 else None
    down, right = x[..., 1:, :, :] - x[..., :-1, :, :], x[..., :, 1:, :] - x[..., :, :-1, :]
    return K.sum(K.abs(down), over) + K.sum(K.abs(right), over)


@tf_function
def image_gradients(image):
    """(differences of rows, of columns) of neighbours, 0 at the end."""
    return _differences(value_of(image))


@tensor_op(name="image_gradients", rowwise=True)
def _differences(x):
    x = as_array(x)
    down = jnp.pad(x[:, 1:] - x[:, :-1], [(0, 0), (0, 1), (0, 0), (0, 0)])
    return [down, jnp.pad(x[:, :, 1:] - x[:, :, :-1], [(0, 0), (0, 0), (0, 1), (0, 0)])]


@tf_function
def sobel_edges(image):
    """(..., 2): the edges along rows and along columns, by Sobel's filters."""
    return _sobel(value_of(image))


@tensor_op(name="sobel_edges", rowwise=True)
def _sobel(x):
    x = jnp.pad(as_array(x), [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    down = jnp.asarray([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], x.dtype)
    kernel = jnp.stack([down, down.T], -1)[:, :, None, :] * jnp.ones((1, 1, x.shape[-1], 1), x.dtype)
    y = depthwise_conv(x, kernel)
    return y.reshape(*y.shape[:3], x.shape[-1], 2)


@tf_function
def psnr(a, b, max_val):
    """20 log10(max_val) - 10 log10(mean squared difference) of each image."""
    return _psnr(value_of(a), value_of(b), float(max_val))


@tensor_op(name="PSNR", rowwise=True)
def _psnr(a, b, top):
    error = jnp.mean(jnp.square(as_array(a) - as_array(b)), (-3, -2, -1))
    return 20 * jnp.log10(jnp.asarray(top, error.dtype)) - 10 * jnp.log10(error)


@tf_function
def ssim(img1, img2, max_val, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03):
    """The structural similarity of images, -1..1, the mean over positions and channels."""
    return _ssim(value_of(img1), value_of(img2), float(max_val), int(filter_size), filter_sigma, k1, k2)[0]


@tensor_op(name="SSIM", rowwise=True)
def _ssim(a, b, top, size, sigma, k1, k2):
    """(similarity, its part of contrast and structure) of each image, means over positions and channels."""
    both = _similarity(as_array(a), as_array(b), top, size, sigma, k1, k2)
    return [jnp.mean(v, -1) for v in both]


def _similarity(a, b, top, size, sigma, k1, k2):
    at = jnp.arange(size, dtype=jnp.float32) - (size - 1) / 2
    logits = -0.5 * jnp.square(at) / sigma**2
    window = jax.nn.softmax((logits[:, None] + logits[None, :]).reshape(-1)).reshape(size, size, 1, 1)
    window = jnp.tile(window, (1, 1, a.shape[-1], 1)).astype(a.dtype)

    def smooth(x):
        flat = x.reshape(-1, *x.shape[-3:])
        y = depthwise_conv(flat, window)
        return y.reshape(*x.shape[:-3], *y.shape[1:])

    c1, c2 = (k1 * top) ** 2, (k2 * top) ** 2
    mean_a, mean_b = smooth(a), smooth(b)
    product, squares = mean_a * mean_b * 2, jnp.square(mean_a) + jnp.square(mean_b)
    luminance = (product + c1) / (squares + c1)
    structure = (smooth(a * b) * 2 - product + c2) / (smooth(jnp.square(a) + jnp.square(b)) - squares + c2)
    return [jnp.mean(v, (-3, -2)) for v in (luminance * structure, structure)]


_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@tf_function
def ssim_multiscale(img1, img2, max_val, power_factors=_SCALES, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03):
    """The structural similarity of images over several scales, each half of the one before."""
    settings = (float(max_val), int(filter_size), filter_sigma, k1, k2)
    return _multiscale(value_of(img1), value_of(img2), tuple(power_factors), settings)


@tensor_op(name="MS-SSIM", rowwise=True)
def _multiscale(a, b, powers, settings):
    a, b = as_array(a), as_array(b)
    parts = []
    for i, power in enumerate(powers):
        if i:
            a, b = (_halved(v) for v in (a, b))
        whole, structure = _similarity(a, b, *settings)
        parts.append(jax.nn.relu(whole if i == len(powers) - 1 else structure) ** power)
    return jnp.mean(jnp.prod(jnp.stack(parts, -1), -1), -1)


def _halved(x):
    rows, columns = x.shape[-3] % 2, x.shape[-2] % 2
    if rows or columns:
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 3) + [(0, rows), (0, columns), (0, 0)], mode="symmetric")
    *batch, h, w, c = x.shape
    return jnp.mean(x.reshape(*batch, h // 2, 2, w // 2, 2, c), (-4, -2))

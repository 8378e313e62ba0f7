"""Convolutions and pooling, under TensorFlow's names."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from kjax.backend.convolutions import _conv, _separable, _transposed, first_only
from kjax.backend.operation import as_array, int_of, tensor_op
from kjax.backend.pooling import _pool
from kjax.compat.tensorflow.shapes import sizes_of
from kjax.compat.tensorflow.tensors import held, tf_function, value_of
from kjax.nn.shapes import pads_of

_CHANNELS_FIRST = ("NCHW", "NCW", "NCDHW")


def _format(data_format) -> str:
    return "channels_first" if data_format in _CHANNELS_FIRST else "channels_last"


def _per_axis(value, rank, data_format, name):
    """`value` for the spatial axes: an int, one per spatial axis, or one per axis with batch and channels."""
    values = [value] if isinstance(value, (int, np.integer)) else [int_of(v) for v in value]
    if len(values) == rank + 2:
        spatial = values[2:] if _format(data_format) == "channels_first" else values[1:-1]
        if values[0] != 1 or (values[1] if _format(data_format) == "channels_first" else values[-1]) != 1:
            raise ValueError(f"{name} must be 1 for the batch and the channels; got {value!r}.")
        values = spatial
    values = values * rank if len(values) == 1 else values
    if len(values) != rank:
        raise ValueError(f"{name} must be one number or {rank}; got {value!r}.")
    return tuple(int(v) for v in values)


def _settings(rank, strides, padding, data_format, dilations, where):
    padding = str(padding).lower()
    if padding not in ("same", "valid"):
        raise ValueError(f"{where}: padding must be 'SAME' or 'VALID'; got {padding!r}.")
    strides = _per_axis(1 if strides is None else strides, rank, data_format, "strides")
    dilations = _per_axis(1 if dilations is None else dilations, rank, data_format, "dilations")
    return strides, padding, _format(data_format), dilations


def _padded(x, padding, data_format):
    """(x, padding): x with explicit paddings carried out."""
    if isinstance(padding, (list, tuple)):
        return _zeros_around(x, tuple(tuple(int(n) for n in p) for p in padding)), "VALID"
    return x, padding


@tensor_op(name="Pad", rowwise=first_only)
def _zeros_around(x, pairs):
    return jnp.pad(as_array(x), pairs)


def _convolution(rank, where):
    @tf_function(old={"filters": "filter", "value": "input"})
    def function(
        input, filter=None, strides=None, padding="VALID", use_cudnn_on_gpu=True, data_format=None, dilations=None
    ):
        x, padding = _padded(value_of(input), padding, data_format)
        return _conv(x, value_of(filter), _settings(rank, strides, padding, data_format, dilations, where), where)

    function.__name__ = where
    function.__doc__ = f"Convolution over {rank} axes; see `keras.backend.{where}`."
    return function


conv2d, conv3d = _convolution(2, "conv2d"), _convolution(3, "conv3d")


@tf_function(old={"input": "value", "strides": "stride"})
def conv1d(value, filters=None, stride=1, padding="VALID", use_cudnn_on_gpu=None, data_format=None, dilations=None):
    """Convolution over one axis; see `keras.backend.conv1d`."""
    settings = _settings(1, stride, padding, data_format, dilations, "conv1d")
    return _conv(value_of(value), value_of(filters), settings, "conv1d")


@tf_function(old={"filters": "filter"})
def convolution(input, filter, padding, strides=None, dilation_rate=None, data_format=None, dilations=None):
    """Convolution over as many axes as `input` has between batch and channels."""
    x = value_of(input)
    rank = len(x.shape) - 2
    dilations = dilation_rate if dilations is None else dilations
    return _conv(x, value_of(filter), _settings(rank, strides, padding, data_format, dilations, "conv"), "convolution")


@tf_function(old={"filter": "filters"})
def atrous_conv2d(value, filters, rate, padding):
    """Convolution over two axes with `rate` - 1 holes between taps."""
    settings = _settings(2, 1, padding, None, rate, "atrous_conv2d")
    return _conv(value_of(value), value_of(filters), settings, "atrous_conv2d")


def _transpose(rank, where):
    @tf_function(old={"input": "value", "filters": "filter"})
    def function(value, filter=None, output_shape=None, strides=None, padding="SAME", data_format=None, dilations=None):
        settings = _settings(rank, strides, padding, data_format, dilations, where)
        size = sizes_of(output_shape)
        size = [size[i] for i in range(rank + 2)]
        spatial = size[2:] if settings[2] == "channels_first" else size[1:-1]
        return _transposed(value_of(value), value_of(filter), tuple(spatial), settings, where)

    function.__name__ = where
    function.__doc__ = f"The transpose of the convolution over {rank} axes; the filter is (*taps, out, in)."
    return function


conv2d_transpose, conv3d_transpose = _transpose(2, "conv2d_transpose"), _transpose(3, "conv3d_transpose")


@tf_function(old={"dilations": "rate"})
def depthwise_conv2d(input, filter, strides, padding, rate=None, data_format=None):
    """Each channel convolved by its own filters (rows, columns, in, multiplier)."""
    settings = _settings(2, strides, padding, data_format, rate, "depthwise_conv2d")
    return _separable(value_of(input), value_of(filter), None, settings, "depthwise_conv2d")


depthwise_conv2d_native = depthwise_conv2d


@tf_function(old={"dilations": "rate"})
def separable_conv2d(input, depthwise_filter, pointwise_filter, strides, padding, rate=None, data_format=None):
    """Each channel convolved by its own filters, then a mix of the channels."""
    settings = _settings(2, strides, padding, data_format, rate, "separable_conv2d")
    x, depthwise, pointwise = map(value_of, (input, depthwise_filter, pointwise_filter))
    return _separable(x, depthwise, pointwise, settings, "separable_conv2d")


# -------------------------------------------------- pooling


def _pooling(rank, mode, where):
    @tf_function(old={"input": "value"})
    def function(value, ksize=None, strides=None, padding="VALID", data_format=None):
        size = _per_axis(ksize, rank, data_format, "ksize")
        strides, padding, data_format, _ = _settings(rank, strides, padding, data_format, None, where)
        return _pool(value_of(value), size, strides, padding, data_format, mode, where)

    function.__name__ = where
    function.__doc__ = f"The {'maximum' if mode == 'max' else 'mean'} of each window over {rank} axes."
    return function


max_pool, avg_pool = _pooling(2, "max", "max_pool"), _pooling(2, "avg", "avg_pool")
max_pool3d, avg_pool3d = _pooling(3, "max", "max_pool3d"), _pooling(3, "avg", "avg_pool3d")
max_pool2d, avg_pool2d = max_pool, avg_pool
max_pool1d, avg_pool1d = _pooling(1, "max", "max_pool1d"), _pooling(1, "avg", "avg_pool1d")


@tf_function
def pool(input, window_shape, pooling_type, padding, dilation_rate=None, strides=None, data_format=None):
    """The maximum ('MAX') or the mean ('AVG') of each window."""
    if dilation_rate is not None and np.any(np.asarray(dilation_rate) != 1):
        raise NotImplementedError("pool: dilation_rate other than 1 is not taken.")
    x = value_of(input)
    rank = len(x.shape) - 2
    size = _per_axis(window_shape, rank, data_format, "window_shape")
    strides, padding, data_format, _ = _settings(rank, strides, padding, data_format, None, "pool")
    return _pool(x, size, strides, padding, data_format, str(pooling_type).lower(), "pool")


@tf_function
def max_pool_with_argmax(
    input, ksize, strides, padding, data_format="NHWC", output_dtype="int64", include_batch_in_index=False
):
    """(maxima, index of each in the flattened (rows, columns, channels) of its image)."""
    size = _per_axis(ksize, 2, None, "ksize")
    strides, padding, *_ = _settings(2, strides, padding, None, None, "max_pool_with_argmax")
    return _with_place(value_of(input), size, strides, padding, bool(include_batch_in_index))


@tensor_op(name="MaxPoolWithArgmax", rowwise=first_only)
def _with_place(x, size, strides, padding, with_batch):
    x = as_array(x)
    n, h, w, c = x.shape
    pads = pads_of((h, w), size, padding, strides, (1, 1))
    places = jnp.broadcast_to(jnp.arange(h * w * c, dtype=jnp.int32).reshape(1, h, w, c), x.shape)
    if with_batch:
        places = places + (jnp.arange(n, dtype=jnp.int32) * (h * w * c)).reshape(-1, 1, 1, 1)
    around = [(0, 0), *pads, (0, 0)]
    values = _stacked(jnp.pad(x, around, constant_values=-jnp.inf), size, strides)
    places = _stacked(jnp.pad(places, around), size, strides)
    best = jnp.argmax(values, -1)[..., None]
    return [jnp.take_along_axis(v, best, -1)[..., 0] for v in (values, places)]


def _stacked(x, size, strides):
    """(n, rows, columns, c, taps): the elements of each window, row by row."""
    (kh, kw), (sh, sw) = size, strides
    rows, columns = (x.shape[1] - kh) // sh + 1, (x.shape[2] - kw) // sw + 1
    parts = [
        x[:, i : i + (rows - 1) * sh + 1 : sh, j : j + (columns - 1) * sw + 1 : sw]
        for i in range(kh)
        for j in range(kw)
    ]
    return jnp.stack(parts, -1)


@tf_function(old={"ksizes": "sizes"})
def extract_image_patches(images, sizes=None, strides=None, rates=None, padding="VALID"):
    """(n, rows, columns, kh kw c): the elements of each window of images."""
    size = _per_axis(sizes, 2, None, "sizes")
    strides, padding, _, rates = _settings(2, strides, padding, None, rates, "extract_image_patches")
    return _patches(value_of(images), size, strides, padding, rates)


@tensor_op(name="ExtractImagePatches", rowwise=first_only)
def _patches(x, size, strides, padding, rates):
    x = as_array(x)
    pads = pads_of(x.shape[1:3], size, padding, strides, rates)
    x = jnp.pad(x, [(0, 0), *pads, (0, 0)])
    spans = [(k - 1) * r + 1 for k, r in zip(size, rates, strict=True)]
    rows, columns = ((m - k) // s + 1 for m, k, s in zip(x.shape[1:3], spans, strides, strict=True))
    (sh, sw), (rh, rw) = strides, rates
    parts = [
        x[:, i * rh : i * rh + (rows - 1) * sh + 1 : sh, j * rw : j * rw + (columns - 1) * sw + 1 : sw]
        for i in range(size[0])
        for j in range(size[1])
    ]
    return jnp.concatenate(parts, -1)


def _morphology(name, doc, combine):
    @tensor_op(name=name, rowwise=first_only)
    def operation(x, kernel, size, strides, padding, rates):
        x, kernel = as_array(x), as_array(kernel)
        pads = pads_of(x.shape[1:3], size, padding, strides, rates)
        return combine(x, kernel, pads, strides, rates)

    @tf_function(old={"filters": "filter", "dilations": "rates"})
    def function(input, filter, strides, rates, padding):
        kernel = held(value_of(filter))
        size = tuple(kernel.shape[:2])
        strides, padding, _, rates = _settings(2, strides, padding, None, rates, name)
        return operation(value_of(input), kernel, size, strides, padding, rates)

    function.__name__, function.__doc__ = name, doc
    return function


def _dilated(x, kernel, pads, strides, rates):
    x = jnp.pad(x, [(0, 0), *pads, (0, 0)], constant_values=-jnp.inf)
    (kh, kw, _), (sh, sw), (rh, rw) = kernel.shape, strides, rates
    rows, columns = (x.shape[1] - (kh - 1) * rh - 1) // sh + 1, (x.shape[2] - (kw - 1) * rw - 1) // sw + 1
    parts = [
        x[:, i * rh : i * rh + (rows - 1) * sh + 1 : sh, j * rw : j * rw + (columns - 1) * sw + 1 : sw] + kernel[i, j]
        for i in range(kh)
        for j in range(kw)
    ]
    return jnp.max(jnp.stack(parts), 0)


dilation2d = _morphology("dilation2d", "The maximum of x + filter over each window.", _dilated)
erosion2d = _morphology(
    "erosion2d",
    "The minimum of x - filter (turned around) over each window.",
    lambda x, kernel, pads, strides, rates: -_dilated(-x, jnp.flip(kernel, (0, 1)), pads, strides, rates),
)

"""Convolutions: Keras's 1-D, 2-D and 3-D spellings of the N-dimensional ones in `kjax.nn`."""

from __future__ import annotations

import numpy as np

from kjax.backend.config import normalize_data_format
from kjax.backend.operation import as_array, int_of, tensor_op
from kjax.nn import convolution

__all__ = [
    "bias_add", "conv1d", "conv2d", "conv2d_transpose", "conv3d", "conv3d_transpose", "depthwise_conv2d",
    "local_conv1d", "local_conv2d", "separable_conv1d", "separable_conv2d",
]  # fmt: skip


# -------------------------------------------------- arguments


def first_only(tensors, args, kwargs):
    """Rowwise rule: nothing but the first argument depends on the batch."""
    return len(tensors) == 1 and tensors[0] is args[0] and getattr(tensors[0], "static", None) is None


def per_axis(value, rank, name, where) -> tuple[int, ...]:
    """An int, or one for each spatial axis, as a tuple of `rank` positive ints."""
    values = (int(value),) * rank if isinstance(value, (int, np.integer)) else tuple(int_of(v) for v in value)
    if len(values) != rank or min(values) < 1:
        raise ValueError(f"{where}: {name} must be a positive int or {rank} of them; got {value!r}.")
    return values


def one_of(value, allowed, name, where):
    """`value`, which must be in `allowed`."""
    if value not in allowed:
        raise ValueError(f"{where}: {name} must be one of {', '.join(allowed)}; got {value!r}.")
    return value


def images(x, rank, data_format, where):
    """x as an array, checked to be (batch, *spatial, channels) or (batch, channels, *spatial)."""
    x = as_array(x)
    if x.ndim != rank + 2:
        raise ValueError(f"{where}: x must have rank {rank + 2}, {data_format}; got shape {tuple(x.shape)}.")
    return x


def _check_kernel(kernel, axis, size, ndim, where):
    if kernel.ndim != ndim or kernel.shape[axis] != size:
        raise ValueError(
            f"{where}: the kernel must have rank {ndim} and size {size}, that of the channels, at axis {axis}; "
            f"got shape {tuple(kernel.shape)}."
        )


def _settings(rank, strides, padding, data_format, dilation_rate, where):
    return (
        per_axis(strides, rank, "strides", where),
        one_of(padding, ("valid", "same", "causal") if rank == 1 else ("valid", "same"), "padding", where),
        normalize_data_format(data_format),
        per_axis(dilation_rate, rank, "dilation_rate", where),
    )


def _channels(x, data_format):
    return x.shape[1 if data_format == "channels_first" else -1]


# -------------------------------------------------- plain, depthwise, separable


@tensor_op(name="conv", rowwise=first_only, slow_in_loops=True)
def _conv(x, kernel, settings, where):
    strides, padding, data_format, dilation = settings
    rank = len(strides)
    x, kernel = images(x, rank, data_format, where), as_array(kernel)
    _check_kernel(kernel, rank, _channels(x, data_format), rank + 2, where)
    return convolution.convolve(x, kernel, strides, padding, data_format, dilation)


def conv1d(x, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution over one axis: (batch, n, in) and (k, in, out) give (batch, m, out).

    Args:
        x: tensor of rank 3.
        kernel: (k, in, out).
        strides: int.
        padding: 'valid', 'same' or 'causal' (output t sees no input beyond t).
        data_format: 'channels_last', 'channels_first', or None for `image_data_format()`.
        dilation_rate: int.
    """
    return _conv(x, kernel, _settings(1, strides, padding, data_format, dilation_rate, "conv1d"), "conv1d")


def conv2d(x, kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """Convolution over two axes; kernel (rows, columns, in, out); other arguments as for `conv1d`, not 'causal'."""
    return _conv(x, kernel, _settings(2, strides, padding, data_format, dilation_rate, "conv2d"), "conv2d")


def conv3d(x, kernel, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1)):
    """Convolution over three axes; kernel (k1, k2, k3, in, out); other arguments as for `conv1d`, not 'causal'."""
    return _conv(x, kernel, _settings(3, strides, padding, data_format, dilation_rate, "conv3d"), "conv3d")


@tensor_op(name="separable_conv", rowwise=first_only, slow_in_loops=True)
def _separable(x, depthwise, pointwise, settings, where):
    strides, padding, data_format, dilation = settings
    rank = len(strides)
    x, depthwise = images(x, rank, data_format, where), as_array(depthwise)
    channels = _channels(x, data_format)
    _check_kernel(depthwise, rank, channels, rank + 2, where)
    if pointwise is None:
        return convolution.depthwise_conv(x, depthwise, strides, padding, data_format, dilation)
    pointwise = as_array(pointwise)
    _check_kernel(pointwise, rank, channels * depthwise.shape[-1], rank + 2, where)
    return convolution.separable_conv(x, depthwise, pointwise, strides, padding, data_format, dilation)


def separable_conv1d(
    x, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1
):
    """Depthwise convolution over one axis, then a mix of the channels.

    Args:
        x: tensor of rank 3.
        depthwise_kernel: (k, in, multiplier).
        pointwise_kernel: (1, in * multiplier, out).
        strides, padding, data_format, dilation_rate: as for `conv1d`.
    """
    settings = _settings(1, strides, padding, data_format, dilation_rate, "separable_conv1d")
    return _separable(x, depthwise_kernel, pointwise_kernel, settings, "separable_conv1d")


def separable_conv2d(
    x, depthwise_kernel, pointwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)
):
    """Depthwise convolution over two axes, then a mix of the channels.

    Args:
        depthwise_kernel: (rows, columns, in, multiplier).
        pointwise_kernel: (1, 1, in * multiplier, out).
        x, strides, padding, data_format, dilation_rate: as for `conv2d`.
    """
    settings = _settings(2, strides, padding, data_format, dilation_rate, "separable_conv2d")
    return _separable(x, depthwise_kernel, pointwise_kernel, settings, "separable_conv2d")


def depthwise_conv2d(x, depthwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """Each channel convolved by its own kernels; output channel i * multiplier + j is channel i by its j-th kernel.

    Args:
        depthwise_kernel: (rows, columns, in, multiplier).
        x, strides, padding, data_format, dilation_rate: as for `conv2d`.
    """
    settings = _settings(2, strides, padding, data_format, dilation_rate, "depthwise_conv2d")
    return _separable(x, depthwise_kernel, None, settings, "depthwise_conv2d")


# -------------------------------------------------- transposed


@tensor_op(name="conv_transpose", rowwise=first_only, slow_in_loops=True)
def _transposed(x, kernel, size, settings, where):
    strides, padding, data_format, dilation = settings
    rank = len(strides)
    x, kernel = images(x, rank, data_format, where), as_array(kernel)
    _check_kernel(kernel, rank + 1, _channels(x, data_format), rank + 2, where)
    size = tuple(int_of(n) for n in size)
    return convolution.conv_transpose(x, kernel, strides, padding, data_format, dilation, output_size=size)


def _call_transposed(x, kernel, output_shape, rank, strides, padding, data_format, dilation_rate, where):
    one_of(padding, ("valid", "same"), "padding", where)
    settings = _settings(rank, strides, padding, data_format, dilation_rate, where)
    if len(output_shape) != rank + 2:
        raise ValueError(f"{where}: output_shape must have {rank + 2} sizes, as x has; got {output_shape!r}.")
    size = output_shape[2:] if settings[2] == "channels_first" else output_shape[1:-1]
    return _transposed(x, kernel, tuple(size), settings, where)


def conv2d_transpose(x, kernel, output_shape, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """The transpose of `conv2d`: what it gives as the gradient with respect to its input.

    Args:
        x: tensor of rank 4.
        kernel: (rows, columns, out, in).
        output_shape: shape of the result, batch and channels included (both may be None or symbolic).
        strides, data_format, dilation_rate: as for `conv2d`.
        padding: 'valid' or 'same'.
    """
    where = "conv2d_transpose"
    return _call_transposed(x, kernel, output_shape, 2, strides, padding, data_format, dilation_rate, where)


def conv3d_transpose(x, kernel, output_shape, strides=(1, 1, 1), padding="valid", data_format=None):
    """The transpose of `conv3d`; kernel (k1, k2, k3, out, in); other arguments as for `conv2d_transpose`."""
    return _call_transposed(x, kernel, output_shape, 3, strides, padding, data_format, 1, "conv3d_transpose")


# -------------------------------------------------- with weights of their own at each place


@tensor_op(name="local_conv", rowwise=first_only)
def _local(x, kernel, size, strides, data_format, where):
    x, kernel = images(x, len(size), data_format, where), as_array(kernel)
    spatial = x.shape[2:] if data_format == "channels_first" else x.shape[1:-1]
    places = int(np.prod([(n - k) // s + 1 for n, k, s in zip(spatial, size, strides, strict=True)]))
    window = int(np.prod(size)) * _channels(x, data_format)
    if kernel.ndim != 3 or kernel.shape[:2] != (places, window):
        raise ValueError(
            f"{where}: the kernel must have shape ({places}, {window}, filters), one for each place; "
            f"got {tuple(kernel.shape)}."
        )
    return convolution.local_conv(x, kernel, size, strides, data_format)


def local_conv1d(inputs, kernel, kernel_size, strides, data_format=None):
    """Convolution with another kernel at each place.

    Args:
        inputs: (batch, n, in).
        kernel: (m, k * in, out).
        kernel_size: (k,).
        strides: (s,).
        data_format: 'channels_last', 'channels_first', or None for `image_data_format()`.
    """
    where = "local_conv1d"
    size, strides = per_axis(kernel_size, 1, "kernel_size", where), per_axis(strides, 1, "strides", where)
    return _local(inputs, kernel, size, strides, normalize_data_format(data_format), where)


def local_conv2d(inputs, kernel, kernel_size, strides, output_shape, data_format=None):
    """Convolution with another kernel at each place.

    Args:
        inputs: tensor of rank 4.
        kernel: (rows * columns of the output, elements of a window, out).
        kernel_size, strides: two ints.
        output_shape: (rows, columns) of the output, which follow from the rest too.
        data_format: 'channels_last', 'channels_first', or None for `image_data_format()`.
    """
    where = "local_conv2d"
    size, strides = per_axis(kernel_size, 2, "kernel_size", where), per_axis(strides, 2, "strides", where)
    return _local(inputs, kernel, size, strides, normalize_data_format(data_format), where)


# -------------------------------------------------- bias


@tensor_op(rowwise=first_only)
def _bias_add(x, bias, data_format):
    x, bias = as_array(x), as_array(bias)
    if bias.ndim not in (1, x.ndim - 1):
        raise ValueError(f"bias_add: bias must have rank 1 or {x.ndim - 1} for x of rank {x.ndim}; got {bias.ndim}.")
    return convolution.add_bias(x, bias, data_format)


def bias_add(x, bias, data_format=None):
    """x + bias along the channels.

    Args:
        x: tensor.
        bias: vector of the channels, or one such vector for each place (*spatial, channels).
        data_format: 'channels_last', 'channels_first', or None for `image_data_format()`.
    """
    return _bias_add(x, bias, normalize_data_format(data_format))

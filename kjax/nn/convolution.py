"""Convolution, transposed, separable, depthwise and locally connected, for one to three spatial axes."""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from kjax.nn import conv
from kjax.nn.conv_cpu import windows
from kjax.nn.module import Module
from kjax.nn.shapes import channel_axis, pads_of, transposed_length, window_length

__all__ = [
    "Conv",
    "ConvTranspose",
    "DepthwiseConv",
    "LocallyConnected",
    "SeparableConv",
    "add_bias",
    "convolve",
    "conv_transpose",
    "depthwise_conv",
    "local_conv",
    "separable_conv",
]

_zeros = nn.initializers.zeros_init()
_glorot = nn.initializers.glorot_uniform()


def per_axis(value, n) -> tuple[int, ...]:
    """An int for every axis, or one of n each."""
    return (value,) * n if isinstance(value, int) else tuple(value)


def channels_last(x, data_format):
    """x with its channels moved to the last axis."""
    return jnp.moveaxis(x, channel_axis(data_format, x.ndim), -1)


def from_channels_last(x, data_format):
    """The inverse of `channels_last`."""
    return jnp.moveaxis(x, -1, channel_axis(data_format, x.ndim))


def same_type(*arrays):
    """The arrays in their common type."""
    dtype = jnp.result_type(*arrays)
    return [a.astype(dtype) for a in arrays]


def add_bias(x, bias, data_format):
    """x plus one number per channel, or per position and channel (bias (*spatial, channels)).

    With channels first, 2.2.4 reads a bias of the second kind in the new shape without transposing it.
    """
    if bias.ndim == 1:
        axis = channel_axis(data_format, x.ndim)
        return x + bias.reshape([-1 if a == axis else 1 for a in range(1, x.ndim)])
    return x + (bias if data_format == "channels_last" else bias.reshape(x.shape[1:]))


def _geometry(x, kernel, strides, padding, dilation_rate, groups=1):
    n = x.ndim - 2
    size, taps = x.shape[1:-1], kernel.shape[:n]
    strides, dilation = per_axis(strides, n), per_axis(dilation_rate, n)
    pads = pads_of(size, taps, padding, strides, dilation)
    return conv.Geometry(size, taps, strides, dilation, pads, groups)


def convolve(x, kernel, strides=1, padding="valid", data_format="channels_last", dilation_rate=1):
    """y[b, q, o] = sum over taps i and channels c of x[b, q * s + i * d - before, c] kernel[i, c, o].

    Args:
        x: (batch, *spatial, channels), or channels first.
        kernel: (*taps, channels, filters).
        strides, dilation_rate: int or tuple.
        padding: 'valid', 'same' or 'causal' (all zeros before).
    """
    x, kernel = same_type(x, kernel)
    x = channels_last(x, data_format)
    y = conv.forward(x, kernel, _geometry(x, kernel, strides, padding, dilation_rate))
    return from_channels_last(y, data_format)


def conv_transpose(
    x,
    kernel,
    strides=1,
    padding="valid",
    data_format="channels_last",
    dilation_rate=1,
    output_padding=None,
    output_size=None,
):
    """The transpose of `convolve`: its gradient with respect to the input.

    Args:
        x: (batch, *spatial, channels), or channels first.
        kernel: (*taps, filters, channels).
        strides, dilation_rate: int or tuple.
        padding: 'valid' or 'same'.
        output_padding: int or tuple, less than the stride; None: the size TensorFlow infers.
        output_size: the spatial size of the result, instead of `output_padding`.
    """
    x, kernel = same_type(x, kernel)
    x = channels_last(x, data_format)
    n = x.ndim - 2
    strides, dilation = per_axis(strides, n), per_axis(dilation_rate, n)
    if output_size is None:
        extra = (None,) * n if output_padding is None else per_axis(output_padding, n)
        axes = zip(x.shape[1:-1], kernel.shape, strides, dilation, extra, strict=False)
        output_size = tuple(transposed_length(m, k, padding, s, d, e) for m, k, s, d, e in axes)
    size, taps = tuple(output_size), kernel.shape[:n]
    pads = pads_of(size, taps, padding, strides, dilation)
    geometry = conv.Geometry(size, taps, strides, dilation, pads)
    if geometry.output != x.shape[1:-1]:
        raise ValueError(
            f"conv_transpose: an output of spatial size {size} does not belong to an input of spatial size "
            f"{x.shape[1:-1]} with kernel {taps}, strides {strides}, padding {padding!r}, dilation {dilation}."
        )
    return from_channels_last(conv.input_gradient(x, kernel, geometry), data_format)


def depthwise_conv(x, kernel, strides=1, padding="valid", data_format="channels_last", dilation_rate=1):
    """`convolve` of each channel by itself; output channel c * multiplier + m.

    Args:
        x: (batch, *spatial, channels), or channels first.
        kernel: (*taps, channels, multiplier).
        strides, padding, dilation_rate: as for `convolve`.
    """
    x, kernel = same_type(x, kernel)
    x = channels_last(x, data_format)
    channels = x.shape[-1]
    flat = kernel.reshape(*kernel.shape[:-2], 1, -1)
    if channels == 1:
        y = conv.forward(x, flat, _geometry(x, flat, strides, padding, dilation_rate))
    else:
        y = conv.forward(x, flat, _geometry(x, flat, strides, padding, dilation_rate, channels))
    return from_channels_last(y, data_format)


def separable_conv(
    x, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format="channels_last", dilation_rate=1
):
    """`depthwise_conv`, then a `convolve` with one tap.

    Args:
        depthwise_kernel: (*taps, channels, multiplier).
        pointwise_kernel: (*ones, channels * multiplier, filters).
    """
    y = depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return convolve(y, pointwise_kernel, data_format=data_format)


def local_conv(x, kernel, kernel_size, strides=1, data_format="channels_last"):
    """Convolution without padding and with a kernel of its own at every position.

    Args:
        x: (batch, *spatial, channels), or channels first.
        kernel: (positions, taps * channels, filters), positions in row-major order; the middle axis is ordered
            (taps, channels), or (channels, taps) where channels come first.
        kernel_size, strides: tuples.
    """
    x, kernel = same_type(x, kernel)
    x = channels_last(x, data_format)
    n = x.ndim - 2
    strides = per_axis(strides, n)
    axes = zip(x.shape[1:-1], kernel_size, strides, strict=True)
    output = tuple(window_length(m, k, "valid", s) for m, k, s in axes)
    patches = jnp.stack([v for _, v in windows(x, kernel_size, strides, (1,) * n, output)], axis=-2)
    if data_format == "channels_first":
        patches = jnp.swapaxes(patches, -1, -2)
    patches = patches.reshape(x.shape[0], math.prod(output), -1)
    y = jnp.einsum("bpi,pif->bpf", patches, kernel)
    return from_channels_last(y.reshape(x.shape[0], *output, -1), data_format)


# ---------------------------------------------------------------- modules


def _finish(module, y, bias_shape):
    if module.use_bias:
        y = add_bias(y, module.param("bias", _zeros, bias_shape), module.data_format)
    return y if module.activation is None else module.activation(y)


class Conv(Module):
    """activation(convolve(x, kernel) + bias); as many spatial axes as `kernel_size` has entries.

    Weights: kernel (*kernel_size, channels, filters), bias (filters,).
    """

    filters: int
    kernel_size: tuple[int, ...]
    strides: int | tuple[int, ...] = 1
    padding: str = "valid"
    data_format: str = "channels_last"
    dilation_rate: int | tuple[int, ...] = 1
    use_bias: bool = True
    activation: Callable | None = None

    slow_in_loops = True
    along_time = "convolution"

    @nn.compact
    def __call__(self, x):
        channels = x.shape[channel_axis(self.data_format, x.ndim)]
        kernel = self.param("kernel", _glorot, (*self.kernel_size, channels, self.filters))
        y = convolve(x, kernel, self.strides, self.padding, self.data_format, self.dilation_rate)
        return _finish(self, y, (self.filters,))


class ConvTranspose(Module):
    """activation(conv_transpose(x, kernel) + bias).

    Weights: kernel (*kernel_size, filters, channels), bias (filters,).
    """

    filters: int
    kernel_size: tuple[int, ...]
    strides: int | tuple[int, ...] = 1
    padding: str = "valid"
    output_padding: int | tuple[int, ...] | None = None
    data_format: str = "channels_last"
    dilation_rate: int | tuple[int, ...] = 1
    use_bias: bool = True
    activation: Callable | None = None

    slow_in_loops = True

    @nn.compact
    def __call__(self, x):
        channels = x.shape[channel_axis(self.data_format, x.ndim)]
        kernel = self.param("kernel", _glorot, (*self.kernel_size, self.filters, channels))
        y = conv_transpose(
            x, kernel, self.strides, self.padding, self.data_format, self.dilation_rate, self.output_padding
        )
        return _finish(self, y, (self.filters,))


class DepthwiseConv(Module):
    """activation(depthwise_conv(x, depthwise_kernel) + bias).

    Weights: depthwise_kernel (*kernel_size, channels, depth_multiplier), bias (channels * depth_multiplier,).
    """

    kernel_size: tuple[int, ...]
    strides: int | tuple[int, ...] = 1
    padding: str = "valid"
    depth_multiplier: int = 1
    data_format: str = "channels_last"
    dilation_rate: int | tuple[int, ...] = 1
    use_bias: bool = True
    activation: Callable | None = None

    slow_in_loops = True
    along_time = "convolution"

    @nn.compact
    def __call__(self, x):
        channels = x.shape[channel_axis(self.data_format, x.ndim)]
        kernel = self.param("depthwise_kernel", _glorot, (*self.kernel_size, channels, self.depth_multiplier))
        y = depthwise_conv(x, kernel, self.strides, self.padding, self.data_format, self.dilation_rate)
        return _finish(self, y, (channels * self.depth_multiplier,))


class SeparableConv(Module):
    """activation(separable_conv(x, depthwise_kernel, pointwise_kernel) + bias).

    Weights: depthwise_kernel (*kernel_size, channels, depth_multiplier),
    pointwise_kernel (*ones, channels * depth_multiplier, filters), bias (filters,).
    """

    filters: int
    kernel_size: tuple[int, ...]
    strides: int | tuple[int, ...] = 1
    padding: str = "valid"
    data_format: str = "channels_last"
    dilation_rate: int | tuple[int, ...] = 1
    depth_multiplier: int = 1
    use_bias: bool = True
    activation: Callable | None = None

    slow_in_loops = True
    along_time = "convolution"

    @nn.compact
    def __call__(self, x):
        channels = x.shape[channel_axis(self.data_format, x.ndim)]
        ones = (1,) * len(self.kernel_size)
        depthwise = self.param("depthwise_kernel", _glorot, (*self.kernel_size, channels, self.depth_multiplier))
        pointwise = self.param("pointwise_kernel", _glorot, (*ones, channels * self.depth_multiplier, self.filters))
        y = separable_conv(x, depthwise, pointwise, self.strides, self.padding, self.data_format, self.dilation_rate)
        return _finish(self, y, (self.filters,))


class LocallyConnected(Module):
    """activation(local_conv(x, kernel) + bias).

    Weights: kernel (positions, taps * channels, filters), bias (*output, filters).
    """

    filters: int
    kernel_size: tuple[int, ...]
    strides: int | tuple[int, ...] = 1
    data_format: str = "channels_last"
    use_bias: bool = True
    activation: Callable | None = None

    @nn.compact
    def __call__(self, x):
        axis = channel_axis(self.data_format, x.ndim)
        n = x.ndim - 2
        strides = per_axis(self.strides, n)
        size = [m for a, m in enumerate(x.shape) if a not in (0, axis)]
        output = tuple(window_length(m, k, "valid", s) for m, k, s in zip(size, self.kernel_size, strides, strict=True))
        inputs = math.prod(self.kernel_size) * x.shape[axis]
        kernel = self.param("kernel", _glorot, (math.prod(output), inputs, self.filters))
        y = local_conv(x, kernel, self.kernel_size, strides, self.data_format)
        return _finish(self, y, (*output, self.filters))

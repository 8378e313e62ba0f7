"""Depthwise and separable convolution."""

from __future__ import annotations

from kjax.layers.convolution_base import ConvBase
from kjax.layers.convolution_plain import Conv2D
from kjax.layers.fields import given, positive_int, read_fields, write_fields
from kjax.nn import convolution
from kjax.nn.shapes import channel_axis

__all__ = ["DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"]

_KERNEL_FIELDS = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
_DEPTHWISE_FIELDS = ("depthwise_initializer", "depthwise_regularizer", "depthwise_constraint")
_SEPARABLE_FIELDS = (
    "depthwise_initializer",
    "pointwise_initializer",
    "depthwise_regularizer",
    "pointwise_regularizer",
    "depthwise_constraint",
    "pointwise_constraint",
)


class _SeparableConv(ConvBase):
    """A convolution of each channel by itself, then a mix of the channels."""

    kernel_names = ("depthwise_kernel", "pointwise_kernel")

    def __init__(self, depth_multiplier, **arguments):
        own = {name: arguments.pop(name) for name in _SEPARABLE_FIELDS}
        super().__init__(**arguments)
        self.depth_multiplier = positive_int(depth_multiplier, "depth_multiplier", self.name)
        read_fields(self, **own)

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self._check_room(input_shape)
        shape, inner = (*self.kernel_size, channels, self.depth_multiplier), channels * self.depth_multiplier
        self.depthwise_kernel = self._add("depthwise_kernel", shape)
        self.pointwise_kernel = self._add("pointwise_kernel", (*(1,) * self.rank, inner, self.filters))
        self._add_bias(self.filters)
        self.built = True

    def _module(self):
        return convolution.SeparableConv(
            self.filters,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.depth_multiplier,
            bool(self.use_bias),
        )

    def get_config(self):
        config = super().get_config()
        for name in _KERNEL_FIELDS:
            config.pop(name)
        return {**config, **write_fields(self, "depth_multiplier", *_SEPARABLE_FIELDS)}


class SeparableConv1D(_SeparableConv):
    """A convolution of each channel by itself, then a mix of the channels; along sequences.

    Input shape: (batch, steps, channels). Output shape: (batch, new_steps, filters).
    Weights: depthwise_kernel (kernel_size, channels, depth_multiplier), pointwise_kernel
    (1, channels * depth_multiplier, filters), bias (filters,).

    Args:
        depth_multiplier: int >= 1, outputs of the first step per channel.
        depthwise_*, pointwise_*: initializer, regularizer and constraint of the two kernels.
        filters, kernel_size, ...: as for Conv1D.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format="channels_last",
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(**given(locals()), rank=1, **kwargs)


class SeparableConv2D(_SeparableConv):
    """A convolution of each channel by itself, then a mix of the channels; over images.

    Input shape: (batch, rows, columns, channels), or channels first.
    Output shape: (batch, new_rows, new_columns, filters), or channels first.
    Weights: depthwise_kernel (*kernel_size, channels, depth_multiplier), pointwise_kernel
    (1, 1, channels * depth_multiplier, filters), bias (filters,).

    Args:
        depth_multiplier: int >= 1, outputs of the first step per channel.
        depthwise_*, pointwise_*: initializer, regularizer and constraint of the two kernels.
        filters, kernel_size, ...: as for Conv2D.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(**given(locals()), rank=2, **kwargs)


class DepthwiseConv2D(Conv2D):
    """A convolution of each channel by itself; output channel c * depth_multiplier + m comes from channel c.

    Input shape: (batch, rows, columns, channels), or channels first.
    Output shape: (batch, new_rows, new_columns, channels * depth_multiplier).
    Weights: depthwise_kernel (*kernel_size, channels, depth_multiplier), bias (channels * depth_multiplier,).

    Args:
        depth_multiplier: int >= 1.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernel.
        kernel_size, strides, ...: as for Conv2D.
    """

    kernel_names = ("depthwise_kernel",)
    counts_filters = False

    def __init__(
        self,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(**given(locals(), "depth_multiplier", *_DEPTHWISE_FIELDS), filters=None, **kwargs)
        self.depth_multiplier = positive_int(depth_multiplier, "depth_multiplier", self.name)
        read_fields(
            self,
            depthwise_initializer=depthwise_initializer,
            depthwise_regularizer=depthwise_regularizer,
            depthwise_constraint=depthwise_constraint,
        )

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self._check_room(input_shape)
        shape, inner = (*self.kernel_size, channels, self.depth_multiplier), channels * self.depth_multiplier
        self.depthwise_kernel = self._add("depthwise_kernel", shape)
        self._add_bias(inner)
        self.built = True

    def _module(self):
        return convolution.DepthwiseConv(
            self.kernel_size,
            self.strides,
            self.padding,
            self.depth_multiplier,
            self.data_format,
            self.dilation_rate,
            bool(self.use_bias),
        )

    def call(self, inputs, training=None):
        return super().call(inputs)

    def _output_channels(self, input_shape):
        return input_shape[channel_axis(self.data_format, 4)] * self.depth_multiplier

    def get_config(self):
        config = super().get_config()
        for name in ("filters", *_KERNEL_FIELDS):
            config.pop(name)
        return {**config, **write_fields(self, "depth_multiplier", *_DEPTHWISE_FIELDS)}

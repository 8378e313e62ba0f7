"""Convolution layers, for sequences, images and volumes."""
from __future__ import annotations

from kjax.layers.convolution_base import ConvBase
from kjax.layers.fields import positive_int, read_fields, write_fields
from kjax.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from kjax.layers.resizing import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from kjax.nn import convolution
from kjax.nn.shapes import channel_axis, transposed_length

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Deconv2D",
    "Deconv3D",
    "Deconvolution2D",
    "Deconvolution3D",
    "DepthwiseConv2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]

_KERNEL_FIELDS = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")


class Conv1D(ConvBase):
    """y[b, q, o] = activation(sum over i, c of x[b, q * s + i * d, c] kernel[i, c, o] + bias[o]).

    Input shape: (batch, steps, channels). Output shape: (batch, new_steps, filters).
    Weights: kernel (kernel_size, channels, filters), bias (filters,).

    Args:
        filters: int >= 1.
        kernel_size, strides, dilation_rate: int >= 1, or a tuple of one; not strides and dilation_rate both above 1.
        padding: 'valid'; 'same'; or 'causal', where output t depends on inputs up to t only.
        data_format: 'channels_last' or 'channels_first'.
        activation: name or function; None is linear.
        use_bias: bool.
        kernel_initializer, bias_initializer: see `initializers`.
        kernel_regularizer, bias_regularizer, activity_regularizer: see `regularizers`.
        kernel_constraint, bias_constraint: see `constraints`.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format="channels_last",
        dilation_rate=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            rank=1,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


class Conv2D(ConvBase):
    """Convolution over the rows and columns of images.

    Input shape: (batch, rows, columns, channels), or (batch, channels, rows, columns) with 'channels_first'.
    Output shape: (batch, new_rows, new_columns, filters), or channels first.
    Weights: kernel (*kernel_size, channels, filters), bias (filters,).

    Args:
        filters: int >= 1.
        kernel_size, strides, dilation_rate: int >= 1, or a tuple of two; not strides and dilation_rate both above 1.
        padding: 'valid' or 'same'.
        data_format: 'channels_last', 'channels_first', or None for the setting in `keras.json`.
        activation: name or function; None is linear.
        use_bias: bool.
        kernel_initializer, bias_initializer: see `initializers`.
        kernel_regularizer, bias_regularizer, activity_regularizer: see `regularizers`.
        kernel_constraint, bias_constraint: see `constraints`.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            rank=2,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


class Conv3D(ConvBase):
    """Convolution over the three axes of volumes.

    Input shape: (batch, d1, d2, d3, channels), or channels first. Output shape: (batch, n1, n2, n3, filters).
    Weights: kernel (*kernel_size, channels, filters), bias (filters,).

    Args:
        kernel_size, strides, dilation_rate: int >= 1, or a tuple of three; the other arguments as for Conv2D.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1, 1),
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            rank=3,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


# ---------------------------------------------------------------- transposed


class _Transposed:
    """The transpose of a convolution in place of the convolution; mixed into Conv2D and Conv3D."""

    def _read_output_padding(self, output_padding):
        self.output_padding = output_padding
        if self.padding not in ("valid", "same"):
            raise ValueError(f"Layer {self.name}: the `padding` argument must be 'valid' or 'same'; got {self.padding!r}.")
        if output_padding is None:
            return
        entries = (output_padding,) * self.rank if isinstance(output_padding, int) else tuple(output_padding)
        if len(entries) != self.rank or not all(isinstance(e, int) and e >= 0 for e in entries):
            raise ValueError(
                f"Layer {self.name}: the `output_padding` argument must be an integer >= 0 or a tuple of {self.rank} of "
                f"them; got {output_padding!r}."
            )
        for stride, extra in zip(self.strides, entries, strict=True):
            if extra >= stride:
                raise ValueError(f"Layer {self.name}: strides {self.strides} must be greater than output_padding {entries}.")
        self.output_padding = entries

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self.kernel = self._add("kernel", (*self.kernel_size, self.filters, channels))
        self._add_bias(self.filters)
        self.built = True

    def _module(self):
        return convolution.ConvTranspose(
            self.filters,
            self.kernel_size,
            self.strides,
            self.padding,
            self.output_padding,
            self.data_format,
            self.dilation_rate,
            bool(self.use_bias),
        )

    def _output_spatial(self, input_shape):
        extra = self.output_padding or (None,) * self.rank
        axes = zip(
            self._spatial(input_shape), self.kernel_size, self.strides, self.dilation_rate, extra, strict=True
        )
        return tuple(transposed_length(m, k, self.padding, s, d, e) for m, k, s, d, e in axes)


class Conv2DTranspose(_Transposed, Conv2D):
    """The transpose (gradient) of a Conv2D: from something shaped like its output to something shaped like its input.

    Input shape: (batch, rows, columns, channels), or channels first.
    Output shape: (batch, new_rows, new_columns, filters); with padding 'same' new_rows = rows * stride, with 'valid'
    rows * stride + max(kernel - stride, 0); with `output_padding` (rows - 1) * stride + kernel - 2 * (kernel // 2 if 'same'
    else 0) + output_padding.
    Weights: kernel (*kernel_size, filters, channels), bias (filters,).

    Args:
        output_padding: None, or int or tuple of two ints >= 0, less than the strides.
        filters, kernel_size, ...: as for Conv2D.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=(1, 1),
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self._read_output_padding(output_padding)

    def get_config(self):
        return {**super().get_config(), "output_padding": self.output_padding}


class Conv3DTranspose(_Transposed, Conv3D):
    """The transpose (gradient) of a Conv3D; shapes as for Conv2DTranspose, with three axes.

    Weights: kernel (*kernel_size, filters, channels), bias (filters,).

    Args:
        output_padding: None, or int or tuple of three ints >= 0, less than the strides.
        filters, kernel_size, ...: as for Conv3D.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        output_padding=None,
        data_format=None,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self._read_output_padding(output_padding)

    def get_config(self):
        config = {**super().get_config(), "output_padding": self.output_padding}
        if max(self.dilation_rate) == 1:
            config.pop("dilation_rate")
        return config


# ---------------------------------------------------------------- depthwise and separable


class _SeparableConv(ConvBase):
    """A convolution of each channel by itself, then a mix of the channels."""

    kernel_names = ("depthwise_kernel", "pointwise_kernel")

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        depth_multiplier=1,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        **kwargs,
    ):
        super().__init__(rank=rank, filters=filters, kernel_size=kernel_size, **kwargs)
        self.depth_multiplier = positive_int(depth_multiplier, "depth_multiplier", self.name)
        read_fields(
            self,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
        )

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self._check_room(input_shape)
        inner = channels * self.depth_multiplier
        self.depthwise_kernel = self._add("depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier))
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
        own = write_fields(
            self,
            "depth_multiplier",
            "depthwise_initializer",
            "pointwise_initializer",
            "depthwise_regularizer",
            "pointwise_regularizer",
            "depthwise_constraint",
            "pointwise_constraint",
        )
        return {**config, **own}


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
        super().__init__(
            rank=1,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            depth_multiplier=depth_multiplier,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


class SeparableConv2D(_SeparableConv):
    """A convolution of each channel by itself, then a mix of the channels; over images.

    Input shape: (batch, rows, columns, channels), or channels first. Output shape: (batch, new_rows, new_columns, filters).
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
        super().__init__(
            rank=2,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            depth_multiplier=depth_multiplier,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


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
        super().__init__(
            filters=None,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            activation=activation,
            use_bias=use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint,
            **kwargs,
        )
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
        self.depthwise_kernel = self._add("depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier))
        self._add_bias(channels * self.depth_multiplier)
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

    def _output_channels(self, input_shape):
        return input_shape[channel_axis(self.data_format, 4)] * self.depth_multiplier

    def get_config(self):
        config = super().get_config()
        for name in ("filters", *_KERNEL_FIELDS):
            config.pop(name)
        own = write_fields(
            self, "depth_multiplier", "depthwise_initializer", "depthwise_regularizer", "depthwise_constraint"
        )
        return {**config, **own}


# Keras's own second names.
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution2DTranspose = Deconvolution2D = Deconv2D = Conv2DTranspose
Deconvolution3D = Deconv3D = Conv3DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D

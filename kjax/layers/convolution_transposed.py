"""Transposed convolution of images and volumes."""

from __future__ import annotations

from kjax.layers.convolution_plain import Conv2D, Conv3D
from kjax.layers.fields import given
from kjax.nn import convolution
from kjax.nn.shapes import transposed_length, window_length

__all__ = ["Conv2DTranspose", "Conv3DTranspose"]


class _Transposed:
    """The transpose of a convolution in place of the convolution; mixed into Conv2D and Conv3D."""

    def _read_output_padding(self, output_padding):
        self.output_padding = output_padding
        if self.padding not in ("valid", "same"):
            raise ValueError(
                f"Layer {self.name}: the `padding` argument must be 'valid' or 'same'; got {self.padding!r}."
            )
        if output_padding is None:
            return
        entries = (output_padding,) * self.rank if isinstance(output_padding, int) else tuple(output_padding)
        if len(entries) != self.rank or not all(isinstance(e, int) and e >= 0 for e in entries):
            raise ValueError(
                f"Layer {self.name}: the `output_padding` argument must be an integer >= 0 or a tuple of {self.rank} "
                f"of them; got {output_padding!r}."
            )
        for stride, extra in zip(self.strides, entries, strict=True):
            if extra >= stride:
                raise ValueError(
                    f"Layer {self.name}: strides {self.strides} must be greater than output_padding {entries}."
                )
        self.output_padding = entries

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self._check_size(input_shape)
        self.kernel = self._add("kernel", (*self.kernel_size, self.filters, channels))
        self._add_bias(self.filters)
        self.built = True

    def _check_size(self, input_shape):
        """The output must be something that the convolution turns back into the input."""
        longer = self._output_spatial(input_shape)
        axes = zip(longer, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        back = tuple(window_length(m, k, self.padding, s, d) for m, k, s, d in axes)
        if back != self._spatial(input_shape):
            raise ValueError(
                f"Layer {self.name}: output_padding={self.output_padding} gives an output of spatial size {longer}; a "
                f"convolution of kernel_size={self.kernel_size}, strides={self.strides}, padding={self.padding!r} "
                f"makes {back} of that, not the inputs' {self._spatial(input_shape)}."
            )

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
        axes = zip(self._spatial(input_shape), self.kernel_size, self.strides, self.dilation_rate, extra, strict=True)
        return tuple(transposed_length(m, k, self.padding, s, d, e) for m, k, s, d, e in axes)


class Conv2DTranspose(_Transposed, Conv2D):
    """The transpose (gradient) of a Conv2D: from something shaped like its output to something shaped like its input.

    Input shape: (batch, rows, columns, channels), or channels first.
    Output shape: (batch, new_rows, new_columns, filters); with padding 'same' new_rows = rows * stride, with 'valid'
    rows * stride + max(kernel - stride, 0); with `output_padding` (rows - 1) * stride + kernel - 2 m + output_padding,
    m = kernel // 2 with 'same', else 0.
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
        super().__init__(**given(locals(), "output_padding"), **kwargs)
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
        super().__init__(**given(locals(), "output_padding"), **kwargs)
        self._read_output_padding(output_padding)

    def get_config(self):
        config = {**super().get_config(), "output_padding": self.output_padding}
        if max(self.dilation_rate) == 1:
            config.pop("dilation_rate")
        return config

"""Convolution with a kernel of its own at every position."""

from __future__ import annotations

import math

from kjax import backend as K
from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers.convolution_base import read_padding
from kjax.layers.fields import (
    AFFINE_FIELDS,
    add_weight,
    given,
    positive_int,
    read_data_format,
    read_fields,
    sizes,
    write_fields,
)
from kjax.nn import convolution
from kjax.nn.shapes import channel_axis, window_length

__all__ = ["LocallyConnected1D", "LocallyConnected2D"]


class _LocallyConnected(Layer):
    """activation(local convolution of x with kernel + bias), for `rank` spatial axes."""

    rank: int

    def __init__(self, arguments, **kwargs):
        super().__init__(**kwargs)
        padding = arguments["padding"]
        self.filters = positive_int(arguments["filters"], "filters", self.name)
        self.kernel_size = sizes(arguments["kernel_size"], self.rank, "kernel_size", self.name)
        self.strides = sizes(arguments["strides"], self.rank, "strides", self.name)
        self.padding = read_padding(padding, self.rank, self.name)
        if self.padding != "valid":
            raise ValueError(
                f"Layer {self.name}: a locally connected layer supports padding='valid' only; got {padding!r}."
            )
        self.data_format = read_data_format(arguments["data_format"], self.name)
        read_fields(self, **{name: arguments[name] for name in AFFINE_FIELDS})
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _spatial(self, shape):
        return tuple(shape[1:-1]) if self.data_format == "channels_last" else tuple(shape[2:])

    def _output(self, input_shape):
        axes = zip(self._spatial(input_shape), self.kernel_size, self.strides, strict=True)
        return tuple(window_length(m, k, "valid", s) for m, k, s in axes)

    def build(self, input_shape):
        axis = channel_axis(self.data_format, self.rank + 2)
        if None in input_shape[1:]:
            raise ValueError(
                f"Layer {self.name}: the spatial dimensions and the channels of the inputs to a locally connected "
                f"layer must be known; got the shape {tuple(input_shape)}."
            )
        channels, output = input_shape[axis], self._output(input_shape)
        if min(output) < 1:
            raise ValueError(
                f"Layer {self.name}: a kernel of size {self.kernel_size} does not fit into an input of shape "
                f"{tuple(input_shape)} ({self.data_format})."
            )
        self.kernel_shape = (math.prod(output), math.prod(self.kernel_size) * channels, self.filters)
        self.kernel = add_weight(self, "kernel", self.kernel_shape)
        self.bias = None
        if self.use_bias:
            self.bias = add_weight(self, "bias", (*output, self.filters))
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})
        self.built = True

    def call(self, inputs):
        module = convolution.LocallyConnected(
            self.filters, self.kernel_size, self.strides, self.data_format, bool(self.use_bias)
        )
        y = self.apply_module(module, inputs, weights=[self.kernel, self.bias] if self.use_bias else [self.kernel])
        return self.activation(y)

    def compute_output_shape(self, input_shape):
        output = self._output(input_shape)
        if self.data_format == "channels_last":
            return (input_shape[0], *output, self.filters)
        return (input_shape[0], self.filters, *output)

    def get_config(self):
        shared = write_fields(
            self,
            "filters",
            "kernel_size",
            "strides",
            "padding",
            "data_format",
            *AFFINE_FIELDS,
        )
        return {**super().get_config(), **shared}


class LocallyConnected1D(_LocallyConnected):
    """Conv1D with a kernel of its own at every step.

    Input shape: (batch, steps, channels). Output shape: (batch, new_steps, filters).
    Weights: kernel (new_steps, kernel_size * channels, filters), bias (new_steps, filters).

    Args:
        filters: int >= 1.
        kernel_size, strides: int >= 1, or a tuple of one.
        padding: 'valid'.
        data_format: 'channels_last', 'channels_first', or None for the setting in `keras.json`.
        activation: name or function; None is linear.
        use_bias: bool.
        kernel_initializer, bias_initializer: see `initializers`.
        kernel_regularizer, bias_regularizer, activity_regularizer: see `regularizers`.
        kernel_constraint, bias_constraint: see `constraints`.
    """

    rank = 1

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
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
        super().__init__(given(locals()), **kwargs)

    def get_config(self):
        config = super().get_config()
        # 2.2.4 leaves it out and would not come back from a config with another than the default.
        if self.data_format == K.image_data_format():
            config.pop("data_format")
        return config


class LocallyConnected2D(_LocallyConnected):
    """Conv2D with a kernel of its own at every position.

    Input shape: (batch, rows, columns, channels), or channels first.
    Output shape: (batch, new_rows, new_columns, filters), or channels first.
    Weights: kernel (new_rows * new_columns, kernel rows * kernel columns * channels, filters),
    bias (new_rows, new_columns, filters).

    Args:
        kernel_size, strides: int >= 1, or a tuple of two.
        filters, padding, ...: as for LocallyConnected1D.
    """

    rank = 2

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
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
        super().__init__(given(locals()), **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
        self.output_row, self.output_col = self._output(input_shape)

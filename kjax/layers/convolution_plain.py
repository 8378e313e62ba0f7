"""Convolution of sequences, images and volumes."""

from __future__ import annotations

from kjax.layers.convolution_base import ConvBase
from kjax.layers.fields import given

__all__ = ["Conv1D", "Conv2D", "Conv3D"]


class Conv1D(ConvBase):
    """y[b, q, o] = activation(sum over i, c of x[b, q * s + i * d, c] kernel[i, c, o] + bias[o]).

    Input shape: (batch, steps, channels). Output shape: (batch, new_steps, filters); new_steps is steps / strides,
    rounded up, with 'same' and 'causal', (steps - (kernel_size - 1) * dilation_rate - 1) // strides + 1 with 'valid'.
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
        super().__init__(**given(locals()), rank=1, **kwargs)


class Conv2D(ConvBase):
    """Convolution over the rows and columns of images.

    Input shape: (batch, rows, columns, channels), or (batch, channels, rows, columns) with 'channels_first'.
    Output shape: (batch, new_rows, new_columns, filters), or channels first; sizes as for Conv1D.
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
        super().__init__(**given(locals()), rank=2, **kwargs)


class Conv3D(ConvBase):
    """Convolution over the three axes of volumes.

    Input shape: (batch, d1, d2, d3, channels), or channels first. Output shape: (batch, n1, n2, n3, filters), likewise;
    sizes as for Conv1D.
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
        super().__init__(**given(locals()), rank=3, **kwargs)

"""Maximum and average pooling, over windows and over everything."""

from __future__ import annotations

from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers.convolution_base import read_padding
from kjax.layers.fields import read_data_format, sizes
from kjax.nn import pooling
from kjax.nn.shapes import window_length

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


class _Pooling(Layer):
    """One number for each window and channel."""

    rank: int
    module: type

    def __init__(self, pool_size, strides, padding, data_format, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = sizes(pool_size, self.rank, "pool_size", self.name)
        self.strides = self.pool_size if strides is None else sizes(strides, self.rank, "strides", self.name)
        # 'causal' belongs to convolutions only
        self.padding = read_padding(padding, 2, self.name)
        self.data_format = read_data_format(data_format, self.name)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs):
        spatial = inputs.shape[1:-1] if self.data_format == "channels_last" else inputs.shape[2:]
        for m, k in zip(spatial, self.pool_size, strict=True):
            if self.padding == "valid" and m is not None and k > m:
                raise ValueError(
                    f"Layer {self.name}: pool_size={self.pool_size} does not fit into an input of shape "
                    f"{tuple(inputs.shape)} ({self.data_format}) when padding='valid'."
                )
        module = self.module(self.pool_size, self.strides, self.padding, self.data_format)
        return self.apply_module(module, inputs, weights=[])

    def compute_output_shape(self, input_shape):
        first = 1 if self.data_format == "channels_last" else 2
        shape = list(input_shape)
        for a, (k, s) in enumerate(zip(self.pool_size, self.strides, strict=True), first):
            shape[a] = window_length(shape[a], k, self.padding, s)
        return tuple(shape)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class _Pooling1D(_Pooling):
    rank = 1

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format="channels_last", **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class _Pooling2D(_Pooling):
    rank = 2

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class _Pooling3D(_Pooling):
    rank = 3

    def __init__(self, pool_size=(2, 2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class MaxPooling1D(_Pooling1D):
    """The maximum of each window of a sequence.

    Input shape: (batch, steps, channels). Output shape: (batch, new_steps, channels); new_steps is steps / strides,
    rounded up, with 'same', (steps - pool_size) // strides + 1 with 'valid'.

    Args:
        pool_size: int >= 1.
        strides: int >= 1; None: `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'.
    """

    module = pooling.MaxPool


class MaxPooling2D(_Pooling2D):
    """The maximum of each window of an image.

    Input shape: (batch, rows, columns, channels), or channels first. Output shape: the same with fewer rows and
    columns, sizes as for MaxPooling1D.

    Args:
        pool_size: int >= 1, or a tuple of two.
        strides: the same; None: `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last', 'channels_first', or None for the setting in `keras.json`.
    """

    module = pooling.MaxPool


class MaxPooling3D(_Pooling3D):
    """The maximum of each window of a volume (batch, d1, d2, d3, channels); arguments as for MaxPooling2D."""

    module = pooling.MaxPool


class AveragePooling1D(_Pooling1D):
    """The mean of each window of a sequence, padding left out; arguments as for MaxPooling1D."""

    module = pooling.AvgPool


class AveragePooling2D(_Pooling2D):
    """The mean of each window of an image, padding left out; arguments as for MaxPooling2D."""

    module = pooling.AvgPool


class AveragePooling3D(_Pooling3D):
    """The mean of each window of a volume, padding left out; arguments as for MaxPooling2D."""

    module = pooling.AvgPool


# ---------------------------------------------------------------- over everything


class _GlobalPooling(Layer):
    """One number for each channel."""

    rank: int
    module: type

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = read_data_format(data_format, self.name)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs):
        return self.apply_module(self.module(self.data_format), inputs, weights=[])

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1] if self.data_format == "channels_last" else input_shape[1])

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class _GlobalPooling1D(_GlobalPooling):
    rank = 1

    def __init__(self, data_format="channels_last", **kwargs):
        super().__init__(data_format, **kwargs)


class _GlobalPooling2D(_GlobalPooling):
    rank = 2


class _GlobalPooling3D(_GlobalPooling):
    rank = 3


class GlobalAveragePooling1D(_GlobalPooling1D):
    """The mean over the steps, with a mask over the unmasked ones: (batch, steps, channels) -> (batch, channels).

    Args:
        data_format: 'channels_last' or 'channels_first'.
    """

    module = pooling.GlobalAvgPool

    def __init__(self, data_format="channels_last", **kwargs):
        super().__init__(data_format, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        arguments = {} if mask is None else {"mask": mask}
        return self.apply_module(self.module(self.data_format), inputs, weights=[], **arguments)

    def compute_mask(self, inputs, mask=None):
        return None


class GlobalMaxPooling1D(_GlobalPooling1D):
    """The maximum over the steps: (batch, steps, channels) -> (batch, channels).

    Args:
        data_format: 'channels_last' or 'channels_first'.
    """

    module = pooling.GlobalMaxPool


class GlobalAveragePooling2D(_GlobalPooling2D):
    """The mean over rows and columns: (batch, rows, columns, channels) -> (batch, channels).

    Args:
        data_format: 'channels_last', 'channels_first', or None for the setting in `keras.json`.
    """

    module = pooling.GlobalAvgPool


class GlobalMaxPooling2D(_GlobalPooling2D):
    """The maximum over rows and columns; arguments as for GlobalAveragePooling2D."""

    module = pooling.GlobalMaxPool


class GlobalAveragePooling3D(_GlobalPooling3D):
    """The mean over all three axes of volumes; arguments as for GlobalAveragePooling2D."""

    module = pooling.GlobalAvgPool


class GlobalMaxPooling3D(_GlobalPooling3D):
    """The maximum over all three axes of volumes; arguments as for GlobalAveragePooling2D."""

    module = pooling.GlobalMaxPool


# Keras's own second names.
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
)
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D

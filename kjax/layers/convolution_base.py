"""What all convolution layers share: arguments, weights, shapes, config."""

from __future__ import annotations

from kjax.engine.base_layer import InputSpec, Layer
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
from kjax.nn.shapes import channel_axis, effective_size, window_length

__all__ = ["ConvBase"]


def read_padding(value, rank, layer) -> str:
    """'valid' or 'same', or 'causal' for sequences."""
    allowed = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
    padding = value.lower() if isinstance(value, str) else value
    if padding not in allowed:
        raise ValueError(
            f"Layer {layer}: the `padding` argument must be one of {', '.join(map(repr, allowed))}; got {value!r}."
        )
    return padding


def read_strides(strides, dilation_rate, n, layer):
    """Both as tuples; TensorFlow has no kernel for both above 1, and Keras refuses it too."""
    strides, dilation = sizes(strides, n, "strides", layer), sizes(dilation_rate, n, "dilation_rate", layer)
    if max(strides) > 1 and max(dilation) > 1:
        raise ValueError(
            f"Layer {layer}: strides > 1 are not supported together with dilation_rate > 1; got strides={strides} and "
            f"dilation_rate={dilation}."
        )
    return strides, dilation


class ConvBase(Layer):
    """activation(convolution of x with kernel + bias), for `rank` spatial axes.

    Subclasses say which module computes it and, where they differ, the weights.
    """

    kernel_names: tuple[str, ...] = ("kernel",)
    counts_filters = True

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
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
        super().__init__(**kwargs)
        self.rank = rank
        # a class of the user's may say in `build` how many it has
        later = filters is None and type(self).__module__.partition(".")[0] != __name__.partition(".")[0]
        counted = self.counts_filters and not later
        self.filters = positive_int(filters, "filters", self.name) if counted else None
        self.kernel_size = sizes(kernel_size, rank, "kernel_size", self.name)
        self.padding = read_padding(padding, rank, self.name)
        self.data_format = read_data_format(data_format, self.name)
        self.strides, self.dilation_rate = read_strides(strides, dilation_rate, rank, self.name)
        if self.padding == "causal" and self.data_format != "channels_last":
            raise ValueError(
                f"Layer {self.name}: with padding='causal' the `data_format` must be 'channels_last' (temporal data); "
                f"got {self.data_format!r}."
            )
        read_fields(
            self,
            **given(locals(), "rank", "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate"),
        )
        self.input_spec = InputSpec(ndim=rank + 2)

    # ------------------------------------------------------------ weights

    def _channels(self, input_shape) -> int:
        axis = channel_axis(self.data_format, self.rank + 2)
        if len(input_shape) != self.rank + 2:
            raise ValueError(
                f"Layer {self.name}: inputs must have rank {self.rank + 2}; got the shape {tuple(input_shape)}."
            )
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Layer {self.name}: the channel dimension of the inputs (axis {axis}, {self.data_format}) must be "
                f"known; got the shape {tuple(input_shape)}."
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})
        return channels

    def _add(self, name, shape):
        return add_weight(self, name, shape)

    def _add_bias(self, size):
        self.bias = self._add("bias", (size,)) if self.use_bias else None

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self._check_room(input_shape)
        self.kernel = self._add("kernel", (*self.kernel_size, channels, self.filters))
        self._add_bias(self.filters)
        self.built = True

    def _check_room(self, input_shape):
        """Without padding the kernel must fit into the input."""
        if self.padding != "valid":
            return
        for m, k, d in zip(self._spatial(input_shape), self.kernel_size, self.dilation_rate, strict=True):
            if m is not None and effective_size(k, d) > m:
                raise ValueError(
                    f"Layer {self.name}: a kernel of size {self.kernel_size} with dilation_rate={self.dilation_rate} "
                    f"does not fit into an input of shape {tuple(input_shape)} ({self.data_format}) when "
                    "padding='valid'."
                )

    # ------------------------------------------------------------ call

    def _module(self):
        return convolution.Conv(
            self.filters,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            bool(self.use_bias),
        )

    def call(self, inputs):
        own = [
            w
            for w in (*(getattr(self, n) for n in self.kernel_names), self.bias if self.use_bias else None)
            if w is not None
        ]
        y = self.apply_module(self._module(), inputs, weights=own)
        return y if self.activation is None else self.activation(y)

    # ------------------------------------------------------------ shapes

    def _spatial(self, shape) -> tuple:
        return tuple(shape[1:-1]) if self.data_format == "channels_last" else tuple(shape[2:])

    def _shape(self, batch, spatial, channels) -> tuple:
        return (batch, *spatial, channels) if self.data_format == "channels_last" else (batch, channels, *spatial)

    def _output_spatial(self, input_shape) -> tuple:
        axes = zip(self._spatial(input_shape), self.kernel_size, self.strides, self.dilation_rate, strict=True)
        return tuple(window_length(m, k, self.padding, s, d) for m, k, s, d in axes)

    def _output_channels(self, input_shape) -> int:
        return self.filters

    def compute_output_shape(self, input_shape):
        return self._shape(input_shape[0], self._output_spatial(input_shape), self._output_channels(input_shape))

    def get_config(self):
        shared = write_fields(
            self,
            "filters",
            "kernel_size",
            "strides",
            "padding",
            "data_format",
            "dilation_rate",
            *AFFINE_FIELDS,
        )
        return {**super().get_config(), **shared}

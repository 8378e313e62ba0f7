"""Core layers: dense, activation, dropout, reshaping, masking, lambda."""

from __future__ import annotations

import numpy as np

from kjax import backend as K
from kjax import regularizers
from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers.fields import (
    AFFINE_FIELDS,
    add_weight,
    axis_numbers,
    given,
    number,
    positive_int,
    read_data_format,
    read_fields,
    write_fields,
)
from kjax.layers.fields import rate as read_rate
from kjax.layers.lambda_layer import Lambda
from kjax.layers.noise import fitting_noise_shape, read_noise_shape, read_seed
from kjax.nn import dense, noise

__all__ = [
    "Activation",
    "ActivityRegularization",
    "Dense",
    "Dropout",
    "Flatten",
    "Lambda",
    "Masking",
    "Permute",
    "RepeatVector",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]


class Dense(Layer):
    """y = activation(x @ kernel + bias).

    Input shape: (batch, ..., features). Output shape: (batch, ..., units).
    Weights: kernel (features, units), bias (units,).

    Args:
        units: int >= 1.
        activation: name or function; None is linear.
        use_bias: bool.
        kernel_initializer, bias_initializer: see `initializers`.
        kernel_regularizer, bias_regularizer, activity_regularizer: see `regularizers`.
        kernel_constraint, bias_constraint: see `constraints`.
    """

    def __init__(
        self,
        units,
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
        if "input_shape" not in kwargs and "input_dim" in kwargs:
            kwargs["input_shape"] = (kwargs.pop("input_dim"),)
        super().__init__(**kwargs)
        self.units = positive_int(units, "units", self.name)
        read_fields(self, **given(locals(), "units"))
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f"Layer {self.name}: the last dimension of the inputs to Dense must be known; got shape "
                f"{tuple(input_shape)}."
            )
        self.kernel = add_weight(self, "kernel", (features, self.units))
        self.bias = None
        if self.use_bias:
            self.bias = add_weight(self, "bias", (self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self.built = True

    def call(self, inputs):
        y = self.apply_module(dense.Dense(self.units, bool(self.use_bias)), inputs, weights=self._own_weights())
        return self.activation(y)

    def _own_weights(self):
        return [self.kernel, self.bias] if self.use_bias else [self.kernel]

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        shared = write_fields(
            self,
            "units",
            *AFFINE_FIELDS,
        )
        return {**super().get_config(), **shared}


class Activation(Layer):
    """y = activation(x); any shape.

    Args:
        activation: name or function.
    """

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        read_fields(self, activation=activation)

    def call(self, inputs):
        return self.activation(inputs)

    def get_config(self):
        return {**super().get_config(), **write_fields(self, "activation")}


class Dropout(Layer):
    """In training, each element is 0 with probability `rate`, else x / (1 - rate); any shape.

    Args:
        rate: 0 <= rate <= 1; at 0 nothing happens, and at 1, as in Keras, nothing either.
        noise_shape: shape of the random mask, broadcast to x; e.g. (batch, 1, features) drops whole features.
        seed: int or None.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = read_rate(rate, "rate", self.name)
        self.noise_shape = read_noise_shape(noise_shape, self.name)
        self.seed = read_seed(seed, self.name)
        self.supports_masking = True

    def _get_noise_shape(self, inputs):
        return self.noise_shape

    def call(self, inputs, training=None):
        if not 0.0 < self.rate < 1.0:
            return inputs
        shape = fitting_noise_shape(self._get_noise_shape(inputs), inputs, self.name)
        return self.apply_module(noise.Dropout(float(self.rate), shape, self.seed), inputs, training=training)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}


class SpatialDropout1D(Dropout):
    """Dropout of whole feature maps. Input shape: (batch, time, channels).

    Args:
        rate: 0 <= rate <= 1.
    """

    def __init__(self, rate, **kwargs):
        super().__init__(rate, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def _get_noise_shape(self, inputs):
        return (None, 1, None)


class _SpatialDropout(Dropout):
    """Dropout of whole feature maps of images and volumes."""

    rank: int

    def __init__(self, rate, data_format=None, **kwargs):
        super().__init__(rate, **kwargs)
        self.data_format = read_data_format(data_format, self.name)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _get_noise_shape(self, inputs):
        ones = (1,) * self.rank
        return (None, None, *ones) if self.data_format == "channels_first" else (None, *ones, None)


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole feature maps. Input shape: (batch, rows, columns, channels), or channels first.

    Args:
        rate: 0 <= rate <= 1.
        data_format: 'channels_last', 'channels_first' or None for the setting in `keras.json`.
    """

    rank = 2


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole feature maps. Input shape: (batch, d1, d2, d3, channels), or channels first.

    Args:
        rate, data_format: as for SpatialDropout2D.
    """

    rank = 3


class Flatten(Layer):
    """(batch, a, b, ...) -> (batch, a * b * ...).

    Args:
        data_format: 'channels_first' input is flattened in the order of channels_last; None: `image_data_format()`.
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.input_spec = InputSpec(min_ndim=3)
        self.data_format = read_data_format(data_format, self.name)

    def call(self, inputs):
        if self.data_format == "channels_first":
            axes = [0, *range(2, len(inputs.shape)), 1]
            inputs = K.permute_dimensions(inputs, axes)
        return K.batch_flatten(inputs)

    def compute_output_shape(self, input_shape):
        rest = input_shape[1:]
        if None in rest:
            raise ValueError(
                f"Layer {self.name}: the shape of the input to Flatten is not fully defined (got {tuple(rest)}). Pass "
                "a complete `input_shape` to the first layer of the model."
            )
        return (input_shape[0], int(np.prod(rest)))

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """(batch, ...) -> (batch, *target_shape).

    Args:
        target_shape: tuple of int, without the batch axis; one of them may be -1.
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        self.target_shape = axis_numbers(target_shape, "target_shape", self.name)
        if min(self.target_shape, default=0) < -1:
            raise ValueError(
                f"Layer {self.name}: the `target_shape` argument must hold integers >= 0 and one -1 at most; got "
                f"{target_shape!r}."
            )

    def _fixed(self, input_shape):
        """The target with -1 worked out where the input's sizes are known."""
        unknown = [i for i, d in enumerate(self.target_shape) if d < 0]
        if len(unknown) > 1:
            raise ValueError(f"Layer {self.name}: target_shape can have only one -1; got {self.target_shape}.")
        if None in input_shape:
            return tuple(None if d < 0 else d for d in self.target_shape)
        size = int(np.prod(input_shape, dtype=np.int64))
        known = int(np.prod([d for d in self.target_shape if d >= 0], dtype=np.int64))
        if (unknown and (known == 0 or size % known)) or (not unknown and known != size):
            raise ValueError(
                f"Layer {self.name}: total size of new array must be unchanged: an input of shape {tuple(input_shape)} "
                f"cannot become {self.target_shape}."
            )
        return tuple(size // known if d < 0 else d for d in self.target_shape)

    def call(self, inputs):
        shape = self._fixed(tuple(inputs.shape)[1:])
        return K.reshape(inputs, (-1, *shape) if None not in shape else (K.shape(inputs)[0], *self.target_shape))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._fixed(tuple(input_shape)[1:]))

    def get_config(self):
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """Reorders the axes after the batch axis.

    Args:
        dims: tuple, the present number of each new axis, counted from 1.
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = axis_numbers(dims, "dims", self.name)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"Layer {self.name}: dims must hold each of 1..{len(self.dims)} once; got {dims!r}.")
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return K.permute_dimensions(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *[input_shape[d] for d in self.dims])

    def get_config(self):
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """(batch, features) -> (batch, n, features).

    Args:
        n: int >= 1.
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = positive_int(n, "n", self.name)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        return K.repeat(inputs, self.n)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self):
        return {**super().get_config(), "n": self.n}


class ActivityRegularization(Layer):
    """The identity; adds l1 * sum|x| + l2 * sum x^2 to the loss.

    Args:
        l1, l2: numbers >= 0.
    """

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        own = kwargs.pop("activity_regularizer", None)  # that of a file which divides by the batch size
        super().__init__(**kwargs)
        self.supports_masking = True
        self.l1, self.l2 = number(l1, "l1", self.name), number(l2, "l2", self.name)
        self.activity_regularizer = regularizers.get(own) or regularizers.L1L2(l1=l1, l2=l2)

    def get_config(self):
        config = {**super().get_config(), "l1": self.l1, "l2": self.l2}
        if type(self.activity_regularizer) is not regularizers.L1L2:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config


class Masking(Layer):
    """Masks time steps in which all features equal `mask_value`, and sets them to zero.

    Input shape: (batch, time, features).

    Args:
        mask_value: number.
    """

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.mask_value = number(mask_value, "mask_value", self.name)
        self.input_spec = InputSpec(min_ndim=2)

    def compute_mask(self, inputs, mask=None):
        return K.any(K.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        kept = K.any(K.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return inputs * K.cast(kept, inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "mask_value": self.mask_value}

"""Activations with weights or parameters of their own."""

from __future__ import annotations

import numpy as np

from kjax import backend as K
from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers.fields import add_weight, axis_numbers, number, read_fields, write_fields
from kjax.nn import activation

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"]


def _number(value, argument, layer):
    """A number in floatx's precision as a Python float, which is what Keras keeps in configs."""
    return float(K.cast_to_floatx(number(value, argument, layer)))


class _Activation(Layer):
    """A function of each sample; the shape stays."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape):
        return input_shape


class LeakyReLU(_Activation):
    """x where x > 0, else alpha x; any shape.

    Args:
        alpha: number >= 0.
    """

    def __init__(self, alpha=0.3, **kwargs):
        super().__init__(**kwargs)
        self.alpha = _number(alpha, "alpha", self.name)

    def call(self, inputs):
        return self.apply_module(activation.LeakyReLU(self.alpha), inputs, weights=[])

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


class PReLU(_Activation):
    """x where x > 0, else alpha x, with a learned alpha; any shape.

    Weights: alpha, the shape of one sample with 1 along the shared axes.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: see `initializers`, `regularizers`, `constraints`.
        shared_axes: int or sequence of ints >= 1 (the batch axis is 0): axes along which alpha is one number.
    """

    def __init__(
        self, alpha_initializer="zeros", alpha_regularizer=None, alpha_constraint=None, shared_axes=None, **kwargs
    ):
        super().__init__(**kwargs)
        read_fields(
            self,
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )
        self.shared_axes = None if shared_axes is None else list(axis_numbers(shared_axes, "shared_axes", self.name))

    def build(self, input_shape):
        shared = self.shared_axes or []
        bad = [a for a in shared if not 1 <= a < len(input_shape)]
        if bad:
            raise ValueError(
                f"Layer {self.name}: shared_axes must lie within 1..{len(input_shape) - 1} for an input of shape "
                f"{tuple(input_shape)}; got {self.shared_axes}."
            )
        shape = [1 if a in shared else m for a, m in enumerate(input_shape)][1:]
        if None in shape:
            raise ValueError(
                f"Layer {self.name}: axes of unknown size must be among shared_axes; got "
                f"shared_axes={self.shared_axes} for an input of shape {tuple(input_shape)}."
            )
        self.param_broadcast = [a + 1 in shared for a in range(len(shape))]
        self.alpha = add_weight(self, "alpha", tuple(shape))
        axes = {a: input_shape[a] for a in range(1, len(input_shape)) if a not in shared} if shared else {}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)
        self.built = True

    def call(self, inputs, mask=None):
        module = activation.PReLU(tuple(self.shared_axes or ()))
        return self.apply_module(module, inputs, weights=[self.alpha])

    def get_config(self):
        own = write_fields(self, "alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes")
        return {**super().get_config(), **own}


class ELU(_Activation):
    """x where x > 0, else alpha (exp(x) - 1); any shape.

    Args:
        alpha: number.
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = _number(alpha, "alpha", self.name)

    def call(self, inputs):
        return self.apply_module(activation.ELU(self.alpha), inputs, weights=[])

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


class ThresholdedReLU(_Activation):
    """x where x > theta, else 0; any shape.

    Args:
        theta: number >= 0.
    """

    def __init__(self, theta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.theta = _number(theta, "theta", self.name)

    def call(self, inputs, mask=None):
        return self.apply_module(activation.ThresholdedReLU(self.theta), inputs, weights=[])

    def get_config(self):
        return {**super().get_config(), "theta": self.theta}


class Softmax(_Activation):
    """exp(x) / sum(exp(x)) along an axis; any shape.

    Args:
        axis: int; not the batch axis.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs):
        rank = len(inputs.shape)
        if not isinstance(self.axis, (int, np.integer)) or not -rank <= self.axis < rank:
            raise ValueError(
                f"Layer {self.name}: axis must be an axis of the input, of shape {tuple(inputs.shape)}; got "
                f"{self.axis!r}."
            )
        precision = K.floatx() if self.compute_dtype else None
        module = activation.Softmax(int(self.axis))
        return self.apply_module(module, inputs, weights=[], rowwise=self.axis % rank != 0, dtype=precision)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


class ReLU(_Activation):
    """max_value where x >= max_value, x where threshold <= x < max_value, else negative_slope (x - threshold); any
    shape.

    Args:
        max_value: number >= 0, or None for no limit.
        negative_slope: number >= 0.
        threshold: number.
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else _number(max_value, "max_value", self.name)
        self.negative_slope = _number(negative_slope, "negative_slope", self.name)
        self.threshold = _number(threshold, "threshold", self.name)
        if self.max_value is not None and self.max_value < 0.0:
            raise ValueError(f"Layer {self.name}: max_value of a ReLU layer cannot be negative; got {max_value!r}.")
        if self.negative_slope < 0.0:
            raise ValueError(
                f"Layer {self.name}: negative_slope of a ReLU layer cannot be negative; got {negative_slope!r}."
            )

    def call(self, inputs):
        return self.apply_module(
            activation.ReLU(self.max_value, self.negative_slope, self.threshold), inputs, weights=[]
        )

    def get_config(self):
        return {**super().get_config(), **write_fields(self, "max_value", "negative_slope", "threshold")}

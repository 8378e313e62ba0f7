"""Layers of Keras 1 that Keras 2 moved away or dropped; they keep their Keras 1 arguments, weights and numerics."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from kjax import activations, constraints, initializers, regularizers
from kjax import backend as K
from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers import BatchNormalization, Conv1D, Conv2D, Dense
from kjax.utils.arguments import given


class _DenseLike(Layer):
    """The arguments that Keras 1's dense layers have in common.

    Args:
        init: initializer of the kernels.
        weights: list of arrays to start from.
        W_regularizer, b_regularizer, activity_regularizer: regularizers.
        W_constraint, b_constraint: constraints.
        bias: whether there is a bias.
        input_dim: size of the input, for the first layer of a model.
    """

    def __init__(
        self,
        init="glorot_uniform",
        weights=None,
        W_regularizer=None,
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,
        b_constraint=None,
        bias=True,
        input_dim=None,
        **kwargs,
    ):
        if input_dim:
            kwargs["input_shape"] = (input_dim,)
        super().__init__(weights=weights, **kwargs)
        self.init = initializers.get(init)
        self.W_regularizer = regularizers.get(W_regularizer)
        self.b_regularizer = regularizers.get(b_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.W_constraint = constraints.get(W_constraint)
        self.b_constraint = constraints.get(b_constraint)
        self.bias = bias
        self.initial_weights = weights
        self.input_dim = input_dim
        self.input_spec = InputSpec(ndim=2)

    def _kernel(self, name, shape):
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self.init,
            regularizer=self.W_regularizer,
            constraint=self.W_constraint,
        )

    def _bias(self, name, shape, initializer="zeros"):
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            regularizer=self.b_regularizer,
            constraint=self.b_constraint,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "init": initializers.serialize(self.init),
            "W_regularizer": regularizers.serialize(self.W_regularizer),
            "b_regularizer": regularizers.serialize(self.b_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "W_constraint": constraints.serialize(self.W_constraint),
            "b_constraint": constraints.serialize(self.b_constraint),
            "bias": self.bias,
            "input_dim": self.input_dim,
        }


class MaxoutDense(_DenseLike):
    """The largest of several linear maps: y = max_f (x W_f + b_f).

    Input shape: (batch, input_dim).
    Output shape: (batch, output_dim).
    Weights: W (nb_feature, input_dim, output_dim), b (nb_feature, output_dim).

    Args:
        output_dim: int > 0, size of the output.
        nb_feature: int > 0, number of linear maps; default 4.
        init, weights, W_regularizer, b_regularizer, activity_regularizer, W_constraint, b_constraint, bias, input_dim:
            as in Keras 1's Dense.

    References: Goodfellow et al. 2013, Maxout Networks.
    """

    def __init__(
        self,
        output_dim,
        nb_feature=4,
        init="glorot_uniform",
        weights=None,
        W_regularizer=None,
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,
        b_constraint=None,
        bias=True,
        input_dim=None,
        **kwargs,
    ):
        super().__init__(**given(locals(), "output_dim", "nb_feature"), **kwargs)
        self.output_dim = output_dim
        self.nb_feature = nb_feature

    def build(self, input_shape):
        self.input_dim = input_shape[-1]
        self.W = self._kernel("W", (self.nb_feature, self.input_dim, self.output_dim))
        self.b = self._bias("b", (self.nb_feature, self.output_dim)) if self.bias else None
        self.input_spec = InputSpec(ndim=2, axes={-1: self.input_dim})
        self.built = True

    def call(self, x):
        features = K.dot(x, self.W)
        if self.bias:
            features = features + self.b
        return K.max(features, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        return {**super().get_config(), "output_dim": self.output_dim, "nb_feature": self.nb_feature}


class Highway(_DenseLike):
    """A dense layer with a gate that lets the input pass: y = t h + (1 - t) x.

        t = sigmoid(x W_carry + b_carry),  h = activation(x W + b)

    Input shape and output shape: (batch, dim).
    Weights: W, W_carry (dim, dim), b, b_carry (dim,).

    Args:
        activation: of h; default linear.
        init, weights, W_regularizer, b_regularizer, activity_regularizer, W_constraint, b_constraint, bias, input_dim:
            as in Keras 1's Dense.
        transform_bias: of Keras 1.0; ignored, b_carry starts from ones.

    References: Srivastava et al. 2015, Highway Networks.
    """

    def __init__(
        self,
        init="glorot_uniform",
        activation=None,
        weights=None,
        W_regularizer=None,
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,
        b_constraint=None,
        bias=True,
        input_dim=None,
        **kwargs,
    ):
        kwargs.pop("transform_bias", None)
        super().__init__(**given(locals(), "activation"), **kwargs)
        self.activation = activations.get(activation)

    def build(self, input_shape):
        dim = input_shape[-1]
        self.W = self._kernel("W", (dim, dim))
        self.W_carry = self.add_weight(name="W_carry", shape=(dim, dim), initializer=self.init)
        self.b = self.b_carry = None
        if self.bias:
            self.b = self._bias("b", (dim,))
            self.b_carry = self.add_weight(name="b_carry", shape=(dim,), initializer="ones")
        self.input_spec = InputSpec(ndim=2, axes={-1: dim})
        self.built = True

    def call(self, x):
        t, h = K.dot(x, self.W_carry), K.dot(x, self.W)
        if self.bias:
            t, h = t + self.b_carry, h + self.b
        t, h = K.sigmoid(t), self.activation(h)
        return t * h + (1 - t) * x

    def get_config(self):
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class TimeDistributedDense(Dense):
    """The same dense map for every step of a sequence; Keras 2's Dense does it too.

    Input shape: (batch, steps, input_dim).
    Output shape: (batch, steps, output_dim).
    Weights: kernel (input_dim, output_dim), bias (output_dim,).

    Args:
        output_dim: int > 0.
        init, activation, weights, W_regularizer, b_regularizer, activity_regularizer, W_constraint, b_constraint, bias:
            as in Keras 1's Dense.
        input_dim, input_length: shape of one sequence, for the first layer of a model.
    """

    def __init__(
        self,
        output_dim,
        init="glorot_uniform",
        activation=None,
        weights=None,
        W_regularizer=None,
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,
        b_constraint=None,
        bias=True,
        input_dim=None,
        input_length=None,
        **kwargs,
    ):
        if input_dim:
            kwargs["input_shape"] = (input_length, input_dim)
        super().__init__(
            output_dim,
            activation=activation,
            use_bias=bias,
            kernel_initializer=init,
            kernel_regularizer=W_regularizer,
            bias_regularizer=b_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=W_constraint,
            bias_constraint=b_constraint,
            weights=weights,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=3)

    def get_config(self):
        config = super().get_config()
        renamed = {
            "units": "output_dim",
            "kernel_initializer": "init",
            "kernel_regularizer": "W_regularizer",
            "bias_regularizer": "b_regularizer",
            "kernel_constraint": "W_constraint",
            "bias_constraint": "b_constraint",
            "use_bias": "bias",
        }
        # the bias always starts from zeros in Keras 1
        return {renamed.get(k, k): v for k, v in config.items() if k != "bias_initializer"}


class _Elementwise(Layer):
    """A learned activation: one set of parameters per element, or per element up to `shared_axes`.

    Args:
        shared_axes: axes of the input along which the parameters are shared.
        weights: list of arrays to start from.
    """

    def __init__(self, initial, weights=None, shared_axes=None, **kwargs):
        super().__init__(weights=weights, **kwargs)
        self.supports_masking = True
        self.initial_weights = weights
        self.shared_axes = None if shared_axes is None else [int(a) for a in _as_list(shared_axes)]
        self._initial = {name: initializers.get(value) for name, value in initial.items()}

    def build(self, input_shape):
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        if None in shape:
            raise ValueError(
                f"Layer {self.name}: every axis of the input but the batch must have a known size or be among "
                f"shared_axes; got the input shape {tuple(input_shape)} and shared_axes={self.shared_axes}."
            )
        for name, initializer in self._initial.items():
            setattr(self, name, self.add_weight(name=name, shape=tuple(shape), initializer=initializer))
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "shared_axes": self.shared_axes}


class SReLU(_Elementwise):
    """A piecewise linear activation with learned thresholds and outer slopes.

        x < t_l: t_l + a_l (x - t_l);  x > t_r: t_r + a_r (x - t_r);  else x;  t_r = t_left + |t_right|

    Input shape and output shape: any, the same.
    Weights: t_left, a_left, t_right, a_right, each of the input's shape without the batch.

    Args:
        t_left_init, a_left_init, t_right_init, a_right_init: initializers.
        shared_axes: axes of the input along which the parameters are shared.

    References: Jin et al. 2015, Deep Learning with S-shaped Rectified Linear Activation Units.
    """

    def __init__(
        self,
        t_left_init="zero",
        a_left_init="glorot_uniform",
        t_right_init="glorot_uniform",
        a_right_init="one",
        shared_axes=None,
        **kwargs,
    ):
        initial = {"t_left": t_left_init, "a_left": a_left_init, "t_right": t_right_init, "a_right": a_right_init}
        super().__init__(initial, shared_axes=shared_axes, **kwargs)

    def call(self, x, mask=None):
        upper = K.abs(self.t_right)
        above = x - self.t_left
        centre = K.minimum(K.maximum(above, 0.0), upper)
        return self.t_left + self.a_left * K.minimum(above, 0.0) + centre + self.a_right * K.maximum(above - upper, 0.0)

    def get_config(self):
        initial = {f"{name}_init": initializers.serialize(value) for name, value in self._initial.items()}
        return {**super().get_config(), **initial}


class ParametricSoftplus(_Elementwise):
    """A softplus with learned scale and slope: y = alpha log(1 + exp(beta x)).

    Input shape and output shape: any, the same.
    Weights: alpha, beta, each of the input's shape without the batch.

    Args:
        alpha_init, beta_init: numbers the parameters start from; default 0.2 and 5.
        weights: list of arrays to start from.
        shared_axes: axes of the input along which the parameters are shared.
    """

    def __init__(self, alpha_init=0.2, beta_init=5.0, weights=None, shared_axes=None, **kwargs):
        self.alpha_init = alpha_init
        self.beta_init = beta_init
        initial = {"alpha": initializers.Constant(alpha_init), "beta": initializers.Constant(beta_init)}
        super().__init__(initial, weights=weights, shared_axes=shared_axes, **kwargs)

    def call(self, x, mask=None):
        return K.softplus(self.beta * x) * self.alpha

    def get_config(self):
        return {**super().get_config(), "alpha_init": self.alpha_init, "beta_init": self.beta_init}


class BatchNormalizationByInput(BatchNormalization):
    """Keras 1's `BatchNormalization(mode=1)` and `(mode=2)`: never the moving statistics.

        mode 1: over the last axis, each sample by itself;  mode 2: over the batch, also when predicting

    Input shape and output shape: any, the same.
    Weights: gamma, beta, moving_mean, moving_variance (the last two are not used).

    Args:
        mode: 1 or 2.
        kwargs: as BatchNormalization takes them.
    """

    def __init__(self, mode=2, **kwargs):
        super().__init__(**kwargs)
        if mode not in (1, 2):
            raise ValueError(f"Layer {self.name}: mode must be 1 or 2; got {mode!r}.")
        self.mode = mode
        if mode == 1:
            self.axis = -1

    def call(self, inputs, training=None):
        if self.mode == 1:
            mean = K.mean(inputs, axis=-1, keepdims=True)
            deviation = K.sqrt(K.var(inputs, axis=-1, keepdims=True) + self.epsilon)
            normal = (inputs - mean) / (deviation + self.epsilon)
            return self._scaled(normal, -1)
        ndim = K.ndim(inputs)
        axes = [i for i in range(ndim) if i != self.axis % ndim]
        mean = K.mean(inputs, axis=axes, keepdims=True)
        variance = K.mean(K.square(inputs - mean), axis=axes, keepdims=True)
        return self._scaled((inputs - mean) / K.sqrt(variance + self.epsilon), self.axis)

    def _scaled(self, x, axis):
        shape = [1] * K.ndim(x)
        shape[axis] = -1
        if self.scale:
            x = x * K.reshape(self.gamma, shape)
        if self.center:
            x = x + K.reshape(self.beta, shape)
        return x

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}


def accept_modes(cls: Any) -> None:
    """Let `BatchNormalization(mode=1)` and `(mode=2)` give the layer that Keras 1 meant."""
    if "__new__" in vars(cls):
        return

    @functools.wraps(cls.__init__)
    def __new__(kind, *args, **kwargs):
        by_input = kind is cls and kwargs.get("mode") in (1, 2)
        return object.__new__(BatchNormalizationByInput if by_input else kind)

    cls.__new__ = __new__


def AtrousConvolution1D(*args, **kwargs):
    """A `Conv1D` whose Keras 1 argument `atrous_rate` (default 1) is `dilation_rate`."""
    return _atrous("AtrousConvolution1D", Conv1D, args, kwargs, 1)


def AtrousConvolution2D(*args, **kwargs):
    """A `Conv2D` whose Keras 1 argument `atrous_rate` (default (1, 1)) is `dilation_rate`."""
    return _atrous("AtrousConvolution2D", Conv2D, args, kwargs, (1, 1))


def _atrous(name, cls, args, kwargs, default):
    warnings.warn(f"{name} is a Keras 1 layer: use `{cls.__name__}` with dilation_rate.", UserWarning, stacklevel=3)
    return cls(*args, dilation_rate=kwargs.pop("atrous_rate", default), **kwargs)


def _as_list(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]

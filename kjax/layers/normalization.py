"""Batch normalization."""

from __future__ import annotations

import numpy as np

from kjax.backend.phase import tests_while_training
from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers.fields import add_weight, given, number, read_fields, write_fields
from kjax.nn import normalization

__all__ = ["BatchNormalization"]


class BatchNormalization(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, one mean and variance for each position along `axis`.

    In training they are the batch's, and moving averages are kept; in the test phase they are these averages.

    Input shape: any. Output shape: the same.
    Weights: gamma, beta, moving_mean, moving_variance, each (size of `axis`,); the first two if `scale` and `center`.

    Args:
        axis: int, the one with the features; not the batch axis.
        momentum: of the averages, number.
        epsilon: number > 0.
        center: whether beta is added.
        scale: whether gamma multiplies.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: see `initializers`.
        beta_regularizer, gamma_regularizer: see `regularizers`.
        beta_constraint, gamma_constraint: see `constraints`.

    Differs: as later versions do, the averages are not corrected for their start, and the variance of images is
    corrected by n / (n - 1) once, not twice.
    References: Ioffe and Szegedy, Batch Normalization, 2015.
    """

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
            raise TypeError(f"Layer {self.name}: axis must be an int; got {axis!r}.")
        axis = int(axis)
        self.axis = axis
        self.momentum = number(momentum, "momentum", self.name)
        self.epsilon = number(epsilon, "epsilon", self.name, least=0.0)
        read_fields(self, **given(locals(), "axis", "momentum", "epsilon"))

    def build(self, input_shape):
        rank = len(input_shape)
        if not -rank <= self.axis < rank or self.axis % rank == 0:
            raise ValueError(
                f"Layer {self.name}: axis must name an axis of the input other than the batch axis; got "
                f"axis={self.axis} for an input of shape {tuple(input_shape)}."
            )
        features = input_shape[self.axis]
        if features is None:
            raise ValueError(
                f"Layer {self.name}: axis {self.axis} of the input to BatchNormalization must have a known size; got "
                f"the shape {tuple(input_shape)}."
            )
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: features})
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = add_weight(self, "gamma", (features,))
        if self.center:
            self.beta = add_weight(self, "beta", (features,))
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=(features,), initializer=self.moving_mean_initializer, trainable=False
        )
        self.moving_variance = self.add_weight(
            name="moving_variance", shape=(features,), initializer=self.moving_variance_initializer, trainable=False
        )
        self.built = True

    def call(self, inputs, training=None):
        module = normalization.BatchNorm(
            axis=self.axis,
            momentum=float(self.momentum),
            epsilon=float(self.epsilon),
            center=bool(self.center),
            scale=bool(self.scale),
        )
        own = [w for w in (self.gamma, self.beta, self.moving_mean, self.moving_variance) if w is not None]
        if training is None and tests_while_training():
            self.apply_module(module, inputs, weights=own, training=True)  # for its updates only
        return self.apply_module(module, inputs, weights=own, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = write_fields(
            self,
            "axis",
            "momentum",
            "epsilon",
            "center",
            "scale",
            "beta_initializer",
            "gamma_initializer",
            "moving_mean_initializer",
            "moving_variance_initializer",
            "beta_regularizer",
            "gamma_regularizer",
            "beta_constraint",
            "gamma_constraint",
        )
        return {**super().get_config(), **own}

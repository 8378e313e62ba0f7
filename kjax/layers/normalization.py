"""Batch normalization."""

from __future__ import annotations

from kjax import constraints, initializers, regularizers
from kjax.engine.base_layer import InputSpec, Layer
from kjax.nn import normalization

__all__ = ["BatchNormalization"]


class BatchNormalization(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, one mean and variance for each position along `axis`.

    In training they are the batch's, and moving averages are kept; in the test phase they are these averages.

    Input shape: any. Output shape: the same.
    Weights: gamma, beta, moving_mean, moving_variance, each (size of `axis`,); the first two as `scale` and `center`
        say.

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
        corrected
    by n / (n - 1) once, not twice.
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
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise TypeError(f"{self.name}: axis must be an int; got {axis!r}.")
        self.axis = axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def build(self, input_shape):
        rank = len(input_shape)
        if not -rank <= self.axis < rank or self.axis % rank == 0:
            raise ValueError(
                f"{self.name}: axis must name an axis of the input other than the batch axis; got "
                f"axis={self.axis} for an "
                f"input of shape {tuple(input_shape)}."
            )
        features = input_shape[self.axis]
        if features is None:
            raise ValueError(
                f"{self.name}: axis {self.axis} of the input to BatchNormalization must have a known size; got the "
                f"shape {tuple(input_shape)}."
            )
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: features})
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma",
                shape=(features,),
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                name="beta",
                shape=(features,),
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )
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
        return self.apply_module(module, inputs, weights=own, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }

"""Loss functions: one number per sample (per time step for outputs of higher rank), numerically as Keras 2.2.4."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from kjax.backend.config import epsilon
from kjax.graph import absolute_value, op
from kjax.utils.generic_utils import deserialize_keras_object, serialize_keras_object


def _per_row(tensors, args, kwargs):
    """Row by row, as long as the last axis, over which a loss reduces, is not the batch itself."""
    return all(len(t.shape) > 1 for t in tensors)


def _sparse_per_row(tensors, args, kwargs):
    return len(args[1].shape) > 1


def _pair(y_true, y_pred):
    """Both as arrays of one float type, at least float32: half precision would lose the small terms of a loss."""
    y_pred = jnp.asarray(y_pred)
    dtype = jnp.promote_types(y_pred.dtype, jnp.float32)
    return jnp.asarray(y_true).astype(dtype), y_pred.astype(dtype)


def _clip(x, low, high=None):
    """`x` within [low, high]; at the borders themselves the whole gradient passes, as in TensorFlow."""
    x = jnp.where(x < low, jnp.asarray(low, x.dtype), x)
    return x if high is None else jnp.where(x > high, jnp.asarray(high, x.dtype), x)


def _positive(x):
    """max(x, 0) with TensorFlow's gradient 1 at 0."""
    return jnp.where(x >= 0, x, jnp.zeros_like(x))


@op(rowwise=_per_row)
def _mean_squared_error(y_true, y_pred):
    y_true, y_pred = _pair(y_true, y_pred)
    return jnp.mean(jnp.square(y_pred - y_true), axis=-1)


@op(rowwise=_per_row)
def _mean_absolute_error(y_true, y_pred):
    y_true, y_pred = _pair(y_true, y_pred)
    return jnp.mean(absolute_value(y_pred - y_true), axis=-1)


@op(rowwise=_per_row)
def _mean_absolute_percentage_error(y_true, y_pred, eps):
    y_true, y_pred = _pair(y_true, y_pred)
    return 100.0 * jnp.mean(absolute_value((y_true - y_pred) / _clip(jnp.abs(y_true), eps)), axis=-1)


@op(rowwise=_per_row)
def _mean_squared_logarithmic_error(y_true, y_pred, eps):
    y_true, y_pred = _pair(y_true, y_pred)
    return jnp.mean(jnp.square(jnp.log(_clip(y_pred, eps) + 1.0) - jnp.log(_clip(y_true, eps) + 1.0)), axis=-1)


@op(rowwise=_per_row)
def _hinge(y_true, y_pred, power):
    y_true, y_pred = _pair(y_true, y_pred)
    short = _positive(1.0 - y_true * y_pred)
    return jnp.mean(jnp.square(short) if power == 2 else short, axis=-1)


@op(rowwise=_per_row)
def _categorical_hinge(y_true, y_pred):
    y_true, y_pred = _pair(y_true, y_pred)
    positive = jnp.sum(y_true * y_pred, axis=-1)
    negative = jnp.max((1.0 - y_true) * y_pred, axis=-1)
    return _positive(negative - positive + 1.0)


@op(rowwise=_per_row)
def _logcosh(y_true, y_pred):
    y_true, y_pred = _pair(y_true, y_pred)
    x = y_pred - y_true
    return jnp.mean(x + jax.nn.softplus(-2.0 * x) - math.log(2.0), axis=-1)


@op(rowwise=_per_row)
def _huber_loss(y_true, y_pred, delta):
    y_true, y_pred = _pair(y_true, y_pred)
    error = absolute_value(y_pred - y_true)
    quadratic = jnp.minimum(error, delta)
    return 0.5 * jnp.square(quadratic) + delta * (error - quadratic)


@op(rowwise=_per_row)
def _categorical_crossentropy(y_true, y_pred, from_logits, label_smoothing, eps):
    y_true, y_pred = _pair(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_pred.shape[-1]
    if from_logits:
        return -jnp.sum(y_true * jax.nn.log_softmax(y_pred, axis=-1), axis=-1)
    y_pred = y_pred / jnp.sum(y_pred, axis=-1, keepdims=True)
    return -jnp.sum(y_true * jnp.log(_clip(y_pred, eps, 1.0 - eps)), axis=-1)


@op(rowwise=_sparse_per_row)
def _sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis, eps):
    y_pred = jnp.asarray(y_pred)
    y_pred = y_pred.astype(jnp.promote_types(y_pred.dtype, jnp.float32))
    logits = y_pred if from_logits else jnp.log(_clip(y_pred, eps, 1.0 - eps))
    logits = jnp.moveaxis(logits, axis, -1)
    labels = jnp.asarray(y_true).astype(jnp.int32)
    if labels.ndim == logits.ndim and labels.shape[axis] == 1:
        labels = jnp.squeeze(labels, axis)
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            "sparse_categorical_crossentropy: y_true must have the shape of y_pred without the classes' axis, or with "
            f"1 there: {logits.shape[:-1]}; received {jnp.shape(y_true)}."
        )
    return -jnp.take_along_axis(jax.nn.log_softmax(logits, axis=-1), labels[..., None], axis=-1)[..., 0]


@op(rowwise=_per_row)
def _binary_crossentropy(y_true, y_pred, from_logits, label_smoothing, eps):
    y_true, y_pred = _pair(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if not from_logits:
        y_pred = _clip(y_pred, eps, 1.0 - eps)
        y_pred = jnp.log(y_pred / (1.0 - y_pred))
    # where() instead of relu and abs: their gradients at 0 would spoil the sum's
    negative = jnp.where(y_pred >= 0, -y_pred, y_pred)
    return jnp.mean(_positive(y_pred) - y_pred * y_true + jnp.log1p(jnp.exp(negative)), axis=-1)


@op(rowwise=_per_row)
def _kullback_leibler_divergence(y_true, y_pred, eps):
    y_true, y_pred = _pair(y_true, y_pred)
    y_true, y_pred = _clip(y_true, eps, 1.0), _clip(y_pred, eps, 1.0)
    return jnp.sum(y_true * jnp.log(y_true / y_pred), axis=-1)


@op(rowwise=_per_row)
def _poisson(y_true, y_pred, eps):
    y_true, y_pred = _pair(y_true, y_pred)
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + eps), axis=-1)


def _unit(x, axis):
    return x * jax.lax.rsqrt(_clip(jnp.sum(jnp.square(x), axis=axis, keepdims=True), 1e-12))


@op(rowwise=_per_row)
def _cosine(y_true, y_pred, axis):
    y_true, y_pred = _pair(y_true, y_pred)
    return jnp.sum(_unit(y_true, axis) * _unit(y_pred, axis), axis=axis)


def mean_squared_error(y_true, y_pred):
    """mean((y_pred - y_true)^2) over the last axis."""
    return _mean_squared_error(y_true, y_pred)


def mean_absolute_error(y_true, y_pred):
    """mean(|y_pred - y_true|) over the last axis."""
    return _mean_absolute_error(y_true, y_pred)


def mean_absolute_percentage_error(y_true, y_pred):
    """100 * mean(|y_true - y_pred| / max(|y_true|, epsilon)) over the last axis."""
    return _mean_absolute_percentage_error(y_true, y_pred, epsilon())


def mean_squared_logarithmic_error(y_true, y_pred):
    """mean((log(y_pred + 1) - log(y_true + 1))^2) over the last axis; both are at least epsilon."""
    return _mean_squared_logarithmic_error(y_true, y_pred, epsilon())


def squared_hinge(y_true, y_pred):
    """mean(max(1 - y_true * y_pred, 0)^2) over the last axis; y_true is -1 or 1."""
    return _hinge(y_true, y_pred, 2)


def hinge(y_true, y_pred):
    """mean(max(1 - y_true * y_pred, 0)) over the last axis; y_true is -1 or 1."""
    return _hinge(y_true, y_pred, 1)


@op(rowwise=True)
def _signs(y_true):
    """-1 and 1 for labels that are all 0 or 1 (rows that only pad a batch are such, too); others as they are."""
    y_true = jnp.asarray(y_true)
    labels = jnp.all((y_true == 0) | (y_true == 1))
    return jnp.where(labels, 2 * y_true - 1, y_true)


def _hinge_of_labels(y_true, y_pred):
    """`hinge` from 2.3 on: y_true may be 0 or 1, too."""
    return _hinge(_signs(y_true), y_pred, 1)


def _squared_hinge_of_labels(y_true, y_pred):
    """`squared_hinge` from 2.3 on: y_true may be 0 or 1, too."""
    return _hinge(_signs(y_true), y_pred, 2)


_hinge_of_labels.__name__, _squared_hinge_of_labels.__name__ = "hinge", "squared_hinge"  # what they are saved as


def categorical_hinge(y_true, y_pred):
    """max(max((1 - y_true) * y_pred) - sum(y_true * y_pred) + 1, 0) over the last axis; y_true is one-hot."""
    return _categorical_hinge(y_true, y_pred)


def logcosh(y_true, y_pred):
    """mean(log(cosh(y_pred - y_true))) over the last axis."""
    return _logcosh(y_true, y_pred)


def huber_loss(y_true, y_pred, delta=1.0):
    """e^2 / 2 where e = |y_pred - y_true| <= delta, else delta * (e - delta / 2), for each element (from 2.3)."""
    return _huber_loss(y_true, y_pred, delta)


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0):
    """-sum(y_true * log(y_pred)) over the last axis, y_pred made to sum to 1 and kept epsilon away from 0 and 1.

    Args:
        y_true: probabilities (one-hot rows).
        y_pred: probabilities, or logits with `from_logits`.
        from_logits: bool.
        label_smoothing: number in [0, 1), default 0.
    """
    return _categorical_crossentropy(y_true, y_pred, from_logits, label_smoothing, epsilon())


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, axis=-1):
    """-log(y_pred[y_true]), y_pred kept epsilon away from 0 and 1 and made to sum to 1.

    Args:
        y_true: class numbers, of the shape of y_pred without `axis`, or with 1 there.
        y_pred: probabilities, or logits with `from_logits`.
        from_logits: bool.
        axis: int, where y_pred has its classes, default the last.
    """
    return _sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis, epsilon())


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0):
    """mean(-y_true * log(y_pred) - (1 - y_true) * log(1 - y_pred)) over the last axis.

    Args:
        y_true: 0, 1 or anything between.
        y_pred: probabilities (kept epsilon away from 0 and 1), or logits with `from_logits`.
        from_logits: bool.
        label_smoothing: number in [0, 1), default 0.
    """
    return _binary_crossentropy(y_true, y_pred, from_logits, label_smoothing, epsilon())


def kullback_leibler_divergence(y_true, y_pred):
    """sum(y_true * log(y_true / y_pred)) over the last axis, both kept within [epsilon, 1]."""
    return _kullback_leibler_divergence(y_true, y_pred, epsilon())


def poisson(y_true, y_pred):
    """mean(y_pred - y_true * log(y_pred + epsilon)) over the last axis."""
    return _poisson(y_true, y_pred, epsilon())


def cosine_proximity(y_true, y_pred, axis=-1):
    """-sum(y_true / |y_true| * y_pred / |y_pred|) along `axis`."""
    return -_cosine(y_true, y_pred, axis)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence
cosine = cosine_similarity = cosine_proximity


# losses that 2.3 and later compute otherwise under the same name
LATER = {"hinge": _hinge_of_labels, "squared_hinge": _squared_hinge_of_labels}


class Reduction:
    """What a Loss makes of the numbers per sample."""

    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls):
        return (cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key):
        if key not in cls.all():
            raise ValueError(f"reduction must be one of {cls.all()}, received {key!r}.")


@op
def _weighted(losses, sample_weight, reduction):
    losses = jnp.asarray(losses)
    if sample_weight is not None:
        weight = jnp.asarray(sample_weight).astype(losses.dtype)
        if weight.ndim == losses.ndim + 1 and weight.shape[-1] == 1:
            weight = weight[..., 0]
        losses = losses * weight.reshape(weight.shape + (1,) * (losses.ndim - weight.ndim))
    if reduction == Reduction.NONE:
        return losses
    return jnp.sum(losses) if reduction == Reduction.SUM else jnp.mean(losses)


@op(rowwise=True)
def _aligned(y_true, y_pred):
    """y_true with the rank of y_pred, where one of them has a last axis of length 1 more."""
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
        return y_true[..., None]
    if y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        return y_true[..., 0]
    return y_true


class Loss:
    """Base class of loss objects (from 2.3): `loss(y_true, y_pred, sample_weight=None)`.

    A subclass defines `call(y_true, y_pred)`, which gives one number per sample.

    Args:
        reduction: 'sum_over_batch_size' (the mean over all numbers), 'sum' or 'none'.
        name: str or None.
    """

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name=None):
        Reduction.validate(reduction)
        self.reduction = reduction
        self.name = name

    def __call__(self, y_true, y_pred, sample_weight=None):
        return _weighted(self.call(y_true, y_pred), sample_weight, self.reduction)

    def call(self, y_true, y_pred):
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred).")

    def get_config(self):
        return {"reduction": self.reduction, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class LossFunctionWrapper(Loss):
    """A loss function as a Loss.

    Args:
        fn: f(y_true, y_pred, **kwargs), one number per sample.
        reduction, name: see `Loss`.
        **kwargs: passed on to `fn`.
    """

    def __init__(self, fn, reduction=Reduction.SUM_OVER_BATCH_SIZE, name=None, **kwargs):
        super().__init__(reduction=reduction, name=name)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true, y_pred):
        if self.fn is not sparse_categorical_crossentropy:
            y_true = _aligned(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self):
        return {**super().get_config(), **self._fn_kwargs}


class MeanSquaredError(LossFunctionWrapper):
    """`mean_squared_error`; `reduction`, `name`: see `Loss`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="mean_squared_error"):
        super().__init__(mean_squared_error, reduction, name)


class MeanAbsoluteError(LossFunctionWrapper):
    """`mean_absolute_error`; `reduction`, `name`: see `Loss`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="mean_absolute_error"):
        super().__init__(mean_absolute_error, reduction, name)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """`mean_absolute_percentage_error`; `reduction`, `name`: see `Loss`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="mean_absolute_percentage_error"):
        super().__init__(mean_absolute_percentage_error, reduction, name)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """`mean_squared_logarithmic_error`; `reduction`, `name`: see `Loss`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="mean_squared_logarithmic_error"):
        super().__init__(mean_squared_logarithmic_error, reduction, name)


class BinaryCrossentropy(LossFunctionWrapper):
    """`binary_crossentropy`; `reduction`, `name`: see `Loss`."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0,
        reduction=Reduction.SUM_OVER_BATCH_SIZE,
        name="binary_crossentropy",
    ):
        super().__init__(binary_crossentropy, reduction, name, from_logits=from_logits, label_smoothing=label_smoothing)
        self.from_logits = from_logits


class CategoricalCrossentropy(LossFunctionWrapper):
    """`categorical_crossentropy`; `reduction`, `name`: see `Loss`."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0,
        reduction=Reduction.SUM_OVER_BATCH_SIZE,
        name="categorical_crossentropy",
    ):
        super().__init__(
            categorical_crossentropy, reduction, name, from_logits=from_logits, label_smoothing=label_smoothing
        )


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """`sparse_categorical_crossentropy`; `reduction`, `name`: see `Loss`."""

    def __init__(
        self,
        from_logits=False,
        reduction=Reduction.SUM_OVER_BATCH_SIZE,
        name="sparse_categorical_crossentropy",
    ):
        super().__init__(sparse_categorical_crossentropy, reduction, name, from_logits=from_logits)


class Hinge(LossFunctionWrapper):
    """`hinge`; `reduction`, `name`: see `Loss`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="hinge"):
        super().__init__(_hinge_of_labels, reduction, name)


class SquaredHinge(LossFunctionWrapper):
    """`squared_hinge`; `reduction`, `name`: see `Loss`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="squared_hinge"):
        super().__init__(_squared_hinge_of_labels, reduction, name)


class CategoricalHinge(LossFunctionWrapper):
    """`categorical_hinge`; `reduction`, `name`: see `Loss`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="categorical_hinge"):
        super().__init__(categorical_hinge, reduction, name)


class Poisson(LossFunctionWrapper):
    """`poisson`; `reduction`, `name`: see `Loss`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="poisson"):
        super().__init__(poisson, reduction, name)


class LogCosh(LossFunctionWrapper):
    """`logcosh`; `reduction`, `name`: see `Loss`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="logcosh"):
        super().__init__(logcosh, reduction, name)


class KLDivergence(LossFunctionWrapper):
    """`kullback_leibler_divergence`; `reduction`, `name`: see `Loss`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="kullback_leibler_divergence"):
        super().__init__(kullback_leibler_divergence, reduction, name)


class Huber(LossFunctionWrapper):
    """`huber_loss` with `delta` > 0; `reduction`, `name`: see `Loss`."""

    def __init__(self, delta=1.0, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="huber_loss"):
        super().__init__(huber_loss, reduction, name, delta=delta)


class CosineSimilarity(LossFunctionWrapper):
    """`cosine_proximity` (-1: same direction) along `axis`; `reduction`, `name`: see `Loss`."""

    def __init__(self, axis=-1, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="cosine_similarity"):
        super().__init__(cosine_proximity, reduction, name, axis=axis)


_FUNCTIONS = (
    mean_squared_error,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_logarithmic_error,
    squared_hinge,
    hinge,
    categorical_hinge,
    logcosh,
    huber_loss,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
    binary_crossentropy,
    kullback_leibler_divergence,
    poisson,
    cosine_proximity,
)
_CLASSES = (
    MeanSquaredError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    Hinge,
    SquaredHinge,
    CategoricalHinge,
    Poisson,
    LogCosh,
    KLDivergence,
    Huber,
    CosineSimilarity,
)
ALIASES = {
    "mse": mean_squared_error,
    "MSE": mean_squared_error,
    "mae": mean_absolute_error,
    "MAE": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "MAPE": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error,
    "MSLE": mean_squared_logarithmic_error,
    "kld": kullback_leibler_divergence,
    "KLD": kullback_leibler_divergence,
    "cosine": cosine_proximity,
    "cosine_similarity": cosine_proximity,
}
_REGISTRY = {**{x.__name__: x for x in _FUNCTIONS + _CLASSES}, **ALIASES}


def is_categorical_crossentropy(loss):
    """Whether a loss (name, function, object) is `categorical_crossentropy`."""
    return (
        loss is categorical_crossentropy
        or loss == "categorical_crossentropy"
        or isinstance(loss, CategoricalCrossentropy)
        or (isinstance(loss, LossFunctionWrapper) and loss.fn is categorical_crossentropy)
    )


def serialize(loss):
    """The name of a loss function, {'class_name': ..., 'config': ...} of a Loss."""
    return serialize_keras_object(loss)


def deserialize(name, custom_objects=None):
    """The loss that `serialize` described."""
    return deserialize_keras_object(
        name, module_objects=_REGISTRY, custom_objects=custom_objects, printable_module_name="loss function"
    )


def get(identifier):
    """The loss of a name, a config dict, None or any callable f(y_true, y_pred).

    Raises:
        ValueError: for anything else.
    """
    if identifier is None:
        return None
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if callable(identifier):
        return identifier
    raise ValueError(f"Could not interpret loss function identifier: received {identifier!r}.")

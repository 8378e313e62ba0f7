"""Metrics: functions as in Keras 2.2.4 and the stateful classes of 2.3."""

from __future__ import annotations

import sys

from kjax import losses
from kjax.engine.registry import register_room
from kjax.graph import op
from kjax.losses import (
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    cosine,
    cosine_proximity,
    hinge,
    kullback_leibler_divergence,
    logcosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from kjax.metric_base import Mean, MeanMetricWrapper, Metric, Reduce, Sum, divide_no_nan
from kjax.metric_confusion import (
    AUC,
    FalseNegatives,
    FalsePositives,
    MeanIoU,
    Precision,
    Recall,
    SensitivityAtSpecificity,
    SensitivitySpecificityBase,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from kjax.metric_functions import (
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    cosine_similarity,
    flat_labels,
    in_top_k,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
    top_labels,
)
from kjax.utils.generic_utils import deserialize_keras_object, serialize_keras_object


class Accuracy(MeanMetricWrapper):
    """Weighted share of elements where y_true == y_pred; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """Weighted mean of `binary_accuracy`; `name`, `dtype`: see `Metric`.

    Args:
        threshold: number, default 0.5; larger predictions mean 1.
    """

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """Weighted mean of `categorical_accuracy`; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Weighted mean of `sparse_categorical_accuracy`; `name`, `dtype`: see `Metric`."""

    sparse = True

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


def _top_k_hits(y_true, y_pred, k):
    return in_top_k(top_labels(y_true), y_pred, k)


def _sparse_top_k_hits(y_true, y_pred, k):
    return in_top_k(flat_labels(y_true, y_pred), y_pred, k)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Weighted share of samples whose class is among the k largest predictions; `name`, `dtype`: see `Metric`.

    Args:
        k: int, default 5.
    """

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(_top_k_hits, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """`TopKCategoricalAccuracy` for targets that are class numbers; `name`, `dtype`: see `Metric`.

    Args:
        k: int, default 5.
    """

    sparse = True

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None):
        super().__init__(_sparse_top_k_hits, name, dtype, k=k)


class MeanSquaredError(MeanMetricWrapper):
    """Weighted mean of `mean_squared_error`; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """Weighted mean of `mean_absolute_error`; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """Weighted mean of `mean_absolute_percentage_error`; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Weighted mean of `mean_squared_logarithmic_error`; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(mean_squared_logarithmic_error, name, dtype)


@op(rowwise=True)
def _square(y_true, y_pred):
    return (y_pred - y_true) ** 2


@op(rowwise=True)
def _root(x):
    return x**0.5


class RootMeanSquaredError(MeanMetricWrapper):
    """Root of the weighted mean of all squared errors; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(_square, name, dtype)

    def result(self):
        """The root."""
        return _root(divide_no_nan(self.total, self.count))


class CosineSimilarity(MeanMetricWrapper):
    """Weighted mean of `cosine_similarity`; `name`, `dtype`: see `Metric`.

    Args:
        axis: int, default the last.
    """

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)


class Hinge(MeanMetricWrapper):
    """Weighted mean of `hinge`; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="hinge", dtype=None):
        super().__init__(hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """Weighted mean of `squared_hinge`; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """Weighted mean of `categorical_hinge`; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """Weighted mean of `logcosh`; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(logcosh, name, dtype)


class Poisson(MeanMetricWrapper):
    """Weighted mean of `poisson`; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="poisson", dtype=None):
        super().__init__(poisson, name, dtype)


class KLDivergence(MeanMetricWrapper):
    """Weighted mean of `kullback_leibler_divergence`; `name`, `dtype`: see `Metric`."""

    def __init__(self, name="kullback_leibler_divergence", dtype=None):
        super().__init__(kullback_leibler_divergence, name, dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    """Weighted mean of `binary_crossentropy`; `name`, `dtype`: see `Metric`.

    Args:
        from_logits: bool.
        label_smoothing: number in [0, 1), default 0.
    """

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(MeanMetricWrapper):
    """Weighted mean of `categorical_crossentropy`; `name`, `dtype`: see `Metric`.

    Args:
        from_logits: bool.
        label_smoothing: number in [0, 1), default 0.
    """

    def __init__(self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(
            categorical_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Weighted mean of `sparse_categorical_crossentropy`; `name`, `dtype`: see `Metric`.

    Args:
        from_logits: bool.
        axis: int, where the predictions have their classes, default the last.
    """

    sparse = True

    def __init__(self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False, axis=-1):
        super().__init__(sparse_categorical_crossentropy, name, dtype, from_logits=from_logits, axis=axis)


_FUNCTIONS = (
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    top_k_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    cosine_similarity,
)
_CLASSES = (
    Metric,
    Reduce,
    Sum,
    Mean,
    MeanMetricWrapper,
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    TopKCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    MeanSquaredError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    RootMeanSquaredError,
    CosineSimilarity,
    Hinge,
    SquaredHinge,
    CategoricalHinge,
    LogCoshError,
    Poisson,
    KLDivergence,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    TruePositives,
    FalsePositives,
    TrueNegatives,
    FalseNegatives,
    Precision,
    Recall,
    SensitivitySpecificityBase,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    AUC,
    MeanIoU,
)
_REGISTRY = {
    **{fn.__name__: fn for fn in losses._FUNCTIONS},
    **losses.ALIASES,
    **{x.__name__: x for x in _FUNCTIONS + _CLASSES},
}
__all__ = [
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "clone_metric",
    "clone_metrics",
    "cosine",
    "cosine_proximity",
    "deserialize",
    "get",
    "mae",
    "mape",
    "mse",
    "msle",
    "serialize",
    *(name for name, x in _REGISTRY.items() if name == x.__name__ and name in globals()),
]


def clone_metric(metric):
    """A fresh metric of the same configuration; functions are given back as they are."""
    return type(metric).from_config(metric.get_config()) if isinstance(metric, Metric) else metric


def clone_metrics(metrics):
    """`clone_metric` of each in a list or dict."""
    if isinstance(metrics, dict):
        return {name: clone_metric(metric) for name, metric in metrics.items()}
    return [clone_metric(metric) for metric in metrics]


def serialize(metric):
    """The name of a metric function, {'class_name': ..., 'config': ...} of a Metric."""
    return serialize_keras_object(metric)


def deserialize(config, custom_objects=None):
    """The metric that `serialize` described."""
    return deserialize_keras_object(
        config, module_objects=_REGISTRY, custom_objects=custom_objects, printable_module_name="metric function"
    )


def get(identifier):
    """The metric of a name, a config dict or any callable f(y_true, y_pred).

    Raises:
        ValueError: for anything else.
    """
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if callable(identifier):
        return identifier
    raise ValueError(f"Could not interpret metric function identifier: received {identifier!r}.")


register_room("metrics", sys.modules[__name__])

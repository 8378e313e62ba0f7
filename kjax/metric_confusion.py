"""Stateful metrics made of the four counts of a confusion matrix, at one or many thresholds (from 2.3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.graph import op
from kjax.losses import _aligned
from kjax.metric_base import Metric, divide_no_nan, row_weighted

_NEGATIVE = -1e10  # stands for minus infinity: below every prediction, finite in arithmetic


@op(context=True, rowwise=True, name="confusion_counts")
def confusion_counts(ctx, y_true, y_pred, sample_weight, thresholds, top_k, class_id):
    """(true positives, false positives, true negatives, false negatives), each of shape (thresholds,)."""
    y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
    y_pred = y_pred.astype(jnp.promote_types(y_pred.dtype, jnp.float32))
    if top_k is not None:
        least = jax.lax.top_k(y_pred, top_k)[0][..., -1:]
        y_pred = jnp.where(y_pred >= least, y_pred, _NEGATIVE)
    if class_id is not None:
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
    weights = row_weighted(ctx, y_pred, sample_weight).reshape(-1)
    true = y_true.astype(bool).astype(y_pred.dtype).reshape(-1)
    positive = (y_pred.reshape(1, -1) > jnp.asarray(thresholds, y_pred.dtype)[:, None]).astype(y_pred.dtype)
    hits, alarms = positive @ (weights * true), positive @ (weights * (1 - true))
    return hits, alarms, jnp.sum(weights * (1 - true)) - alarms, jnp.sum(weights * true) - hits


class _ConfusionMetric(Metric):
    """A metric with some of the four counts, for each threshold."""

    counted: tuple[str, ...] = ()
    _ORDER = ("true_positives", "false_positives", "true_negatives", "false_negatives")

    def __init__(self, thresholds, name, dtype, top_k=None, class_id=None):
        super().__init__(name=name, dtype=dtype)
        self.thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        for count in self.counted:
            setattr(self, count, self.add_weight(count, shape=(len(thresholds),)))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true: 0 or 1.
            y_pred: numbers in [0, 1] of the same shape.
            sample_weight: None, or one weight per sample or element.
        """
        y_pred = y_pred if hasattr(y_pred, "shape") else np.asarray(y_pred)
        y_true = _aligned(y_true if hasattr(y_true, "shape") else np.asarray(y_true), y_pred)
        counts = confusion_counts(y_true, y_pred, sample_weight, tuple(self.thresholds), self.top_k, self.class_id)
        found = dict(zip(self._ORDER, counts, strict=True))
        return [K.update_add(getattr(self, name), K.cast(found[name], self.dtype)) for name in self.counted]


@op(name="only", rowwise=True)
def _only(x):
    return x[0]


def _thresholds(metric, thresholds, default=0.5) -> tuple[list[float], bool]:
    """The thresholds as a list, and whether one number stands for the metric."""
    alone = thresholds is None or not isinstance(thresholds, (list, tuple, np.ndarray))
    values = [default if thresholds is None else thresholds] if alone else list(thresholds)
    wrong = [t for t in values if t is None or (t != _NEGATIVE and not 0 <= t <= 1)]
    if wrong or not values:
        raise ValueError(f"{type(metric).__name__}: thresholds must be numbers in [0, 1], received {thresholds!r}.")
    return [float(t) for t in values], len(values) == 1


def _at_least_one(metric, name, value):
    if value is not None and (not isinstance(value, (int, np.integer)) or value < 1):
        raise ValueError(f"{type(metric).__name__}: {name} must be an integer >= 1 or None, received {value!r}.")
    return value


class _Count(_ConfusionMetric):
    def __init__(self, thresholds=None, name=None, dtype=None):
        self.init_thresholds = thresholds
        values, self._single = _thresholds(self, thresholds)
        super().__init__(values, name, dtype)

    def result(self):
        """The count, one number per threshold if there are several."""
        total = getattr(self, self.counted[0])
        return _only(total) if self._single else K.identity(total)

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """Weighted number of ones predicted above the threshold.

    Args:
        thresholds: number in [0, 1] or list of them, default 0.5.
        name, dtype: see `Metric`.
    """

    counted = ("true_positives",)


class FalsePositives(_Count):
    """Weighted number of zeros predicted above the threshold.

    Args:
        thresholds: number in [0, 1] or list of them, default 0.5.
        name, dtype: see `Metric`.
    """

    counted = ("false_positives",)


class TrueNegatives(_Count):
    """Weighted number of zeros predicted not above the threshold.

    Args:
        thresholds: number in [0, 1] or list of them, default 0.5.
        name, dtype: see `Metric`.
    """

    counted = ("true_negatives",)


class FalseNegatives(_Count):
    """Weighted number of ones predicted not above the threshold.

    Args:
        thresholds: number in [0, 1] or list of them, default 0.5.
        name, dtype: see `Metric`.
    """

    counted = ("false_negatives",)


class _Share(_ConfusionMetric):
    """First count / (first + second)."""

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        self.init_thresholds = thresholds
        values, self._single = _thresholds(self, thresholds, 0.5 if top_k is None else _NEGATIVE)
        super().__init__(values, name, dtype, _at_least_one(self, "top_k", top_k), class_id)

    def result(self):
        """The share, one number per threshold if there are several."""
        first, second = (getattr(self, name) for name in self.counted)
        share = divide_no_nan(first, first + second)
        return _only(share) if self._single else share

    def get_config(self):
        config = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **config}


class Precision(_Share):
    """True positives / all predicted positives.

    Args:
        thresholds: number in [0, 1] or list of them, default 0.5 (with `top_k`: every one of these counts).
        top_k: int; only the k largest predictions of a sample are positive.
        class_id: int; only this class counts.
        name, dtype: see `Metric`.
    """

    counted = ("true_positives", "false_positives")


class Recall(_Share):
    """True positives / all ones.

    Args:
        thresholds: number in [0, 1] or list of them, default 0.5 (with `top_k`: every one of these counts).
        top_k: int; only the k largest predictions of a sample are positive.
        class_id: int; only this class counts.
        name, dtype: see `Metric`.
    """

    counted = ("true_positives", "false_negatives")


def _spread(metric, num_thresholds, margin=0.0) -> list[float]:
    """Thresholds from 0 to 1 in equal steps, the ends moved outwards by `margin`."""
    if not isinstance(num_thresholds, (int, np.integer)) or num_thresholds < 1:
        raise ValueError(
            f"{type(metric).__name__}: num_thresholds must be an integer >= 1, received {num_thresholds!r}."
        )
    if num_thresholds == 1:
        return [0.5]
    inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
    return [0.0 - margin, *inner, 1.0 + margin]


@op(name="at_nearest", rowwise=True)
def _at_nearest(wanted, numerator, denominator, tp, fn):
    """tp / (tp + fn) at the threshold where numerator / (numerator + denominator) is nearest to `wanted`."""
    share = numerator / jnp.where(numerator + denominator == 0, 1, numerator + denominator)
    i = jnp.argmin(jnp.abs(share - wanted))
    return tp[i] / jnp.where(tp[i] + fn[i] == 0, 1, tp[i] + fn[i])


class SensitivitySpecificityBase(_ConfusionMetric):
    """Base of the metrics that look for the threshold nearest to a wanted sensitivity or specificity.

    Args:
        value: number in [0, 1].
        num_thresholds: int >= 1, default 200.
        name, dtype: see `Metric`.
    """

    counted = _ConfusionMetric._ORDER

    def __init__(self, value, num_thresholds=200, name=None, dtype=None):
        if not 0 <= value <= 1:
            raise ValueError(f"{type(self).__name__}: the wanted value must be in [0, 1], received {value!r}.")
        super().__init__(_spread(self, num_thresholds), name, dtype)
        self.value = value
        self.num_thresholds = num_thresholds

    def get_config(self):
        return {**super().get_config(), "num_thresholds": self.num_thresholds}


class SensitivityAtSpecificity(SensitivitySpecificityBase):
    """tp / (tp + fn) at the threshold whose tn / (tn + fp) is nearest to `specificity`.

    Args:
        specificity: number in [0, 1].
        num_thresholds: int >= 1, default 200.
        name, dtype: see `Metric`.
    """

    def __init__(self, specificity, num_thresholds=200, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, name, dtype)
        self.specificity = specificity

    def result(self):
        """The sensitivity."""
        negatives = (self.true_negatives, self.false_positives)
        return _at_nearest(self.specificity, *negatives, self.true_positives, self.false_negatives)

    def get_config(self):
        return {**super().get_config(), "specificity": self.specificity}


class SpecificityAtSensitivity(SensitivitySpecificityBase):
    """tn / (tn + fp) at the threshold whose tp / (tp + fn) is nearest to `sensitivity`.

    Args:
        sensitivity: number in [0, 1].
        num_thresholds: int >= 1, default 200.
        name, dtype: see `Metric`.
    """

    def __init__(self, sensitivity, num_thresholds=200, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, name, dtype)
        self.sensitivity = sensitivity

    def result(self):
        """The specificity."""
        positives = (self.true_positives, self.false_negatives)
        return _at_nearest(self.sensitivity, *positives, self.true_negatives, self.false_positives)

    def get_config(self):
        return {**super().get_config(), "sensitivity": self.sensitivity}


def _ratio(a, b):
    return jnp.where(b == 0, 0.0, a / jnp.where(b == 0, 1.0, b))


@op(name="area", rowwise=True)
def _area(tp, fp, tn, fn, curve, method):
    """The area under the points of all thresholds, from the highest x down."""
    recall = _ratio(tp, tp + fn)
    x, y = (_ratio(fp, fp + tn), recall) if curve == "ROC" else (recall, _ratio(tp, tp + fp))
    heights = {
        "interpolation": (y[:-1] + y[1:]) / 2.0,
        "minoring": jnp.minimum(y[:-1], y[1:]),
        "majoring": jnp.maximum(y[:-1], y[1:]),
    }[method]
    return jnp.sum((x[:-1] - x[1:]) * heights)


@op(name="interpolated_area", rowwise=True)
def _interpolated_pr_area(tp, fp, fn):
    """The area under precision over recall, with the counts (not the precision) linear between two thresholds.

    Reference: Davis and Goadrich, The Relationship Between Precision-Recall and ROC Curves, 2006.
    """
    positives = tp + fp
    steps = tp[:-1] - tp[1:]
    slope = _ratio(steps, jnp.maximum(positives[:-1] - positives[1:], 0))
    intercept = tp[1:] - slope * positives[1:]
    both = (positives[:-1] > 0) & (positives[1:] > 0)
    ratio = jnp.where(both, _ratio(positives[:-1], jnp.maximum(positives[1:], 0)), 1.0)
    return jnp.sum(_ratio(slope * (steps + intercept * jnp.log(ratio)), jnp.maximum(tp[1:] + fn[1:], 0)))


class AUC(_ConfusionMetric):
    """Area under the ROC or the precision-recall curve, from the counts at fixed thresholds.

    Args:
        num_thresholds: int > 1, default 200; ignored when `thresholds` is given.
        curve: 'ROC' or 'PR'.
        summation_method: 'interpolation', 'minoring' or 'majoring'.
        name, dtype: see `Metric`.
        thresholds: list of numbers in [0, 1]; the ends 0 and 1 are added.
    """

    counted = _ConfusionMetric._ORDER

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
    ):
        if curve not in ("ROC", "PR"):
            raise ValueError(f"AUC: curve must be 'ROC' or 'PR', received {curve!r}.")
        if summation_method not in ("interpolation", "minoring", "majoring"):
            raise ValueError(
                "AUC: summation_method must be 'interpolation', 'minoring' or 'majoring', received "
                f"{summation_method!r}."
            )
        if thresholds is None:
            if isinstance(num_thresholds, (int, np.integer)) and num_thresholds <= 1:
                raise ValueError(f"AUC: num_thresholds must be > 1, received {num_thresholds!r}.")
            values = _spread(self, num_thresholds, K.epsilon())
        else:
            values = [0.0 - K.epsilon(), *sorted(_thresholds(self, list(thresholds))[0]), 1.0 + K.epsilon()]
        super().__init__(values, name, dtype)
        self.num_thresholds = len(values)
        self.curve = curve
        self.summation_method = summation_method
        self.init_thresholds = thresholds

    def interpolate_pr_auc(self):
        """The area under the PR curve, interpolated between thresholds."""
        return _interpolated_pr_area(self.true_positives, self.false_positives, self.false_negatives)

    def result(self):
        """The area."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        counts = (getattr(self, name) for name in self.counted)
        return _area(*counts, self.curve, self.summation_method)

    def get_config(self):
        config = {"curve": self.curve, "summation_method": self.summation_method}
        if self.init_thresholds is None:
            return {**super().get_config(), "num_thresholds": self.num_thresholds, **config}
        return {**super().get_config(), "thresholds": list(self.init_thresholds), **config}


@op(context=True, rowwise=True)
def _confusion_matrix(ctx, y_true, y_pred, sample_weight, size):
    """matrix[i, j]: the weight of elements of class i predicted as j."""
    y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
    weights = row_weighted(ctx, jnp.ones(y_true.shape, jnp.result_type(float)), sample_weight).reshape(-1)
    one_hot = [jax.nn.one_hot(y.reshape(-1).astype(jnp.int32), size) for y in (y_true, y_pred)]
    return one_hot[0].T @ (one_hot[1] * weights[:, None])


@op(name="mean_iou", rowwise=True)
def _mean_iou(matrix):
    hits = jnp.diagonal(matrix)
    union = jnp.sum(matrix, 0) + jnp.sum(matrix, 1) - hits
    return _ratio(jnp.sum(_ratio(hits, union)), jnp.sum(union != 0).astype(matrix.dtype))


class MeanIoU(Metric):
    """Mean over the classes that occur of true positives / (true positives + false positives + false negatives).

    Args:
        num_classes: int; targets and predictions are class numbers below it.
        name, dtype: see `Metric`.
    """

    def __init__(self, num_classes, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.num_classes = _at_least_one(self, "num_classes", num_classes)
        self.total_cm = self.add_weight("total_confusion_matrix", shape=(num_classes, num_classes))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true, y_pred: class numbers, of the same shape.
            sample_weight: None, or one weight per element.
        """
        matrix = _confusion_matrix(y_true, y_pred, sample_weight, self.num_classes)
        return [K.update_add(self.total_cm, K.cast(matrix, self.dtype))]

    def result(self):
        """The mean over classes."""
        return _mean_iou(self.total_cm)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}

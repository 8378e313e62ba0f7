"""`keras.utils.metrics_utils` of 2.3: what its metrics are made of."""

from __future__ import annotations

import enum
import functools

import jax
import jax.numpy as jnp

from kjax import backend as K
from kjax.backend.decorators import symbolic
from kjax.engine.base_layer import to_list
from kjax.graph import op
from kjax.metric_confusion import confusion_counts

__all__ = [
    "AUCCurve",
    "AUCSummationMethod",
    "ConfusionMatrix",
    "Reduction",
    "assert_thresholds_range",
    "filter_top_k",
    "parse_init_thresholds",
    "result_wrapper",
    "to_list",
    "update_confusion_matrix_variables",
    "update_state_wrapper",
    "weighted_assign_add",
]


class Reduction:
    """What a metric makes of the numbers it has seen."""

    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    WEIGHTED_MEAN = "weighted_mean"


class ConfusionMatrix(enum.Enum):
    """The four counts."""

    TRUE_POSITIVES = "tp"
    FALSE_POSITIVES = "fp"
    TRUE_NEGATIVES = "tn"
    FALSE_NEGATIVES = "fn"


class AUCCurve(enum.Enum):
    """Which curve an area is under."""

    ROC = "ROC"
    PR = "PR"

    @staticmethod
    def from_str(key):
        """The member of a name, in upper or lower case."""
        return _member(AUCCurve, key, {"roc": AUCCurve.ROC, "pr": AUCCurve.PR})


class AUCSummationMethod(enum.Enum):
    """How an area is summed up."""

    INTERPOLATION = "interpolation"
    MAJORING = "majoring"
    MINORING = "minoring"

    @staticmethod
    def from_str(key):
        """The member of a name, in lower case or capitalized."""
        return _member(AUCSummationMethod, key, {m.value: m for m in AUCSummationMethod})


def _member(kind, key, names):
    found = names.get(key.lower()) if isinstance(key, str) else None
    if found is None:
        raise ValueError(f"{kind.__name__}: the name must be one of {sorted(names)}; got {key!r}.")
    return found


def assert_thresholds_range(thresholds):
    """ValueError unless all thresholds (None: there are none) are within [0, 1]."""
    wrong = [t for t in thresholds or () if t is None or not 0 <= t <= 1]
    if wrong:
        raise ValueError(f"thresholds must be within [0, 1]; got {wrong}.")


def parse_init_thresholds(thresholds, default_threshold=0.5):
    """A list of checked thresholds; None stands for the default."""
    assert_thresholds_range(None if thresholds is None else to_list(thresholds))
    return to_list(default_threshold if thresholds is None else thresholds)


@op(rowwise=True)
def filter_top_k(x, k):
    """x with all but the k largest numbers of its last axis replaced by -1e10."""
    least = jax.lax.top_k(x, k)[0][..., -1:]
    return jnp.where(x >= least, x, -1e10)


def weighted_assign_add(label, pred, weights, var):
    """The update by which `var` grows by the weights of where both are true, summed over the last axis.

    Args:
        label, pred: bool tensors.
        weights: tensor of their shape, or None for ones.
        var: Variable of the shape of the sum.
    """
    both = K.cast(K.cast(label, K.dtype(var)) * K.cast(pred, K.dtype(var)), K.dtype(var))
    return K.update_add(var, K.sum(both if weights is None else both * weights, axis=-1))


def update_confusion_matrix_variables(
    variables_to_update, y_true, y_pred, thresholds=0.5, top_k=None, class_id=None, sample_weight=None
):
    """The updates by which variables grow by the counts of a batch.

    Args:
        variables_to_update: dict ConfusionMatrix -> Variable (thresholds,).
        y_true: 0 or 1.
        y_pred: numbers in [0, 1] of the same shape.
        thresholds: number or list of them.
        top_k: None, or only the k largest predictions of a sample count as positive.
        class_id: None, or the index along the last axis that counts alone.
        sample_weight: None, or one weight per sample or element.
    """
    if not variables_to_update:
        return []
    unknown = [key for key in variables_to_update if not isinstance(key, ConfusionMatrix)]
    if unknown:
        raise ValueError(
            f"update_confusion_matrix_variables: the keys must be of ConfusionMatrix; got {list(variables_to_update)}."
        )
    counts = confusion_counts(y_true, y_pred, sample_weight, tuple(to_list(thresholds)), top_k, class_id)
    order = (
        ConfusionMatrix.TRUE_POSITIVES,
        ConfusionMatrix.FALSE_POSITIVES,
        ConfusionMatrix.TRUE_NEGATIVES,
        ConfusionMatrix.FALSE_NEGATIVES,
    )
    found = dict(zip(order, counts, strict=True))
    return [K.update_add(v, K.cast(found[key], K.dtype(v))) for key, v in variables_to_update.items()]


def update_state_wrapper(update_state_fn):
    """Decorator of a metric's `update_state`: its updates become the metric's."""

    @functools.wraps(update_state_fn)
    @symbolic
    def decorated(metric_obj, *args, **kwargs):
        updates = update_state_fn(*args, **kwargs)
        metric_obj.add_update(updates)
        return updates

    return decorated


def result_wrapper(result_fn):
    """Decorator of a metric's `result`: the tensor knows its metric."""

    @functools.wraps(result_fn)
    @symbolic
    def decorated(metric_obj, *args, **kwargs):
        result = K.identity(result_fn(*args, **kwargs))
        result._metric_obj = metric_obj
        return result

    return decorated

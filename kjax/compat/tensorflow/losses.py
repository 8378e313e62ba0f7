"""`tf.losses`: losses with weights and a reduction."""

from __future__ import annotations

from kjax import backend as K
from kjax.backend.operation import as_array, tensor_op
from kjax.compat.tensorflow.nn import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from kjax.compat.tensorflow.tensors import held, value_of

_collected: list = []


class Reduction:
    """How the losses of elements become one."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls):
        return (cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_BY_NONZERO_WEIGHTS)

    @classmethod
    def validate(cls, key):
        if key not in cls.all():
            raise ValueError(f"reduction must be one of {', '.join(cls.all())}; got {key!r}.")


@tensor_op(name="weighted_loss")
def _reduced(losses, weights, reduction):
    losses, weights = as_array(losses), as_array(weights).astype(losses.dtype)
    if weights.ndim and weights.ndim < losses.ndim:
        weights = weights.reshape(weights.shape + (1,) * (losses.ndim - weights.ndim))
    weighted = losses * weights
    if reduction == Reduction.NONE:
        return weighted
    total = weighted.sum()
    if reduction == Reduction.SUM:
        return total
    if reduction == Reduction.SUM_OVER_BATCH_SIZE:
        return total / losses.size
    spread = weights + losses * 0 if weights.shape != losses.shape else weights
    count = spread.sum() if reduction == Reduction.MEAN else (spread != 0).sum().astype(losses.dtype)
    return _safe(total, count)


def _safe(total, count):
    return total / (count + (count == 0)) * (count != 0)


def compute_weighted_loss(
    losses, weights=1.0, scope=None, loss_collection="losses", reduction=Reduction.SUM_BY_NONZERO_WEIGHTS
):
    """The losses times the weights, reduced; kept for `get_losses`."""
    Reduction.validate(reduction)
    result = held(_reduced(held(value_of(losses)), value_of(weights), reduction))
    if loss_collection is not None:
        _collected.append(result)
    return result


def add_loss(loss, loss_collection="losses"):
    """Keeps a loss for `get_losses`."""
    _collected.append(loss)


def get_losses(scope=None, loss_collection="losses"):
    """The losses made so far, a list."""
    return list(_collected)


def get_total_loss(add_regularization_losses=True, name="total_loss"):
    """The sum of the losses made so far."""
    total, *rest = _collected
    for loss in rest:
        total = total + loss
    return total


def get_regularization_losses(scope=None):
    """The regularisation losses, a list: those of Keras layers are in `model.losses`."""
    return []


def forget() -> None:
    """Drops the losses made so far."""
    _collected.clear()


def _like(labels, predictions):
    predictions = held(value_of(predictions))
    return K.cast(held(value_of(labels)), str(predictions.dtype)), predictions


def _loss(name, element, doc):
    def function(
        labels,
        predictions,
        weights=1.0,
        scope=None,
        loss_collection="losses",
        reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
    ):
        found = element(*_like(labels, predictions))
        return compute_weighted_loss(found, weights, scope, loss_collection, reduction)

    function.__name__, function.__doc__ = name, doc
    return function


mean_squared_error = _loss("mean_squared_error", lambda y, p: K.square(p - y), "(predictions - labels)^2, reduced.")
absolute_difference = _loss("absolute_difference", lambda y, p: K.abs(p - y), "|predictions - labels|, reduced.")


def huber_loss(
    labels,
    predictions,
    weights=1.0,
    delta=1.0,
    scope=None,
    loss_collection="losses",
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """d^2 / 2 for |d| <= delta, else delta |d| - delta^2 / 2, reduced."""
    y, p = _like(labels, predictions)
    error = K.abs(p - y)
    near = K.minimum(error, delta)
    found = 0.5 * near * near + delta * (error - near)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def log_loss(
    labels,
    predictions,
    weights=1.0,
    epsilon=1e-7,
    scope=None,
    loss_collection="losses",
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """-labels log(p + epsilon) - (1 - labels) log(1 - p + epsilon), reduced."""
    y, p = _like(labels, predictions)
    found = -(y * K.log(p + epsilon)) - (1 - y) * K.log(1 - p + epsilon)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def hinge_loss(
    labels,
    logits,
    weights=1.0,
    scope=None,
    loss_collection="losses",
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """max(1 - (2 labels - 1) logits, 0), reduced."""
    y, x = _like(labels, logits)
    return compute_weighted_loss(K.relu(1 - (2 * y - 1) * x), weights, scope, loss_collection, reduction)


def cosine_distance(
    labels,
    predictions,
    axis=None,
    weights=1.0,
    scope=None,
    loss_collection="losses",
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
    dim=None,
):
    """1 - sum(labels predictions) along an axis, reduced; both must be of unit length."""
    y, p = _like(labels, predictions)
    found = 1 - K.sum(y * p, dim if axis is None else axis, keepdims=True)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def sigmoid_cross_entropy(
    multi_class_labels,
    logits,
    weights=1.0,
    label_smoothing=0,
    scope=None,
    loss_collection="losses",
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """The sigmoid crossentropy, reduced."""
    y, x = _like(multi_class_labels, logits)
    if label_smoothing:
        y = y * (1 - label_smoothing) + 0.5 * label_smoothing
    found = sigmoid_cross_entropy_with_logits(labels=y, logits=x)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels,
    logits,
    weights=1.0,
    label_smoothing=0,
    scope=None,
    loss_collection="losses",
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """The softmax crossentropy along the last axis, reduced."""
    y, x = _like(onehot_labels, logits)
    if label_smoothing:
        y = y * (1 - label_smoothing) + label_smoothing / int(x.shape[-1])
    found = softmax_cross_entropy_with_logits(labels=K.stop_gradient(y), logits=x)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels,
    logits,
    weights=1.0,
    scope=None,
    loss_collection="losses",
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """The softmax crossentropy of class numbers, reduced."""
    labels, logits = held(value_of(labels)), held(value_of(logits))
    if len(labels.shape) == len(logits.shape):
        labels = K.squeeze(labels, -1)
    found = sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    weights = held(value_of(weights))
    if len(weights.shape) == len(found.shape) + 1:
        weights = K.squeeze(weights, -1)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def mean_pairwise_squared_error(labels, predictions, weights=1.0, scope=None, loss_collection="losses"):
    """The mean over pairs of elements of a row of ((d_i - d_j)^2) with d = predictions - labels."""
    y, p = _like(labels, predictions)
    found = held(_pairwise(y, p))
    weights = held(value_of(weights))
    return compute_weighted_loss(found, weights, scope, loss_collection)


@tensor_op(name="mean_pairwise_squared_error", rowwise=True)
def _pairwise(y, p):
    d = as_array(p) - as_array(y)
    d = d.reshape(d.shape[0], -1)
    n = d.shape[1]
    pairs = max(n - 1, 1)
    return 2 * (d * d).sum(1) / pairs - 2 * d.sum(1) ** 2 / (n * pairs)

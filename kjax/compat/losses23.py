"""`keras.utils.losses_utils` of 2.3: weights and reductions of losses."""

from __future__ import annotations

from kjax import backend as K
from kjax.losses import Reduction


def squeeze_or_expand_dimensions(y_pred, y_true=None, sample_weight=None):
    """The three with ranks that fit: a last axis of length 1 that one has too much goes, one that is missing comes.

    Args:
        y_pred, y_true, sample_weight: tensors; the last two may be None.

    Returns:
        (y_pred, y_true), and sample_weight where it is given.
    """
    if y_true is not None:
        extra = K.ndim(y_pred) - K.ndim(y_true)
        if extra == 1 and K.int_shape(y_pred)[-1] == 1:
            y_pred = K.squeeze(y_pred, -1)
        elif extra == -1 and K.int_shape(y_true)[-1] == 1:
            y_true = K.squeeze(y_true, -1)
    if sample_weight is None:
        return y_pred, y_true
    if K.ndim(sample_weight) == 0:
        return y_pred, y_true, sample_weight
    extra = K.ndim(sample_weight) - K.ndim(y_pred)
    if extra == 1:
        sample_weight = K.squeeze(sample_weight, -1)
    elif extra == -1:
        sample_weight = K.expand_dims(sample_weight, -1)
    return y_pred, y_true, sample_weight


def broadcast_weights(values, sample_weight):
    """The weights with the shape of the values: spread over the axes they lack or have with length 1."""
    shape, weights = K.int_shape(values), K.int_shape(sample_weight)
    if len(weights) > len(shape) or any(
        n not in (1, None, m) and m is not None for m, n in zip(shape, weights, strict=False)
    ):
        raise ValueError(f"broadcast_weights: sample_weight of shape {weights} does not fit values of shape {shape}.")
    for _ in range(len(shape) - len(weights) if weights else 0):
        sample_weight = K.expand_dims(sample_weight, -1)
    return K.ones_like(values) * sample_weight


def reduce_weighted_loss(weighted_losses, reduction=Reduction.SUM_OVER_BATCH_SIZE):
    """The losses as they are ('none'), their sum, or their mean ('sum_over_batch_size')."""
    Reduction.validate(reduction)
    if reduction == Reduction.NONE:
        return weighted_losses
    return K.sum(weighted_losses) if reduction == Reduction.SUM else K.mean(weighted_losses)


def compute_weighted_loss(losses, sample_weight=None, reduction=Reduction.SUM_OVER_BATCH_SIZE, name=None):
    """Losses times weights, reduced.

    Args:
        losses: tensor.
        sample_weight: None, a number, or a tensor of the shape of `losses` or of its leading axes.
        reduction: as for `Loss`.
        name: ignored.
    """
    if sample_weight is not None:
        losses, _, sample_weight = squeeze_or_expand_dimensions(losses, None, sample_weight)
        losses = losses * K.cast(broadcast_weights(losses, sample_weight), K.dtype(losses))
    return reduce_weighted_loss(losses, reduction)

"""Keras 1's metrics of whole batches; Keras 2 dropped them: a mean over batches is not the epoch's value."""

from __future__ import annotations

from kjax import backend as K


def _count(x):
    """How many elements round to 1."""
    return K.sum(K.round(K.clip(x, 0, 1)))


def precision(y_true, y_pred):
    """Of what is predicted, how much is true: true positives / predicted positives, over the batch."""
    return _count(y_true * y_pred) / (_count(y_pred) + K.epsilon())


def recall(y_true, y_pred):
    """Of what is true, how much is predicted: true positives / positives, over the batch."""
    return _count(y_true * y_pred) / (_count(y_true) + K.epsilon())


def fbeta_score(y_true, y_pred, beta=1):
    """(1 + b^2) p r / (b^2 p + r) of precision p and recall r; 0 for a batch without positives.

    Args:
        beta: number >= 0, the weight of recall against precision.
    """
    if beta < 0:
        raise ValueError(f"fbeta_score: beta must be >= 0; got {beta!r}.")
    p, r, square = precision(y_true, y_pred), recall(y_true, y_pred), beta**2
    return (1 + square) * (p * r) / (square * p + r + K.epsilon())


def fmeasure(y_true, y_pred):
    """The harmonic mean of precision and recall, over the batch."""
    return fbeta_score(y_true, y_pred, beta=1)


def matthews_correlation(y_true, y_pred):
    """(tp tn - fp fn) / sqrt((tp + fp)(tp + fn)(tn + fp)(tn + fn)), over the batch."""
    predicted, true = K.round(K.clip(y_pred, 0, 1)), K.round(K.clip(y_true, 0, 1))
    tp, tn = K.sum(true * predicted), K.sum((1 - true) * (1 - predicted))
    fp, fn = K.sum((1 - true) * predicted), K.sum(true * (1 - predicted))
    scale = K.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn - fp * fn) / (scale + K.epsilon())


fscore = f1score = fmeasure

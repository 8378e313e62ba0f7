"""Metric functions: one number per sample; the top-k ones give one number for the whole batch, as in Keras 2.2.4."""

from __future__ import annotations

import jax.numpy as jnp

from kjax.graph import op
from kjax.losses import _cosine


def _per_row(tensors, args, kwargs):
    """Row by row, as long as the last axis, over which a metric reduces, is not the batch itself."""
    return all(len(t.shape) > 1 for t in tensors)


def _float(hits):
    return hits.astype(jnp.result_type(float))


@op(rowwise=_per_row)
def _binary_accuracy(y_true, y_pred, threshold):
    y_pred = jnp.asarray(y_pred)
    # rounding and comparing differ outside of [0, 1] only
    predicted = jnp.round(y_pred) if threshold == 0.5 else (y_pred > threshold).astype(y_pred.dtype)
    return jnp.mean(_float(jnp.asarray(y_true) == predicted), axis=-1)


@op(rowwise=_per_row)
def _categorical_accuracy(y_true, y_pred):
    return _float(jnp.argmax(y_true, axis=-1) == jnp.argmax(y_pred, axis=-1))


def _labels(y_true, y_pred):
    """Class numbers of the rank of y_pred without its last axis."""
    y_true = jnp.asarray(y_true)
    return (y_true[..., 0] if y_true.ndim == jnp.ndim(y_pred) else y_true).astype(jnp.int32)


@op(rowwise=lambda tensors, args, kwargs: len(args[1].shape) > 1)
def _sparse_categorical_accuracy(y_true, y_pred):
    return _float(_labels(y_true, y_pred) == jnp.argmax(y_pred, axis=-1))


@op(rowwise=lambda tensors, args, kwargs: len(args[1].shape) > 1)
def in_top_k(labels, y_pred, k):
    """1 where the prediction of the true class is finite and fewer than k others are larger, else 0."""
    y_pred = jnp.asarray(y_pred)
    chosen = jnp.take_along_axis(y_pred, labels[..., None], axis=-1)
    larger = jnp.sum(y_pred > chosen, axis=-1)
    return _float((larger < k) & jnp.isfinite(chosen[..., 0]))


@op(rowwise=True)
def top_labels(y_true):
    """The true classes of one-hot rows."""
    return jnp.argmax(y_true, axis=-1).astype(jnp.int32)


@op(rowwise=True)
def flat_labels(y_true, y_pred):
    """The true classes as the integers they are."""
    return _labels(y_true, y_pred)


@op(context=True, rowwise=True)
def _mean_over_rows(ctx, values):
    """The mean over everything but rows that only pad the batch."""
    if ctx.rows is None:
        return jnp.mean(values)
    weights = jnp.broadcast_to(ctx.row_weights(values), values.shape)
    return jnp.sum(values * weights) / jnp.sum(weights)


@op(rowwise=_per_row)
def _accuracy(y_true, y_pred):
    return _float(jnp.asarray(y_true) == jnp.asarray(y_pred))


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """mean(y_true == round(y_pred)) over the last axis.

    Args:
        y_true: 0 or 1.
        y_pred: numbers.
        threshold: number; another one than 0.5 compares y_pred > threshold instead of rounding (from 2.3).
    """
    return _binary_accuracy(y_true, y_pred, threshold)


def categorical_accuracy(y_true, y_pred):
    """argmax(y_true) == argmax(y_pred) along the last axis."""
    return _categorical_accuracy(y_true, y_pred)


def sparse_categorical_accuracy(y_true, y_pred):
    """y_true == argmax(y_pred) along the last axis; y_true may have a last axis of length 1."""
    return _sparse_categorical_accuracy(y_true, y_pred)


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """How often the class of a one-hot row is among the k largest predictions; one number for the whole batch."""
    return _mean_over_rows(in_top_k(top_labels(y_true), y_pred, k))


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5):
    """How often the class y_true is among the k largest predictions; one number for the whole batch."""
    return _mean_over_rows(in_top_k(flat_labels(y_true, y_pred), y_pred, k))


def accuracy(y_true, y_pred):
    """y_true == y_pred, for each element (from 2.3)."""
    return _accuracy(y_true, y_pred)


def cosine_similarity(y_true, y_pred, axis=-1):
    """sum(y_true / |y_true| * y_pred / |y_pred|) along `axis` (from 2.3; `cosine_proximity` has the opposite sign)."""
    return _cosine(y_true, y_pred, axis)

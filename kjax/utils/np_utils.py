"""One-hot labels and vector norms, in NumPy."""

from __future__ import annotations

import warnings

import numpy as np


def to_categorical(y, num_classes=None, dtype="float32"):
    """One-hot rows: `out[..., y[...]] = 1`.

    Args:
        y: integer labels; shape (...) or (..., 1). A negative one counts from the end.
        num_classes: length of a row, default `max(y) + 1`.
        dtype: of the result.

    Output shape: y's, without a last axis of 1, followed by (num_classes,).
    Differs: warns where a negative and another label fall together.
    """
    try:
        y = np.array(y, dtype="int")
    except (TypeError, ValueError):
        raise TypeError(f"to_categorical: y must hold integer labels from 0; received {y!r:.200}") from None
    shape = y.shape
    if len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    labels = y.ravel()
    if not num_classes:
        if not labels.size:
            raise ValueError(f"to_categorical: y is empty, so num_classes must be given; received shape {y.shape}")
        num_classes = int(labels.max()) + 1
    if labels.size and (labels.min() < -num_classes or labels.max() >= num_classes):
        raise ValueError(
            f"to_categorical: y must hold labels from 0 to num_classes - 1 = {num_classes - 1} (or from {-num_classes} "
            f"to -1, counted from the end); received labels from {labels.min()} to {labels.max()}"
        )
    joined = np.intersect1d(labels[labels < 0] + num_classes, labels)
    if joined.size:
        warnings.warn(
            f"to_categorical: negative labels count from the end, so {joined[0] - num_classes} and {joined[0]} are one "
            f"class of {num_classes}; for labels -1 and 1 give (y + 1) // 2.",
            UserWarning,
            stacklevel=2,
        )
    rows = np.zeros((labels.size, num_classes), dtype=dtype)
    rows[np.arange(labels.size), labels] = 1
    return rows.reshape(shape + (num_classes,))


def normalize(x, axis=-1, order=2):
    """x / ||x||_order along `axis`; a zero vector stays zero.

    Args:
        x: array.
        axis: along which the norm is taken, default the last.
        order: of the norm, as in numpy.linalg.norm.
    """
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)

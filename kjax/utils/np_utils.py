"""One-hot labels and vector norms, in NumPy."""

from __future__ import annotations

import numpy as np


def to_categorical(y, num_classes=None, dtype="float32"):
    """One-hot rows: `out[..., y[...]] = 1`.

    Args:
        y: integer labels from 0; shape (...) or (..., 1).
        num_classes: length of a row, default `max(y) + 1`.
        dtype: of the result.

    Output shape: y's, without a last axis of 1, followed by (num_classes,).
    Differs: a negative label is an error (2.2.4 counts it from the end).
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
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"to_categorical: y must hold labels from 0 to num_classes - 1 = {num_classes - 1}; "
            f"received labels from {labels.min()} to {labels.max()}"
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

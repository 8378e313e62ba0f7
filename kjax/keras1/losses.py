"""Losses that older Keras versions computed otherwise, under names of their own."""

from __future__ import annotations

from kjax import backend as K


def mean_cosine_proximity(y_true, y_pred):
    """-mean(y_true / |y_true| * y_pred / |y_pred|) over the last axis: `cosine_proximity` before Keras 2.0.9.

    From 2.0.9 on that name means the sum. Verified with Keras 1.1.0, 1.2.2, 2.0.0, 2.0.8 and 2.0.9.
    """
    return -K.mean(K.l2_normalize(y_true, axis=-1) * K.l2_normalize(y_pred, axis=-1), axis=-1)

"""Regularizers of Keras 1 that Keras 2 dropped or renamed."""

from __future__ import annotations

from kjax import backend as K
from kjax.regularizers import L1L2, Regularizer


def l1l2(l1=0.01, l2=0.01):
    """Keras 1's `l1_l2`."""
    return L1L2(l1=l1, l2=l2)


def activity_l1(l=0.01):
    """Keras 1's `l1` for outputs."""
    return L1L2(l1=l)


def activity_l2(l=0.01):
    """Keras 1's `l2` for outputs."""
    return L1L2(l2=l)


class EigenvalueRegularizer(Regularizer):
    """k sqrt(largest eigenvalue of W^T W), the eigenvalue by nine steps of the power method.

    Args:
        k: number, the factor.
    """

    def __init__(self, k):
        self.k = k

    def __call__(self, x):
        if K.ndim(x) > 2:
            raise ValueError(f"EigenvalueRegularizer: the weight must have rank 2; got rank {K.ndim(x)}.")
        covariance = K.dot(K.transpose(x), x)
        vector = K.ones((int(K.int_shape(x)[-1]), 1))
        for _ in range(9):
            vector = K.dot(covariance, vector)
        eigenvalue = K.sum(K.dot(covariance, vector) * vector) / K.sum(vector * vector)
        return K.sqrt(eigenvalue) * self.k

    def get_config(self):
        return {"k": self.k}

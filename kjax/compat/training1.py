"""Helpers that Keras keeps beside its training loops and that code in the wild imports."""

from __future__ import annotations

import numpy as np

from kjax import backend as K


def make_batches(size, batch_size):
    """(start, end) of every batch of `batch_size` rows; the last may be shorter."""
    return [(start, min(size, start + batch_size)) for start in range(0, size, batch_size)]


def batch_shuffle(index_array, batch_size):
    """The indices with whole batches in random order; those behind the last whole batch stay at the end."""
    whole = len(index_array) // batch_size * batch_size
    batches = np.array(index_array[:whole]).reshape(-1, batch_size)
    # the global generator on purpose: numpy.random.seed() in a script fixes it
    np.random.shuffle(batches)
    return np.append(batches.ravel(), index_array[whole:])


def check_array_length_consistency(inputs, targets, weights=None):
    """ValueError unless all arrays have the same number of rows.

    Args:
        inputs, targets, weights: lists of arrays or None.
    """
    lengths = {
        kind: sorted({len(x) for x in arrays if x is not None})
        for kind, arrays in (("inputs", inputs), ("targets", targets), ("sample weights", weights))
        if arrays is not None
    }
    if len({n for found in lengths.values() for n in found}) > 1:
        found = ", ".join(f"{kind} with {' and '.join(map(str, n))} rows" for kind, n in lengths.items() if n)
        raise ValueError(f"All arrays must have the same number of rows; got {found}.")


def iter_sequence_infinite(seq):
    """The items of a `Sequence`, over and over."""
    while True:
        yield from (seq[i] for i in range(len(seq)))


def weighted_masked_objective(fn):
    """A loss function as training uses it: `f(y_true, y_pred, weights, mask=None)`, one number for the batch."""
    if fn is None:
        return None

    def weighted(y_true, y_pred, weights, mask=None):
        score = fn(y_true, y_pred)
        if mask is not None:
            mask = K.cast(mask, K.floatx())
            score = score * mask / K.mean(mask)
        if weights is not None:
            inner = list(range(K.ndim(weights), K.ndim(score)))
            score = (K.mean(score, axis=inner) if inner else score) * weights
            score = score / K.mean(K.cast(K.not_equal(weights, 0), K.floatx()))
        return K.mean(score)

    return weighted

"""Connectionist temporal classification: loss and decoding. The blank is the last class."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from kjax.backend.config import epsilon
from kjax.backend.operation import as_array, in_floatx, tensor_op
from kjax.graph import symbolic_leaves

__all__ = ["SparseLabels", "ctc_batch_cost", "ctc_decode", "ctc_label_dense_to_sparse"]


@tensor_op(name="ctc_batch_cost", rowwise=True)
@functools.partial(jax.jit, static_argnums=4)
def _cost(y_true, y_pred, input_length, label_length, epsilon):
    y_true, y_pred = as_array(y_true).astype(jnp.int32), as_array(y_pred)
    logits = jnp.log(y_pred + epsilon)

    def beyond(length, size):
        return (jnp.arange(size)[None, :] >= as_array(length).reshape(-1, 1)).astype(logits.dtype)

    loss = optax.ctc_loss(
        logits,
        beyond(input_length, logits.shape[1]),
        y_true,
        beyond(label_length, y_true.shape[1]),
        blank_id=logits.shape[2] - 1,
    )
    return jnp.where(as_array(input_length).reshape(-1) < _steps_needed(y_true, label_length), jnp.inf, loss)[:, None]


def _steps_needed(labels, label_length):
    """The fewest time steps for the labels of each row: one each, and a blank between equal ones."""
    length = as_array(label_length).reshape(-1)
    inner = jnp.arange(1, labels.shape[1])[None, :] < length[:, None]
    return length + jnp.sum(inner & (labels[:, 1:] == labels[:, :-1]), axis=1)


def ctc_batch_cost(y_true, y_pred, input_length, label_length):
    """-log(probability of the labels), summed over all alignments.

    Args:
        y_true: (batch, labels) ints 0..classes-2.
        y_pred: (batch, time, classes) probabilities.
        input_length: (batch, 1): how many time steps of each row count.
        label_length: (batch, 1): how many labels of each row count.

    Returns:
        (batch, 1). Infinite, without a gradient, where the labels need more time than there is.

    Raises:
        ValueError: for lengths that are no tensors, where one of a row's input is smaller than that of its labels.
    Differs: of tensors, of which that is known only at run time, the cost is infinite then; 2.2.4 stops with an error.
    """
    if not symbolic_leaves((input_length, label_length)) and not _traced(input_length, label_length):
        steps, labels = (np.asarray(n).reshape(-1) for n in (input_length, label_length))
        row = next(iter(np.flatnonzero(steps < labels)), None)
        if row is not None:
            raise ValueError(
                f"ctc_batch_cost: not enough time for the labels of row {row}: input_length is {steps[row]}, "
                f"label_length {labels[row]}; longer inputs, or shorter labels, are required."
            )
    return _cost(y_true, y_pred, input_length, label_length, epsilon())


def _traced(*arrays) -> bool:
    return any(isinstance(a, jax.core.Tracer) for a in arrays)


# -------------------------------------------------- decoding


def _packed(labels, keep):
    """The kept labels of each row (batch, time) moved to the front, -1 behind them."""
    size = labels.shape[1]
    place = jnp.where(keep, jnp.cumsum(keep, axis=1) - 1, size)
    empty = jnp.full((labels.shape[0], size + 1), -1, labels.dtype)
    return jax.vmap(lambda row, where, values: row.at[where].set(values))(empty, place, labels)[:, :size]


@tensor_op(name="ctc_greedy", rowwise=True)
@functools.partial(jax.jit, static_argnums=2)
def _greedy(y_pred, input_length, epsilon):
    """The best class of each step, repetitions merged, blanks dropped: ([labels], negative log probability)."""
    logits = jnp.log(as_array(y_pred) + epsilon)
    time, classes = logits.shape[1:]
    valid = jnp.arange(time)[None, :] < as_array(input_length).reshape(-1, 1)
    best = jnp.argmax(logits, axis=-1).astype(jnp.int32)
    before = jnp.pad(best, ((0, 0), (1, 0)), constant_values=-1)[:, :time]
    score = -jnp.sum(jnp.where(valid, jnp.max(logits, axis=-1), 0.0), axis=1, keepdims=True)
    return [_packed(best, valid & (best != classes - 1) & (best != before))], score


class _Beams(NamedTuple):
    """The W most probable prefixes of one row.

    labels (W, time), length (W,), last label (W,) (-1: none), hash of the prefix and of the prefix without its last
    label (W, 2), log probabilities of all alignments that end in a blank (W,) and in the last label (W,).
    """

    labels: jax.Array
    length: jax.Array
    last: jax.Array
    hash: jax.Array
    parent: jax.Array
    blank: jax.Array
    label: jax.Array


_PRIMES = np.array([16777619, 2654435761], np.uint32)


def _barren(stay, grow, old, parent, last):
    """Which prefixes TensorFlow does not let grow in this step, bool (W,).

    It goes through the prefixes from the most probable one on and lets their longer ones push the least probable
    entries out of the beam as it goes. When it comes to a prefix whose child was pushed out already, it looks at that
    child as a new one, finds it too improbable, and forgets what it was, before the child's turn to grow has come.

    Args:
        stay: (W,) new log probability of each prefix itself.
        grow: (W, labels) of the longer ones; -inf where that one is in the beam.
        old: (W,) log probability before the step, decreasing.
        parent: (W,) number of the prefix without the last label; -1 where it is not in the beam.
        last: (W,) the last label.
    """
    width, labels = grow.shape
    rows = jnp.sort(grow, axis=1)

    def more(values, side):
        """For each prefix, how many of its longer ones are above each value, (W, W)."""
        return labels - jax.vmap(lambda row: jnp.searchsorted(row, values, side=side))(rows)

    above_stay, above_old = more(stay, "right"), more(old, "left")
    siblings = grow[jnp.maximum(parent, 0)] > stay[:, None]
    before = jnp.sum(siblings & (jnp.arange(labels)[None, :] < last[:, None]), axis=1)
    number = jnp.arange(width)

    def visit(i, state):
        over_stay, over_old, barren = state
        grows = ~barren[i] & (over_old[i] < width)
        forgotten = (parent == i) & (number > i) & (over_stay + before >= width) & grows
        over_stay = over_stay + jnp.where(grows, above_stay[i], 0)
        over_old = over_old + jnp.where(grows, above_old[i], 0)
        return over_stay, over_old, barren | forgotten

    start = (
        jnp.sum(stay[None, :] > stay[:, None], axis=1),
        jnp.sum(stay[None, :] >= old[:, None], axis=1),
        jnp.zeros(width, bool),
    )
    return lax.fori_loop(0, width, visit, start)[2]


def _beam_step(beams, step):
    """One time step: each prefix stays, or grows by one label; prefixes reached both ways are one."""
    logp, valid = step
    width, classes = beams.length.shape[0], logp.shape[0] - 1
    total = jnp.logaddexp(beams.blank, beams.label)
    stay_blank = total + logp[-1]
    stay_label = jnp.where(beams.last >= 0, beams.label + logp[beams.last], -jnp.inf)

    label = jnp.arange(classes)
    # a repeated label makes a longer prefix only behind a blank
    grow = jnp.where(label[None, :] == beams.last[:, None], beams.blank[:, None], total[:, None]) + logp[None, :-1]
    is_parent = jnp.all(beams.parent[:, None] == beams.hash[None], -1) & (
        beams.length[:, None] == beams.length[None] + 1
    )
    from_parent = grow[:, jnp.maximum(beams.last, 0)].T
    stay_label = jnp.logaddexp(stay_label, jnp.max(jnp.where(is_parent, from_parent, -jnp.inf), axis=1))
    merged = jnp.any(is_parent[:, :, None] & (beams.last[:, None, None] == label), axis=0)
    grow = jnp.where(merged, -jnp.inf, grow)

    stay = jnp.logaddexp(stay_blank, stay_label)
    parent = jnp.where(jnp.any(is_parent, axis=1), jnp.argmax(is_parent, axis=1), -1)
    grow = jnp.where(_barren(stay, grow, total, parent, beams.last)[:, None], -jnp.inf, grow)

    scores = jnp.concatenate([stay, grow.reshape(-1)])
    _, chosen = lax.top_k(scores, width)
    grown = chosen >= width
    source = jnp.where(grown, (chosen - width) // classes, chosen)
    added = (chosen - width) % classes
    length = beams.length[source]
    place = (jnp.arange(beams.labels.shape[1])[None, :] == length[:, None]) & grown[:, None]
    longer = beams.hash[source] * _PRIMES + added[:, None].astype(jnp.uint32) + 1
    new = _Beams(
        labels=jnp.where(place, added[:, None], beams.labels[source]),
        length=length + grown,
        last=jnp.where(grown, added, beams.last[source]),
        hash=jnp.where(grown[:, None], longer, beams.hash[source]),
        parent=jnp.where(grown[:, None], beams.hash[source], beams.parent[source]),
        blank=jnp.where(grown, -jnp.inf, stay_blank[source]),
        label=jnp.where(grown, scores[chosen], stay_label[source]),
    )
    return jax.tree.map(lambda n, o: jnp.where(valid, n, o), new, beams), None


@tensor_op(name="ctc_merge_repeated", rowwise=True)
@jax.jit
def _without_repeats(labels):
    """Labels (batch, time) with each run of equal ones as one."""
    before = jnp.pad(labels, ((0, 0), (1, 0)), constant_values=-1)[:, :-1]
    return _packed(labels, (labels >= 0) & (labels != before))


@tensor_op(name="ctc_beam_search", rowwise=True)
@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _beam_search(y_pred, input_length, width, paths, epsilon):
    """TensorFlow's prefix beam search: ([labels of the best path, ...], log probabilities (batch, paths))."""
    logp = jax.nn.log_softmax(jnp.log(as_array(y_pred) + epsilon), axis=-1)
    time = logp.shape[1]
    lengths = as_array(input_length).reshape(-1)

    def row(logp, length):
        start = _Beams(
            labels=jnp.full((width, time), -1),
            length=jnp.zeros(width, jnp.int32),
            last=jnp.full(width, -1),
            hash=jnp.zeros((width, 2), jnp.uint32).at[1:].set(jnp.arange(1, width, dtype=jnp.uint32)[:, None]),
            parent=jnp.full((width, 2), 0xFFFFFFFF, jnp.uint32),
            blank=jnp.full(width, -jnp.inf, logp.dtype).at[0].set(0.0),
            label=jnp.full(width, -jnp.inf, logp.dtype),
        )
        beams, _ = lax.scan(_beam_step, start, (logp, jnp.arange(time) < length))
        return beams.labels[:paths], jnp.logaddexp(beams.blank, beams.label)[:paths]

    labels, scores = jax.vmap(row)(logp, lengths)
    return [labels[:, i] for i in range(paths)], scores


def ctc_decode(y_pred, input_length, greedy=True, beam_width=100, top_paths=1, merge_repeated=False):
    """The most probable labels.

    Args:
        y_pred: (batch, time, classes) probabilities.
        input_length: (batch,): how many time steps of each row count.
        greedy: whether the best class of each step is taken; else a beam search.
        beam_width: int >= 1: prefixes kept by the beam search.
        top_paths: int, 1..beam_width: results of the beam search.
        merge_repeated: whether the beam search's results lose repeated labels ('hello' -> 'helo').

    Returns:
        (list of (batch, labels) int64, -1 behind the last label; scores (batch, top_paths)): log probabilities, greedy:
        the negative one.
    The beam search is TensorFlow's, to the paths it loses in a full beam (see `_barren`).
    Differs: 2.2.4 always merges repeated labels there, as `merge_repeated=True` does; of symbolic tensors, `labels` is
        the number of time steps, and they are int32 where JAX has 64 bits switched off.
    """
    if greedy:
        paths, scores = _greedy(y_pred, input_length, epsilon())
    else:
        if not 1 <= top_paths <= beam_width:
            raise ValueError(f"ctc_decode: top_paths must be within 1..beam_width, 1..{beam_width}; got {top_paths!r}.")
        paths, scores = _beam_search(y_pred, input_length, int(beam_width), int(top_paths), epsilon())
        paths = [_without_repeats(p) for p in paths] if merge_repeated else paths
    if not any(symbolic_leaves(p) or _traced(p) for p in paths):
        paths = [np.asarray(p[:, : int(jnp.max(jnp.sum(p >= 0, axis=1), initial=0))], "int64") for p in paths]
    return list(paths), scores


class SparseLabels(NamedTuple):
    """Labels without their padding: row and column of each (n, 2), the labels (n,), and the dense shape (2,)."""

    indices: np.ndarray
    values: np.ndarray
    dense_shape: np.ndarray


def ctc_label_dense_to_sparse(labels, label_lengths):
    """Padded labels as index and value lists.

    Args:
        labels: (batch, max length) array of ints.
        label_lengths: (batch,) array of ints.
    Differs: arrays only: the number of labels must be known. `ctc_batch_cost` takes dense labels.
    """
    if symbolic_leaves((labels, label_lengths)):
        raise TypeError(
            "ctc_label_dense_to_sparse: labels and label_lengths must be arrays, not symbolic tensors: how many labels "
            "there are is known only at run time. K.ctc_batch_cost takes dense labels."
        )
    labels, lengths = np.asarray(in_floatx(labels)), np.asarray(label_lengths).reshape(-1, 1)
    indices = np.argwhere(np.arange(labels.shape[1])[None, :] < lengths)
    return SparseLabels(indices, labels[indices[:, 0], indices[:, 1]], np.array(labels.shape))

"""Connectionist temporal classification, under TensorFlow's names."""

from __future__ import annotations

import jax.numpy as jnp
import optax

from kjax import backend as K
from kjax.backend.ctc import _beam_search, _greedy, _without_repeats
from kjax.backend.operation import as_array, tensor_op
from kjax.compat.tensorflow.sparse import SparseTensor
from kjax.compat.tensorflow.tensors import held, tf_function, value_of


@tf_function
def ctc_loss(
    labels,
    inputs=None,
    sequence_length=None,
    preprocess_collapse_repeated=False,
    ctc_merge_repeated=True,
    ignore_longer_outputs_than_inputs=False,
    time_major=True,
    logits=None,
):
    """-log(probability of the labels), summed over all alignments, (batch,); the blank is the last class.

    Args:
        labels: SparseTensor of ints (batch, labels).
        inputs: logits (time, batch, classes), or (batch, time, classes) with `time_major=False`.
        sequence_length: (batch,) ints.
    """
    if preprocess_collapse_repeated or not ctc_merge_repeated:
        raise NotImplementedError(
            "ctc_loss: preprocess_collapse_repeated=True and ctc_merge_repeated=False are not taken."
        )
    x = value_of(logits if inputs is None else inputs)
    x = K.permute_dimensions(x, (1, 0, 2)) if time_major else x
    dense, lengths = labels.dense_labels()
    return _ctc_loss(dense, lengths, x, held(value_of(sequence_length)))


@tensor_op(name="CTCLoss")
def _ctc_loss(labels, label_lengths, logits, lengths):
    labels, logits = as_array(labels), as_array(logits)

    def beyond(n, size):
        return (jnp.arange(size)[None, :] >= as_array(n).reshape(-1, 1)).astype(logits.dtype)

    return optax.ctc_loss(
        logits, beyond(lengths, logits.shape[1]), labels, beyond(label_lengths, labels.shape[1]),
        blank_id=logits.shape[2] - 1,
    )  # fmt: skip


def _batch_first(inputs):
    return K.permute_dimensions(value_of(inputs), (1, 0, 2))


@tf_function
def ctc_greedy_decoder(inputs, sequence_length, merge_repeated=True):
    """The best class of each step of logits (time, batch, classes), repetitions merged, blanks (last class) dropped.

    Returns:
        ([SparseTensor of labels], sum of the negative logits (batch, 1)).
    """
    if not merge_repeated:
        raise NotImplementedError("ctc_greedy_decoder: merge_repeated=False is not taken.")
    paths, score = _greedy(K.exp(_batch_first(inputs)), held(value_of(sequence_length)), 0.0)
    return [SparseTensor.of_padded(p) for p in paths], score


@tf_function
def ctc_beam_search_decoder(inputs, sequence_length, beam_width=100, top_paths=1, merge_repeated=True):
    """The most probable labels by beam search on logits (time, batch, classes); the blank is the last class.

    Returns:
        (list of SparseTensors, log probabilities (batch, top_paths)).
    """
    paths, scores = _beam_search(
        K.softmax(_batch_first(inputs)), held(value_of(sequence_length)), int(beam_width), int(top_paths), 0.0
    )
    paths = [_without_repeats(p) for p in paths] if merge_repeated else paths
    return [SparseTensor.of_padded(p) for p in paths], scores


def ctc_beam_search_decoder_v2(inputs, sequence_length, beam_width=100, top_paths=1):
    """`ctc_beam_search_decoder` that leaves repeated labels."""
    return ctc_beam_search_decoder(inputs, sequence_length, beam_width, top_paths, merge_repeated=False)

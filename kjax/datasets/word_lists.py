"""What the text data sets share: shuffling, marks for the start and for unknown words, limits on words and length."""

from __future__ import annotations

import warnings

import numpy as np

from kjax.saving.bounded import MAX_TEXT, parse_json
from kjax.saving.errors import CorruptFileError


def num_words_of(num_words, legacy, function):
    """num_words, or the old argument nb_words."""
    if "nb_words" in legacy:
        warnings.warn(f"The `nb_words` argument in `{function}` has been renamed `num_words`.", stacklevel=3)
        num_words = legacy.pop("nb_words")
    if legacy:
        raise TypeError(f"{function}: unknown arguments {sorted(legacy)}")
    return num_words


def shuffled(rng, sequences, labels):
    """Both in the same random order."""
    order = np.arange(len(sequences))
    rng.shuffle(order)
    return sequences[order], labels[order]


def prepared(sequences, labels, num_words, skip_top, maxlen, start_char, oov_char, index_from):
    """(list of lists of numbers, array of labels): numbers shifted, marked, cut off as `load_data` says."""
    if start_char is not None:
        sequences = [[start_char] + [word + index_from for word in sequence] for sequence in sequences]
    elif index_from:
        sequences = [[word + index_from for word in sequence] for sequence in sequences]
    else:
        sequences = [list(sequence) for sequence in sequences]
    if maxlen:
        kept = [i for i, sequence in enumerate(sequences) if len(sequence) < maxlen]
        sequences, labels = [sequences[i] for i in kept], labels[kept]
        if not sequences:
            raise ValueError(f"load_data: no text has fewer than maxlen = {maxlen} words; give a larger one")
    if not num_words:
        num_words = max(max(sequence) for sequence in sequences)
    if oov_char is not None:
        limited = [[word if skip_top <= word < num_words else oov_char for word in seq] for seq in sequences]
    else:
        limited = [[word for word in seq if skip_top <= word < num_words] for seq in sequences]
    return limited, labels


def ragged(sequences) -> np.ndarray:
    """A one-dimensional array of lists."""
    array = np.empty(len(sequences), dtype=object)
    array[:] = sequences
    return array


def read_word_index(path) -> dict:
    """word -> number, from a JSON file."""
    with open(path, "rb") as file:
        found = parse_json(file.read(MAX_TEXT + 1), path)
    if not isinstance(found, dict) or not {*map(type, found.values())} <= {int}:
        raise CorruptFileError(path, "a JSON object of words and their numbers was required.")
    return found

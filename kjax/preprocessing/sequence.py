"""Sequences, as in `keras.preprocessing.sequence`: padding, skip-grams, windows of time series."""

from __future__ import annotations

import json
import random

import numpy as np

from kjax.utils.sequence import Sequence

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams", "timeseries_generator_from_json"]

_EULER = 0.577  # Euler's constant, to the places that the reference uses


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """An array (number of sequences, maxlen, ...) of sequences made equally long.

    Args:
        sequences: list of sequences; their entries may be arrays of one shape.
        maxlen: length wanted, default the longest.
        dtype: of the result; object for strings of any length.
        padding: 'pre' or 'post': where `value` is filled in.
        truncating: 'pre' or 'post': where long sequences are cut.
        value: filled in.
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"pad_sequences: sequences must be a list of sequences, received {sequences!r}")
    for name, choice in (("padding", padding), ("truncating", truncating)):
        if choice not in ("pre", "post"):
            raise ValueError(f"pad_sequences: {name} must be 'pre' or 'post', received {choice!r}")
    lengths = []
    for position, entry in enumerate(sequences):
        if not hasattr(entry, "__len__") or isinstance(entry, str):
            raise ValueError(f"pad_sequences: entry {position} of sequences must be a sequence, received {entry!r}")
        lengths.append(len(entry))
    if maxlen is None:
        maxlen = max(lengths, default=0)
    if maxlen < 0 or maxlen != int(maxlen):
        raise ValueError(f"pad_sequences: maxlen must be an int >= 0, received {maxlen!r}")
    maxlen = int(maxlen)
    if isinstance(value, str) and np.dtype(dtype).kind not in "OU":
        raise ValueError(f"pad_sequences: a text value needs dtype object or str, received dtype {dtype!r}")

    sample_shape = next((np.asarray(entry).shape[1:] for entry in sequences if len(entry)), ())
    try:
        out = np.full((len(lengths), maxlen, *sample_shape), value, dtype=dtype)
    except OverflowError as error:
        raise ValueError(f"pad_sequences: value {value!r} does not fit into dtype {np.dtype(dtype).name}") from error
    for position, entry in enumerate(sequences):
        if not lengths[position]:
            continue
        kept = entry[max(0, lengths[position] - maxlen) :] if truncating == "pre" else entry[:maxlen]
        kept = np.asarray(kept, dtype=dtype)
        if kept.shape[1:] != sample_shape and len(kept):
            raise ValueError(
                f"pad_sequences: the samples of entry {position} have shape {kept.shape[1:]}, "
                f"those before it {sample_shape}"
            )
        if padding == "pre":
            out[position, maxlen - len(kept) :] = kept
        else:
            out[position, : len(kept)] = kept
    return out


def make_sampling_table(size, sampling_factor=1e-5):
    """Probability of keeping the word of each frequency rank, for `skipgrams`.

    p(rank) = min(1, sqrt(f * s)), with Zipf's law for the inverse frequency s = rank * (log(rank) + 0.577) + 1/2 -
    1 / (12 rank); rank 0 counts as rank 1.

    Args:
        size: number of ranks.
        sampling_factor: f; smaller drops more of the frequent words.
    Source: word2vec.
    """
    rank = np.arange(size)
    rank[:1] = 1
    inverse_frequency = rank * (np.log(rank) + _EULER) + 0.5 - 1.0 / (12.0 * rank)
    f = sampling_factor * inverse_frequency
    return np.minimum(1.0, f / np.sqrt(f))


def skipgrams(
    sequence,
    vocabulary_size,
    window_size=4,
    negative_samples=1.0,
    shuffle=True,
    categorical=False,
    sampling_table=None,
    seed=None,
):
    """(couples, labels): [word, neighbour] with label 1, and [word, random word] with label 0.

    Args:
        sequence: list of word numbers; 0 is no word and is skipped.
        vocabulary_size: random words are drawn from 1 to vocabulary_size - 1.
        window_size: neighbours are at most that many places away.
        negative_samples: number of random couples per true one, 0 for none.
        shuffle: whether the couples come in random order.
        categorical: labels [0, 1] and [1, 0] instead of 1 and 0.
        sampling_table: probability of keeping a word, by its number.
        seed: of the shuffling.

    Random numbers come from Python's `random`. Source: Mikolov et al., arXiv:1301.3781.
    """
    positive, negative = ([0, 1], [1, 0]) if categorical else (1, 0)
    couples, labels = [], []
    for i, word in enumerate(sequence):
        if not word:
            continue
        if sampling_table is not None and sampling_table[word] < random.random():
            continue
        for j in range(max(0, i - window_size), min(len(sequence), i + window_size + 1)):
            if j != i and sequence[j]:
                couples.append([word, sequence[j]])
                labels.append(positive)

    if negative_samples > 0:
        if couples and vocabulary_size < 2:
            raise ValueError(f"skipgrams: vocabulary_size must be at least 2, received {vocabulary_size!r}")
        words = [couple[0] for couple in couples]
        random.shuffle(words)
        count = int(len(labels) * negative_samples)
        couples += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [negative] * count

    if shuffle:
        if seed is None:
            seed = random.randint(0, 10_000_000)
        for column in (couples, labels):
            random.seed(seed)
            random.shuffle(column)
    return couples, labels


class TimeseriesGenerator(Sequence):
    """Batches of windows of a series, each with the target of the step after it.

    For row r: samples data[r - length : r : sampling_rate], target targets[r].

    Args:
        data: array or list, time first.
        targets: array or list of the same length.
        length: of a window, in steps.
        sampling_rate: distance of the steps within a window.
        stride: distance between two windows.
        start_index: steps before this one are not used.
        end_index: nor steps after this one; default the last.
        shuffle: draw windows at random (from NumPy's generator).
        reverse: give each window backwards.
        batch_size: windows in a batch.
    """

    def __init__(
        self,
        data,
        targets,
        length,
        sampling_rate=1,
        stride=1,
        start_index=0,
        end_index=None,
        shuffle=False,
        reverse=False,
        batch_size=128,
    ):
        if len(data) != len(targets):
            raise ValueError(
                f"TimeseriesGenerator: data and targets must be equally long, received {len(data)} and {len(targets)}"
            )
        for name, count in (("sampling_rate", sampling_rate), ("stride", stride), ("batch_size", batch_size)):
            if count < 1:
                raise ValueError(f"TimeseriesGenerator: {name} must be at least 1, received {count!r}")
        if length < 0:
            raise ValueError(f"TimeseriesGenerator: length must not be negative, received {length!r}")
        self.data = data
        self.targets = targets
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        if self.start_index > self.end_index:
            raise ValueError(
                f"TimeseriesGenerator: start_index + length = {self.start_index} is beyond "
                f"end_index = {self.end_index}, so that no window has a target"
            )

    def __len__(self):
        step = self.batch_size * self.stride
        return (self.end_index - self.start_index + step) // step

    def __getitem__(self, index):
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            step = self.batch_size * self.stride
            first = self.start_index + step * index
            rows = np.arange(first, min(first + step, self.end_index + 1), self.stride)
        samples = np.array([self.data[row - self.length : row : self.sampling_rate] for row in rows])
        targets = np.array([self.targets[row] for row in rows])
        return (samples[:, ::-1] if self.reverse else samples), targets

    def get_config(self):
        """The arguments as JSON can hold them; `start_index` includes the length."""
        return {
            "data": _as_json(self.data, "data"),
            "targets": _as_json(self.targets, "targets"),
            "length": self.length,
            "sampling_rate": self.sampling_rate,
            "stride": self.stride,
            "start_index": self.start_index,
            "end_index": self.end_index,
            "shuffle": self.shuffle,
            "reverse": self.reverse,
            "batch_size": self.batch_size,
        }

    def to_json(self, **kwargs):
        """A JSON text for `timeseries_generator_from_json`; `kwargs` go to json.dumps."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def _as_json(values, name):
    if isinstance(values, np.ndarray):
        values = values.tolist()
    try:
        return json.dumps(values)
    except TypeError as error:
        raise TypeError(f"TimeseriesGenerator: {name} cannot be written as JSON: {error}") from error


def timeseries_generator_from_json(json_string):
    """The TimeseriesGenerator that `to_json` described. Differs: the length is not added to start_index once more."""
    config = json.loads(json_string).get("config")
    config["data"] = json.loads(config["data"])
    config["targets"] = json.loads(config["targets"])
    config["start_index"] -= config["length"]
    return TimeseriesGenerator(**config)

"""IMDB: 50,000 film reviews as lists of word numbers, labelled 0 (bad) or 1 (good); half to train, half to test."""

import numpy as np

from kjax.datasets import word_lists
from kjax.datasets.npz import read_npz
from kjax.datasets.sources import IMDB, IMDB_WORDS


def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """(x_train, y_train), (x_test, y_test): x arrays of lists of ints, y of 0 and 1.

    Args:
        path: name in the cache (~/.keras/datasets).
        num_words: numbers from this on become oov_char, default the largest number.
        skip_top: so do those below this.
        maxlen: keep reviews of fewer words than this.
        seed: of the shuffling.
        start_char: put before every review, or None.
        oov_char: stands for words left out; None drops them.
        index_from: added to all numbers.
        **kwargs: the old name nb_words of num_words.

    Differs: NumPy's global generator is not touched; the file is read as data, nothing in it is executed.
    """
    num_words = word_lists.num_words_of(num_words, kwargs, "imdb.load_data")
    names = ("x_train", "y_train", "x_test", "y_test")
    x_train, y_train, x_test, y_test = read_npz(IMDB.fetch(path), *names)
    rng = np.random.RandomState(seed)
    x_train, y_train = word_lists.shuffled(rng, x_train, y_train)
    x_test, y_test = word_lists.shuffled(rng, x_test, y_test)
    xs, labels = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    xs, labels = word_lists.prepared(xs, labels, num_words, skip_top, maxlen, start_char, oov_char, index_from)
    cut = len(x_train)
    return (word_lists.ragged(xs[:cut]), labels[:cut]), (word_lists.ragged(xs[cut:]), labels[cut:])


def get_word_index(path="imdb_word_index.json"):
    """Dict word -> number, without `index_from`.

    Args:
        path: name in the cache (~/.keras/datasets).
    """
    return word_lists.read_word_index(IMDB_WORDS.fetch(path))

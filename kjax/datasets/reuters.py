"""Reuters: 11,228 newswires as lists of word numbers, labelled with one of 46 topics."""

import numpy as np

from kjax.datasets import word_lists
from kjax.datasets.npz import read_npz
from kjax.datasets.sources import REUTERS, REUTERS_WORDS


def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """(x_train, y_train), (x_test, y_test): x arrays of lists of ints, y of topics from 0 to 45.

    Args:
        path: name in the cache (~/.keras/datasets).
        num_words: numbers from this on become oov_char, default the largest number.
        skip_top: so do those below this.
        maxlen: keep newswires of fewer words than this.
        test_split: fraction kept to test.
        seed: of the shuffling.
        start_char: put before every newswire, or None.
        oov_char: stands for words left out; None drops them.
        index_from: added to all numbers.
        **kwargs: the old name nb_words of num_words.

    Differs: NumPy's global generator is not touched; the file is read as data, nothing in it is executed.
    """
    num_words = word_lists.num_words_of(num_words, kwargs, "reuters.load_data")
    xs, labels = read_npz(REUTERS.fetch(path), "x", "y")
    xs, labels = word_lists.shuffled(np.random.RandomState(seed), xs, labels)
    xs, labels = word_lists.prepared(xs, labels, num_words, skip_top, maxlen, start_char, oov_char, index_from)
    cut = int(len(xs) * (1 - test_split))
    return (word_lists.ragged(xs[:cut]), labels[:cut]), (word_lists.ragged(xs[cut:]), labels[cut:])


def get_word_index(path="reuters_word_index.json"):
    """Dict word -> number, without `index_from`.

    Args:
        path: name in the cache (~/.keras/datasets).
    """
    return word_lists.read_word_index(REUTERS_WORDS.fetch(path))

"""Digits: 1,797 handwritten digits, 8x8 grey pixels from 0 to 16, 10 classes; part of scikit-learn, no download."""

import importlib

import numpy as np


def load_data(test_split=0.2, seed=113):
    """(x_train, y_train), (x_test, y_test): uint8, x of shape (n, 8, 8).

    Args:
        test_split: fraction kept to test, from 0 to below 1.
        seed: of the shuffling.
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"digits.load_data: test_split must be from 0 to below 1, received {test_split!r}")
    try:
        sklearn_datasets = importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise ImportError("The digits are scikit-learn's: pip install 'kjax[sklearn]'") from error
    found = sklearn_datasets.load_digits()
    order = np.random.RandomState(seed).permutation(len(found.target))
    x, y = found.images[order].astype("uint8"), found.target[order].astype("uint8")
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])

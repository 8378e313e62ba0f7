"""Boston housing: 13 numbers about each of 506 places in 1978 and the median price there, in thousands of dollars."""

import numpy as np

from kjax.datasets.npz import read_npz
from kjax.datasets.sources import BOSTON_HOUSING


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """(x_train, y_train), (x_test, y_test): float64, x of shape (n, 13).

    Args:
        path: name in the cache (~/.keras/datasets).
        test_split: fraction kept to test, from 0 to below 1.
        seed: of the shuffling.

    Differs: NumPy's global generator is not touched.
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"boston_housing.load_data: test_split must be from 0 to below 1, received {test_split!r}")
    x, y = read_npz(BOSTON_HOUSING.fetch(path), "x", "y")
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])

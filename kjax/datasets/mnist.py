"""MNIST: handwritten digits, 28x28 grey pixels, 10 classes, 60,000 to train and 10,000 to test."""

from kjax.datasets.npz import read_npz
from kjax.datasets.sources import MNIST


def load_data(path="mnist.npz"):
    """(x_train, y_train), (x_test, y_test): uint8, x of shape (n, 28, 28).

    Args:
        path: name in the cache (~/.keras/datasets).
    """
    x_train, y_train, x_test, y_test = read_npz(MNIST.fetch(path), "x_train", "y_train", "x_test", "y_test")
    return (x_train, y_train), (x_test, y_test)

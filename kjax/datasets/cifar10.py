"""CIFAR-10: colour pictures of 32x32 pixels, 10 classes, 50,000 to train and 10,000 to test."""

import os

import numpy as np

from kjax.datasets.cifar import arrange, folder_of, load_batch
from kjax.datasets.sources import CIFAR10

_TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
_TEST = "test_batch"


def load_data():
    """(x_train, y_train), (x_test, y_test): x uint8 (n, 32, 32, 3) or (n, 3, 32, 32) by the data format, y (n, 1)."""
    folder = folder_of(CIFAR10, (*_TRAIN, _TEST))
    batches = [load_batch(os.path.join(folder, name)) for name in _TRAIN]
    x_train = np.concatenate([images for images, _ in batches])
    y_train = np.concatenate([np.asarray(labels, dtype="uint8") for _, labels in batches])
    x_test, y_test = load_batch(os.path.join(folder, _TEST))
    return (arrange(x_train), y_train.reshape(-1, 1)), (arrange(x_test), np.reshape(y_test, (-1, 1)))

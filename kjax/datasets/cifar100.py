"""CIFAR-100: colour pictures of 32x32 pixels, 100 classes in 20 groups, 50,000 to train and 10,000 to test."""

import os

import numpy as np

from kjax.datasets.cifar import arrange, folder_of, load_batch
from kjax.datasets.sources import CIFAR100


def load_data(label_mode="fine"):
    """(x_train, y_train), (x_test, y_test): x uint8 (n, 32, 32, 3) or (n, 3, 32, 32) by the data format, y (n, 1).

    Args:
        label_mode: 'fine' for the 100 classes, 'coarse' for the 20 groups.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"cifar100.load_data: label_mode must be 'fine' or 'coarse', received {label_mode!r}")
    folder = folder_of(CIFAR100, ("train", "test"))
    (x_train, y_train), (x_test, y_test) = (
        load_batch(os.path.join(folder, name), label_key=label_mode + "_labels") for name in ("train", "test")
    )
    return (arrange(x_train), np.reshape(y_train, (-1, 1))), (arrange(x_test), np.reshape(y_test, (-1, 1)))

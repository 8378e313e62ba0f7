"""Data sets, as in `keras.datasets`, and `digits`, which needs no network."""

from kjax.datasets import boston_housing, cifar, cifar10, cifar100, digits, fashion_mnist, imdb, mnist, reuters

__all__ = ["boston_housing", "cifar", "cifar10", "cifar100", "digits", "fashion_mnist", "imdb", "mnist", "reuters"]

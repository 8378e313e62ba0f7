"""Where the data sets come from and what they hash to, as Keras publishes it (Fashion-MNIST's MD5s: its authors)."""

from __future__ import annotations

from typing import NamedTuple

from kjax.utils.downloads import get_file

KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
TORONTO = "https://www.cs.toronto.edu/~kriz/"


class Source(NamedTuple):
    """One file: its name in the cache, its URL and its SHA-256 (64 digits) or MD5 (32)."""

    name: str
    origin: str
    file_hash: str
    folder: str = "datasets"

    def fetch(self, name=None) -> str:
        """Path of the file in the cache, under `name` if that is given."""
        return get_file(name or self.name, self.origin, file_hash=self.file_hash, cache_subdir=self.folder)


def _keras(name, file_hash, folder="datasets"):
    return Source(name, KERAS + name, file_hash, folder)


MNIST = _keras("mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1")
BOSTON_HOUSING = _keras("boston_housing.npz", "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5")
IMDB = _keras("imdb.npz", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f")
IMDB_WORDS = _keras("imdb_word_index.json", "bfafd718b763782e994055a2d397834f")
REUTERS = _keras("reuters.npz", "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916")
REUTERS_WORDS = _keras("reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921")
FASHION_MNIST = tuple(
    _keras(name, file_hash, "datasets/fashion-mnist")
    for name, file_hash in (
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
    )
)
CIFAR10 = Source(
    "cifar-10-batches-py",
    TORONTO + "cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
CIFAR100 = Source(
    "cifar-100-python",
    TORONTO + "cifar-100-python.tar.gz",
    "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
)

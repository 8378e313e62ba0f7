"""What CIFAR-10 and CIFAR-100 share: the archive and its files, pickles of Python 2, read as data only."""

from __future__ import annotations

import os

import numpy as np

from kjax.backend import config
from kjax.datasets import plain_pickle
from kjax.saving.errors import CorruptFileError
from kjax.utils.downloads import get_file


def load_batch(fpath, label_key="labels"):
    """(images, labels) of one file: uint8 of shape (n, 3, 32, 32), and a list.

    Args:
        fpath: path of the file.
        label_key: 'labels', or 'fine_labels' or 'coarse_labels' of CIFAR-100.
    """
    with open(fpath, "rb") as file:
        content = plain_pickle.loads(file.read(), os.fspath(fpath), encoding="bytes")
    if isinstance(content, dict):
        content = {
            key.decode("utf-8", "replace") if isinstance(key, bytes) else key: value for key, value in content.items()
        }
    if not isinstance(content, dict) or not {"data", label_key} <= set(content):
        raise CorruptFileError(fpath, f"not a CIFAR file with 'data' and {label_key!r}")
    data, labels = content["data"], content[label_key]
    if not isinstance(data, np.ndarray) or not isinstance(labels, list):
        raise CorruptFileError(fpath, f"its 'data' is no array or its {label_key!r} no list")
    if data.ndim != 2 or data.shape[1] != 3072 or data.dtype != np.uint8 or len(labels) != len(data):
        raise CorruptFileError(
            fpath, f"holds images of shape {data.shape} and {len(labels)} labels, not (n, 3072) and n"
        )
    return data.reshape(len(data), 3, 32, 32), labels


def folder_of(source, files) -> str:
    """The unpacked folder in the cache; downloaded and unpacked if it lacks one of `files`."""
    cached = os.path.join(_cache(), source.folder, source.name)
    if all(os.path.isfile(os.path.join(cached, name)) for name in files):
        return cached
    path = get_file(source.name, source.origin, untar=True, file_hash=source.file_hash, cache_subdir=source.folder)
    missing = [name for name in files if not os.path.isfile(os.path.join(path, name))]
    if missing:
        raise FileNotFoundError(f"{path}: lacks {missing}; remove this folder, and it is unpacked anew")
    return path


def _cache() -> str:
    return os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")


def arrange(images):
    """Images of shape (n, 3, 32, 32) in the backend's data format."""
    return images.transpose(0, 2, 3, 1) if config.image_data_format() == "channels_last" else images

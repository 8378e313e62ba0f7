"""Fashion-MNIST: pictures of clothes, 28x28 grey pixels, 10 classes, 60,000 to train and 10,000 to test."""

import gzip
import zlib

import numpy as np

from kjax.datasets.sources import FASHION_MNIST

_LABELS, _IMAGES = 0x00000801, 0x00000803  # the format's first four bytes


def load_data():
    """(x_train, y_train), (x_test, y_test): uint8, x of shape (n, 28, 28)."""
    y_train, x_train, y_test, x_test = (_read_idx(source.fetch()) for source in FASHION_MNIST)
    for x, y in ((x_train, y_train), (x_test, y_test)):
        if len(x) != len(y):
            raise ValueError(f"fashion_mnist: {len(x)} images but {len(y)} labels in the cache")
    return (x_train, y_train), (x_test, y_test)


def _read_idx(path):
    """An array of bytes in IDX format: magic number, the lengths of the axes (big-endian), the bytes."""
    try:
        with gzip.open(path, "rb") as file:
            content = file.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged file: {error}") from error
    head = np.frombuffer(content[:4], dtype=">i4")
    if head.size != 1 or head[0] not in (_LABELS, _IMAGES):
        raise ValueError(f"{path}: not an IDX file of labels or images")
    rank = int(head[0]) & 0xFF
    shape = tuple(int(n) for n in np.frombuffer(content[4 : 4 + 4 * rank], dtype=">i4"))
    body = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * rank)
    if body.size != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{path}: holds {body.size} bytes, not those of shape {shape}")
    return body.reshape(shape).copy()

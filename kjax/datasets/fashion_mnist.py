"""Fashion-MNIST: pictures of clothes, 28x28 grey pixels, 10 classes, 60,000 to train and 10,000 to test."""

import gzip
import math
import zlib

import numpy as np

from kjax.datasets.sources import FASHION_MNIST
from kjax.saving.errors import CorruptFileError, UnsafeModelError

_MOST = 64 << 20  # bytes of the images are 47 million
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
            content = file.read(_MOST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CorruptFileError(path, f"damaged file: {error}") from error
    if len(content) > _MOST:
        raise UnsafeModelError(path, f"unpacks to more than {_MOST} bytes")
    head = np.frombuffer(content[:4], dtype=">i4")
    if head.size != 1 or head[0] not in (_LABELS, _IMAGES):
        raise CorruptFileError(path, "not an IDX file of labels or images")
    rank = int(head[0]) & 0xFF
    if len(content) < 4 + 4 * rank:
        raise CorruptFileError(path, f"holds {len(content)} bytes, too few for the lengths of {rank} axes")
    shape = tuple(int(n) for n in np.frombuffer(content[4 : 4 + 4 * rank], dtype=">i4"))
    body = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * rank)
    if min(shape) < 0 or body.size != math.prod(shape):
        raise CorruptFileError(path, f"holds {body.size} bytes, not those of shape {shape}")
    return body.reshape(shape).copy()

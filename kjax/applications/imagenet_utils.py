"""ImageNet's pixel conventions and class names."""

from __future__ import annotations

import json

import numpy as np

from kjax import backend as K
from kjax.utils.downloads import get_file

CLASS_INDEX_PATH = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
CLASS_INDEX_HASH = "c2c37ea517e94d9795004a39431a14cb"

_CAFFE_MEAN = (103.939, 116.779, 123.68)  # blue, green, red
_TORCH_MEAN, _TORCH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def preprocess_input(x, data_format=None, mode="caffe"):
    """Pixels 0 to 255 as the networks were trained on.

    Args:
        x: array or tensor of rank 3 or 4 with 3 channels; a float array is changed in place.
        data_format: 'channels_last' or 'channels_first', default that of the backend.
        mode: 'caffe': BGR minus ImageNet's mean; 'tf': x / 127.5 - 1; 'torch': (x / 255 - mean) / deviation.
    """
    data_format = K.image_data_format() if data_format is None else data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"preprocess_input: unknown data_format {data_format!r}")
    if mode not in ("caffe", "tf", "torch"):
        raise ValueError(f"preprocess_input: mode must be 'caffe', 'tf' or 'torch', received {mode!r}")
    rank = len(x.shape)
    axis = rank - 1 if data_format == "channels_last" else rank - 3
    if isinstance(x, np.ndarray):
        return _preprocess_array(x, axis, mode)
    return _preprocess_tensor(x, axis, rank, mode)


def _along(values, axis, rank):
    shape = [1] * rank
    shape[axis] = 3
    return np.reshape(np.array(values, dtype=K.floatx()), shape)


def _preprocess_array(x, axis, mode):
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(K.floatx())
    if mode == "tf":
        x /= 127.5
        x -= 1.0
        return x
    if mode == "torch":
        x /= 255.0
        x -= _along(_TORCH_MEAN, axis, x.ndim)
        x /= _along(_TORCH_STD, axis, x.ndim)
        return x
    x = np.flip(x, axis)
    x -= _along(_CAFFE_MEAN, axis, x.ndim)
    return x


def _preprocess_tensor(x, axis, rank, mode):
    if mode == "tf":
        return x / 127.5 - 1.0
    if mode == "torch":
        return (x / 255.0 - _along(_TORCH_MEAN, axis, rank)) / _along(_TORCH_STD, axis, rank)
    return K.reverse(x, axis) - _along(_CAFFE_MEAN, axis, rank)


_class_index: dict = {}


def decode_predictions(preds, top=5):
    """For each row, the `top` classes as (WordNet number, name, score), best first.

    Args:
        preds: array (n, 1000).
        top: number of classes.
    """
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(
            f"decode_predictions: preds must be a batch of predictions of shape (n, 1000), received shape {preds.shape}"
        )
    if not _class_index:
        path = get_file(
            "imagenet_class_index.json", CLASS_INDEX_PATH, cache_subdir="models", file_hash=CLASS_INDEX_HASH
        )
        with open(path, encoding="utf-8") as file:
            _class_index.update(json.load(file))
    found = []
    for row in preds:
        best = np.argsort(row)[-top:][::-1] if top else []
        found.append([(*_class_index[str(i)], row[i]) for i in best])
    return found

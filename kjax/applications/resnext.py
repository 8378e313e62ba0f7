"""ResNeXt50 and 101: residual blocks with 32 groups (Xie et al., arXiv:1611.05431)."""

from __future__ import annotations

from kjax.applications import imagenet_utils, resnet_common
from kjax.applications.imagenet_utils import decode_predictions

__all__ = ["ResNeXt50", "ResNeXt101", "decode_predictions", "preprocess_input"]


def preprocess_input(x, data_format=None):
    """`imagenet_utils.preprocess_input` in mode 'torch'."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="torch")


def ResNeXt50(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The ResNeXt50 network, as a Model.

    Args:
        include_top: whether the dense layer at the end is included.
        weights: None (random), 'imagenet', or the path of a file.
        input_tensor: tensor to start from, or None for a new input.
        input_shape: of one image; needed only with include_top=False, at least 32x32. Default 224x224x3.
        pooling: without the top: None, 'avg' or 'max' over the last feature map.
        classes: outputs of the top.

    The spatial size must be known; the data format must be channels_last.
    """
    rest = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return resnet_common.build("ResNeXt50", "X", 50, *rest)


def ResNeXt101(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The ResNeXt101 network; arguments as of `ResNeXt50`."""
    rest = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return resnet_common.build("ResNeXt101", "X", 101, *rest)

"""ResNet50, 101 and 152 (He et al., arXiv:1512.03385)."""

from __future__ import annotations

from kjax.applications import imagenet_utils, resnet_common
from kjax.applications.imagenet_utils import decode_predictions

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]


def preprocess_input(x, data_format=None):
    """`imagenet_utils.preprocess_input` in mode 'caffe'."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="caffe")


def ResNet50(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The ResNet50 network, as a Model.

    Args:
        include_top: whether the dense layer at the end is included.
        weights: None (random), 'imagenet', or the path of a file.
        input_tensor: tensor to start from, or None for a new input.
        input_shape: of one image; needed only with include_top=False, at least 32x32. Default 224x224x3.
        pooling: without the top: None, 'avg' or 'max' over the last feature map.
        classes: outputs of the top.
    """
    rest = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return resnet_common.build("ResNet50", "", 50, *rest)


def ResNet101(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The ResNet101 network; arguments as of `ResNet50`."""
    rest = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return resnet_common.build("ResNet101", "", 101, *rest)


def ResNet152(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The ResNet152 network; arguments as of `ResNet50`."""
    rest = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return resnet_common.build("ResNet152", "", 152, *rest)

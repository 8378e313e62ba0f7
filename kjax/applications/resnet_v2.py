"""ResNet50V2, 101V2 and 152V2: normalisation before the convolutions (He et al., arXiv:1603.05027)."""

from __future__ import annotations

from kjax.applications import imagenet_utils, resnet_common
from kjax.applications.imagenet_utils import decode_predictions

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]


def preprocess_input(x, data_format=None):
    """`imagenet_utils.preprocess_input` in mode 'tf'."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


def ResNet50V2(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The ResNet50V2 network, as a Model.

    Args:
        include_top: whether the dense layer at the end is included.
        weights: None (random), 'imagenet', or the path of a file.
        input_tensor: tensor to start from, or None for a new input.
        input_shape: of one image; needed only with include_top=False, at least 32x32. Default 224x224x3.
        pooling: without the top: None, 'avg' or 'max' over the last feature map.
        classes: outputs of the top.
    """
    rest = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return resnet_common.build("ResNet50V2", "V2", 50, *rest)


def ResNet101V2(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The ResNet101V2 network; arguments as of `ResNet50V2`."""
    rest = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return resnet_common.build("ResNet101V2", "V2", 101, *rest)


def ResNet152V2(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The ResNet152V2 network; arguments as of `ResNet50V2`."""
    rest = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return resnet_common.build("ResNet152V2", "V2", 152, *rest)

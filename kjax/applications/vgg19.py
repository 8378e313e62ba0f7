"""VGG19 (Simonyan and Zisserman, arXiv:1409.1556)."""

from __future__ import annotations

from kjax.applications import vgg
from kjax.applications.imagenet_utils import decode_predictions, preprocess_input

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]


def VGG19(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The VGG19 network, as a Model.

    Args:
        include_top: whether the three dense layers at the end are included.
        weights: None (random), 'imagenet', or the path of a file.
        input_tensor: tensor to start from, or None for a new input.
        input_shape: of one image; needed only with include_top=False, at least 32x32. Default 224x224x3.
        pooling: without the top: None, 'avg' or 'max' over the last feature map.
        classes: outputs of the top.
    """
    depths = (2, 2, 4, 4, 4)
    return vgg.build("VGG19", depths, include_top, weights, input_tensor, input_shape, pooling, classes)

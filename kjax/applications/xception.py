"""Xception (Chollet, arXiv:1610.02357)."""

from __future__ import annotations

from kjax import layers
from kjax.applications import imagenet_utils
from kjax.applications.common import channel_axis, check_weights, finished, image_input, input_shape_of, pooled
from kjax.applications.imagenet_utils import decode_predictions

__all__ = ["Xception", "decode_predictions", "preprocess_input"]


def preprocess_input(x, data_format=None):
    """`imagenet_utils.preprocess_input` in mode 'tf'."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


def _norm(x, name=None):
    return layers.BatchNormalization(axis=channel_axis() if channel_axis() == 1 else -1, name=name)(x)


def _relu(x, name):
    return layers.Activation("relu", name=name)(x)


def _separable(x, filters, name):
    conv = layers.SeparableConv2D(filters, (3, 3), padding="same", use_bias=False, name=name)
    return _norm(conv(x), name + "_bn")


def _shrinking(x, filters, block, relu_first=True):
    """Two separable convolutions and a pooling beside a strided 1x1 convolution."""
    shortcut = layers.Conv2D(filters[-1], (1, 1), strides=(2, 2), padding="same", use_bias=False)(x)
    shortcut = _norm(shortcut)
    for i, count in enumerate(filters, start=1):
        if i > 1 or relu_first:
            x = _relu(x, f"block{block}_sepconv{i}_act")
        x = _separable(x, count, f"block{block}_sepconv{i}")
    x = layers.MaxPooling2D((3, 3), strides=(2, 2), padding="same", name=f"block{block}_pool")(x)
    return layers.add([x, shortcut])


def Xception(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The Xception network, as a Model.

    Args:
        include_top: whether the dense layer at the end is included.
        weights: None (random), 'imagenet', or the path of a file.
        input_tensor: tensor to start from, or None for a new input.
        input_shape: of one image; needed only with include_top=False, at least 71x71. Default 299x299x3.
        pooling: without the top: None, 'avg' or 'max' over the last feature map.
        classes: outputs of the top.
    """
    check_weights("Xception", weights, include_top, classes)
    input_shape = input_shape_of("Xception", input_shape, 299, 71, weights, include_top)
    inputs = x = image_input(input_tensor, input_shape)
    for i, (filters, stride) in enumerate(((32, 2), (64, 1)), start=1):
        name = f"block1_conv{i}"
        x = layers.Conv2D(filters, (3, 3), strides=(stride, stride), use_bias=False, name=name)(x)
        x = _relu(_norm(x, name + "_bn"), name + "_act")
    x = _shrinking(x, (128, 128), 2, relu_first=False)
    x = _shrinking(x, (256, 256), 3)
    x = _shrinking(x, (728, 728), 4)
    for block in range(5, 13):
        shortcut = x
        for i in range(1, 4):
            x = _separable(_relu(x, f"block{block}_sepconv{i}_act"), 728, f"block{block}_sepconv{i}")
        x = layers.add([x, shortcut])
    x = _shrinking(x, (728, 1024), 13)
    for i, filters in enumerate((1536, 2048), start=1):
        x = _relu(_separable(x, filters, f"block14_sepconv{i}"), f"block14_sepconv{i}_act")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(classes, activation="softmax", name="predictions")(x)
    else:
        x = pooled(x, pooling)
    return finished(inputs, input_tensor, x, "xception", weights, ("Xception", bool(include_top)))

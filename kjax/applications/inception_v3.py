"""InceptionV3 (Szegedy et al., arXiv:1512.00567)."""

from __future__ import annotations

from kjax import layers
from kjax.applications import imagenet_utils
from kjax.applications.common import (
    channel_axis,
    check_weights,
    conv_bn_relu,
    finished,
    image_input,
    input_shape_of,
    pooled,
)
from kjax.applications.imagenet_utils import decode_predictions

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]


def preprocess_input(x, data_format=None):
    """`imagenet_utils.preprocess_input` in mode 'tf'."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


def chain(x, *convolutions):
    """Convolutions one after the other, each (filters, height, width) or (filters, height, width, stride, padding)."""
    for filters, height, width, *rest in convolutions:
        stride, padding = rest or (1, "same")
        x = conv_bn_relu(x, filters, (height, width), strides=(stride, stride), padding=padding)
    return x


def average(x):
    return layers.AveragePooling2D((3, 3), strides=(1, 1), padding="same")(x)


def halved(x):
    return layers.MaxPooling2D((3, 3), strides=(2, 2))(x)


def _join(branches, name=None):
    return layers.concatenate(branches, axis=channel_axis(), name=name)


def stem(inputs):
    """Five convolutions and two poolings: 299 to 35 pixels."""
    x = halved(chain(inputs, (32, 3, 3, 2, "valid"), (32, 3, 3, 1, "valid"), (64, 3, 3)))
    return halved(chain(x, (80, 1, 1, 1, "valid"), (192, 3, 3, 1, "valid")))


def _square(x, pool_filters, name):
    """35x35: 1x1, 5x5 and two 3x3."""
    branches = [
        chain(x, (64, 1, 1)),
        chain(x, (48, 1, 1), (64, 5, 5)),
        chain(x, (64, 1, 1), (96, 3, 3), (96, 3, 3)),
        chain(average(x), (pool_filters, 1, 1)),
    ]
    return _join(branches, name)


def _factored(x, width, name):
    """17x17: 7x7 convolutions as 1x7 and 7x1."""
    branches = [
        chain(x, (192, 1, 1)),
        chain(x, (width, 1, 1), (width, 1, 7), (192, 7, 1)),
        chain(x, (width, 1, 1), (width, 7, 1), (width, 1, 7), (width, 7, 1), (192, 1, 7)),
        chain(average(x), (192, 1, 1)),
    ]
    return _join(branches, name)


def _expanded(x, i, name):
    """8x8: 1x3 and 3x1 side by side."""
    first = chain(x, (320, 1, 1))
    second = chain(x, (384, 1, 1))
    second = _join([chain(second, (384, 1, 3)), chain(second, (384, 3, 1))], f"mixed9_{i}")
    third = chain(x, (448, 1, 1), (384, 3, 3))
    third = _join([chain(third, (384, 1, 3)), chain(third, (384, 3, 1))])
    return _join([first, second, third, chain(average(x), (192, 1, 1))], name)


def InceptionV3(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The InceptionV3 network, as a Model.

    Args:
        include_top: whether the dense layer at the end is included.
        weights: None (random), 'imagenet', or the path of a file.
        input_tensor: tensor to start from, or None for a new input.
        input_shape: of one image; needed only with include_top=False, at least 75x75. Default 299x299x3.
        pooling: without the top: None, 'avg' or 'max' over the last feature map.
        classes: outputs of the top.
    """
    check_weights("InceptionV3", weights, include_top, classes)
    input_shape = input_shape_of("InceptionV3", input_shape, 299, 75, weights, include_top)
    inputs = image_input(input_tensor, input_shape)
    x = stem(inputs)
    for i, pool_filters in enumerate((32, 64, 64)):
        x = _square(x, pool_filters, f"mixed{i}")
    branches = [
        chain(x, (384, 3, 3, 2, "valid")),
        chain(x, (64, 1, 1), (96, 3, 3), (96, 3, 3, 2, "valid")),
        halved(x),
    ]
    x = _join(branches, "mixed3")
    for i, width in enumerate((128, 160, 160, 192), start=4):
        x = _factored(x, width, f"mixed{i}")
    branches = [
        chain(x, (192, 1, 1), (320, 3, 3, 2, "valid")),
        chain(x, (192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3, 2, "valid")),
        halved(x),
    ]
    x = _join(branches, "mixed8")
    for i in range(2):
        x = _expanded(x, i, f"mixed{9 + i}")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(classes, activation="softmax", name="predictions")(x)
    else:
        x = pooled(x, pooling)
    return finished(inputs, input_tensor, x, "inception_v3", weights, ("InceptionV3", bool(include_top)))

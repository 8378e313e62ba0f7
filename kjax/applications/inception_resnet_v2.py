"""InceptionResNetV2: Inception blocks beside a shortcut (Szegedy et al., arXiv:1602.07261)."""

from __future__ import annotations

from kjax import backend as K
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
from kjax.applications.inception_v3 import average, chain, halved, stem

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]


def preprocess_input(x, data_format=None):
    """`imagenet_utils.preprocess_input` in mode 'tf'."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


def _join(branches, name):
    return layers.Concatenate(axis=channel_axis(), name=name)(branches)


def scaled_sum(inputs, scale):
    """inputs[0] + scale * inputs[1]."""
    return inputs[0] + inputs[1] * scale


# size of the feature map: branches of convolutions (filters, height, width), and how much of their sum is added
_BLOCKS = {
    35: ([[(32, 1, 1)], [(32, 1, 1), (32, 3, 3)], [(32, 1, 1), (48, 3, 3), (64, 3, 3)]], 0.17),
    17: ([[(192, 1, 1)], [(128, 1, 1), (160, 1, 7), (192, 7, 1)]], 0.1),
    8: ([[(192, 1, 1)], [(192, 1, 1), (224, 1, 3), (256, 3, 1)]], 0.2),
}


def _block(x, size, number, scale=None, activation="relu"):
    """x + scale * (a 1x1 convolution of the joined branches)."""
    branches, default_scale = _BLOCKS[size]
    name = f"block{size}_{number}"
    mixed = _join([chain(x, *branch) for branch in branches], name + "_mixed")
    shape = K.int_shape(x)[1:]
    up = layers.Conv2D(shape[channel_axis() - 1], 1, padding="same", use_bias=True, name=name + "_conv")(mixed)
    arguments = {"scale": default_scale if scale is None else scale}
    x = layers.Lambda(scaled_sum, output_shape=shape, arguments=arguments, name=name)([x, up])
    return x if activation is None else layers.Activation(activation, name=name + "_ac")(x)


def InceptionResNetV2(
    include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000
):
    """The InceptionResNetV2 network, as a Model.

    Args:
        include_top: whether the dense layer at the end is included.
        weights: None (random), 'imagenet', or the path of a file.
        input_tensor: tensor to start from, or None for a new input.
        input_shape: of one image; needed only with include_top=False, at least 75x75. Default 299x299x3.
        pooling: without the top: None, 'avg' or 'max' over the last feature map.
        classes: outputs of the top.
    """
    check_weights("InceptionResNetV2", weights, include_top, classes)
    input_shape = input_shape_of("InceptionResNetV2", input_shape, 299, 75, weights, include_top)
    inputs = image_input(input_tensor, input_shape)
    x = stem(inputs)
    branches = [
        chain(x, (96, 1, 1)),
        chain(x, (48, 1, 1), (64, 5, 5)),
        chain(x, (64, 1, 1), (96, 3, 3), (96, 3, 3)),
        chain(average(x), (64, 1, 1)),
    ]
    x = _join(branches, "mixed_5b")
    for i in range(1, 11):
        x = _block(x, 35, i)
    branches = [
        chain(x, (384, 3, 3, 2, "valid")),
        chain(x, (256, 1, 1), (256, 3, 3), (384, 3, 3, 2, "valid")),
        halved(x),
    ]
    x = _join(branches, "mixed_6a")
    for i in range(1, 21):
        x = _block(x, 17, i)
    branches = [
        chain(x, (256, 1, 1), (384, 3, 3, 2, "valid")),
        chain(x, (256, 1, 1), (288, 3, 3, 2, "valid")),
        chain(x, (256, 1, 1), (288, 3, 3), (320, 3, 3, 2, "valid")),
        halved(x),
    ]
    x = _join(branches, "mixed_7a")
    for i in range(1, 10):
        x = _block(x, 8, i)
    x = _block(x, 8, 10, scale=1.0, activation=None)
    x = conv_bn_relu(x, 1536, 1, names=("conv_7b", "conv_7b_bn", "conv_7b_ac"))
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(classes, activation="softmax", name="predictions")(x)
    else:
        x = pooled(x, pooling)
    published = ("InceptionResNetV2", bool(include_top))
    return finished(inputs, input_tensor, x, "inception_resnet_v2", weights, published)

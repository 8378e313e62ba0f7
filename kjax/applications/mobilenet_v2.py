"""MobileNetV2: inverted residual blocks (Sandler et al., arXiv:1801.04381)."""

from __future__ import annotations

from kjax import backend as K
from kjax import layers
from kjax.applications import imagenet_utils
from kjax.applications.common import (
    channel_axis,
    check_weights,
    finished,
    image_input,
    input_shape_of,
    pooled,
    strided_padding,
)
from kjax.applications.imagenet_utils import decode_predictions
from kjax.applications.mobilenet import square_size, trained_size

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

_SIZES = (96, 128, 160, 192, 224)
_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
# (filters, number of blocks, stride of the first, expansion)
_STAGES = ((16, 1, 1, 1), (24, 2, 2, 6), (32, 3, 2, 6), (64, 4, 2, 6), (96, 3, 1, 6), (160, 3, 2, 6), (320, 1, 1, 6))


def preprocess_input(x, data_format=None):
    """`imagenet_utils.preprocess_input` in mode 'tf'."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


def _divisible_by_8(count):
    """The multiple of 8 next to `count`, but never below 90 % of it."""
    near = max(8, int(count + 4) // 8 * 8)
    return near + 8 if near < 0.9 * count else near


def _norm(x, name):
    axis = channel_axis() if channel_axis() == 1 else -1
    return layers.BatchNormalization(axis=axis, epsilon=1e-3, momentum=0.999, name=name)(x)


def _block(x, filters, stride, expansion, number):
    """1x1 expansion, depthwise 3x3, 1x1 projection; beside the identity where the shape stays."""
    prefix = f"block_{number}_" if number else "expanded_conv_"
    channels = K.int_shape(x)[channel_axis()]
    y = x
    if number:
        conv = layers.Conv2D(expansion * channels, 1, padding="same", use_bias=False, name=prefix + "expand")
        y = layers.ReLU(6.0, name=prefix + "expand_relu")(_norm(conv(y), prefix + "expand_BN"))
    if stride == 2:
        y = layers.ZeroPadding2D(padding=strided_padding(y, 3), name=prefix + "pad")(y)
    padding = "same" if stride == 1 else "valid"
    conv = layers.DepthwiseConv2D(3, strides=stride, use_bias=False, padding=padding, name=prefix + "depthwise")
    y = layers.ReLU(6.0, name=prefix + "depthwise_relu")(_norm(conv(y), prefix + "depthwise_BN"))
    y = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=prefix + "project")(y)
    y = _norm(y, prefix + "project_BN")
    if channels == filters and stride == 1:
        y = layers.Add(name=prefix + "add")([x, y])
    return y


def MobileNetV2(
    input_shape=None,
    alpha=1.0,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
):
    """The MobileNetV2 network, as a Model.

    Args:
        input_shape: of one image; needed only with include_top=False, at least 32x32. Default 224x224x3.
        alpha: factor on the number of filters; published weights: 0.35, 0.5, 0.75, 1.0, 1.3, 1.4.
        include_top: whether the dense layer at the end is included.
        weights: None (random), 'imagenet', or the path of a file.
        input_tensor: tensor to start from, or None for a new input.
        pooling: without the top: None, 'avg' or 'max' over the last feature map.
        classes: outputs of the top.
    """
    check_weights("MobileNetV2", weights, include_top, classes)
    default_size = square_size(input_shape, input_tensor, _SIZES)
    input_shape = input_shape_of("MobileNetV2", input_shape, default_size, 32, weights, include_top)
    rows, columns = input_shape[:2] if channel_axis() == 3 else input_shape[1:]
    if weights == "imagenet":
        rows = trained_size("MobileNetV2", rows, columns, alpha, _SIZES, _ALPHAS)
    inputs = image_input(input_tensor, input_shape)
    x = layers.ZeroPadding2D(padding=strided_padding(inputs, 3), name="Conv1_pad")(inputs)
    x = layers.Conv2D(_divisible_by_8(32 * alpha), 3, strides=(2, 2), use_bias=False, name="Conv1")(x)
    x = layers.ReLU(6.0, name="Conv1_relu")(_norm(x, "bn_Conv1"))
    number = 0
    for filters, count, stride, expansion in _STAGES:
        for i in range(count):
            x = _block(x, _divisible_by_8(int(filters * alpha)), stride if i == 0 else 1, expansion, number)
            number += 1
    last = _divisible_by_8(1280 * alpha) if alpha > 1.0 else 1280
    x = _norm(layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x), "Conv_1_bn")
    x = layers.ReLU(6.0, name="out_relu")(x)
    if include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(classes, activation="softmax", use_bias=True, name="Logits")(x)
    else:
        x = pooled(x, pooling)
    published = ("MobileNetV2", bool(include_top), float(alpha), rows)
    return finished(inputs, input_tensor, x, f"mobilenetv2_{alpha:.2f}_{rows}", weights, published)

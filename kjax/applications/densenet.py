"""DenseNet121, 169 and 201: every layer sees all before it (Huang et al., arXiv:1608.06993)."""

from __future__ import annotations

from kjax import backend as K
from kjax import layers
from kjax.applications import imagenet_utils
from kjax.applications.common import channel_axis, check_weights, finished, image_input, input_shape_of, pooled
from kjax.applications.imagenet_utils import decode_predictions

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

_EPSILON = 1.001e-5
_GROWTH = 32


def preprocess_input(x, data_format=None):
    """`imagenet_utils.preprocess_input` in mode 'torch'."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="torch")


def _norm_relu(x, norm_name, relu_name):
    x = layers.BatchNormalization(axis=channel_axis(), epsilon=_EPSILON, name=norm_name)(x)
    return layers.Activation("relu", name=relu_name)(x)


def _layer(x, name):
    """32 new channels from all the old ones, put beside them."""
    y = _norm_relu(x, name + "_0_bn", name + "_0_relu")
    y = layers.Conv2D(4 * _GROWTH, 1, use_bias=False, name=name + "_1_conv")(y)
    y = _norm_relu(y, name + "_1_bn", name + "_1_relu")
    y = layers.Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=name + "_2_conv")(y)
    return layers.Concatenate(axis=channel_axis(), name=name + "_concat")([x, y])


def _transition(x, name):
    """Half the channels, half the size."""
    x = _norm_relu(x, name + "_bn", name + "_relu")
    x = layers.Conv2D(K.int_shape(x)[channel_axis()] // 2, 1, use_bias=False, name=name + "_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=name + "_pool")(x)


def _build(title, blocks, include_top, weights, input_tensor, input_shape, pooling, classes):
    check_weights(title, weights, include_top, classes)
    input_shape = input_shape_of(title, input_shape, 224, 32, weights, include_top)
    inputs = image_input(input_tensor, input_shape)
    x = layers.ZeroPadding2D(padding=((3, 3), (3, 3)))(inputs)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1/conv")(x)
    x = _norm_relu(x, "conv1/bn", "conv1/relu")
    x = layers.ZeroPadding2D(padding=((1, 1), (1, 1)))(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, count in enumerate(blocks, start=2):
        for i in range(1, count + 1):
            x = _layer(x, f"conv{stage}_block{i}")
        if stage < 5:
            x = _transition(x, f"pool{stage}")
    x = _norm_relu(x, "bn", "relu")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(classes, activation="softmax", name="fc1000")(x)
    else:
        x = pooled(x, pooling, ("avg_pool", "max_pool"))
    return finished(inputs, input_tensor, x, title.lower(), weights, (title, bool(include_top)))


def DenseNet121(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The DenseNet121 network, as a Model.

    Args:
        include_top: whether the dense layer at the end is included.
        weights: None (random), 'imagenet', or the path of a file.
        input_tensor: tensor to start from, or None for a new input.
        input_shape: of one image; needed only with include_top=False, at least 32x32. Default 224x224x3.
        pooling: without the top: None, 'avg' or 'max' over the last feature map.
        classes: outputs of the top.
    """
    rest = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return _build("DenseNet121", (6, 12, 24, 16), *rest)


def DenseNet169(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The DenseNet169 network; arguments as of `DenseNet121`."""
    rest = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return _build("DenseNet169", (6, 12, 32, 32), *rest)


def DenseNet201(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The DenseNet201 network; arguments as of `DenseNet121`."""
    rest = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return _build("DenseNet201", (6, 12, 48, 32), *rest)

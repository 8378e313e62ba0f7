"""NASNetMobile and NASNetLarge: cells found by search (Zoph et al., arXiv:1707.07012)."""

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

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]


def preprocess_input(x, data_format=None):
    """`imagenet_utils.preprocess_input` in mode 'tf'."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


def _axis():
    return 1 if channel_axis() == 1 else -1


def _norm(x, name):
    return layers.BatchNormalization(axis=_axis(), momentum=0.9997, epsilon=1e-3, name=name)(x)


def _pointwise(x, filters, name):
    conv = layers.Conv2D(filters, (1, 1), padding="same", use_bias=False, kernel_initializer="he_normal", name=name)
    return conv(x)


def _separable(x, filters, size, name, stride=1):
    """Two separable convolutions; the stride is the first one's."""
    with K.name_scope("separable_conv_block_" + name):
        x = layers.Activation("relu")(x)
        padding = "same"
        if stride == 2:
            x = layers.ZeroPadding2D(padding=strided_padding(x, size), name="separable_conv_1_pad_" + name)(x)
            padding = "valid"
        for i, (step, pad) in enumerate(((stride, padding), (1, "same")), start=1):
            if i == 2:
                x = layers.Activation("relu")(x)
            name_i = f"separable_conv_{i}_{name}"
            conv = layers.SeparableConv2D(
                filters, (size, size), strides=(step, step), padding=pad, use_bias=False, name=name_i
            )
            x = _norm(conv(x), f"separable_conv_{i}_bn_{name}")
        return x


def _adjusted(p, x, filters, name):
    """The output of the cell before last, brought to the size and the number of filters that are wanted beside `x`."""
    size_axis = 1 if _axis() == -1 else 2
    with K.name_scope("adjust_block"):
        if p is None:
            return x
        if K.int_shape(p)[size_axis] != K.int_shape(x)[size_axis]:
            with K.name_scope("adjust_reduction_block_" + name):
                return _halved(p, filters, name)
        if K.int_shape(p)[_axis()] != filters:
            with K.name_scope("adjust_projection_block_" + name):
                p = layers.Activation("relu")(p)
                return _norm(_pointwise(p, filters, "adjust_conv_projection_" + name), "adjust_bn_" + name)
        return p


def _halved(p, filters, name):
    """Every second pixel, and every second one between them, each with half the filters."""
    p = layers.Activation("relu", name="adjust_relu_1_" + name)(p)
    p1 = layers.AveragePooling2D((1, 1), strides=(2, 2), name="adjust_avg_pool_1_" + name)(p)
    p1 = _pointwise(p1, filters // 2, "adjust_conv_1_" + name)
    p2 = layers.ZeroPadding2D(padding=((0, 1), (0, 1)))(p)
    p2 = layers.Cropping2D(cropping=((1, 0), (1, 0)))(p2)
    p2 = layers.AveragePooling2D((1, 1), strides=(2, 2), name="adjust_avg_pool_2_" + name)(p2)
    p2 = _pointwise(p2, filters // 2, "adjust_conv_2_" + name)
    return _norm(layers.concatenate([p1, p2], axis=_axis()), "adjust_bn_" + name)


def _average(x, name):
    return layers.AveragePooling2D((3, 3), strides=(1, 1), padding="same", name=name)(x)


def _normal_cell(x, p, filters, name):
    """(output, x): five sums of two branches, joined with the input before."""
    with K.name_scope("normal_A_block_" + name):
        p = _adjusted(p, x, filters, name)
        h = layers.Activation("relu")(x)
        h = _norm(_pointwise(h, filters, "normal_conv_1_" + name), "normal_bn_1_" + name)
        with K.name_scope("block_1"):
            left1 = _separable(h, filters, 5, "normal_left1_" + name)
            right1 = _separable(p, filters, 3, "normal_right1_" + name)
            x1 = layers.add([left1, right1], name="normal_add_1_" + name)
        with K.name_scope("block_2"):
            left2 = _separable(p, filters, 5, "normal_left2_" + name)
            right2 = _separable(p, filters, 3, "normal_right2_" + name)
            x2 = layers.add([left2, right2], name="normal_add_2_" + name)
        x3 = layers.add([_average(h, "normal_left3_" + name), p], name="normal_add_3_" + name)
        left4, right4 = _average(p, "normal_left4_" + name), _average(p, "normal_right4_" + name)
        x4 = layers.add([left4, right4], name="normal_add_4_" + name)
        with K.name_scope("block_5"):
            left5 = _separable(h, filters, 3, "normal_left5_" + name)
            x5 = layers.add([left5, h], name="normal_add_5_" + name)
        return layers.concatenate([p, x1, x2, x3, x4, x5], axis=_axis(), name="normal_concat_" + name), x


def _reduction_cell(x, p, filters, name):
    """(output, x): half the size."""
    with K.name_scope("reduction_A_block_" + name):
        p = _adjusted(p, x, filters, name)
        h = layers.Activation("relu")(x)
        h = _norm(_pointwise(h, filters, "reduction_conv_1_" + name), "reduction_bn_1_" + name)
        padded = layers.ZeroPadding2D(padding=strided_padding(h, 3), name="reduction_pad_1_" + name)(h)
        with K.name_scope("block_1"):
            left1 = _separable(h, filters, 5, "reduction_left1_" + name, stride=2)
            right1 = _separable(p, filters, 7, "reduction_right1_" + name, stride=2)
            x1 = layers.add([left1, right1], name="reduction_add_1_" + name)
        with K.name_scope("block_2"):
            left2 = layers.MaxPooling2D((3, 3), strides=(2, 2), name="reduction_left2_" + name)(padded)
            right2 = _separable(p, filters, 7, "reduction_right2_" + name, stride=2)
            x2 = layers.add([left2, right2], name="reduction_add_2_" + name)
        with K.name_scope("block_3"):
            left3 = layers.AveragePooling2D((3, 3), strides=(2, 2), name="reduction_left3_" + name)(padded)
            right3 = _separable(p, filters, 5, "reduction_right3_" + name, stride=2)
            x3 = layers.add([left3, right3], name="reduction_add3_" + name)
        x4 = layers.add([x2, _average(x1, "reduction_left4_" + name)])
        with K.name_scope("block_5"):
            left5 = _separable(x1, filters, 3, "reduction_left4_" + name)
            right5 = layers.MaxPooling2D((3, 3), strides=(2, 2), name="reduction_right5_" + name)(padded)
            x5 = layers.add([left5, right5], name="reduction_add4_" + name)
        return layers.concatenate([x2, x3, x4, x5], axis=_axis(), name="reduction_concat_" + name), x


def _build(title, size, filters, blocks, stem_filters, skip_reduction, arguments):
    input_shape, include_top, weights, input_tensor, pooling, classes = arguments
    check_weights(title, weights, include_top, classes)
    input_shape = input_shape_of(title, input_shape, size, 32, weights, True)
    inputs = image_input(input_tensor, input_shape)
    conv = layers.Conv2D(
        stem_filters, (3, 3), strides=(2, 2), use_bias=False, kernel_initializer="he_normal", name="stem_conv1"
    )
    x = _norm(conv(inputs), "stem_bn1")
    x, p = _reduction_cell(x, None, filters // 4, "stem_1")
    x, p = _reduction_cell(x, p, filters // 2, "stem_2")
    for stage in range(3):
        if stage:
            x, before = _reduction_cell(x, p, filters * 2**stage, f"reduce_{stage * blocks}")
            p = p if skip_reduction else before
        for i in range(blocks):
            # a reduction cell takes a number, too
            x, p = _normal_cell(x, p, filters * 2**stage, str(stage * blocks + i + (stage > 0)))
    x = layers.Activation("relu")(x)
    if include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(classes, activation="softmax", name="predictions")(x)
    else:
        x = pooled(x, pooling)
    return finished(inputs, input_tensor, x, "NASNet", weights, (title, bool(include_top)))


def NASNetMobile(input_shape=None, include_top=True, weights="imagenet", input_tensor=None, pooling=None, classes=1000):
    """The NASNetMobile network, as a Model.

    Args:
        input_shape: of one image, static, at least 32x32. Default 224x224x3.
        include_top: whether the dense layer at the end is included.
        weights: None (random), 'imagenet', or the path of a file.
        input_tensor: tensor to start from, or None for a new input.
        pooling: without the top: None, 'avg' or 'max' over the last feature map.
        classes: outputs of the top.
    """
    arguments = (input_shape, include_top, weights, input_tensor, pooling, classes)
    return _build("NASNetMobile", 224, 1056 // 24, 4, 32, False, arguments)


def NASNetLarge(input_shape=None, include_top=True, weights="imagenet", input_tensor=None, pooling=None, classes=1000):
    """The NASNetLarge network; default input 331x331x3, other arguments as of `NASNetMobile`."""
    arguments = (input_shape, include_top, weights, input_tensor, pooling, classes)
    return _build("NASNetLarge", 331, 4032 // 24, 6, 96, True, arguments)

"""The builder of ResNet, ResNetV2 and ResNeXt: one stem, one top, three kinds of block."""

from __future__ import annotations

import functools

from kjax import backend as K
from kjax import layers
from kjax.applications.common import channel_axis, check_weights, finished, image_input, input_shape_of, pooled

# Blocks per stage; the stages have 64, 128, 256, 512 filters
DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_EPSILON = 1.001e-5


def batch_norm(x, name):
    return layers.BatchNormalization(axis=channel_axis(), epsilon=_EPSILON, name=name + "_bn")(x)


def norm_relu(x, name):
    return layers.Activation("relu", name=name + "_relu")(batch_norm(x, name))


def block_v1(x, filters, name, stride, first):
    """1x1, 3x3, 1x1 convolutions, normalised, beside the identity or, in the first block, a 1x1 convolution."""
    shortcut = x
    if first:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=name + "_0_conv")(x)
        shortcut = batch_norm(shortcut, name + "_0")
    y = norm_relu(layers.Conv2D(filters, 1, strides=stride, name=name + "_1_conv")(x), name + "_1")
    y = norm_relu(layers.Conv2D(filters, 3, padding="same", name=name + "_2_conv")(y), name + "_2")
    y = batch_norm(layers.Conv2D(4 * filters, 1, name=name + "_3_conv")(y), name + "_3")
    y = layers.Add(name=name + "_add")([shortcut, y])
    return layers.Activation("relu", name=name + "_out")(y)


def stage(block, x, filters, blocks, name, last):
    """The first block of a stage halves the size (in stage 2 the pooling did)."""
    stride = 1 if name == "conv2" else 2
    for i in range(1, blocks + 1):
        x = block(x, filters, f"{name}_block{i}", stride if i == 1 else 1, first=i == 1)
    return x


def block_v2(x, filters, name, stride, first):
    """Normalisation and ReLU come before the convolutions; the shortcut is not normalised."""
    before = norm_relu(x, name + "_preact")
    if first:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=name + "_0_conv")(before)
    else:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    y = layers.Conv2D(filters, 1, strides=1, use_bias=False, name=name + "_1_conv")(before)
    y = norm_relu(y, name + "_1")
    y = layers.ZeroPadding2D(padding=((1, 1), (1, 1)), name=name + "_2_pad")(y)
    y = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=name + "_2_conv")(y)
    y = norm_relu(y, name + "_2")
    y = layers.Conv2D(4 * filters, 1, name=name + "_3_conv")(y)
    return layers.Add(name=name + "_out")([shortcut, y])


def stage_v2(x, filters, blocks, name, last):
    """The last block of a stage halves the size (in the last stage none does)."""
    x = block_v2(x, filters, name + "_block1", 1, first=True)
    for i in range(2, blocks):
        x = block_v2(x, filters, f"{name}_block{i}", 1, first=False)
    return block_v2(x, filters, f"{name}_block{blocks}", 1 if last else 2, first=False)


def sum_products(x):
    """Sum over axis 4: the products of a group's inputs with one output's kernel."""
    return K.sum(x, axis=4)


def block_x(x, filters, name, stride, first, groups=32):
    """Like block_v1 with twice the filters and a 3x3 convolution in 32 groups.

    The groups are a depthwise convolution with one output per channel of the group, summed over the group.
    """
    shortcut = x
    if first:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, use_bias=False, name=name + "_0_conv")(x)
        shortcut = batch_norm(shortcut, name + "_0")
    y = norm_relu(layers.Conv2D(2 * filters, 1, use_bias=False, name=name + "_1_conv")(x), name + "_1")
    width = 2 * filters // groups
    y = layers.ZeroPadding2D(padding=((1, 1), (1, 1)), name=name + "_2_pad")(y)
    y = layers.DepthwiseConv2D(3, strides=stride, depth_multiplier=width, use_bias=False, name=name + "_2_conv")(y)
    size = K.int_shape(y)[1:-1]
    y = layers.Reshape((*size, groups, width, width))(y)
    y = layers.Lambda(sum_products, name=name + "_2_reduce")(y)
    y = layers.Reshape((*size, 2 * filters))(y)
    y = norm_relu(y, name + "_2")
    y = layers.Conv2D(4 * filters, 1, use_bias=False, name=name + "_3_conv")(y)
    y = layers.Add(name=name + "_add")([shortcut, batch_norm(y, name + "_3")])
    return layers.Activation("relu", name=name + "_out")(y)


_STAGES = {"": functools.partial(stage, block_v1), "V2": stage_v2, "X": functools.partial(stage, block_x)}


def build(title, kind, depth, include_top, weights, input_tensor, input_shape, pooling, classes):
    """A residual network.

    Args:
        title: its name, such as 'ResNet50V2'.
        kind: '' (ResNet), 'V2' or 'X' (ResNeXt).
        depth: 50, 101 or 152.
        include_top, weights, input_tensor, input_shape, pooling, classes: as in `ResNet101`.
    """
    check_weights(title, weights, include_top, classes)
    input_shape = input_shape_of(title, input_shape, 224, 32, weights, include_top)
    if kind == "X" and (None in input_shape or channel_axis() == 1):
        raise ValueError(f"{title}: needs data format channels_last and a static input_shape, received {input_shape}")
    inputs = image_input(input_tensor, input_shape)
    x = layers.ZeroPadding2D(padding=((3, 3), (3, 3)), name="conv1_pad")(inputs)
    x = layers.Conv2D(64, 7, strides=2, use_bias=kind != "X", name="conv1_conv")(x)
    if kind != "V2":
        x = norm_relu(x, "conv1")
    x = layers.ZeroPadding2D(padding=((1, 1), (1, 1)), name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for i, blocks in enumerate(DEPTHS[depth]):
        x = _STAGES[kind](x, 64 * 2**i, blocks, f"conv{i + 2}", last=i == 3)
    if kind == "V2":
        x = norm_relu(x, "post")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(classes, activation="softmax", name="probs")(x)
    else:
        x = pooled(x, pooling, ("avg_pool", "max_pool"))
    return finished(inputs, input_tensor, x, title.lower(), weights, (title, bool(include_top)))

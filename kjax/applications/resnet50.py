"""ResNet50 with the layer names of 2015 (He et al., arXiv:1512.03385); `resnet` has the others."""

from __future__ import annotations

from kjax import layers
from kjax.applications.common import channel_axis, check_weights, finished, image_input, input_shape_of, pooled
from kjax.applications.imagenet_utils import decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]

# stage: (number of blocks, filters, stride of the first)
_STAGES = {2: (3, 64, 1), 3: (4, 128, 2), 4: (6, 256, 2), 5: (3, 512, 2)}


def _convolution(x, filters, size, name, strides=(1, 1), padding="valid"):
    """Convolution `res<name>` and batch normalisation `bn<name>`."""
    conv = layers.Conv2D(
        filters, size, strides=strides, padding=padding, kernel_initializer="he_normal", name="res" + name
    )
    return layers.BatchNormalization(axis=channel_axis(), name="bn" + name)(conv(x))


def _block(x, filters, name, strides, projected):
    """1x1, 3x3, 1x1 convolutions beside the identity, or beside a 1x1 convolution where the shape changes."""
    y = layers.Activation("relu")(_convolution(x, filters, (1, 1), name + "_branch2a", strides))
    y = layers.Activation("relu")(_convolution(y, filters, (3, 3), name + "_branch2b", padding="same"))
    y = _convolution(y, 4 * filters, (1, 1), name + "_branch2c")
    if projected:
        x = _convolution(x, 4 * filters, (1, 1), name + "_branch1", strides)
    return layers.Activation("relu")(layers.add([y, x]))


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
    check_weights("ResNet50", weights, include_top, classes)
    input_shape = input_shape_of("ResNet50", input_shape, 224, 32, weights, include_top)
    inputs = image_input(input_tensor, input_shape)
    x = layers.ZeroPadding2D((3, 3), name="conv1_pad")(inputs)
    conv = layers.Conv2D(64, (7, 7), strides=(2, 2), kernel_initializer="he_normal", name="conv1")
    x = layers.Activation("relu")(layers.BatchNormalization(axis=channel_axis(), name="bn_conv1")(conv(x)))
    x = layers.ZeroPadding2D((1, 1), name="pool1_pad")(x)
    x = layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
    for stage, (blocks, filters, stride) in _STAGES.items():
        for i in range(blocks):
            strides = (stride, stride) if i == 0 else (1, 1)
            x = _block(x, filters, f"{stage}{'abcdef'[i]}", strides, projected=i == 0)
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(classes, activation="softmax", name="fc1000")(x)
    else:
        x = pooled(x, pooling)
    return finished(inputs, input_tensor, x, "resnet50", weights, ("resnet50.ResNet50", bool(include_top)))

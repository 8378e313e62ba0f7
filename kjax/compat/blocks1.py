"""Building blocks that `keras.applications` offered before Keras 2.2."""

from __future__ import annotations

from kjax import layers
from kjax.applications.common import channel_axis, conv_bn_relu
from kjax.keras1.call_conversion import converting
from kjax.keras1.rules import interface


def _convolution(x, filters, size, names, **kwargs):
    """A convolution and its normalisation."""
    x = layers.Conv2D(filters, size, name=names[0], **kwargs)(x)
    return layers.BatchNormalization(axis=channel_axis(), name=names[1])(x)


def _residual(x, kernel_size, filters, stage, block, shortcut, strides):
    names = lambda part: (f"res{stage}{block}_branch{part}", f"bn{stage}{block}_branch{part}")
    first, second, third = filters
    y = layers.Activation("relu")(_convolution(x, first, (1, 1), names("2a"), strides=strides))
    y = layers.Activation("relu")(_convolution(y, second, kernel_size, names("2b"), padding="same"))
    y = _convolution(y, third, (1, 1), names("2c"))
    if shortcut:
        x = _convolution(x, third, (1, 1), names("1"), strides=strides)
    return layers.Activation("relu")(layers.add([y, x]))


def identity_block(input_tensor, kernel_size, filters, stage, block):
    """ResNet's block of three convolutions around which the input passes unchanged.

    Args:
        input_tensor: of as many channels as the third convolution has filters.
        kernel_size: of the middle convolution.
        filters: the three numbers of filters.
        stage: int, for the layers' names.
        block: letter, for the layers' names.
    """
    return _residual(input_tensor, kernel_size, filters, stage, block, shortcut=False, strides=(1, 1))


def conv_block(input_tensor, kernel_size, filters, stage, block, strides=(2, 2)):
    """ResNet's block of three convolutions around which the input passes through a fourth.

    Args:
        input_tensor: any image.
        kernel_size: of the middle convolution.
        filters: the three numbers of filters.
        stage: int, for the layers' names.
        block: letter, for the layers' names.
        strides: of the first and the fourth convolution.
    """
    return _residual(input_tensor, kernel_size, filters, stage, block, shortcut=True, strides=strides)


_OLD = {
    "nb_filter": "filters",
    "nb_row": "num_row",
    "nb_col": "num_col",
    "border_mode": "padding",
    "subsample": "strides",
}


@converting(interface(None, _OLD), "conv2d_bn", method=False)
def conv2d_bn(x, filters, num_row, num_col, padding="same", strides=(1, 1), name=None):
    """Inception's convolution, normalisation without scale, and ReLU.

    Args:
        x: an image.
        filters: number of filters.
        num_row, num_col: size of the kernel.
        padding: 'same' or 'valid'.
        strides: pair of ints.
        name: the layers are called name_conv, name_bn and name.
    """
    names = (f"{name}_conv", f"{name}_bn", name) if name else (None, None, None)
    return conv_bn_relu(x, filters, (num_row, num_col), strides, padding, names)

"""MobileNet: depthwise separable convolutions (Howard et al., arXiv:1704.04861)."""

from __future__ import annotations

import warnings

from kjax import backend as K
from kjax import layers
from kjax.applications import imagenet_utils
from kjax.applications.common import channel_axis, check_weights, finished, image_input, input_shape_of, pooled
from kjax.applications.imagenet_utils import decode_predictions

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

_SIZES = (128, 160, 192, 224)
_ALPHAS = (0.25, 0.5, 0.75, 1.0)
# (filters, stride) of the 13 separable convolutions
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def preprocess_input(x, data_format=None):
    """`imagenet_utils.preprocess_input` in mode 'tf'."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


def square_size(input_shape, input_tensor, sizes, default=224):
    """The size of square images if it is one of `sizes`, else `default`."""
    if input_shape is None and input_tensor is not None:
        input_shape = K.int_shape(input_tensor)[1:]
    if input_shape is None or len(input_shape) != 3:
        return default
    height, width = input_shape[:2] if channel_axis() == 3 else input_shape[1:]
    return height if height == width and height in sizes else default


def trained_size(title, rows, columns, alpha, sizes, alphas):
    """The image size of the published weights; ValueError where there are none for `alpha`."""
    if alpha not in alphas:
        raise ValueError(f"{title}: weights='imagenet' needs alpha to be one of {alphas}, received {alpha!r}")
    if rows == columns and rows in sizes:
        return rows
    warnings.warn(
        f"{title}: `input_shape` is undefined or non-square, or `rows` is not in {list(sizes)}. Weights for input "
        "shape (224, 224) will be loaded as the default.",
        stacklevel=3,
    )
    return 224


def _norm_relu6(x, name):
    x = layers.BatchNormalization(axis=channel_axis() if channel_axis() == 1 else -1, name=name + "_bn")(x)
    return layers.ReLU(6.0, name=name + "_relu")(x)


def _separable(x, filters, depth_multiplier, stride, number):
    """Depthwise 3x3 and pointwise 1x1 convolution, both normalised."""
    if stride > 1:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
    conv = layers.DepthwiseConv2D(
        (3, 3),
        padding="same" if stride == 1 else "valid",
        depth_multiplier=depth_multiplier,
        strides=(stride, stride),
        use_bias=False,
        name=f"conv_dw_{number}",
    )
    x = _norm_relu6(conv(x), f"conv_dw_{number}")
    x = layers.Conv2D(filters, (1, 1), padding="same", use_bias=False, name=f"conv_pw_{number}")(x)
    return _norm_relu6(x, f"conv_pw_{number}")


def MobileNet(
    input_shape=None,
    alpha=1.0,
    depth_multiplier=1,
    dropout=1e-3,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
):
    """The MobileNet network, as a Model.

    Args:
        input_shape: of one image; needed only with include_top=False, at least 32x32. Default 224x224x3.
        alpha: factor on the number of filters; published weights: 0.25, 0.5, 0.75, 1.0.
        depth_multiplier: outputs per channel of the depthwise convolutions; published weights: 1.
        dropout: rate before the last layer.
        include_top: whether the classifier at the end is included.
        weights: None (random), 'imagenet', or the path of a file.
        input_tensor: tensor to start from, or None for a new input.
        pooling: without the top: None, 'avg' or 'max' over the last feature map.
        classes: outputs of the top.
    """
    check_weights("MobileNet", weights, include_top, classes)
    default_size = square_size(input_shape, None, _SIZES)
    input_shape = input_shape_of("MobileNet", input_shape, default_size, 32, weights, include_top)
    rows, columns = input_shape[:2] if channel_axis() == 3 else input_shape[1:]
    if weights == "imagenet":
        if depth_multiplier != 1:
            raise ValueError(f"MobileNet: weights='imagenet' needs depth_multiplier=1, received {depth_multiplier!r}")
        rows = trained_size("MobileNet", rows, columns, alpha, _SIZES, _ALPHAS)
    inputs = image_input(input_tensor, input_shape)
    x = layers.ZeroPadding2D(padding=((0, 1), (0, 1)), name="conv1_pad")(inputs)
    x = layers.Conv2D(int(32 * alpha), (3, 3), use_bias=False, strides=(2, 2), name="conv1")(x)
    x = _norm_relu6(x, "conv1")
    for number, (filters, stride) in enumerate(_BLOCKS, start=1):
        x = _separable(x, int(filters * alpha), depth_multiplier, stride, number)
    if include_top:
        channels = int(1024 * alpha)
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Reshape((1, 1, channels) if channel_axis() == 3 else (channels, 1, 1))(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, (1, 1), padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,))(x)
        x = layers.Activation("softmax", name="act_softmax")(x)
    else:
        x = pooled(x, pooling)
    published = ("MobileNet", bool(include_top), float(alpha), rows)
    return finished(inputs, input_tensor, x, f"mobilenet_{alpha:.2f}_{rows}", weights, published)

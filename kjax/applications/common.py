"""What all applications share: checking arguments, the input, the end of the network, the weights."""

from __future__ import annotations

import os
import warnings

from kjax import backend as K
from kjax import layers
from kjax.applications.published import WEIGHTS
from kjax.engine.input_layer import Input
from kjax.models import Model
from kjax.utils.downloads import get_file
from kjax.utils.layer_utils import get_source_inputs


def channel_axis() -> int:
    """Axis of the channels of a batch of images, by the backend's data format."""
    return 3 if K.image_data_format() == "channels_last" else 1


def check_weights(name, weights, include_top, classes) -> None:
    """ValueError unless weights are None, 'imagenet' or a file, and fit the number of classes."""
    if weights not in ("imagenet", None) and not os.path.exists(weights):
        raise ValueError(
            f"{name}: weights must be None (random numbers), 'imagenet' (pre-training on ImageNet) or the path of a "
            f"file, received {weights!r}"
        )
    if weights == "imagenet" and include_top and classes != 1000:
        raise ValueError(f"{name}: weights='imagenet' with include_top needs classes=1000, received {classes!r}")


def input_shape_of(name, input_shape, default_size, min_size, weights, static):
    """The shape of one image, checked.

    Args:
        name: of the application, for errors.
        input_shape: the caller's, or None.
        default_size: height and width without one.
        min_size: least height and width.
        weights: the caller's argument.
        static: whether height and width must be known (and, for 'imagenet', the default).
    """
    first = K.image_data_format() == "channels_first"

    def arranged(size, channels):
        return (channels, size, size) if first else (size, size, channels)

    if input_shape is not None:
        input_shape = tuple(input_shape)
        if len(input_shape) != 3:
            raise ValueError(f"{name}: input_shape must have three entries, received {input_shape}")
    channels = 3 if input_shape is None else input_shape[0 if first else -1]
    if weights == "imagenet":
        if channels != 3:
            raise ValueError(f"{name}: weights='imagenet' needs 3 input channels, received input_shape={input_shape}")
        if static and input_shape not in (None, arranged(default_size, 3)):
            raise ValueError(
                f"{name}: weights='imagenet' with include_top needs input_shape={arranged(default_size, 3)}, "
                f"received {input_shape}"
            )
    elif channels not in (1, 3):
        warnings.warn(
            f"{name}: this model usually expects 1 or 3 input channels. However, it was passed an input_shape with "
            f"{channels} input channels.",
            stacklevel=4,
        )
    if input_shape is None:
        return arranged(default_size if static else None, 3)
    size = input_shape[1:] if first else input_shape[:2]
    if any(length is not None and length < min_size for length in size):
        raise ValueError(f"{name}: input must be at least {min_size} x {min_size}, received input_shape={input_shape}")
    if static and None in input_shape:
        raise ValueError(f"{name}: include_top needs a static input_shape, received {input_shape}")
    return input_shape


def image_input(input_tensor, input_shape):
    """The tensor that the network starts from: the caller's, or a new input."""
    if input_tensor is None:
        return Input(shape=input_shape)
    if K.is_keras_tensor(input_tensor):
        return input_tensor
    return Input(tensor=input_tensor, shape=input_shape)


def pooled(x, pooling, names=(None, None)):
    """`x` after global pooling 'avg' or 'max', or as it is for None; `names` for the two layers."""
    if pooling == "avg":
        return layers.GlobalAveragePooling2D(name=names[0])(x)
    if pooling == "max":
        return layers.GlobalMaxPooling2D(name=names[1])(x)
    if pooling is not None:
        raise ValueError(f"pooling must be 'avg', 'max' or None, received {pooling!r}")
    return x


def conv_bn_relu(x, filters, size, strides=(1, 1), padding="same", names=(None, None, None)):
    """Convolution without bias, batch normalisation without gamma, ReLU: what the Inception networks are made of."""
    x = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False, name=names[0])(x)
    x = layers.BatchNormalization(axis=channel_axis(), scale=False, name=names[1])(x)
    return layers.Activation("relu", name=names[2])(x)


def strided_padding(x, kernel_size):
    """((top, bottom), (left, right)) before a strided 'valid' convolution that then covers what 'same' would."""
    size = K.int_shape(x)[1:3] if channel_axis() == 3 else K.int_shape(x)[2:4]
    half = kernel_size // 2
    return tuple((half - (1 if length is None else 1 - length % 2), half) for length in size)


def finished(inputs, input_tensor, x, name, weights, published):
    """The model, with its weights loaded.

    Args:
        inputs: tensor that the network starts from.
        input_tensor: the caller's, or None.
        x: output.
        name: of the model.
        weights: None, 'imagenet' or a path.
        published: key of the weights in `published.WEIGHTS`.
    """
    model = Model(get_source_inputs(input_tensor) if input_tensor is not None else inputs, x, name=name)
    if weights == "imagenet":
        if published not in WEIGHTS:
            raise ValueError(f"{name}: there are no published ImageNet weights for {published}")
        file, origin, file_hash = WEIGHTS[published]
        model.load_weights(get_file(file, origin, cache_subdir="models", file_hash=file_hash))
    elif weights is not None:
        model.load_weights(weights)
    return model

"""The builder of VGG16 and VGG19: blocks of 3x3 convolutions, each block ended by a pooling."""

from __future__ import annotations

from kjax import layers
from kjax.applications.common import check_weights, finished, image_input, input_shape_of, pooled

_FILTERS = (64, 128, 256, 512, 512)


def build(title, depths, include_top, weights, input_tensor, input_shape, pooling, classes):
    """A VGG network.

    Args:
        title: 'VGG16' or 'VGG19'.
        depths: number of convolutions in each of the five blocks.
        include_top, weights, input_tensor, input_shape, pooling, classes: as in `VGG16`.
    """
    check_weights(title, weights, include_top, classes)
    input_shape = input_shape_of(title, input_shape, 224, 32, weights, include_top)
    inputs = x = image_input(input_tensor, input_shape)
    for block, (depth, filters) in enumerate(zip(depths, _FILTERS, strict=True), start=1):
        for i in range(1, depth + 1):
            name = f"block{block}_conv{i}"
            x = layers.Conv2D(filters, (3, 3), activation="relu", padding="same", name=name)(x)
        x = layers.MaxPooling2D((2, 2), strides=(2, 2), name=f"block{block}_pool")(x)
    if include_top:
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(4096, activation="relu", name="fc1")(x)
        x = layers.Dense(4096, activation="relu", name="fc2")(x)
        x = layers.Dense(classes, activation="softmax", name="predictions")(x)
    else:
        x = pooled(x, pooling)
    return finished(inputs, input_tensor, x, title.lower(), weights, (title, bool(include_top)))

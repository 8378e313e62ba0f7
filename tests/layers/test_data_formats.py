"""channels_first equals channels_last transposed: outputs and gradients of every layer that knows both."""

import inspect

import numpy as np
import pytest

from kjax import backend as K
from kjax import layers as L
from tests.layers.table import NO_ROW, ROWS

CASES = {
    "Conv1D": lambda **k: L.Conv1D(4, 3, strides=2, padding="same", **k),
    "Conv2D": lambda **k: L.Conv2D(4, (3, 2), dilation_rate=(1, 2), activation="relu", **k),
    "Conv3D": lambda **k: L.Conv3D(2, (2, 3, 2), strides=(1, 2, 1), padding="same", **k),
    "Conv2DTranspose": lambda **k: L.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1, **k),
    "Conv3DTranspose": lambda **k: L.Conv3DTranspose(2, 2, strides=(1, 2, 2), **k),
    "SeparableConv1D": lambda **k: L.SeparableConv1D(4, 3, depth_multiplier=2, dilation_rate=2, **k),
    "SeparableConv2D": lambda **k: L.SeparableConv2D(4, 3, depth_multiplier=2, padding="same", **k),
    "DepthwiseConv2D": lambda **k: L.DepthwiseConv2D((3, 2), strides=(2, 2), depth_multiplier=2, padding="same", **k),
    "LocallyConnected1D": lambda **k: L.LocallyConnected1D(4, 3, strides=2, **k),
    "LocallyConnected2D": lambda **k: L.LocallyConnected2D(4, (3, 2), use_bias=False, **k),
    "ConvLSTM2D": lambda **k: L.ConvLSTM2D(2, (3, 2), return_sequences=True, padding="same", **k),
    "MaxPooling1D": lambda **k: L.MaxPooling1D(3, 2, **k),
    "MaxPooling2D": lambda **k: L.MaxPooling2D((3, 2), 2, "same", **k),
    "MaxPooling3D": lambda **k: L.MaxPooling3D(2, (1, 2, 1), **k),
    "AveragePooling1D": lambda **k: L.AveragePooling1D(3, 2, "same", **k),
    "AveragePooling2D": lambda **k: L.AveragePooling2D((3, 2), 1, "same", **k),
    "AveragePooling3D": lambda **k: L.AveragePooling3D(2, **k),
    "ZeroPadding2D": lambda **k: L.ZeroPadding2D(((1, 0), (2, 3)), **k),
    "ZeroPadding3D": lambda **k: L.ZeroPadding3D((1, 0, 2), **k),
    "Cropping2D": lambda **k: L.Cropping2D(((1, 0), (2, 1)), **k),
    "Cropping3D": lambda **k: L.Cropping3D(((1, 0), (0, 1), (1, 1)), **k),
    "UpSampling2D": lambda **k: L.UpSampling2D((2, 3), interpolation="bilinear", **k),
    "UpSampling3D": lambda **k: L.UpSampling3D((2, 1, 3), **k),
    "Flatten": lambda **k: L.Flatten(**k),
    **{
        f"Global{kind}Pooling{n}D": (lambda kind=kind, n=n, **k: getattr(L, f"Global{kind}Pooling{n}D")(**k))
        for kind in ("Max", "Average")
        for n in (1, 2, 3)
    },
}
BY_CHANCE = {"SpatialDropout2D", "SpatialDropout3D"}  # tested in test_core by what they drop
SIZES = {"ConvLSTM2D": (3, 5, 4, 2)}


def knows_formats(cls):
    return any("data_format" in inspect.signature(c.__init__).parameters for c in cls.__mro__ if c is not L.Layer)


def test_every_layer_with_a_data_format_is_here():
    classes = {n: getattr(L, n) for n in set(ROWS) - NO_ROW}
    # sequences that are padded, cropped or stretched have no such argument, though their common base has
    plain = {"Cropping1D", "ZeroPadding1D", "UpSampling1D"}
    assert {n for n, cls in classes.items() if knows_formats(cls)} - plain == set(CASES) | BY_CHANCE


def turned(kernel, taps, channels):
    """The kernel of a locally connected layer with its middle axis ordered (channels, taps)."""
    places, _, filters = kernel.shape
    return kernel.reshape(places, taps, channels, filters).swapaxes(1, 2).reshape(kernel.shape)


def outputs_and_gradients(layer, x, factor):
    y = layer(x)
    loss = K.sum(y * K.constant(factor))
    return [y, *K.gradients(loss, [x, *layer.trainable_weights])]


@pytest.mark.parametrize("name", CASES)
def test_channels_first_is_channels_last_transposed(name):
    rng = np.random.RandomState(0)
    rank = 2 if name == "Flatten" else int(name[-2]) if name[-1] == "D" else int(name.split("D")[0][-1])
    size = SIZES.get(name, (*(6, 5, 4)[:rank], 3))
    to_first = lambda a: np.moveaxis(a, -1, -1 - rank) if a.ndim > rank + 1 else a
    data = rng.randn(2, *size).astype("float32")
    last, first = CASES[name](data_format="channels_last"), CASES[name](data_format="channels_first")
    x_last, x_first = L.Input(size), L.Input(to_first(data).shape[1:])
    shape = last.compute_output_shape((2, *size))
    factor = rng.randn(*shape).astype("float32")
    last(x_last)
    weights = [rng.randn(*w.shape).astype("float32") for w in last.weights]
    last.set_weights(weights)
    first(x_first)
    local = name.startswith("Locally")
    taps = int(np.prod(last.kernel_size)) if local else None
    change = lambda a: turned(a, taps, size[-1]) if local and a.ndim == 3 else a
    if local and len(weights) == 2:  # 2.2.4 reads the bias in the new shape as it lies in memory
        first.set_weights([change(weights[0]), weights[1].T.reshape(weights[1].shape)])
    else:
        first.set_weights([change(w) for w in weights])
    got = outputs_and_gradients(first, x_first, to_first(factor))
    want = outputs_and_gradients(last, x_last, factor)
    values = K.function([x_first, x_last], [*got, *want])([to_first(data), data])
    (y, gx, *gw), (want_y, want_gx, *want_gw) = values[: len(got)], values[len(got) :]
    assert y.shape == to_first(want_y).shape == first.compute_output_shape((2, *to_first(data).shape[1:]))
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-5 * max(1.0, np.abs(b).max()))
    close(y, to_first(want_y))
    close(gx, to_first(want_gx))
    for a, b in zip(gw, want_gw, strict=True):
        if local and a.ndim == 2:
            b = b.T.reshape(b.shape)
        close(a, change(b))

"""Convolution, pooling and resizing layers: argument forms, shapes, and what they refuse."""

import numpy as np
import pytest

import kjax as keras
from kjax import layers as L


def image(rows=8, columns=8, channels=3):
    return L.Input((rows, columns, channels))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: L.Conv2D(0, 3, name="c"), "Layer c: the `filters` argument must be an integer >= 1; got 0"),
        (lambda: L.Conv2D(None, 3), "`filters` argument"),
        (lambda: L.Conv2D(4, (3, 3, 3), name="c"), r"Layer c: the `kernel_size` argument .* tuple of 2 .*\(3, 3, 3\)"),
        (lambda: L.Conv2D(4, (3, 0)), "`kernel_size` argument must hold integers >= 1"),
        (lambda: L.Conv1D(4, 2.5), "`kernel_size` argument"),
        (lambda: L.Conv2D(4, 3, strides=0), "`strides` argument"),
        (
            lambda: L.Conv2D(4, 3, strides=2, dilation_rate=2),
            "strides > 1 are not supported together with dilation_rate",
        ),
        (lambda: L.Conv2D(4, 3, padding="causal"), "`padding` argument .* 'causal'"),
        (lambda: L.Conv2D(4, 3, padding="full"), "`padding` argument .* 'full'"),
        (lambda: L.Conv1D(4, 3, padding="causal", data_format="channels_first"), "must be 'channels_last'"),
        (lambda: L.Conv2D(4, 3, data_format="nchw"), "data_format"),
        (lambda: L.Conv2DTranspose(4, 3, strides=2, output_padding=2), "must be greater than output_padding"),
        (lambda: L.Conv3DTranspose(4, 3, output_padding=(0, 0)), "`output_padding` argument"),
        (lambda: L.SeparableConv1D(4, 3, depth_multiplier=0), "`depth_multiplier` argument"),
        (lambda: L.LocallyConnected1D(4, 3, padding="same"), "supports padding='valid' only"),
        (lambda: L.LocallyConnected2D(4, 3, strides=-1), "`strides` argument"),
        (lambda: L.MaxPooling2D(pool_size=(2, 2, 2)), "`pool_size` argument"),
        (lambda: L.AveragePooling1D(padding="causal"), "`padding` argument"),
        (lambda: L.ZeroPadding2D(-1), "`padding` argument must be an integer >= 0, 2 of them, or 2 pairs"),
        (lambda: L.Cropping3D(((1, 1), (1, 1))), "`cropping` argument"),
        (lambda: L.ZeroPadding1D((1, 2, 3)), "`padding` argument"),
        (lambda: L.UpSampling2D(0), "`size` argument"),
        (lambda: L.UpSampling2D(2, interpolation="cubic"), "`interpolation` argument"),
    ],
)
def test_arguments_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "apply, message",
    [
        (
            lambda: L.Conv2D(4, 9, name="c")(image()),
            r"Layer c: a kernel of size \(9, 9\) .* does not fit .*\(None, 8, 8, 3\)",
        ),
        (lambda: L.Conv2D(4, 3)(L.Input((8, 3))), "expected ndim=4, found ndim=3"),
        (lambda: L.Conv2D(4, 3)(L.Input((8, 8, None))), "channel dimension .* must be known"),
        (lambda: L.Conv1D(4, 3, dilation_rate=4)(L.Input((8, 2))), "does not fit"),
        (lambda: L.MaxPooling2D(9)(image()), "pool_size=.* does not fit"),
        (lambda: L.Cropping2D(4)(image()), "leaves nothing"),
        (lambda: L.LocallyConnected1D(4, 3)(L.Input((None, 2))), "must be known"),
        (lambda: L.LocallyConnected2D(4, 9)(image()), "does not fit"),
    ],
)
def test_inputs_refused(apply, message):
    with pytest.raises(ValueError, match=message):
        apply()


def test_another_number_of_channels_is_refused_at_the_second_call():
    layer = L.Conv2D(4, 3)
    layer(image())
    with pytest.raises(ValueError, match="expected axis 3 of input shape to have value 3"):
        layer(image(channels=2))


@pytest.mark.parametrize(
    "layer, shape",
    [
        (L.Conv2D(4, 3, padding="same", strides=2), (None, None, None, 4)),
        (L.Conv2D(4, 3), (None, None, None, 4)),
        (L.DepthwiseConv2D(3, depth_multiplier=2), (None, None, None, 6)),
        (L.Conv2DTranspose(4, 3, strides=2), (None, None, None, 4)),
        (L.MaxPooling2D(), (None, None, None, 3)),
        (L.UpSampling2D(2), (None, None, None, 3)),
        (L.GlobalAveragePooling2D(), (None, 3)),
    ],
)
def test_images_of_any_size(layer, shape):
    x = L.Input((None, None, 3))
    model = keras.models.Model(x, layer(x))
    assert tuple(model.output_shape) == shape
    for size in (7, 10):
        y = model.predict(np.ones((2, size, size + 1, 3), "float32"))
        assert y.shape == layer.compute_output_shape((2, size, size + 1, 3))


def test_forms_of_padding_and_cropping_arguments():
    assert L.ZeroPadding2D(2).padding == L.ZeroPadding2D((2, 2)).padding == ((2, 2), (2, 2))
    assert L.ZeroPadding2D(((1, 2), (3, 4))).padding == ((1, 2), (3, 4))
    assert L.ZeroPadding2D([[1, 2], [3, 4]]).padding == ((1, 2), (3, 4))
    assert L.ZeroPadding1D(2).padding == (2, 2) and L.ZeroPadding1D((1, 2)).padding == (1, 2)
    assert L.Cropping3D((1, 2, 3)).cropping == ((1, 1), (2, 2), (3, 3))


def test_second_names_are_the_same_classes():
    from kjax.layers import convolutional, pooling

    assert convolutional.Convolution2D is L.Conv2D and convolutional.Deconvolution3D is L.Conv3DTranspose
    assert convolutional.SeparableConvolution1D is L.SeparableConv1D and pooling.MaxPool2D is L.MaxPooling2D
    assert pooling.GlobalAvgPool1D is L.GlobalAveragePooling1D and convolutional.UpSampling3D is L.UpSampling3D


def test_a_users_activation_is_applied():
    x = image()
    K = keras.backend
    model = keras.models.Model(x, L.Conv2D(2, 3, activation=lambda v: K.exp(-K.abs(v)))(x))
    y = model.predict(np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32"))
    assert 0 < y.min() and y.max() <= 1


def test_pooling_with_stride_differs_from_its_window():
    x = L.Input((9, 2))
    assert tuple(L.MaxPooling1D(3, strides=1)(x).shape) == (None, 7, 2)
    assert tuple(L.MaxPooling1D(3)(x).shape) == (None, 3, 2)

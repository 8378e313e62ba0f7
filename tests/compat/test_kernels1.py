"""Keras 1's kernel layout, against arrays and numbers of Keras 1.2.2 on TensorFlow."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kjax
from kjax import backend as K
from kjax import layers
from kjax.constraints import maxnorm
from kjax.layers import (
    AtrousConvolution1D,
    AtrousConvolution2D,
    Conv1D,
    Conv2D,
    Convolution1D,
    Convolution2D,
    Convolution3D,
    Deconvolution2D,
    Dense,
    Flatten,
    SeparableConvolution2D,
    TimeDistributed,
)
from kjax.models import Sequential, model_from_json
from kjax.optimizers import SGD
from kjax.utils import np_utils

pytestmark = pytest.mark.filterwarnings("ignore:Update your:UserWarning", "ignore:.*is a Keras 1 layer:UserWarning")

GENUINE = json.loads((Path(__file__).parents[1] / "data" / "keras1_kernels.json").read_text())


@pytest.fixture(params=["th", "tf"])
def ordering(request):
    K.set_image_dim_ordering(request.param)
    yield request.param
    K.set_image_data_format("channels_last")


@pytest.fixture
def th():
    K.set_image_dim_ordering("th")
    yield
    K.set_image_data_format("channels_last")


def numbers(shape, k):
    return np.sin(np.arange(int(np.prod(shape))) * k + 1).reshape(shape).astype("float32")


def as_keras_1(got, name):
    want = GENUINE[name]
    assert list(got.shape) == want["shape"]
    np.testing.assert_allclose(got.ravel()[:5], want["first"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose([got.mean(), got.std()], [want["mean"], want["std"]], rtol=1e-4, atol=1e-5)


def image(ordering):
    return (4, 6, 7) if ordering == "th" else (6, 7, 4)


CASES = {
    "Convolution1D": lambda o: Convolution1D(5, 3, border_mode="valid", input_shape=(8, 4)),
    "AtrousConvolution1D": lambda o: AtrousConvolution1D(5, 3, border_mode="valid", atrous_rate=2, input_shape=(8, 4)),
    "Convolution2D": lambda o: Convolution2D(5, 3, 2, input_shape=image(o)),
    "AtrousConvolution2D": lambda o: AtrousConvolution2D(5, 3, 2, atrous_rate=(2, 2), input_shape=image(o)),
    "Deconvolution2D": lambda o: Deconvolution2D(
        5,
        3,
        2,
        output_shape=(None, 5, 13, 14) if o == "th" else (None, 13, 14, 5),
        subsample=(2, 2),
        border_mode="valid",
        input_shape=image(o),
    ),
    "SeparableConvolution2D": lambda o: SeparableConvolution2D(5, 3, 2, depth_multiplier=2, input_shape=image(o)),
    "Convolution3D": lambda o: Convolution3D(5, 3, 2, 2, input_shape=(2, 4, 5, 6) if o == "th" else (4, 5, 6, 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_weights_are_given_and_taken_as_keras_1_has_them(name, ordering):
    layer = CASES[name](ordering)
    model = Sequential([layer])
    shapes = [w.shape for w in layer.get_weights()]
    assert [list(s) for s in shapes] == GENUINE[f"{ordering} {name}"]["weights"]
    arrays = [numbers(s, 0.7 + 0.1 * i) for i, s in enumerate(shapes)]
    layer.set_weights(arrays)
    for got in (layer.get_weights(), model.get_weights()):
        for a, b in zip(got, arrays, strict=True):
            np.testing.assert_array_equal(a, b)
    x = numbers((2, *model.input_shape[1:]), 0.3)
    as_keras_1(model.predict(x), f"{ordering} {name}")
    # a layer out of a config understands the same arrays, and holds the same numbers
    copy = model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(x), model.predict(x))


@pytest.mark.parametrize("axis", [0, [1, 2, 3]])
def test_constraints_have_the_axes_of_keras_1(axis, ordering):
    layer = Convolution2D(5, 3, 2, W_constraint=maxnorm(0.5, axis=axis), input_shape=image(ordering))
    model = Sequential([layer, Flatten(), Dense(1)])
    layer.set_weights([numbers(w.shape, 0.7) for w in layer.get_weights()])
    model.compile(SGD(lr=0.0), "mse")
    model.train_on_batch(np.zeros((1, *image(ordering))), np.zeros((1, 1)))
    as_keras_1(layer.get_weights()[0], f"{ordering} maxnorm {axis}")


def test_backend_functions_take_keras_1_kernels(ordering):
    x = K.variable(numbers((2, *image(ordering)), 0.3))
    kernel = K.variable(numbers((5, 4, 3, 2) if ordering == "th" else (3, 2, 4, 5), 0.7))
    as_keras_1(K.eval(K.conv2d(x, kernel, border_mode="same")), f"{ordering} K.conv2d")
    as_keras_1(K.eval(K.conv2d(x, kernel)), f"{ordering} K.conv2d bare")
    shape = (2, 5, 8, 8) if ordering == "th" else (2, 8, 8, 5)
    as_keras_1(K.eval(K.deconv2d(x, kernel, shape)), f"{ordering} K.deconv2d")


def test_the_argument_of_one_layer_is_enough():
    kernel = numbers((5, 4, 3, 2), 0.7)
    layer = Convolution2D(5, 3, 2, dim_ordering="th", bias=False, weights=[kernel], input_shape=(4, 6, 7))
    Sequential([layer])
    assert layer.dim_ordering == "th" and layer.kernel.shape == (3, 2, 4, 5)
    np.testing.assert_array_equal(layer.get_weights()[0], kernel)
    np.testing.assert_array_equal(K.get_value(layer.kernel), kernel.transpose(2, 3, 1, 0))
    with pytest.raises(
        ValueError, match=r"has the shape \(5, 4, 3, 2\) in Keras 1's layout, \(3, 2, 4, 5\) in today's"
    ):
        layer.set_weights([np.zeros((5, 4, 2, 3))])
    layer.set_weights([kernel.transpose(2, 3, 1, 0) * 2])  # only today's shape fits
    np.testing.assert_array_equal(layer.get_weights()[0], kernel * 2)


def test_calls_of_keras_2_keep_the_layout_of_keras_2(th):
    for layer in (
        Conv2D(5, (3, 2), input_shape=(4, 6, 7)),
        layers.SeparableConv2D(5, (3, 2), input_shape=(4, 6, 7)),
        Conv1D(5, kernel_size=3, input_shape=(8, 4)),
    ):
        Sequential([layer])
        assert layer.get_weights()[0].shape == tuple(layer.weights[0].shape)
    K.set_image_data_format("channels_first")  # Keras 2's word
    layer = Convolution2D(5, 3, 2, input_shape=(4, 6, 7))
    Sequential([layer])
    assert layer.get_weights()[0].shape == (3, 2, 4, 5)


def test_initializers_of_one_s_own_make_keras_1_shapes(ordering):
    seen = []

    def init(shape, name, dim_ordering):
        seen.append((tuple(shape), dim_ordering))
        return K.variable(numbers(shape, 0.7), name=name)

    layer = Convolution2D(5, 3, 2, init=init, input_shape=image(ordering))
    Sequential([layer])
    shape = (5, 4, 3, 2) if ordering == "th" else (3, 2, 4, 5)
    assert seen == [(shape, ordering)]
    np.testing.assert_array_equal(layer.get_weights()[0], numbers(shape, 0.7))


def test_constraints_of_one_s_own_see_keras_1_kernels(th):
    def unit_filters(w):
        return w / K.sqrt(K.sum(K.square(w), axis=[1, 2, 3], keepdims=True))

    layer = Convolution2D(5, 3, 2, W_constraint=unit_filters, input_shape=(4, 6, 7))
    model = Sequential([layer, Flatten(), Dense(1)])
    model.compile(SGD(lr=0.1), "mse")
    model.train_on_batch(numbers((2, 4, 6, 7), 0.3), np.zeros((2, 1)))
    norms = np.sqrt((layer.get_weights()[0] ** 2).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(norms, 1, rtol=1e-5)


def test_files_hold_the_layout_of_keras_2(th, tmp_path):
    layer = TimeDistributed(Convolution2D(5, 3, 2), input_shape=(2, 4, 6, 7))
    model = Sequential([layer, Flatten(), Dense(1)])
    assert layer.get_weights()[0].shape == (5, 4, 3, 2) == model.get_weights()[0].shape
    model.save(tmp_path / "m.h5")
    with pytest.warns(UserWarning, match="No training configuration"):
        loaded = kjax.models.load_model(tmp_path / "m.h5")
    x = numbers((2, 2, 4, 6, 7), 0.3)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert loaded.get_weights()[0].shape == (3, 2, 4, 5)
    module, variables = model.to_flax()
    np.testing.assert_allclose(module.apply(variables, x), model.predict(x), rtol=1e-5, atol=1e-6)


def test_theano_kernels_are_turned_round():
    kernel = numbers((5, 4, 3, 2), 0.7)
    np.testing.assert_array_equal(np_utils.convert_kernel(kernel, "th"), kernel[:, :, ::-1, ::-1])
    np.testing.assert_array_equal(np_utils.convert_kernel(kernel, "tf"), kernel[::-1, ::-1])
    np.testing.assert_array_equal(np_utils.convert_kernel(kernel), kernel[::-1, ::-1])
    with pytest.raises(ValueError, match="dim_ordering must be th, tf or default; got 'x'"):
        np_utils.convert_kernel(kernel, "x")


def test_keras_json_of_keras_1_sets_the_layout(tmp_path):
    (tmp_path / "keras.json").write_text('{"image_dim_ordering": "th", "backend": "theano", "floatx": "float32"}')
    program = (
        "from kjax.layers import Convolution2D, Conv2D; from kjax.models import Sequential;"
        "a, b = Convolution2D(5, 3, 2, input_shape=(4, 6, 7)), Conv2D(6, (2, 2));"
        "Sequential([a, b]); print([w.shape for w in a.get_weights() + b.get_weights()])"
    )
    env = {"KERAS_HOME": str(tmp_path), "JAX_PLATFORMS": "cpu", "PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == "[(5, 4, 3, 2), (5,), (2, 2, 5, 6), (6,)]", done.stderr


def test_flatten_keeps_the_order_behind_keras_1_layers(th):
    x = numbers((2, 4, 6, 7), 0.3)
    conv = Convolution2D(5, 3, 2, input_shape=(4, 6, 7))
    model = Sequential([conv, Flatten()])
    images = Sequential([conv]).predict(x)
    np.testing.assert_array_equal(model.predict(x), images.reshape(2, -1))
    copy = model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(x), images.reshape(2, -1))
    # as Keras 2 has it: in the order of channels_last
    conv = Conv2D(5, (3, 2), input_shape=(4, 6, 7))
    model = Sequential([conv, Flatten()])
    images = Sequential([conv]).predict(x)
    np.testing.assert_array_equal(model.predict(x), images.transpose(0, 2, 3, 1).reshape(2, -1))


def test_the_ordering_by_position():
    x = K.constant(numbers((1, 2, 3, 4), 0.3))
    assert K.int_shape(K.resize_images(x, 2, 2, "th")) == (1, 2, 6, 8)
    assert K.int_shape(K.resize_images(x, 2, 2, "tf")) == (1, 4, 6, 4)
    assert K.int_shape(K.pool2d(x, (2, 2), (1, 1), "valid", "th")) == (1, 2, 2, 3)
    kernel = K.constant(numbers((5, 2, 2, 2), 0.7))
    assert K.int_shape(K.conv2d(x, kernel, (1, 1), "valid", "th")) == (1, 5, 2, 3)

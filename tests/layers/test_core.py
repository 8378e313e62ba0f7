"""Core, embedding, normalization, noise and activation layers: masks, phases, what they refuse."""

import base64
import json
import marshal

import numpy as np
import pytest

import kjax as keras
from kjax import layers as L

K = keras.backend
RNG = np.random.default_rng(0)


def run(layer, x, phase=0, dtype="float32"):
    node = L.Input(x.shape[1:], dtype=dtype)
    return K.function([node, K.learning_phase()], [layer(node)])([x, phase])[0]


@pytest.mark.parametrize(
    "apply, error, message",
    [
        (lambda: L.Dense(0), ValueError, "`units` argument must be an integer >= 1; got 0"),
        (lambda: L.Dense(3)(L.Input((None,))), ValueError, "last dimension of the inputs"),
        (lambda: L.Dense(3, wrong=1), TypeError, "wrong"),
        (lambda: L.RepeatVector(0), ValueError, "`n` argument must be an integer >= 1"),
        (lambda: L.Reshape((5, 2))(L.Input((4,))), ValueError, "total size of new array must be unchanged"),
        (lambda: L.Permute((1, 3)), ValueError, "dims must hold each of 1..2 once"),
        (lambda: L.Embedding(0, 2), ValueError, "`input_dim` argument must be an integer >= 1"),
        (lambda: L.Embedding(3, 2, input_length=4)(L.Input((5,), dtype="int32")), ValueError, "input_length is 4"),
        (lambda: L.BatchNormalization(axis=0)(L.Input((4,))), ValueError, "other than the batch axis; got axis=0"),
        (lambda: L.BatchNormalization(axis=3)(L.Input((4,))), ValueError, "got axis=3"),
        (lambda: L.BatchNormalization()(L.Input((None,))), ValueError, "must have a known size"),
        (lambda: L.BatchNormalization(axis="channels"), TypeError, "axis must be an int"),
        (lambda: L.PReLU(shared_axes=[3])(L.Input((4, 4))), ValueError, r"shared_axes must lie within 1..2"),
        (lambda: L.PReLU()(L.Input((None, 4))), ValueError, "must be among shared_axes"),
        (lambda: L.ReLU(max_value=-1.0), ValueError, "max_value .* cannot be negative; got -1.0"),
        (lambda: L.ReLU(negative_slope=-0.1), ValueError, "negative_slope .* cannot be negative"),
        (lambda: L.LeakyReLU("0.3"), TypeError, "`alpha` argument must be a number"),
        (lambda: L.Softmax(axis=5)(L.Input((4,))), ValueError, "axis must be an axis of the input"),
        (lambda: L.Lambda(3), TypeError, "function must be callable"),
    ],
)
def test_refused(apply, error, message):
    with pytest.raises(error, match=message):
        apply()


def test_masking_marks_steps_and_clears_them():
    x = np.ones((1, 3, 2), "float32")
    x[0, 1] = 5
    node = L.Input((3, 2))
    y = L.Masking(5.0)(node)
    values, mask = K.function([node], [y, y._keras_mask])([x])
    np.testing.assert_array_equal(mask, [[True, False, True]])
    np.testing.assert_array_equal(values[0, 1], [0, 0])


def test_a_mask_passes_through_dense_and_stops_at_flatten():
    y = L.Dense(3)(L.Masking()(L.Input((4, 2))))
    assert y._keras_mask is not None
    with pytest.raises(TypeError, match="does not support masking"):
        L.Flatten()(y)


def test_average_pooling_takes_the_mask_and_ends_it():
    y = L.GlobalAveragePooling1D()(L.Masking()(L.Input((4, 2))))
    assert y._keras_mask is None


@pytest.mark.parametrize("layer", [L.Dropout(0.5), L.GaussianNoise(1.0), L.GaussianDropout(0.5), L.AlphaDropout(0.5)])
def test_noise_is_drawn_in_training_only(layer):
    x = np.ones((50, 40), "float32")
    np.testing.assert_array_equal(run(layer, x), x)
    assert np.std(run(layer, x, 1)) > 0.1


@pytest.mark.parametrize(
    "layer, mean, variance",
    [
        (L.Dropout(0.4), 0.0, 1 / 0.6),
        (L.GaussianNoise(0.5), 0.0, 1.25),
        (L.GaussianDropout(0.2), 0.0, 1.25),
        (L.AlphaDropout(0.3), 0.0, 1.0),
    ],
)
def test_noise_has_the_mean_and_variance_of_its_formula(layer, mean, variance):
    x = RNG.normal(size=(400, 500)).astype("float32")
    y = run(layer, x, 1)
    assert abs(y.mean() - mean) < 0.02 and abs(y.var() / variance - 1) < 0.03


@pytest.mark.parametrize(
    "layer, shape, axes",
    [
        (L.SpatialDropout1D(0.5), (4, 6, 5), 1),
        (L.SpatialDropout2D(0.5), (4, 3, 3, 5), (1, 2)),
        (L.SpatialDropout2D(0.5, data_format="channels_first"), (4, 5, 3, 3), (2, 3)),
    ],
)
def test_spatial_dropout_drops_whole_maps(layer, shape, axes):
    y = run(layer, np.ones(shape, "float32"), 1)
    assert set(np.unique(y)) == {0.0, 2.0}
    assert not np.any(y.max(axes) - y.min(axes))


def test_noise_shape_is_shared_along_its_ones():
    y = run(L.Dropout(0.5, noise_shape=(None, 1, 3)), np.ones((8, 4, 3), "float32"), 1)
    assert not np.any(y.max(1) - y.min(1)) and y.max() != y.min()


def test_batch_normalization_trains_its_averages_in_a_model():
    model = keras.models.Sequential([L.BatchNormalization(momentum=0.5, input_shape=(3,))])
    model.compile("sgd", "mse")
    x = RNG.normal(3.0, 2.0, (12, 3)).astype("float32")
    model.train_on_batch(x, np.zeros_like(x))
    _, _, mean, variance = model.get_weights()
    np.testing.assert_allclose(mean, 0.5 * x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(variance, 0.5 + 0.5 * x.var(0) * 12 / (11 - 1e-3), rtol=1e-4)


def test_embedding_rows_and_mask():
    table = RNG.normal(size=(4, 2)).astype("float32")
    layer = L.Embedding(4, 2, weights=[table], mask_zero=True)
    node = L.Input((3,), dtype="int32")
    y = layer(node)
    values, mask = K.function([node], [y, y._keras_mask])([np.array([[0, 3, 1]])])
    np.testing.assert_allclose(values[0], table[[0, 3, 1]])
    np.testing.assert_array_equal(mask, [[False, True, True]])


def test_activation_parameters_are_kept_in_floatx_as_keras_does():
    assert L.LeakyReLU(0.1).get_config()["alpha"] == float(np.float32(0.1))


def test_lambda_configs_are_plain_data_and_never_run():
    layer = L.Lambda(lambda x: x + 1, name="plus")
    config = json.loads(json.dumps(layer.get_config()))
    assert config["function_type"] == "lambda" and isinstance(config["function"][0], str)
    own = L.Lambda.from_config(config)  # what this process wrote is recognised, not run from the text
    assert own.function is layer.function
    config["function"][0] = base64.encodebytes(marshal.dumps((lambda x: x + 2).__code__)).decode()
    with pytest.raises(ValueError, match="plus"):
        L.Lambda.from_config(config)(L.Input((2,)))
    restored = L.Lambda.from_config(config, custom_objects={"plus": lambda x: x + 1})
    np.testing.assert_array_equal(run(restored, np.zeros((1, 2), "float32")), [[1, 1]])


def test_lambda_arguments_and_output_shape():
    layer = L.Lambda(lambda x, scale: x[:, :2] * scale, output_shape=(2,), arguments={"scale": 3.0})
    assert layer.compute_output_shape((None, 5)) == (None, 2)
    np.testing.assert_array_equal(run(layer, np.ones((1, 5), "float32")), [[3, 3]])

"""Mixed precision and other float types: what is computed in which type."""

import pickle

import jax
import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax import mixed_precision
from kjax.layers import (
    LSTM,
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    MaxPooling2D,
    Softmax,
)
from kjax.loss_scale import LossScale
from kjax.models import Sequential, clone_model, load_model

RNG = np.random.RandomState(0)
X = RNG.randn(64, 6).astype("float32")
LABELS = (X @ RNG.randn(6, 3)).argmax(-1)


@pytest.fixture(autouse=True)
def settings():
    yield
    mixed_precision.set_policy("float32")
    K.set_floatx("float32")
    jax.config.update("jax_enable_x64", False)


def classifier():
    return Sequential(
        [
            Dense(16, activation="relu", input_shape=(6,)),
            BatchNormalization(),
            Dropout(0.1),
            Dense(3, activation="softmax"),
        ]
    )


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_types_of_a_policy(policy):
    mixed_precision.set_policy(policy)
    assert mixed_precision.global_policy() == policy
    half = mixed_precision.POLICIES[policy]
    model = classifier()
    assert [layer.output.dtype for layer in model.layers] == [half, half, half, "float32"]
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    losses = model.fit(X, LABELS, batch_size=16, epochs=15, verbose=0, validation_split=0.2).history
    assert losses["loss"][-1] < 0.8 * losses["loss"][0] and np.isfinite(losses["val_loss"]).all()
    assert {w.dtype for w in model.weights} == {"float32"} and {w.dtype.name for w in model.get_weights()} == {
        "float32"
    }
    assert model.predict(X).dtype == np.float32
    np.testing.assert_allclose(model.predict(X).sum(-1), 1.0, rtol=1e-5)


def test_a_policy_changes_results_by_its_rounding_only():
    exact = classifier()
    mixed_precision.set_policy("mixed_bfloat16")
    rounded = classifier()
    rounded.set_weights(exact.get_weights())
    a, b = exact.predict(X), rounded.predict(X)
    assert 0 < np.abs(a - b).max() < 0.03


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_images_and_sequences(policy):
    mixed_precision.set_policy(policy)
    images = Sequential(
        [Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), MaxPooling2D(), Flatten(), Dense(2), Softmax()]
    )
    words = Sequential([Embedding(400, 8, input_length=5), LSTM(4), Dense(2), Activation("softmax")])
    for model, x in ((images, RNG.rand(32, 8, 8, 1)), (words, RNG.randint(256, 400, (32, 5)))):
        model.compile("sgd", "categorical_crossentropy")
        assert np.isfinite(model.fit(x, np.eye(2)[RNG.randint(0, 2, 32)], verbose=0).history["loss"]).all()
        assert model.output.dtype == "float32"


def test_indices_are_not_rounded():
    mixed_precision.set_policy("mixed_bfloat16")
    model = Sequential([Embedding(400, 2, input_length=1)])
    model.set_weights([np.arange(800.0).reshape(400, 2) / 1024])
    np.testing.assert_allclose(model.predict(np.array([[257], [399]]))[:, 0, 0], [514 / 1024, 798 / 1024], rtol=4e-3)


def test_a_layer_s_own_type():
    mixed_precision.set_policy("mixed_bfloat16")
    model = Sequential([Dense(4, input_shape=(6,)), Dense(1, activation="sigmoid", dtype="float32")])
    assert [layer.output.dtype for layer in model.layers] == ["bfloat16", "float32"]
    assert [layer.output.dtype for layer in clone_model(model).layers] == ["bfloat16", "float32"]
    mixed_precision.set_policy("float32")
    alone = Sequential([Dense(4, input_shape=(6,)), Dense(2, dtype="bfloat16")])
    assert [layer.output.dtype for layer in alone.layers] == ["float32", "bfloat16"]
    assert alone.predict(X).dtype == np.float32


def scale_of(model):
    return [v.value.item() for v in model.optimizer.loss_scale_variables]


def test_gradients_that_overflow_change_nothing():
    mixed_precision.set_policy("mixed_float16")
    model = Sequential([Dense(2, input_shape=(6,))])
    model.compile("adam", "mse")
    before = model.get_weights()
    model.train_on_batch(X, np.full((64, 2), 1e30))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.optimizer.iterations.value == 0, "the step does not count"
    assert scale_of(model) == [2.0**14, 0]


def test_the_loss_scale_grows_and_shrinks(monkeypatch):
    """S doubles after `interval` finite steps and halves, not below 1, at every step that overflows."""
    monkeypatch.setattr(mixed_precision, "_scale", [LossScale(8.0, 3)])
    mixed_precision._current[0] = "mixed_float16"
    model = Sequential([Dense(2, input_shape=(6,))])
    model.compile("sgd", "mse")
    seen = []
    for y in (0, 0, 1e30, 0, 0, 0, 0, 1e30, 1e30, 1e30, 1e30, 1e30):
        model.train_on_batch(X, np.full((64, 2), y, "float32"))
        seen.append(scale_of(model))
    assert seen == [[8, 1], [8, 2], [4, 0], [4, 1], [4, 2], [8, 0], [8, 1], [4, 0], [2, 0], [1, 0], [1, 0], [1, 0]]


def test_scaled_gradients_are_those_of_float32():
    """Gradients of about 1e-9, below float16's smallest number 6e-8, arrive."""
    exact = Sequential([Dense(2, input_shape=(6,))])
    mixed_precision.set_policy("mixed_float16")
    mixed = Sequential([Dense(2, input_shape=(6,))])
    mixed.set_weights(exact.get_weights())
    y = RNG.randn(64, 2)
    for model in (exact, mixed):
        model.compile(keras.optimizers.SGD(1e8), "mse", loss_weights=[1e-9])
        model.fit(X, y, batch_size=16, epochs=1, verbose=0, shuffle=False)
    for a, b in zip(exact.get_weights(), mixed.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=0.01)
    assert scale_of(mixed)[1] == 4


@pytest.mark.parametrize("way", ["file", "pickle"])
def test_the_loss_scale_is_saved_with_the_optimizer(tmp_path, way):
    mixed_precision.set_policy("mixed_float16")
    model = Sequential([Dense(2, input_shape=(6,))])
    model.compile("adam", "mse")
    model.train_on_batch(X, np.full((64, 2), 1e30))
    model.train_on_batch(X, np.zeros((64, 2)))
    if way == "file":
        model.save(tmp_path / "model.h5")
        twin = load_model(tmp_path / "model.h5")
    else:
        twin = pickle.loads(pickle.dumps(model))
    for m in (model, twin):
        m.train_on_batch(X, np.zeros((64, 2)))
    assert scale_of(twin) == scale_of(model) == [2.0**14, 2]
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_fixed_loss_scale():
    mixed_precision.set_policy("mixed_float16", loss_scale=1024)
    model = Sequential([Dense(2, input_shape=(6,))])
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.train_on_batch(X, np.full((64, 2), 1e30))
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    assert scale_of(model) == [1024, 0]
    with pytest.raises(ValueError, match="loss_scale must be 'dynamic' or a number >= 1; got 0.5"):
        mixed_precision.set_policy("mixed_float16", loss_scale=0.5)


def test_float32_needs_no_loss_scale():
    mixed_precision.set_policy("mixed_bfloat16")
    model = classifier()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, verbose=0)
    assert model.optimizer.loss_scale_variables == []


def test_a_layer_of_its_own_type_in_a_model_of_float32():
    model = Sequential([Dense(8, input_shape=(6,)), Dense(8, dtype="float16"), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    losses = model.fit(X, LABELS, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and scale_of(model) == [2.0**15, 20]


def test_unknown_policy():
    with pytest.raises(ValueError, match="policy must be one of float32, mixed_bfloat16, mixed_float16; got 'float8'"):
        keras.mixed_precision.set_policy("float8")


@pytest.mark.parametrize("floatx", ["float16", "float64", "bfloat16"])
def test_floatx_is_honoured_from_end_to_end(floatx):
    K.set_floatx(floatx)
    model = classifier()
    assert {w.dtype for w in model.weights} == {floatx} and {t.dtype for t in [*model.inputs, *model.outputs]} == {
        floatx
    }
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = model.fit(X, LABELS, batch_size=16, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert {str(w.dtype) for w in model.get_weights()} == {floatx}
    assert str(model.predict(X).dtype) == floatx


def test_double_precision_is_double():
    K.set_floatx("float64")
    model = Sequential([Dense(1, input_shape=(6,))])
    model.compile("sgd", "mse")
    x = RNG.randn(8, 6)
    kernel, bias = model.get_weights()
    expected = ((x @ kernel + bias) ** 2).mean()
    np.testing.assert_allclose(model.test_on_batch(x, np.zeros((8, 1))), expected, rtol=1e-13)
    np.testing.assert_allclose(model.evaluate(x, np.zeros((8, 1)), verbose=0), expected, rtol=1e-13)

"""One, two and eight devices give the same numbers, whatever the batch size, by every method."""

import jax
import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax.layers import LSTM, BatchNormalization, Dense, Dropout, SimpleRNN
from kjax.models import Sequential

RNG = np.random.RandomState(0)
X = RNG.randn(53, 5).astype("float32")
Y = (X @ RNG.randn(5, 1)).astype("float32")
S = RNG.randn(48, 6, 3).astype("float32")
V = RNG.randn(48, 1).astype("float32")
BATCH = 16  # of the stateful network: two and eight devices share it

pytestmark = pytest.mark.skipif(len(jax.devices()) < 8, reason="needs 8 devices (XLA_FLAGS)")


def plain():
    model = Sequential([Dense(8, activation="tanh", input_shape=(5,)), BatchNormalization(), Dropout(0.3), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def recurrent():
    layers = [LSTM(4, stateful=True, batch_input_shape=(BATCH, 6, 3)), BatchNormalization(), Dropout(0.2), Dense(1)]
    model = Sequential(layers)
    model.compile("sgd", "mse")
    return model


def batches():
    while True:
        for i in range(0, 53, 10):
            yield X[i : i + 10], Y[i : i + 10]


def everything(make, start, devices):
    """Figures, predictions and weights of a run that uses all methods."""
    with keras.distribute.on_devices(devices):
        model = make()
        model.set_weights(start)
        np.random.seed(5)
        figures = []
        if make is plain:
            figures += model.fit(X, Y, batch_size=13, epochs=3, verbose=0, validation_split=0.2).history["val_loss"]
            figures += model.fit_generator(batches(), 6, 2, 0, validation_data=(X, Y)).history["loss"]
            figures += model.evaluate(X, Y, batch_size=9, verbose=0) + model.evaluate_generator(batches(), 6)
            figures += model.train_on_batch(X[:11], Y[:11]) + model.test_on_batch(X[:3], Y[:3])
            outputs = [model.predict(X, batch_size=20), model.predict(X[:3]), model.predict_generator(batches(), 6)]
        else:
            figures += model.fit(S, V, batch_size=BATCH, epochs=3, verbose=0, shuffle=False).history["loss"]
            outputs = [model.predict(S, batch_size=BATCH)]
            model.reset_states()
            figures.append(model.evaluate(S, V, batch_size=BATCH, verbose=0))
        return figures, outputs, model.get_weights()


@pytest.mark.slow
@pytest.mark.parametrize("make", [plain, recurrent])
def test_devices_change_no_number(make):
    start = make().get_weights()
    one = everything(make, start, 1)
    for devices in (2, 8):
        many = everything(make, start, devices)
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.fixture
def double():
    K.set_floatx("float64")
    yield
    K.set_floatx("float32")
    jax.config.update("jax_enable_x64", False)


@pytest.mark.slow
@pytest.mark.parametrize("make", [plain, recurrent])
def test_what_differs_is_the_order_of_sums(double, make):
    """In double precision many epochs differ by no more than its last digits."""
    start, results = make().get_weights(), {}
    for devices in (1, 8):
        with keras.distribute.on_devices(devices):
            model = make()
            model.set_weights(start)
            np.random.seed(5)
            data, size = ((X, Y), 13) if make is plain else ((S, V), BATCH)
            history = model.fit(*data, batch_size=size, epochs=8, verbose=0, shuffle=make is plain).history
            results[devices] = [history["loss"], model.get_weights()]
    for a, b in zip(jax.tree.leaves(results[1]), jax.tree.leaves(results[8]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_batches_are_cut_over_the_devices():
    with keras.distribute.on_devices(8) as placement:
        model = plain()
        model.fit(X, Y, batch_size=16, verbose=0)
        assert all(len(w.value.sharding.device_set) == 8 for w in model.weights)
        placed = placement.batch({"x": X[:16]})["x"]
        assert [s.data.shape for s in placed.addressable_shards] == [(2, 5)] * 8


def test_mixed_precision_on_devices():
    keras.mixed_precision.set_policy("mixed_bfloat16")
    try:
        with keras.distribute.on_devices(2):
            model = plain()
            assert np.isfinite(model.fit(X, Y, batch_size=16, verbose=0).history["loss"]).all()
    finally:
        keras.mixed_precision.set_policy("float32")


def test_sequences_of_many_lengths_need_few_programs_on_devices():
    """And give the numbers of one device."""
    lengths, rng = (3, 5, 9, 12), np.random.RandomState(1)
    data = [(rng.randn(6, n, 3).astype("float32"), rng.randn(6, 3).astype("float32")) for n in lengths]
    results = []
    for devices in (1, 2):
        with keras.distribute.on_devices(devices):
            model = Sequential([SimpleRNN(3, input_shape=(None, 3))])
            model.compile("sgd", "mse")
            model.set_weights([np.full(w.shape, 0.1) for w in model.weights])
            losses = [model.train_on_batch(x, y) for x, y in data]
            losses += model.fit_generator(iter(data), len(data), 1, 0).history["loss"]
            results.append((losses, [model.predict(x) for x, _ in data], model.get_weights()))
            assert model.compilations <= 6
    for a, b in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_batch_that_cannot_be_cut_is_warned_of_once():
    with keras.distribute.on_devices(8):
        model = Sequential([Dense(2, batch_input_shape=(6, 3))])
        model.compile("sgd", "mse")
        with pytest.warns(UserWarning, match=r"6 rows cannot be cut over 8 devices.*a multiple of 8") as warned:
            for _ in range(2):
                model.train_on_batch(np.ones((6, 3)), np.ones((6, 2)))
        assert len(warned) == 1


def test_weights_of_parallel_and_template_model_are_interchangeable(tmp_path):
    def template():
        return Sequential([Dense(4, input_shape=(5,)), BatchNormalization(), Dense(4), BatchNormalization(), Dense(1)])

    first, second = template(), template()
    first.set_weights([np.random.rand(*w.shape) for w in first.get_weights()])
    parallel = keras.utils.multi_gpu_model(first, gpus=2)
    for source, target in ((parallel, second), (second, keras.utils.multi_gpu_model(template(), gpus=2))):
        source.save_weights(str(tmp_path / "weights.h5"))
        target.load_weights(str(tmp_path / "weights.h5"))
        np.testing.assert_allclose(target.predict(X), first.predict(X), rtol=1e-5)
    with pytest.raises(ValueError, match="into a model with"):
        parallel.save_weights(str(tmp_path / "weights.h5"))
        Sequential([Dense(4, input_shape=(5,)), Dense(2)]).load_weights(str(tmp_path / "weights.h5"))


def test_the_precision_of_products_is_a_setting_of_jax():
    model = Sequential([Dense(3, input_shape=(5,))])
    model.predict(X)
    with jax.default_matmul_precision("highest"):
        before = model.compilations
        model.predict_on_batch(X)
        program = str(jax.make_jaxpr(lambda x: model.to_flax()[0].apply(model.to_flax()[1], x))(X))
    assert model.compilations == before + 1  # no program of another precision is used
    assert "HIGHEST" in program

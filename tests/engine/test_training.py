"""The training loop: figures, dispatch, compilation, interruption, devices."""

import numpy as np
import optax
import pytest

import kjax as keras
from kjax import backend as K
from kjax.layers import BatchNormalization, Dense, Dropout, Input
from kjax.models import Model, Sequential

RNG = np.random.RandomState(0)
X = RNG.randn(70, 5).astype("float32")
Y = (X @ RNG.randn(5, 3)).argmax(-1)


def classifier(dropout=0.0, normalize=False, optimizer="sgd", **compile_args):
    layers = [Dense(8, activation="tanh", input_shape=(5,))]
    layers += [BatchNormalization()] if normalize else []
    layers += [Dropout(dropout)] if dropout else []
    model = Sequential([*layers, Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **compile_args)
    return model


class EveryBatch(keras.callbacks.Callback):
    """Looks at every batch, which forces one dispatch per batch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_batch_end(self, batch, logs=None):
        self.seen.append((batch, logs["size"], logs["loss"], logs["acc"]))


def by_hand(model, x, y, batch_size, epochs):
    """The same training batch by batch: losses weighted by size."""
    history = []
    for _ in range(epochs):
        losses = [
            (len(x[i : i + batch_size]), model.train_on_batch(x[i : i + batch_size], y[i : i + batch_size])[0])
            for i in range(0, len(x), batch_size)
        ]
        history.append(sum(n * v for n, v in losses) / sum(n for n, _ in losses))
    return history


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("batch_size", [16, 35, 64, 200])
def test_partial_last_batches_are_exact(batch_size, normalize):
    model, twin = classifier(normalize=normalize), classifier(normalize=normalize)
    twin.set_weights(model.get_weights())
    history = model.fit(X, Y, batch_size=batch_size, epochs=3, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], by_hand(twin, X, Y, batch_size, 3), rtol=2e-5)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)


def test_one_dispatch_and_single_batches_train_alike():
    model, twin = classifier(dropout=0.3), classifier(dropout=0.3)
    twin.set_weights(model.get_weights())
    watch = EveryBatch()
    np.random.seed(3)
    a = model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history
    np.random.seed(3)
    b = twin.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[watch]).history
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-5)
    assert [s[:2] for s in watch.seen[:9]] == [(i, 8) for i in range(8)] + [(8, 6)]
    assert b["accuracy"] is b["acc"]


def test_numpy_seed_makes_a_run_reproducible():
    def run():
        np.random.seed(7)
        model = classifier(dropout=0.5)
        model.fit(X, Y, epochs=2, verbose=0)
        return model.get_weights()

    for a, b in zip(run(), run(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_is_compiled_twice():
    model = classifier(dropout=0.1)
    model.fit(X, Y, batch_size=16, verbose=0, validation_split=0.2)
    model.predict(X)
    known = model.compilations
    K.set_value(model.optimizer.lr, 0.5)
    model.optimizer.lr = 0.25
    model.fit(X, Y, batch_size=16, verbose=0, validation_split=0.2, epochs=3)
    model.predict(X)
    assert model.compilations == known
    twin = classifier(dropout=0.1)
    twin.fit(X, Y, batch_size=16, verbose=0, validation_split=0.2)
    twin.predict(X)
    assert twin.compilations == 0, "equal architectures share compiled programs"


def test_sizes_of_all_kinds_need_few_programs():
    model = classifier()
    for n in range(1, 33):
        model.predict(X[:n])
    assert model.compilations <= 4
    before = model.compilations
    for n in (33, 47, 64, 65, 70):
        model.predict(X[:n])
    assert model.compilations - before <= 2


def test_the_rate_is_what_it_is_set_to():
    model = classifier()
    before = model.get_weights()
    K.set_value(model.optimizer.lr, 0.0)
    model.fit(X, Y, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_callback_that_stops_and_one_that_reads_weights():
    class Stop(keras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            self.weights = self.model.get_weights()
            if batch == 2:
                self.model.stop_training = True

    model, twin, stop = classifier(), classifier(), Stop()
    twin.set_weights(model.get_weights())
    model.fit(X, Y, batch_size=10, epochs=5, verbose=0, shuffle=False, callbacks=[stop])
    for i in range(3):
        twin.train_on_batch(X[i * 10 : i * 10 + 10], Y[i * 10 : i * 10 + 10])
    for a, b, c in zip(stop.weights, twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
        np.testing.assert_array_equal(a, c)


def test_ctrl_c_keeps_the_last_finished_step(interrupt):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                interrupt.after(0.05)

    model = classifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=2, epochs=100000, verbose=0, callbacks=[Interrupt()])
    interrupt.stop()
    history = model.history
    assert len(history.history["loss"]) == len(history.epoch) >= 3
    assert all(np.isfinite(w).all() for w in model.get_weights())
    model.fit(X, Y, verbose=0)


def test_any_optax_transformation_is_an_optimizer():
    model = classifier(optimizer=optax.chain(optax.clip(1.0), optax.adamw(0.05)))
    losses = model.fit(X, Y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_frozen_layers_are_those_frozen_at_compile():
    model = Sequential([Dense(4, input_shape=(5,), name="first"), Dense(3, activation="softmax")])
    model.get_layer("first").trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    frozen, free = model.layers[0].get_weights(), model.layers[1].get_weights()
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(frozen[0], model.layers[0].get_weights()[0])
    assert not np.array_equal(free[0], model.layers[1].get_weights()[0])
    model.get_layer("first").trainable = True
    with pytest.warns(UserWarning, match="Discrepancy between trainable weights"):
        model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(frozen[0], model.layers[0].get_weights()[0])


def test_add_loss_of_a_symbolic_tensor_trains_without_targets():
    x = Input((5,))
    h = Dense(2, use_bias=False)(x)
    y = Dense(5, use_bias=False)(h)
    model = Model(x, y)
    model.add_loss(K.mean(K.square(x - y)))
    model.compile("adam")
    losses = model.fit(X, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_loss_closed_over_an_inner_tensor():
    x = Input((5,))
    mean = Dense(2, name="mean")(x)
    y = Dense(5)(mean)
    model = Model(x, y)
    model.compile("sgd", lambda t, p: K.mean(K.square(t - p), axis=-1) + K.sum(K.square(mean), axis=-1))
    got = model.test_on_batch(X, X)
    p = model.predict(X)
    inner = X @ model.get_layer("mean").get_weights()[0] + model.get_layer("mean").get_weights()[1]
    np.testing.assert_allclose(got, np.mean(((X - p) ** 2).mean(-1) + (inner**2).sum(-1)), rtol=1e-5)


@pytest.mark.parametrize("devices", [2, 8])
def test_many_devices_give_the_numbers_of_one(devices):
    np.random.seed(1)
    one = classifier(dropout=0.3, normalize=True, optimizer="adam")
    many = classifier(dropout=0.3, normalize=True, optimizer="adam")
    many.set_weights(one.get_weights())
    np.random.seed(5)
    a = one.fit(X, Y, batch_size=20, epochs=3, verbose=0, validation_split=0.2).history
    with keras.distribute.on_devices(devices):
        np.random.seed(5)
        b = many.fit(X, Y, batch_size=20, epochs=3, verbose=0, validation_split=0.2).history
        p = many.predict(X[:13])
    for k in ("loss", "val_loss"):
        np.testing.assert_allclose(a[k], b[k], rtol=2e-5)
    np.testing.assert_allclose(p, one.predict(X[:13]), rtol=1e-4, atol=1e-5)
    many.fit(X, Y, verbose=0)  # and back on one device


def test_multi_gpu_model_shares_the_template_s_weights():
    model = classifier()
    parallel = keras.utils.multi_gpu_model(model, gpus=4)
    parallel.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()
    parallel.fit(X, Y, batch_size=32, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])
    np.testing.assert_allclose(parallel.predict(X), model.predict(X), rtol=1e-5)
    with pytest.raises(ValueError, match="99 devices"):
        keras.utils.multi_gpu_model(model, gpus=99)

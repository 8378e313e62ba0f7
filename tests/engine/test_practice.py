"""How the compiled steps behave as JAX programs: no leaked tracers, no hidden NaN, memory that stays flat."""

import gc
import resource
import weakref

import jax
import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax.layers import LSTM, BatchNormalization, Bidirectional, Conv2D, Dense, Dropout, Embedding, Flatten, Lambda
from kjax.models import Sequential


def image_model():
    layers = [
        Conv2D(2, 3, activation="relu", input_shape=(6, 6, 1)),
        BatchNormalization(),
        Dropout(0.5),
        Flatten(),
        Lambda(lambda t: K.l2_normalize(t, axis=-1)),
        Dense(2, activation="softmax"),
    ]
    return Sequential(layers), np.random.rand(10, 6, 6, 1), np.random.randint(0, 2, (10, 1))


def text_model():
    layers = [
        Embedding(9, 4, mask_zero=True),
        Bidirectional(LSTM(3, dropout=0.2, recurrent_dropout=0.2)),
        Dense(2, activation="softmax"),
    ]
    return Sequential(layers), np.random.randint(0, 9, (10, 5)), np.random.randint(0, 2, (10, 1))


@pytest.mark.parametrize("make", [image_model, text_model])
def test_no_tracer_leaks(make):
    with jax.checking_leaks():
        model, x, y = make()
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        model.fit(x, y, batch_size=4, epochs=1, validation_split=0.2, verbose=0)
        model.predict(x[:3])
        jax.block_until_ready([w.value for w in model.weights])


@pytest.mark.parametrize("make", [image_model, text_model])
def test_no_nan_is_made_on_the_way(make):
    with jax.debug_nans(True):
        model, x, y = make()
        model.compile("rmsprop", "sparse_categorical_crossentropy", ["accuracy"])
        model.fit(x, y, batch_size=4, epochs=2, verbose=0)
        assert np.isfinite(model.evaluate(x, y, verbose=0)).all()


def test_a_thousand_rounds_leave_memory_flat():
    """The number of living device arrays and of Python objects does not grow with the rounds."""
    model = Sequential([Dense(4, input_shape=(3,)), Dropout(0.1), Dense(1)])
    model.compile("adam", "mse")
    x, y = np.ones((12, 3)), np.ones((12, 1))

    def rounds(n):
        for i in range(n):
            model.fit(x, y, batch_size=5, verbose=0)
            model.predict(x[: 1 + i % 12])
            model.train_on_batch(x, y)
        gc.collect()
        return len(jax.live_arrays()), len(gc.get_objects()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    rounds(30)
    compiled = model.compilations
    arrays, objects, resident = rounds(100)
    more_arrays, more_objects, more_resident = rounds(900)
    assert model.compilations == compiled
    assert more_arrays <= arrays + 2
    assert more_objects <= objects + 500  # one object per round would be 900
    assert more_resident - resident < 50_000  # kilobytes


def test_a_thousand_models_are_forgotten_again():
    """What `clear_session` is for: models of one architecture share programs, and none of them is kept alive."""

    def rounds(n):
        for _ in range(n):
            model = Sequential([Dense(2, input_shape=(3,))])
            model.compile("sgd", "mse")
            model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
        keras.backend.clear_session()
        gc.collect()
        return len(jax.live_arrays()), len(gc.get_objects())

    rounds(10)
    arrays, objects = rounds(10)
    more_arrays, more_objects = rounds(100)
    assert more_arrays <= arrays + 2
    assert more_objects <= objects + 300  # three objects per model


def test_weights_that_were_replaced_do_not_stay_alive():
    model = Sequential([Dense(3, input_shape=(4,))])
    x = np.ones((1, 4), "float32")
    for _ in range(2):
        model.predict(x)
    old = weakref.ref(model.layers[0].kernel.value)
    model.set_weights([np.ones((4, 3)), np.ones(3)])
    gc.collect()
    assert old() is None
    np.testing.assert_array_equal(model.predict(x), [[5.0, 5.0, 5.0]])

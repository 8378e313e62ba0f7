"""fit, evaluate and predict on generators and Sequences: same figures, clear errors, nothing left running."""

import os
import threading
import time

import numpy as np
import psutil
import pytest

import kjax as keras
from kjax.layers import BatchNormalization, Dense
from kjax.models import Sequential
from kjax.utils import Sequence

RNG = np.random.RandomState(0)
X = RNG.randn(70, 5).astype("float32")
Y = (X @ RNG.randn(5, 1)).astype("float32")


class Batches(Sequence):
    """Batches of 16 of X and Y, the last one smaller; some misbehave."""

    def __init__(self, bad=None, kill=None, wide=None, seconds=0.0):
        self.bad, self.kill, self.wide, self.seconds = bad, kill, wide, seconds

    def __len__(self):
        return 5

    def __getitem__(self, index):
        time.sleep(self.seconds)
        if index == self.bad:
            raise KeyError("boo")
        if index == self.kill:
            os.kill(os.getpid(), 9)
        rows = slice(index * 16, index * 16 + 16)
        return (X[rows, :3] if index == self.wide else X[rows]), Y[rows]


def batches(count=None):
    """A generator of Batches' batches, endless unless told."""
    number = 0
    while count is None or number < count:
        yield Batches()[number % 5]
        number += 1


def make(**compile_args):
    model = Sequential([Dense(4, activation="tanh", input_shape=(5,)), BatchNormalization(), Dense(1)])
    model.compile("sgd", "mse", **compile_args)
    return model


@pytest.fixture(autouse=True)
def nothing_is_left_running():
    me = psutil.Process()
    threads, processes = set(threading.enumerate()), set(me.children())
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not set(threading.enumerate()) <= threads:
        time.sleep(0.01)
    assert set(threading.enumerate()) <= threads
    assert set(me.children()) <= processes


SOURCES = {
    "generator": (lambda: batches(), {}),
    "calling thread": (lambda: batches(), {"workers": 0}),
    "sequence": (lambda: Batches(), {"shuffle": False, "workers": 3}),
    "sequence, calling thread": (lambda: Batches(), {"shuffle": False, "workers": 0}),
    "processes": (lambda: Batches(), {"shuffle": False, "workers": 2, "use_multiprocessing": True}),
}


@pytest.mark.parametrize(
    "source", [pytest.param(s, marks=pytest.mark.slow) if s == "processes" else s for s in SOURCES]
)
def test_figures_are_those_of_arrays(source):
    source, arguments = SOURCES[source]
    model, twin = make(), make()
    twin.set_weights(model.get_weights())
    expected = twin.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0, validation_data=(X, Y))
    history = model.fit_generator(source(), 5, 2, 0, validation_data=(X, Y), **arguments)
    assert history.epoch == [0, 1]
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(history.history[name], expected.history[name], rtol=2e-5)
    reading = {k: v for k, v in arguments.items() if k != "shuffle"}
    np.testing.assert_allclose(
        model.evaluate_generator(source(), 5, **reading), twin.evaluate(X, Y, verbose=0), rtol=2e-5
    )
    predicted = model.predict_generator(source(), 5, **reading)
    assert predicted.shape == (70, 1)
    np.testing.assert_allclose(predicted, twin.predict(X), rtol=1e-4, atol=1e-5)


def test_fit_evaluate_and_predict_take_them_too():
    model = make()
    history = model.fit(Batches(), epochs=1, verbose=0, validation_data=Batches(), workers=2)
    assert set(history.history) == {"loss", "val_loss"}
    np.testing.assert_allclose(model.evaluate(Batches(), verbose=0), history.history["val_loss"][0], rtol=1e-6)
    assert model.predict(Batches()).shape == (70, 1)
    with pytest.raises(ValueError, match="`y` argument of fit is not supported when x is a generator"):
        model.fit(Batches(), Y)


def test_names_of_keras_1():
    model = make()
    with pytest.warns(UserWarning):
        history = model.fit_generator(
            batches(),
            samples_per_epoch=70,
            nb_epoch=1,
            verbose=0,
            validation_data=batches(),
            nb_val_samples=70,
            max_q_size=4,
            nb_worker=1,
            pickle_safe=False,
        )
    assert len(history.history["val_loss"]) == 1
    with pytest.warns(UserWarning):
        model.evaluate_generator(batches(), val_samples=70)


def test_a_validation_generator_goes_on_where_it_was():
    seen = []

    def numbered():
        for number in range(4):  # exactly as many as two epochs of two steps want
            seen.append(number)
            yield X[number * 8 : number * 8 + 8], Y[number * 8 : number * 8 + 8]

    model = make()
    model.optimizer.lr = 0.0
    history = model.fit_generator(batches(), 1, 2, 0, validation_data=numbered(), validation_steps=2)
    # batch statistics move a little even at rate 0; the figures tell the halves of the data apart
    assert seen == [0, 1, 2, 3] and history.history["val_loss"][0] != history.history["val_loss"][1]


def test_validation_freq():
    def ran(freq, **arguments):
        model = make()
        a = model.fit_generator(batches(), 2, 4, 0, validation_data=(X, Y), validation_freq=freq).history
        b = model.fit(X, Y, epochs=4, verbose=0, validation_data=(X, Y), validation_freq=freq).history
        assert len(a["val_loss"]) == len(b["val_loss"])
        return len(a["val_loss"])

    assert ran(1) == 4 and ran(3) == 1 and ran([1, 4]) == 2
    with pytest.raises(ValueError, match="validation_freq must be an integer >= 1"):
        make().fit(X, Y, verbose=0, validation_data=(X, Y), validation_freq=0)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_generator_that_ends_early(workers):
    model = make()
    with pytest.raises(ValueError, match="fit_generator: the generator ended before batch 7"):
        model.fit_generator(batches(7), 5, 2, 0, workers=workers)
    assert len(model.history.history["loss"]) == 1
    assert np.isfinite(model.get_weights()[0]).all()
    with pytest.raises(ValueError, match="predict_generator: the generator ended before batch 2"):
        model.predict_generator(batches(2), 3, workers=workers)
    model.fit_generator(batches(5), 5, 1, 0, workers=workers)  # just enough


def test_a_generator_that_raises():
    def broken():
        yield from batches(3)
        raise ZeroDivisionError("boo")

    model = make()
    with pytest.raises(RuntimeError, match="failed at batch 3: ZeroDivisionError: boo"):
        model.fit_generator(broken(), 5, 1, 0)
    with pytest.raises(ZeroDivisionError) as error:
        model.fit_generator(broken(), 5, 1, 0, workers=0)
    assert "at batch 3" in error.value.__notes__[0]
    with pytest.raises(RuntimeError, match=r"failed at batch 2 .*KeyError: 'boo'"):
        model.evaluate_generator(Batches(bad=2), workers=2)


def test_an_iterator_that_raises_is_named():
    class Failing:
        def __next__(self):
            raise ZeroDivisionError("boo")

        def get_state(self):
            return {}

        def set_state(self, state):
            pass

    with pytest.raises(RuntimeError, match="the iterator Failing failed at batch 0: ZeroDivisionError: boo"):
        make().fit_generator(Failing(), 5, 1, 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_of_the_wrong_shape(workers):
    model = make()
    with pytest.raises(
        ValueError, match=r"fit_generator: batch 3 .*to have shape \(5,\) but got array with shape \(3,\)"
    ):
        model.fit_generator(Batches(wide=3), epochs=1, verbose=0, shuffle=False, workers=workers)
    with pytest.raises(ValueError, match=r"fit_generator: batch 0 .*should be a tuple `\(x, y, sample_weight\)`"):
        model.fit_generator(iter([X]), 1, 1, 0, workers=workers)
    with pytest.raises(ValueError, match="validation: batch 1 of the generator does not fit"):
        model.fit_generator(Batches(), epochs=1, verbose=0, validation_data=Batches(wide=1), workers=workers)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_worker_process():
    with pytest.raises(RuntimeError, match=r"failed at batch 2 .*worker process \d+ was killed by signal 9"):
        make().fit_generator(Batches(kill=2), epochs=1, verbose=0, shuffle=False, workers=2, use_multiprocessing=True)


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_while_a_batch_is_waited_for(workers, interrupt):
    model = make()
    model.fit_generator(batches(), 2, 1, 0)
    interrupt.after(0.3)
    with pytest.raises(KeyboardInterrupt):
        model.fit_generator(Batches(seconds=0.2), epochs=30, verbose=0, workers=workers)
    interrupt.stop()
    assert np.isfinite(model.get_weights()[0]).all()


def test_steps_are_required_of_generators():
    model = make()
    with pytest.raises(ValueError, match="`steps_per_epoch=None` is only valid for a generator based on"):
        model.fit_generator(batches())
    with pytest.raises(ValueError, match="`validation_steps=None` is only valid"):
        model.fit_generator(batches(), 2, validation_data=batches())
    with pytest.raises(ValueError, match="`steps` must be a number > 0; got 0"):
        model.evaluate_generator(batches(), 0)
    with pytest.raises(TypeError, match="a generator, an iterator or a keras.utils.Sequence is required; got ndarray"):
        model.fit_generator(X, 1)


def test_batches_of_many_sizes_need_few_programs():
    def sizes():
        while True:
            for n in (32, 5, 31, 16, 1, 40, 50, 60):
                yield X[:n], Y[:n]

    model = make()
    model.fit_generator(sizes(), 16, 1, 0)
    assert model.compilations <= 4
    twin = make()
    twin.set_weights(model.get_weights())
    loss = model.evaluate_generator(sizes(), 8)
    rows = [(n, twin.test_on_batch(X[:n], Y[:n])) for n in (32, 5, 31, 16, 1, 40, 50, 60)]
    np.testing.assert_allclose(loss, sum(n * v for n, v in rows) / sum(n for n, _ in rows), rtol=1e-5)


def test_stopping_in_the_middle_of_an_epoch():
    class Stop(keras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            assert np.isfinite(logs["loss"])
            self.model.stop_training = batch == 1

    model = make()
    history = model.fit_generator(batches(), 1000, 5, 0, callbacks=[Stop()])
    assert history.epoch == [0]


def test_a_model_that_waits_for_its_first_batch():
    model = Sequential([Dense(3), Dense(1)])
    model.compile("sgd", "mse")
    model.fit_generator(batches(), 3, 2, 0, validation_data=batches(), validation_steps=2)
    assert model.built and model.count_params() == 22


def test_class_weights_and_sample_weights():
    labels = (Y > 0).astype("int32")

    def weighted():
        while True:
            yield X, labels, np.where(labels[:, 0] == 1, 3.0, 1.0)

    def plain():
        while True:
            yield X, labels

    def model():
        m = Sequential([Dense(1, activation="sigmoid", kernel_initializer="ones", input_shape=(5,))])
        m.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        return m

    a = model().fit_generator(weighted(), 2, 2, 0).history
    b = model().fit_generator(plain(), 2, 2, 0, class_weight={0: 1.0, 1: 3.0}).history
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-6)
    assert set(a) == {"loss", "acc"}


def test_an_epoch_takes_no_longer_than_its_slower_side():
    """Two workers at 20 ms a batch: an epoch of 20 batches takes about 200 ms, not 400."""
    model = make()
    model.fit_generator(Batches(), epochs=1, verbose=0)

    class Slow(Batches):
        def __len__(self):
            return 20

        def __getitem__(self, index):
            time.sleep(0.02)
            return X[:16], Y[:16]

    start = time.perf_counter()
    model.fit_generator(Slow(), epochs=1, verbose=0, workers=4)
    assert time.perf_counter() - start < 0.3

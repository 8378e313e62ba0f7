"""What a model holds after a step, a callback or the user broke training off."""

import re

import jax
import numpy as np
import pytest

import kjax as keras
from kjax.graph import op
from kjax.layers import Dense, Lambda
from kjax.models import Sequential

RNG = np.random.RandomState(0)
X = RNG.randn(64, 5).astype("float32")
Y = RNG.randn(64, 1).astype("float32")


class Device:
    """Fails within a compiled step when told to, as a device does that runs out of memory."""

    broken = False

    @classmethod
    def pass_on(cls, x):
        if cls.broken:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory while trying to allocate")
        return x


@op(name="through_the_host", rowwise=True)
def through_the_host(x):
    @jax.custom_jvp
    def on_host(x):
        return jax.pure_callback(Device.pass_on, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    on_host.defjvp(lambda primals, tangents: (on_host(primals[0]), tangents[0]))
    return on_host(x)


@pytest.fixture(autouse=True)
def working_device():
    yield
    Device.broken = False


def make(fragile=False):
    model = Sequential([Dense(4, input_shape=(5,)), *([Lambda(through_the_host)] if fragile else []), Dense(1)])
    model.compile("adam", "mse")
    return model


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


class At(keras.callbacks.Callback):
    """Does something at one moment."""

    def __init__(self, epoch, action):
        super().__init__()
        self.at, self.action, self.states = epoch, action, []

    def on_epoch_begin(self, epoch, logs=None):
        self.states.append([*self.model.get_weights(), *self.model.optimizer.get_weights()])
        if epoch == self.at:
            self.action()


def fail():
    raise LookupError("a callback's own error")


def broken():
    Device.broken = True


@pytest.mark.parametrize("generator", [False, True])
def test_an_error_of_a_callback(generator):
    model, watch = make(), At(2, fail)
    with pytest.raises(LookupError, match="a callback's own error"):
        if generator:
            model.fit_generator(iter([(X, Y)] * 9), 1, 5, 0, callbacks=[watch])
        else:
            model.fit(X, Y, epochs=5, verbose=0, callbacks=[watch])
    assert model.history.epoch == [0, 1] and len(model.history.history["loss"]) == 2
    assert equal(watch.states[2], [*model.get_weights(), *model.optimizer.get_weights()])
    assert not hasattr(model.history, "__notes__")
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("generator", [False, True])
def test_a_device_that_fails_within_a_step(generator):
    """XLA has taken the buffers by then; the model gets those of the beginning of an epoch back, and says which."""
    model, watch = make(fragile=True), At(2, broken)
    with pytest.raises((ValueError, RuntimeError), match="out of memory") as error:
        if generator:
            model.fit_generator(iter([(X, Y)] * 9), 1, 5, 0, callbacks=[watch])
        else:
            model.fit(X, Y, epochs=5, verbose=0, callbacks=[watch])
    notes = "\n".join(error.value.__notes__)
    assert "a smaller batch_size needs less" in notes
    epoch = re.search("it holds the weights and the optimizer's state of the beginning of epoch ([123])", notes).group(
        1
    )
    assert model.history.epoch == [0, 1]
    assert equal(watch.states[int(epoch) - 1], [*model.get_weights(), *model.optimizer.get_weights()])
    Device.broken = False
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_a_device_that_fails_at_the_first_step():
    model = make(fragile=True)
    before = model.get_weights()
    Device.broken = True
    with pytest.raises((ValueError, RuntimeError)):
        model.fit(X, Y, verbose=0)
    assert equal(before, model.get_weights())


def test_a_single_step_that_fails_says_what_was_lost():
    model = make(fragile=True)
    before = model.get_weights()
    model.train_on_batch(X, Y)
    Device.broken = True
    with pytest.raises((ValueError, RuntimeError)) as error:
        model.train_on_batch(X, Y)
    assert any("variables" in note and "load them from a checkpoint" in note for note in error.value.__notes__)
    Device.broken = False
    model.set_weights(before)
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)


def test_nan_stops_training_and_the_history_says_when():
    model = make()
    y = Y.copy()
    y[40] = np.nan
    history = model.fit(
        X, y, batch_size=16, epochs=3, verbose=0, shuffle=False, callbacks=[keras.callbacks.TerminateOnNaN()]
    )
    assert history.epoch == [0] and np.isnan(history.history["loss"]).all()


def test_data_that_do_not_fit_change_nothing():
    model = make()
    before = model.get_weights()
    for x, y in ((X[:, :3], Y), (X, Y[:10])):
        with pytest.raises(ValueError):
            model.fit(x, y, verbose=0)
    assert equal(before, model.get_weights())

"""What a model holds after a step, a callback or the user broke training off."""

import re

import jax
import numpy as np
import pytest

import kjax as keras
from kjax.engine import safeguard
from kjax.graph import Variable, op
from kjax.layers import LSTM, Dense, Lambda
from kjax.models import Sequential

RNG = np.random.RandomState(0)
X = RNG.randn(64, 5).astype("float32")
Y = RNG.randn(64, 1).astype("float32")


MARK = 99.0  # a sample with it breaks the device, whenever it is computed


class Device:
    """Fails within a compiled step, as a device does that runs out of memory: when told to, or at marked samples."""

    broken = False

    @classmethod
    def pass_on(cls, x):
        if cls.broken or (np.asarray(x) > MARK / 2).any():
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
    model = Sequential([*([Lambda(through_the_host, input_shape=(5,))] if fragile else []), Dense(4), Dense(1)])
    model.build((None, 5))
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
        self.states.append(state(self.model))
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
    assert equal(watch.states[2], state(model))
    assert not hasattr(model.history, "__notes__")
    model.fit(X, Y, verbose=0)


def state(model):
    return [*model.get_weights(), *model.optimizer.get_weights()]


def batches(x):
    while True:
        for i in range(0, 64, 8):
            yield x[i : i + 8], Y[i : i + 8]


RUNS = {
    "many steps at once": lambda m, x: m.fit(x, Y, batch_size=8, epochs=3, verbose=0, shuffle=False),
    "step by step": lambda m, x: m.fit(
        x, Y, batch_size=8, epochs=3, verbose=0, shuffle=False, callbacks=[keras.callbacks.TerminateOnNaN()]
    ),
    "generator": lambda m, x: m.fit_generator(batches(x), 8, 3, 0),
    "train_on_batch": lambda m, x: [m.train_on_batch(x[i : i + 8], Y[i : i + 8]) for i in range(0, 64, 8)],
}


@pytest.mark.parametrize("run", RUNS)
def test_a_step_that_fails_leaves_the_step_before(run):
    """The sixth step fails: weights and the optimizer's state are those after five, however far the host is ahead."""
    model, twin = make(fragile=True), make()
    twin.set_weights(model.get_weights())
    x = X.copy()
    x[43] = MARK
    with pytest.raises((ValueError, RuntimeError), match="out of memory") as error:
        RUNS[run](model, x)
    for i in range(0, 40, 8):
        twin.train_on_batch(X[i : i + 8], Y[i : i + 8])
    for a, b in zip(state(model), state(twin), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    notes = "\n".join(error.value.__notes__)
    assert "a smaller batch_size needs less" in notes
    expected = "of the step before" if run == "train_on_batch" else "after 5 steps of epoch 1"
    assert f"it holds the weights and the optimizer's state {expected}" in notes
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


@pytest.mark.parametrize("generator", [False, True])
def test_a_device_that_fails_in_a_later_epoch(generator):
    model, watch = make(fragile=True), At(2, broken)
    with pytest.raises((ValueError, RuntimeError), match="out of memory") as error:
        if generator:
            model.fit_generator(iter([(X, Y)] * 9), 1, 5, 0, callbacks=[watch])
        else:
            model.fit(X, Y, epochs=5, verbose=0, callbacks=[watch])
    assert "after 0 steps of epoch 3" in "\n".join(error.value.__notes__)
    assert model.history.epoch == [0, 1] and len(model.history.history["loss"]) == 2
    assert equal(watch.states[2], state(model))


@pytest.mark.parametrize("copied", [True, False])
def test_a_large_state_gets_its_newest_copy_back(monkeypatch, copied):
    """Large states are donated; what a step in the middle of which the device fails was given is gone."""
    monkeypatch.setattr(safeguard, "_SMALL_BYTES", 0)
    monkeypatch.setattr(safeguard, "_MOST_BYTES", 1 << 30 if copied else 0)
    model = make(fragile=True)
    twin = make()
    twin.set_weights(model.get_weights())
    x = X.copy()
    x[43] = MARK
    with pytest.raises((ValueError, RuntimeError)) as error:
        RUNS["generator"](model, x)
    notes = "\n".join(error.value.__notes__)
    if copied:
        found = re.search(r"after ([0-5]) steps of epoch 1 \(states of more than 0 MB are copied only from time", notes)
        for i in range(int(found.group(1))):
            twin.train_on_batch(X[i * 8 : i * 8 + 8], Y[i * 8 : i * 8 + 8])
        for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
        model.fit(X, Y, verbose=0)
    else:
        assert "the values of" in notes and "are lost; load them from a checkpoint" in notes


@pytest.mark.parametrize("donated", [False, True])
def test_a_step_that_fails_before_the_device_begins(monkeypatch, donated):
    """As it does when there is no memory for it: nothing was given away yet."""
    if donated:
        monkeypatch.setattr(safeguard, "_SMALL_BYTES", 0)
    model = make()
    model.fit(X, Y, epochs=2, verbose=0)
    before, executor = state(model), model._executor("train")

    def refuse(*args):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 17 bytes.")

    monkeypatch.setattr(executor, "_counted", refuse)
    for run in ("generator", "many steps at once", "train_on_batch"):
        with pytest.raises(RuntimeError) as error:
            RUNS[run](model, X)
        note = error.value.__notes__[-1]
        assert "it holds its last finished step" in note or "it holds the weights and the optimizer's state" in note
        assert equal(before, state(model))


def test_states_of_a_recurrent_network_survive_a_failed_prediction():
    model = Sequential([Lambda(through_the_host, batch_input_shape=(4, 2, 5)), LSTM(3, stateful=True)])
    sequence = RNG.randn(4, 2, 5).astype("float32")
    model.predict(sequence)
    states = [s.value for s in model.layers[1].states]
    with pytest.raises((ValueError, RuntimeError)):
        model.predict(np.full((4, 2, 5), MARK))
    assert equal(states, [s.value for s in model.layers[1].states])


def test_ctrl_c_says_where_training_was():
    class Press(keras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            if batch == 3:
                raise KeyboardInterrupt

    model, twin = make(), make()
    twin.set_weights(model.get_weights())
    with pytest.raises(KeyboardInterrupt) as error:
        model.fit(X, Y, batch_size=8, verbose=0, shuffle=False, callbacks=[Press()])
    assert error.value.__notes__ == [
        f"kjax: fit of model {model.name} was broken off; it holds its last finished step, number 4 of epoch 1."
    ]
    for i in range(0, 32, 8):
        twin.train_on_batch(X[i : i + 8], Y[i : i + 8])
    for a, b in zip(state(model), state(twin), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("at", [1, 2, 8, 13])
def test_ctrl_c_between_two_values_of_a_step_waits_for_all_of_them(monkeypatch, at):
    reference, model = make(), make()
    model.set_weights(reference.get_weights())
    for trained in (model, reference):
        trained.train_on_batch(X, Y)
    states, calls, replace = [state(model)], [], Variable.replace
    reference.train_on_batch(X, Y)
    states.append(state(reference))

    def interrupted(variable, value):
        calls.append(variable)
        if len(calls) == at:
            raise KeyboardInterrupt
        replace(variable, value)

    with monkeypatch.context() as patch:
        patch.setattr(Variable, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.train_on_batch(X, Y)
    assert equal(state(model), states[1]) and not equal(*states)
    model.train_on_batch(X, Y)


@pytest.mark.parametrize("cause, kept", [("targets", 2), ("weights", 0)])
def test_nan_stops_training_with_the_last_valid_weights(cause, kept, capsys):
    """Invalid targets spoil one step; weights that overflow give an invalid loss one step later."""
    model, y = make(), 100 * Y
    if cause == "targets":
        y[40] = np.nan
    else:
        model.compile(keras.optimizers.SGD(3e38), "mse")
    states = []
    keep = keras.callbacks.LambdaCallback(on_batch_begin=lambda batch, logs: states.append(model.get_weights()))
    history = model.fit(
        X, y, batch_size=16, epochs=3, verbose=0, shuffle=False, callbacks=[keep, keras.callbacks.TerminateOnNaN()]
    )
    said = capsys.readouterr().out
    assert history.epoch == [0] and not np.isfinite(history.history["loss"]).any()
    assert f"Batch {len(states) - 1}: Invalid loss, terminating training" in said
    assert f"The model holds the weights from before batch {kept}." in said
    assert np.isfinite(states[kept][0]).all() and equal(states[kept], model.get_weights())


def test_data_that_do_not_fit_change_nothing():
    model = make()
    before = model.get_weights()
    for x, y in ((X[:, :3], Y), (X, Y[:10])):
        with pytest.raises(ValueError):
            model.fit(x, y, verbose=0)
    assert equal(before, model.get_weights())

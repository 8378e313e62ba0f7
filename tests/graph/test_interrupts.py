"""Ctrl-C at any moment: heard once the dispatch is over, never lost, and nothing is broken by it."""

import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time

import jax
import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax.graph import op
from kjax.graph.interrupts import listening, uninterrupted
from kjax.layers import Dense, Lambda
from kjax.models import Sequential

X, Y = np.ones((8, 4), "float32"), np.zeros((8, 2), "float32")


@pytest.fixture(autouse=True)
def default_handler():
    """SIGINT raises KeyboardInterrupt even where the tests were started with it ignored; the handler is put back."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, previous)


def press():
    signal.raise_signal(signal.SIGINT)


class Press:
    """Presses Ctrl-C while a step is traced, each time it is told to."""

    due = False

    @classmethod
    def while_traced(cls, x):
        if cls.due and isinstance(x, jax.core.Tracer):
            cls.due = False
            press()
            assert np.sum(range(100)) == 4950  # goes on: what calls it has to be finished first
        return x


pressed_while_traced = op(name="pressed_while_traced", rowwise=True)(Press.while_traced)


def make():
    model = Sequential([Dense(3, input_shape=(4,)), Lambda(pressed_while_traced), Dense(2)])
    model.compile("sgd", "mse")
    return model


def batches():
    while True:
        yield X, Y


METHODS = {
    "predict": lambda m: m.predict(X),
    "predict_on_batch": lambda m: m.predict_on_batch(X),
    "predict_generator": lambda m: m.predict_generator(batches(), 3),
    "evaluate": lambda m: m.evaluate(X, Y, verbose=0),
    "evaluate_generator": lambda m: m.evaluate_generator(batches(), 3),
    "train_on_batch": lambda m: m.train_on_batch(X, Y),
    "fit": lambda m: m.fit(X, Y, batch_size=2, verbose=0),
    "fit_generator": lambda m: m.fit_generator(batches(), 3, verbose=0),
    "K.function": lambda m: K.function(m.inputs, m.outputs)([X]),
}


@pytest.mark.parametrize("method", METHODS)
def test_a_compilation_is_finished_first(method):
    jax.clear_caches()
    model = make()
    Press.due = True
    with pytest.raises(KeyboardInterrupt):
        METHODS[method](model)
    assert not Press.due
    compiled = model.compilations
    METHODS[method](model)
    assert method == "K.function" or model.compilations - compiled <= 1  # the step that was cut short runs as compiled


def test_an_interrupt_within_garbage_collection_is_not_lost():
    """An exception raised there is only printed."""
    model, heard = make(), []
    model.fit_generator(batches(), 2, verbose=0)

    def collecting(phase, info):
        if phase == "stop" and not heard:
            heard.append(phase)
            press()

    class Collect(keras.callbacks.Callback):
        batches = 0

        def on_batch_begin(self, batch, logs=None):
            Collect.batches += 1
            if batch == 3:
                gc.callbacks.append(collecting)
                gc.collect()

    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit_generator(batches(), 50, verbose=0, callbacks=[Collect()])
    finally:
        gc.callbacks.remove(collecting)
    assert heard and Collect.batches == 4  # at the end of the very step


def test_the_handler_of_a_program_is_asked_and_stays():
    """One that a program sets before, and one that a callback sets while training."""
    calls = []

    class Handler(keras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            if batch == 1:
                press()
                signal.signal(signal.SIGINT, lambda number, frame: calls.append("second"))
                press()

    signal.signal(signal.SIGINT, lambda number, frame: calls.append("first"))
    make().fit(X, Y, batch_size=2, verbose=0, callbacks=[Handler()])
    press()
    assert calls == ["first", "second", "second"]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_scopes_may_be_nested_and_left_by_errors():
    with pytest.raises(KeyboardInterrupt), listening(sys._getframe()), uninterrupted():
        with uninterrupted():
            press()
        press()
    with pytest.raises(LookupError), listening(sys._getframe()), uninterrupted():
        raise LookupError
    with pytest.raises(KeyboardInterrupt):
        press()


def test_random_interrupts(tmp_path):
    """`python tests/graph/test_interrupts.py 500` does more of them, in new processes' compilations."""
    assert random_interrupts(25, 0.03, str(tmp_path / "model.h5")) == 25


def press_later(ready, seconds, thread):
    ready.wait()
    time.sleep(seconds)
    signal.pthread_kill(thread, signal.SIGINT)


def random_interrupts(count, seconds, path):
    """Presses Ctrl-C at random moments of many methods; returns how often it was heard."""
    draw, heard, main = random.Random(0), 0, threading.main_thread().ident
    runs = [*METHODS.values(), lambda m: m.save(path)]
    for number in range(count):
        model, run, ready = make(), runs[number % len(runs)], threading.Event()
        if number % 10 == 0:
            jax.clear_caches()
        sender = threading.Thread(target=press_later, args=(ready, draw.random() * seconds, main))
        sender.start()
        try:
            with listening(sys._getframe()):
                ready.set()
                end = time.monotonic() + 60
                while time.monotonic() < end:
                    run(model)
        except KeyboardInterrupt:
            heard += 1
        sender.join()
    return heard


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
def test_a_fork_after_use_is_told_to_spawn():
    model = make()
    expected = model.predict(X)
    said, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            model.predict(X)
            text = "no error"
        except RuntimeError as error:
            text = str(error)
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with open(said) as file:
        text = file.read()
    os.waitpid(child, 0)
    assert "forked" in text and "get_context('spawn')" in text
    np.testing.assert_array_equal(model.predict(X), expected)


SCRIPT = """
import multiprocessing, os
import numpy as np
import kjax as keras
from kjax.layers import Dense
model = keras.models.Sequential([Dense(3, activation='tanh', input_shape=(4,))])
child = os.fork()  # before the first computation: both may compute
result = model.predict(np.ones((2, 4)))
if child == 0:
    os._exit(0 if result.shape == (2, 3) else 1)
assert os.waitpid(child, 0)[1] == 0
module, variables = model.to_flax()
module.apply(variables, np.ones((2, 4)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_script_that_forks_early_and_keeps_a_module_ends_quietly():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


if __name__ == "__main__":
    times = int(sys.argv[1])
    print(random_interrupts(times, 0.15, "interrupted.h5"), "of", times, "heard")

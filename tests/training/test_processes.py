"""Two processes on loopback, each with its own half of the data, train as one does on the whole."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

import kjax as keras
from kjax.layers import Dense, Dropout
from kjax.models import Sequential

X = np.random.RandomState(0).randn(32, 5).astype("float32")
Y = np.random.RandomState(1).randn(32, 2).astype("float32")
BATCH = 4


def make(dropout=0.0):
    layers = [Dense(4, activation="tanh", input_shape=(5,)), *([Dropout(dropout)] if dropout else []), Dense(2)]
    model = Sequential(layers)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    return model


def batches(x, y):
    while True:
        for i in range(0, len(x), BATCH):
            yield x[i : i + BATCH], y[i : i + BATCH]


def everything(model, x, y, batch_size):
    """Figures and predictions by all methods; `batches` are of one process."""
    figures = model.fit(x, y, batch_size, epochs=2, verbose=0, shuffle=False, validation_data=(x, y)).history
    figures = [*figures["loss"], *figures["val_loss"], model.train_on_batch(x, y), model.test_on_batch(x, y)]
    return figures + [model.evaluate(x, y, batch_size, verbose=0)], model.predict(x, batch_size)


def child(port, number, folder):
    keras.distribute.initialize(coordinator_address=f"localhost:{port}", num_processes=2, process_id=number)
    assert (keras.distribute.rank(), keras.distribute.size()) == (number, 2)
    assert keras.distribute.local_rank() == number and keras.distribute.is_chief() == (number == 0)
    np.random.seed(number)  # nothing depends on it: weights and keys are those of process 0
    share = slice(16 * number, 16 * (number + 1))
    x, y = X[share], Y[share]
    model = make()
    start = model.get_weights()
    figures, predictions = everything(model, x, y, BATCH)
    own = batches(x, y)
    history = model.fit_generator(own, 3, 1, verbose=1, validation_data=batches(x, y), validation_steps=2).history
    generated = model.predict_generator(own, 1)
    with pytest.raises(ValueError, match=r"fit: every process must have the same samples.*\[16, 15\]"):
        model.fit(x[: 16 - number], y[: 16 - number], verbose=0)
    noisy = make(0.5)
    losses = [noisy.train_on_batch(x, y), noisy.train_on_batch(x, y)]
    np.savez(
        os.path.join(folder, f"{number}.npz"),
        *start,
        *model.get_weights(),
        *noisy.get_weights(),
        figures=figures + history["loss"] + history["val_loss"] + losses,
        predictions=predictions,
        generated=generated,
    )


def test_two_processes_are_one(tmp_path):
    with socket.socket() as s:
        s.bind(("localhost", 0))
        port = s.getsockname()[1]
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    start = f"from tests.training.test_processes import child; child({port}, {{}}, {str(tmp_path)!r})"
    children = [
        subprocess.Popen([sys.executable, "-c", start.format(i)], env=environment, stdout=-1, stderr=-1, text=True)
        for i in (0, 1)
    ]
    try:
        said = [process.communicate(timeout=240) for process in children]
    finally:
        for process in children:
            process.kill()
    assert [process.returncode for process in children] == [0, 0], "\n".join(error[-3000:] for _, error in said)
    assert ["Epoch 1/1" in out for out, _ in said] == [True, False]  # the bar is shown once
    results = [np.load(tmp_path / f"{i}.npz") for i in (0, 1)]
    arrays = [[r[f"arr_{i}"] for i in range(12)] for r in results]
    for a, b in zip(*[a[4:] for a in arrays], strict=True):
        np.testing.assert_array_equal(a, b)  # whatever they started from, they hold the same
    np.testing.assert_array_equal(results[0]["figures"], results[1]["figures"])

    # one process on the whole: each batch is one of the first half and one of the second
    order = np.arange(32).reshape(2, -1, BATCH).swapaxes(0, 1).ravel()
    model = make()
    model.set_weights(arrays[0][:4])
    figures, predictions = everything(model, X[order], Y[order], 2 * BATCH)
    np.testing.assert_allclose(results[0]["figures"][: len(figures)], figures, rtol=1e-5)
    found = np.concatenate([r["predictions"] for r in results])
    np.testing.assert_allclose(found[order], predictions, rtol=1e-4, atol=1e-6)
    assert [r["generated"].shape for r in results] == [(BATCH, 2)] * 2

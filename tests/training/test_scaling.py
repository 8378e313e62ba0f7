"""What a training step over eight devices computes and sends, read from the compiled program."""

import contextlib

import jax
import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax import layers as L
from kjax.engine.step import train_step
from tests.hlo import cost
from tests.layers.table import ROWS, row

pytestmark = pytest.mark.skipif(len(jax.devices()) < 8, reason="needs 8 devices (XLA_FLAGS)")

BATCH = 16
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def scalar(x):
    """One number per sample, which depends on all of x."""
    return K.mean(K.square(K.batch_flatten(K.cast(x, "float32"))), axis=-1, keepdims=True)


def cost_of(rows, devices):
    """The cost of one device's training step of a model that has each of the layers beside the others."""
    with keras.distribute.on_devices(devices) as placement:
        inputs, outputs, data = [], [], []
        for build, shapes, integer in rows:
            own = [L.Input(shape) for shape in shapes]
            inputs += own
            outputs.append(L.Lambda(scalar)(build()(own if len(own) > 1 else own[0])))
            data += [np.ones((BATCH, *shape), "float32") * (1 if integer is None else 0) for shape in shapes]
        model = keras.models.Model(inputs, L.add(outputs) if len(outputs) > 1 else outputs[0])
        model.compile("sgd", "mse")
        executor = model._executor("train")
        batch = ([*data, np.ones((BATCH, 1), "float32")], [None])
        batch = batch if placement is None else placement.batch(batch)
        key, _ = model._next_key(executor)
        values = lambda variables: executor._values(variables, placement)
        arguments = (
            executor._state(placement),
            values(executor.fixed),
            (executor.constants, executor.constraint_constants),
            executor._rates(placement),
            batch,
            None,
            key,
            None if key is None else np.uint32(0),
        )
        with contextlib.nullcontext() if placement is None else placement.in_force():
            step = train_step(executor.spec, False).lower(*arguments).compile(QUICKLY)
        weights = sum(w.value.nbytes for w in model.weights)
    return cost(step.as_text()), weights


def check(rows):
    (one, _), (eight, weights) = cost_of(rows, 1), cost_of(rows, 8)
    assert 7 * eight.flops <= one.flops
    assert set(eight.sent) <= {"all-reduce"}
    # gradients or statistics once, figures, and what a layer draws for all
    assert eight.sent.get("all-reduce", 0) <= weights + 64


def test_recurrent_layers_cut_their_work_and_send_gradients_only():
    series, images = (5, 3), (3, 4, 4, 2)
    check(
        [
            row(lambda: L.LSTM(4, return_sequences=True), series),
            row(lambda: L.Bidirectional(L.GRU(4, activation="sigmoid")), series),
            row(lambda: L.SimpleRNN(4, go_backwards=True), series),
            row(lambda: L.ConvLSTM2D(2, 2), images),
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_every_layer_cuts_its_work_and_sends_gradients_only(name):
    check([ROWS[name]])


def test_costs_are_read_with_loops_and_collectives():
    """Against numbers counted by hand."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:2]), ("data",))
    cut = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))

    def step(x, w):
        for_all = jax.lax.fori_loop(0, 5, lambda i, x: jax.numpy.tanh(x @ w), x)
        return for_all.sum(0)

    x, w = jax.device_put(np.ones((4, 3), "float32"), cut), np.ones((3, 3), "float32")
    found = cost(jax.jit(step).lower(x, w).compile().as_text())
    assert found.flops == 5 * 2 * (2 * 3 * 3) and found.sent == {"all-reduce": 3 * 4}

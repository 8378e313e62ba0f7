"""LSTM by cuDNN: its arguments and results against the scan, with JAX's reference of cuDNN's LSTM in cuDNN's place."""

from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import rnn

import kjax
from kjax.nn import cudnn, recurrent

BATCH, TIME, N, UNITS = 3, 5, 4, 2
# numbers that cuDNN keeps for its gradient; a GPU tells how many
RESERVE = 24


def reference(x, h, c, weights, lengths, input_size, hidden_size, num_layers, dropout, bidirectional):
    sizes = (input_size, hidden_size, num_layers, bidirectional)
    return rnn.lstm_ref(x, h, c, *rnn.unpack_lstm_weights(weights, *sizes), lengths, *sizes[:3], dropout, bidirectional)


def reference_forward(x, h, c, weights, lengths, precision, **options):
    """`rnn.lstm_fwd` on any device."""
    assert precision == jax.lax.Precision.HIGHEST
    y, h_n, c_n = reference(x, h, c, weights, lengths, **options)
    return (y, h_n, c_n), (x, h, c, weights, lengths, y, jnp.zeros(RESERVE))


def reference_backward(*arguments):
    """`rnn.lstm_bwd` on any device."""
    *options, _, (x, h, c, weights, lengths, _, reserve), cotangents = arguments
    assert reserve.shape == (RESERVE,)
    # cuDNN's gradient cannot be differentiated again
    inputs = jax.lax.stop_gradient((x, h, c, weights))
    pulled = jax.vjp(lambda *i: reference(*i, lengths, *options), *inputs)[1](jax.lax.stop_gradient(cotangents))
    return *pulled, jnp.zeros_like(lengths)


@pytest.fixture
def by_reference(monkeypatch):
    """Layers take cuDNN's way, which ends in the reference. The value: the calls of it."""
    taken = []
    monkeypatch.setattr(cudnn, "available", lambda: True)
    monkeypatch.setattr(rnn, "lstm_fwd", reference_forward)
    monkeypatch.setattr(rnn, "lstm_bwd", reference_backward)

    def on_cuda(*operands, cuda, default):
        taken.append(cuda.__name__)
        return cuda(*operands)

    monkeypatch.setattr(cudnn, "platform_dependent", on_cuda)
    return taken


def layer(kind=recurrent.LSTM, **options):
    return kind(UNITS, **{"recurrent_activation": "sigmoid", **options})


def variables(net, x):
    with mock.patch.object(cudnn, "available", lambda: False):
        shapes = jax.eval_shape(net.init, jax.random.key(0), x)
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda s: jnp.asarray(rng.normal(size=s.shape), jnp.float32), shapes)


def series(features=N):
    return jnp.asarray(np.random.default_rng(1).normal(size=(BATCH, TIME, features)), jnp.float32)


NETS = {
    "last output": layer(),
    "sequence": layer(return_sequences=True),
    "backwards": layer(return_sequences=True, go_backwards=True),
    "no bias": layer(use_bias=False),
    "unrolled": layer(unroll=True),
    "cuDNN's layout": recurrent.CuDNNLSTM(UNITS, return_sequences=True),
}


def results(net, weights, x, states):
    """Outputs, states and gradients of everything that goes in."""

    def loss(weights, x, states):
        y, last = net.apply(weights, x, initial_state=states)
        return sum(jnp.sum(jnp.sin(a)) for a in (y, *last)), (y, last)

    return jax.jit(jax.grad(loss, (0, 1, 2), has_aux=True))(weights, x, states)


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.parametrize("features", [N, UNITS])
def test_equals_the_scan(by_reference, monkeypatch, net, features):
    x = series(features)
    states = tuple(jnp.asarray(np.random.default_rng(2 + k).normal(size=(BATCH, UNITS)), jnp.float32) for k in range(2))
    weights = variables(net, x)
    got = results(net, weights, x, states)
    assert set(by_reference) == {"_forward", "_pull"}
    monkeypatch.setattr(cudnn, "available", lambda: False)
    want = results(net, weights, x, states)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), got, want)


def test_the_gradient_can_be_differentiated_again(by_reference, monkeypatch):
    net, x = layer(), series()
    weights = variables(net, x)

    def penalty(weights, x):
        slope = jax.grad(lambda x: jnp.sum(jnp.sin(net.apply(weights, x)[0])))(x)
        return jnp.sum(jnp.square(slope))

    got = jax.grad(penalty, (0, 1))(weights, x)
    assert "_forward" in by_reference
    monkeypatch.setattr(cudnn, "available", lambda: False)
    want = jax.grad(penalty, (0, 1))(weights, x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), got, want)


MASK = np.ones((BATCH, TIME), bool)
SCANNED = {
    "hard sigmoid": (layer(recurrent_activation="hard_sigmoid"), {}),
    "another activation": (layer(activation="relu"), {}),
    "a function": (layer(activation=jnp.tanh), {}),
    "a mask": (layer(), {"mask": MASK}),
    "dropout": (layer(dropout=0.5), {"training": True, "rngs": {"dropout": jax.random.key(0)}}),
    "recurrent dropout": (layer(recurrent_dropout=0.5), {"training": True, "rngs": {"dropout": jax.random.key(0)}}),
    "GRU": (layer(recurrent.GRU, reset_after=True), {}),
    "cuDNN's GRU": (recurrent.CuDNNGRU(UNITS), {}),
}


@pytest.mark.parametrize("net, options", SCANNED.values(), ids=SCANNED)
def test_what_cudnn_does_not_cover_is_scanned(by_reference, net, options):
    x = series()
    net.apply(variables(net, x), x, **options)
    assert not by_reference


def test_other_precisions_are_scanned(by_reference):
    net, x = layer(), series()
    weights = jax.tree.map(lambda w: w.astype(jnp.bfloat16), variables(net, x))
    y, _ = net.apply(weights, x.astype(jnp.bfloat16))
    assert y.dtype == jnp.bfloat16
    assert not by_reference


def test_cudnns_own_operations_are_in_the_program(monkeypatch):
    """JAX's operation takes the arguments; only the size of its memory, which a GPU tells, is made up."""
    monkeypatch.setattr(cudnn, "available", lambda: True)
    monkeypatch.setattr(
        rnn.gpu_rnn, "compute_rnn_workspace_reserve_space_sizes", lambda *_: (16, RESERVE), raising=False
    )
    net, x = layer(), series()
    weights = variables(net, x)
    loss = jax.grad(lambda weights, x: jnp.sum(net.apply(weights, x)[0]))
    program = str(jax.make_jaxpr(loss)(weights, x))
    assert "rnn_fwd[" in program and "rnn_bwd[" in program
    # on this platform the same program runs the scan
    got = jax.jit(loss)(weights, x)
    monkeypatch.setattr(cudnn, "available", lambda: False)
    want = jax.jit(loss)(weights, x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), got, want)


@pytest.mark.parametrize(
    "recurrent_layer",
    [
        lambda: kjax.layers.CuDNNLSTM(UNITS, stateful=True),
        lambda: kjax.layers.LSTM(UNITS, recurrent_activation="sigmoid"),
        lambda: kjax.layers.Bidirectional(kjax.layers.LSTM(UNITS, recurrent_activation="sigmoid")),
    ],
)
def test_layers_take_it_and_train_alike(by_reference, monkeypatch, recurrent_layer):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2 * BATCH, TIME, N)), rng.normal(size=(2 * BATCH, 1))

    def trained():
        kjax.utils.set_random_seed(0)
        inputs = kjax.layers.Input(batch_shape=(BATCH, TIME, N))
        model = kjax.models.Model(inputs, kjax.layers.Dense(1)(recurrent_layer()(inputs)))
        model.compile("sgd", "mse")
        losses = model.fit(x, y, batch_size=BATCH, epochs=3, shuffle=False, verbose=0).history["loss"]
        return losses, model.predict(x, batch_size=BATCH)

    got = trained()
    assert set(by_reference) == {"_forward", "_pull"}
    jax.clear_caches()  # equal models share compiled programs
    monkeypatch.setattr(cudnn, "available", lambda: False)
    scanned, scan = [], recurrent.lstm
    monkeypatch.setattr(recurrent, "lstm", lambda *arguments: scanned.append(1) or scan(*arguments))
    want = trained()
    assert scanned
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), got, want)


def test_there_is_no_cudnn_on_a_cpu():
    if jax.default_backend() == "cpu":
        assert not cudnn.available()

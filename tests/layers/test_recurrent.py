"""Recurrent layers: any cell, states, constants, masks, names, bad input."""

import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    ConvLSTM2D,
    ConvLSTM2DCell,
    ConvRNN2D,
    CuDNNGRU,
    CuDNNLSTM,
    Dense,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)
from kjax.models import Model, Sequential

X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")


class LinearCell(Layer):
    """A user's cell: h' = x W + h R."""

    def __init__(self, units, **kwargs):
        self.units = self.state_size = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(self.units, self.units), name="recurrent_kernel")
        self.built = True

    def call(self, inputs, states):
        h = K.dot(inputs, self.kernel) + K.dot(states[0], self.recurrent_kernel)
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class SumCell(Layer):
    """A user's cell with constants: h' = h + x W + c V."""

    def __init__(self, units, **kwargs):
        self.units = self.state_size = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        inputs, constants = input_shape
        self.w = self.add_weight(shape=(inputs[-1], self.units), name="w")
        self.v = self.add_weight(shape=(constants[-1], self.units), name="v")
        self.built = True

    def call(self, inputs, states, constants):
        h = states[0] + K.dot(inputs, self.w) + K.dot(constants[0], self.v)
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


OWN = {"LinearCell": LinearCell, "SumCell": SumCell}


def again(model):
    """The model made anew from its config, with the same weights."""
    twin = keras.models.model_from_json(model.to_json(), custom_objects=OWN)
    twin.set_weights(model.get_weights())
    return twin


def test_a_users_cell_runs_trains_and_is_rebuilt():
    x = Input((None, 3))
    model = Model(x, RNN(LinearCell(2))(x))
    w, r = model.get_weights()
    h = np.zeros((4, 2))
    for t in range(5):
        h = X[:, t] @ w + h @ r
    np.testing.assert_allclose(model.predict(X), h, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(again(model).predict(X), h, rtol=1e-4, atol=1e-5)
    model.compile("sgd", "mse")
    model.train_on_batch(X, h)


def test_constants_go_to_every_step():
    c = np.ones((4, 2), "float32")
    x, s, constant = Input((5, 3)), Input((6,)), Input((2,))
    layer = RNN(SumCell(6))
    model = Model([x, s, constant], layer(x, initial_state=s, constants=constant))
    w, v = layer.get_weights()
    start = np.full((4, 6), 0.5, "float32")
    want = start + (X @ w + (c @ v)[:, None]).sum(1)
    np.testing.assert_allclose(model.predict([X, start, c]), want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(again(model).predict([X, start, c]), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kwargs", [{}, {"return_sequences": True}, {"go_backwards": True, "return_sequences": True}])
def test_stacked_builtin_cells_equal_stacked_layers(kwargs):
    x = Input((5, 3))
    masked = Masking()(x)
    stack = RNN([GRUCell(4), SimpleRNNCell(2)], return_state=True, **kwargs)
    model = Model(x, stack(masked))
    backwards = kwargs.get("go_backwards", False)
    gru = GRU(4, return_sequences=True, go_backwards=backwards)
    below = gru(masked)
    if backwards:
        # the second layer takes the outputs in the order in which the first made them, and so its mask
        below = keras.layers.Lambda(lambda t: t, mask=lambda t, m: K.reverse(m, 1))(below)
    simple = SimpleRNN(2, return_sequences=kwargs.get("return_sequences", False))
    apart = Model(x, simple(below))
    gru.set_weights(stack.get_weights()[:3])
    simple.set_weights(stack.get_weights()[3:])
    data = X.copy()
    data[1, 3:] = 0
    got = model.predict(data)
    np.testing.assert_allclose(got[0], apart.predict(data), rtol=1e-5, atol=1e-6)
    assert [a.shape for a in got[1:]] == [(4, 4), (4, 2)]


def test_builtin_cells_among_users_cells_take_the_same_steps():
    class OwnStep(LSTMCell):
        def call(self, inputs, states, training=None):
            return super().call(inputs, states, training=training)

    x = Input((5, 3))
    masked = Masking()(x)
    fused, stepwise = LSTM(4, return_sequences=True), RNN(OwnStep(4), return_sequences=True)
    model = Model(x, [fused(masked), stepwise(masked)])
    stepwise.set_weights(fused.get_weights())
    data = X.copy()
    data[1, 3:] = 0
    a, b = model.predict(data)
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    dropping = RNN([OwnStep(4, dropout=0.5, recurrent_dropout=0.5), LinearCell(2)])
    net = Model(x, dropping(x))
    net.compile("sgd", "mse")
    net.train_on_batch(X, net.predict(X))
    np.testing.assert_array_equal(net.predict(X), net.predict(X))


def test_weight_names_are_those_of_keras():
    x = Input((5, 3))
    layer = RNN([LSTMCell(2), LSTMCell(2)], name="r")
    layer(x)
    short = ["kernel", "recurrent_kernel", "bias"]
    assert [w.name for w in layer.weights] == [f"r/{s}:0" for s in short] + [f"r/{s}_1:0" for s in short]
    both = Bidirectional(GRU(2, name="g"), name="b")
    both(x)
    assert [w.name for w in both.weights[::3]] == ["b/forward_g/kernel:0", "b/backward_g/kernel:0"]


def test_initial_state_of_an_encoder_goes_to_a_decoder():
    source, target = Input((None, 3)), Input((None, 2))
    _, h, c = LSTM(7, return_state=True)(source)
    decoder = LSTM(7, return_sequences=True, return_state=True)
    model = Model([source, target], decoder(target, initial_state=[h, c])[0])
    data = [X, X[:, :, :2]]
    want = model.predict(data)
    np.testing.assert_allclose(again(model).predict(data), want, rtol=1e-6)

    # step by step, as at inference
    states = [Input((7,)), Input((7,))]
    stepper = Model([target, *states], decoder(target, initial_state=states))
    now = Model(source, [h, c]).predict(X)
    for t in range(5):
        y, *now = stepper.predict([X[:, t : t + 1, :2], *now])
        np.testing.assert_allclose(y[:, 0], want[:, t], rtol=1e-4, atol=1e-5)


def test_initial_state_as_array_or_variable():
    h = np.full((4, 3), 0.5, "float32")
    x = Input(batch_shape=(4, 5, 3))
    layer = GRU(3)
    state = K.variable(h)
    model = Model(x, [layer(x, initial_state=[h]), layer(x, initial_state=state)])
    a, b = model.predict(X, batch_size=4)
    np.testing.assert_array_equal(a, b)
    K.set_value(state, 0 * h)
    np.testing.assert_allclose(
        model.predict(X, batch_size=4)[1], Model(x, layer(x)).predict(X, batch_size=4), rtol=1e-6
    )


@pytest.mark.parametrize("make", [lambda: LSTM(3, stateful=True), lambda: Bidirectional(GRU(3, stateful=True))])
def test_stateful_layers_go_on_until_they_are_reset(make):
    model = Sequential([Dense(3, batch_input_shape=(4, 5, 3)), make()])
    first = model.predict(X, batch_size=4)
    assert np.abs(model.predict(X, batch_size=4) - first).max() > 1e-3
    model.reset_states()
    np.testing.assert_allclose(model.predict(X, batch_size=4), first, rtol=1e-6)
    model.compile("sgd", "mse")
    model.reset_states()
    model.train_on_batch(X, first)
    state = (model.layers[1].forward_layer if hasattr(model.layers[1], "forward_layer") else model.layers[1]).states[0]
    assert np.abs(K.get_value(state)).max() > 0
    assert len(model.weights) == 2 + len(model.layers[1].weights)


def test_states_continue_a_sequence_that_was_cut():
    layer = LSTM(3, stateful=True)
    model = Sequential([Dense(3, batch_input_shape=(4, None, 3)), layer])
    whole = model.predict(X, batch_size=4)
    model.reset_states()
    model.predict(X[:, :2], batch_size=4)
    np.testing.assert_allclose(model.predict(X[:, 2:], batch_size=4), whole, rtol=1e-5, atol=1e-6)
    layer.reset_states(states=[np.ones((4, 3)), np.zeros((4, 3))])
    np.testing.assert_array_equal(K.get_value(layer.states[0]), 1)


def test_reset_states_of_wrong_number_or_shape_is_refused():
    layer = LSTM(3, stateful=True, name="memory")
    Sequential([Dense(3, batch_input_shape=(4, 5, 3)), layer])
    with pytest.raises(ValueError, match="memory expects 2 states, but it received 1"):
        layer.reset_states(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"State 1 .* memory: expected shape=\(4, 3\), found shape=\(4, 2\)"):
        layer.reset_states([np.ones((4, 3)), np.ones((4, 2))])
    with pytest.raises(AttributeError, match="plain must be stateful"):
        GRU(2, name="plain").reset_states()


x3 = (5, 3)
BAD = {
    "units of zero": (lambda: LSTM(0), ValueError, "`units` argument must be an integer >= 1; got 0"),
    "units of text": (lambda: GRU("4"), ValueError, "`units` argument must be an integer >= 1; got '4'"),
    "an argument nobody has": (lambda: SimpleRNN(3, foo=1), TypeError, "foo"),
    "dropout of text": (lambda: GRU(3, dropout="x"), TypeError, "`dropout` argument must be a number; got 'x'"),
    "implementation": (lambda: LSTM(3, implementation=3), ValueError, "must be 0, 1 or 2; got 3"),
    "rank": (lambda: LSTM(3)(Input((3,))), ValueError, "expected ndim=3, found ndim=2"),
    "one state of two": (
        lambda: LSTM(3, name="m")(Input(x3), initial_state=[Input((3,))]),
        ValueError,
        "m has 2 states but was passed 1",
    ),
    "a state of another size": (
        lambda: LSTM(3, name="m")(Input(x3), initial_state=[Input((3,)), Input((4,))]),
        ValueError,
        r"m: an `initial_state` .*\(None, 4\).*`cell.state_size` is \(3, 3\)",
    ),
    "states of both kinds": (
        lambda: LSTM(3)(Input(x3), initial_state=[Input((3,)), np.zeros((4, 3))]),
        ValueError,
        "mix of Keras tensors and non-Keras tensors",
    ),
    "unroll without length": (
        lambda: GRU(3, unroll=True, name="u")(Input((None, 3))),
        ValueError,
        r"u: cannot unroll .* shape \(None, None, 3\)",
    ),
    "stateful without batch size": (
        lambda: GRU(3, stateful=True, name="s")(Input(x3)),
        ValueError,
        "s: if a RNN is stateful, it needs to know its batch size",
    ),
    "no cell": (lambda: RNN(3), ValueError, "`cell` argument should have a `call` method; got 3"),
    "a cell without state_size": (lambda: RNN(Dense(3)), ValueError, "should have an attribute `state_size`"),
    "no cell in a stack": (lambda: StackedRNNCells([GRUCell(2), 3]), ValueError, r"cells\[1\] should have a `call`"),
    "a mask for cuDNN": (
        lambda: CuDNNLSTM(3, name="q")(Masking()(Input(x3))),
        ValueError,
        "q: masking is not supported",
    ),
    "stacked convolutions": (lambda: ConvRNN2D([ConvLSTM2DCell(2, 3)]), TypeError, "cannot be stacked"),
    "strides and dilation": (
        lambda: ConvLSTM2D(2, 3, strides=2, dilation_rate=2),
        ValueError,
        r"strides=\(2, 2\) and dilation_rate=\(2, 2\)",
    ),
    "kernel size": (lambda: ConvLSTM2D(2, 0), ValueError, "`kernel_size` argument must hold integers >= 1; got 0"),
    "unknown activation": (lambda: GRU(3, activation="nope"), ValueError, "nope"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    make, error, text = BAD[case]
    with pytest.raises(error, match=text):
        make()


def test_masks_and_states_of_convolutional_layers():
    images = np.random.default_rng(0).normal(size=(2, 4, 5, 5, 1)).astype("float32")
    x, mask, h, c = Input((4, 5, 5, 1)), Input((4,)), Input((5, 5, 2)), Input((5, 5, 2))
    layer = ConvLSTM2D(2, 3, padding="same", return_state=True)
    y = layer(x, initial_state=[h, c], mask=mask)
    model, plain = Model([x, mask, h, c], y), Model(x, layer(x))
    zeros = np.zeros((2, 5, 5, 2))
    got = model.predict([images, np.array([[1, 1, 0, 0]] * 2), zeros, zeros])
    want = Model(x, layer(keras.layers.Lambda(lambda t: t[:, :2])(x))).predict(images)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    _, *states = plain.predict(images[:, :2].repeat(2, 1))
    assert states[0].shape == (2, 5, 5, 2)


@pytest.mark.parametrize("fast, plain", [(CuDNNLSTM, LSTM), (CuDNNGRU, GRU)])
def test_cudnn_layers_start_as_keras_starts_them(fast, plain):
    layer = fast(2)
    layer(Input(x3))
    kernel, recurrent, bias = layer.get_weights()
    gates = 4 if plain is LSTM else 3
    assert kernel.shape == (3, 2 * gates) and recurrent.shape == (2, 2 * gates) and bias.shape == (4 * gates,)
    assert np.flatnonzero(bias).tolist() == ([10, 11] if plain is LSTM else [])
    assert fast.from_config(layer.get_config()).get_config() == layer.get_config()


def test_forget_bias_starts_at_one():
    layer = LSTM(2)
    layer(Input(x3))
    np.testing.assert_array_equal(layer.get_weights()[2], [0, 0, 1, 1, 0, 0, 0, 0])
    assert K.eval(layer.cell.bias_f).tolist() == [1, 1]


def test_a_gradient_penalty_goes_through_the_layer():
    x = Input(x3)
    model = Model(x, Dense(1)(LSTM(2)(x)))
    slope = K.gradients(model.output, [x])[0]
    grads = K.function([x], K.gradients(K.sum(K.square(slope)), model.trainable_weights[:3]))([X])
    assert all(np.abs(g).max() > 0 for g in grads)


@pytest.mark.parametrize("mode, weights", [(None, None), (None, (4,)), ("temporal", (4, 3))])
def test_stateful_sequences_are_trained_step_by_step(mode, weights):
    layers = [Masking(batch_input_shape=(4, 3, 2)), LSTM(2, return_sequences=True, stateful=True)]
    model = keras.models.Sequential(layers)
    model.compile("sgd", "mse", sample_weight_mode=mode)
    x, y = np.ones((8, 3, 2)), np.zeros((8, 3, 2))
    given = None if weights is None else np.ones((8, *weights[1:]))
    model.fit(x, y, batch_size=4, sample_weight=given, shuffle=False, verbose=0)
    model.reset_states()
    want = np.mean(model.predict(x, batch_size=4) ** 2)
    model.reset_states()
    np.testing.assert_allclose(model.evaluate(x, y, batch_size=4, verbose=0), want, rtol=1e-5)

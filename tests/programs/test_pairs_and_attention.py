"""Siamese networks, attention over encoder states, recurrent cells with constants, CTC."""

import numpy as np
import pytest

from kjax import backend as K
from kjax import initializers, regularizers
from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    Bidirectional,
    Concatenate,
    Dense,
    Dot,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Lambda,
    Masking,
    Multiply,
    Permute,
    RepeatVector,
    SimpleRNN,
    TimeDistributed,
)
from kjax.models import Model, Sequential
from kjax.optimizers import SGD, Adam
from kjax.utils import CustomObjectScope

# -------------------------------------------------- siamese


def euclidean_distance(vects):
    x, y = vects
    sum_square = K.sum(K.square(x - y), axis=1, keepdims=True)
    return K.sqrt(K.maximum(sum_square, K.epsilon()))


def eucl_dist_output_shape(shapes):
    shape1, shape2 = shapes
    return (shape1[0], 1)


def contrastive_loss(y_true, y_pred):
    margin = 1
    square_pred = K.square(y_pred)
    margin_square = K.square(K.maximum(margin - y_pred, 0))
    return K.mean(y_true * square_pred + (1 - y_true) * margin_square)


def accuracy(y_true, y_pred):
    return K.mean(K.equal(y_true, K.cast(y_pred < 0.5, y_true.dtype)))


def test_siamese_network_with_contrastive_loss():
    base_in = Input((6,))
    base = Model(base_in, Dense(4)(Dropout(0.1)(Dense(16, activation="relu")(base_in))))
    a, b = Input((6,)), Input((6,))
    distance = Lambda(euclidean_distance, output_shape=eucl_dist_output_shape)([base(a), base(b)])
    model = Model([a, b], distance)
    model.compile(loss=contrastive_loss, optimizer=Adam(0.01), metrics=[accuracy])
    kinds = np.random.randint(0, 2, (60, 2))
    pairs = np.random.rand(60, 2, 6) * 0.1 + kinds[:, :, None]
    same = (kinds[:, 0] == kinds[:, 1]).astype("float32")
    model.fit([pairs[:, 0], pairs[:, 1]], same, batch_size=16, epochs=25, verbose=0)
    found = model.predict([pairs[:, 0], pairs[:, 1]])
    assert np.mean((found.ravel() < 0.5) == same) > 0.9
    loss, acc = model.evaluate([pairs[:, 0], pairs[:, 1]], same, verbose=0, batch_size=60)
    np.testing.assert_allclose(acc, np.mean((found < 0.5) == same[:, None]), rtol=1e-5)


def test_triplet_loss_on_one_concatenated_output():
    base = Sequential([Dense(3, input_shape=(4,)), Lambda(lambda x: K.l2_normalize(x, axis=1))])
    ins = [Input((4,)) for _ in range(3)]
    model = Model(ins, Concatenate(axis=-1)([base(x) for x in ins]))

    def triplet_loss(y_true, y_pred, alpha=0.4):
        total = K.int_shape(y_pred)[-1]
        anchor, positive, negative = (y_pred[:, i * total // 3 : (i + 1) * total // 3] for i in range(3))
        near, far = K.sum(K.square(anchor - positive), axis=1), K.sum(K.square(anchor - negative), axis=1)
        return K.maximum(near - far + alpha, 0.0)

    model.compile("sgd", triplet_loss)
    x = np.random.rand(3, 7, 4)
    e = [base.predict(v) for v in x]
    expected = np.maximum(np.sum((e[0] - e[1]) ** 2, 1) - np.sum((e[0] - e[2]) ** 2, 1) + 0.4, 0).mean()
    np.testing.assert_allclose(model.train_on_batch(list(x), np.zeros((7, 1))), expected, rtol=1e-4)


def test_manhattan_lstm():
    left, right = Input((5,), dtype="int32"), Input((5,), dtype="int32")
    embedding, lstm = Embedding(10, 4, mask_zero=True), LSTM(3)
    both = [lstm(embedding(x)) for x in (left, right)]
    similarity = Lambda(
        function=lambda x: K.exp(-K.sum(K.abs(x[0] - x[1]), axis=1, keepdims=True)),
        output_shape=lambda x: (x[0][0], 1),
    )(both)
    model = Model([left, right], [similarity])
    model.compile(loss="mean_squared_error", optimizer="adam", metrics=["accuracy"])
    x = np.random.randint(1, 10, (6, 5))
    np.testing.assert_allclose(model.predict([x, x]), 1, rtol=1e-6)
    padded = np.concatenate([x[:, :4], np.zeros((6, 1), int)], axis=1)
    short = np.concatenate([np.zeros((6, 1), int), x[:, :4]], axis=1)
    np.testing.assert_allclose(model.predict([padded, short]), 1, rtol=1e-5)


# -------------------------------------------------- attention


class AttentionWithContext(Layer):
    def __init__(self, W_regularizer=None, bias=True, **kwargs):
        self.supports_masking = True
        self.init = initializers.get("glorot_uniform")
        self.W_regularizer = regularizers.get(W_regularizer)
        self.bias = bias
        super().__init__(**kwargs)

    def build(self, input_shape):
        assert len(input_shape) == 3
        self.W = self.add_weight(
            shape=(input_shape[-1], input_shape[-1]),
            initializer=self.init,
            name=f"{self.name}_W",
            regularizer=self.W_regularizer,
        )
        if self.bias:
            self.b = self.add_weight(shape=(input_shape[-1],), initializer="zero", name=f"{self.name}_b")
        self.u = self.add_weight(shape=(input_shape[-1],), initializer=self.init, name=f"{self.name}_u")
        super().build(input_shape)

    def compute_mask(self, input, input_mask=None):
        return None

    def call(self, x, mask=None):
        uit = K.squeeze(K.dot(x, K.expand_dims(self.W)), axis=-1)
        if self.bias:
            uit += self.b
        uit = K.tanh(uit)
        ait = K.squeeze(K.dot(uit, K.expand_dims(self.u)), axis=-1)
        a = K.exp(ait)
        if mask is not None:
            a *= K.cast(mask, K.floatx())
        a /= K.cast(K.sum(a, axis=1, keepdims=True) + K.epsilon(), K.floatx())
        a = K.expand_dims(a)
        return K.sum(x * a, axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[-1]


def test_attention_with_context_ignores_masked_steps():
    x = Input((6, 3))
    layer = AttentionWithContext(W_regularizer="l2")
    out = layer(Masking()(x))
    model = Model(x, Dense(1)(out))
    model.compile("adam", "mse")
    data = np.random.rand(4, 6, 3) + 0.1
    data[:, 4:] = 0
    w, b, u = layer.get_weights()
    scores = np.exp(np.tanh(data @ w.T + b) @ u) * np.array([1, 1, 1, 1, 0, 0])
    expected = np.einsum("bt,btd->bd", scores / scores.sum(1, keepdims=True), data)
    np.testing.assert_allclose(Model(x, out).predict(data), expected, atol=1e-5)
    assert len(model.losses) == 1
    assert model.fit(data, np.ones((4, 1)), epochs=2, verbose=0).history["loss"][-1] > 0


def test_attention_from_layers_only():
    x = Input((5, 4))
    states = LSTM(3, return_sequences=True)(x)
    weights = Flatten()(Dense(1, activation="tanh")(states))
    weights = Activation("softmax")(weights)
    weights = Permute([2, 1])(RepeatVector(3)(weights))
    summary = Lambda(lambda z: K.sum(z, axis=-2), output_shape=(3,))(Multiply()([states, weights]))
    model = Model(x, Dense(1, activation="sigmoid")(summary))
    model.compile("rmsprop", "binary_crossentropy")
    data = np.random.rand(6, 5, 4)
    assert model.fit(data, np.ones((6, 1)), epochs=5, verbose=0).history["loss"][-1] < 0.8
    h, w = Model(x, [states, weights]).predict(data)
    np.testing.assert_allclose(w.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(Model(x, summary).predict(data), (h * w).sum(axis=1), atol=1e-5)


def test_luong_attention_of_a_decoder_over_an_encoder():
    source, target = Input((None,)), Input((None,))
    encoded, h, c = LSTM(8, return_sequences=True, return_state=True)(Embedding(7, 6)(source))
    decoded = LSTM(8, return_sequences=True)(Embedding(7, 6)(target), initial_state=[h, c])
    attention = Activation("softmax", name="attention")(Dot(axes=[2, 2])([decoded, encoded]))
    context = Dot(axes=[2, 1])([attention, encoded])
    combined = TimeDistributed(Dense(8, activation="tanh"))(Concatenate()([context, decoded]))
    model = Model([source, target], TimeDistributed(Dense(7, activation="softmax"))(combined))
    model.compile(Adam(0.05), "categorical_crossentropy")
    x = np.random.randint(1, 7, (16, 4))
    shifted = np.concatenate([np.zeros((16, 1), int), x[:, :-1]], axis=1)
    history = model.fit([x, shifted], np.eye(7)[x], epochs=30, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.6 * history[0]
    maps = Model(model.input, model.get_layer("attention").output).predict([x, shifted])
    np.testing.assert_allclose(maps.sum(-1), 1, rtol=1e-5)


class AttentionCell(Layer):
    """A recurrent cell that looks at all encoder states, handed in as a constant, at every step."""

    def __init__(self, units, **kwargs):
        self.units = units
        self.state_size = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        if not isinstance(input_shape, list):
            raise TypeError("expects a constants shape")
        (_, d), (_, _, e) = input_shape
        self.kernel = self.add_weight(shape=(d + e, self.units), initializer="uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer="uniform", name="recurrent_kernel"
        )
        self.query = self.add_weight(shape=(self.units, e), initializer="uniform", name="query")
        self.built = True

    def call(self, inputs, states, constants):
        (h,), (encoded,) = states, constants
        scores = K.batch_dot(encoded, K.dot(h, self.query), axes=[2, 1])
        context = K.batch_dot(K.softmax(scores), encoded, axes=[1, 1])
        out = K.tanh(K.dot(K.concatenate([inputs, context]), self.kernel) + K.dot(h, self.recurrent_kernel))
        return out, [out]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_recurrent_cell_that_attends_to_constants():
    x, encoded = Input((None, 3)), Input((5, 4))
    layer = RNN(AttentionCell(6), return_sequences=True)
    y = layer(x, constants=encoded)
    model = Model([x, encoded], y)
    model.compile("sgd", "mse")
    data, enc = np.random.rand(2, 7, 3), np.random.rand(2, 5, 4)
    kernel, recurrent, query = layer.get_weights()
    h, expected = np.zeros((2, 6)), []
    for t in range(7):
        s = np.einsum("bte,be->bt", enc, h @ query)
        a = np.exp(s) / np.exp(s).sum(1, keepdims=True)
        context = np.einsum("bt,bte->be", a, enc)
        h = np.tanh(np.concatenate([data[:, t], context], 1) @ kernel + h @ recurrent)
        expected.append(h)
    np.testing.assert_allclose(model.predict([data, enc]), np.stack(expected, 1), atol=1e-5)
    model.train_on_batch([data, enc], np.zeros((2, 7, 6)))

    again = Model.from_config(model.get_config(), custom_objects={"AttentionCell": AttentionCell})
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict([data, enc]), model.predict([data, enc]), atol=1e-6)


class MinimalRNNCell(Layer):
    def __init__(self, units, **kwargs):
        self.units = units
        self.state_size = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer="uniform", name="recurrent_kernel"
        )
        self.built = True

    def call(self, inputs, states):
        output = K.dot(inputs, self.kernel) + K.dot(states[0], self.recurrent_kernel)
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_custom_cells_stacked_and_bidirectional():
    cells = [MinimalRNNCell(4), MinimalRNNCell(3)]
    x = Input((None, 5))
    layer = RNN(cells)
    model = Model(x, layer(x))
    data = np.random.rand(2, 6, 5)
    (k0, r0), (k1, r1) = cells[0].get_weights(), cells[1].get_weights()
    a, b = np.zeros((2, 4)), np.zeros((2, 3))
    for t in range(6):
        a = data[:, t] @ k0 + a @ r0
        b = a @ k1 + b @ r1
    np.testing.assert_allclose(model.predict(data), b, atol=1e-6)
    model.compile("sgd", "mse")
    model.train_on_batch(data, np.ones((2, 3)))
    assert len(model.trainable_weights) == 4
    assert (cells[0].get_weights()[0] != k0).any()
    with CustomObjectScope({"MinimalRNNCell": MinimalRNNCell}):
        both = Model(x, Bidirectional(RNN(MinimalRNNCell(4)))(x))
    assert both.predict(data).shape == (2, 8)


def test_own_cell_trains_with_a_mask_and_survives_json():
    from kjax.models import model_from_json

    model = Sequential([Masking(input_shape=(5, 2)), RNN(MinimalRNNCell(3)), Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.rand(4, 5, 2) + 0.1
    x[:, 3:] = 0
    full = model.predict(x)
    np.testing.assert_allclose(model.predict(np.roll(x, 2, axis=1)), full, atol=1e-6)
    model.train_on_batch(x, full + 1)
    again = model_from_json(model.to_json(), {"MinimalRNNCell": MinimalRNNCell})
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(x), model.predict(x), atol=1e-6)


def test_an_old_recurrent_layer_built_on_k_rnn_with_a_mask():
    class Recurrence(Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units, self.supports_masking = units, True
            self.input_spec = [InputSpec(ndim=3)]

        def build(self, input_shape):
            self.W = self.add_weight(name="W", shape=(input_shape[2], self.units), initializer="uniform")
            self.U = self.add_weight(name="U", shape=(self.units, self.units), initializer="orthogonal")
            self.built = True

        def get_initial_state(self, x):
            initial = K.zeros_like(x)
            initial = K.sum(initial, axis=(1, 2))
            return [K.tile(K.expand_dims(initial), [1, self.units])]

        def call(self, x, mask=None):
            def step(x, states):
                h = K.tanh(K.dot(x, self.W) + K.dot(states[0] * states[1], self.U))
                return h, [h]

            ones = K.in_train_phase(
                K.dropout(K.ones_like(K.dot(x[:, 0], self.W)), 0.5), K.ones_like(K.dot(x[:, 0], self.W))
            )
            last, outputs, _ = K.rnn(step, x, self.get_initial_state(x), mask=mask, constants=[ones])
            self.sequence = outputs
            return last

        def compute_output_shape(self, input_shape):
            return (input_shape[0], self.units)

        def compute_mask(self, inputs, mask=None):
            return None

    layer = Recurrence(3)
    model = Sequential([Masking(input_shape=(6, 2)), layer])
    x = np.random.rand(3, 6, 2) + 0.1
    x[0, 4:] = 0
    w, u = layer.get_weights()
    h = np.zeros((3, 3))
    for t in range(6):
        valid = (x[:, t] != 0).any(axis=1, keepdims=True)
        h = np.where(valid, np.tanh(x[:, t] @ w + h @ u), h)
    np.testing.assert_allclose(model.predict(x), h, atol=1e-5)
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(x, h))


@pytest.mark.parametrize("layer", [SimpleRNN, GRU, LSTM])
def test_encoder_decoder_inference_models(layer):
    latent, tokens = 5, 4
    encoder_inputs = Input((None, tokens))
    _, *states = layer(latent, return_state=True)(encoder_inputs)
    decoder_inputs = Input((None, tokens))
    decoder = layer(latent, return_sequences=True, return_state=True)
    outputs, *_ = decoder(decoder_inputs, initial_state=states)
    dense = Dense(tokens, activation="softmax")
    model = Model([encoder_inputs, decoder_inputs], dense(outputs))
    model.compile("rmsprop", "categorical_crossentropy")
    x = np.eye(tokens)[np.random.randint(0, tokens, (6, 3))]
    model.fit([x, x], x, epochs=1, verbose=0)
    encoder_model = Model(encoder_inputs, states)
    given = [Input((latent,)) for _ in states]
    outputs, *new = decoder(decoder_inputs, initial_state=given)
    decoder_model = Model([decoder_inputs, *given], [dense(outputs), *new])
    values = encoder_model.predict(x)
    values = values if isinstance(values, list) else [values]
    steps = []
    for t in range(3):
        y, *values = decoder_model.predict([x[:, t : t + 1], *values])
        steps.append(y)
    np.testing.assert_allclose(np.concatenate(steps, axis=1), model.predict([x, x]), atol=1e-5)


# -------------------------------------------------- CTC


def ctc_lambda_func(args):
    y_pred, labels, input_length, label_length = args
    y_pred = y_pred[:, 2:, :]
    return K.ctc_batch_cost(labels, y_pred, input_length, label_length)


def test_ocr_model_overfits_two_words():
    letters, width = 4, 12
    image = Input(name="the_input", shape=(width, 5), dtype="float32")
    inner = Bidirectional(GRU(16, return_sequences=True))(image)
    y_pred = Dense(letters + 1, activation="softmax", name="softmax")(inner)
    labels = Input(name="the_labels", shape=[3], dtype="float32")
    input_length = Input(name="input_length", shape=[1], dtype="int64")
    label_length = Input(name="label_length", shape=[1], dtype="int64")
    loss_out = Lambda(ctc_lambda_func, output_shape=(1,), name="ctc")([y_pred, labels, input_length, label_length])
    model = Model([image, labels, input_length, label_length], loss_out)
    model.compile(loss={"ctc": lambda y_true, y_pred: y_pred}, optimizer=Adam(0.03))
    words = np.array([[0, 1, 2], [3, 3, -1]])
    inputs = {
        "the_input": np.random.rand(2, width, 5),
        "the_labels": words,
        "input_length": np.full((2, 1), width - 2),
        "label_length": np.array([[3], [2]]),
    }
    outputs = {"ctc": np.zeros([2])}
    first = model.train_on_batch(inputs, outputs)
    model.fit(inputs, outputs, epochs=80, verbose=0)
    assert model.evaluate(inputs, outputs, verbose=0) < 0.1 * first
    test_func = K.function([image], [y_pred])
    out = test_func([inputs["the_input"]])[0][:, 2:]
    for greedy in (True, False):
        decoded, scores = K.ctc_decode(out, np.full(2, width - 2), greedy=greedy)
        found = K.get_value(decoded[0])
        assert [list(row[row >= 0]) for row in found] == [[0, 1, 2], [3, 3]]
    best = np.argmax(out, axis=2)
    collapsed = [[k for i, k in enumerate(row) if k != letters and (i == 0 or row[i - 1] != k)] for row in best]
    assert collapsed == [[0, 1, 2], [3, 3]]


def test_ctc_decoding_as_a_layer_of_the_prediction_model():
    y_pred = Input((6, 4))
    length = Input((1,), dtype="int32")
    decoded = Lambda(lambda t: K.ctc_decode(t[0], K.flatten(t[1]), greedy=True)[0][0])([y_pred, length])
    model = Model([y_pred, length], decoded)
    path = np.array([[0, 0, 3, 1, 1, 2], [2, 3, 2, 3, 3, 3]])
    found = model.predict([np.eye(4)[path] * 0.9 + 0.02, np.full((2, 1), 6)])
    assert [list(row[row >= 0]) for row in found.astype(int)] == [[0, 1, 2], [2, 2]]


def test_sgd_with_clipnorm_as_in_the_ocr_program():
    model = Sequential([Dense(1, input_shape=(2,), use_bias=False, kernel_initializer="ones")])
    model.compile(SGD(lr=0.02, decay=1e-6, momentum=0.9, nesterov=True, clipnorm=5), "mse")
    model.train_on_batch(np.array([[300.0, 400.0]]), np.array([[0.0]]))
    np.testing.assert_allclose(1 - model.get_weights()[0][:, 0], 0.02 * 1.9 * 5 * np.array([0.6, 0.8]), rtol=1e-4)

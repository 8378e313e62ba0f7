"""Sequences and batches of many sizes: few programs, and the same numbers as with a program for each size."""

import jax
import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax.engine.sizes import BatchSizes
from kjax.graph import Context, build_program
from kjax.graph.padded import Padded, Tag, Unpaddable, propagate
from kjax.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    Input,
    Lambda,
    LSTMCell,
    Masking,
    MaxPooling1D,
    SeparableConv1D,
    TimeDistributed,
    concatenate,
    dot,
)  # fmt: skip
from kjax.models import Model, Sequential

BATCH = 3
LENGTHS = (3, 5, 9, 6)


def test_sizes_that_batches_are_filled_up_to():
    given_one_by_one, of_one_source = BatchSizes(), BatchSizes(exact=1, fills=True)
    assert [given_one_by_one.full(n) for n in (32, 20, 7, 33, 64, 20)] == [None, None, 8, 64, 64, None]
    assert [of_one_source.full(n) for n in (32, 10, 40, 32)] == [None, 32, 64, None]


def ids(n):
    return np.random.randint(1, 20, (BATCH, n))


def floats(n, d=5):
    return np.random.randn(BATCH, n, d).astype("float32")


def tokens():
    model = Sequential([Embedding(20, 6, mask_zero=True), LSTM(5), Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", ["accuracy"])
    return model, lambda n: (ids(n) * (np.random.rand(BATCH, n) > 0.2), np.random.randint(0, 2, (BATCH, 1)))


def tagger():
    layers = [
        Bidirectional(GRU(5, return_sequences=True), input_shape=(None, 5)),
        TimeDistributed(Dense(4, activation="relu")),
        Dense(3, activation="softmax"),
    ]
    model = Sequential(layers)
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    return model, lambda n: (floats(n), np.random.randint(0, 3, (BATCH, n, 1)))


def text_convolution():
    layers = [
        Embedding(20, 6),
        Conv1D(8, 3, activation="relu"),
        MaxPooling1D(2),
        Conv1D(4, 3, padding="same"),
        MaxPooling1D(3, strides=1, padding="same"),
        GlobalMaxPooling1D(),
        Dense(1),
    ]
    model = Sequential(layers)
    model.compile("sgd", "mse")
    return model, lambda n: (ids(n + 6), np.random.randn(BATCH, 1))


def causal():
    layers = [
        Conv1D(4, 3, padding="causal", dilation_rate=2, input_shape=(None, 5)),
        SeparableConv1D(4, 2, strides=2),
        GlobalAveragePooling1D(),
        Dense(1),
    ]
    model = Sequential(layers)
    model.compile("sgd", "mse")
    return model, lambda n: (floats(n), np.random.randn(BATCH, 1))


def attention():
    x = Input((None, 5))
    h = LSTM(6, return_sequences=True)(x)
    share = Lambda(lambda t: K.softmax(t, axis=1))(Dense(1, activation="tanh")(h))
    context = Lambda(lambda t: K.sum(t[0] * t[1], axis=1) + K.mean(t[1], axis=1))([share, h])
    model = Model(x, Dense(2)(context))
    model.compile("sgd", "mse")
    return model, lambda n: (floats(n), np.random.randn(BATCH, 2))


def translation():
    source, target = Input((None, 5)), Input((None, 4))
    _, h, c = LSTM(6, return_state=True)(source)
    y, _, _ = LSTM(6, return_sequences=True, return_state=True)(target, initial_state=[h, c])
    model = Model([source, target], Dense(3, activation="softmax")(y))
    model.compile("rmsprop", "categorical_crossentropy", ["acc"])

    def data(n):
        return [floats(n), floats(n // 2 + 1, 4)], np.eye(3)[np.random.randint(0, 3, (BATCH, n // 2 + 1))]

    return model, data


def two_sequences():
    source, target = Input((None, 5)), Input((None, 5))
    h, g = LSTM(6, return_sequences=True)(source), LSTM(6, return_sequences=True)(target)
    share = Activation("softmax")(dot([g, h], axes=[2, 2]))
    joined = concatenate([dot([share, h], axes=[2, 1]), g])
    model = Model([source, target], Dense(3, activation="softmax")(joined))
    model.compile("sgd", "categorical_crossentropy")

    def data(n):
        return [floats(n), floats(n // 2 + 1)], np.eye(3)[np.random.randint(0, 3, (BATCH, n // 2 + 1))]

    return model, data


def temporal():
    layers = [Masking(0.0, input_shape=(None, 5)), LSTM(4, return_sequences=True), Dense(2)]
    model = Sequential(layers)
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    return model, lambda n: (floats(n) * (np.random.rand(BATCH, n, 1) > 0.3), np.random.randn(BATCH, n, 2))


def backwards():
    layers = [LSTM(4, return_sequences=True, go_backwards=True, input_shape=(None, 5)), GRU(3), Dense(1)]
    model = Sequential(layers)
    model.compile("sgd", "mse")
    return model, lambda n: (floats(n), np.random.randn(BATCH, 1))


class OwnCell(LSTMCell):
    """A subclass, which the layer therefore runs step by step."""

    def call(self, inputs, states, training=None):
        output, new = super().call(inputs, states, training=training)
        return K.tanh(output), new


def own_cell():
    model = Sequential([RNN(OwnCell(4), return_sequences=True, input_shape=(None, 5)), RNN(OwnCell(3)), Dense(1)])
    model.compile("sgd", "mse")
    return model, lambda n: (floats(n), np.random.randn(BATCH, 1))


PROGRAMS = (
    tokens, tagger, text_convolution, causal, attention, translation, two_sequences, temporal, backwards, own_cell,
)  # fmt: skip


def each(x):
    return x if isinstance(x, list) else [x]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_lengths_share_programs_and_give_the_same_numbers(program):
    keras.utils.set_random_seed(1)
    model, data = program()
    own, _ = program()
    own.predict(data(3)[0])
    model.predict(data(3)[0])
    own.set_weights(model.get_weights())
    model._executors.clear()
    model.compilations = 0
    for n in LENGTHS:
        x, y = data(n)
        own._executors.clear()  # a program for each length
        for a, b in zip(each(model.predict(x)), each(own.predict(x)), strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(model.train_on_batch(x, y), own.train_on_batch(x, y), rtol=1e-4, atol=1e-5)
    for a, b in zip(model.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)
    assert model.compilations <= 8  # two lengths of their own, then 8 and 16; predicting and training


def test_fit_and_evaluate_on_many_lengths():
    model, data = tokens()
    for n in range(20, 40):
        x, y = data(n)
        model.fit(x, y, batch_size=2, verbose=0)
        model.evaluate(x, y, batch_size=2, verbose=0)
    assert model.compilations <= 14


def test_batches_of_many_sizes():
    keras.utils.set_random_seed(1)
    model = Sequential([Dense(4, activation="relu", input_shape=(3,)), BatchNormalization(), Dense(1)])
    model.compile("sgd", "mse")
    own = keras.models.clone_model(model)
    own.compile("sgd", "mse")
    own.set_weights(model.get_weights())
    for n in (4, 7, 5, 11, 6, 8):
        x, y = np.random.randn(n, 3), np.random.randn(n, 1)
        own._executors.clear()
        np.testing.assert_allclose(model.train_on_batch(x, y), own.train_on_batch(x, y), rtol=1e-4)
        np.testing.assert_allclose(model.test_on_batch(x, y), own.test_on_batch(x, y), rtol=1e-4)
    for a, b in zip(model.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert model.compilations <= 8


def test_a_model_that_filling_would_change_is_left_alone():
    """Statistics over time: every length has its own program, and the right numbers."""
    model = Sequential([BatchNormalization(input_shape=(None, 3)), Lambda(lambda t: K.std(t, axis=1)), Dense(1)])
    model.compile("sgd", "mse")
    for n in (3, 4, 5, 6):
        x = np.random.randn(2, n, 3)
        found = model.predict(x)
        np.testing.assert_allclose(found, Sequential(model.layers).predict(x), rtol=1e-5)
    assert model.compilations == 4


def test_dropout_is_drawn_for_filled_sequences_too():
    model = Sequential([Dropout(0.5, input_shape=(None, 3)), LSTM(2, dropout=0.5), Dense(1)])
    model.compile("sgd", "mse")
    for n in range(3, 12):
        assert np.isfinite(model.train_on_batch(np.random.randn(2, n, 3), np.zeros((2, 1))))
    assert model.compilations <= 4


def test_inputs_that_must_be_of_one_length():
    a, b = Input((None, 2)), Input((None, 2))
    model = Model([a, b], Dense(1)(keras.layers.add([a, b])))
    for n in (3, 4, 5, 6):
        assert model.predict([np.ones((2, n, 2)), np.ones((2, n, 2))]).shape == (2, n, 1)
    with pytest.raises((TypeError, ValueError)):
        model.predict([np.ones((2, 6, 2)), np.ones((2, 7, 2))])


# ---------------------------------------------------------------- operations


def padded(shape=(2, 8, 3), n=5):
    value = jax.numpy.asarray(np.random.randn(*shape).astype("float32"))
    return Padded(value, {1: Tag((0,), 8)}, jax.numpy.array([n]))


def test_reshape_keeps_track_of_merged_axes():
    x = padded()
    merged = propagate(lambda v: v.reshape(16, 3), [x])
    assert merged.tags == {0: Tag((0,), 8, 1)}
    assert propagate(lambda v: v.reshape(2, 8, 3), [merged]).tags == x.tags
    inner = propagate(lambda v: v.reshape(2, 24), [x])
    assert inner.tags == {1: Tag((0,), 8, 3)}
    assert propagate(lambda v: v.reshape(2, 8, 1, 3), [inner]).tags == x.tags
    with pytest.raises(Unpaddable):
        inner.valid(1)


@pytest.mark.parametrize(
    "fn",
    [
        lambda v: v.mean(1),
        lambda v: v[:, -1],
        lambda v: v[:, 1:],
        lambda v: jax.numpy.cumsum(v[:, ::-1], 1),
        lambda v: jax.numpy.sort(v, 1),
        lambda v: jax.numpy.concatenate([v, v], 1),
        lambda v: jax.numpy.pad(v, ((0, 0), (1, 0), (0, 0))),
        lambda v: jax.lax.scan(lambda c, x: (c + x, c), v[0, 0], v[0])[0],
        lambda v: v.reshape(8, 6),
        lambda v: jax.numpy.einsum("btd,bsd->ts", v, v)[0] @ jax.numpy.ones((8,)),
        lambda v: jax.numpy.roll(v, 1, axis=1),
    ],
)
def test_what_reads_the_filling_is_refused(fn):
    with pytest.raises(Unpaddable):
        propagate(fn, [padded()])


@pytest.mark.parametrize("axis", [1, (1, 2), None, -1, 2])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "any", "all", "prod"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_leave_the_filling_out(name, axis, keepdims):
    function = getattr(K, name)
    x = Input((None, 3))
    program, _, _ = build_program([x], [function(x, axis=axis, keepdims=keepdims)])
    value = padded()
    (found,) = program([value], (), (), Context())
    want = np.asarray(function(value.value[:, :5], axis=axis, keepdims=keepdims))
    if isinstance(found, Padded):
        assert set(found.tags) == {1}
        found = found.value[:, :5]
    np.testing.assert_allclose(np.asarray(found), want, rtol=1e-5)


def test_sizes_that_are_computed_with_are_refused():
    x = Input((None, 3))
    program, _, _ = build_program([x], [x / K.cast(K.shape(x)[1], "float32")])
    with pytest.raises(Unpaddable):
        program([padded()], (), (), Context())

"""TimeDistributed and Bidirectional: any layer inside, masks, updates, states."""

import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax.layers import (
    GRU,
    LSTM,
    ActivityRegularization,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    ConvLSTM2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Lambda,
    Masking,
    SimpleRNN,
    TimeDistributed,
)
from kjax.models import Model, Sequential

X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")


@pytest.mark.parametrize("steps", [5, 13, None])
def test_each_step_goes_through_the_layer_inside(steps):
    x = Input((steps, 3))
    dense = Dense(2)
    y = TimeDistributed(dense)(x)
    assert tuple(y.shape) == (None, steps, 2)
    data = np.random.default_rng(0).normal(size=(4, steps or 7, 3)).astype("float32")
    kernel, bias = dense.get_weights()
    np.testing.assert_allclose(Model(x, y).predict(data), data @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_sizes_that_stand_for_unknown_ones_are_no_special_sizes():
    x = Input((80, 1))
    model = Model(x, TimeDistributed(Lambda(lambda t: t + 1))(x))
    data = np.zeros((693, 80, 1), "float32")  # 55440 steps
    np.testing.assert_array_equal(model.predict(data, batch_size=693), 1)


def test_a_wrapped_model_trains_with_its_batch_statistics():
    inner = Sequential([Conv2D(2, 3, input_shape=(6, 6, 1)), BatchNormalization(), Flatten(), Dropout(0.3)])
    model = Sequential([TimeDistributed(inner, input_shape=(3, 6, 6, 1)), LSTM(2), Dense(1)])
    model.compile("adam", "mse")
    before = inner.get_weights()
    images = np.random.default_rng(0).normal(size=(5, 3, 6, 6, 1))
    model.fit(images, np.ones((5, 1)), batch_size=3, verbose=0)
    assert all(np.abs(a - b).max() > 0 for a, b in zip(inner.get_weights(), before, strict=True))
    twin = keras.models.model_from_json(model.to_json())
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(twin.predict(images), model.predict(images), rtol=1e-5, atol=1e-6)


def test_batch_normalization_inside_sees_all_steps_at_once():
    inside = BatchNormalization()
    model = Sequential([TimeDistributed(inside, input_shape=(5, 3))])
    model.compile("sgd", "mse")
    model.train_on_batch(X, X)
    # moving average with momentum 0.99, from zero
    np.testing.assert_allclose(inside.get_weights()[2], 0.01 * X.reshape(-1, 3).mean(0), rtol=1e-4, atol=1e-7)


def test_masks_are_split_over_the_steps_and_joined_again():
    words = Input((None, None), dtype="int32")
    vectors = TimeDistributed(Embedding(10, 4, mask_zero=True))(words)
    sentences = TimeDistributed(LSTM(3))(vectors)
    assert tuple(sentences.shape) == (None, None, 3)
    model = Model(words, GRU(2)(sentences))
    data = np.random.default_rng(0).integers(1, 10, (4, 3, 5))
    data[:, 2], data[:, :, 3:] = 0, 0
    np.testing.assert_allclose(model.predict(data), model.predict(data[:, :2, :3]), rtol=1e-4, atol=1e-6)


def test_nested_and_fixed_batches():
    nested = Sequential([TimeDistributed(TimeDistributed(Dense(2)), input_shape=(2, 5, 3))])
    assert nested.predict(np.stack([X, X], 1)).shape == (4, 2, 5, 2)
    fixed = Sequential([TimeDistributed(SimpleRNN(2), batch_input_shape=(4, 1, 5, 3))])
    assert fixed.predict(X[:, None], batch_size=4).shape == (4, 1, 2)


def test_a_frozen_layer_stays_frozen_in_a_wrapper():
    dense = Dense(2, trainable=False)
    model = Sequential([TimeDistributed(dense, input_shape=(5, 3))])
    assert model.trainable_weights == [] and len(model.non_trainable_weights) == 2
    model.layers[0].trainable = True
    assert len(model.trainable_weights) == 2


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional_merges_both_directions(mode):
    x = Input((5, 3))
    both = Bidirectional(GRU(2, return_sequences=True), merge_mode=mode)
    y = both(x)
    forward, backward = GRU(2, return_sequences=True), GRU(2, return_sequences=True, go_backwards=True)
    apart = Model(x, [forward(x), backward(x)])
    weights = both.get_weights()
    forward.set_weights(weights[:3])
    backward.set_weights(weights[3:])
    f, b = apart.predict(X)
    b = b[:, ::-1]
    want = {"concat": np.concatenate([f, b], -1), "sum": f + b, "mul": f * b, "ave": (f + b) / 2, None: None}[mode]
    got = Model(x, y).predict(X)
    for g, w in zip([got] if mode else got, [want] if mode else [f, b], strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-6)


def test_bidirectional_states_weights_and_config():
    x = Input((5, 3))
    encoder = Bidirectional(LSTM(2, return_state=True))
    y, *states = encoder(x)
    assert len(states) == 4
    decoder = Bidirectional(LSTM(2, return_sequences=True), weights=encoder.get_weights())
    model = Model(x, [y, decoder(x, initial_state=states)])
    for a, b in zip(encoder.get_weights(), decoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    twin = keras.models.model_from_json(model.to_json())
    twin.set_weights(model.get_weights())
    for a, b in zip(twin.predict(X), model.predict(X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    decoder.trainable = False
    assert decoder.trainable_weights == [] and len(decoder.non_trainable_weights) == 6


def test_bidirectional_passes_masks_on():
    x = Input((None, 3))
    both = Bidirectional(SimpleRNN(2, return_sequences=True))
    y = both(Masking()(x))
    data = X.copy()
    data[:, 3:] = 0
    got = Model(x, GRU(2)(y)).predict(data)
    assert y._keras_mask is not None and np.isfinite(got).all()
    short = Model(x, both(x)).predict(data[:, :3])
    np.testing.assert_allclose(Model(x, y).predict(data)[:, :3], short, rtol=1e-5, atol=1e-6)


def test_regularizers_inside_count():
    x = Input((5, 3))
    one = Bidirectional(SimpleRNN(2, kernel_regularizer="l2"))
    two = TimeDistributed(Dense(2, kernel_regularizer="l2", activity_regularizer="l2"))
    model = Model(x, [one(x), two(x)])
    assert len(one.losses) == 2 and len(two.losses) == 2 and len(model.losses) == 4
    model.compile("sgd", "mse")
    outputs = model.predict(X)
    want = 0.01 * sum(np.square(w).sum() for w in (*one.get_weights()[::3], two.get_weights()[0], outputs[1]))
    np.testing.assert_allclose(model.test_on_batch(X, outputs)[0], want, rtol=1e-4)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="merge mode.*; got 'join'"):
        Bidirectional(LSTM(2), merge_mode="join")
    with pytest.raises(TypeError, match="Bidirectional: `layer` must be a recurrent layer; got .*Dense"):
        Bidirectional(Dense(2))
    with pytest.raises(TypeError, match="TimeDistributed: `layer` must be a layer; got 3"):
        TimeDistributed(3)
    with pytest.raises(ValueError, match=r"TimeDistributed needs inputs of rank 3 .* got shape \(None, 3\)"):
        TimeDistributed(Dense(2))(Input((3,)))
    with pytest.raises(ValueError, match="b: when passing `initial_state` .* an even number; got 1"):
        Bidirectional(GRU(2), name="b")(Input((5, 3)), initial_state=[Input((2,))])


def in_one_batch_of_steps(features, steps, units):
    """What TimeDistributed does to Dense, BatchNormalization, Dense, written with reshapes that nothing may pad."""
    x = Input((steps, features))
    flat = lambda n: Lambda(lambda t: K.reshape(t, (-1, n)))
    apart = lambda n: Lambda(lambda t: K.reshape(t, (-1, steps, n)))
    y = ActivityRegularization(l2=0.01)(apart(6)(Dense(6, activation="tanh")(flat(features)(x))))
    y = Dense(units)(BatchNormalization()(flat(6)(y)))
    return Model(x, apart(units)(y))


def test_a_partial_last_batch_takes_the_same_program_and_gives_genuine_numbers():
    rng = np.random.RandomState(0)
    x, y = rng.randn(70, 5, 4).astype("float32"), rng.randn(70, 5, 3).astype("float32")
    weights = rng.rand(70).astype("float32")
    first = Dense(6, activation="tanh", activity_regularizer="l2")
    padded = Sequential([TimeDistributed(first, input_shape=(5, 4))])
    for layer in (BatchNormalization(), Dropout(0.0), Dense(3)):
        padded.add(TimeDistributed(layer))
    plain = in_one_batch_of_steps(4, 5, 3)
    plain.set_weights(padded.get_weights())
    histories = []
    for model in (padded, plain):
        model.compile("adam", "mse", metrics=["mae"])
        options = {"epochs": 3, "shuffle": False, "verbose": 0, "sample_weight": weights}
        histories.append(model.fit(x, y, batch_size=32, **options).history)
    assert padded.compilations == 1 and plain.compilations == 2
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=2e-6)
    for a, b in zip(padded.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


OVER_STEPS = {
    "nested": ((2, 3, 4), lambda: [TimeDistributed(TimeDistributed(BatchNormalization())), TimeDistributed(LSTM(2))]),
    "convolutional": ((3, 4, 4, 1), lambda: [ConvLSTM2D(2, 2, return_sequences=True), TimeDistributed(Flatten())]),
}


@pytest.mark.parametrize("case", OVER_STEPS)
def test_other_layers_over_steps_compile_once_too(case):
    shape, layers = OVER_STEPS[case]
    model = Sequential([Lambda(lambda x: x, input_shape=shape), *layers()])
    model.compile("sgd", "mse")
    x = np.random.RandomState(0).randn(7, *shape).astype("float32")
    model.fit(x, np.zeros((7, *model.output_shape[1:])), batch_size=4, verbose=0)
    assert model.compilations == 1

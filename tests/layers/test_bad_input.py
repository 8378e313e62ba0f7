"""What every layer refuses, with Keras's kind of error, the layer's name and the value that came."""

import re
import warnings

import numpy as np
import pytest

from kjax import backend as K
from kjax import layers as L
from kjax.models import Model, Sequential
from tests.layers.table import ROWS

VECTOR, SERIES, IMAGE, VOLUME = (4,), (6, 3), (8, 8, 3), (6, 6, 6, 2)
SAMPLES = {2: VECTOR, 3: SERIES, 4: IMAGE, 5: VOLUME}

# ------------------------------------------------------------ ranks

RANKS = {
    **dict.fromkeys(["RepeatVector", "Dense", "Masking", "Flatten"], 2),
    **dict.fromkeys(
        [
            "Conv1D", "SeparableConv1D", "LocallyConnected1D", "MaxPooling1D", "AveragePooling1D",
            "GlobalMaxPooling1D", "GlobalAveragePooling1D", "ZeroPadding1D", "Cropping1D", "UpSampling1D",
            "SpatialDropout1D", "Permute", "SimpleRNN", "GRU", "LSTM", "RNN", "CuDNNGRU", "CuDNNLSTM", "Bidirectional",
            "TimeDistributed",
        ],
        3,
    ),
    **dict.fromkeys(
        [
            "Conv2D", "Conv2DTranspose", "SeparableConv2D", "DepthwiseConv2D", "LocallyConnected2D", "MaxPooling2D",
            "AveragePooling2D", "GlobalMaxPooling2D", "GlobalAveragePooling2D", "ZeroPadding2D", "Cropping2D",
            "UpSampling2D", "SpatialDropout2D",
        ],
        4,
    ),
    **dict.fromkeys(
        [
            "Conv3D", "Conv3DTranspose", "MaxPooling3D", "AveragePooling3D", "GlobalMaxPooling3D",
            "GlobalAveragePooling3D", "ZeroPadding3D", "Cropping3D", "UpSampling3D", "SpatialDropout3D", "ConvLSTM2D",
        ],
        5,
    ),
}  # fmt: skip
ANY_RANK = {
    "Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization", "Dropout", "ELU", "Embedding",
    "GaussianDropout", "GaussianNoise", "Lambda", "LeakyReLU", "PReLU", "ReLU", "Reshape", "Softmax",
    "ThresholdedReLU",
}  # fmt: skip
MERGE = {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"}


def test_every_layer_is_in_a_group():
    assert set(RANKS) | ANY_RANK | MERGE == set(ROWS)
    assert not (set(RANKS) & ANY_RANK or set(RANKS) & MERGE)


@pytest.mark.parametrize("name", sorted(RANKS))
def test_another_rank_is_refused(name):
    rank = RANKS[name]
    layer = ROWS[name].build()
    shape = (None,) if rank == 2 else (None, *SAMPLES[rank - 1])
    with pytest.raises(ValueError, match=rf"(?i)layer {layer.name}\b.*{re.escape(str(shape))}"):
        layer(K.placeholder(shape=shape))


@pytest.mark.parametrize("name", sorted(MERGE))
def test_merging_refuses_one_tensor_and_unequal_shapes(name):
    make = lambda: getattr(L, name)(name="m", **({"axes": 1} if name == "Dot" else {}))
    with pytest.raises(ValueError, match=r"Layer m: .* list of .*\(None, 4\)"):
        make()(L.Input(VECTOR))
    with pytest.raises(ValueError, match=r"Layer m: .*6, 3\).*5, 2\)"):
        make()([L.Input((6, 3)), L.Input((5, 2))])


# ------------------------------------------------------------ counts and windows

COUNTS = {
    **dict.fromkeys(["Dense", "SimpleRNN", "GRU", "LSTM", "CuDNNGRU", "CuDNNLSTM"], "units"),
    **dict.fromkeys(["SimpleRNNCell", "GRUCell", "LSTMCell"], "units"),
    "RepeatVector": "n",
}
WINDOWS = [
    "Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose", "SeparableConv1D", "SeparableConv2D",
    "LocallyConnected1D", "LocallyConnected2D", "ConvLSTM2D", "ConvLSTM2DCell",
]  # fmt: skip
POOLS = [f"{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3)]


@pytest.mark.parametrize("value", [0, -1, 2.5, None, "3", True])
@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_positive_integers(name, value):
    with pytest.raises(ValueError, match=rf"Layer q: the `{COUNTS[name]}` argument .*>= 1; got {value!r}"):
        getattr(L, name)(value, name="q")


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_are_positive_integers(name):
    make = getattr(L, name)
    for value in (0, 2.5, None):
        with pytest.raises(ValueError, match=rf"Layer q: the `filters` argument .*; got {value!r}"):
            make(value, 3, name="q")
    for value in (0, 2.5, (1, 2, 3, 4), "3", None):
        with pytest.raises(ValueError, match=rf"Layer q: the `kernel_size` argument .*; got {re.escape(repr(value))}"):
            make(2, value, name="q")
    with pytest.raises(ValueError, match="Layer q: the `strides` argument .*; got 0"):
        make(2, 3, strides=0, name="q")
    with pytest.raises(ValueError, match="Layer q: .*padding.*; got 'sam'"):
        make(2, 3, padding="sam", name="q")
    if not name.startswith("Locally"):
        with pytest.raises(ValueError, match="Layer q: .*strides=.*2.* and dilation_rate=.*2"):
            make(2, 3, strides=2, dilation_rate=2, name="q")


@pytest.mark.parametrize("name", POOLS)
def test_pools_are_positive_and_fit(name):
    make = getattr(L, name)
    for value in (0, 1.5, (1, 2, 3, 4)):
        with pytest.raises(ValueError, match=rf"Layer q: the `pool_size` argument .*; got {re.escape(repr(value))}"):
            make(value, name="q")
    with pytest.raises(ValueError, match="Layer q: the `padding` argument .*; got 'full'"):
        make(padding="full", name="q")
    with pytest.raises(ValueError, match="Layer q: pool_size=.*9.* does not fit"):
        make(9, name="q")(L.Input(SAMPLES[int(name[-2]) + 2]))


FORMATS = ["Flatten", *POOLS, "GlobalMaxPooling2D", "GlobalAveragePooling1D", "ZeroPadding2D", "Cropping3D"]


@pytest.mark.parametrize("name", [*FORMATS, "UpSampling2D"])
def test_unknown_data_formats_are_refused(name):
    with pytest.raises(ValueError, match="Layer q: .*data_format.*; got 'nchw'"):
        getattr(L, name)(data_format="nchw", name="q")


# ------------------------------------------------------------ rates

RATES = ["Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout", "AlphaDropout"]


def droppers(rate):
    made = [(lambda n=n: getattr(L, n)(rate, name="q")) for n in RATES]
    for n in ("SimpleRNN", "GRU", "LSTM", "LSTMCell"):
        made += [lambda n=n: getattr(L, n)(2, dropout=rate, name="q")]
        made += [lambda n=n: getattr(L, n)(2, recurrent_dropout=rate, name="q")]
    return [*made, lambda: L.ConvLSTM2D(2, 3, dropout=rate, name="q")]


def test_rates_are_numbers():
    for rate, error in (("a", TypeError), (None, TypeError), (np.nan, ValueError), (np.zeros(2), TypeError)):
        for make in droppers(rate):
            with pytest.raises(error, match=r"Layer q: the `\w+` argument must be a number; got"):
                make()


def test_rates_that_are_none_are_taken_with_a_warning_as_in_keras():
    for rate in (-0.5, 1.0, 40):
        for make in droppers(rate):
            with pytest.warns(UserWarning, match=rf"Layer q: .*in \[0, 1\); got {rate}"):
                make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for make in [*droppers(0.0), *droppers(np.float32(0.5)), *droppers(0)]:
            make()


# ------------------------------------------------------------ one thing of one layer

S = lambda *shape: L.Input(shape)
LSTM, GRU = (lambda **k: L.LSTM(2, name="q", **k)), (lambda **k: L.GRU(2, name="q", **k))


def reset(layer, shape, states):
    layer(L.Input(batch_shape=shape))
    layer.reset_states(states)


V, T = ValueError, TypeError
CASES = {
    "BatchNormalization axis 0": (lambda: L.BatchNormalization(axis=0, name="q")(S(4)), V, "axis=0 .*(None, 4)"),
    "BatchNormalization axis 7": (lambda: L.BatchNormalization(axis=7, name="q")(S(4, 3)), V, "axis=7 .*(None, 4, 3)"),
    "BatchNormalization axes": (lambda: L.BatchNormalization(axis=[1, 2], name="q"), T, "axis .*; got [1, 2]"),
    "BatchNormalization momentum": (lambda: L.BatchNormalization(momentum="x", name="q"), T, "`momentum` .*'x'"),
    "BatchNormalization epsilon": (lambda: L.BatchNormalization(epsilon=-1, name="q"), V, "`epsilon` .*>= 0.0; got -1"),
    "Softmax axis": (lambda: L.Softmax(axis=3, name="q")(S(4)), V, "axis .*(None, 4); got 3"),
    "Concatenate axis": (lambda: L.Concatenate(axis=3, name="q")([S(4), S(4)]), V, "axis 3 .*(None, 4)"),
    "Concatenate axis kind": (lambda: L.Concatenate(axis=1.5, name="q"), T, "axis must be an int; got 1.5"),
    "Dot axes 0": (lambda: L.Dot(0, name="q")([S(4), S(4)]), V, "axes=0 .*(None, 4) and (None, 4)"),
    "Dot axes beyond": (lambda: L.Dot((1, 5), name="q")([S(4), S(4)]), V, "axes=(1, 5)"),
    "Dot axes of three": (lambda: L.Dot((1, 2, 3), name="q"), V, "list of two ints; got (1, 2, 3)"),
    "Dot axes of text": (lambda: L.Dot("a", name="q"), T, "list of two; got 'a'"),
    "Dot unequal": (lambda: L.Dot(1, name="q")([S(4), S(5)]), V, "4 != 5"),
    "PReLU shared_axes": (lambda: L.PReLU(shared_axes=[5], name="q")(S(4)), V, "shared_axes .*; got [5]"),
    "PReLU shared_axes kind": (lambda: L.PReLU(shared_axes="a", name="q"), T, "`shared_axes` .*; got 'a'"),
    "Permute dims": (lambda: L.Permute((0, 1), name="q"), V, "dims must hold each of 1..2 once; got (0, 1)"),
    "Permute dims kind": (lambda: L.Permute((1.0, 2), name="q"), T, "`dims` .* integers; got (1.0, 2)"),
    "Permute rank": (lambda: L.Permute((2, 1), name="q")(S(4)), V, "expected ndim=3, found ndim=2"),
    "Reshape size": (lambda: L.Reshape((5,), name="q")(S(4)), V, "(4,) cannot become (5,)"),
    "Reshape two unknown": (lambda: L.Reshape((-1, -1), name="q")(S(4)), V, "only one -1; got (-1, -1)"),
    "Reshape negative": (lambda: L.Reshape((-2,), name="q"), V, "`target_shape` .*; got (-2,)"),
    "Reshape kind": (lambda: L.Reshape((2.5, 2), name="q"), T, "`target_shape` .* integers; got (2.5, 2)"),
    "Masking value": (lambda: L.Masking("a", name="q"), T, "`mask_value` .* number; got 'a'"),
    "Cropping everything": (lambda: L.Cropping1D(3, name="q")(S(6, 3)), V, "leaves nothing .*(None, 6, 3)"),
    "Cropping negative": (lambda: L.Cropping2D(-1, name="q"), V, "`cropping` .*; got -1"),
    "UpSampling size": (lambda: L.UpSampling3D(1.5, name="q"), V, "`size` .*; got 1.5"),
    "Embedding rows": (lambda: L.Embedding(3.5, 2, name="q"), V, "`input_dim` .*>= 1; got 3.5"),
    "Embedding width": (lambda: L.Embedding(3, 0, name="q"), V, "`output_dim` .*>= 1; got 0"),
    "Embedding length": (lambda: L.Embedding(3, 2, input_length=4, name="q")(S(5)), V, "4, .*(None, 5)"),
    "Embedding weights": (
        lambda: L.Embedding(3, 2, weights=[np.zeros((4, 2))], name="q")(S(5)), V, "(3, 2).*(4, 2)",
    ),
    "Dropout noise_shape": (lambda: L.Dropout(0.5, (None, 4, 3), name="q")(S(6, 3)), V, "(None, 4, 3).*(None, 6, 3)"),
    "Dropout noise_shape kind": (lambda: L.Dropout(0.5, noise_shape=3, name="q"), T, "`noise_shape` .*; got 3"),
    "Dropout seed": (lambda: L.Dropout(0.5, seed="a", name="q"), T, "`seed` .*; got 'a'"),
    "AlphaDropout noise_shape": (lambda: L.AlphaDropout(0.5, (4, 3), name="q")(S(6, 3)), V, "`noise_shape` .*(4, 3)"),
    "GaussianNoise stddev": (lambda: L.GaussianNoise(None, name="q"), T, "`stddev` .* number; got None"),
    "LeakyReLU alpha": (lambda: L.LeakyReLU(None, name="q"), T, "`alpha` .* number; got None"),
    "ELU alpha": (lambda: L.ELU("a", name="q"), T, "`alpha` .* number; got 'a'"),
    "ThresholdedReLU theta": (lambda: L.ThresholdedReLU([1], name="q"), T, "`theta` .* number; got [1]"),
    "ReLU max_value": (lambda: L.ReLU(-1.0, name="q"), V, "max_value .*; got -1.0"),
    "ActivityRegularization": (lambda: L.ActivityRegularization("a", name="q"), T, "`l1` .* number; got 'a'"),
    "Dense activation": (lambda: L.Dense(2, activation="nope", name="q"), V, "`activation` .*nope"),
    "Activation": (lambda: L.Activation("nope", name="q"), V, "`activation` .*nope"),
    "Dense initializer": (lambda: L.Dense(2, kernel_initializer=3, name="q"), V, "`kernel_initializer` .* 3"),
    "Dense regularizer": (lambda: L.Dense(2, bias_regularizer="l7", name="q"), V, "`bias_regularizer` .*l7"),
    "Dense constraint": (lambda: L.Dense(2, kernel_constraint="no", name="q"), V, "`kernel_constraint` .*no"),
    "Dense weights": (lambda: L.Dense(2, weights=[np.zeros((3, 2))], name="q")(S(4)), V, "length 1.*2 weights"),
    "Conv padding": (lambda: L.Conv2D(2, 3, padding=1, name="q"), V, "`padding` .*; got 1"),
    "Conv causal": (
        lambda: L.Conv1D(2, 3, padding="causal", data_format="channels_first", name="q"), V, "'channels_first'",
    ),
    "Conv channels": (lambda: L.Conv2D(2, 3, name="q")(S(8, 8, None)), V, "channel .*(None, 8, 8, None)"),
    "Conv room": (lambda: L.DepthwiseConv2D(9, name="q")(S(8, 8, 3)), V, "(9, 9) .*not fit .*(None, 8, 8, 3)"),
    "ConvLSTM2D room": (lambda: L.ConvLSTM2D(2, 9, name="q")(S(4, 8, 8, 3)), V, "(9, 9) .*not fit .*(8, 8, 3)"),
    "output_padding": (
        lambda: L.Conv2DTranspose(2, 3, strides=2, output_padding=2, name="q"), V, "(2, 2) .*output_padding (2, 2)",
    ),
    "output_padding negative": (
        lambda: L.Conv2DTranspose(2, 3, output_padding=-1, name="q"), V, "`output_padding` .*; got -1",
    ),
    "output_padding too small": (
        lambda: L.Conv2DTranspose(2, 2, strides=3, padding="same", output_padding=0, name="q")(S(3, 3, 2)),
        V,
        "output_padding=(0, 0) .*(6, 6); .*(2, 2) of that, not the inputs' (3, 3)",
    ),
    "depth_multiplier": (lambda: L.SeparableConv2D(2, 3, depth_multiplier=1.5, name="q"), V, "`depth_mul.*; got 1.5"),
    "LocallyConnected padding": (lambda: L.LocallyConnected2D(2, 3, padding="same", name="q"), V, "'valid' .*'same'"),
    "no mask supported": (lambda: L.Conv1D(2, 2, name="q")(L.Masking()(S(6, 3))), T, "q does not support masking"),
    # recurrent
    "stateful": (lambda: LSTM(stateful=True)(S(6, 3)), V, "batch size.*(None, None, 3)"),
    "stateful images": (lambda: L.ConvLSTM2D(2, 3, stateful=True, name="q")(S(4, 8, 8, 3)), V, "batch size"),
    "stateful CuDNN": (lambda: L.CuDNNGRU(2, stateful=True, name="q")(S(6, 3)), V, "batch size"),
    "stateful both ways": (
        lambda: L.Bidirectional(L.LSTM(2, stateful=True, name="q"))(S(6, 3)), V, "forward_q: .*batch size",
    ),
    "reset of stateless": (lambda: LSTM().reset_states(), AttributeError, "q must be stateful"),
    "reset to another shape": (
        lambda: reset(LSTM(stateful=True), (2, 3, 4), [np.zeros((2, 3))] * 2), V, "q: expected shape=(2, 2), .*(2, 3)",
    ),
    "reset to another number": (
        lambda: reset(LSTM(stateful=True), (2, 3, 4), [np.zeros((2, 2))]), V, "q expects 2 states, .*1 state",
    ),
    "reset of images": (
        lambda: reset(L.ConvLSTM2D(2, 3, stateful=True, name="q"), (2, 3, 8, 8, 4), [np.zeros((2, 2))] * 2),
        V,
        "q: expected shape=(2, 6, 6, 2), found shape=(2, 2)",
    ),
    "too few states": (lambda: LSTM()(S(6, 3), initial_state=[S(2)]), V, "q has 2 states .*1 initial"),
    "states of another size": (
        lambda: LSTM()(S(6, 3), initial_state=[S(3), S(2)]), V, "q: .*(None, 3), (None, 2)].*(2, 2)",
    ),
    "arrays of another size": (lambda: GRU()(S(6, 3), initial_state=[np.zeros((3, 3))]), V, "q: .*(None, 3)].* 2"),
    "states of text": (lambda: GRU()(S(6, 3), initial_state=["a"]), T, "q: .* arrays of numbers; got 'a'"),
    "odd states both ways": (
        lambda: L.Bidirectional(L.GRU(2), name="q")(S(6, 3), initial_state=[S(2)]), V, "even number; got 1",
    ),
    "unroll": (lambda: LSTM(unroll=True)(S(None, 3)), V, "cannot unroll .*(None, None, 3)"),
    "implementation": (lambda: LSTM(implementation=7), V, "`implementation` .*; got 7"),
    "features": (lambda: LSTM()(S(3, None)), V, "last dimension .*(None, None)"),
    "no cell": (lambda: L.RNN(3, name="q"), V, "`cell` .*`call` method; got 3"),
    "no cells": (lambda: L.StackedRNNCells([], name="q"), V, "at least one cell; got []"),
    "cells of another kind": (lambda: L.StackedRNNCells(3, name="q"), T, "list of cells; got 3"),
    "merge_mode": (lambda: L.Bidirectional(L.LSTM(2), "x", name="q"), V, "merge mode.*; got 'x'"),
    "Bidirectional layer": (lambda: L.Bidirectional(L.Dense(2), name="q"), T, "recurrent layer; got .*Dense"),
    "TimeDistributed layer": (lambda: L.TimeDistributed(3, name="q"), T, "must be a layer; got 3"),
    "TimeDistributed rank": (lambda: L.TimeDistributed(L.Dense(2), name="q")(S(4)), V, "rank 3 .*(None, 4)"),
    "TimeDistributed inner": (lambda: L.TimeDistributed(L.Conv2D(2, 3, name="q"))(S(6, 3)), V, "rank 4; .*(None, 3)"),
    "Lambda": (lambda: L.Lambda(3, name="q"), T, "callable; got int"),
    "Lambda inside": (
        lambda: L.Lambda(lambda x: K.dot(x, K.zeros((3, 2))), name="q")(S(4)), V, "dot on tensors of shapes (None, 4)",
    ),
    "Lambda of nothing": (lambda: L.Lambda(lambda x: None, name="q")(S(4)), T, "q: `call` .* got NoneType"),
    "Input of text": (lambda: L.Input("a", name="q"), V, "'q': shape .*; got 'a'"),
    "Input of a fraction": (lambda: L.Input((2.5,), name="q"), V, "'q': shape .*; got (2.5,)"),
    "Input below zero": (lambda: L.Input((-3,), name="q"), V, "'q': shape .*; got (-3,)"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused(case):
    make, error, text = CASES[case]
    pattern = text.translate({ord(c): "\\" + c for c in "()[]"})
    with pytest.raises(error, match=rf"(?s){pattern}") as raised:
        make()
    assert re.search(r"\b(forward_)?q\b", str(raised.value)), "the layer's name is missing"


# ------------------------------------------------------------ data


def test_indices_without_a_row_are_refused_before_anything_runs():
    model = Sequential([L.Embedding(5, 2, name="words", input_length=3), L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse")
    good, y = np.array([[0, 4, 2]]), np.zeros((1, 1))
    model.fit(good, y, verbose=0)
    for bad in (np.array([[0, 5, 2]]), np.array([[0, -1, 2]]), np.array([[0.0, np.nan, 2.0]])):
        for run in (model.predict, lambda x: model.fit(x, y, verbose=0), lambda x: model.train_on_batch(x, y)):
            with pytest.raises(ValueError, match=r"Layer words: indices must lie within 0..4 \(input_dim=5\); .*range"):
                run(bad)


def test_indices_are_checked_in_nested_models_and_wrappers_and_for_this_input_only():
    a, b = L.Input((3,), name="a"), L.Input((3,), name="b")
    inner = Sequential([L.Embedding(5, 2, name="deep", input_length=3), L.Flatten()])
    model = Model([a, b], [inner(a), L.Dense(2)(b)])
    big = np.full((2, 3), 9.0)
    model.predict([np.zeros((2, 3)), big])
    with pytest.raises(ValueError, match=r"Layer deep: .*data given for a range from 9"):
        model.predict([big, big])
    steps = L.Input((2, 3))
    spread = Model(steps, L.TimeDistributed(L.Embedding(5, 2), name="spread")(steps))
    with pytest.raises(ValueError, match=r"Layer spread: .*0..4"):
        spread.predict(np.full((1, 2, 3), 5))
    other = Model(a, L.Dense(1)(a))  # the same input, without the table
    other.predict(big)

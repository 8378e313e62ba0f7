"""Arrays of recurrent layers as Keras 1 kept them, one per gate, against predictions of genuine Keras 1.2.2."""

import json
from pathlib import Path

import numpy as np
import pytest

from kjax.layers import GRU, LSTM, BatchNormalization, Bidirectional, ConvLSTM2D, Dense, TimeDistributed
from kjax.models import Sequential

pytestmark = pytest.mark.filterwarnings("ignore:Update your:UserWarning", "ignore:.*is a Keras 1:UserWarning")
GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "keras1_gates.json").read_text())
MODELS = {
    "lstm": lambda: [LSTM(output_dim=3, input_shape=(3, 2))],
    "gru": lambda: [GRU(output_dim=3, input_shape=(3, 2))],
    "bidirectional": lambda: [Bidirectional(LSTM(3), input_shape=(3, 2))],
    "stack": lambda: [
        LSTM(2, input_shape=(3, 2), return_sequences=True),
        GRU(3, return_sequences=True, consume_less="gpu"),
        TimeDistributed(Dense(2)),
        BatchNormalization(),
        GRU(2),
    ],
    "convlstm": lambda: [ConvLSTM2D(2, 2, 2, input_shape=(2, 3, 3, 1), border_mode="same", dim_ordering="tf")],
}


def arrays(case):
    return [np.array(w) for w in GOLDEN[case]["weights"]]


def predicts_as_keras_1(model, case):
    found = model.predict(np.array(GOLDEN[case]["x"]))
    np.testing.assert_allclose(found.ravel(), GOLDEN[case]["y"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("case", MODELS)
def test_a_model_takes_one_array_per_gate(case):
    model = Sequential(MODELS[case]())
    model.set_weights(arrays(case))
    predicts_as_keras_1(model, case)
    today = model.get_weights()
    model.set_weights(today)
    predicts_as_keras_1(model, case)


@pytest.mark.parametrize("case", ["lstm", "gru", "bidirectional"])
def test_a_layer_takes_them_too_also_as_weights(case):
    model = Sequential(MODELS[case]())
    model.layers[0].set_weights(arrays(case))
    predicts_as_keras_1(model, case)
    (layer,) = MODELS[case]()
    given = type(layer)(layer.layer if case == "bidirectional" else 3, input_shape=(3, 2), weights=arrays(case))
    predicts_as_keras_1(Sequential([given]), case)


def test_layers_inside_others_take_them():
    inner = Sequential(MODELS["gru"]())
    model = Sequential([TimeDistributed(inner, input_shape=(1, 3, 2))])
    model.set_weights(arrays("gru"))
    found = model.predict(np.array(GOLDEN["gru"]["x"])[:, None])
    np.testing.assert_allclose(found.ravel(), GOLDEN["gru"]["y"], rtol=1e-4, atol=1e-6)


def test_other_counts_and_shapes_keep_their_error():
    model = Sequential(MODELS["lstm"]())
    layer, weights = model.layers[0], arrays("lstm")
    before = model.get_weights()
    with pytest.raises(ValueError, match=r'on layer "lstm_\d+" with a weight list of length 11, but .* 3 weights'):
        layer.set_weights(weights[:11])
    with pytest.raises(ValueError, match=r"weight list of length 9, but the layer was expecting 3 weights"):
        layer.set_weights(arrays("gru"))
    with pytest.raises(ValueError, match="has 3 weight arrays; 12 were given"):
        model.set_weights([*weights[:11], np.zeros(4)])
    reset = GRU(3, input_shape=(3, 2), reset_after=True)
    Sequential([reset])
    with pytest.raises(ValueError, match="weight list of length 9"):
        reset.set_weights(arrays("gru"))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)

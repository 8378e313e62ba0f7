"""Outputs of one shared layer: names, figures and dictionaries by name, as Keras 2.2.4 has them."""

import numpy as np
import pytest

from kjax.layers import Dense, Input
from kjax.models import Model

X = [np.array([[1.0], [2.0]], "float32"), np.array([[3.0], [4.0]], "float32")]
Y = [np.zeros((2, 2), "float32"), np.zeros((2, 2), "float32")]


def model(**compiled):
    shared, a, b = Dense(2, use_bias=False, name="o"), Input((1,)), Input((1,))
    model = Model([a, b], [shared(a), shared(b)])
    shared.set_weights([np.array([[1.0, 0.5]])])
    model.compile("sgd", **compiled)
    return model


def test_names_repeat_and_those_of_metrics_are_numbered():
    shared = model(loss=["mse", "mae"], metrics=["acc", "mae"])
    assert shared.output_names == ["o", "o"]
    names = ["loss", "o_loss", "o_loss", "o_acc", "o_mean_absolute_error", "o_acc_1", "o_mean_absolute_error_1"]
    assert shared.metrics_names == names
    figures = shared.evaluate(X, Y, verbose=0)
    assert np.allclose(figures, [1.5625 + 2.625, 1.5625, 2.625, 1.0, 1.125, 1.0, 2.625])
    logs = shared.fit(X, Y, batch_size=2, verbose=0, validation_data=(X, Y)).history
    assert logs["o_loss"] == [2.625]  # the last output's
    assert set(logs) == {n for name in names for n in (name, "val_" + name)}


@pytest.mark.parametrize("compiled", [{"loss_weights": {"o": 2.0}}, {"loss_weights": [2.0, 2.0]}])
def test_a_name_in_a_dictionary_means_all_outputs_of_the_layer(compiled):
    shared = model(loss={"o": "mse"}, metrics={"o": "acc"}, **compiled)
    assert shared.metrics_names == ["loss", "o_loss", "o_loss", "o_acc", "o_acc_1"]
    total = 2 * (1.5625 + 7.8125)
    assert np.allclose(shared.evaluate(X, Y, verbose=0)[:3], [total, 1.5625, 7.8125])
    weights = {"o": np.array([1.0, 0.0])}
    assert np.isclose(shared.evaluate(X, {"o": Y[0]}, sample_weight=weights, verbose=0)[0], 2 * (0.625 + 5.625))

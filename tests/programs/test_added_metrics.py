"""`add_metric` of 2.3: figures that layers and models report. Numbers are those of Keras 2.3.1."""

import numpy as np
import pytest

from kjax import backend as K
from kjax import metrics
from kjax.callbacks import Callback, CallbackList
from kjax.engine.network import Network
from kjax.layers import Dense, Input, Layer
from kjax.models import Model, load_model
from kjax.optimizers import Optimizer

X, Y = np.arange(10, dtype="float32").reshape(5, 2), np.zeros((5, 1))


class Watched(Layer):
    def call(self, x):
        self.add_metric(K.mean(x), name="act")
        self.add_metric(K.sum(x, axis=-1), name="persample")
        return x * 2


def network():
    x = Input((2,))
    layer = Watched()
    return layer, Model(x, Dense(1, kernel_initializer="ones")(layer(x)))


def test_figures_of_a_layer_are_reported_with_the_metrics(tmp_path):
    layer, model = network()
    assert [m.name for m in layer.metrics] == [m.name for m in model.metrics] == ["act", "persample"]
    model.compile("sgd", "mse", metrics=["mae"])
    assert model.metrics_names == ["loss", "mean_absolute_error", "act", "persample"]
    np.testing.assert_allclose(model.evaluate(X, Y, batch_size=2, verbose=0), [452.0, 18.0, 5.166666507720947, 9.0])
    history = model.fit(X, Y, batch_size=2, verbose=0, shuffle=False).history
    got = [history[name][0] for name in model.metrics_names]
    np.testing.assert_allclose(got, [871.844857788086, 19.19184, 5.1666665, 9.0], rtol=1e-5)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5", custom_objects={"Watched": Watched})
    assert loaded.metrics_names == model.metrics_names


def test_figures_of_a_model_and_of_calls_on_other_inputs():
    layer, model = network()
    model.add_metric(K.max(model.output), name="largest")
    model.compile("sgd", "mse")
    assert model.metrics_names == ["loss", "act", "persample", "largest"]
    other = Input((2,))
    outer = Model(other, model(other))  # the layer is called again, and only that call counts
    outer.compile("sgd", "mse")
    assert outer.metrics_names == ["loss", "act", "persample"]
    np.testing.assert_allclose(outer.evaluate(X, Y, verbose=0)[1:], [4.5, 9.0])


def test_the_result_of_a_metric_object_and_a_name_that_is_taken():
    x = Input((2,))
    y = Dense(1)(x)
    model = Model(x, y)
    model.add_metric(metrics.Sum(name="total")(x))
    model.add_metric(K.mean(x))
    model.add_metric(K.mean(x))
    model.compile("sgd", "mse")
    assert model.metrics_names == ["loss", "total", "mean", "mean_1"]
    np.testing.assert_allclose(model.evaluate(X, Y, batch_size=2, verbose=0)[1], 45.0)
    with pytest.raises(TypeError, match=r"Layer model_1: add_metric takes a symbolic tensor.* got float"):
        model.add_metric(3.0)


def test_a_network_that_is_no_model_has_files_too(tmp_path):
    x = Input((2,))
    network = Network(x, Dense(3)(x))
    before = network.get_weights()
    network.save_weights(tmp_path / "w.h5")
    network.set_weights([w * 0 for w in before])
    network.load_weights(tmp_path / "w.h5")
    for a, b in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    network.save(tmp_path / "n.h5")
    model = Model(x, Dense(3)(x))
    model.load_weights(tmp_path / "n.h5")
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_callback_lists_are_told_of_training_batches_by_either_name():
    class Seen(Callback):
        def __init__(self):
            super().__init__()
            self.batches = []

        def on_train_batch_end(self, batch, logs=None):
            self.batches.append(batch)

    seen = Seen()
    watched = CallbackList([seen])
    watched.on_train_batch_begin(0)
    watched.on_train_batch_end(0)
    watched.on_batch_end(1)
    assert seen.batches == [0, 1]


def test_an_optimizer_without_a_rate_says_so():
    assert hasattr(Optimizer, "lr")
    with pytest.raises(AttributeError, match="the optimizer Optimizer has no lr"):
        _ = Optimizer().lr

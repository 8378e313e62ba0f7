"""Names and values of figures: per-output metrics, functions returning dicts, weights and masks, which accuracy."""

import numpy as np
import pytest

from kjax import backend as K
from kjax.layers import LSTM, Dense, Embedding, Input, Masking, TimeDistributed
from kjax.models import Model, Sequential

RNG = np.random.RandomState(0)
X = RNG.randn(40, 5).astype("float32")


def two_outputs(**compile_args):
    x = Input((5,))
    model = Model(x, [Dense(1, activation="sigmoid", name="yes")(x), Dense(3, activation="softmax", name="kind")(x)])
    model.compile("sgd", {"yes": "binary_crossentropy", "kind": "categorical_crossentropy"}, **compile_args)
    return model


T = [RNG.randint(0, 2, (40, 1)), np.eye(3)[RNG.randint(0, 3, 40)]]


def test_names_of_two_outputs():
    model = two_outputs(
        metrics={"yes": "accuracy", "kind": ["acc", "top_k_categorical_accuracy"]}, loss_weights=[1.0, 0.5]
    )
    assert model.metrics_names == [
        "loss",
        "yes_loss",
        "kind_loss",
        "yes_acc",
        "kind_acc",
        "kind_top_k_categorical_accuracy",
    ]
    values = dict(zip(model.metrics_names, model.evaluate(X, T, verbose=0), strict=True))
    yes, kind = model.predict(X)
    np.testing.assert_allclose(values["yes_acc"], ((yes > 0.5) == T[0]).mean(), rtol=1e-6)
    np.testing.assert_allclose(values["kind_acc"], (kind.argmax(-1) == T[1].argmax(-1)).mean(), rtol=1e-6)
    np.testing.assert_allclose(values["loss"], values["yes_loss"] + 0.5 * values["kind_loss"], rtol=1e-6)


def test_the_accuracy_that_fits():
    """binary_crossentropy on several units is compared unit by unit; a sparse loss with labels of either rank."""
    labels = RNG.randint(0, 2, (40, 3))
    model = Sequential([Dense(3, activation="sigmoid", input_shape=(5,))])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    np.testing.assert_allclose(
        model.evaluate(X, labels, verbose=0)[1], ((model.predict(X) > 0.5) == labels).mean(), rtol=1e-6
    )
    model = Sequential([Dense(3, activation="softmax", input_shape=(5,))])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    classes = RNG.randint(0, 3, 40)
    expected = (model.predict(X).argmax(-1) == classes).mean()
    for targets in (classes, classes[:, None], classes.astype("float32")):
        np.testing.assert_allclose(model.evaluate(X, targets, verbose=0)[1], expected, rtol=1e-6)


@pytest.mark.parametrize("rank", [2, 3])
def test_sparse_targets_per_time_step(rank):
    model = Sequential([TimeDistributed(Dense(4, activation="softmax"), input_shape=(6, 5))])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = RNG.randn(8, 6, 5), RNG.randint(0, 4, (8, 6))
    p = model.predict(x)
    loss, accuracy = model.evaluate(x, y[..., None] if rank == 3 else y, verbose=0)
    np.testing.assert_allclose(loss, -np.log(np.take_along_axis(p, y[..., None], -1)).mean(), rtol=1e-5)
    np.testing.assert_allclose(accuracy, (p.argmax(-1) == y).mean(), rtol=1e-6)


def test_functions_that_return_several_figures():
    def spread(y_true, y_pred):
        return {"low": K.min(y_pred), "mean_error": K.mean(K.abs(y_true - y_pred))}

    model = Sequential([Dense(1, input_shape=(5,))])
    model.compile("sgd", "mse", metrics=[spread, "mae"])
    assert model.metrics_names == ["loss", "low", "mean_error", "mean_absolute_error"]
    _, low, error, mae = model.test_on_batch(X, T[0])
    np.testing.assert_allclose(low, model.predict(X).min(), rtol=1e-5)
    np.testing.assert_allclose(error, mae, rtol=1e-6)


def test_masks_and_weights_together():
    """The mask scales a score to its mean, then weights apply per sample and scale to those that are not zero."""
    x = RNG.randn(6, 4, 3).astype("float32")
    x[2, 2:] = x[4, 1:] = 0.0
    mask = (x != 0).any(-1)
    y, w = RNG.randn(6, 4, 2).astype("float32"), np.array([1, 2, 0, 1, 3, 1], "float32")
    model = Sequential([Masking(input_shape=(4, 3)), TimeDistributed(Dense(2))])
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae"])
    p = model.predict(x)

    def weighted(score, weights):
        score = score * mask / mask.mean()
        score = score.mean(-1) * weights / (weights != 0).mean()
        return score.mean()

    loss, mae, weighted_mae = model.test_on_batch(x, y, sample_weight=w)
    np.testing.assert_allclose(loss, weighted(((p - y) ** 2).mean(-1), w), rtol=1e-5)
    np.testing.assert_allclose(weighted_mae, weighted(np.abs(p - y).mean(-1), w), rtol=1e-5)
    np.testing.assert_allclose(mae, weighted(np.abs(p - y).mean(-1), np.ones(6)), rtol=1e-5)


def test_temporal_weights_over_a_masked_sequence():
    model = Sequential([Embedding(9, 4, mask_zero=True, input_length=5), LSTM(3, return_sequences=True)])
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    x = RNG.randint(0, 9, (6, 5))
    y, w = RNG.randn(6, 5, 3).astype("float32"), RNG.randint(0, 3, (6, 5)).astype("float32")
    mask = x != 0
    score = ((model.predict(x) - y) ** 2).mean(-1) * mask / mask.mean()
    np.testing.assert_allclose(
        model.test_on_batch(x, y, sample_weight=w), (score * w / (w != 0).mean()).mean(), rtol=1e-5
    )


def test_texts_of_verbose(capsys):
    model = two_outputs(metrics=["accuracy"])
    model.fit(X, T, batch_size=20, epochs=2, verbose=2, validation_split=0.5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Train on 20 samples, validate on 20 samples" and lines[1] == "Epoch 1/2"
    first = lines[2]
    assert first.startswith(" - ") and "s - loss: " in first
    for name in model.metrics_names:
        assert f" - {name}: " in first and f" - val_{name}: " in first
    model.fit(X, T, epochs=1, verbose=1)
    out = capsys.readouterr().out
    assert "Epoch 1/1" in out and "40/40 [==============================] - " in out
    assert "s/step" in out or "us/sample" in out or "/step" in out
    model.fit(X, T, verbose=0)
    assert capsys.readouterr().out == ""

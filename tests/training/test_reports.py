"""Names and values of figures: per-output metrics, functions returning dicts, weights and masks, which accuracy."""

import warnings

import numpy as np
import pytest

from kjax import backend as K
from kjax.callbacks import LambdaCallback
from kjax.layers import LSTM, Dense, Embedding, Input, Masking, TimeDistributed
from kjax.models import Model, Sequential
from kjax.optimizers import SGD

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


# ---------------------------------------------------------------- figures of Keras 2.2.4


def squares(**compile_args):
    """y = x, at rate 0: the loss of a batch tells which samples were in it."""
    model = Sequential([Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(1,))])
    model.compile(SGD(0.0), "mse", **compile_args)
    return model


@pytest.mark.parametrize(
    "shuffle, expected",
    [
        (
            "batch",
            [100.67, 256.67, 169.67, 16.67, 1.67, 49.67, 324.0]
            + [49.67, 1.67, 256.67, 169.67, 16.67, 100.67, 324.0]
            + [100.67, 1.67, 169.67, 16.67, 49.67, 256.67, 324.0],
        ),
        (
            True,
            [49.67, 165.67, 93.67, 175.33, 161.0, 24.33, 100.0]
            + [62.0, 93.33, 164.33, 167.33, 183.0, 24.67, 25.0]
            + [225.67, 55.33, 63.0, 204.33, 44.67, 69.67, 121.0],
        ),
    ],
)
def test_the_order_of_samples_is_that_of_keras(shuffle, expected):
    """Each epoch shuffles the last one's order; nothing else draws from NumPy's generator."""
    losses, x = [], np.arange(19.0)[:, None]
    keep = LambdaCallback(on_batch_end=lambda batch, logs: losses.append(logs["loss"]))
    np.random.seed(3)
    squares().fit(x, 0 * x, batch_size=3, epochs=3, verbose=0, shuffle=shuffle, callbacks=[keep])
    np.testing.assert_allclose(losses, expected, atol=0.01)


def test_steps_on_arrays_take_all_of_them():
    rng = np.random.RandomState(0)
    x, y = rng.randn(12, 2).astype("float32"), rng.randn(12, 1).astype("float32")

    def model():
        m = Sequential([Dense(1, kernel_initializer="ones", input_shape=(2,))])
        m.compile("sgd", "mse")
        return m

    m = model()
    history = m.fit(x, y, steps_per_epoch=3, epochs=2, verbose=0)
    np.testing.assert_allclose(history.history["loss"], [2.8197789192199707, 2.5682602723439536], rtol=1e-6)
    np.testing.assert_allclose(m.get_weights()[0].ravel(), [0.8592888, 0.9357789], rtol=1e-6)
    assert history.params["batch_size"] is None and history.params["steps"] == 3
    history = model().fit(x, y, steps_per_epoch=3, verbose=0, validation_data=(x, y), validation_steps=2)
    np.testing.assert_allclose(history.history["val_loss"], [2.644183874130249], rtol=1e-6)
    np.testing.assert_allclose(model().evaluate(x, y, steps=2, verbose=0), 2.914098024368286, rtol=1e-6)
    assert model().predict(x, steps=2).shape == (24, 1)
    for call in (m.fit, m.evaluate):
        name = {"steps_per_epoch": 2} if call == m.fit else {"steps": 2}
        with pytest.raises(ValueError, match="is set, the `batch_size` must be None"):
            call(x, y, batch_size=4, verbose=0, **name)
    with pytest.raises(ValueError, match="Can only use `validation_steps` when doing step-wise training"):
        m.fit(x, y, validation_data=(x, y), validation_steps=2, verbose=0)
    with pytest.raises(ValueError, match="steps_per_epoch must be a number > 0; got 0"):
        m.fit(x, y, steps_per_epoch=0, verbose=0)


def test_trainable_that_changed_since_compile_is_said_at_every_step():
    model = two_outputs()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.train_on_batch(X, T)
    model.layers[1].trainable = False
    for _ in range(2):
        with pytest.warns(UserWarning, match="Discrepancy between trainable weights and collected trainable weights"):
            model.train_on_batch(X, T)
    model.layers[1].trainable = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.train_on_batch(X, T)


def test_class_weights_in_words_weigh_nothing():
    x = np.arange(6.0)[:, None]
    with pytest.warns(UserWarning, match="class_weight='auto' weighs nothing"):
        weighted = squares().fit(x, x > 2, class_weight="auto", verbose=0)
    assert weighted.history == squares().fit(x, x > 2, verbose=0).history

"""Variables and constants where tensors are expected: as inputs, as targets, as what layers are called on."""

import numpy as np
import pytest

from kjax import backend as K
from kjax.layers import BatchNormalization, Dense, Dropout, Input
from kjax.models import Model, Sequential

KERNEL, BIAS = np.array([[1.0, -0.5], [0.25, 2.0], [-1.0, 0.75]]), np.array([0.1, -0.2])
X = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5], [2.0, 0.5, -1.5], [-1.0, 1.0, 1.0]], "float32")
Y = np.array([[1.0, 0.0], [0.5, -1.0], [0.0, 2.0], [1.5, 1.0]], "float32")


def make(x=None, y=None):
    inputs = Input((3,)) if x is None else Input(tensor=x)
    model = Model(inputs, Dense(2, weights=[KERNEL, BIAS])(inputs))
    model.compile("sgd", "mse", metrics=["mae"], target_tensors=None if y is None else [y])
    return model


def twin():
    """The same steps on arrays."""
    model = make()
    logs = [model.train_on_batch(X, Y) for _ in range(4)]
    return model, np.mean(logs[:2], axis=0), np.mean(logs[2:], axis=0)


@pytest.mark.parametrize("kind", [K.variable, K.constant])
def test_a_model_of_tensors_alone_trains_in_steps(kind):
    model, (arrays, *epochs) = make(kind(X), kind(Y)), twin()
    history = model.fit(epochs=2, steps_per_epoch=2, verbose=0).history
    np.testing.assert_allclose(np.transpose([history["loss"], history["mean_absolute_error"]]), epochs, rtol=1e-5)
    for mine, other in zip(model.get_weights(), arrays.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)
    figures = arrays.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(model.evaluate(steps=3, verbose=0), figures, rtol=1e-5)
    np.testing.assert_allclose(model.test_on_batch(None, None), figures, rtol=1e-5)
    np.testing.assert_allclose(model.predict(None, steps=2), np.tile(arrays.predict(X), (2, 1)), rtol=1e-5)
    np.testing.assert_allclose(model.train_on_batch(None, None), arrays.train_on_batch(X, Y), rtol=1e-5)


def test_inputs_or_targets_alone_may_be_tensors():
    arrays, *epochs = twin()
    for model, x, y in ((make(K.constant(X)), None, Y), (make(None, K.constant(Y)), X, None)):
        logs = np.mean([model.train_on_batch(x, y) for _ in range(2)], axis=0)
        np.testing.assert_allclose(logs, epochs[0], rtol=1e-5)
        history = model.fit(x, y, epochs=1, steps_per_epoch=2, verbose=0).history
        np.testing.assert_allclose(history["loss"] + history["mean_absolute_error"], epochs[1], rtol=1e-5)
        np.testing.assert_allclose(model.get_weights()[0], arrays.get_weights()[0], rtol=1e-5)


def test_layers_and_models_are_called_on_variables_and_constants():
    model = Sequential([Dense(2, input_dim=3, weights=[KERNEL, BIAS], activation="relu")])
    wanted = np.maximum(X @ KERNEL + BIAS, 0)
    held = K.variable(X)
    for tensor in (held, K.constant(X)):
        result = model(tensor)
        assert K.int_shape(result) == (4, 2)
        np.testing.assert_allclose(K.eval(result), wanted, rtol=1e-5)
        np.testing.assert_allclose(K.eval(Dense(2, weights=[KERNEL, BIAS])(tensor)), X @ KERNEL + BIAS, rtol=1e-5)
    (gradient,) = K.gradients(K.sum(model(held)), [held])
    np.testing.assert_allclose(K.eval(gradient), (wanted > 0) @ KERNEL.T, rtol=1e-5)
    K.set_value(held, 2 * X)
    np.testing.assert_allclose(K.eval(Dense(2, weights=[KERNEL, BIAS])(held)), 2 * X @ KERNEL + BIAS, rtol=1e-5)
    with pytest.raises(ValueError, match="isn't a symbolic tensor"):
        model(X)  # as in Keras


def test_batch_statistics_in_a_prediction_leave_filled_up_rows_out():
    """A batch is filled up to few sizes; what takes its statistics in every phase must not see the filling."""
    inputs = Input((3,))
    normal = BatchNormalization()(inputs, training=True)
    for outputs in (normal, Dropout(0.0)(normal, training=True)):
        model = Model(inputs, outputs)

        def wanted(x):
            return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3)

        for size in (3, 4):
            np.testing.assert_allclose(model.predict(X[:size]), wanted(X[:size]), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.predict_on_batch(X[:3]), wanted(X[:3]), rtol=1e-4, atol=1e-5)
        parts = np.concatenate([wanted(X[:3]), wanted(X[3:])])
        np.testing.assert_allclose(model.predict(X, batch_size=3), parts, rtol=1e-4, atol=1e-5)
        rest = model.predict_generator(iter([X, X[:3]]), 2)[4:]
        np.testing.assert_allclose(rest, wanted(X[:3]), rtol=1e-4, atol=1e-5)


def test_a_fixed_training_phase_in_predictions():
    K.set_learning_phase(1)
    try:
        inputs = Input((3,))
        model = Model(inputs, BatchNormalization()(inputs))
        result = model.predict(X[:3])
    finally:
        K.clear_session()
    np.testing.assert_allclose(result, (X[:3] - X[:3].mean(0)) / np.sqrt(X[:3].var(0) + 1e-3), rtol=1e-4, atol=1e-5)

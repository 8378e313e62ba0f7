"""Models in models, parts frozen, the learning phase fixed, models inside of Lambda."""

import numpy as np
import pytest

from kjax import activations, initializers
from kjax import backend as K
from kjax.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Input,
    Lambda,
    TimeDistributed,
)
from kjax.models import Model, Sequential


def test_lambda_with_a_model_and_with_variables_inside():
    inner = Sequential([Dense(3, input_shape=(4,), activation="tanh")])
    gain = K.variable(2.0)
    x = Input((2, 4))
    y = Lambda(lambda t: gain * K.stack([inner(t[:, 0]), inner(t[:, 1])], axis=1), output_shape=(2, 3))(x)
    model = Model(x, y)
    data = np.random.rand(5, 2, 4)
    expected = 2 * np.stack([inner.predict(data[:, i]) for i in range(2)], axis=1)
    np.testing.assert_allclose(model.predict(data), expected, atol=1e-6)
    K.set_value(gain, 3.0)
    np.testing.assert_allclose(model.predict(data), 1.5 * expected, atol=1e-6)


def test_time_distributed_model_with_batch_normalization_updates_its_statistics():
    frame = Input((4,))
    norm = BatchNormalization(momentum=0.5)
    inner = Model(frame, Dense(2)(norm(frame)))
    x = Input((3, 4))
    model = Model(x, TimeDistributed(inner)(x))
    model.compile("sgd", "mse")
    assert len(model.updates) == 2 and len(model.trainable_weights) == 4
    data = np.random.rand(8, 3, 4) + 1
    model.train_on_batch(data, np.zeros((8, 3, 2)))
    _, _, mean, variance = norm.get_weights()
    np.testing.assert_allclose(mean, 0.5 * data.mean(axis=(0, 1)), rtol=1e-5)
    n = 24
    var = data.var(axis=(0, 1))
    assert np.allclose(variance, 0.5 + 0.5 * var, rtol=1e-4) or np.allclose(
        variance, 0.5 + 0.5 * var * n / (n - 1), rtol=1e-4
    )
    expected = np.stack([inner.predict(data[:, t]) for t in range(3)], axis=1)
    np.testing.assert_allclose(model.predict(data), expected, atol=1e-5)


def test_frozen_layers_inside_of_nested_models():
    inner = Sequential([Dense(3, input_shape=(4,)), BatchNormalization(), Dense(3)])
    outer = Sequential([inner, Dense(1)])
    inner.layers[0].trainable = False
    outer.compile("sgd", "mse")
    assert len(outer.trainable_weights) == 6
    x = np.random.rand(8, 4)
    before = [w.copy() for w in inner.get_weights()]
    outer.train_on_batch(x, np.ones((8, 1)))
    changed = [(a != b).any() for a, b in zip(before, inner.get_weights(), strict=True)]
    assert changed[:2] == [False, False] and any(changed[2:])

    inner.trainable = False
    outer.compile("sgd", "mse")
    assert len(outer.trainable_weights) == 2 and len(inner.layers[2].trainable_weights) == 2
    before = [w.copy() for w in inner.get_weights()]
    outer.train_on_batch(x, np.ones((8, 1)))
    for a, b in zip(before, inner.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    inner.trainable = True
    inner.layers[0].trainable = True
    outer.compile("sgd", "mse")
    assert len(outer.trainable_weights) == 8


def test_fine_tuning_the_top_of_a_convolutional_base():
    base = Sequential([Conv2D(3, 3, input_shape=(6, 6, 1), name="c1"), Conv2D(3, 3, name="c2")])
    base.trainable = False
    model = Sequential([base, Lambda(lambda t: K.mean(t, axis=(1, 2))), Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.random.rand(4, 6, 6, 1), np.ones((4, 1))
    fixed = base.get_weights()
    model.fit(x, y, epochs=1, verbose=0)
    for a, b in zip(fixed, base.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    base.trainable = True
    set_trainable = False
    for layer in base.layers:
        if layer.name == "c2":
            set_trainable = True
        layer.trainable = set_trainable
    model.compile("sgd", "mse")
    model.fit(x, y, epochs=1, verbose=0)
    changed = [(a != b).any() for a, b in zip(fixed, base.get_weights(), strict=True)]
    assert changed == [False, False, True, True]


def test_learning_phase_fixed_while_a_part_is_built():
    K.set_learning_phase(0)
    base = Sequential([BatchNormalization(input_shape=(3,)), Dropout(0.9)])
    K.set_learning_phase(1)
    x = Input((3,))
    out = Dropout(0.5)(x)
    frozen, noisy = base(x), Model(x, out)
    data = np.ones((4, 3))
    assert (noisy.predict(data) == 0).any()
    K.clear_session()
    assert K.learning_phase() not in (0, 1)
    del frozen


def test_set_learning_phase_0_makes_predictions_and_functions_deterministic():
    K.set_learning_phase(0)
    model = Sequential([Dense(3, input_shape=(4,)), Dropout(0.5), BatchNormalization()])
    assert K.learning_phase() == 0
    run = K.function([model.input], [model.output])
    x = np.random.rand(5, 4)
    np.testing.assert_allclose(run([x])[0], model.predict(x), rtol=1e-5)
    with pytest.raises(TypeError, match="learning_phase"):
        K.function([model.input, K.learning_phase()], [model.output])


def test_monte_carlo_dropout_by_training_true():
    x = Input((10,))
    model = Model(x, Dropout(0.5)(x, training=True))
    data = np.ones((2, 10))
    a, b = model.predict(data), model.predict(data)
    assert (a != b).any() and set(np.unique(a)) <= {0.0, 2.0}


def test_activations_and_initializers_called_by_name():
    assert activations.get("relu") is activations.relu
    weight = K.variable(initializers.get("he_normal")((30, 20)))
    assert 0.15 < K.eval(K.std(weight)) < 0.35


def test_recurrent_layer_with_a_state_from_a_custom_layer():
    x = Input((4, 3))
    state = Lambda(lambda t: [K.mean(t, axis=1), K.max(t, axis=1)])(x)
    model = Model(x, LSTM(3)(x, initial_state=state))
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(np.random.rand(2, 4, 3), np.ones((2, 3))))

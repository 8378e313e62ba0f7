"""Programs around K.function and K.gradients: saliency, deep dream, style transfer, penalties."""

import numpy as np
import pytest
from scipy.optimize import fmin_l_bfgs_b

import kjax as keras
from kjax import backend as K
from kjax.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
)
from kjax.models import Model, Sequential


def small_classifier():
    return Sequential(
        [
            Conv2D(4, 3, activation="relu", padding="same", input_shape=(8, 8, 3), name="block1_conv1"),
            MaxPooling2D(2),
            Conv2D(6, 3, activation="relu", padding="same", name="block2_conv1"),
            Flatten(),
            Dropout(0.5),
            Dense(5, activation="softmax", name="predictions"),
        ]
    )


def test_saliency_map_is_the_derivative_of_the_class_score():
    model = small_classifier()
    grads = K.gradients(model.output[:, 2], model.input)[0]
    saliency = K.function([model.input, K.learning_phase()], [K.max(K.abs(grads), axis=-1)])
    x = np.random.rand(2, 8, 8, 3).astype("float32")
    found = saliency([x, 0])[0]
    assert found.shape == (2, 8, 8)
    y, z = np.unravel_index(found[0].argmax(), (8, 8))
    slopes = []
    for c in range(3):
        step = np.zeros_like(x)
        step[0, y, z, c] = 1e-2
        slopes.append((model.predict(x + step)[0, 2] - model.predict(x - step)[0, 2]) / 2e-2)
    np.testing.assert_allclose(np.max(np.abs(slopes)), found[0].max(), rtol=2e-2)


def test_grad_cam():
    model = small_classifier()
    conv = model.get_layer("block2_conv1").output
    grads = K.gradients(K.max(model.output, axis=-1), conv)[0]
    pooled = K.mean(grads, axis=(0, 1, 2))
    iterate = K.function([model.input], [pooled, conv[0]])
    weights, maps = iterate([np.random.rand(1, 8, 8, 3)])
    assert weights.shape == (6,) and maps.shape == (4, 4, 6)
    heat = np.maximum(np.mean(maps * weights, axis=-1), 0)
    assert heat.shape == (4, 4) and np.abs(weights).max() > 0


def test_activations_of_every_layer_in_both_phases():
    model = Sequential([Dense(50, input_shape=(10,), activation="relu"), Dropout(0.5), BatchNormalization(), Dense(2)])
    readers = [K.function([model.input, K.learning_phase()], [layer.output]) for layer in model.layers]
    x = np.random.rand(4, 10)
    test = [f([x, 0])[0] for f in readers]
    train = [f([x, 1])[0] for f in readers]
    np.testing.assert_allclose(test[-1], model.predict(x), rtol=1e-5)
    np.testing.assert_array_equal(test[0], test[1])
    np.testing.assert_array_equal(train[0], test[0])
    assert (train[1] == 0).sum() > (test[1] == 0).sum()
    np.testing.assert_allclose(train[2].mean(axis=0), 0, atol=1e-4)


def test_activations_over_all_layers_in_one_function():
    model = small_classifier()
    outputs = [layer.output for layer in model.layers]
    functor = K.function([model.input, K.learning_phase()], outputs)
    x = np.random.rand(3, 8, 8, 3)
    assert [v.shape for v in functor([x, 1.0])] == [(3, *layer.output_shape[1:]) for layer in model.layers]


def test_a_filter_is_visualized_by_gradient_ascent():
    model = small_classifier()
    layer = dict((layer.name, layer) for layer in model.layers)["block2_conv1"]
    loss = K.mean(layer.output[:, :, :, 1])
    grads = K.gradients(loss, model.input)[0]
    grads /= K.sqrt(K.mean(K.square(grads))) + 1e-5
    iterate = K.function([model.input], [loss, grads])
    image = np.random.random((1, 8, 8, 3)) * 0.1 + 0.5
    values = []
    for _ in range(10):
        value, step = iterate([image])
        values.append(value)
        image += step * 0.1
    assert values[-1] > values[0] + 0.1


def test_deep_dream_over_octaves():
    dream = Input(shape=(None, None, 3))
    x = Conv2D(4, 3, activation="relu", padding="same", name="mixed2")(dream)
    x = Conv2D(4, 3, activation="relu", padding="same", name="mixed3")(x)
    model = Model(dream, GlobalAveragePooling2D()(x))
    layers = {layer.name: layer for layer in model.layers}
    loss = K.variable(0.0)
    for name, coefficient in {"mixed2": 0.2, "mixed3": 1.5}.items():
        activation = layers[name].output
        scaling = K.prod(K.cast(K.shape(activation), "float32"))
        loss = loss + coefficient * K.sum(K.square(activation[:, 2:-2, 2:-2, :])) / scaling
    grads = K.gradients(loss, dream)[0]
    grads /= K.maximum(K.mean(K.abs(grads)), K.epsilon())
    fetch = K.function([dream], [loss, grads])
    for size in (8, 12):
        image = np.random.rand(1, size, size, 3)
        first = fetch([image])[0]
        for _ in range(5):
            value, step = fetch([image])
            image += 0.05 * step
        assert value > first


def gram_matrix(x):
    features = K.batch_flatten(K.permute_dimensions(x, (2, 0, 1)))
    return K.dot(features, K.transpose(features))


def test_style_transfer_with_l_bfgs():
    rows, columns = 10, 8
    base = K.variable(np.random.rand(1, rows, columns, 3))
    style = K.variable(np.random.rand(1, rows, columns, 3) ** 4)
    combination = K.placeholder((1, rows, columns, 3))
    tensor = K.concatenate([base, style, combination], axis=0)
    x = image = Input(tensor=tensor)
    for i in range(2):
        x = Conv2D(4, 3, activation="relu", padding="same", name=f"block{i + 1}_conv1")(x)
    model = Model(image, x)
    outputs = {layer.name: layer.output for layer in model.layers}

    loss = K.variable(0.0)
    features = outputs["block2_conv1"]
    loss = loss + 0.025 * K.sum(K.square(features[2, :, :, :] - features[0, :, :, :]))
    for name in ("block1_conv1", "block2_conv1"):
        features = outputs[name]
        difference = gram_matrix(features[1, :, :, :]) - gram_matrix(features[2, :, :, :])
        loss = loss + K.sum(K.square(difference)) / (4.0 * 3**2 * (rows * columns) ** 2)
    a = K.square(combination[:, : rows - 1, : columns - 1, :] - combination[:, 1:, : columns - 1, :])
    b = K.square(combination[:, : rows - 1, : columns - 1, :] - combination[:, : rows - 1, 1:, :])
    loss = loss + 0.01 * K.sum(K.pow(a + b, 1.25))
    grads = K.gradients(loss, combination)
    outputs = [loss]
    if isinstance(grads, (list, tuple)):
        outputs += grads
    else:
        outputs.append(grads)
    f_outputs = K.function([combination], outputs)

    class Evaluator:
        def loss(self, x):
            value, grads = f_outputs([x.reshape((1, rows, columns, 3))])
            self.grads = grads.flatten().astype("float64")
            return value

        def gradients(self, x):
            return self.grads

    evaluator = Evaluator()
    x = np.random.rand(1, rows, columns, 3)
    first = evaluator.loss(x)
    x, value, _ = fmin_l_bfgs_b(evaluator.loss, x.flatten(), fprime=evaluator.gradients, maxfun=20)
    assert value < 0.2 * first


def test_adversarial_example_by_the_sign_of_the_gradient():
    model = small_classifier()
    x = np.random.rand(1, 8, 8, 3)
    label = model.predict(x).argmax()
    target = K.placeholder(shape=(None, 5))
    loss = keras.losses.categorical_crossentropy(target, model.output)
    sign = K.function([model.input, target, K.learning_phase()], [K.sign(K.gradients(loss, [model.input])[0])])
    before = model.predict(x)[0, label]
    x = x + 0.05 * sign([x, np.eye(5)[[label]], 0])[0]
    assert model.predict(x)[0, label] < before


def test_gradients_with_respect_to_the_weights_of_a_compiled_model():
    model = Sequential([Dense(3, input_shape=(4,), activation="tanh"), Dense(1)])
    model.compile("sgd", "mse")
    weights = [w for w in model.trainable_weights if model.get_layer(w.name.split("/")[0]).trainable]
    grads = model.optimizer.get_gradients(model.total_loss, weights)
    inputs = [model.inputs[0], model.sample_weights[0], model.targets[0], K.learning_phase()]
    get_gradients = K.function(inputs=inputs, outputs=grads)
    x, y = np.random.rand(6, 4), np.random.rand(6, 1)
    found = get_gradients([x, np.ones(6), y, 0])
    before = model.get_weights()
    model.train_on_batch(x, y)
    for g, old, new in zip(found, before, model.get_weights(), strict=True):
        np.testing.assert_allclose(old - 0.01 * g, new, atol=1e-6)


def test_layers_outputs_of_a_model_read_inside_of_another_session_of_weights():
    model = Sequential([Dense(3, input_shape=(4,)), Activation("relu")])
    inner = K.function(model.inputs, [model.layers[0].output])
    x = np.random.rand(2, 4)
    first = inner([x])[0]
    model.set_weights([2 * w for w in model.get_weights()])
    np.testing.assert_allclose(inner([x])[0], 2 * first, rtol=1e-5)


def test_policy_gradient_with_an_updates_function():
    states = Input((4,))
    model = Model(states, Dense(3, activation="softmax")(Dense(8, activation="tanh")(states)))
    action = K.placeholder(shape=(None, 3))
    reward = K.placeholder(shape=(None,))
    log_probability = K.log(K.sum(model.output * action, axis=1))
    loss = K.mean(-log_probability * reward)
    updates = keras.optimizers.Adam(0.01).get_updates(params=model.trainable_weights, loss=loss)
    train = K.function(inputs=[model.input, action, reward], outputs=[], updates=updates)
    x = np.random.rand(5, 4)
    before = model.predict(x)[:, 1].mean()
    for _ in range(20):
        assert train([x, np.eye(3)[[1] * 5], np.ones(5)]) == []
    assert model.predict(x)[:, 1].mean() > before + 0.05


def test_deep_deterministic_policy_gradient_chains_two_models():
    state, action = Input((3,)), Input((2,))
    actor = Model(state, Dense(2, activation="tanh")(state))
    critic = Model([state, action], Dense(1)(keras.layers.concatenate([state, action])))
    combined = critic([state, actor(state)])
    updates = keras.optimizers.SGD(0.1).get_updates(params=actor.trainable_weights, loss=-K.mean(combined))
    train = K.function([state, K.learning_phase()], [actor(state)], updates=updates)
    x = np.random.rand(6, 3)
    fixed = critic.get_weights()
    before = critic.predict([x, actor.predict(x)]).mean()
    for _ in range(10):
        train([x, 1])
    assert critic.predict([x, actor.predict(x)]).mean() > before
    for a, b in zip(fixed, critic.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_gradient_through_nothing_is_none_and_a_placeholder_left_out_is_named():
    model = Sequential([Dense(2, input_shape=(3,))])
    other = K.placeholder(shape=(None, 3), name="other")
    assert K.gradients(K.sum(model.output), [other]) == [None]
    with pytest.raises(ValueError, match="other"):
        K.function([model.input], [model.output + other[:, :2]])

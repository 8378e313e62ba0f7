"""Small programs of the kind that Keras 2 users write on keras.backend alone."""

import numpy as np
import pytest
from scipy.optimize import fmin_l_bfgs_b

from kjax import backend as K

RNG = np.random.RandomState(0)


def test_style_transfer_with_l_bfgs():
    """Content and Gram-matrix losses of a combination image, driven by SciPy."""
    content, style = K.variable(RNG.rand(1, 8, 8, 3)), K.variable(RNG.rand(1, 8, 8, 3))
    combination = K.placeholder((1, 8, 8, 3))
    images = K.concatenate([content, style, combination], axis=0)
    features = K.relu(K.conv2d(images, K.variable(RNG.randn(3, 3, 3, 4) * 0.3), padding='same'))

    def gram(x):
        rows = K.batch_flatten(K.permute_dimensions(x, (2, 0, 1)))
        return K.dot(rows, K.transpose(rows))

    loss = K.variable(0.0)
    loss = loss + 0.1 * K.sum(K.square(features[2] - features[0]))
    loss = loss + K.sum(K.square(gram(features[2]) - gram(features[1]))) / (4.0 * 4**2 * 64**2)
    f = K.function([combination], [loss] + K.gradients(loss, combination))

    def loss_and_gradient(x):
        value, gradient = f([x.reshape((1, 8, 8, 3))])
        return float(value), gradient.flatten().astype('float64')

    start = RNG.rand(8 * 8 * 3)
    _, after, _ = fmin_l_bfgs_b(loss_and_gradient, start, maxiter=30)
    assert after < 0.4 * loss_and_gradient(start)[0]


def test_deep_dream_ascends():
    image = K.placeholder((1, 6, 6, 3))
    features = K.pool2d(K.tanh(K.conv2d(image, K.variable(RNG.randn(3, 3, 3, 5)))), (2, 2), (2, 2))
    loss = K.sum(K.square(features)) / K.prod(K.cast(K.shape(features), 'float32'))
    gradient = K.gradients(loss, image)[0]
    gradient /= K.maximum(K.mean(K.abs(gradient)), K.epsilon())
    step = K.function([image], [loss, gradient])
    x = RNG.rand(1, 6, 6, 3)
    losses = []
    for _ in range(10):
        value, direction = step([x])
        losses.append(value)
        x += 0.02 * direction
    assert losses[-1] > losses[0]


def test_variational_sampling_and_its_loss():
    mean, log_var = K.placeholder((None, 4)), K.placeholder((None, 4))
    batch, dim = K.shape(mean)[0], K.int_shape(mean)[1]
    z = mean + K.exp(0.5 * log_var) * K.random_normal(shape=(batch, dim))
    kl = -0.5 * K.sum(1 + log_var - K.square(mean) - K.exp(log_var), axis=-1)
    f = K.function([mean, log_var], [z, kl, *K.gradients(K.mean(kl), [mean, log_var])])
    m, v = RNG.randn(5, 4), np.full((5, 4), -50.0)
    z_value, kl_value, dm, dv = f([m, v])
    np.testing.assert_allclose(z_value, m, atol=1e-5)
    np.testing.assert_allclose(kl_value, -0.5 * np.sum(1 + v - m**2 - np.exp(v), -1), rtol=1e-5)
    np.testing.assert_allclose(dm, m / 5, rtol=1e-5)


def test_capsule_routing():
    u_hat = K.placeholder((None, 3, 6, 4))  # (batch, capsules, inputs, dim)
    b = K.zeros_like(u_hat[:, :, :, 0])
    for _ in range(3):
        c = K.softmax(b, 1)
        s = K.batch_dot(K.reshape(c, (-1, 1, 6)), K.reshape(u_hat, (-1, 6, 4)))
        s = K.reshape(s, (-1, 3, 4))
        squared = K.sum(K.square(s), -1, keepdims=True)
        v = squared / (1.0 + squared) * s / K.sqrt(squared + K.epsilon())
        b = b + K.sum(K.expand_dims(v, 2) * u_hat, -1)
    feed = RNG.randn(2, 3, 6, 4)

    def softmax(x):
        return np.exp(x) / np.exp(x).sum(1, keepdims=True)

    b = np.zeros((2, 3, 6))
    for _ in range(3):
        s = np.einsum('bci,bcid->bcd', softmax(b), feed)
        n = (s**2).sum(-1, keepdims=True)
        want = n / (1 + n) * s / np.sqrt(n + 1e-7)
        b = b + (want[:, :, None] * feed).sum(-1)
    np.testing.assert_allclose(K.function([u_hat], [v])([feed])[0], want, rtol=1e-4, atol=1e-6)


def test_siamese_distance():
    a, b = K.placeholder((None, 3)), K.placeholder((None, 3))
    w = K.variable(RNG.randn(3, 2))
    distance = K.sqrt(K.maximum(K.sum(K.square(K.dot(a, w) - K.dot(b, w)), axis=1, keepdims=True), K.epsilon()))
    x, y = RNG.randn(4, 3), RNG.randn(4, 3)
    want = np.linalg.norm((x - y) @ K.get_value(w), axis=1, keepdims=True)
    np.testing.assert_allclose(K.function([a, b], [distance])([x, y])[0], want, rtol=1e-4)


def test_attention_over_encoder_states():
    states, query = K.placeholder((None, 7, 4)), K.placeholder((None, 4))
    weights = K.softmax(K.batch_dot(states, query, axes=(2, 1)))
    context = K.batch_dot(weights, states, axes=(1, 1))
    s, q = RNG.randn(2, 7, 4), RNG.randn(2, 4)
    a = np.exp(np.einsum('btd,bd->bt', s, q))
    a /= a.sum(1, keepdims=True)
    got = K.function([states, query], [context])([s, q])[0]
    np.testing.assert_allclose(got, np.einsum('bt,btd->bd', a, s), rtol=1e-4)


def test_policy_gradient_step():
    """A hand-written training step: updates from K.gradients, as reinforcement-learning scripts do."""
    w = K.variable(np.zeros((4, 2)))
    x, action, reward = K.placeholder((None, 4)), K.placeholder((None, 2)), K.placeholder((None,))
    chosen = K.sum(K.softmax(K.dot(x, w)) * action, axis=1)
    loss = -K.mean(K.log(chosen) * reward)
    step = K.function([x, action, reward], [loss], updates=[K.update_sub(w, 0.5 * K.gradients(loss, [w])[0])])
    xs, actions = RNG.randn(16, 4), np.eye(2)[RNG.randint(0, 2, 16)]
    losses = [step([xs, actions, np.ones(16)])[0] for _ in range(20)]
    assert losses[-1] < losses[0] == pytest.approx(np.log(2), rel=1e-5)


def test_moving_statistics_of_hand_written_batch_normalization():
    x = K.placeholder((None, 3))
    gamma, beta, moving = K.variable(np.ones(3)), K.variable(np.zeros(3)), K.variable(np.zeros(3))
    normed, mean, variance = K.normalize_batch_in_training(x, gamma, beta, [0])
    y = K.in_train_phase(normed, lambda: K.batch_normalization(x, moving, K.ones_like(moving), beta, gamma))
    f = K.function([x, K.learning_phase()], [y], updates=[K.moving_average_update(moving, mean, 0.9)])
    feed = RNG.randn(50, 3) + 2.0
    trained = f([feed, 1])[0]
    np.testing.assert_allclose(trained.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(K.get_value(moving), 0.1 * feed.mean(0), rtol=1e-4)
    tested = f([feed, 0])[0]
    np.testing.assert_allclose(tested, (feed - 0.1 * feed.mean(0)) / np.sqrt(1.001), rtol=1e-4, atol=1e-5)

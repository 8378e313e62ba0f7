"""Generative adversarial networks: alternating training, gradient penalty, weight clipping."""

from functools import partial

import numpy as np

from kjax import backend as K
from kjax.layers import BatchNormalization, Dense, Dropout, Input, LeakyReLU
from kjax.layers.merge import _Merge
from kjax.models import Model, Sequential
from kjax.optimizers import Adam, RMSprop


def wasserstein_loss(y_true, y_pred):
    return K.mean(y_true * y_pred)


def gradient_penalty_loss(y_true, y_pred, averaged_samples, gradient_penalty_weight):
    gradients = K.gradients(y_pred, averaged_samples)[0]
    squared = K.sum(K.square(gradients), axis=np.arange(1, len(gradients.shape)))
    return K.mean(gradient_penalty_weight * K.square(1 - K.sqrt(squared)))


class RandomWeightedAverage(_Merge):
    def _merge_function(self, inputs):
        weights = K.random_uniform((6, 1))
        return (weights * inputs[0]) + ((1 - weights) * inputs[1])


def test_wgan_gp_trains_with_a_second_order_penalty():
    generator = Sequential([Dense(8, input_dim=2), LeakyReLU(), Dense(3, activation="tanh")])
    critic = Sequential([Dense(8, input_dim=3, activation="tanh"), Dense(1)])

    for layer in critic.layers:
        layer.trainable = False
    critic.trainable = False
    noise = Input((2,))
    generator_model = Model(noise, critic(generator(noise)))
    generator_model.compile(Adam(0.01, beta_1=0.5, beta_2=0.9), wasserstein_loss)

    for layer in critic.layers:
        layer.trainable = True
    critic.trainable = True
    generator.trainable = False
    real, noise = Input((3,)), Input((2,))
    fake = generator(noise)
    averaged = RandomWeightedAverage()([real, fake])
    penalty = partial(gradient_penalty_loss, averaged_samples=averaged, gradient_penalty_weight=10)
    penalty.__name__ = "gradient_penalty"
    critic_model = Model([real, noise], [critic(real), critic(fake), critic(averaged)])
    critic_model.compile(Adam(0.01, beta_1=0.5, beta_2=0.9), [wasserstein_loss, wasserstein_loss, penalty])

    positive, negative, dummy = np.ones((6, 1)), -np.ones((6, 1)), np.zeros((6, 1))
    x = np.random.rand(6, 3)
    generated = generator.get_weights()
    penalties = []
    for _ in range(60):
        logs = critic_model.train_on_batch([x, np.random.rand(6, 2)], [positive, negative, dummy])
        assert len(logs) == 4
        penalties.append(logs[-1])
    assert np.mean(penalties[-5:]) < 0.5 * penalties[0]
    for a, b in zip(generated, generator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    judged = critic.get_weights()
    assert np.isfinite(generator_model.train_on_batch(np.random.rand(6, 2), positive))
    for a, b in zip(judged, critic.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(generated, generator.get_weights(), strict=True))


def test_the_penalty_s_gradient_with_respect_to_the_weights_is_right():
    x = Input((2,))
    kernel = np.array([[3.0], [4.0]])
    critic = Dense(1, use_bias=False, weights=[kernel])
    model = Model(x, critic(x))
    loss = partial(gradient_penalty_loss, averaged_samples=x, gradient_penalty_weight=1)
    loss.__name__ = "penalty"
    model.compile("sgd", loss)
    # (1 - |w|)^2 with |w| = 5 has the slope -2 (1 - 5) w / 5
    np.testing.assert_allclose(model.train_on_batch(np.zeros((3, 2)), np.zeros((3, 1))), 16, rtol=1e-5)
    np.testing.assert_allclose(critic.get_weights()[0], kernel - 0.01 * 8 * kernel / 5, rtol=1e-5)


def test_two_models_sharing_layers_are_trained_in_turn():
    discriminator = Sequential([Dense(8, input_dim=2), LeakyReLU(0.2), Dropout(0.3), Dense(1, activation="sigmoid")])
    discriminator.compile(Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    generator = Sequential([Dense(8, input_dim=3), BatchNormalization(momentum=0.8), Dense(2)])
    z = Input((3,))
    discriminator.trainable = False
    combined = Model(z, discriminator(generator(z)))
    combined.compile(Adam(0.01), "binary_crossentropy")
    real = np.random.randn(16, 2) * 0.1 + 2
    counts = None
    for i in range(5):
        fake = generator.predict(np.random.randn(16, 3))
        g = generator.get_weights()
        d_loss = np.add(
            discriminator.train_on_batch(real, np.ones((16, 1))), discriminator.train_on_batch(fake, np.zeros((16, 1)))
        )
        assert d_loss.shape == (2,)
        for a, b in zip(g, generator.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        d = discriminator.get_weights()
        combined.train_on_batch(np.random.randn(16, 3), np.ones((16, 1)))
        for a, b in zip(d, discriminator.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        assert all((a != b).any() for a, b in zip(g, generator.get_weights(), strict=True))
        if i == 1:
            counts = discriminator.compilations, combined.compilations, generator.compilations
    assert counts == (discriminator.compilations, combined.compilations, generator.compilations)


def test_weight_clipping_by_hand():
    critic = Sequential([Dense(4, input_dim=2), Dense(1)])
    critic.compile(RMSprop(0.05), wasserstein_loss)
    for _ in range(3):
        critic.train_on_batch(np.random.rand(8, 2), -np.ones((8, 1)))
        for layer in critic.layers:
            layer.set_weights([np.clip(w, -0.01, 0.01) for w in layer.get_weights()])
    assert max(np.abs(w).max() for w in critic.get_weights()) <= np.float32(0.01)
    assert np.isfinite(critic.train_on_batch(np.random.rand(8, 2), -np.ones((8, 1))))

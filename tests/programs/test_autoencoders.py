"""Variational and tied autoencoders, and losses closed over inner tensors."""

import numpy as np
import pytest

from kjax import backend as K
from kjax import initializers
from kjax.engine.base_layer import Layer
from kjax.layers import Dense, Input, Lambda, Reshape, TimeDistributed, add
from kjax.losses import binary_crossentropy, mse
from kjax.models import Model, Sequential
from kjax.optimizers import Adam

DIM, LATENT = 6, 2


def sampling(args):
    z_mean, z_log_var = args
    batch = K.shape(z_mean)[0]
    dim = K.int_shape(z_mean)[1]
    epsilon = K.random_normal(shape=(batch, dim))
    return z_mean + K.exp(0.5 * z_log_var) * epsilon


def encoder_and_decoder():
    inputs = Input(shape=(DIM,), name="encoder_input")
    x = Dense(12, activation="relu")(inputs)
    z_mean = Dense(LATENT, name="z_mean")(x)
    z_log_var = Dense(LATENT, name="z_log_var")(x)
    z = Lambda(sampling, output_shape=(LATENT,), name="z")([z_mean, z_log_var])
    encoder = Model(inputs, [z_mean, z_log_var, z], name="encoder")
    latent_inputs = Input(shape=(LATENT,), name="z_sampling")
    x = Dense(12, activation="relu")(latent_inputs)
    decoder = Model(latent_inputs, Dense(DIM, activation="sigmoid")(x), name="decoder")
    return inputs, z_mean, z_log_var, encoder, decoder


def blobs(n=64):
    return (np.arange(n)[:, None] % 2 * np.ones(DIM)) * 0.8 + 0.1


def test_vae_with_add_loss_trains_without_targets():
    inputs, z_mean, z_log_var, encoder, decoder = encoder_and_decoder()
    outputs = decoder(encoder(inputs)[2])
    vae = Model(inputs, outputs, name="vae_mlp")
    reconstruction_loss = mse(inputs, outputs)
    reconstruction_loss *= DIM
    kl_loss = 1 + z_log_var - K.square(z_mean) - K.exp(z_log_var)
    kl_loss = K.sum(kl_loss, axis=-1)
    kl_loss *= -0.5
    vae_loss = K.mean(reconstruction_loss + 0.01 * kl_loss)
    vae.add_loss(vae_loss)
    vae.compile(optimizer="adam")
    x = blobs()
    history = vae.fit(x, epochs=60, batch_size=24, validation_data=(x, None), verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert set(history.history) == {"loss", "val_loss"}
    means, log_vars, z = encoder.predict(x)
    assert means.shape == log_vars.shape == z.shape == (64, LATENT)
    assert np.abs(z - means).max() > 0
    assert decoder.predict(np.zeros((3, LATENT))).shape == (3, DIM)


def test_vae_with_a_loss_closed_over_mean_and_variance():
    inputs, z_mean, z_log_var, encoder, decoder = encoder_and_decoder()
    vae = Model(inputs, decoder(encoder(inputs)[2]))

    def vae_loss(x, x_decoded_mean):
        xent_loss = DIM * binary_crossentropy(x, x_decoded_mean)
        kl_loss = -0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
        return xent_loss + kl_loss

    vae.compile(optimizer="rmsprop", loss=vae_loss)
    x = blobs()
    vae.fit(x, x, shuffle=True, epochs=2, batch_size=24, verbose=0)

    # With the noise switched off by a variance of zero the loss is known.
    dense = encoder.get_layer("z_log_var")
    dense.set_weights([np.zeros((12, LATENT)), np.full(LATENT, -60.0)])
    mean = encoder.predict(x)[0]
    p = np.clip(decoder.predict(mean), 1e-7, 1 - 1e-7)
    expected = -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)
    expected += -0.5 * np.sum(1 - 60.0 - mean**2 - np.exp(-60.0), axis=1)
    np.testing.assert_allclose(vae.evaluate(x, x, batch_size=64, verbose=0), expected.mean(), rtol=1e-4)


def test_vae_with_the_loss_in_a_layer_of_its_own():
    class CustomVariationalLayer(Layer):
        def __init__(self, **kwargs):
            self.is_placeholder = True
            super().__init__(**kwargs)

        def vae_loss(self, x, decoded):
            return K.mean(DIM * binary_crossentropy(x, decoded) + 0.001 * K.sum(K.square(z_mean), axis=-1))

        def call(self, inputs):
            x, decoded = inputs[0], inputs[1]
            self.add_loss(self.vae_loss(x, decoded), inputs=inputs)
            return x

    inputs, z_mean, z_log_var, encoder, decoder = encoder_and_decoder()
    y = CustomVariationalLayer()([inputs, decoder(z_mean)])
    vae = Model(inputs, y)
    vae.compile(optimizer="adam", loss=None)
    history = vae.fit(blobs(), epochs=30, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.9 * history[0]


def test_kl_divergence_as_a_pass_through_layer():
    class KLDivergenceLayer(Layer):
        def __init__(self, *args, **kwargs):
            self.is_placeholder = True
            super().__init__(*args, **kwargs)

        def call(self, inputs):
            mu, log_var = inputs
            kl_batch = -0.5 * K.sum(1 + log_var - K.square(mu) - K.exp(log_var), axis=-1)
            self.add_loss(K.mean(kl_batch), inputs=inputs)
            return inputs

    x = Input((DIM,))
    mu, log_var = KLDivergenceLayer()([Dense(LATENT)(x), Dense(LATENT, kernel_initializer="zeros")(x)])
    eps = Input(tensor=K.random_normal(stddev=1.0, shape=(K.shape(x)[0], LATENT)))
    z = add([mu, Lambda(lambda t: K.exp(0.5 * t[0]) * t[1])([log_var, eps])])
    vae = Model([x, eps], Dense(DIM, activation="sigmoid")(z))
    vae.compile(Adam(0.02), lambda y_true, y_pred: K.sum(K.binary_crossentropy(y_true, y_pred), axis=-1))
    data = blobs(32)
    history = vae.fit(data, data, epochs=30, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.95 * history[0]
    assert len(vae.losses) == 1


def test_loss_closed_over_an_intermediate_tensor():
    x = Input((4,))
    hidden = Dense(3, activation="tanh")(x)
    model = Model(x, Dense(1)(hidden))

    def contractive(y_true, y_pred):
        return K.mean(K.square(y_true - y_pred), axis=-1) + 0.1 * K.sum(K.abs(hidden), axis=-1)

    model.compile("sgd", contractive)
    data, y = np.random.rand(10, 4), np.random.rand(10, 1)
    h = Model(x, hidden).predict(data)
    expected = np.mean((y - model.predict(data)) ** 2 + 0.1 * np.abs(h).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(model.evaluate(data, y, batch_size=4, verbose=0), expected, rtol=1e-5)


def test_contractive_autoencoder_with_the_kernel_in_the_loss():
    x = Input((4,))
    encoded = Dense(3, activation="sigmoid", name="encoded")(x)
    model = Model(x, Dense(4)(encoded))

    def contractive_loss(y_true, y_pred):
        w = K.transpose(K.variable(value=np.eye(4, 3)) * 0 + model.get_layer("encoded").weights[0])
        h = model.get_layer("encoded").output
        dh = h * (1 - h)
        return K.mean(K.square(y_true - y_pred), axis=1) + 0.1 * K.sum(dh**2 * K.sum(w**2, axis=1), axis=1)

    model.compile("sgd", contractive_loss)
    data = np.random.rand(6, 4)
    w, b = model.get_layer("encoded").get_weights()
    h = 1 / (1 + np.exp(-(data @ w + b)))
    expected = np.mean((data - model.predict(data)) ** 2, axis=1)
    expected += 0.1 * np.sum((h * (1 - h)) ** 2 * np.sum(w**2, axis=0), axis=1)
    np.testing.assert_allclose(model.evaluate(data, data, verbose=0), expected.mean(), rtol=1e-5)


def test_losses_that_take_another_input_as_weights():
    image, weights, target = Input((5,)), Input((5,)), Input((5,))
    output = Dense(5)(image)
    model = Model([image, weights, target], output)
    model.add_loss(K.mean(weights * K.square(target - output)))
    model.compile("sgd", loss=None)
    x, w, t = np.random.rand(3, 4, 5)
    expected = np.mean(w * (t - model.predict([x, w, t])) ** 2)
    np.testing.assert_allclose(model.train_on_batch([x, w, t], None), expected, rtol=1e-5)


class DenseTranspose(Layer):
    """The decoder of a tied autoencoder: the other layer's kernel, transposed."""

    def __init__(self, dense, **kwargs):
        super().__init__(**kwargs)
        object.__setattr__(self, "dense", dense)

    def build(self, input_shape):
        self.bias = self.add_weight(name="bias", shape=(K.int_shape(self.dense.kernel)[0],), initializer="zeros")
        super().build(input_shape)

    def call(self, x):
        return K.dot(x, K.transpose(self.dense.kernel)) + self.bias

    def compute_output_shape(self, input_shape):
        return (input_shape[0], K.int_shape(self.dense.kernel)[0])


def test_tied_autoencoder_trains_one_kernel_from_both_sides():
    encoder = Dense(3, use_bias=False, input_shape=(5,), kernel_initializer=initializers.RandomUniform(seed=3))
    model = Sequential([encoder, DenseTranspose(encoder)])
    model.compile("sgd", "mse")
    assert [tuple(w.shape) for w in model.trainable_weights] == [(5, 3), (5,)]
    x = np.random.rand(8, 5)
    w, b = model.get_weights()
    model.train_on_batch(x, x)
    error = 2 * (x @ w @ w.T + b - x) / x.size
    grad = x.T @ (error @ w) + error.T @ (x @ w)
    np.testing.assert_allclose(model.get_weights()[0], w - 0.01 * grad, atol=1e-6)


def test_tied_by_a_tensor_made_from_another_layer_s_kernel():
    class Tied(Dense):
        def __init__(self, units, tied_to, **kwargs):
            super().__init__(units, **kwargs)
            object.__setattr__(self, "tied_to", tied_to)

        def build(self, input_shape):
            self.kernel = K.transpose(self.tied_to.kernel)
            self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
            self.built = True

        def call(self, inputs):
            return self.activation(K.bias_add(K.dot(inputs, self.kernel), self.bias))

    x = Input((5,))
    encoder = Dense(3, activation="tanh")
    code = encoder(x)
    model = Model(x, Tied(5, encoder, activation="sigmoid")(code))
    model.compile("sgd", "mse")
    data = np.random.rand(8, 5)
    before = model.evaluate(data, data, verbose=0)
    model.fit(data, data, epochs=30, verbose=0)
    assert model.evaluate(data, data, verbose=0) < before
    assert model.count_params() == 5 * 3 + 3 + 5


def test_a_k_variable_shared_between_two_layers_is_trained_once():
    shared = K.variable(np.eye(3), name="shared")

    class Scale(Layer):
        def build(self, input_shape):
            self.kernel = shared
            self._trainable_weights.append(self.kernel)
            super().build(input_shape)

        def call(self, x):
            return K.dot(x, self.kernel)

    x = Input((3,))
    model = Model(x, Scale()(Scale()(x)))
    assert len(model.trainable_weights) == 1
    model.compile("sgd", "mse")
    data = np.random.rand(4, 3)
    model.train_on_batch(data, np.zeros((4, 3)))
    error = 2 * data / 12
    np.testing.assert_allclose(K.get_value(shared), np.eye(3) - 0.01 * 2 * data.T @ error, atol=1e-6)


def test_time_distributed_encoder_inside_an_autoencoder():
    frame = Input((4,))
    encoder = Model(frame, Dense(2, activation="tanh")(frame))
    video = Input((3, 4))
    codes = TimeDistributed(encoder)(video)
    flat = Reshape((6,))(codes)
    model = Model(video, Reshape((3, 4))(Dense(12)(flat)))
    model.compile("adam", "mse")
    x = np.random.rand(5, 3, 4)
    assert model.fit(x, x, epochs=3, verbose=0).history["loss"][-1] > 0
    expected = np.stack([encoder.predict(x[:, t]) for t in range(3)], axis=1)
    np.testing.assert_allclose(Model(video, codes).predict(x), expected, atol=1e-6)


def test_a_loss_of_the_wrong_shape_of_inputs_is_named():
    x = Input((4,))
    model = Model(x, Dense(2)(x))
    with pytest.raises(ValueError, match="no loss"):
        model.compile("sgd")

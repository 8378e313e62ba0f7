# ruff: noqa
# fmt: off
"""A small DCGAN: the discriminator is frozen inside the combined model and trained on its own."""
import numpy as np
from keras.layers import (BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, LeakyReLU, Reshape, UpSampling2D)
from keras.models import Model, Sequential
from keras.optimizers import Adam

np.random.seed(3)
latent_dim = 6


def build_generator():
    model = Sequential()
    model.add(Dense(8 * 2 * 2, activation='relu', input_dim=latent_dim))
    model.add(Reshape((2, 2, 8)))
    model.add(UpSampling2D())
    model.add(Conv2D(8, kernel_size=3, padding='same'))
    model.add(BatchNormalization(momentum=0.8))
    model.add(LeakyReLU(alpha=0.2))
    model.add(UpSampling2D())
    model.add(Conv2D(1, kernel_size=3, padding='same', activation='tanh'))
    noise = Input(shape=(latent_dim,))
    return Model(noise, model(noise))


def build_discriminator():
    model = Sequential()
    model.add(Conv2D(8, kernel_size=3, strides=2, input_shape=(8, 8, 1), padding='same'))
    model.add(LeakyReLU(alpha=0.2))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(1, activation='sigmoid'))
    image = Input(shape=(8, 8, 1))
    return Model(image, model(image))


optimizer = Adam(0.002, 0.5)
discriminator = build_discriminator()
discriminator.compile(loss='binary_crossentropy', optimizer=optimizer, metrics=['accuracy'])
generator = build_generator()
z = Input(shape=(latent_dim,))
discriminator.trainable = False
combined = Model(z, discriminator(generator(z)))
combined.compile(loss='binary_crossentropy', optimizer=Adam(0.002, 0.5))
assert len(combined._collected_trainable_weights) == len(generator.trainable_weights)

real = np.tanh(np.random.normal(1, 0.1, (64, 8, 8, 1)))
valid, fake = np.ones((16, 1)), np.zeros((16, 1))
for step in range(4):
    images = real[np.random.randint(0, 64, 16)]
    made = generator.predict(np.random.normal(0, 1, (16, latent_dim)))
    d_loss = 0.5 * np.add(discriminator.train_on_batch(images, valid), discriminator.train_on_batch(made, fake))
    before = discriminator.get_weights()
    g_loss = combined.train_on_batch(np.random.normal(0, 1, (16, latent_dim)), valid)
    assert all(np.array_equal(a, b) for a, b in zip(before, discriminator.get_weights()))
    print('%d [D loss: %f, acc.: %.2f%%] [G loss: %f]' % (step, d_loss[0], 100 * d_loss[1], g_loss))
assert np.isfinite(g_loss)

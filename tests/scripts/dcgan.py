"""A small DCGAN: the discriminator is trained alone and, frozen, inside the combined model."""
import numpy as np
from keras.layers import (BatchNormalization, Conv2D, Conv2DTranspose, Dense, Dropout, Flatten, Input, LeakyReLU, Reshape)
from keras.models import Model, Sequential
from keras.optimizers import Adam

np.random.seed(11)
latent = 6

generator = Sequential([
    Dense(4 * 4 * 8, input_dim=latent), LeakyReLU(0.2), Reshape((4, 4, 8)), BatchNormalization(momentum=0.8),
    Conv2DTranspose(4, 5, strides=2, padding='same'), LeakyReLU(0.2),
    Conv2D(1, 5, padding='same', activation='tanh')])
discriminator = Sequential([
    Conv2D(4, 5, strides=2, padding='same', input_shape=(8, 8, 1)), LeakyReLU(0.2), Dropout(0.3),
    Flatten(), Dense(1, activation='sigmoid')])
discriminator.compile(loss='binary_crossentropy', optimizer=Adam(0.002, 0.5), metrics=['accuracy'])

discriminator.trainable = False
z = Input(shape=(latent,))
combined = Model(z, discriminator(generator(z)))
combined.compile(loss='binary_crossentropy', optimizer=Adam(0.002, 0.5))
assert len(combined.trainable_weights) == len(generator.trainable_weights)

real = np.tanh(np.random.randn(16, 8, 8, 1))
before = [w.copy() for w in discriminator.get_weights()]
for step in range(3):
    noise = np.random.normal(0, 1, (16, latent))
    fake = generator.predict(noise)
    d_real = discriminator.train_on_batch(real, np.ones((16, 1)))
    d_fake = discriminator.train_on_batch(fake, np.zeros((16, 1)))
    kept = [w.copy() for w in discriminator.get_weights()]
    g_before = generator.get_weights()[0].copy()
    g = combined.train_on_batch(noise, np.ones((16, 1)))
    for a, b in zip(kept, discriminator.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(g_before, generator.get_weights()[0])
assert any(not np.array_equal(a, b) for a, b in zip(before, discriminator.get_weights()))
assert np.isfinite([g, d_real[0], d_fake[0]]).all()
compiled = combined.compilations, discriminator.compilations
combined.train_on_batch(noise, np.ones((16, 1)))
assert (combined.compilations, discriminator.compilations) == compiled, 'the second round must not compile again'

"""The workloads in Keras: one text that kjax, Keras 3, tf_keras and genuine Keras 2 all run."""

from __future__ import annotations

import numpy as np

from workloads import GANS, WORKLOADS


def _tiny(keras):
    layers = keras.layers
    model = keras.models.Sequential(
        [layers.Dense(16, activation='relu', input_shape=(100,)), layers.Dense(1, activation='sigmoid')]
    )
    model.compile(loss='binary_crossentropy', optimizer='sgd')
    return model


def _mlp(keras):
    layers = keras.layers
    model = keras.models.Sequential()
    model.add(layers.Dense(512, activation='relu', input_shape=(784,)))
    model.add(layers.Dropout(0.2))
    model.add(layers.Dense(512, activation='relu'))
    model.add(layers.Dropout(0.2))
    model.add(layers.Dense(10, activation='softmax'))
    model.compile(loss='categorical_crossentropy', optimizer='rmsprop', metrics=['accuracy'])
    return model


def _recurrent(keras, layer):
    layers = keras.layers
    model = keras.models.Sequential()
    # no input_length: Keras 3 has no such argument any more
    model.add(layers.Embedding(20000, 128))
    model.add(layer)
    model.add(layers.Dense(1, activation='sigmoid'))
    model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
    return model


def _lstm(keras):
    return _recurrent(keras, keras.layers.LSTM(128, recurrent_activation='sigmoid'))


def _gru(keras):
    return _recurrent(keras, keras.layers.GRU(128, recurrent_activation='sigmoid', reset_after=False))


def _conv1d(keras):
    layers = keras.layers
    model = keras.models.Sequential()
    model.add(layers.Embedding(5000, 50))
    model.add(layers.Dropout(0.2))
    model.add(layers.Conv1D(250, 3, padding='valid', activation='relu', strides=1))
    model.add(layers.GlobalMaxPooling1D())
    model.add(layers.Dense(250))
    model.add(layers.Dropout(0.2))
    model.add(layers.Activation('relu'))
    model.add(layers.Dense(1, activation='sigmoid'))
    model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
    return model


def _cnn(keras):
    layers = keras.layers
    model = keras.models.Sequential()
    model.add(layers.Conv2D(32, kernel_size=(3, 3), activation='relu', input_shape=(28, 28, 1)))
    model.add(layers.Conv2D(64, (3, 3), activation='relu'))
    model.add(layers.MaxPooling2D(pool_size=(2, 2)))
    model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation='relu'))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(10, activation='softmax'))
    model.compile(loss='categorical_crossentropy', optimizer=keras.optimizers.Adadelta(1.0), metrics=['accuracy'])
    return model


def _convlstm(keras):
    layers = keras.layers
    model = keras.models.Sequential()
    model.add(layers.ConvLSTM2D(16, 3, padding='same', recurrent_activation='sigmoid', input_shape=(6, 24, 24, 1)))
    model.add(layers.Conv2D(1, 3, padding='same'))
    model.compile(loss='mse', optimizer='sgd')
    return model


MODELS = {'tiny': _tiny, 'mlp': _mlp, 'lstm': _lstm, 'gru': _gru, 'conv1d': _conv1d, 'cnn': _cnn, 'convlstm': _convlstm}


def _generator(keras, start, convolutions, latent=100):
    layers = keras.layers
    model = keras.models.Sequential()
    model.add(layers.Dense(7 * 7 * start, input_shape=(latent,)))
    model.add(layers.Reshape((7, 7, start)))
    for filters, strides in convolutions:
        model.add(layers.BatchNormalization())
        model.add(layers.Activation('relu'))
        model.add(layers.Conv2DTranspose(filters, 5, strides=strides, padding='same'))
    model.add(layers.Activation('tanh'))
    return model


def _discriminator(keras, convolutions):
    layers = keras.layers
    image = layers.Input(shape=(28, 28, 1))
    x = image
    for filters, strides in convolutions:
        x = layers.Conv2D(filters, 5, strides=strides, padding='same')(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(1, activation='sigmoid')(x)
    return keras.models.Model(image, x)


def _gan(keras, name, toggle):
    w, shape = WORKLOADS[name], GANS[name]
    noise, real = w.data(w.batch)
    generator = _generator(keras, shape['start'], shape['generator'])
    discriminator = _discriminator(keras, shape['discriminator'])
    discriminator.compile(loss='binary_crossentropy', optimizer=keras.optimizers.RMSprop(2e-4))
    discriminator.trainable = False
    latent = keras.layers.Input(shape=noise.shape[1:])
    combined = keras.models.Model(latent, discriminator(generator(latent)))
    combined.compile(loss='binary_crossentropy', optimizer=keras.optimizers.RMSprop(1e-4))
    labels = np.concatenate([np.ones((w.batch, 1)), np.zeros((w.batch, 1))]).astype('float32')

    def round_():
        for _ in range(w.steps):
            fake = generator.predict(noise, batch_size=w.batch, verbose=0)
            if toggle:
                discriminator.trainable = True
            discriminator.train_on_batch(np.concatenate([real, fake]), labels)
            if toggle:
                discriminator.trainable = False
            combined.train_on_batch(noise, labels[: w.batch])
        return w.steps

    return round_


def prepare(keras, name, toggle=False):
    """Builds the workload; gives a function that runs one round and returns how many steps it was.

    `toggle`: for engines that do not capture `trainable` at compile time: there a GAN must switch it before each call.
    """
    w = WORKLOADS[name]
    if w.kind == 'gan':
        return _gan(keras, name, toggle)
    if w.kind == 'first':
        x, y = w.data(w.batch)
        _mlp(keras).fit(x, y, batch_size=w.batch, epochs=1, verbose=0)
        return None
    if w.kind == 'predict':
        model = _mlp(keras)
        x = w.data(1)[0]

        def round_():
            for _ in range(w.steps):
                model.predict(x, verbose=0)
            return w.steps

        return round_
    x, y = w.data(w.batch * w.steps)
    model = MODELS[name](keras)

    def round_():
        model.fit(x, y, batch_size=w.batch, epochs=1, verbose=0)
        return w.steps

    return round_

# ruff: noqa
# fmt: off
"""The documentation's custom layer, and the antirectifier as a Lambda with a merge inside."""
import numpy as np
from keras import backend as K
from keras import layers
from keras.layers import Layer
from keras.models import Sequential


class MyLayer(Layer):

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super(MyLayer, self).__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name='kernel', shape=(input_shape[1], self.output_dim), initializer='uniform', trainable=True)
        super(MyLayer, self).build(input_shape)

    def call(self, x):
        return K.dot(x, self.kernel)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)


def antirectifier(x):
    x -= K.mean(x, axis=1, keepdims=True)
    x = K.l2_normalize(x, axis=1)
    return K.concatenate([K.relu(x), K.relu(-x)], axis=1)


def antirectifier_output_shape(input_shape):
    shape = list(input_shape)
    assert len(shape) == 2
    shape[-1] *= 2
    return tuple(shape)


rng = np.random.RandomState(4)
labels = rng.randint(3, size=150)
data = rng.normal(size=(3, 10))[labels] * 2 + rng.normal(size=(150, 10))

model = Sequential()
model.add(MyLayer(16, input_shape=(10,)))
model.add(layers.Lambda(antirectifier, output_shape=antirectifier_output_shape))
model.add(layers.Dense(3, activation='softmax'))
assert model.layers[1].output_shape == (None, 32)
model.compile('rmsprop', 'sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(data, labels, epochs=12, batch_size=16, verbose=0)
assert model.evaluate(data, labels, verbose=0)[1] > 0.85

x = data[:5].astype('float32')
h = x @ model.layers[0].get_weights()[0]
h -= h.mean(1, keepdims=True)
h /= np.sqrt((h ** 2).sum(1, keepdims=True))
probe = K.function([model.input], [model.layers[1].output])([x])[0]
np.testing.assert_allclose(probe, np.concatenate([np.maximum(h, 0), np.maximum(-h, 0)], 1), rtol=1e-4, atol=1e-6)

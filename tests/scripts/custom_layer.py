"""A user's own layer with weights, in the Keras 2 way."""
import numpy as np
from keras import backend as K
from keras.engine.topology import Layer
from keras.models import Sequential, model_from_json
from keras.optimizers import Adam


class Linear(Layer):

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super(Linear, self).__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(name='kernel', shape=(input_shape[1], self.output_dim),
                                      initializer='uniform', trainable=True)
        super(Linear, self).build(input_shape)

    def call(self, x):
        return K.dot(x, self.kernel)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        config = {'output_dim': self.output_dim}
        base = super(Linear, self).get_config()
        return dict(list(base.items()) + list(config.items()))


np.random.seed(2)
x = np.random.randn(200, 5)
y = np.dot(x, np.arange(10).reshape(5, 2) / 10.)
model = Sequential([Linear(2, input_shape=(5,))])
model.compile(Adam(lr=0.02), 'mse')
history = model.fit(x, y, epochs=30, verbose=0)
assert history.history['loss'][-1] < 0.5 * history.history['loss'][0]
np.testing.assert_allclose(model.predict(x), np.dot(x, model.get_weights()[0]), rtol=1e-4, atol=1e-5)
again = model_from_json(model.to_json(), custom_objects={'Linear': Linear})
again.set_weights(model.get_weights())
np.testing.assert_array_equal(again.predict(x), model.predict(x))

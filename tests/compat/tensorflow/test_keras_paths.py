"""`tensorflow.keras`: kjax under its paths, with the defaults of Keras 2.3."""

import importlib
import inspect
import json
import pathlib

import numpy as np
import pytest

import kjax


def test_the_paths_lead_to_kjax(tensorflow):
    tf = tensorflow
    assert tf.keras.layers.Dense is kjax.layers.Dense
    assert tf.keras.backend is importlib.import_module('tensorflow.keras.backend')
    assert tf.keras.backend.mean is kjax.backend.mean
    for path in ('keras', 'python.keras', 'contrib.keras', 'contrib.keras.api.keras'):
        core = importlib.import_module(f'tensorflow.{path}.layers')
        assert core.Conv2D is kjax.layers.Conv2D
    from tensorflow.keras.layers import BatchNormalization, MaxPool2D
    from tensorflow.keras.preprocessing.image import ImageDataGenerator
    from tensorflow.python.keras.utils.np_utils import to_categorical

    assert BatchNormalization is kjax.layers.BatchNormalization and MaxPool2D is kjax.layers.MaxPooling2D
    assert ImageDataGenerator is kjax.preprocessing.image.ImageDataGenerator
    assert to_categorical is kjax.utils.to_categorical


def test_gates_have_the_defaults_of_2_3(tensorflow):
    layers = tensorflow.keras.layers
    gru, lstm = layers.GRU(2), layers.LSTM(2)
    assert gru.get_config()['recurrent_activation'] == 'sigmoid' and gru.get_config()['reset_after'] is True
    assert lstm.get_config()['recurrent_activation'] == 'sigmoid'
    assert layers.LSTM(2, 'tanh', 'hard_sigmoid').get_config()['recurrent_activation'] == 'hard_sigmoid'
    assert layers.GRU(2, reset_after=False).get_config()['reset_after'] is False
    assert isinstance(lstm, kjax.layers.LSTM) and type(lstm).__name__ == 'LSTM'
    assert inspect.signature(layers.GRU).parameters['reset_after'].default is True
    assert kjax.layers.GRU(2).get_config()['reset_after'] is False
    assert importlib.import_module('tensorflow.python.keras.layers.recurrent').LSTM is layers.LSTM
    assert layers.LSTM.from_config(kjax.layers.LSTM(2).get_config()).get_config()['recurrent_activation'] == (
        'hard_sigmoid'
    )


def test_a_program_of_tf_keras_trains_and_mixes(tensorflow, tmp_path):
    tf = tensorflow
    keras = importlib.import_module('tensorflow.keras')

    class Scale(keras.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight('scale', shape=(int(input_shape[-1]),), initializer='ones')
            super().build(input_shape)

        def call(self, inputs):
            return inputs * self.scale

    x, y = np.random.RandomState(0).randn(8, 4).astype('f4'), np.eye(2)[np.arange(8) % 2]
    model = keras.Sequential(
        [keras.layers.Dense(3, input_shape=(4,)), Scale(), kjax.layers.Dense(2, activation='softmax')]
    )
    assert isinstance(model, tf.keras.models.Sequential) and isinstance(model, kjax.models.Sequential)
    model.compile(keras.optimizers.Adam(learning_rate=0.01), 'categorical_crossentropy', metrics=['accuracy'])
    assert model.metrics_names == ['loss', 'accuracy']
    history = model.fit(x, y, epochs=2, verbose=0, validation_data=(x, y)).history
    assert sorted(history) == ['accuracy', 'loss', 'val_accuracy', 'val_loss']
    i = keras.Input((4,))
    other = keras.Model(i, model(i))
    other.compile('sgd', 'mse', metrics=['acc'])
    assert other.metrics_names == ['loss', 'acc']
    np.testing.assert_allclose(other.predict(x), model.predict(x), rtol=1e-6)
    model.save(tmp_path / 'm.h5')
    loaded = keras.models.load_model(tmp_path / 'm.h5', custom_objects={'Scale': Scale})
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), rtol=1e-6)

    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs)

    two = Two()
    two.compile('sgd', 'mse', metrics=['accuracy'])
    assert np.isfinite(two.fit(x, y, epochs=1, verbose=0).history['accuracy'][0])


def test_what_only_tensorflow_has_is_an_error_that_says_so(tensorflow):
    for call in (
        lambda: tensorflow.GradientTape,
        lambda: tensorflow.data.Dataset,
        lambda: tensorflow.keras.layers.TextVectorization,
        lambda: tensorflow.keras.nonsense,
    ):
        with pytest.raises(AttributeError, match=r"kjax's stand-in for TensorFlow 1.*Use instead: "):
            call()
    with pytest.raises(ModuleNotFoundError, match="kjax's stand-in"):
        importlib.import_module('tensorflow.keras.layers.experimental.preprocessing')


def test_two_thirds_of_tf_keras_are_there(tensorflow):
    """The public names of tf_keras 2.15."""
    names = json.loads((pathlib.Path(__file__).parents[2] / 'data' / 'tensorflow' / 'tf_keras_2.15.json').read_text())
    found, missing = 0, []
    for path, listed in names.items():
        for name in listed:
            full = '.'.join(filter(None, ('tensorflow.keras', path)))
            try:
                found += hasattr(importlib.import_module(full), name)
            except ModuleNotFoundError:
                missing.append(f'{full}.{name}')
    share = found / sum(map(len, names.values()))
    assert share > 0.65, f'{share:.3f} {missing}'


def test_what_keras_backend_imports_of_tensorflow_is_there(tensorflow):
    K = kjax.backend
    assert K.tf is tensorflow
    assert K.control_flow_ops.group is tensorflow.group
    assert K.tf_ops.get_default_graph is tensorflow.get_default_graph
    assert K.config_pb2.ConfigProto is tensorflow.ConfigProto
    v = tensorflow.Variable([2.0])
    K.get_session().run(K.moving_averages.assign_moving_average(v, [4.0], 0.75))
    assert K.get_value(v) == [2.5]
    with pytest.raises(NotImplementedError, match='zero_debias'):
        K.moving_averages.assign_moving_average(v, [4.0], 0.75, zero_debias=True)
    assert importlib.import_module('tensorflow.python.keras.backend_config').floatx is K.floatx
    assert importlib.import_module('tensorflow.python.util.tf_inspect').getfullargspec is inspect.getfullargspec

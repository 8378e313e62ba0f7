"""The recipes of Keras 2.2.4's FAQ that reach for TensorFlow: reproducible results, devices."""

import importlib
import os
import random

import numpy as np

import kjax

X = np.random.RandomState(0).randn(16, 4).astype('f4')
Y = np.eye(2)[np.arange(16) % 2]


def reproducible(tf, keras, seed):
    """The recipe, and a training whose every number depends on chance."""
    K = keras.backend
    K.clear_session()
    os.environ.setdefault('PYTHONHASHSEED', '0')
    np.random.seed(42)
    random.seed(12345)
    session_conf = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    tf.set_random_seed(seed)
    sess = tf.Session(graph=tf.get_default_graph(), config=session_conf)
    K.set_session(sess)
    model = keras.models.Sequential(
        [
            keras.layers.Dense(8, activation='relu', input_shape=(4,)),
            keras.layers.Dropout(0.5),
            keras.layers.GaussianNoise(0.1),
            keras.layers.Dense(2, activation='softmax'),
        ]
    )
    model.compile('sgd', 'categorical_crossentropy')
    history = model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    assert K.get_session() is sess
    return [*model.get_weights(), history.history['loss'], sess.run(K.random_normal((3,)))]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_reproducible_results(tensorflow):
    keras = importlib.import_module('keras')
    first, second = (reproducible(tensorflow, keras, 1234) for _ in range(2))
    assert same(first, second)
    assert not same(first, reproducible(tensorflow, keras, 4321))


def test_a_graphs_seed_alone_fixes_what_is_random(tensorflow):
    """As in TensorFlow: initial weights and dropout follow it, whatever NumPy's generator does."""
    K = kjax.backend
    drawn = []
    for n in (1, 2):
        np.random.seed(n)
        tensorflow.set_random_seed(7)
        drawn.append([*kjax.models.Sequential([kjax.layers.Dense(3, input_shape=(2,))]).get_weights()])
        drawn[-1].append(K.eval(K.random_uniform((4,))))
    assert same(*drawn)
    tensorflow.reset_default_graph()
    np.random.seed(3)
    a = np.random.get_state()[2], K.eval(K.random_uniform((4,)))
    np.random.seed(3)
    assert np.array_equal(a[1], K.eval(K.random_uniform((4,)))), 'NumPy decides again'


def test_device_scopes(tensorflow):
    """The recipe of device parallelism: branches of a model under scopes, merged on a third."""
    keras = importlib.import_module('keras')
    a, b = keras.layers.Input((3, 4)), keras.layers.Input((3, 4))
    shared = keras.layers.LSTM(5)
    with tensorflow.device_scope('/gpu:0'):
        encoded_a = shared(a)
    with tensorflow.device_scope('/gpu:1'):
        encoded_b = shared(b)
    with tensorflow.device('/cpu:0'), keras.backend.tf.device('/cpu:0'):
        merged = keras.layers.concatenate([encoded_a, encoded_b], axis=-1)
    model = keras.models.Model([a, b], keras.layers.Dense(1)(merged))
    model.compile('sgd', 'mse')
    x = np.ones((2, 3, 4), 'f4')
    assert np.isfinite(model.train_on_batch([x, x], np.ones((2, 1))))


def test_data_parallelism(tensorflow):
    """The recipe of multi_gpu_model: a model made on the CPU, its copy trained, the model itself saved."""
    keras = importlib.import_module('keras')
    from tensorflow.python.client import device_lib

    assert [d.device_type for d in device_lib.list_local_devices()][0] == 'CPU'
    assert tensorflow.test.is_gpu_available() == any(d.device_type == 'GPU' for d in device_lib.list_local_devices())
    with tensorflow.device('/cpu:0'):
        model = keras.models.Sequential([keras.layers.Dense(2, activation='softmax', input_shape=(4,))])
    parallel = keras.utils.multi_gpu_model(model, gpus=1) if tensorflow.test.is_gpu_available() else model
    before = model.get_weights()[0]
    parallel.compile('rmsprop', 'categorical_crossentropy')
    parallel.fit(X, Y, epochs=1, batch_size=8, verbose=0)
    assert (model.get_weights()[0] != before).any()

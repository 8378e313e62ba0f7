"""Competitor: Keras 3 on its JAX backend."""

import os

import keras_code

os.environ['KERAS_BACKEND'] = 'jax'


def prepare(name):
    import keras

    return keras_code.prepare(keras, name, toggle=True)


def versions():
    import jax
    import keras

    return f'keras {keras.__version__}, jax {jax.__version__}'

"""Competitor: tf_keras, Keras 2's last line (2.15 to 2.x) on TensorFlow."""

import os

import keras_code

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')


def _keras():
    try:
        import tf_keras
    except ImportError:
        from tensorflow import keras as tf_keras
    return tf_keras


def prepare(name):
    return keras_code.prepare(_keras(), name, toggle=True)


def versions():
    import tensorflow

    # tensorflow.keras has no version of its own in every release
    return f'tf_keras {getattr(_keras(), "__version__", "of")} tensorflow {tensorflow.__version__}'

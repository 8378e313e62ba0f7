"""Competitor: genuine Keras 2.2.4 on TensorFlow's TF1 API, where such a Python is given (see CONTRIBUTING)."""

import importlib
import importlib.util

import keras_code


def _keras():
    if importlib.util.find_spec('tf1boot'):
        importlib.import_module('tf1boot')
    return importlib.import_module('keras')


def prepare(name):
    return keras_code.prepare(_keras(), name)


def versions():
    return f'keras {_keras().__version__}'

"""Competitor: kjax."""

import keras_code


def prepare(name):
    import kjax

    return keras_code.prepare(kjax, name)


def versions():
    import jax

    import kjax

    return f'kjax {kjax.__version__}, jax {jax.__version__}'

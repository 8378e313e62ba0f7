"""Genuine files through the gate, which uses HDF5's own library, and through pyfive, which shares no code with it."""

import numpy as np
import pytest

from kjax.saving.gate import open_gate
from kjax.saving.weight_file import stored_layers
from tests.saving.genuine import NAMES, Genuine

pyfive = pytest.importorskip('pyfive')


def texts(value):
    return [v.decode() if isinstance(v, bytes) else str(v) for v in np.ravel(value)]


@pytest.mark.parametrize('name', NAMES)
def test_both_readers_see_the_same_texts_and_numbers(name):
    path = Genuine(name).path
    with open_gate(path) as gate, pyfive.File(str(path)) as second:
        inner = gate.group('model_weights') if gate.has('model_weights') else gate
        root = second['model_weights'] if gate.has('model_weights') else second
        for attribute in ('keras_version', 'backend', 'model_config', 'training_config'):
            mine = gate.text(attribute)
            assert (mine is None) == (attribute not in second.attrs)
            assert mine is None or [mine] == texts(second.attrs[attribute])
        if 'layer_names' in root.attrs:
            assert inner.texts('layer_names') == texts(root.attrs['layer_names'])
        for layer in stored_layers(inner):
            assert not layer.weights or layer.weights == texts(root[layer.name].attrs['weight_names'])
            for weight, array in zip(layer.weights, layer.arrays(), strict=True):
                other = np.asarray(root[layer.name][weight][...])
                assert other.shape == array.shape and other.dtype == array.dtype
                assert other.tobytes() == array.tobytes(), f'{layer.name}/{weight}'

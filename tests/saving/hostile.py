"""Model files that were changed by hand to do harm, and the bounds within which they must be refused."""

import base64
import contextlib
import json
import marshal
import resource
import time

import h5py
import numpy as np
import pytest

import kjax
from kjax.saving import ModelFileError

REFUSED = (ModelFileError, ValueError, TypeError)
DENSE = {'class_name': 'Dense', 'config': {'name': 'd', 'units': 2, 'batch_input_shape': [None, 3]}}
MARKER = 'HOSTILE_CODE_RAN'


def sequential(*layers):
    return {'class_name': 'Sequential', 'config': {'name': 's', 'layers': list(layers)}}


def write(path, config, weights=None, training=None, version='2.2.4', backend='tensorflow', text=None, edit=None):
    """A model file in the layout of 2.2.4.

    Args:
        config: model config; None: none.
        weights: dict layer -> dict array name -> array; default one Dense 'd' of 3 inputs and 2 units.
        training: training config.
        text: stored as the config instead.
        edit: called with the open file at the end.
    """
    weights = (
        {'d': {'d/kernel:0': np.ones((3, 2), 'f4'), 'd/bias:0': np.zeros(2, 'f4')}} if weights is None else weights
    )
    with h5py.File(path, 'w') as f:
        if version:
            f.attrs['keras_version'] = version.encode()
            f.attrs['backend'] = backend.encode()
        if config is not None or text is not None:
            f.attrs['model_config'] = text if text is not None else json.dumps(config).encode()
        if training is not None:
            f.attrs['training_config'] = json.dumps(training).encode()
        group = f.create_group('model_weights')
        group.attrs['layer_names'] = np.array([n.encode() for n in weights], 'S')
        for layer, arrays in weights.items():
            inner = group.create_group(layer)
            inner.attrs['weight_names'] = np.array([n.encode() for n in arrays], 'S')
            for name, value in arrays.items():
                inner.create_dataset(name, data=value)
        if edit is not None:
            edit(f)
    return path


def marshalled(marker):
    """The text of a function that writes a file when it is run."""
    source = f"lambda x: (open({str(marker)!r}, 'w').write('ran'), x)[1]"
    return base64.b64encode(marshal.dumps(eval(source).__code__)).decode('ascii')


def lambda_layer(marker, name='evil', **config):
    code = [marshalled(marker), None, None]
    return {
        'class_name': 'Lambda',
        'config': {
            'name': name,
            'function': code,
            'function_type': 'lambda',
            'output_shape': None,
            'output_shape_type': 'raw',
            'arguments': {},
            **config,
        },
    }


@contextlib.contextmanager
def bounded(seconds=5.0, megabytes=256):
    """Fails when the block takes more processor time or memory."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    took, grown = time.process_time() - start, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert took < seconds, f'{took:.1f} s'
    assert grown < megabytes, f'{grown:.0f} MB more'


def refuses(path, match=None, error=REFUSED, **kwargs):
    """Loads a file, which must raise in bounds; returns the message."""
    with bounded(), pytest.raises(error, match=match) as caught:
        kjax.models.load_model(path, **kwargs)
    return str(caught.value)

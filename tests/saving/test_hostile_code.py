"""Pickled code in a file is never run, wherever it stands and whoever loads beside it (attacks 1 to 8 and 42)."""

import json
import pathlib
import threading

import numpy as np
import pytest
import yaml

import kjax
from kjax.utils.generic_utils import get_custom_objects
from tests.saving.hostile import DENSE, REFUSED, bounded, lambda_layer, sequential, write

# ---------------------------------------------------------------- code (1 to 8, 12)


def in_sequential(inner):
    return sequential(DENSE, {'class_name': 'Sequential', 'config': {'name': 'inner', 'layers': [inner]}})


def in_model(inner):
    layers = [
        {
            'class_name': 'InputLayer',
            'name': 'i',
            'config': {'name': 'i', 'batch_input_shape': [None, 2]},
            'inbound_nodes': [],
        },
        {**inner, 'name': 'evil', 'inbound_nodes': [[['i', 0, 0, {}]]]},
    ]
    config = {'name': 'm', 'layers': layers, 'input_layers': [['i', 0, 0]], 'output_layers': [['evil', 0, 0]]}
    return sequential(DENSE, {'class_name': 'Model', 'config': config})


def in_time_distributed(inner):
    return sequential(
        {'class_name': 'Dense', 'config': {'name': 'd', 'units': 2, 'batch_input_shape': [None, 4, 3]}},
        {'class_name': 'TimeDistributed', 'config': {'name': 't', 'layer': inner}},
    )


def in_bidirectional(inner):
    return sequential(
        DENSE, {'class_name': 'Bidirectional', 'config': {'name': 'b', 'layer': inner, 'merge_mode': 'concat'}}
    )


def in_cells(inner):
    cells = {'class_name': 'StackedRNNCells', 'config': {'name': 'c', 'cells': [inner]}}
    return sequential(DENSE, {'class_name': 'RNN', 'config': {'name': 'r', 'cell': cells}})


@pytest.mark.parametrize(
    'wrap', [lambda x: sequential(DENSE, x), in_sequential, in_model, in_time_distributed, in_bidirectional, in_cells]
)
@pytest.mark.parametrize('safe_mode', [True, False])
def test_pickled_code_is_never_run_wherever_it_stands(tmp_path, marker, wrap, safe_mode):
    path = write(tmp_path / 'a.h5', wrap(lambda_layer(marker)))
    with bounded():
        try:
            model = kjax.models.load_model(path, compile=False, safe_mode=safe_mode)
        except REFUSED:
            return
    with pytest.raises(ValueError, match="custom_objects={'evil': function"):
        model.predict(np.ones((2, *model.input_shape[1:]), 'f4'))


@pytest.mark.parametrize('door', ['json', 'yaml', 'config', 'Sequential', 'deserialize'])
def test_pickled_code_is_never_run_through_any_door(marker, door):
    config = sequential(DENSE, lambda_layer(marker))
    with bounded():
        try:
            if door == 'json':
                model = kjax.models.model_from_json(json.dumps(config))
            elif door == 'yaml':
                model = kjax.models.model_from_yaml(yaml.safe_dump(config))
            elif door == 'config':
                model = kjax.models.model_from_config(config)
            elif door == 'Sequential':
                model = kjax.models.Sequential.from_config(config['config'])
            else:
                model = kjax.layers.deserialize(config)
        except ValueError as error:
            assert 'evil' in str(error)
            return
    with pytest.raises(ValueError, match='evil'):
        model.predict(np.ones((2, 3), 'f4'))


@pytest.mark.parametrize('code', ['', '!!!', '4wAAAA==', 'A' * 100_000, ['x'], {'a': 1}, None, 7])
def test_malformed_code_is_as_dead_as_valid_code(tmp_path, marker, code):
    layer = lambda_layer(marker)
    layer['config']['function'] = [code, None, None]
    path = write(tmp_path / 'a.h5', sequential(DENSE, layer))
    with bounded():
        model = kjax.models.load_model(path, compile=False)
    with pytest.raises(ValueError, match='evil'):
        model.predict(np.ones((2, 3), 'f4'))


@pytest.mark.parametrize('slot', ['loss', 'metrics', 'optimizer'])
@pytest.mark.parametrize('form', ['string', 'dict', 'list'])
def test_code_in_the_training_config_leaves_the_model_uncompiled(tmp_path, marker, slot, form):
    evil = lambda_layer(marker)
    evil = {'string': evil['config']['function'][0], 'dict': evil, 'list': [evil]}[form]
    training = {'optimizer_config': {'class_name': 'SGD', 'config': {}}, 'loss': 'mse', 'metrics': []}
    training['optimizer_config' if slot == 'optimizer' else slot] = evil
    path = write(tmp_path / 'a.h5', sequential(DENSE), training=training)
    with bounded(), pytest.warns(UserWarning, match=r'\*not\* compiled'):
        model = kjax.models.load_model(path)
    assert model.optimizer is None
    assert model.predict(np.ones((1, 3), 'f4')).shape == (1, 2)


# ---------------------------------------------------------------- threads (42)


def test_good_and_bad_files_load_side_by_side(tmp_path, marker):
    good = write(tmp_path / 'good.h5', sequential(DENSE))
    bad = write(tmp_path / 'bad.h5', sequential(DENSE, {'class_name': 'system', 'config': {'name': 'x'}}))
    results = []

    def run(i):
        own = type('Mine', (kjax.layers.Dense,), {})
        try:
            kjax.models.load_model(bad if i % 2 else good, compile=False, custom_objects={f'Mine{i}': own})
            results.append('loaded')
        except ValueError as error:
            results.append('refused' if 'system' in str(error) else str(error))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(64)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == ['loaded'] * 32 + ['refused'] * 32
    assert not any(k.startswith('Mine') for k in get_custom_objects())


# ---------------------------------------------------------------- the gate


def test_hdf5_is_opened_for_reading_in_one_place_only():
    folder = pathlib.Path(kjax.saving.__file__).parent
    opening = {p.name for p in folder.glob('*.py') if 'h5py.File(' in p.read_text()}
    assert opening == {'gate.py', 'save.py'}
    for module in ('importlib', 'pickle', 'marshal', 'eval(', 'exec(', 'globals()'):
        assert not [
            p.name
            for p in folder.glob('*.py')
            if f'import {module}' in p.read_text() or f' {module}' in p.read_text() and module[-1] in '()'
        ]

"""The attack table: files that point elsewhere. Nothing else is opened, imported, connected to or run."""

import json
import sys

import h5py
import numpy as np
import pytest

import kjax
from kjax.saving import ModelFileError, UnsafeModelError
from tests.saving.hostile import DENSE, bounded, lambda_layer, sequential, write
from tests.saving.witness import opens_only, untouched

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='inotify')


@pytest.fixture
def bait(tmp_path):
    """A file that the model file points at; opening it fails the test."""
    path = tmp_path / 'bait'
    path.write_bytes(b'secret' * 100)
    with untouched(path):
        yield path


def test_the_witnesses_see(tmp_path):
    (tmp_path / 'a').write_text('x')
    with pytest.raises(AssertionError, match='was opened'), untouched(tmp_path / 'a'):
        (tmp_path / 'a').read_text()
    with pytest.raises(AssertionError, match='open'), opens_only():
        (tmp_path / 'a').read_text()
    with h5py.File(tmp_path / 'h5', 'w') as f:
        f['x'] = h5py.ExternalLink(str(tmp_path / 'a'), '/')
        with pytest.raises(AssertionError, match='was opened'), untouched(tmp_path / 'a'):
            assert 'x' not in f or f.get('x') is None


def test_a_good_file_opens_itself_only(tmp_path):
    path = write(tmp_path / 'a.h5', sequential(DENSE))
    with bounded(), opens_only(path):
        kjax.models.load_model(path, compile=False)


@pytest.mark.parametrize('name', ['this', 'system', 'Dense', '__class__', 'this.d'])
def test_a_module_named_in_a_config_is_not_imported(tmp_path, name):
    """`this` is a module of Python's that nobody imports."""
    layer = {'module': 'this', 'class_name': name, 'registered_name': 'this>x', 'config': {**DENSE['config'], 'x': 1}}
    path = write(tmp_path / 'a.h5', sequential(layer))
    with bounded(), opens_only(path), pytest.raises((ModelFileError, ValueError, TypeError)):
        kjax.models.load_model(path)
    assert 'this' not in sys.modules


SLOTS = {
    'argument': lambda where: {'class_name': 'Dense', 'config': {**DENSE['config'], 'vocabulary': where}},
    'weights': lambda where: {'class_name': 'Dense', 'config': {**DENSE['config'], 'weights': where}},
    'embedding': lambda where: {
        'class_name': 'Embedding',
        'config': {'name': 'd', 'input_dim': 3, 'output_dim': 2, 'weights': where, 'batch_input_shape': [None, 3]},
    },
    'initializer': lambda where: {
        'class_name': 'Dense',
        'config': {**DENSE['config'], 'kernel_initializer': {'class_name': 'Constant', 'config': {'value': where}}},
    },
    'activation': lambda where: {'class_name': 'Dense', 'config': {**DENSE['config'], 'activation': where}},
    'layer': lambda where: {'class_name': 'TimeDistributed', 'config': {**DENSE['config'], 'layer': where}},
    'saved model': lambda where: {'class_name': 'TFSMLayer', 'config': {'name': 'd', 'filepath': where}},
    'hub': lambda where: {'class_name': 'KerasLayer', 'config': {'name': 'd', 'handle': where}},
}


@pytest.mark.parametrize('slot', list(SLOTS))
@pytest.mark.parametrize('form', ['{}', 'file://{}', 'http://127.0.0.1:9{}'])
@pytest.mark.parametrize('version', ['2.2.4', '1.2.2', '2.15.1'])
def test_a_path_or_address_in_a_config_is_never_opened(tmp_path, bait, slot, form, version):
    path = write(tmp_path / 'a.h5', sequential(SLOTS[slot](form.format(bait))), version=version)
    with bounded(), opens_only(path):
        try:
            kjax.models.load_model(path, compile=False)
        except (ModelFileError, ValueError, TypeError):
            return
    assert slot == 'initializer', 'it was loaded'  # of which only the text is kept


@pytest.mark.parametrize(
    'place', ['model_weights', 'model_weights/d', 'model_weights/d/d', 'model_weights/d/d/kernel:0']
)
def test_an_external_link_is_not_followed(tmp_path, bait, place):
    def edit(f):
        head, _, name = place.rpartition('/')
        group = f[head] if head else f
        if name in group:
            del group[name]
        group[name] = h5py.ExternalLink(str(bait), '/' + place)

    path = write(tmp_path / 'a.h5', sequential(DENSE), edit=edit)
    with bounded(), opens_only(path), pytest.raises(UnsafeModelError, match='only hard links'):
        kjax.models.load_model(path)
    with bounded(), pytest.raises(UnsafeModelError, match='only hard links'), h5py.File(path, 'r') as f:
        kjax.models.load_model(f)


def test_an_external_link_to_an_optimizers_state_leaves_the_model_uncompiled(tmp_path, bait):
    training = {'optimizer_config': {'class_name': 'SGD', 'config': {}}, 'loss': 'mse', 'metrics': []}
    path = write(
        tmp_path / 'a.h5',
        sequential(DENSE),
        training=training,
        edit=lambda f: f.__setitem__('optimizer_weights', h5py.ExternalLink(str(bait), '/')),
    )
    with bounded(), opens_only(path), pytest.warns(UserWarning, match=r'\*not\* compiled.*only hard links'):
        assert kjax.models.load_model(path).optimizer is None


def swap_kernel(make):
    def edit(f):
        group = f['model_weights/d/d']
        del group['kernel:0']
        make(group)

    return edit


@pytest.mark.parametrize('kind', ['external storage', 'virtual'])
def test_an_array_that_lies_in_another_file_is_not_read(tmp_path, bait, kind):
    def external(group):
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_external(str(bait).encode(), 0, 24)
        space = h5py.h5s.create_simple((3, 2))
        h5py.h5d.create(group.id, b'kernel:0', h5py.h5t.IEEE_F32LE, space, creation)

    def virtual(group):
        layout = h5py.VirtualLayout((3, 2), 'f4')
        layout[:] = h5py.VirtualSource(str(bait), 'x', (3, 2))
        group.create_virtual_dataset('kernel:0', layout)

    edit = swap_kernel(external if kind == 'external storage' else virtual)
    path = write(tmp_path / 'a.h5', sequential(DENSE), edit=edit)
    with bounded(), opens_only(path), pytest.raises(UnsafeModelError, match='another file|other files'):
        kjax.models.load_model(path)


def test_an_unknown_filter_looks_for_no_plugin(tmp_path):
    plugins = tmp_path / 'plugins'
    plugins.mkdir()

    def make(group):
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((3, 2))
        creation.set_filter(307, h5py.h5z.FLAG_OPTIONAL, (0, 0, 24))
        h5py.h5d.create(group.id, b'kernel:0', h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((3, 2)), creation)

    path = write(tmp_path / 'a.h5', sequential(DENSE), edit=swap_kernel(make))
    h5py.h5pl.prepend(str(plugins).encode())
    try:
        with untouched(plugins), bounded(), pytest.raises(UnsafeModelError, match='filter 307'):
            kjax.models.load_model(path)
    finally:
        h5py.h5pl.remove(0)


@pytest.mark.parametrize('door', ['Model.from_config', 'Sequential.from_config', 'deserialize', 'json', 'clone'])
def test_pickled_code_is_dead_behind_every_door(tmp_path, door):
    config = sequential(DENSE, lambda_layer(tmp_path / 'marker'))
    layers = [
        {'class_name': 'InputLayer', 'name': 'i', 'config': {'name': 'i', 'batch_input_shape': [None, 2]}},
        {**lambda_layer(tmp_path / 'marker'), 'name': 'evil', 'inbound_nodes': [[['i', 0, 0, {}]]]},
    ]
    functional = {'name': 'm', 'layers': layers, 'input_layers': [['i', 0, 0]], 'output_layers': [['evil', 0, 0]]}
    with opens_only():
        try:
            model = {
                'Model.from_config': lambda: kjax.models.Model.from_config(functional),
                'Sequential.from_config': lambda: kjax.models.Sequential.from_config(config['config']),
                'deserialize': lambda: kjax.models.Sequential(
                    [kjax.layers.InputLayer((3,)), kjax.layers.deserialize(lambda_layer(tmp_path / 'marker'))]
                ),
                'json': lambda: kjax.models.model_from_json(json.dumps(config)),
                'clone': lambda: kjax.models.clone_model(kjax.models.model_from_config(config)),
            }[door]()
        except (ModelFileError, ValueError) as error:
            assert 'evil' in str(error)
        else:
            with pytest.raises(ValueError, match='evil'):
                model.predict(np.ones((1, *model.input_shape[1:])))
    assert not (tmp_path / 'marker').exists()

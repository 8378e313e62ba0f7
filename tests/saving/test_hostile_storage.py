"""Links, other files, bombs: what asks for more than a model needs is refused before it is read (attacks 15 to 23)."""

import h5py
import numpy as np
import pytest

import kjax
from kjax.saving import UnsafeModelError
from tests.saving.hostile import DENSE, REFUSED, bounded, refuses, sequential, write

# ---------------------------------------------------------------- links and other files (15 to 19)


def relinked(place, link):
    def edit(f):
        group, name = f, place
        if '/' in place:
            head, name = place.rsplit('/', 1)
            group = f[head]
        f.copy(group[name], f, 'elsewhere') if 'elsewhere' not in f else None
        del group[name]
        group[name] = link

    return edit


@pytest.mark.parametrize(
    'place', ['model_weights', 'model_weights/d', 'model_weights/d/d', 'model_weights/d/d/kernel:0']
)
@pytest.mark.parametrize('kind', ['external', 'soft', 'dangling', 'loop'])
def test_only_hard_links_are_followed(tmp_path, place, kind):
    other = write(tmp_path / 'other.h5', sequential(DENSE))
    link = {
        'external': h5py.ExternalLink(str(other), '/' + place),
        'soft': h5py.SoftLink('/elsewhere'),
        'dangling': h5py.SoftLink('/nowhere'),
        'loop': h5py.SoftLink('/' + place),
    }[kind]
    refuses(
        write(tmp_path / 'a.h5', sequential(DENSE), edit=relinked(place, link)), 'only hard links', UnsafeModelError
    )


def test_data_in_another_file_are_not_read(tmp_path):
    def edit(f):
        group = f['model_weights/d/d']
        del group['kernel:0']
        space = h5py.h5s.create_simple((3, 2))
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_external(b'/etc/hostname', 0, 24)
        h5py.h5d.create(group.id, b'kernel:0', h5py.h5t.IEEE_F32LE, space, plist)

    refuses(write(tmp_path / 'a.h5', sequential(DENSE), edit=edit), 'another file', UnsafeModelError)


def test_virtual_data_sets_are_not_read(tmp_path):
    other = tmp_path / 'other.h5'
    with h5py.File(other, 'w') as f:
        f['x'] = np.ones((3, 2), 'f4')

    def edit(f):
        group = f['model_weights/d/d']
        del group['kernel:0']
        layout = h5py.VirtualLayout((3, 2), 'f4')
        layout[:] = h5py.VirtualSource(str(other), 'x', (3, 2))
        group.create_virtual_dataset('kernel:0', layout)

    refuses(write(tmp_path / 'a.h5', sequential(DENSE), edit=edit), 'virtual', UnsafeModelError)


def test_groups_in_a_circle_and_very_deep_ones_do_no_harm(tmp_path):
    def edit(f):
        f['model_weights/d']['self'] = f['model_weights/d']
        inner = f
        for _ in range(10_000):
            inner = inner.create_group('g')

    with bounded():
        kjax.models.load_model(write(tmp_path / 'a.h5', sequential(DENSE), edit=edit), compile=False)
    name = '/'.join(['self'] * 10_000) + '/d/kernel:0'

    def rename(f):
        edit(f)
        f['model_weights/d'].attrs.create('weight_names', [name, 'd/bias:0'], dtype=h5py.string_dtype())

    refuses(write(tmp_path / 'b.h5', sequential(DENSE), edit=rename), 'steps')


# ---------------------------------------------------------------- bombs (20 to 23)


def bomb(group, name, shape):
    group.create_dataset(
        name, shape=shape, dtype='f4', chunks=tuple(min(d, 1 << 10) for d in shape), compression='gzip', fillvalue=1.0
    )


def test_a_shape_bomb_is_refused_before_it_is_read(tmp_path):
    def edit(f):
        del f['model_weights/d/d/kernel:0']
        bomb(f['model_weights/d/d'], 'kernel:0', (2**40,))

    path = write(tmp_path / 'a.h5', sequential(DENSE), edit=edit)
    assert path.stat().st_size < 100_000
    refuses(path)
    model = kjax.models.model_from_config(sequential(DENSE))
    with bounded(), pytest.raises(REFUSED):
        model.load_weights(path)


def test_many_bombs_below_any_single_bound_are_refused_together(tmp_path):
    layers = [{'class_name': 'Dense', 'config': {'name': 'd0', 'units': 16384, 'batch_input_shape': [None, 32768]}}]
    layers += [{'class_name': 'Dense', 'config': {'name': f'd{i}', 'units': 16384 * (1 + i % 2)}} for i in range(1, 10)]

    def edit(f):
        group = f['model_weights']
        del group.attrs['layer_names']
        group.attrs['layer_names'] = np.array([f'd{i}'.encode() for i in range(10)])
        for i in range(10):
            inner = group.create_group(f'd{i}')
            inner.attrs['weight_names'] = np.array([b'kernel:0', b'bias:0'])
            bomb(inner, 'kernel:0', (32768 if i % 2 == 0 else 16384, 16384))
            bomb(inner, 'bias:0', (16384,))

    refuses(write(tmp_path / 'a.h5', sequential(*layers), weights={}, edit=edit), 'max_bytes')


def test_an_array_that_unpacks_a_thousandfold_is_read_when_the_model_has_that_shape(tmp_path):
    layer = {'class_name': 'Dense', 'config': {'name': 'd', 'units': 1000, 'batch_input_shape': [None, 1000]}}

    def edit(f):
        group = f['model_weights/d/d']
        for name, shape in (('kernel:0', (1000, 1000)), ('bias:0', (1000,))):
            del group[name]
            group.create_dataset(name, data=np.zeros(shape, 'f4'), compression='gzip', compression_opts=9)

    path = write(tmp_path / 'a.h5', sequential(layer), edit=edit)
    assert path.stat().st_size < 40_000
    with bounded():
        assert kjax.models.load_model(path, compile=False).count_params() == 1_001_000


CONFIG_BOMBS = {
    'units': [{'class_name': 'Dense', 'config': {'name': 'd', 'units': 2**36, 'batch_input_shape': [None, 3]}}],
    'square': [{'class_name': 'Dense', 'config': {'name': 'd', 'units': 50_000, 'batch_input_shape': [None, 50_000]}}],
    'kernel': [
        {
            'class_name': 'Conv2D',
            'config': {
                'name': 'd',
                'filters': 8,
                'kernel_size': [100_000, 100_000],
                'padding': 'same',
                'batch_input_shape': [None, 8, 8, 1],
            },
        }
    ],
    'embedding': [
        {
            'class_name': 'Embedding',
            'config': {'name': 'd', 'input_dim': 2**40, 'output_dim': 512, 'batch_input_shape': [None, 4]},
        }
    ],
    **{
        f'bias of {name}': [
            {'class_name': name, 'config': {'name': 'd', 'units': 2**31, 'batch_input_shape': [None, 4, 4]}}
        ]
        for name in ('LSTM', 'CuDNNLSTM', 'GRU')
    },
    'bias of ConvLSTM2D': [
        {
            'class_name': 'ConvLSTM2D',
            'config': {'name': 'd', 'filters': 2**31, 'kernel_size': 1, 'batch_input_shape': [None, 3, 4, 4, 2]},
        }
    ],
    'states': [
        {
            'class_name': 'LSTM',
            'config': {'name': 'd', 'units': 2**13, 'stateful': True, 'batch_input_shape': [2**21, 4, 4]},
        }
    ],
    'orthogonal': [{'class_name': 'LSTM', 'config': {'name': 'd', 'units': 2**20, 'batch_input_shape': [None, 4, 4]}}],
}


@pytest.mark.parametrize('layers', list(CONFIG_BOMBS.values()), ids=list(CONFIG_BOMBS))
def test_a_config_bomb_is_refused_without_allocation(tmp_path, layers):
    refuses(write(tmp_path / 'a.h5', sequential(*layers)))
    with bounded(), pytest.raises(REFUSED):
        kjax.models.model_from_config(sequential(*layers))


def test_a_million_layers_are_refused(tmp_path):
    config = sequential(*[{'class_name': 'Dense', 'config': {'name': str(i), 'units': 1}} for i in range(100_000)])
    with bounded(), pytest.raises(UnsafeModelError):
        kjax.models.model_from_config(config)

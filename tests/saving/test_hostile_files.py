"""The attack table: a file that asks for more than a model needs is refused in bounded time, and nothing in it runs."""

import json
import os
import pathlib
import sys
import threading

import h5py
import numpy as np
import pytest

import kjax
from kjax.saving import CorruptFileError, ModelFileError, UnsafeModelError
from kjax.utils.generic_utils import get_custom_objects
from tests.saving.hostile import DENSE, bounded, lambda_layer, sequential, write

REFUSED = (ModelFileError, ValueError, TypeError)


@pytest.fixture
def marker(tmp_path):
    """A file that must not be there at the end."""
    path = tmp_path / 'marker'
    yield path
    assert not path.exists(), 'code from the file was run'


def refuses(path, match=None, error=REFUSED, **kwargs):
    with bounded(), pytest.raises(error, match=match) as caught:
        kjax.models.load_model(path, **kwargs)
    return str(caught.value)


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
                import yaml

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


# ---------------------------------------------------------------- names (9 to 11, 37)

NAMES = [
    'system',
    'eval',
    'Popen',
    'load_model',
    'get_file',
    'enable_unsafe_deserialization',
    'os.system',
    '__class__',
    '__import__',
    '..',
    '',
    'from_config',
    'x' * 1_000_000,
    'kjax.layers.Dense',
    'Layer.__init__',
    'builtins>eval',
]


@pytest.mark.parametrize('name', NAMES, ids=lambda n: n[:30] or 'empty')
def test_names_are_looked_up_in_tables_only(tmp_path, name):
    before = set(sys.modules)
    message = refuses(
        write(tmp_path / 'a.h5', sequential(DENSE, {'class_name': name, 'module': 'os', 'config': {'name': 'x'}}))
    )
    assert len(message) < 2000
    assert not {'subprocess_evil', 'antigravity'} & (set(sys.modules) - before)


@pytest.mark.parametrize('name', [None, 1, ['Dense'], {'a': 1}, True])
def test_a_class_name_must_be_a_text(tmp_path, name):
    refuses(write(tmp_path / 'a.h5', sequential(DENSE, {'class_name': name, 'config': {'name': 'x'}})))


@pytest.mark.parametrize(
    'slot', ['activation', 'kernel_initializer', 'kernel_regularizer', 'kernel_constraint', 'activity_regularizer']
)
@pytest.mark.parametrize(
    'name', ['load_model', 'get_file', 'eval', 'Dense', '__doc__', 'deserialize', 'get', 'os', 'K', 'np']
)
def test_a_slot_offers_only_what_is_fit_for_it(tmp_path, slot, name):
    layer = {'class_name': 'Dense', 'config': {**DENSE['config'], slot: name}}
    refuses(write(tmp_path / 'a.h5', sequential(layer)))
    layer = {'class_name': 'Dense', 'config': {**DENSE['config'], slot: {'class_name': name, 'config': {}}}}
    refuses(write(tmp_path / 'a.h5', sequential(layer)))


def test_an_unsafe_switch_in_the_file_changes_nothing(tmp_path, marker):
    switch = {
        'class_name': 'function',
        'module': 'keras.config',
        'config': 'enable_unsafe_deserialization',
        'name': 'x',
    }
    refuses(write(tmp_path / 'a.h5', sequential(switch, DENSE, lambda_layer(marker))))
    model = kjax.models.load_model(write(tmp_path / 'b.h5', sequential(DENSE, lambda_layer(marker))), compile=False)
    with pytest.raises(ValueError, match='never run'):
        model.predict(np.ones((2, 3), 'f4'))


def test_the_callers_own_class_of_a_built_in_name_wins_and_is_logged(tmp_path, caplog):
    class Dense(kjax.layers.Dense):
        pass

    with caplog.at_level('INFO', logger='kjax.saving'):
        model = kjax.models.load_model(
            write(tmp_path / 'a.h5', sequential(DENSE)), custom_objects={'Dense': Dense}, compile=False
        )
    assert type(model.layers[0]) is Dense
    assert "the caller's own Dense is used" in caplog.text


# ---------------------------------------------------------------- paths and texts (13, 14, 24)


@pytest.mark.parametrize('key', ['weights', 'vocabulary', 'filepath'])
@pytest.mark.parametrize('value', ['/etc/hostname', 'http://127.0.0.1:9/x', 'file:///etc/hostname'])
def test_a_path_in_a_config_is_never_opened(tmp_path, key, value, monkeypatch):
    opened = []
    path = write(tmp_path / 'a.h5', sequential({'class_name': 'Dense', 'config': {**DENSE['config'], key: value}}))
    real = os.open
    monkeypatch.setattr(os, 'open', lambda name, *a, **k: (opened.append(str(name)), real(name, *a, **k))[1])
    refuses(path)
    assert value not in opened


@pytest.mark.parametrize(
    'tag',
    [
        '!!python/object/apply:os.system ["true"]',
        '!!python/name:os.system',
        '!!python/module:os',
        '!!python/object:os.x {}',
    ],
)
def test_yaml_holds_plain_data_only(tag):
    with bounded(), pytest.raises(UnsafeModelError, match='only plain data'):
        kjax.models.model_from_yaml(f'class_name: Sequential\nconfig: {tag}\n')


def test_yaml_aliases_cannot_multiply():
    lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    lines += [f'a{i}: &a{i} [' + ', '.join([f'*a{i - 1}'] * 10) + ']' for i in range(1, 12)]
    with bounded(), pytest.raises(UnsafeModelError, match='items'):
        kjax.models.model_from_yaml('\n'.join(lines))


TEXTS = {
    'deep': '[' * 5000 + ']' * 5000,
    'deep objects': '{"a":' * 5000 + '1' + '}' * 5000,
    'repeated keys': '{"class_name": "Sequential", "class_name": "Model", "config": {}}',
    'NaN': '{"class_name": "Sequential", "config": NaN}',
    'Infinity': '{"class_name": "Sequential", "config": -Infinity}',
    'huge integer': '{"class_name": "Sequential", "config": ' + '1' * 400 + '}',
    'huge float': '{"class_name": "Sequential", "config": 1e999}',
    'not JSON': 'model',
    'empty': '',
    'a number': '7',
    'a list': '[]',
    'null': 'null',
}


@pytest.mark.parametrize('text', list(TEXTS.values()), ids=list(TEXTS))
def test_texts_are_bounded(tmp_path, text):
    refuses(write(tmp_path / 'a.h5', None, text=text.encode()))
    with bounded(), pytest.raises(REFUSED):
        kjax.models.model_from_json(text)


def test_invalid_utf8_is_an_error(tmp_path):
    refuses(write(tmp_path / 'a.h5', None, text=np.bytes_(b'{"class_name": "\xff\xfe"}')), 'not UTF-8')


def test_a_text_of_200_MB_is_an_error():
    text = '{"class_name": "' + 'x' * 200_000_000 + '"}'
    with bounded(), pytest.raises(UnsafeModelError, match='at most'):
        kjax.models.model_from_json(text)


def test_a_name_with_nul_is_an_error(tmp_path):
    refuses(
        write(tmp_path / 'a.h5', sequential({'class_name': 'Dense', 'config': {**DENSE['config'], 'name': 'a\0b'}})),
        'name',
    )


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


# ---------------------------------------------------------------- attributes and types (25 to 27)


def names_edit(change):
    def edit(f):
        group = f['model_weights']
        del group.attrs['layer_names']
        change(group)

    return edit


def set_names(name, value):
    return lambda group: group.attrs.__setitem__(name, value)


ATTRIBUTES = {
    'missing': lambda group: None,
    'int': set_names('layer_names', 3),
    'numbers': set_names('layer_names', np.arange(4.0)),
    '2-D': set_names('layer_names', np.array([[b'd', b'e']])),
    'one text': set_names('layer_names', b'd'),
    'twice': set_names('layer_names', np.array([b'd', b'd'])),
    'gap': lambda group: [set_names(f'layer_names{i}', np.array([b'd']))(group) for i in (0, 2)],
    'no such layer': set_names('layer_names', np.array([b'nobody'])),
    'nul': set_names('layer_names', np.array([b'.'])),
}


@pytest.mark.parametrize('change', list(ATTRIBUTES.values()), ids=list(ATTRIBUTES))
def test_damaged_lists_of_names_are_refused(tmp_path, change):
    refuses(write(tmp_path / 'a.h5', sequential(DENSE), edit=names_edit(change)), error=ModelFileError)


def test_a_million_names_are_refused(tmp_path):
    def edit(f):
        group = f['model_weights']
        del group.attrs['layer_names']
        for i in range(40):
            group.attrs[f'layer_names{i}'] = np.array([f'{i}_{k}'.encode() for k in range(6000)])

    refuses(write(tmp_path / 'a.h5', sequential(DENSE), edit=edit), 'entries')


@pytest.mark.parametrize('kind', ['fixed', 'variable bytes', 'variable text', 'chunks'])
def test_names_may_be_bytes_or_text(tmp_path, kind):
    def edit(f):
        group = f['model_weights']
        del group.attrs['layer_names']
        if kind == 'chunks':
            group.attrs['layer_names0'] = np.array([b'd'])
            return
        dtype = {
            'fixed': 'S3',
            'variable bytes': h5py.string_dtype('ascii'),
            'variable text': h5py.string_dtype('utf-8'),
        }[kind]
        group.attrs.create('layer_names', ['d'], dtype=dtype)

    assert kjax.models.load_model(write(tmp_path / 'a.h5', sequential(DENSE), edit=edit), compile=False).built


def compound():
    return np.zeros((3, 2), dtype=[('a', 'f4'), ('b', 'f4')])


TYPES = {
    'text': np.full((3, 2), b'x'),
    'variable text': np.full((3, 2), 'x', dtype=object),
    'compound': compound(),
    'opaque': np.zeros((3, 2), 'V4'),
    'complex': np.zeros((3, 2), 'c8'),
    'integers': np.zeros((3, 2), 'i4'),
    'float128': np.zeros((3, 2), np.longdouble),
    'rank 32': np.zeros((1,) * 32, 'f4'),
    'empty': np.zeros((0, 2), 'f4'),
    'scalar': np.float32(1),
    'one row less': np.zeros((2, 2), 'f4'),
    'transposed': np.zeros((2, 3), 'f4'),
}


@pytest.mark.parametrize('value', list(TYPES.values()), ids=list(TYPES))
def test_arrays_of_other_types_or_shapes_are_refused(tmp_path, value):
    def edit(f):
        group = f['model_weights/d/d']
        del group['kernel:0']
        dtype = h5py.string_dtype() if getattr(value, 'dtype', None) is not None and value.dtype.kind == 'O' else None
        group.create_dataset('kernel:0', data=value, dtype=dtype)

    refuses(write(tmp_path / 'a.h5', sequential(DENSE), edit=edit))


SPECIAL = {
    'enum': (h5py.enum_dtype({'a': 1, 'b': 2}, 'i4'), 1),
    'reference': (h5py.ref_dtype, None),
    'region': (h5py.regionref_dtype, None),
    'lists': (h5py.vlen_dtype('f4'), None),
    'arrays': (np.dtype(('f4', (2,))), None),
}


@pytest.mark.parametrize('dtype, fill', list(SPECIAL.values()), ids=list(SPECIAL))
def test_elements_that_are_no_numbers_are_refused(tmp_path, dtype, fill):
    def edit(f):
        group = f['model_weights/d/d']
        del group['kernel:0']
        group.create_dataset('kernel:0', (3, 2), dtype=dtype, fillvalue=fill)

    refuses(write(tmp_path / 'a.h5', sequential(DENSE), edit=edit), 'elements of type', UnsafeModelError)


@pytest.mark.parametrize('dtype', ['>f4', '>f8', 'f2', 'f8'])
def test_floats_of_any_width_and_byte_order_are_read(tmp_path, dtype):
    kernel = np.arange(6).reshape(3, 2)
    weights = {'d': {'d/kernel:0': kernel.astype(dtype), 'd/bias:0': np.zeros(2, dtype)}}
    model = kjax.models.load_model(write(tmp_path / 'a.h5', sequential(DENSE), weights), compile=False)
    np.testing.assert_array_equal(model.get_weights()[0], kernel)


def test_an_unknown_filter_is_refused_and_no_library_is_loaded(tmp_path):
    def edit(f):
        group = f['model_weights/d/d']
        del group['kernel:0']
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((3, 2))
        plist.set_filter(
            h5py.h5z.FILTER_LZF if hasattr(h5py.h5z, 'FILTER_LZF') else 32000, h5py.h5z.FLAG_OPTIONAL, (0, 0, 24)
        )
        h5py.h5d.create(group.id, b'kernel:0', h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((3, 2)), plist)

    refuses(write(tmp_path / 'a.h5', sequential(DENSE), edit=edit), 'filter', UnsafeModelError)


# ---------------------------------------------------------------- files that are none (28)


def test_files_that_are_no_hdf5_are_refused(tmp_path):
    import zipfile

    for name, data in {
        'empty': b'',
        'short': b'\x89HDF\r\n\x1a',
        'text': b'hello world' * 100,
        'signature': b'\x89HDF\r\n\x1a\n',
    }.items():
        (tmp_path / name).write_bytes(data)
        refuses(tmp_path / name, error=CorruptFileError)
        refuses(data, error=CorruptFileError)
    with zipfile.ZipFile(tmp_path / 'zip.h5', 'w') as z:
        z.writestr('a', 'b')
    refuses(tmp_path / 'zip.h5', 'zip', CorruptFileError)
    refuses(tmp_path, 'regular file', CorruptFileError)
    os.mkfifo(tmp_path / 'fifo')
    refuses(tmp_path / 'fifo', 'regular file', CorruptFileError)
    os.symlink('/dev/zero', tmp_path / 'zero')
    refuses(tmp_path / 'zero', 'regular file', CorruptFileError)
    with pytest.raises(FileNotFoundError):
        kjax.models.load_model(tmp_path / 'nobody.h5')


def test_a_user_block_in_front_is_read(tmp_path):
    path = write(tmp_path / 'a.h5', sequential(DENSE))
    with h5py.File(tmp_path / 'b.h5', 'w', userblock_size=1024) as new, h5py.File(path, 'r') as old:
        for key, value in old.attrs.items():
            new.attrs[key] = value
        old.copy('model_weights', new)
    assert kjax.models.load_model(tmp_path / 'b.h5', compile=False).built


def test_a_file_that_is_hdf5_and_zip_at_once_is_read_as_the_former(tmp_path):
    import zipfile

    path = write(tmp_path / 'a.h5', sequential(DENSE))
    with zipfile.ZipFile(path, 'a') as z:
        z.writestr('config.json', '{"class_name": "Lambda"}')
    with bounded():
        assert kjax.models.load_model(path, compile=False).layers[0].name == 'd'


@pytest.mark.parametrize('name', ['CON', 'a:b', 'a.', 'a b', 'a/b', '..x', '-d', 'ä', 'x' * 300])
def test_names_that_some_systems_reserve_are_names_like_others(tmp_path, name):
    layer = {'class_name': 'Dense', 'config': {**DENSE['config'], 'name': name}}
    weights = {name: {f'{name}/kernel:0': np.ones((3, 2), 'f4'), f'{name}/bias:0': np.zeros(2, 'f4')}}
    model = kjax.models.load_model(write(tmp_path / 'a.h5', sequential(layer), weights), compile=False)
    model.save(tmp_path / 'b.h5')
    again = kjax.models.load_model(tmp_path / 'b.h5', compile=False)
    assert again.layers[0].name == name
    np.testing.assert_array_equal(again.get_weights()[0], np.ones((3, 2)))
    assert sorted(os.listdir(tmp_path)) == ['a.h5', 'b.h5']


@pytest.mark.parametrize('keep', [10, 100, 1000, 3000, -1])
def test_truncated_files_are_refused(tmp_path, keep):
    data = write(tmp_path / 'a.h5', sequential(DENSE)).read_bytes()
    (tmp_path / 'b.h5').write_bytes(data[:keep])
    refuses(tmp_path / 'b.h5')


# ---------------------------------------------------------------- weights and graphs (35, 36)


def two(first, second):
    return sequential(
        {'class_name': 'Dense', 'config': {'name': first, 'units': 3, 'batch_input_shape': [None, 3]}},
        {'class_name': 'Dense', 'config': {'name': second, 'units': 3}},
    )


def arrays(seed):
    return {'kernel:0': np.full((3, 3), seed, 'f4'), 'bias:0': np.zeros(3, 'f4')}


def test_missing_and_extra_layers_are_listed(tmp_path):
    for weights in ({'a': arrays(1)}, {'a': arrays(1), 'b': arrays(2), 'c': arrays(3)}):
        message = refuses(write(tmp_path / 'x.h5', two('a', 'b'), weights))
        assert f'{len(weights)} layers into a model with 2 layers' in message and 'a [(3, 3), (3,)]' in message


def test_swapped_layers_of_equal_shapes_are_told_by_their_names(tmp_path):
    path = write(tmp_path / 'x.h5', two('a', 'b'), {'b': arrays(2), 'a': arrays(1)})
    model = kjax.models.load_model(path, compile=False)
    assert model.get_layer('a').get_weights()[0][0, 0] == 1
    other = kjax.models.model_from_config(two('a', 'b'))
    with pytest.raises(ValueError, match='in another order, and the shapes fit both ways'):
        other.load_weights(path)
    other.load_weights(path, by_name=True)
    assert other.get_layer('b').get_weights()[0][0, 0] == 2


def functional(*layers, inputs=(('i', 0, 0),), outputs=(('o', 0, 0),)):
    first = {
        'class_name': 'InputLayer',
        'name': 'i',
        'config': {'name': 'i', 'batch_input_shape': [None, 3]},
        'inbound_nodes': [],
    }
    return {
        'class_name': 'Model',
        'config': {
            'name': 'm',
            'layers': [first, *layers],
            'input_layers': list(map(list, inputs)),
            'output_layers': list(map(list, outputs)),
        },
    }


def dense(name, *sources):
    return {
        'class_name': 'Dense',
        'name': name,
        'config': {'name': name, 'units': 3},
        'inbound_nodes': [[[s, 0, 0, {}]] for s in sources],
    }


GRAPHS = {
    'circle': functional(dense('a', 'b'), dense('b', 'a'), dense('o', 'b')),
    'itself': functional(dense('o', 'o')),
    'unknown layer': functional(dense('o', 'nobody')),
    'node index': functional({**dense('o'), 'inbound_nodes': [[['i', 10**9, 0, {}]]]}),
    'negative index': functional({**dense('o'), 'inbound_nodes': [[['i', -1, 0, {}]]]}),
    'tensor index': functional({**dense('o'), 'inbound_nodes': [[['i', 0, 7, {}]]]}),
    'missing output': functional(dense('a', 'i'), outputs=[('o', 0, 0)]),
    'missing input': functional(dense('o', 'i'), inputs=[('j', 0, 0)]),
    'called a million times': functional({**dense('o'), 'inbound_nodes': [[['i', 0, 0, {}]]] * 200_000}),
    'twice the same name': functional(dense('o', 'i'), dense('o', 'i')),
    'nodes no list': functional({**dense('o'), 'inbound_nodes': 7}),
    'long circle': functional(
        *[dense(f'n{i}', f'n{i + 1}') for i in range(9000)], dense('n9000', 'n0'), dense('o', 'n0')
    ),
}


@pytest.mark.parametrize('config', list(GRAPHS.values()), ids=list(GRAPHS))
def test_impossible_graphs_are_refused_in_bounded_time(config):
    with bounded(), pytest.raises(REFUSED) as caught:
        kjax.models.model_from_config(config)
    assert len(str(caught.value)) < 3000


def test_models_nested_to_double_each_time_are_refused():
    inner = dense('o', 'i')
    for level in range(40):
        calls = [[['i', 0, 0, {}]], [['i', 0, 0, {}]]]
        inner = {
            'class_name': 'Model',
            'name': 'o',
            'config': {**functional(inner)['config'], 'name': f'm{level}'},
            'inbound_nodes': calls,
        }
    with bounded(), pytest.raises(UnsafeModelError, match='layer calls'):
        kjax.models.model_from_config(functional(inner))


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

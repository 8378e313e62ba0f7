"""Attributes and element types that no model file has, and files that are none (attacks 25 to 28 and 34)."""

import os
import zipfile

import h5py
import numpy as np
import pytest

import kjax
from kjax.saving import CorruptFileError, ModelFileError, UnsafeModelError
from tests.saving.hostile import DENSE, bounded, refuses, sequential, write

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

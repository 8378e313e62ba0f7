"""Arrays whose chunks unpack to more than they are: refused before HDF5 makes room (attack 22 and its kind)."""

import zlib

import h5py
import numpy as np
import pytest

import kjax
from kjax.saving import ModelFileError
from kjax.saving.gate import open_gate
from tests.saving.hostile import DENSE, bounded, refuses, sequential, write

KERNEL = 'model_weights/d/d/kernel:0'


def chunked(tmp_path, chunk, data=None, filters=(), shape=(3, 2)):
    """A model file whose kernel lies in chunks of that shape; `data`: the first one's bytes in the file."""

    def edit(f):
        del f[KERNEL]
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk(chunk)
        for add in filters:
            add(plist)
        limits = h5py.h5s.create_simple(shape, tuple(max(a, b) for a, b in zip(shape, chunk, strict=True)))
        made = h5py.h5d.create(f.id, KERNEL.encode(), h5py.h5t.IEEE_F32LE, limits, plist)
        if data is not None:
            made.write_direct_chunk((0,) * len(shape), data)

    return write(tmp_path / 'a.h5', sequential(DENSE), edit=edit)


def gzip(plist):
    plist.set_deflate(9)


def shuffle(plist):
    plist.set_shuffle()


def fletcher(plist):
    plist.set_fletcher32()


def zeros(megabytes):
    packer, parts = zlib.compressobj(9), []
    for _ in range(megabytes):
        parts.append(packer.compress(bytes(1 << 20)))
    return b''.join([*parts, packer.flush()])


def test_a_chunk_of_a_gigabyte_for_an_array_of_six_numbers(tmp_path):
    path = chunked(tmp_path, (2**14, 2**14), zeros(1024), [gzip])
    assert path.stat().st_size < 2_000_000
    with bounded(megabytes=64):
        refuses(path, r'd/kernel:0: kept in chunks of 1073741824 bytes, though the whole array has 24')


@pytest.mark.parametrize('behind', [(), (fletcher,)], ids=['gzip', 'gzip, fletcher32'])
def test_a_stream_that_unpacks_to_more_than_its_chunk(tmp_path, behind):
    path = chunked(tmp_path, (3, 2), zeros(1024), [shuffle, gzip, *behind])
    with bounded(megabytes=64):
        refuses(path, r'd/kernel:0: a chunk (of \d+ bytes unpacks to at most|unpacks to more than the)')


def test_a_small_stream_that_goes_on(tmp_path):
    refuses(chunked(tmp_path, (3, 2), zlib.compress(bytes(1000)), [gzip]), 'unpacks to more than the 28 bytes')


def test_millions_of_chunks(tmp_path):
    layer = {'class_name': 'Dense', 'config': {'name': 'd', 'units': 1000, 'batch_input_shape': [None, 1000]}}

    def edit(f):
        del f[KERNEL]
        f.create_dataset(KERNEL, (1000, 1000), 'f4', chunks=(1, 1))

    weights = {'d': {'d/kernel:0': np.zeros((3, 2), 'f4'), 'd/bias:0': np.zeros(1000, 'f4')}}
    refuses(write(tmp_path / 'a.h5', sequential(layer), weights, edit=edit), '1000000 chunks')


def test_gzip_twice_or_before_shuffle(tmp_path):
    for filters in ([gzip, gzip], [gzip, shuffle]):
        refuses(chunked(tmp_path, (3, 2), None, filters), 'gzip once')


@pytest.mark.parametrize(
    'how',
    [
        {'compression': 'gzip'},
        {'compression': 'gzip', 'shuffle': True, 'fletcher32': True},
        {'shuffle': True, 'chunks': (2, 1)},
        {'fletcher32': True},
        {'chunks': (2, 2), 'maxshape': (None, None), 'compression': 'gzip'},
        {'chunks': (64, 64), 'maxshape': (None, None)},
    ],
    ids=str,
)
def test_honest_chunks_are_read(tmp_path, how):
    values = np.arange(6, dtype='f4').reshape(3, 2)

    def edit(f):
        del f[KERNEL]
        f.create_dataset(KERNEL, data=values, **how)

    model = kjax.models.load_model(write(tmp_path / 'a.h5', sequential(DENSE), edit=edit), compile=False)
    np.testing.assert_array_equal(model.get_weights()[0], values)


def test_a_chunk_stored_as_it_is(tmp_path):
    """HDF5 leaves out a filter that would make a chunk larger, and says so beside it."""

    def edit(f):
        del f[KERNEL]
        made = f.create_dataset(KERNEL, (3, 2), 'f4', chunks=(3, 2), compression='gzip')
        made.id.write_direct_chunk((0, 0), np.ones((3, 2), 'f4').tobytes(), 1)

    with open_gate(write(tmp_path / 'a.h5', sequential(DENSE), edit=edit)) as gate:
        assert gate.read(KERNEL, (3, 2)).tolist() == [[1, 1]] * 3


def test_a_damaged_stream(tmp_path):
    with pytest.raises(ModelFileError, match='kernel:0: cannot be unpacked'):
        kjax.models.load_model(chunked(tmp_path, (3, 2), b'no stream', [gzip]), compile=False)

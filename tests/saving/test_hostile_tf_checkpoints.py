"""Checkpoints of TensorFlow that were damaged or made to do harm: one clear error within bounds."""

import os
import pathlib
import shutil
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjax.saving import CorruptFileError, ModelFileError, UnsafeModelError
from kjax.saving.tf_checkpoint import CheckpointReader, write_checkpoint
from kjax.saving.tf_checkpoint.crc32c import crc32c, masked
from kjax.saving.tf_checkpoint.entries import slice_key
from kjax.saving.tf_checkpoint.table import read_table, table_of
from kjax.saving.tf_checkpoint.wire import put_field, put_fixed32
from tests.saving.hostile import bounded
from tests.saving.test_saving_fuzz import short_round

FOLDER = pathlib.Path(__file__).parents[1] / 'data' / 'tf_checkpoints'
DATA = '.data-00000-of-00001'


def shape_of(*dims):
    return put_field(2, b''.join(put_field(2, put_field(1, d)) for d in dims))


def entry(dtype=1, shape=(2,), shard=0, offset=0, size=8, crc=None, slices=()):
    crc = masked(crc32c(bytes(8))) if crc is None else crc
    parts = b''.join(put_field(7, b''.join(put_field(1, e) for e in extents)) for extents in slices)
    head = put_field(1, dtype) + shape_of(*shape) + put_field(3, shard) + put_field(4, offset) + put_field(5, size)
    return head + put_fixed32(6, crc) + parts


def extent(start, length):
    return put_field(1, start) + (put_field(2, length) or b'\x10\x00')


HEADER = put_field(1, 1) + put_field(3, put_field(1, 1))


def checkpoint(folder, entries, header=HEADER, data=bytes(8)):
    (folder / 'c.index').write_bytes(table_of({b'': header, **entries}))
    (folder / f'c{DATA}').write_bytes(data)
    return folder / 'c'


def read_all(prefix):
    reader = CheckpointReader(prefix)
    return [reader.get_tensor(name) for name in reader.get_variable_to_shape_map()]


@pytest.mark.parametrize(
    ('made', 'text'),
    [
        (entry(shape=(3,)), r'8 bytes are no array of shape \(3,\)'),
        (entry(shape=(2**40, 2**40), size=8), 'more elements than any memory'),
        (entry(shape=(1,) * 40, size=4), 'its rank is 40'),
        (entry(shape=(-1 % 2**64,)), 'a dimension is negative'),
        (entry(offset=2**62), r'do not lie in .*, which has 8'),
        (entry(offset=-8 % 2**64), 'its offset is negative'),
        (entry(shape=(2**33,), size=2**35), 'would have been read'),
        (entry(shape=(2**20,), size=2**22), r'do not lie in .*, which has 8'),
        (entry(shard=3), 'data file 3 of 1'),
        (entry(crc=5), r'byte 0, .*the CRC32C of the data is 0x'),
        (entry(dtype=21), 'its type is variant'),
        (entry(dtype=99), 'its type is number 99'),
        (entry(dtype=7, shape=(2**30,)), 'cannot hold 1073741824 texts'),
        (entry(dtype=7, shape=(1,)), "texts' lengths do not make up its 8 bytes"),
        (entry(slices=[(extent(0, 1),)]), r'the part 0,1 is missing in the index'),
        (entry(slices=[(extent(0, 9),)]), r'the part 0,9 is not within the shape \(2,\)'),
        (entry(slices=[()]), 'a part has 0 axes'),
        (b'\x0f', 'unknown wire kind 7'),
        (b'\x08' + b'\xff' * 11, 'more than 64 bits'),
        (b'\x12\x7f', 'is no field'),
        (b'\x0a\x01a', 'must be a varint'),
    ],
)
def test_an_entry_that_lies_is_refused(tmp_path, made, text):
    with bounded(), pytest.raises(ModelFileError, match=text) as caught:
        read_all(checkpoint(tmp_path, {b'w': made}))
    assert 'c.index' in str(caught.value) or DATA in str(caught.value)


def test_parts_must_cover_a_variable_once(tmp_path):
    half = entry(shape=(1,), size=4, crc=masked(crc32c(bytes(4))))
    first, whole = (extent(0, 1),), (extent(0, 2),)
    parts = {slice_key(b'w', [(0, 1)]): half, slice_key(b'w', [(1, 1)]): half, slice_key(b'w', [(0, 2)]): entry()}
    good = checkpoint(tmp_path, {**parts, b'w': entry(slices=[first, (extent(1, 1),)])})
    np.testing.assert_array_equal(read_all(good), [[0, 0]])
    for slices, text in (([first, first], 'overlaps another'), ([first, whole], 'do not cover'), ([first], 'do not')):
        with pytest.raises(CorruptFileError, match=text):
            read_all(checkpoint(tmp_path, {**parts, b'w': entry(slices=slices)}))
    # a million parts that all name the same bytes would be more than the variable has
    with bounded(), pytest.raises(UnsafeModelError, match='would have been read'):
        read_all(checkpoint(tmp_path, {**parts, b'w': entry(shape=(2**40,), slices=[first] * 1000)}))


@pytest.mark.parametrize(
    ('header', 'text'),
    [
        (put_field(1, 1) + put_field(2, 1), 'big-endian'),
        (put_field(1, 0), 'names 0 data files'),
        (put_field(1, 10**9), 'names 1000000000 data files'),
        (put_field(1, 1) + put_field(3, put_field(2, 2)), 'needs a reader of version 2'),
    ],
)
def test_a_header_of_another_kind_is_refused(tmp_path, header, text):
    with pytest.raises(CorruptFileError, match=text):
        CheckpointReader(checkpoint(tmp_path, {b'w': entry()}, header))


def test_a_table_of_another_kind_is_refused(tmp_path):
    good = table_of({b'': HEADER, b'w': entry()})
    assert list(read_table(good, 'x')) == [b'', b'w']
    length = len(_first(good)) - 1
    for kind, name in ((1, 'Snappy'), (9, 'unknown kind 9')):
        changed = bytearray(good)
        changed[length] = kind
        with pytest.raises(CorruptFileError, match=rf'block at byte 0: it is compressed \({name}\)'):
            read_table(bytes(changed), 'x')
    with pytest.raises(CorruptFileError, match='no index of a checkpoint'):
        read_table(good[:-1], 'x')
    with pytest.raises(CorruptFileError, match='the header'):
        (tmp_path / 'n.index').write_bytes(table_of({b'w': entry()}))
        CheckpointReader(tmp_path / 'n')
    with pytest.raises(UnsafeModelError, match='a key of 70000 bytes'):
        read_table(table_of({b'': HEADER, b'w' * 70000: entry()}), 'x')


def _first(table):
    """The content and kind of the first block: the shortest piece that its own check sum follows."""
    for end in range(5, len(table) - 4):
        if struct.unpack_from('<I', table, end)[0] == masked(crc32c(table[:end])):
            return table[:end]
    raise AssertionError('no block')


def test_a_missing_or_special_data_file_is_refused(tmp_path):
    prefix = checkpoint(tmp_path, {b'w': entry()})
    (tmp_path / f'c{DATA}').unlink()
    with pytest.raises(CorruptFileError, match='its data file .* is missing'):
        read_all(prefix)
    os.mkfifo(tmp_path / f'c{DATA}')
    with pytest.raises(CorruptFileError, match='a regular file was required'):
        read_all(prefix)
    (tmp_path / 'c.index').unlink()
    os.mkfifo(tmp_path / 'c.index')
    with pytest.raises(CorruptFileError, match='a regular file was required'):
        read_all(prefix)


@pytest.mark.parametrize('name', ['types.ckpt', 'parts.ckpt'])
def test_every_cut_and_every_changed_byte_of_an_index_is_noticed(tmp_path, name):
    index = (FOLDER / f'{name}.index').read_bytes()
    shutil.copy(FOLDER / f'{name}{DATA}', tmp_path / f'm{DATA}')
    changed = [index[:n] for n in range(0, len(index), 7)]
    changed += [index[:i] + bytes([index[i] ^ 1 << i % 8]) + index[i + 1 :] for i in range(len(index) - 48)]
    footer = len(index) - 48
    changed += [index[:i] + bytes([index[i] ^ 1 << i % 8]) + index[i + 1 :] for i in range(footer, footer + 3)]
    unnoticed = 0
    for data in changed:
        (tmp_path / 'm.index').write_bytes(data)
        try:
            read_all(tmp_path / 'm')
            unnoticed += 1
        except ModelFileError as error:
            assert 'm.index' in str(error)
    assert unnoticed <= 3 + 13, 'only the block of filters, which is empty and never read, may change'


def test_changed_bytes_of_the_data_are_noticed(tmp_path):
    data = (FOLDER / f'types.ckpt{DATA}').read_bytes()
    shutil.copy(FOLDER / 'types.ckpt.index', tmp_path / 'm.index')
    for i in range(0, len(data), 3):
        (tmp_path / f'm{DATA}').write_bytes(data[:i] + bytes([data[i] ^ 1 << i % 8]) + data[i + 1 :])
        with pytest.raises(CorruptFileError):
            read_all(tmp_path / 'm')


@short_round(60)
@given(st.data())
def test_random_messages_with_valid_check_sums_end_in_an_error_or_an_array(tmp_path, data):
    """What check sums cannot notice: an index that somebody wrote."""
    source = read_table((FOLDER / 'parts.ckpt.index').read_bytes(), 'x')
    keys = list(source)
    for _ in range(data.draw(st.integers(1, 3))):
        key = data.draw(st.sampled_from(keys))
        value = bytearray(source[key])
        if value and data.draw(st.booleans()):
            value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
        else:
            value[data.draw(st.integers(0, len(value))) :] = data.draw(st.binary(max_size=12))
        source[key] = bytes(value)
    (tmp_path / 'm.index').write_bytes(table_of(source))
    shutil.copy(FOLDER / f'parts.ckpt{DATA}', tmp_path / f'm{DATA}')
    with bounded():
        try:
            assert all(v.nbytes < 2**20 for v in read_all(tmp_path / 'm'))
        except ModelFileError as error:
            assert 'm.' in str(error)


def test_a_reader_may_be_given_a_bound(tmp_path):
    write_checkpoint(tmp_path / 'b', {'w': np.zeros(100, 'f4')})
    assert CheckpointReader(tmp_path / 'b', max_bytes=400).get_tensor('w').nbytes == 400
    with pytest.raises(UnsafeModelError, match='the limit is 399'):
        CheckpointReader(tmp_path / 'b', max_bytes=399).get_tensor('w')

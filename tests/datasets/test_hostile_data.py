"""Pickles, headers and archives of data sets that were made to do harm: one kind of error, bounded memory, and nothing
is changed in the process."""

import gzip
import io
import pickle
import zipfile

import numpy as np
import pytest

from kjax.datasets import fashion_mnist, plain_pickle, word_lists
from kjax.datasets.npz import read_npz
from kjax.saving import CorruptFileError, ModelFileError
from tests.saving.hostile import bounded


def refused(content, match=''):
    with (
        bounded(megabytes=64),
        pytest.raises(CorruptFileError, match=f'^data: not a data file that may be read: .*{match}'),
    ):
        plain_pickle.loads(content, 'data')


STATES = {
    'of a name': b'\x80\x02cnumpy\nndarray\n}X\x05\x00\x00\x00arrayNsb.',
    'of a function': b'\x80\x02c_codecs\nencode\n}X\x08\x00\x00\x00__code__Nsb.',
    'of a name, twice': b'\x80\x02cnumpy\ndtype\n(}}X\x05\x00\x00\x00dtypeNstb.',
    'of a list': b'\x80\x02]}X\x06\x00\x00\x00appendNsb.',
    'new object': b'\x80\x02cnumpy\nndarray\n)\x81.',
    'instance': b'(inumpy\nndarray\n.',
    'object': b'(cnumpy\nndarray\no.',
    'extension': b'\x80\x02\x82\x01.',
    'outside': b'\x80\x02\x88Q.',
    'buffer': b'\x80\x05\x97.',
    'array without a state': b'\x80\x02cnumpy\nndarray\n)R.',
    'a type alone': b'\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00i8\x85R.',
}


@pytest.mark.parametrize('content', list(STATES.values()), ids=list(STATES))
def test_nothing_in_a_pickle_changes_the_reader(content):
    good = pickle.dumps([np.arange(3), np.float32(2)], 2)
    before = plain_pickle.loads(good, 'good')
    refused(content)
    after = plain_pickle.loads(good, 'good')
    assert before[0].tolist() == after[0].tolist() and before[1] == after[1]
    assert plain_pickle._encode('é') == b'\xe9'


MEMORY = {
    'a place far away': (b'\x80\x02Nr\xff\xff\xff\x7f.', 'remembers its value 1 under the number'),
    'the same as a line': (b'Np2147483647\n.', 'remembers its value 1 under the number'),
    'a length of 2**62': (b'\x80\x04\x8e' + (2**62).to_bytes(8, 'little') + b'.', 'it ends within the code'),
    'empty lists': (b'\x80\x02(' + b']' * 1_000_000 + b'l.', 'would take more than'),
    'empty dicts': (b'\x80\x02(' + b'}' * 1_000_000 + b'l.', 'would take more than'),
    'a huge integer': (b'\x80\x02\x8b\x40\x42\x0f\x00' + b'\x01' * 1_000_000 + b'.', 'an integer of more than'),
    'digits': (b'L' + b'9' * 5000 + b'L\n.', 'is no number'),
    'tuples in tuples': (b'\x80\x02N' + b'\x85' * 200_000 + b'.', ''),
}


@pytest.mark.parametrize('content, message', list(MEMORY.values()), ids=list(MEMORY))
def test_few_bytes_do_not_take_much_memory(content, message):
    refused(content, message)


def doubling(levels, width):
    """A list of so many times one list of so many times one list ..."""
    content = b'\x80\x02]q\x00(' + b'K\x01' * width + b'e'
    for level in range(1, levels):
        content += b']q' + bytes([level]) + b'(' + (b'h' + bytes([level - 1])) * width + b'e'
    return content + b'.'


def test_what_stands_once_is_not_multiplied():
    refused(doubling(12, 10), 'it refers to the same values over and over')
    shared = [1, 2, 3]
    assert plain_pickle.loads(pickle.dumps([shared, shared], 2), 'data') == [shared, shared]
    loop = []
    loop.append(loop)
    refused(pickle.dumps(loop, 2))


def npz(path, header, body=b'', version=b'\1\0', method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, 'w', method) as archive, archive.open('x.npy', 'w', force_zip64=True) as member:
        member.write(b'\x93NUMPY' + version + len(header).to_bytes(2, 'little') + header)
        for part in body if isinstance(body, list) else [body]:
            member.write(part)
    return path


def header(shape, code='<f4'):
    return f"{{'descr': '{code}', 'fortran_order': False, 'shape': {shape}, }}".encode()


HEADERS = {
    'minus signs': b'-' * 9000,
    'brackets': b'(' * 9000,
    'an expression': b"{'descr': '<f4', 'fortran_order': False, 'shape': (2**9,), }",
    'a call': b"{'descr': print(), 'fortran_order': False, 'shape': (2,), }",
    'a structure': b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }",
    'too large a number': header('(99999999999999999999,)'),
    'negative': header('(-1,)'),
    'forty axes': header('(' + '1, ' * 40 + ')'),
    'an unknown type': header('(2,)', '<f7'),
    'text': header('(2,)', '<U2'),
    'nothing': b'',
}


@pytest.mark.parametrize('text', list(HEADERS.values()), ids=list(HEADERS))
def test_headers_that_numpy_does_not_write(tmp_path, text):
    with bounded(megabytes=64), pytest.raises(CorruptFileError, match="a.npz, array 'x': "):
        read_npz(npz(tmp_path / 'a.npz', text, bytes(8)), 'x')


def test_an_array_of_zeros_that_unpacks_a_thousandfold(tmp_path):
    path = npz(tmp_path / 'a.npz', header('(75000000,)'), [bytes(1_000_000)] * 300)
    assert path.stat().st_size < 300_000
    with bounded(megabytes=64), pytest.raises(ModelFileError, match='unpacks to 300000000 bytes'):
        read_npz(path, 'x')
    path = npz(tmp_path / 'b.npz', header('(3,)', '|O'), [b'\x80\x02(' + b']' * 1_000_000] + [b']' * 1_000_000] * 50)
    with bounded(megabytes=64), pytest.raises(ModelFileError, match='unpacks to more than'):
        read_npz(path, 'x')


@pytest.mark.parametrize('shape', ['()', '(1,)', '(2, 3)', '(2L, 3L)', '(0,)'])
def test_headers_of_every_numpy(tmp_path, shape):
    sizes = eval(shape.replace('L', ''))
    values = np.arange(np.prod(sizes), dtype='f4').reshape(sizes)
    (got,) = read_npz(npz(tmp_path / 'a.npz', header(shape), values.tobytes()), 'x')
    assert got.shape == values.shape and got.dtype == 'f4' and got.flags.writeable
    np.testing.assert_array_equal(got, values)


def test_zips_of_arrays_that_are_damaged(tmp_path):
    whole = npz(tmp_path / 'a.npz', header('(2,)'), bytes(8)).read_bytes()
    for place in range(0, len(whole), 3):
        for value in (0, 255, whole[place] ^ 1):
            content = bytearray(whole)
            content[place] = value
            (tmp_path / 'b.npz').write_bytes(content)
            try:
                read_npz(tmp_path / 'b.npz', 'x')
            except ModelFileError as error:
                assert 'b.npz' in str(error)


def test_words_and_images(tmp_path):
    for text in ('[' * 9999, '{"a": "b"}', '[1]', '{"a": 1, "a": 2}', '"' + '\\"' * 9999):
        (tmp_path / 'w.json').write_text(text)
        with bounded(megabytes=64), pytest.raises(ModelFileError, match='w.json'):
            word_lists.read_word_index(tmp_path / 'w.json')
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode='w') as file:
        for _ in range(300):
            file.write(bytes(1 << 20))
    (tmp_path / 'a.gz').write_bytes(buffer.getvalue())
    with bounded(megabytes=128), pytest.raises(ModelFileError, match='a.gz'):
        fashion_mnist._read_idx(tmp_path / 'a.gz')
    (tmp_path / 'a.gz').write_bytes(gzip.compress(bytes([0, 0, 8, 3, 255, 255, 255, 255])))
    with pytest.raises(ModelFileError, match='too few for the lengths'):
        fashion_mnist._read_idx(tmp_path / 'a.gz')

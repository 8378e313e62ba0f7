"""Every reader of foreign data takes time in proportion to its input: four times the input, far less than sixteen times
the time. Each case is a text or file that some reader of this kind took quadratic time for."""

import io
import json
import pickle
import tarfile
import time
import zipfile

import numpy as np
import pytest

from kjax.datasets import plain_pickle
from kjax.datasets.npz import read_npz
from kjax.preprocessing.text import tokenizer_from_json
from kjax.saving.bounded import first_twice, parse_json, parse_yaml
from kjax.saving.notes import Notes
from kjax.saving.producer import parse_producer, producer_of
from kjax.saving.weight_names import parse_weight_name
from kjax.utils.archives import extract_archive

QUICK = 0.05  # seconds that nobody minds; what is below is not compared


def seconds(read, data):
    """Processor time of one reading, the best of three."""
    found = []
    for _ in range(3):
        start = time.process_time()
        try:
            read(data)
        except ValueError:
            pass
        found.append(time.process_time() - start)
        if found[-1] < QUICK:
            break
    return min(found)


def grows_linearly(read, make, n):
    small, large = seconds(read, make(n)), seconds(read, make(4 * n))
    assert large < QUICK or large < 10 * small, f'{n}: {small:.3f} s, {4 * n}: {large:.3f} s'


def json_text(text):
    parse_json(text, 'text')


def yaml_text(text):
    parse_yaml(text, 'text')


JSON = {
    'keys, one twice': lambda n: '{' + ','.join(f'"k{i}":0' for i in range(n)) + f',"k{n - 1}":0}}',
    'one key over and over': lambda n: '{' + ','.join(['"k":0'] * n) + '}',
    'an unclosed string of escaped quotes': lambda n: '"' + '\\"' * n,
    'quotes': lambda n: '"' * n,
    'backslashes in a string': lambda n: '"' + '\\\\' * n,
    'half escapes': lambda n: '"' + '\\u00' * n,
    'digits': lambda n: '1' * n,
    'minus signs': lambda n: '-' * n,
    'numbers': lambda n: '[' + ','.join(['1e5'] * n) + ']',
    'open lists': lambda n: '[' * n,
    'blanks': lambda n: ' ' * n,
    'lines': lambda n: '\n' * n + 'x',
}
YAML = {
    'keys': lambda n: ''.join(f'k{i}: 1\n' for i in range(n // 20)),
    'one key over and over': lambda n: 'k: 1\n' * (n // 20),
    'base 60': lambda n: '1' + ':1' * n,
    'escapes': lambda n: '"' + '\\n' * n,
    'quotes': lambda n: "'" + "''" * n,
    'anchors': lambda n: ''.join(f'- &a{i} x\n' for i in range(n // 20)),
    'merges of one mapping': lambda n: 'a: &a {x: 1}\nb: {<<: [' + '*a,' * (n // 20) + '*a]}',
    'a flow of keys': lambda n: '{' + ','.join(f'k{i}: 1' for i in range(n // 40)) + '}',
    'words': lambda n: 'a ' * n,
    'directives': lambda n: ''.join(f'%TAG !a{i}! x\n' for i in range(n // 20)),
}


@pytest.mark.parametrize('make', list(JSON.values()), ids=list(JSON))
def test_json(make):
    grows_linearly(json_text, make, 20_000)


@pytest.mark.parametrize('make', list(YAML.values()), ids=list(YAML))
def test_yaml(make):
    grows_linearly(yaml_text, make, 10_000)


def test_mappings_that_double_with_each_merge():
    lines = ['a0: &a0 {x: 1}'] + [f'a{i}: &a{i} {{<<: [{", ".join([f"*a{i - 1}"] * 10)}]}}' for i in range(1, 12)]
    with pytest.raises(ValueError, match='merge'):
        parse_yaml('\n'.join(lines), 'text')


NAMES = {
    'gates': lambda n: '_W' * n + '!',
    'underscores': lambda n: '_' * n + '!',
    'numbers': lambda n: '_1' * n + '!',
    'colons': lambda n: ':1' * n + 'x',
    'W_carry': lambda n: 'W_carry' * n + '!',
    'scopes': lambda n: 'a/' * n + 'W_1',
}


@pytest.mark.parametrize('make', list(NAMES.values()), ids=list(NAMES))
def test_names_of_weights(make):
    class Nothing:
        where = 'file'

        def text(self, name):
            return None

    grows_linearly(parse_weight_name, make, 8000)
    grows_linearly(lambda name: producer_of(Nothing(), names=[name.replace('/', '')]), make, 8000)
    grows_linearly(parse_producer, make, 8000)


def test_lists_of_names_and_notes():
    grows_linearly(first_twice, lambda n: [*map(str, range(n)), str(n - 1)], 30_000)

    def note(lines):
        notes = Notes('file')
        for line in lines:
            notes(line)

    grows_linearly(note, lambda n: [*map(str, range(n))], 10_000)


def npy(header, body=b''):
    start = b'\x93NUMPY\1\0' + len(header).to_bytes(2, 'little') + header + body
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('x.npy', start)
    return file


HEADERS = {
    'minus signs': lambda n: b'-' * n,
    'brackets': lambda n: b'(' * n,
    'many axes': lambda n: b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b'1, ' * (n // 3) + b'), }',
    'digits': lambda n: b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b'1' * n + b',), }',
    'quotes': lambda n: b"{'descr': " + b"'" * n,
}


@pytest.mark.parametrize('make', list(HEADERS.values()), ids=list(HEADERS))
def test_headers_of_arrays(make):
    grows_linearly(lambda file: read_npz(file, 'x'), lambda n: npy(make(n)), 2400)


PICKLES = {
    'lists': lambda n: b'\x80\x02' + b'(' + b']' * n + b'l.',
    'dicts': lambda n: b'\x80\x02}' + b''.join(b'J' + i.to_bytes(4, 'little') + b'Ns' for i in range(n)) + b'.',
    'tuples in tuples': lambda n: b'\x80\x02N' + b'\x85' * n + b'.',
    'marks': lambda n: b'\x80\x02' + b'(' * n + b'.',
    'places': lambda n: b'\x80\x02N' + b''.join(b'r' + i.to_bytes(4, 'little') for i in range(n)) + b'.',
    'a line without an end': lambda n: b'I' * n,
    'lines': lambda n: b'I1\n' * n + b'.',
    'digits': lambda n: b'L' + b'1' * n + b'L\n.',
    'one list over and over': lambda n: b'\x80\x02(]q\x00' + b'h\x00' * n + b'l.',
    'an array of shapes': lambda n: pickle.dumps(np.arange(n), 2),
}


@pytest.mark.parametrize('make', list(PICKLES.values()), ids=list(PICKLES))
def test_pickles(make):
    grows_linearly(lambda data: plain_pickle.loads(data, 'file'), make, 20_000)


def tar(info, folder):
    path = folder / 'a.tar'
    with tarfile.open(path, 'w') as archive:
        archive.addfile(info)
    return path


@pytest.mark.parametrize('records', [b'9 a', b'2 =', b'1' * 9, b'11 a=bcdefg\n', b'5 ='], ids=repr)
def test_records_of_tars(tmp_path, records):
    """CPython's own reader took quadratic time for some of these (CVE-2024-6232)."""

    def make(n):
        info = tarfile.TarInfo('./PaxHeader')
        content = records * (n // len(records))
        info.type, info.size = b'x', len(content)
        padded = content + bytes(-len(content) % 512)
        (tmp_path / 'a.tar').write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + padded + bytes(1024))
        return tmp_path / 'a.tar'

    grows_linearly(lambda path: extract_archive(path, tmp_path / 'out', 'tar'), make, 16_000)


def test_members_of_archives(tmp_path):
    def tars(n):
        blocks = b''.join(tarfile.TarInfo(f'{i}/').tobuf(tarfile.USTAR_FORMAT) for i in range(n))
        (tmp_path / 'a.tar').write_bytes(blocks + bytes(1023) + b'x')
        return tmp_path / 'a.tar'

    def zips(n):
        with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
            for i in range(n):
                archive.writestr(str(i), b'')
            archive.writestr('../x', b'')
        return tmp_path / 'a.zip'

    grows_linearly(lambda path: extract_archive(path, tmp_path / 'out', 'tar'), tars, 200)
    grows_linearly(lambda path: extract_archive(path, tmp_path / 'out', 'zip'), zips, 200)
    grows_linearly(lambda path: read_npz(path, 'x'), zips, 500)


def test_vocabularies():
    def make(n):
        words = {f'w{i}': i + 1 for i in range(n)}
        numbers = {i: w for w, i in words.items()}
        learned = {
            'word_counts': words,
            'word_docs': words,
            'word_index': words,
            'index_word': numbers,
            'index_docs': {},
        }
        return json.dumps({'class_name': 'Tokenizer', 'config': {k: json.dumps(v) for k, v in learned.items()}})

    grows_linearly(tokenizer_from_json, make, 3000)

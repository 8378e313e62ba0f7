"""Reading files from strangers in a child process."""

import os
import pathlib
import struct
import time

import h5py
import numpy as np
import pytest

import kjax
from kjax.saving import CorruptFileError, UnsafeModelError
from kjax.saving import isolate as isolation
from kjax.saving.isolate import open_isolated
from tests.saving.genuine import Genuine
from tests.saving.hostile import DENSE, sequential, write

LIMIT = 6.0  # seconds


def children():
    """The processes that this one has started and that are there still, ended ones included."""
    found = set()
    for task in pathlib.Path('/proc/self/task').iterdir():
        found |= set((task / 'children').read_text().split())
    return found


@pytest.fixture(autouse=True)
def no_process_is_left():
    before = children()
    yield
    assert children() <= before


def hanging_files(tmp_path, count=40):
    """Copies of a model file in which one byte of the text heap is changed: the HDF5 library may never come back."""
    data = write(tmp_path / 'a.h5', sequential(DENSE)).read_bytes()
    start = data.find(b'GCOL')
    assert start > 0
    place, end = start + 16, start + struct.unpack_from('<Q', data, start + 8)[0]
    made = 0
    while place + 16 <= end and made < count:
        index, size = struct.unpack_from('<H', data, place)[0], struct.unpack_from('<Q', data, place + 8)[0]
        if index == 0:
            return
        changed = bytearray(data)
        changed[place + 8] = 255
        path = tmp_path / f'hang{made}.h5'
        path.write_bytes(changed)
        yield path
        made += 1
        place += 16 + (size + 7) // 8 * 8


def test_a_file_that_blocks_the_library_is_given_up_at_the_limit(tmp_path):
    refused = 0
    for path in hanging_files(tmp_path):
        start = time.monotonic()
        try:
            kjax.models.load_model(path, compile=False, isolate=LIMIT)
        except (CorruptFileError, UnsafeModelError, ValueError):
            refused += 1
        assert time.monotonic() - start < LIMIT + 20
    assert refused


def test_what_the_child_refuses_is_raised_here(tmp_path):
    def edit(f):
        f['model_weights/d/d/kernel:1'] = f['model_weights/d/d/kernel:0']
        del f['model_weights/d/d/kernel:0']
        f['model_weights/d/d/kernel:0'] = h5py.SoftLink('/model_weights/d/d/kernel:1')

    path = write(tmp_path / 'a.h5', sequential(DENSE), edit=edit)
    with pytest.raises(UnsafeModelError, match=r'kernel:0: a soft or external link'):
        kjax.models.load_model(path, isolate=True)
    (tmp_path / 'b.h5').write_bytes(b'nothing')
    with pytest.raises(CorruptFileError, match='HDF5 file was required'):
        kjax.models.load_model(tmp_path / 'b.h5', isolate=True)
    with pytest.raises(FileNotFoundError):
        kjax.models.load_model(tmp_path / 'nobody.h5', isolate=True)


def test_a_child_that_dies_is_an_error_and_leaves_no_process(tmp_path):
    path = write(tmp_path / 'a.h5', sequential(DENSE))
    with open_isolated(path) as gate:
        assert gate.text('keras_version') == '2.2.4'
        process = gate._child.process
        os.kill(process.pid, 9)
        with pytest.raises(CorruptFileError, match='died'):
            gate.text('backend')
    assert process.poll() is not None


def test_weights_are_read_in_isolation(tmp_path):
    genuine = Genuine('2.2.4-tensorflow-mlp_a')
    model = kjax.models.load_model(genuine.path, compile=False, isolate=True)
    np.testing.assert_allclose(model.predict(genuine.inputs[0]), genuine.outputs[0], rtol=1e-4, atol=1e-5)


LIES = {
    'nothing': 'pass',
    'text': 'print("hello " * 9)',
    'a huge size': 'out(b"\xff" * 16)',
    'data nobody asked for': 'out(struct.pack("<QQ", 2, 9) + b"{}" + b"x" * 9)',
    'no object': 'out(struct.pack("<QQ", 2, 0) + b"[]")',
    'an empty object': 'out(struct.pack("<QQ", 2, 0) + b"{}")',
    'half an error': 'out(struct.pack("<QQ", 13, 0) + b\'{"error": "x"}\')',
    'no JSON': 'out(struct.pack("<QQ", 4, 0) + b"{{{{")',
    'half an answer': 'out(struct.pack("<QQ", 40, 0) + b"{")',
    'silence': 'time.sleep(60)',
    'silence after half an answer': 'out(b"1234567"); time.sleep(60)',
    'a closed ear': 'os.close(0); out(b"1234567"); time.sleep(60)',
}


@pytest.mark.parametrize('does', list(LIES.values()), ids=list(LIES))
def test_a_child_that_was_taken_over_can_only_make_loading_fail(tmp_path, monkeypatch, does):
    """What runs there after an attack on the library may answer anything."""
    code = 'import os, struct, sys, time\nout = lambda b: (sys.stdout.buffer.write(b), sys.stdout.buffer.flush())\n'
    monkeypatch.setattr(isolation, '_CHILD', (code + does).replace('{', '{{').replace('}', '}}'))
    start = time.monotonic()
    with pytest.raises(CorruptFileError):
        kjax.models.load_model(write(tmp_path / 'a.h5', sequential(DENSE)), isolate=1.5)
    assert time.monotonic() - start < 10


ANSWERS = {
    'names': ({'value': 7}, lambda gate: gate.texts('x')),
    'header': ({'value': [[1e400], 'f4']}, lambda gate: gate.header('x')),
    'dtype': ({'value': [[1], 'O']}, lambda gate: gate.header('x')),
    'shape': ({'value': [[7], '<f4']}, lambda gate: gate.read('x', (2,))),
    'too few numbers': ({'value': [[2], '<f4']}, lambda gate: gate.read('x', (2,))),
}


@pytest.mark.parametrize('answer, ask', list(ANSWERS.values()), ids=list(ANSWERS))
def test_answers_that_make_no_sense_end_the_child(tmp_path, monkeypatch, answer, ask):
    with open_isolated(write(tmp_path / 'a.h5', sequential(DENSE))) as gate:
        monkeypatch.setattr(gate._child, 'ask', lambda question, nbytes=0: (answer['value'], b'1234'))
        with pytest.raises(CorruptFileError, match='makes no sense'):
            ask(gate)
        assert gate._child.process.poll() is not None


@pytest.mark.parametrize('error', [KeyboardInterrupt, MemoryError, OSError])
def test_an_error_here_ends_the_child_too(tmp_path, monkeypatch, error):
    path = write(tmp_path / 'a.h5', sequential(DENSE))

    def fails(*args):
        raise error

    monkeypatch.setattr(isolation.select, 'select', fails)
    with pytest.raises(error):
        kjax.models.load_model(path, isolate=True)
    monkeypatch.undo()
    with pytest.raises(error), open_isolated(path):
        raise error


@pytest.mark.parametrize('isolate', [0, -1, 'yes', None, float('inf'), float('nan'), 10**400, 1e300])
def test_the_argument_is_checked(isolate):
    with pytest.raises(ValueError, match='isolate must be'):
        kjax.models.load_model('x.h5', isolate=isolate)


def test_bytes_cannot_be_isolated():
    with pytest.raises(TypeError, match='by their path'):
        kjax.models.load_model(b'x', isolate=True)

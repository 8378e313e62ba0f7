"""The folder of training checkpoints: whole or not there after any kill, and nothing in it is trusted unchecked."""

import json
import os
import pickle
import random
import resource
import shutil

import numpy as np
import pytest

from kjax.saving import CorruptFileError, orbax_io
from kjax.saving import checkpoint_store as room
from kjax.saving.checkpoint_store import CheckpointStore, Step
from kjax.saving.manifest import files_in

TREE = {'params': {'a/b': {'kernel': np.arange(6, dtype='f4').reshape(2, 3)}}, 'n': {'1': np.array(3)}}
SHAPES = {'params': {'a/b': {'kernel': ((2, 3), 'float32')}}, 'n': {'1': ((), 'int64')}}


def times(tree, number):
    return {k: times(v, number) if isinstance(v, dict) else v * v.dtype.type(number) for k, v in tree.items()}


@pytest.fixture
def store(tmp_path):
    store = CheckpointStore(tmp_path / 'run')
    store.write(Step(1), TREE, {'epoch': 0})
    return store


def same(a, b):
    return (
        all(same(a[k], b[k]) for k in {**a, **b})
        if isinstance(a, dict)
        else np.array_equal(a, b) and a.dtype == b.dtype
    )


def test_what_was_written_is_read(store):
    store.check(Step(1))
    assert same(store.arrays(Step(1), SHAPES), TREE) and store.training(Step(1)) == {'epoch': 0}


def test_steps_are_in_the_order_of_training(store):
    for step in (Step(1, 20), Step(1, 3), Step(10), Step(2), Step(0, 7)):
        os.makedirs(store.path(step))
    os.makedirs(os.path.join(store.directory, 'step_x'))
    assert [str(s) for s in store.steps()] == ['step_0_7', 'step_1', 'step_1_3', 'step_1_20', 'step_2', 'step_10']


# ---------------------------------------------------------------- kills


class Killed(BaseException):
    """The process has ended here: whatever would tidy up does not run any more."""


CALLS = ('mkdir', 'makedirs', 'rename', 'replace', 'fsync', 'unlink', 'rmdir', 'open')


def killed_at(number, monkeypatch, run):
    """Runs until the given system call of the store's own; returns whether it came so far."""
    counted, remove = [0], shutil.rmtree

    def counting(real):
        def call(*args, **kwargs):
            counted[0] += 1
            if counted[0] == number:
                raise Killed
            if counted[0] > number:
                raise AssertionError('something ran after the kill')
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as m:
        for name in CALLS:
            m.setattr(room.os, name, counting(getattr(os, name)))
        m.setattr(room.shutil, 'rmtree', lambda *a, **k: None if counted[0] >= number else remove(*a, **k))
        m.setattr(room, 'ocp', _Plain)
        m.setattr(orbax_io, 'ocp', _Plain)
        try:
            run()
        except Killed:
            return True
    return False


class _Plain:
    """Orbax's place in a file system of one's own: one file, so that every call of the store is counted alone."""

    class StandardCheckpointer:
        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

        def save(self, path, tree):
            with open(path, 'wb') as f:
                pickle.dump(tree, f)

        def wait_until_finished(self):
            pass

        def restore(self, path, tree):
            with open(path, 'rb') as f:
                return pickle.load(f)


@pytest.mark.parametrize('step', [Step(2), Step(1)], ids=['new', 'replaced'])
def test_a_kill_at_any_system_call_leaves_the_old_checkpoint_or_the_new_one(tmp_path, monkeypatch, step):
    found, number = set(), 0
    while True:
        number += 1
        store = CheckpointStore(tmp_path / str(number))
        killed_at(10**9, monkeypatch, lambda store=store: store.write(Step(1), TREE, {'n': 1}))

        def write(store=store):
            store.write(step, times(TREE, 2), {'n': 2})
            store.check(step)
            store.keep({step})

        came_so_far = killed_at(number, monkeypatch, write)
        again = CheckpointStore(store.directory)
        again.clean()
        newest = again.steps()[-1]
        again.check(newest)
        n = again.training(newest)['n']
        monkeypatch.setattr(room, 'ocp', _Plain)
        assert same(again.arrays(newest, SHAPES), times(TREE, n)), 'weights and the rest of two checkpoints'
        monkeypatch.undo()
        assert not [name for name in os.listdir(store.directory) if not name.startswith('step_') or '.' in name]
        found.add(n)
        if not came_so_far:
            break
    assert found == {1, 2} and number > 10


def test_a_full_disk_leaves_the_old_checkpoint(store, monkeypatch):
    def full(*args):
        raise OSError(28, 'No space left on device')

    for name in ('fsync', 'rename', 'mkdir'):
        with monkeypatch.context() as m:
            m.setattr(room.os, name, full)
            with pytest.raises(OSError, match='No space .* The newest checkpoint, step_1, is intact.*step_2'):
                store.write(Step(2), times(TREE, 2), {})
        assert os.listdir(store.directory) == ['step_1']
        store.check(Step(1))


@pytest.fixture
def small_files():
    """No file of this process may grow beyond 100 kB: the system's refusal then comes out of Orbax's own threads."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_stops_orbax_is_one_error_without_a_traceback_of_its_own(store, small_files, caplog, capfd):
    with pytest.raises(OSError, match=r'File too large; it was not written.*step_1, is intact') as caught:
        store.write(Step(2), {'params': {'k': np.random.rand(400, 400)}}, {})
    assert len(str(caught.value)) < 400 and caught.value.filename == store.path(Step(2))
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    assert not caplog.records and capfd.readouterr() == ('', '')
    assert os.listdir(store.directory) == ['step_1']
    store.check(Step(1))


# ---------------------------------------------------------------- what is not ours


def test_a_flipped_bit_anywhere_is_an_error(store):
    draw, path = random.Random(0), store.path(Step(1))
    for name in files_in(path):
        place = os.path.join(path, name)
        with open(place, 'rb') as f:
            whole = f.read()
        for _ in range(12 if whole else 0):
            data = bytearray(whole)
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            with open(place, 'wb') as f:
                f.write(data)
            with pytest.raises(CorruptFileError) as caught:
                store.check(Step(1))
            assert caught.value.where == place, 'another file is named'
        with open(place, 'wb') as f:
            f.write(whole)
    store.check(Step(1))


def rewritten(change):
    def edit(path):
        with open(f'{path}/manifest.json') as f:
            manifest = json.load(f)
        change(manifest)
        with open(f'{path}/manifest.json', 'w') as f:
            json.dump(manifest, f)

    return edit


def first_file(manifest):
    return next(iter(manifest['files']))


MANIFESTS = {
    'a file missing': rewritten(lambda m: m['files'].pop(first_file(m))),
    'a file more': rewritten(lambda m: m['files'].update({'x': [0, '']})),
    'a name outside': rewritten(lambda m: m['files'].update({'../../secret': [6, '']})),
    'an absolute name': rewritten(lambda m: m['files'].update({'/etc/hostname': [6, '']})),
    "another file's hash": rewritten(lambda m: m['files'].update({first_file(m): m['files']['training.json']})),
    'a future version': rewritten(lambda m: m.update(version=2)),
    'no version': rewritten(lambda m: m.pop('version')),
    "another step's": rewritten(lambda m: m.update(step='step_7')),
    'files no object': rewritten(lambda m: m.update(files=[1])),
    'a list': lambda path: open(f'{path}/manifest.json', 'w').write('[]'),
    'deep': lambda path: open(f'{path}/manifest.json', 'w').write('[' * 9999),
    'no JSON': lambda path: open(f'{path}/manifest.json', 'wb').write(b'\xff\x00'),
    'none': lambda path: os.unlink(f'{path}/manifest.json'),
}


@pytest.mark.parametrize('edit', list(MANIFESTS.values()), ids=list(MANIFESTS))
def test_a_manifest_that_does_not_fit_is_refused(store, edit):
    edit(store.path(Step(1)))
    with pytest.raises(CorruptFileError if edit is not MANIFESTS['deep'] else ValueError):
        store.check(Step(1))


class Runs:
    def __reduce__(self):
        return os.mkdir, ('ran',)


FOREIGN = {
    'a link to a file': lambda path: os.symlink('/etc/hostname', f'{path}/arrays/x'),
    'a link to a folder': lambda path: os.symlink('/etc', f'{path}/x'),
    'a pipe': lambda path: os.mkfifo(f'{path}/arrays/x'),
    'a pickle': lambda path: open(f'{path}/arrays/x.pkl', 'wb').write(pickle.dumps(Runs())),
    'metadata': lambda path: open(f'{path}/arrays/_METADATA', 'w').write('{}'),
    'a link for the folder': lambda path: (os.rename(path, path + '~'), os.symlink('/etc', path)),
}


@pytest.mark.parametrize('edit', list(FOREIGN.values()), ids=list(FOREIGN))
def test_links_pickles_and_foreign_files_are_refused(store, edit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    edit(store.path(Step(1)))
    with pytest.raises(CorruptFileError):
        store.check(Step(1))
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize(
    'shapes',
    [
        {**SHAPES, 'n': {'1': ((2**50,), 'int64')}},
        {**SHAPES, 'n': {'1': ((), 'O')}},
        {**SHAPES, 'n': {'1': ((), 'nothing')}},
        {**SHAPES, 'm': {'1': ((), 'int64')}},
        {'params': SHAPES['params']},
    ],
    ids=['huge', 'objects', 'no type', 'one more', 'one less'],
)
def test_other_arrays_than_those_stored_are_an_error(store, shapes):
    with pytest.raises(CorruptFileError):
        store.arrays(Step(1), shapes)


def test_a_copied_folder_is_as_good(store, tmp_path):
    shutil.copytree(store.directory, tmp_path / 'copy')
    copy = CheckpointStore(tmp_path / 'copy')
    copy.check(Step(1))
    assert same(copy.arrays(Step(1), SHAPES), TREE)

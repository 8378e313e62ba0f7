"""A save leaves the old file or the new one, whatever happens in between."""

import os
import pathlib
import resource
import stat
import subprocess
import sys
import textwrap
import threading

import h5py
import numpy as np
import pytest

import kjax
from kjax.saving import CorruptFileError, atomic
from kjax.saving.atomic import atomic_path
from tests.saving.genuine import Genuine

ROOT = pathlib.Path(__file__).parents[2]


def no_leftovers(folder):
    return not [p for p in os.listdir(folder) if p.endswith('.part')]


def test_an_error_while_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / 'a'
    path.write_text('old')
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        pathlib.Path(temporary).write_text('half')
        raise RuntimeError
    assert path.read_text() == 'old' and no_leftovers(tmp_path)


@pytest.mark.parametrize('call', ['fsync', 'replace'])
def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch, call):
    model = Genuine('2.2.4-tensorflow-mlp_a').load()
    path = tmp_path / 'm.h5'
    model.save(path)
    before = path.read_bytes()

    def fails(*args, **kwargs):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(atomic.os, call, fails)
    with pytest.raises(OSError, match='No space'):
        model.save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before and no_leftovers(tmp_path)


def test_mode_is_kept_and_links_are_followed(tmp_path):
    target, link = tmp_path / 'target', tmp_path / 'link'
    target.write_text('old')
    target.chmod(0o640)
    link.symlink_to(target)
    with atomic_path(link) as temporary:
        pathlib.Path(temporary).write_text('new')
    assert link.is_symlink() and target.read_text() == 'new' and stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_new_file_has_the_modes_of_the_umask(tmp_path):
    mask = os.umask(0o027)
    try:
        with atomic_path(tmp_path / 'a'):
            pass
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / 'a').stat().st_mode) == 0o640


def test_overwrite_false_asks(tmp_path, monkeypatch):
    model = Genuine('2.2.4-tensorflow-mlp_a').load()
    path = tmp_path / 'm.h5'
    path.write_bytes(b'old')
    for answer, replaced in (('n', False), ('y', True)):
        monkeypatch.setattr('builtins.input', lambda prompt, answer=answer: answer)
        model.save(path, overwrite=False)
        assert (path.read_bytes() != b'old') is replaced


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path):
    model = Genuine('2.2.4-tensorflow-mlp_a').load()
    path = tmp_path / 'm.h5'
    model.save(path)
    end, seen = threading.Event(), []

    def read():
        while not end.is_set():
            with h5py.File(path, 'r', locking=False) as f:
                kernel = f['model_weights/dense_1/dense_1/kernel:0'][()]
                bias = f['model_weights/dense_1/dense_1/bias:0'][()]
                seen.append((kernel.flat[0], bias.flat[0]))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(20):
        model.layers[0].set_weights([np.full_like(w, i) for w in model.layers[0].get_weights()])
        model.save(path)
    end.set()
    reader.join()
    assert len(seen) > 1 and all(a == b for a, b in seen[1:] if a in range(20))


# One process without JAX imports the writing function once; for each round it forks a saver and kills it.
ROUNDS = textwrap.dedent("""
    import os, random, signal, sys, time, types
    for name in ('kjax', 'kjax.saving', 'kjax.utils'):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [name.replace('.', '/')]
    import h5py
    import numpy as np
    from kjax.saving.atomic import atomic_path

    path, draw = sys.argv[1], random.Random(0)

    def save(i):
        with atomic_path(path) as temporary, h5py.File(temporary, 'w') as f:
            for k in range(20):
                f.create_dataset(f'w{k}', data=np.full((50, 50), i, 'f4'))

    save(0)
    found = set()
    for i in range(200):
        saver = os.fork()
        if not saver:
            n = 0
            while True:
                n += 1
                save(i * 1000 + n)
        time.sleep(draw.random() * 0.05)
        os.kill(saver, signal.SIGKILL)
        os.waitpid(saver, 0)
        with h5py.File(path, 'r') as f:
            values = {float(v) for k in range(20) for v in np.unique(f[f'w{k}'][()])}
        assert len(values) == 1, f'a mix after kill {i}: {values}'
        found |= values
    save(1)
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)], 'killed savers left files behind'
    print(len(found))
""")


def test_200_kills_during_saves_leave_a_whole_file(tmp_path):
    """Each kill comes at a random moment of a process that does nothing but save."""
    done = subprocess.run(
        [sys.executable, '-c', ROUNDS, str(tmp_path / 'm.h5')], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 20, 'the savers hardly ever finished a file'


# ---------------------------------------------------------------- other faults

FAULTS = textwrap.dedent("""
    import os, signal, sys, tempfile, time, types
    for name in ('kjax', 'kjax.saving', 'kjax.utils'):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [name.replace('.', '/')]
    import h5py
    import numpy as np
    from kjax.saving.atomic import atomic_path

    folder = sys.argv[1]
    path = os.path.join(folder, 'm.h5')

    def save(i):
        with atomic_path(path) as temporary, h5py.File(temporary, 'w') as f:
            for k in range(20):
                f.create_dataset(f'w{k}', data=np.full((50, 50), i, 'f4'))

    def value():
        with h5py.File(path, 'r', locking=False) as f:
            values = {float(v) for k in range(20) for v in np.unique(f[f'w{k}'][()])}
        assert len(values) == 1, f'a mix: {values}'
        return values.pop()

    def kill_at_call(number):
        counted = [0]
        def counting(real):
            def call(*args, **kwargs):
                counted[0] += 1
                if counted[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)
            return call
        for name in ('open', 'fsync', 'replace', 'chmod', 'stat', 'close', 'listdir'):
            setattr(os, name, counting(getattr(os, name)))
        tempfile.mkstemp = counting(tempfile.mkstemp)

    save(1)
    found, number, status = [], 0, -1
    while status:
        number += 1
        saver = os.fork()
        if not saver:
            kill_at_call(number)
            save(2)
            os._exit(0)
        status = os.waitpid(saver, 0)[1]
        found.append(value())
        if status:
            save(1)
    assert found[0] == 1 and found[-2:] == [2, 2] and number > 8, found

    savers = []
    for who in (3, 4):
        saver = os.fork()
        if not saver:
            while True:
                save(who)
        savers.append(saver)
    seen, end = set(), time.monotonic() + 1.0
    while time.monotonic() < end or len(seen & {3, 4}) < 2 and time.monotonic() < end + 30:
        seen.add(value())
    for saver in savers:
        os.kill(saver, signal.SIGKILL)
        os.waitpid(saver, 0)
    assert {3, 4} <= seen, seen

    save(5)
    assert os.listdir(folder) == ['m.h5'], os.listdir(folder)
    if os.getuid() == 0:
        os.chmod(folder, 0o755)
        os.seteuid(65534)
    else:
        os.chmod(folder, 0o555)
    try:
        save(6)
    except PermissionError as error:
        assert folder in str(error), error
    else:
        raise AssertionError('a folder that may not be written was written')
    if os.getuid() == 0:
        os.seteuid(0)
    assert value() == 5 and os.listdir(folder) == ['m.h5']
""")


def test_kills_at_each_call_two_savers_at_once_and_a_folder_that_may_not_be_written(tmp_path):
    tmp_path.joinpath('m').mkdir()
    done = subprocess.run(
        [sys.executable, '-c', FAULTS, str(tmp_path / 'm')], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_disk_that_is_full_while_arrays_are_written_keeps_the_old_file(tmp_path):
    """The system itself refuses: the file may not grow beyond 20 kB."""
    model = Genuine('2.2.4-tensorflow-cnn_a').load()
    path = tmp_path / 'm.h5'
    model.save(path)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    assert len(before) > 20_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match='File too large'):
            model.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before and no_leftovers(tmp_path)
    model.save(path)  # HDF5 has met no error, so it goes on to work
    kjax.models.load_model(path)


def test_the_data_reach_the_disk_before_the_name_does(tmp_path, monkeypatch):
    """Power may fail at any time: content first, then the name, then the folder."""
    calls = []
    for name in ('fsync', 'replace'):
        real = getattr(os, name)

        def call(first, *args, name=name, real=real):
            kind = name if name == 'replace' else 'folder' if stat.S_ISDIR(os.fstat(first).st_mode) else 'content'
            calls.append(kind)
            return real(first, *args)

        monkeypatch.setattr(atomic.os, name, call)
    with atomic_path(tmp_path / 'a') as temporary:
        pathlib.Path(temporary).write_text('x')
    assert calls == ['content', 'replace', 'folder']


OPEN = 'import h5py, sys; f = h5py.File(sys.argv[1], "r+", locking=True); print(1, flush=True); sys.stdin.read()'


@pytest.mark.parametrize('locking', [True, False])
def test_a_file_that_another_program_has_open_is_read_or_clearly_refused(tmp_path, locking):
    model = Genuine('2.2.4-tensorflow-mlp_a').load(compile=False)
    path = tmp_path / 'm.h5'
    model.save(path)
    for mode in ('r', 'r+'):
        with h5py.File(path, mode, locking=locking):
            kjax.models.load_model(path, compile=False)
    with subprocess.Popen([sys.executable, '-c', OPEN, str(path)], stdin=-1, stdout=-1, text=True) as other:
        other.stdout.readline()
        with pytest.raises(CorruptFileError, match='lock'):
            kjax.models.load_model(path, compile=False)
        other.stdin.close()


def test_many_saves_and_loads_leave_nothing_open(tmp_path):
    model = Genuine('2.2.4-tensorflow-mlp_a').load()
    path = tmp_path / 'm.h5'

    def round_trip():
        model.save(path)
        kjax.models.load_model(path)
        model.save_weights(path)
        model.load_weights(path)
        return len(os.listdir('/proc/self/fd')), threading.active_count()

    round_trip()
    before = round_trip()
    assert [round_trip() for _ in range(25)][-1] == before

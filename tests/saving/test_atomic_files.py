"""A save leaves the old file or the new one, whatever happens in between."""

import os
import pathlib
import stat
import subprocess
import sys
import textwrap
import threading

import h5py
import numpy as np
import pytest

from kjax.saving import atomic
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

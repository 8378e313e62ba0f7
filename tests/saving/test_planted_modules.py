"""Modules that a stranger laid beside a model: no process that kjax starts, nor `python -m kjax`, takes them."""

import importlib
import os
import shutil
import subprocess
import sys

import pytest

import kjax
from kjax.saving.isolate import open_isolated
from kjax.utils import OrderedEnqueuer
from tests.saving.genuine import FOLDER
from tests.saving.hostile import DENSE, sequential, write

# what kjax, its children, NumPy and h5py import, of Python's own library and of others
NAMES = (
    'h5py numpy jax jaxlib flax optax yaml orbax sitecustomize usercustomize runpy json struct resource contextlib '
    'stat typing types __future__ ast pickle signal traceback select subprocess tempfile platform logging re enum '
    'resource zlib gzip zipfile importlib_metadata argparse'
).split()


@pytest.fixture
def planted(tmp_path, monkeypatch, marker):
    """The working folder, with a module of each name that leaves a mark when it is run."""
    folder = tmp_path / 'downloads'
    folder.mkdir()
    for name in NAMES:
        (folder / f'{name}.py').write_text(f'open({str(marker)!r}, "a").write(__name__ + " ")\n')
    monkeypatch.chdir(folder)
    return folder


def test_the_reading_process_takes_none(planted, monkeypatch):
    """Not by the working folder, by an empty entry of the path, nor by the variables of the environment."""
    path = write(planted / 'model.h5', sequential(DENSE))
    monkeypatch.syspath_prepend('')
    monkeypatch.setenv('PYTHONPATH', f'{os.pathsep}{planted}')
    monkeypatch.setenv('PYTHONHOME', str(planted))
    monkeypatch.setenv('PYTHONSTARTUP', str(planted / 'h5py.py'))
    assert kjax.models.load_model(path, compile=False, isolate=True).count_params() == 8
    with open_isolated('model.h5') as gate:
        assert gate.text('keras_version') == '2.2.4'


MINE = """
import h5py, numpy as np, yaml
from kjax.utils import Sequence
class Numbers(Sequence):
    def __len__(self):
        return 4
    def __getitem__(self, index):
        return np.array([index, h5py.File is not None, yaml.safe_load('1')])
"""


def test_worker_processes_take_none(planted, monkeypatch):
    """But the caller's own module there, of whose class the batches are."""
    (planted / 'mine.py').write_text(MINE)
    monkeypatch.syspath_prepend('')
    enqueuer = OrderedEnqueuer(importlib.import_module('mine').Numbers(), use_multiprocessing=True)
    enqueuer.start(workers=1)
    try:
        batches = enqueuer.get()
        assert [next(batches).tolist() for _ in range(4)] == [[i, 1, 1] for i in range(4)]
    finally:
        enqueuer.stop()
        del sys.modules['mine']


# Python's own -m imports these before kjax has a say; with -P it does not take them either
PYTHONS_OWN = ('contextlib', 'types', 'runpy', 'typing', 'warnings')
COMMANDS = {
    '-m kjax inspect': (['-m', 'kjax', 'inspect', 'model.h5'], PYTHONS_OWN),
    '-P -m kjax convert': (['-P', '-m', 'kjax', 'convert', 'model.h5', 'new.h5'], ()),
}


@pytest.mark.parametrize('words, spared', list(COMMANDS.values()), ids=list(COMMANDS))
def test_the_command_takes_none(planted, words, spared):
    for name in spared:
        (planted / f'{name}.py').unlink(missing_ok=True)
    shutil.copy(FOLDER / '2.2.4-tensorflow-mlp_a.h5', planted / 'model.h5')
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr

"""A training process that is killed again and again: `python -m tests.saving.kill_rounds --kills 30`.

SIGKILL comes from outside at random batches, while checkpoints are written in the background; the run that goes on
after each kill must end with the same bits as one that was never killed. `make test` runs a short round of it.
"""

import argparse
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
EPOCHS, BATCHES = 3, 14

CHILD = f"""
import itertools, random, sys
import numpy as np
from kjax.callbacks import Callback, EarlyStopping, OrbaxCheckpoint, ReduceLROnPlateau
from tests.saving.test_orbax_checkpoint import X, Y, build, fingerprint

np.random.seed(7)
random.seed(7)

batches = itertools.count(1)  # not the callback's attribute: that would go on with the run

class Tell(Callback):
    def on_batch_end(self, batch, logs=None):
        print(batch, flush=True)
        if next(batches) == int(sys.argv[3]):
            sys.stdin.read()  # the kill comes now, however late: without waiting the run could end before

checkpoint = OrbaxCheckpoint(sys.argv[1], every_batches=2)
others = [ReduceLROnPlateau('loss', factor=0.5, patience=1, min_delta=10.0), EarlyStopping('loss', patience=50), Tell()]
model = build()
model.fit(X, Y, batch_size=5, epochs={EPOCHS}, verbose=0, callbacks=[checkpoint, *others],
          initial_epoch=checkpoint.initial_epoch)
history = [model.history.history[k] for k in sorted(model.history.history)]
np.savez(sys.argv[2], *fingerprint(model), history=history, epochs=model.history.epoch)
"""


def train(folder, out, batches=0, pause=0.0):
    """Trains in a process; kills it after so many batches and a pause, in which its checkpoints go on being written.

    Returns its status, and the batches it told of.
    """
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            [sys.executable, '-c', CHILD, str(folder), str(out), str(batches)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process:
            told = 0
            for _ in process.stdout:
                told += 1
                if told == batches:
                    time.sleep(pause)
                    os.kill(process.pid, signal.SIGKILL)
                    break
            process.stdout.read()
        errors.seek(0)
        assert process.returncode in (0, -signal.SIGKILL), errors.read().decode()[-2000:]
    return process.returncode, told


def rounds(folder, kills, seed=0):
    """The results of a run that was killed so often, and of one that was not: two dicts of arrays."""
    draw = random.Random(seed)
    folder = pathlib.Path(folder)
    lived = 0
    for _ in range(kills):
        batches, pause = draw.randint(1, max(2, EPOCHS * BATCHES // kills)), 0.05 * draw.random()
        status, told = train(folder / 'killed', folder / 'killed.npz', batches, pause)
        lived += status == 0
        print(f'killed after {told} batches' if status else 'ended before it could be killed', flush=True)
    assert train(folder / 'killed', folder / 'killed.npz')[0] == 0
    assert train(folder / 'whole', folder / 'whole.npz')[0] == 0
    return [dict(np.load(folder / f'{name}.npz')) for name in ('killed', 'whole')], kills - lived


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kills', type=int, default=30)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (a, b), hit = rounds(folder, options.kills, options.seed)
    wrong = [k for k in b if not np.array_equal(a[k], b[k])]
    print(f'{hit} kills; the run that went on is {"not " if wrong else ""}bit-equal to the one that was not killed')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())

"""By hand: rounds of build, fit, predict, save and load in one process; what memory, files and threads do meanwhile.

python -m tests.saving.many_rounds --rounds 10000
"""

import argparse
import os
import pathlib
import tempfile
import threading

import numpy as np

import kjax
from tests.conftest import resident


def one_round(folder, number):
    layers = kjax.layers
    model = kjax.models.Sequential([layers.Dense(8, activation='tanh', input_shape=(4,)), layers.Dense(2)])
    model.compile('adam', 'mse')
    x, y = np.random.rand(32, 4), np.random.rand(32, 2)
    model.fit(x, y, batch_size=16, epochs=1, verbose=0)
    before = model.predict(x)
    path = folder / f'{number % 3}.h5'
    model.save(path)
    loaded = kjax.models.load_model(path)
    assert np.array_equal(loaded.predict(x), before)
    loaded.train_on_batch(x, y)


def figures():
    return resident() / 2**20, len(os.listdir('/proc/self/fd')), threading.active_count()


def rounds(count, report=lambda *figures: None, every=100):
    """List of (round, MB, open files, threads); the slope of MB per 1,000 rounds over the second half."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, count + 1):
            one_round(pathlib.Path(folder), number)
            if number % every == 0:
                found.append((number, *figures()))
                report(*found[-1])
    late = np.array(found[len(found) // 2 :], dtype=float)
    return found, float(np.polyfit(late[:, 0], late[:, 1], 1)[0] * 1000)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--rounds', type=int, default=10_000)
    options = parser.parse_args()
    _, slope = rounds(
        options.rounds,
        lambda n, mb, files, threads: print(f'{n}: {mb:.1f} MB, {files} files, {threads} threads', flush=True),
    )
    print(f'slope of the second half: {slope:+.2f} MB per 1,000 rounds')

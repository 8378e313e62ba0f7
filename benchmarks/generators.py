"""How long the device waits for generators, and what sharding over simulated devices costs.

    python benchmarks/generators.py            # generators: epoch time against the slower of its two sides
    python benchmarks/generators.py --devices  # a step over 1, 2 and 8 simulated CPU devices

An epoch should take no longer than 1.1 times the larger of (time to make its batches / workers) and (time to compute
them). Making a batch is sleeping here, as waiting for a disk is. Nothing can be computed before the first batch is
made: the epochs are long enough for that not to count, and their batches a multiple of the workers.
"""

from __future__ import annotations

import argparse
import time

import jax
import numpy as np

import kjax as keras
from kjax.layers import Dense
from kjax.models import Sequential
from kjax.utils import Sequence

FEATURES, BATCH = 512, 256
X = np.random.RandomState(0).randn(BATCH, FEATURES).astype("float32")
Y = np.zeros((BATCH, 1), "float32")


class Slow(Sequence):
    """Batches that take `seconds` each to make."""

    def __init__(self, steps, seconds):
        self.steps, self.seconds = steps, seconds

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        time.sleep(self.seconds)
        return X, Y


def make(width=1024):
    model = Sequential(
        [Dense(width, activation="relu", input_shape=(FEATURES,)), Dense(width, activation="relu"), Dense(1)]
    )
    model.compile("sgd", "mse")
    return model


def timed(run, times=3):
    """Seconds of the fastest of several runs."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def generators(steps):
    model = make()
    model.fit_generator(Slow(3, 0.0), epochs=1, verbose=0)
    compute = timed(lambda: model.fit_generator(iter([(X, Y)] * steps), steps, 1, 0, workers=0))
    print(f"computing {steps} batches: {compute * 1e3:.0f} ms ({compute / steps * 1e3:.1f} ms each)")
    print(f"{'a batch (ms)':>12} {'workers':>8} {'making (ms)':>12} {'epoch (ms)':>11} {'ratio':>6}")
    for share, workers in ((0.3, 1), (0.9, 1), (2.0, 1), (2.0, 2), (2.0, 4), (8.0, 4), (8.0, 16)):
        seconds = share * compute / steps
        epoch = timed(
            lambda s=seconds, w=workers: model.fit_generator(
                Slow(steps, s), epochs=1, verbose=0, workers=w, max_queue_size=2 * w
            )
        )
        making = seconds * steps / workers
        ratio = epoch / max(making, compute)
        print(f"{seconds * 1e3:12.1f} {workers:8} {making * 1e3:12.0f} {epoch * 1e3:11.0f} {ratio:6.2f}")


def devices():
    x = np.random.RandomState(0).randn(4096, FEATURES).astype("float32")
    y = np.zeros((4096, 1), "float32")
    print(f"{'devices':>8} {'fit, ms a step':>15} {'predict, ms a batch':>20} {'fit to one device':>18}")
    first = None
    for count in (1, 2, 8):
        with keras.distribute.on_devices(count):
            model = make(256)
            model.fit(x, y, batch_size=BATCH, verbose=0)
            model.predict(x, batch_size=BATCH)
            fit = timed(lambda m=model: m.fit(x, y, batch_size=BATCH, epochs=3, verbose=0)) / (3 * len(x) / BATCH)
            predict = timed(lambda m=model: m.predict(x, batch_size=BATCH)) / (len(x) / BATCH)
        first = first or fit
        print(f"{count:8} {fit * 1e3:15.2f} {predict * 1e3:20.2f} {fit / first:18.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", action="store_true", help="measure the overhead of simulated devices instead")
    parser.add_argument("--steps", type=int, default=160, help="batches per epoch")
    arguments = parser.parse_args()
    if arguments.devices:
        jax.config.update("jax_num_cpu_devices", 8)
        devices()
    else:
        generators(arguments.steps)


if __name__ == "__main__":
    main()

"""What a callback that looks at single batches costs: `fit` without one against `fit` with one.

    python benchmarks/callbacks.py [WORKLOAD ...]   # of kind train; default convlstm tiny mlp

Without such a callback many steps go out in one dispatch, except where XLA runs them more slowly in a loop. So the
ratio, without to with, should be at most 1.1, whatever the layers.
"""

from __future__ import annotations

import sys
import time

import kjax as keras
from keras_code import MODELS
from workloads import WORKLOADS


def measure(name, times=4):
    """(ms per step without, with): the fastest of several epochs, taken in turn."""
    w = WORKLOADS[name]
    x, y = w.data(w.batch * w.steps)
    model = MODELS[name](keras)
    watcher = keras.callbacks.LambdaCallback(on_batch_end=lambda batch, logs: None)
    best = [float('inf')] * 2
    for _ in range(times + 1):
        for i, callbacks in enumerate(([], [watcher])):
            compiled, start = model.compilations, time.perf_counter()
            model.fit(x, y, batch_size=w.batch, epochs=1, verbose=0, callbacks=callbacks)
            if model.compilations == compiled:
                best[i] = min(best[i], (time.perf_counter() - start) * 1e3 / w.steps)
    return best


def main(names):
    print(f'{"ms per step":>12} {"without":>9} {"with":>9} {"ratio":>6}')
    for name in names:
        without, watched = measure(name)
        print(f'{name:>12} {without:9.3g} {watched:9.3g} {without / watched:6.2f}', flush=True)


if __name__ == '__main__':
    main(sys.argv[1:] or ['convlstm', 'tiny', 'mlp'])

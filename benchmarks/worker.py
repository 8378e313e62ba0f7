"""One competitor with one workload in a process of its own: `python worker.py COMPETITOR WORKLOAD`.

Prints one JSON line when it is ready; then, for each line on its standard input, runs a round and prints its ms per
step.
For `first` the one line tells how long everything took since the process started to run this file.
"""

import time

START = time.perf_counter()

import importlib
import json
import os
import sys


def main(competitor, workload):
    # libraries print what they like; the pipe to the parent stays clean
    pipe = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)

    def say(**message):
        pipe.write(json.dumps(message) + '\n')
        pipe.flush()

    module = importlib.import_module('bench_' + competitor)
    round_ = module.prepare(workload)
    if round_ is None:
        say(ms=(time.perf_counter() - START) * 1e3, versions=module.versions())
        return
    round_()  # compiles
    round_()  # and settles
    say(ready=True, versions=module.versions())
    for _ in sys.stdin:
        start = time.perf_counter()
        steps = round_()
        say(ms=(time.perf_counter() - start) * 1e3 / steps)


if __name__ == '__main__':
    main(*sys.argv[1:])

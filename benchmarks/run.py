"""Measures kjax beside a hand-written loop and other Keras engines, in one run on the same data.

Each competitor has a process of its own per workload, all alive together and one at work at a time: rounds are
interleaved, so what else the machine does hits all alike. Reported is the fastest round, in ms per step, and its ratio
to the hand-written one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from workloads import WORKLOADS

HERE = Path(__file__).parent
COMPETITORS = {
    'handwritten': 'hand-written',
    'kjax': 'kjax',
    'keras3': 'Keras 3 JAX',
    'tf_keras': 'tf_keras',
    'keras2': 'Keras 2.2.4 TF',
}
QUICK = [name for name in WORKLOADS if name != 'dcgan']


class Failed(Exception):
    """A competitor could not run a workload; the text is the end of what it said."""


class Worker:
    """The process of one competitor and one workload."""

    def __init__(self, competitor, workload, python):
        self.errors = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen(
            [python, str(HERE / 'worker.py'), competitor, workload],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(HERE.parent), os.environ.get('PYTHONPATH', '')])},
        )  # fmt: skip

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            said = [text for text in self.errors.read().splitlines() if text.strip()]
            raise Failed(said[-1] if said else f'exit status {self.process.returncode}')
        return json.loads(line)

    def round(self):
        self.process.stdin.write('go\n')
        self.process.stdin.flush()
        return self.answer()['ms']

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def measure(workload, competitors, pythons, repeats):
    """`(best, failed, versions)`, each a dict by competitor: fastest ms per step, reason, versions."""
    best, failed, versions, workers = {}, {}, {}, {}
    fresh = WORKLOADS[workload].kind == 'first'

    def note(competitor, message):
        versions.setdefault(competitor, message.get('versions'))
        if 'ms' in message:
            best[competitor] = min(message['ms'], best.get(competitor, float('inf')))

    try:
        for i in range(repeats):
            # turned round each time, so that nobody always runs after the same neighbour
            for competitor in competitors[i % len(competitors) :] + competitors[: i % len(competitors)]:
                if competitor in failed:
                    continue
                try:
                    if fresh:
                        worker = Worker(competitor, workload, pythons[competitor])
                        try:
                            note(competitor, worker.answer())
                        finally:
                            worker.close()
                        continue
                    if competitor not in workers:
                        workers[competitor] = Worker(competitor, workload, pythons[competitor])
                        note(competitor, workers[competitor].answer())
                    note(competitor, {'ms': workers[competitor].round()})
                except (Failed, OSError) as error:
                    failed[competitor] = str(error)
    finally:
        for worker in workers.values():
            worker.close()
    return best, failed, versions


def cell(competitor, best, failed):
    if competitor in failed:
        return 'failed'
    ms = best[competitor]
    text = f'{ms:.3g}' if ms < 1000 else f'{ms:.0f}'
    base = best.get('handwritten')
    return text if competitor == 'handwritten' or not base else f'{text} ({ms / base:.2f})'


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'workloads', nargs='*', metavar='WORKLOAD', help=f'{", ".join(WORKLOADS)}; default: all but dcgan'
    )
    parser.add_argument('--competitors', nargs='+', choices=COMPETITORS, metavar='NAME', help=', '.join(COMPETITORS))
    parser.add_argument('--tf-python', help='a Python that has TensorFlow: adds tf_keras')
    parser.add_argument('--keras2-python', help='a Python that runs genuine Keras 2.2.4: adds keras2')
    parser.add_argument('--keras3-python', default=sys.executable, help='a Python that has Keras 3 and JAX')
    parser.add_argument('--repeats', type=int, default=5, help='rounds per competitor (default 5)')
    parser.add_argument('--json', help='also write the figures into this file')
    options = parser.parse_args()
    unknown = [name for name in options.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f'unknown workload {unknown[0]!r}; there are {", ".join(WORKLOADS)}')
    return options


def main():
    options = parse()
    here = sys.executable
    pythons = {
        'handwritten': here,
        'kjax': here,
        'keras3': options.keras3_python,
        'tf_keras': options.tf_python or here,
        'keras2': options.keras2_python or here,
    }
    competitors = options.competitors or [
        c for c in COMPETITORS if (c != 'tf_keras' or options.tf_python) and (c != 'keras2' or options.keras2_python)
    ]
    print(
        f'{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; '
        'ms per step (ratio to hand-written)\n'
    )
    print('| workload | ' + ' | '.join(COMPETITORS[c] for c in competitors) + ' |')
    print('| --- |' + ' --- |' * len(competitors), flush=True)
    figures, reasons, versions = {}, [], {}
    for workload in options.workloads or QUICK:
        best, failed, seen = measure(workload, competitors, pythons, options.repeats)
        versions.update(seen)
        figures[workload] = best
        reasons += [f'{COMPETITORS[c]} failed on {workload}: {reason}' for c, reason in failed.items()]
        cells = ' | '.join(cell(c, best, failed) for c in competitors)
        print(f'| {workload}: {WORKLOADS[workload].text} | {cells} |', flush=True)
    print()
    for competitor in competitors:
        if versions.get(competitor):
            print(f'{COMPETITORS[competitor]}: {versions[competitor]}')
    if options.json:
        Path(options.json).write_text(json.dumps({'ms': figures, 'versions': versions}, indent=1))
    if reasons:
        sys.exit('\n'.join(reasons))


if __name__ == '__main__':
    main()

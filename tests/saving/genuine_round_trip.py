"""kjax -> genuine Keras: models that kjax saved, read, run and trained on by a genuine Keras 2.2.4 or 2.3.1.

    python -m tests.saving.genuine_round_trip --python /path/to/python [--prelude 'import tf1boot']

`--python` is an interpreter in which `import keras` gives the genuine package (`pip install keras==2.2.4` with a
TensorFlow
it runs on); `--prelude` is run there first. It is no part of `make test`, because it needs that other environment.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import textwrap

import numpy as np

from tests.saving.genuine import NAMES, Genuine

# layers and metrics that only other versions have, the user's own, and code that nobody runs
LEFT_OUT = (
    'lambdas',
    'custom',
    'cudnn',
    'bnmode',
    'merge_cos',
    'merge_dot',
    'legacy',
    'graph',
    '2.15.1',
    '1.0.8-tensorflow-nested',
    '2.3.1-tensorflow-losses',
)

READER = textwrap.dedent("""
    import json, sys
    {prelude}
    import numpy as np, keras
    for line in sys.stdin:
        folder, name, batch_size, steps = json.loads(line)
        try:
            z = np.load('%s/%s.npz' % (folder, name))
            many = lambda k: [z[n] for n in sorted(z.files) if n[0] == k]
            one = lambda a: a[0] if len(a) == 1 else a
            model = keras.models.load_model('%s/%s.h5' % (folder, name))
            p = model.predict(one(many('x')), batch_size=batch_size)
            model.reset_states()
            losses = [float(np.ravel(model.train_on_batch(one(many('x')), one(many('y'))))[0]) for _ in range(steps)]
            np.savez('%s/%s.out.npz' % (folder, name), *(p if isinstance(p, list) else [p]), losses=losses)
            answer = 'ok'
        except Exception as e:
            answer = '%s: %s' % (type(e).__name__, e)
        print('ANSWER ' + json.dumps(answer), flush=True)
        keras.backend.clear_session()
""")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--python', required=True)
    parser.add_argument('--prelude', default='')
    parser.add_argument('--only', default='')
    options = parser.parse_args()
    reader = subprocess.Popen(
        [options.python, '-c', READER.format(prelude=options.prelude)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    good = total = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            if (
                any(part in name for part in LEFT_OUT)
                or options.only not in name
                or Genuine(name).meta['mode'] != 'model'
            ):
                continue
            total += 1
            wrong = check(name, folder, reader)
            good += not wrong
            if wrong:
                print(f'{name}: {wrong}', flush=True)
    reader.stdin.close()
    reader.wait()
    print(f'genuine Keras reads {good} of {total} models that kjax saved')
    return 0 if good == total else 1


def check(name, folder, reader) -> str:
    """What is wrong with one model on its way; '' when nothing is."""
    genuine = Genuine(name)
    model = genuine.load()
    model.save(pathlib.Path(folder) / f'{name}.h5')
    data = {f'x{i}': x for i, x in enumerate(genuine.inputs)} | {f'y{i}': y for i, y in enumerate(genuine.targets)}
    np.savez(pathlib.Path(folder) / f'{name}.npz', **data)
    steps = 5 if genuine.losses is not None else 0
    reader.stdin.write(json.dumps([folder, name, genuine.meta['batch_size'], steps]) + '\n')
    reader.stdin.flush()
    answer = next(line for line in reader.stdout if line.startswith('ANSWER '))
    if json.loads(answer[7:]) != 'ok':
        return json.loads(answer[7:])
    out = np.load(pathlib.Path(folder) / f'{name}.out.npz')
    for i, wanted in enumerate(genuine.predict(model)):
        if not np.allclose(out[f'arr_{i}'], wanted, rtol=1e-4, atol=1e-5):
            return f'predictions differ by {np.abs(out[f"arr_{i}"] - wanted).max():.2g}'
    if steps and not np.allclose(out['losses'], genuine.train(model), rtol=2e-2):
        return f'losses {out["losses"]} there'
    return ''


if __name__ == '__main__':
    sys.exit(main())

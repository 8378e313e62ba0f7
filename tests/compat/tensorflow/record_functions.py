"""Records what genuine TensorFlow computes for `function_cases.py`; CONTRIBUTING says how.

It runs with TensorFlow 2.15 in TensorFlow 1 mode, without kjax: `python -m` is not used, so that nothing of kjax is
imported. Prints the cases that genuine TensorFlow refuses.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "data" / "tensorflow"


def main(prelude):
    importlib.import_module(prelude)
    tf = importlib.import_module("tensorflow")
    sys.path.insert(0, str(HERE))
    cases = importlib.import_module("function_cases")
    facts, arrays = {}, {}
    for name, expression in cases.CASES.items():
        tf.reset_default_graph()
        try:
            facts[name], arrays[name], gradients = compute(tf, cases, name, expression)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is printed)
            print(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            continue
        arrays.update({f"{name}/{k}": v for k, v in gradients.items()})
    FOLDER.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(FOLDER / "functions.npz", **arrays)
    (FOLDER / "functions.json").write_text(json.dumps(facts, indent=0))
    print(f"{len(facts)} of {len(cases.CASES)} cases recorded")


def compute(tf, cases, name, expression):
    feeds, tensors = {}, {}
    for key in cases.used(expression):
        value, unknown = cases.INPUTS[key]
        shape = [None if a < unknown else n for a, n in enumerate(value.shape)]
        tensors[key] = tf.placeholder(value.dtype.name, shape)
        feeds[tensors[key]] = value
    result = eval(expression, {"tf": tf, **tensors})
    shape = result.shape.as_list() if result.shape.ndims is not None else None
    fact = {"dtype": result.dtype.name, "shape": shape}
    floats = [k for k, t in tensors.items() if t.dtype.is_floating]
    wanted = {}
    if result.dtype.is_floating and floats and name not in cases.WITHOUT_GRADIENT:
        found = tf.gradients(cases.weigh(tf, result), [tensors[k] for k in floats])
        wanted = {k: g for k, g in zip(floats, found, strict=True) if g is not None}
        wanted = {k: tf.convert_to_tensor(g) for k, g in wanted.items()}
    fact["gradients"] = sorted(wanted)
    with tf.Session() as session:
        value, gradients = session.run([result, wanted], feeds)
    return fact, value, gradients


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "tf1boot")

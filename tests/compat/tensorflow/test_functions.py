"""The stand-in's functions against genuine TensorFlow: values, gradients, dtypes, static shapes."""

import json
from pathlib import Path

import numpy as np
import pytest

import kjax
from kjax import backend as K
from kjax.compat import aliases
from tests.compat.tensorflow import function_cases as cases

FOLDER = Path(__file__).parents[2] / "data" / "tensorflow"
FACTS = json.loads((FOLDER / "functions.json").read_text())
WIDE = {"int64": "int32", "float64": "float32", "complex128": "complex64"}
# values that TensorFlow's kernels compute less exactly, or another way
TOLERANCE = {"matrix_inverse": 1e-4, "cholesky": 1e-4, "ssim": 1e-4, "psnr": 1e-4, "unary_digamma": 1e-4}
# static shapes of which kjax knows more than genuine TensorFlow: constants are computed, sizes of sizes are known
KNOWS_MORE = {"nms", "resize_dynamic", "rot90", "segment_sum", "segment_mean", "segment_max"}
# a slice of unknown size is taken to be as long as it can be; a set's size is counted later
OTHER_SHAPE = {"strided_slice", "set_intersection"}
GROUP = 60  # cases that are compiled as one program


@pytest.fixture(scope="module")
def tf():
    kjax.install_as_keras()
    import tensorflow

    yield tensorflow
    aliases.uninstall_as_keras()


def groups():
    """Those that are compiled, and apart from them those that are computed operation by operation."""
    names = [n for n in cases.CASES if n not in cases.COUNTED]
    return [*(names[i : i + GROUP] for i in range(0, len(names), GROUP)), sorted(cases.COUNTED)]


@pytest.fixture(scope="module")
def recorded():
    with np.load(FOLDER / "functions.npz") as data:
        return dict(data)


@pytest.mark.parametrize("names", groups(), ids=lambda names: names[0])
def test_as_genuine(tf, recorded, names):
    placeholders = {
        key: K.placeholder([None if a < unknown else n for a, n in enumerate(value.shape)], dtype=value.dtype.name)
        for key, (value, unknown) in cases.INPUTS.items()
    }
    outputs, wanted, problems = [], [], []
    for name in names:
        used = cases.used(cases.CASES[name])
        result = eval(cases.CASES[name], {"tf": tf, **{k: placeholders[k] for k in used}})
        fact = FACTS[name]
        if result.dtype.name != WIDE.get(fact["dtype"], fact["dtype"]):
            problems.append(f"{name}: dtype {result.dtype.name}, genuine {fact['dtype']}")
        if (
            fact["shape"] is not None
            and result.shape.as_list() != fact["shape"]
            and name not in KNOWS_MORE | OTHER_SHAPE
        ):
            problems.append(f"{name}: static shape {result.shape.as_list()}, genuine {fact['shape']}")
        outputs.append(result)
        wanted.append((name, recorded[name]))
        if fact["gradients"]:
            found = tf.gradients(cases.weigh(tf, result), [placeholders[k] for k in fact["gradients"]])
            for key, gradient in zip(fact["gradients"], found, strict=True):
                if gradient is None:
                    if recorded[f"{name}/{key}"].any():
                        problems.append(f"{name}: no gradient by {key}")
                    continue
                outputs.append(gradient)
                wanted.append((f"{name}/{key}", recorded[f"{name}/{key}"]))
    values = K.function(list(placeholders.values()), outputs)([v for v, _ in cases.INPUTS.values()])
    for value, (name, genuine) in zip(values, wanted, strict=True):
        if np.shape(value) != genuine.shape:
            problems.append(f"{name}: shape {np.shape(value)}, genuine {genuine.shape}")
            continue
        finite = np.isfinite(genuine.astype("complex64"))
        tolerance = TOLERANCE.get(name.split("/")[0], 2e-5) * max(1.0, np.abs(genuine[finite]).max(initial=0))
        error = np.abs(np.asarray(value)[finite].astype("complex64") - genuine[finite]).max(initial=0)
        if not error <= tolerance or not np.array_equal(np.isfinite(np.asarray(value, "complex64")), finite):
            problems.append(f"{name}: error {error:.2g}\n{value}\n{genuine}")
    assert not problems, "\n".join(problems)

"""Who gets the stand-in for TensorFlow, and who does not."""

import importlib
import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import kjax
from kjax.compat import aliases
from kjax.compat.tensorflow import finder


@pytest.fixture
def tf():
    kjax.install_as_keras()
    import tensorflow

    yield tensorflow
    aliases.uninstall_as_keras()


def test_paths_and_names_are_one_object_each(tf):
    import tensorflow.compat.v1 as v1
    from tensorflow.python.framework import dtypes
    from tensorflow.python.ops import array_ops, math_ops, nn

    assert v1 is tf and tf.compat.v1 is tf and sys.modules["tensorflow"] is tf
    assert math_ops.reduce_sum is tf.reduce_sum and array_ops.gather is tf.gather and nn.softmax is tf.nn.softmax
    assert dtypes.float32 == tf.float32 == "float32" and tf.__version__.startswith("1.")
    assert "reduce_sum" in dir(tf) and "nn" in dir(tf)


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("tf.data", AttributeError, r"tensorflow\.data is not there.*kjax's stand-in.*fit_generator"),
        ("tf.no_such", AttributeError, r"tensorflow\.no_such is not there.*keras\.backend"),
        ("from tensorflow import no_such", ImportError, r"tensorflow\.no_such is not there.*kjax's stand-in"),
        ("from tensorflow.python.ops import no_such", ImportError, r"tensorflow\.python\.ops\.no_such is not there"),
        ("import tensorflow.no.such", ImportError, r"tensorflow\.no is not there"),
    ],
)
def test_what_is_missing_says_what_does_the_job(tf, code, kind, text):
    with pytest.raises(kind, match=text):
        exec(code, {"tf": tf, "__name__": "program"})


def test_a_library_that_probes_finds_none(as_keras):
    asking = {"__name__": "sklearn.utils", "util": importlib.util}
    exec("found = util.find_spec('tensorflow')", asking)
    assert asking["found"] is None
    with pytest.raises(ModuleNotFoundError, match="No module named 'tensorflow'"):
        exec("import tensorflow", asking)
    asking["__name__"] = "program"
    exec("found = util.find_spec('tensorflow')\nimport tensorflow", asking)
    assert asking["found"] is not None and finder.is_stand_in(asking["tensorflow"])


def test_tensorboard_does_without_it(tf):
    from tensorboard import compat

    assert compat.tf.io.gfile.__name__.startswith("tensorboard.")


def test_one_that_is_imported_already_stays(monkeypatch):
    other = type(sys)("tensorflow")
    monkeypatch.setitem(sys.modules, "tensorflow", other)
    kjax.install_as_keras()
    try:
        assert importlib.import_module("tensorflow") is other
    finally:
        aliases.uninstall_as_keras()
    assert sys.modules["tensorflow"] is other


def test_an_installed_one_is_left_in_place_where_asked_for(tmp_path):
    (tmp_path / "tensorflow.py").write_text("installed_one = True\n")
    program = "import keras, tensorflow\nprint(hasattr(tensorflow, 'installed_one'), keras.__name__)"
    for option, seen in (([], "False"), (["--tensorflow", "installed"], "True")):
        done = subprocess.run(
            [sys.executable, "-m", "kjax", *option, "-c", program],
            capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": _path(tmp_path)},
        )  # fmt: skip
        assert done.stdout.split()[0] == seen, done.stdout + done.stderr


def test_a_worker_process_finds_it_before_keras(tmp_path):
    program = textwrap.dedent(
        """
        import tensorflow as tf
        import keras, multiprocessing

        def version(_):
            return tf.__version__

        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(version, [0]))
        """
    )
    path = tmp_path / "program.py"
    path.write_text(program)
    done = subprocess.run(
        [sys.executable, "-m", "kjax", str(path)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": _path()},
    )  # fmt: skip
    assert done.stdout.startswith("['1.")


def _path(*folders):
    return os.pathsep.join([*map(str, folders), str(Path(kjax.__file__).parents[1])])

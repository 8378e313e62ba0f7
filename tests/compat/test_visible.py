"""`from keras.X import *` and the names that modules import, as genuine Keras 2.2.4 has them (recorded from it)."""

import importlib
import json
import pkgutil
import sys
from pathlib import Path

import pytest

import kjax
from kjax.compat.visible import SOURCES, VISIBLE

STAR = json.loads((Path(__file__).parents[1] / "data/names/star-2.2.4.json").read_text())
# TensorFlow's own modules, an open file that Keras forgot, distutils that Python no longer has
TENSORFLOW = {"config_pb2", "control_flow_ops", "ctc", "device_lib", "functional_ops", "moving_averages"} | {
    "tensor_array_ops",
    "tf",
    "tf_ops",
}
LEFT_OUT = {
    "keras.backend": TENSORFLOW | {"StrictVersion", "f"},
    "keras.backend.tensorflow_backend": TENSORFLOW | {"StrictVersion"},
    "keras.optimizers": {"tf"},
    # Keras 1's calls are converted by other means (kjax.compat.rules)
    "keras.legacy.interfaces": {n for n in STAR["keras.legacy.interfaces"].split() if "preprocess" in n},
    # workers of the pools of Keras's own enqueuers
    "keras.utils.data_utils": {"get_index", "init_pool", "init_pool_generator", "next_sample"},
}


@pytest.mark.parametrize("module", STAR)
def test_star_import_brings_what_keras_brings(module):
    found = {}
    exec(f"from kjax{module[len('keras') :]} import *", found)
    missing = set(STAR[module].split()) - set(found) - LEFT_OUT.get(module, set())
    assert not missing


def test_every_all_resolves():
    names = [m.name for m in pkgutil.walk_packages(kjax.__path__, "kjax.") if "drop_in" not in m.name]
    names = [n for n in names if not n.endswith("__main__")] + [n for n in sys.modules if n.startswith("kjax.")]
    for name in dict.fromkeys(names):
        module = importlib.import_module(name)
        assert [n for n in getattr(module, "__all__", ()) if not hasattr(module, n)] == [], name


def test_every_row_is_used():
    assert set(SOURCES) == {n for names in VISIBLE.values() for n in names.split() if n in SOURCES}


def test_imports_are_the_objects_they_name():
    import numpy
    import six

    from kjax import activations, callbacks, layers, losses, metrics

    assert metrics.K is losses.K is layers.K is kjax.backend
    assert layers.core.np is numpy
    assert activations.six is six
    assert callbacks.requests is None or callbacks.requests.__name__ == "requests"
    with pytest.raises(AttributeError, match="no_such"):
        _ = callbacks.no_such

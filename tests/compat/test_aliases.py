"""`keras.x` is `kjax.x`, and the module paths and names of older versions lead to kjax's objects."""

import importlib
import importlib.util
import inspect
import json
import pickle
import pkgutil
import sys
import threading
from pathlib import Path

import pytest

import kjax
from kjax.compat import aliases, legacy
from kjax.compat.names import NAMES
from kjax.compat.paths import MODULES, Absent, Alias, Namespace
from kjax.compat.private import PRIVATE_NAMES
from kjax.compat.visible import VISIBLE

FACTS = json.loads((Path(__file__).parents[1] / "data" / "keras1_names.json").read_text())["modules"]


def skip_without_its_room(path):
    """Rooms that are not built yet are not this test's business."""
    room = path.split(".")[1]
    if importlib.util.find_spec(f"kjax.{room}") is None:
        pytest.skip(f"kjax.{room} does not exist yet")


def forget(prefix):
    for name in [n for n in sys.modules if n == prefix or n.startswith(prefix + ".")]:
        del sys.modules[name]


def test_one_module_object_however_it_is_spelled(as_keras):
    import keras
    import keras.backend as K
    import keras.layers.core
    from keras.layers import Dense

    assert keras is kjax and K is kjax.backend
    assert sys.modules["keras.layers"] is sys.modules["kjax.layers"]
    assert sys.modules["keras.layers.core"] is sys.modules["kjax.layers.core"]
    assert Dense is kjax.layers.Dense is keras.layers.core.Dense


def test_a_module_found_by_the_finder_keeps_its_name_and_spec(as_keras):
    spec = kjax.layers.core.__spec__
    forget("keras")
    import keras.layers.core

    assert keras.layers.core is sys.modules["kjax.layers.core"]
    assert keras.layers.core.__name__ == "kjax.layers.core"
    assert keras.layers.core.__spec__ is spec
    assert importlib.util.find_spec("keras.layers.core") is spec
    assert kjax.__spec__.name == "kjax"


def test_find_spec_does_not_import(as_keras):
    forget("keras.utils.visualize_util")
    forget("kjax.utils.visualize_util")
    spec = importlib.util.find_spec("keras.utils.visualize_util")
    assert spec.name == "keras.utils.visualize_util"
    assert "kjax.utils.visualize_util" not in sys.modules
    assert importlib.util.find_spec("keras.nothing") is None


def test_missing_module_is_reported_under_the_name_that_was_asked_for(as_keras):
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'keras\.nothing'"):
        importlib.import_module("keras.nothing")
    with pytest.raises(ImportError, match="cannot import name 'Nothing' from 'kjax.layers'"):
        from keras.layers import Nothing  # noqa: F401


def test_error_in_a_row_names_both_ends(monkeypatch):
    monkeypatch.setitem(MODULES, "engine.broken", Namespace("Broken.", {"losses": "no_such_loss"}))
    with pytest.raises(ImportError, match=r"kjax\.engine\.broken\.no_such_loss stands for kjax\.losses\.no_such_loss"):
        importlib.import_module("kjax.engine.broken")
    assert "kjax.engine.broken" not in sys.modules


def test_pickles_name_kjax_and_are_read_by_either_name(as_keras):
    from keras.losses import mean_squared_error

    data = pickle.dumps(mean_squared_error)
    assert b"keras.losses" not in data
    assert pickle.loads(data) is mean_squared_error
    assert pickle.loads(b"ckeras.losses\nmean_squared_error\n.") is mean_squared_error


def test_reload_keeps_the_module_object(as_keras):
    import keras.initializations as initializations
    import keras.utils.visualize_util as visualize

    topology = importlib.import_module("keras.engine.topology")
    del topology.Layer
    assert importlib.reload(topology) is topology
    assert topology.Layer is kjax.layers.Layer
    assert importlib.reload(visualize) is visualize
    assert importlib.reload(initializations) is initializations
    assert sys.modules["keras.engine.topology"] is sys.modules["kjax.engine.topology"] is topology


def test_tools_that_walk_modules_work(as_keras):
    import keras

    found = {m.name for m in pkgutil.iter_modules(keras.__path__, "keras.")}
    assert {"keras.layers", "keras.backend", "keras.models"} <= found
    assert inspect.getmodule(keras.layers.Dense).__name__ == "kjax.layers.core"
    assert inspect.getsourcefile(keras.layers.Dense).endswith("core.py")
    assert inspect.getdoc(importlib.import_module("keras.engine.topology"))


def test_threads_get_the_same_complete_modules(as_keras):
    wanted = {
        "keras.layers.core": "Reshape",
        "keras.objectives": "get",
        "keras.losses": "get",
        "keras.engine.topology": "to_list",
        "keras.backend.common": "set_epsilon",
    }
    for _ in range(20):
        forget("keras")
        forget("kjax.engine.topology")
        barrier, found = threading.Barrier(10), []

        def work(path, barrier=barrier, found=found):
            barrier.wait()
            module = importlib.import_module(path)
            found.append((path, module, hasattr(module, wanted[path])))

        threads = [threading.Thread(target=work, args=(path,)) for path in [*wanted, *wanted]]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(found) == 10 and all(complete for *_, complete in found)
        assert len({id(module) for _, module, _ in found}) == 4  # objectives and losses are one
        assert kjax.losses.__spec__.name == "kjax.losses"


def test_install_twice_and_uninstall():
    before = list(sys.meta_path), list(sys.path)
    kjax.install_as_keras()
    kjax.install_as_keras()
    assert len(sys.meta_path) == len(before[0]) + 2  # `keras` and `tensorflow`
    aliases.uninstall_as_keras()
    aliases.uninstall_as_keras()
    assert (sys.meta_path, sys.path) == before
    assert not [n for n in sys.modules if n == "keras" or n.startswith("keras.")]


def test_another_keras_that_is_imported_already_is_an_error(monkeypatch):
    other = type(sys)("keras")
    other.__file__ = "/somewhere/keras/__init__.py"
    monkeypatch.setitem(sys.modules, "keras", other)
    with pytest.raises(ImportError, match="keras is imported already, from /somewhere/keras/__init__.py"):
        kjax.install_as_keras()
    assert sys.modules["keras"] is other


def test_nothing_of_tensorflow_is_loaded_before_a_program_asks(as_keras):
    assert "tensorflow" not in sys.modules and "tensorflow.keras" not in sys.modules


# ---------------------------------------------------------------- the tables


@pytest.mark.parametrize("path", [p for p in FACTS if not isinstance(MODULES.get(p[len("keras.") :]), Absent)])
def test_names_of_a_module(as_keras, path):
    if path.count("."):
        skip_without_its_room(path)
    module = importlib.import_module(path)
    missing = [name for name in FACTS[path] if not hasattr(module, name)]
    assert not missing


@pytest.mark.parametrize("path", MODULES)
def test_row_is_needed_and_works(path):
    skip_without_its_room(f"kjax.{path}")
    row = MODULES[path]
    folder = Path(kjax.__file__).parent.joinpath(*path.split("."))
    assert not folder.is_dir() and not folder.with_suffix(".py").exists(), "the row hides behind a file of kjax"
    if isinstance(row, Absent):
        with pytest.raises(ImportError, match=f"kjax.{path} cannot be imported: {row.reason}"):
            importlib.import_module(f"kjax.{path}")
        return
    module = importlib.import_module(f"kjax.{path}")
    if isinstance(row, Alias):
        assert module is importlib.import_module(f"kjax.{row.target}")
    else:
        assert module.__name__ == f"kjax.{path}"
        shown = set(VISIBLE.get(path, "").split()) | set(PRIVATE_NAMES.get(path, ()))
        assert set(module.__all__) - shown == {name for _, name, _ in row.entries()} - shown


def test_old_modules_are_there_after_a_plain_import():
    assert kjax.legacy is sys.modules["kjax.legacy"]
    assert kjax.legacy.layers.MaxoutDense is kjax.layers.MaxoutDense
    assert kjax.engine.topology.Layer is kjax.layers.Layer


def test_no_row_of_the_tables_finds_nothing():
    rows = legacy.apply()
    assert [r for r in rows if importlib.util.find_spec(f"kjax.{r.partition(':')[0].partition('.')[0]}")] == []


@pytest.mark.parametrize("path", NAMES)
def test_added_names_are_the_objects_of_the_table(path):
    module = importlib.import_module(f"kjax.{path}")
    for name, target in NAMES[path].items():
        source, _, attribute = target.partition(":")
        assert hasattr(module, name)
        if getattr(module, name) is not getattr(importlib.import_module(f"kjax.{source}"), attribute):
            assert getattr(module, name).__module__ == module.__name__, f"{path}.{name}"


def test_merge_is_module_and_function(as_keras):
    import keras.layers.merge as module
    from keras.layers import Input, merge

    assert merge is module and module.Add is kjax.layers.Add
    total = merge([Input((3,)), Input((3,))], mode="sum")
    assert total.shape == (None, 3)
    assert list(inspect.signature(merge).parameters)[:3] == ["inputs", "mode", "concat_axis"]

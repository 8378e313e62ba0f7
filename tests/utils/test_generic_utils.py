"""Lists, signatures, names of objects; code in data is never run."""

import copy
import json
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from kjax.utils import generic_utils as g
from kjax.utils.arguments import given


def test_nothing_here_imports_jax():
    code = (
        "import sys, types; k = types.ModuleType('kjax'); k.__path__ = sys.argv[1:]; sys.modules['kjax'] = k; "
        "import kjax.utils.generic_utils, kjax.utils.np_utils, kjax.utils.data_utils; sys.exit('jax' in sys.modules)"
    )
    path = str(__import__("pathlib").Path(g.__file__).parents[1])
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == 0


def test_given_hands_on_arguments():
    class Example:
        def method(self, a, b=2, *, c=3, **kwargs):
            return given(locals(), "b")

    assert Example().method(1, d=4) == {"a": 1, "c": 3}


def test_has_arg():
    def f(a, /, b, *c, d=1, **e):
        """Every kind of parameter."""

    assert [g.has_arg(f, n) for n in "abcdez"] == [False, True, False, True, False, False]
    assert g.has_arg(f, "z", accept_all=True) and not g.has_arg(f, "a", accept_all=True)


def test_lists():
    one = [1]
    assert g.to_list(one) is one and g.to_list((1, 2)) == [(1, 2)] and g.to_list((1, 2), allow_tuple=True) == [1, 2]
    assert g.unpack_singleton([3]) == 3 and g.unpack_singleton([3, 4]) == [3, 4]
    assert g.object_list_uid([one, g]) == f"{id(one)}, {id(g)}"
    assert g.is_all_none([None, None]) and g.is_all_none(None) and not g.is_all_none([None, 1])


def test_slice_arrays():
    x = np.arange(6)
    assert g.slice_arrays(None) == [None]
    assert g.slice_arrays(x, 1, 3).tolist() == [1, 2]
    assert [a if a is None else a.tolist() for a in g.slice_arrays([x, None], np.array([2, 0]))] == [[2, 0], None]
    with pytest.raises(ValueError, match="stop must be None when start lists the rows, received stop=3"):
        g.slice_arrays(x, [1, 2], 3)


def test_transpose_shape():
    assert g.transpose_shape((8, 9, 3), "channels_first", (0, 1)) == (3, 8, 9)
    assert g.transpose_shape([None, 8, 9, 3], "channels_first", (1, 2)) == [None, 3, 8, 9]
    assert g.transpose_shape((8, 9, 3), "channels_last", (0, 1)) == (8, 9, 3)
    with pytest.raises(ValueError, match="target_format must be 'channels_first' or 'channels_last', received 'th'"):
        g.transpose_shape((8, 9, 3), "th", (0, 1))


def test_unexpected_keys():
    g.check_for_unexpected_keys("loss", {"a": 1}, ["a", "b"])
    with pytest.raises(ValueError, match=r"Unknown entries in loss dictionary: \['c'\]"):
        g.check_for_unexpected_keys("loss", {"a": 1, "c": 2}, ["a", "b"])


class Thing:
    def __init__(self, size=1):
        self.size = size

    def get_config(self):
        return {"size": self.size}


class Box(Thing):
    @classmethod
    def from_config(cls, config, custom_objects=None):
        box = cls(**config)
        box.known = custom_objects
        return box


def double(x):
    return 2 * x


TABLE = {"Thing": Thing, "Box": Box, "double": double}


def test_round_trips():
    for described in (Thing(3), Box(4)):
        again = g.deserialize_keras_object(g.serialize_keras_object(described), TABLE)
        assert type(again) is type(described) and again.size == described.size
    assert g.deserialize_keras_object(g.serialize_keras_object(double), TABLE) is double
    assert g.deserialize_keras_object(g.serialize_keras_object(None), TABLE) is None
    assert g.deserialize_keras_object("Thing", TABLE).size == 1
    with pytest.raises(ValueError, match="needs an object with get_config"):
        g.serialize_keras_object(3)


def test_the_callers_names_win():
    class Other(Thing):
        """The user's own."""

    described = {"class_name": "Thing", "config": {"size": 2}}
    assert type(g.deserialize_keras_object(described, TABLE, {"Thing": Other})) is Other
    with g.CustomObjectScope({"Thing": Other}):
        assert type(g.deserialize_keras_object(described, TABLE)) is Other
        box = g.deserialize_keras_object({"class_name": "Box", "config": {}}, TABLE, {"double": double})
        assert box.known == {"Thing": Other, "double": double}
    assert type(g.deserialize_keras_object(described, TABLE)) is Thing


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("relux", "Unknown activation: relux. If it is your own"),
        ("doubel", "Unknown activation: doubel. Did you mean double"),
        ({"class_name": "os.system", "config": {}}, "Unknown activation: os.system"),
        ({"class_name": "__class__", "config": {}}, "Unknown activation: __class__"),
        ({"class_name": "x" * 10**6, "config": {}}, r"Unknown activation: x+\.\.\. \(1000000 characters\)"),
        ({"class_name": 3, "config": {}}, "Unknown activation: its name must be a string, received 3"),
        ({"class_name": "Thing"}, "Improper config format for activation"),
        ({"class_name": "Thing", "config": [1]}, "Improper config of activation 'Thing': needs a dict"),
        (3, "Could not interpret serialized activation"),
        ("size", "Unknown activation: 'size' is neither a class nor a function but 5"),
    ],
)
def test_what_is_unknown_is_named_with_its_slot(identifier, message):
    with pytest.raises(ValueError, match=message):
        g.deserialize_keras_object(identifier, {**TABLE, "size": 5}, printable_module_name="activation")


def test_scopes_nest_and_forget():
    assert "a" not in g.get_custom_objects()
    with g.custom_object_scope({"a": 1}, {"b": 2}) as outer:
        assert outer.custom_objects == ({"a": 1}, {"b": 2})
        with g.CustomObjectScope({"a": 3}):
            assert (g.get_custom_objects()["a"], g.get_custom_objects()["b"]) == (3, 2)
            g.get_custom_objects()["c"] = 4
        assert g.get_custom_objects()["a"] == 1 and "c" not in g.get_custom_objects()
    assert "a" not in g.get_custom_objects()
    g.get_custom_objects()["mine"] = double
    try:
        with g.CustomObjectScope({"a": 1}):
            assert g.get_custom_objects()["mine"] is double
    finally:
        del g.get_custom_objects()["mine"]
    with pytest.raises(TypeError, match="each argument must be a dict of names"):
        g.CustomObjectScope([1])


def test_scopes_belong_to_their_thread():
    seen = []
    with g.CustomObjectScope({"a": 1}):
        thread = threading.Thread(target=lambda: seen.append("a" in g.get_custom_objects()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_functions_come_back_in_this_process_only():
    offset = 5
    f = lambda x, y=2: x * y + offset
    dumped = g.func_dump(f)
    assert dumped[1:] == ((2,), (5,))
    through_text = (json.loads(json.dumps(dumped)), pickle.loads(pickle.dumps(dumped)))
    for same in (dumped, copy.deepcopy(dumped), dumped[0], list(dumped), *through_text):
        assert g.func_load(same) is f  # found again by all that was dumped of it, not read from the text
    for data in (str(dumped[0]), [str(dumped[0]), [3], [5]], [str(dumped[0]), [2], [6]], "eJw=", None, ()):
        with pytest.raises(ValueError, match="code stored as data is never executed"):
            g.func_load(data)
    with pytest.raises(TypeError, match="needs a Python function, received <built-in function len>"):
        g.func_dump(len)

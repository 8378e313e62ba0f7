"""HDF5Matrix, H5Dict, the question before overwriting."""

import builtins
import gc
import pickle

import h5py
import numpy as np
import pytest

from kjax.utils import HDF5Matrix, h5dict
from kjax.utils.hdf5_matrix import _OPEN_FILES
from kjax.utils.io_utils import H5Dict, ask_to_proceed_with_overwrite

DATA = np.arange(60, dtype="float32").reshape(20, 3)


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"] = DATA
        file.create_group("empty")
    return str(tmp_path / "data.h5")


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        np.int64(3),
        slice(None),
        slice(2, 5),
        slice(-3, None),
        slice(0, 9, 4),
        slice(5, 1, -2),
        slice(0, 99),
        [3, 1, 1],
    ]
    + [np.array([0, 7]), [], slice(4, 4), np.arange(10) % 2 == 0, (2, 1), (slice(1, 3), 0)],
    ids=str,
)
def test_indexing_is_numpys(path, key):
    matrix, part = HDF5Matrix(path, "x", start=4, end=14), DATA[4:14]
    nothing = isinstance(key, list) and not key
    np.testing.assert_array_equal(matrix[key], part[:0] if nothing else part[key])


def test_facts(path):
    matrix = HDF5Matrix(path, "x", 2, 8, normalizer=lambda x: x[:, :2].astype("float64") * 2)
    assert (len(matrix), matrix.shape, matrix.dtype, matrix.ndim, matrix.size) == (6, (6, 2), np.float64, 2, 12)
    np.testing.assert_array_equal(matrix[1:3], DATA[3:5, :2] * 2)


def test_one_file_is_opened_once_and_closed_at_the_end(path):
    first, second = HDF5Matrix(path, "x"), HDF5Matrix(path, "x", 5)
    assert first.data.file.id == second.data.file.id and path in _OPEN_FILES
    del first, second
    gc.collect()
    assert path not in _OPEN_FILES
    with h5py.File(path, "a") as file:  # nobody holds it any more
        file["y"] = 1


def test_copies_open_the_file_again(path):
    matrix = pickle.loads(pickle.dumps(HDF5Matrix(path, "x", 3, 9)))
    np.testing.assert_array_equal(matrix[:], DATA[3:9])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("nowhere", "x"), OSError, "cannot open .*nowhere"),
        ((None, "y"), ValueError, r"no data set 'y' in .*data.h5; it has \['empty', 'x'\]"),
        ((None, "empty"), ValueError, "no data set 'empty'"),
        ((None, "x", 5, 50), ValueError, "needs 0 <= start <= end <= 20"),
        ((None, "x", -5), ValueError, "received start=-5"),
    ],
)
def test_wrong_matrices(path, arguments, error, message):
    with pytest.raises(error, match=message):
        HDF5Matrix(arguments[0] or path, *arguments[1:])


@pytest.mark.parametrize(
    ("key", "error"), [(10, IndexError), ([0, -11], IndexError), ("a", TypeError), ([0.5], TypeError)]
)
def test_wrong_indices(path, key, error):
    with pytest.raises(error, match="HDF5Matrix"):
        HDF5Matrix(path, "x", end=10)[key]


def stores(tmp_path):
    return {"dict": lambda: H5Dict({}), "file": lambda: h5dict(str(tmp_path / "a.h5"), "w")}


@pytest.mark.parametrize("kind", ["dict", "file"])
def test_h5dict(tmp_path, kind):
    store = stores(tmp_path)[kind]()
    store["array"] = np.arange(3.0)
    store["bytes"] = b"abc"
    store["names"] = [b"a", b"bb"]
    store["number"] = 3
    store["group"]["inner"] = np.ones(2)
    store.update({"more": {"deep": 1}})
    assert store["array"].tolist() == [0, 1, 2] and store["bytes"] == b"abc" and store["number"] == 3
    assert list(store["names"]) == [b"a", b"bb"] and store["more"]["deep"] == 1
    assert "array" in store and "number" in store and "nothing" not in store
    assert store.get("nothing", 5) == 5 and store.get("number") == 3
    assert store["group"]["inner"].tolist() == [1, 1] and "group" in list(store) and len(store) >= 3
    with pytest.raises(TypeError, match="a name must be a string or bytes, received 3"):
        store[3] = 1
    store.close()


def test_h5dict_files(tmp_path):
    names = [f"layer_{i:05}".encode() * 5 for i in range(3000)]  # more than one attribute can hold
    with H5Dict(str(tmp_path / "a.h5"), "w") as store:
        store["names"] = names
        store["text"] = "naïve"
        with pytest.raises(KeyError, match="'text': it exists already"):
            store["text"] = "again"
    with H5Dict(h5py.File(tmp_path / "a.h5", "r")) as store:
        assert list(store["names"]) == names and store["text"].decode("utf-8") == "naïve"
        with pytest.raises(ValueError, match="cannot create group 'nothing' in read only mode"):
            store["nothing"]
        with pytest.raises(ValueError, match="cannot set item 'x' in read only mode"):
            store["x"] = 1
    with pytest.raises(TypeError, match="a string, an h5py group or a dict, received int"):
        H5Dict(5)


def test_what_h5dicts_are_made_of():
    assert H5Dict.is_supported_type({}) and not H5Dict.is_supported_type(3)


def test_overwriting(monkeypatch, capsys):
    answers = iter(["what", "Y", "n"])
    monkeypatch.setattr(builtins, "input", lambda question: next(answers))
    assert ask_to_proceed_with_overwrite("a.h5") is True
    assert "overwrite=True" in capsys.readouterr().out
    assert ask_to_proceed_with_overwrite("a.h5") is False

    def nobody(question):
        raise EOFError

    monkeypatch.setattr(builtins, "input", nobody)
    with pytest.raises(FileExistsError, match="a.h5 already exists and nobody answers"):
        ask_to_proceed_with_overwrite("a.h5")

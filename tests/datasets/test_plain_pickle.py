"""Pickles read as data: the same values as NumPy's, and nothing that runs."""

import os
import pickle
import pickletools
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kjax.datasets import plain_pickle


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([1, 2], dtype=">i4"),
        np.array([True, False]),
        np.zeros((0, 3), "float32"),
        np.array([[1, 2], [3]], dtype=object),
        np.array(5),
    ],
    ids=str,
)
def test_arrays(array, protocol):
    got = plain_pickle.loads(pickle.dumps(array, protocol=protocol), "a")
    assert got.dtype == array.dtype.newbyteorder("=") and got.shape == array.shape
    np.testing.assert_array_equal(got, array)


def test_plain_values():
    value = {"a": [1, 2.5, None, True], b"b": ("c", [np.float32(1.5), np.arange(2)])}
    got = plain_pickle.loads(pickle.dumps(value), "a")
    assert got["a"] == value["a"] and got[b"b"][0] == "c" and got[b"b"][1][0] == 1.5


class Runs:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def reference(module, name):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n."


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Runs(os.system, "touch marker")),
        pickle.dumps(Runs(subprocess.Popen, ["touch", "marker"])),
        pickle.dumps(Runs(eval, "1")),
        pickle.dumps([np.arange(3), Runs(os.getcwd)]),
        pickle.dumps(np.array([Runs(os.getcwd)], dtype=object)),
        pickle.dumps(np.ma.array([1])),
        reference("numpy", "load"),
        reference("numpy.core.multiarray", "fromfile"),
        reference("builtins", "getattr"),
        reference("numpy", "ndarray"),
        b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.__reduce__\x93.",
        b"Pname\n.",
    ],
    ids=range(12),
)
def test_nothing_runs(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="data.npz: not a data file that may be read"):
        plain_pickle.loads(content, "data.npz")
    assert not list(tmp_path.iterdir())


def forged(shape, dtype=("i8", False, True), order="<", body=b""):
    """An array's pickle with any state."""

    def part(value):
        return pickletools.optimize(pickle.dumps(value, 2))[2:-1]

    start = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + part(b"b") + b"\x87R"
    numbers = b"J\xff\xff\xff\xff" * 2 + b"K\x00"
    kind = b"cnumpy\ndtype\n" + part(dtype) + b"R(K\x03" + part(order) + b"NNN" + numbers + b"tb"
    return start + b"(K\x01" + part(shape) + kind + b"\x89" + part(body) + b"tb."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (forged((2**50,)), "with another number of bytes"),
        (forged((2,), body=bytes(15)), "with another number of bytes"),
        (forged((-1,)), "bad array shape"),
        (forged((2,), ("O", False, True), "|", [1]), "with another number of entries"),
        (forged((2**50,), ("O", False, True), "|", []), "with another number of entries"),
        (forged((1,), ("V8", False, True), "|", bytes(8)), "array type 'V8' is not allowed"),
        (forged((1,), ("i8,f8", False, True), "|", bytes(16)), "is not allowed"),
        (forged((1,), ("i8", False, True), "#", bytes(8)), "unknown array type"),
        (forged((1,), (3, False, True)), "unknown array type 3"),
    ],
)
def test_forged_arrays(content, message):
    with pytest.raises(ValueError, match=message):
        plain_pickle.loads(content, "a")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255), st.binary(max_size=40))
def test_damaged_pickles_end_in_one_kind_of_error(place, value, tail):
    content = bytearray(pickle.dumps({"x": np.array([[1, 2], [3, 4, 5]], dtype=object), "y": np.arange(4)}, 2))
    content[place % len(content)] = value
    for data in (bytes(content), bytes(content)[: place % len(content)], tail):
        try:
            plain_pickle.loads(data, "a")
        except ValueError:
            continue

"""Data that are not in memory: HDF5, memory maps, anything with a shape that can be sliced."""

import os
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from kjax.engine.rows import Rows
from kjax.layers import Dense, Embedding, Flatten
from kjax.models import Sequential
from kjax.utils import HDF5Matrix

RNG = np.random.RandomState(0)
X = RNG.randn(70, 5).astype("float32")
Y = (X @ RNG.randn(5, 1)).astype("float32")


class Sliceable:
    """Only what is asked for: a shape, a type, slices; remembers the longest."""

    def __init__(self, array):
        self.array, self.longest = array, 0
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key):
        assert isinstance(key, slice) and 0 <= key.start < key.stop <= len(self.array)
        self.longest = max(self.longest, key.stop - key.start)
        return self.array[key]


@pytest.fixture
def sources(tmp_path):
    """The same data behind every kind of source."""
    path = str(tmp_path / "data.h5")
    with h5py.File(path, "w") as file:
        file["x"], file["y"], file["labels"] = X.astype("float64"), Y, (Y[:, 0] > 0).astype("int64")
    maps = []
    for name, array in (("x", X), ("y", Y)):
        maps.append(np.memmap(tmp_path / name, array.dtype, "w+", shape=array.shape))
        maps[-1][:] = array
    with h5py.File(path, "r") as file:
        yield {
            "matrix": (HDF5Matrix(path, "x"), HDF5Matrix(path, "y")),
            "dataset": (file["x"], file["y"]),
            "memmap": tuple(maps),
            "sliceable": (Sliceable(X), Sliceable(Y)),
            "labels": file["labels"],
        }


def make(loss="mse", **arguments):
    model = Sequential([Dense(4, activation="tanh", input_shape=(5,)), Dense(1, **arguments)])
    model.compile("sgd", loss)
    return model


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
@pytest.mark.parametrize("kind", ["matrix", "dataset", "memmap", "sliceable"])
def test_figures_are_those_of_arrays(sources, kind, shuffle):
    x, y = sources[kind]
    model, twin = make(), make()
    twin.set_weights(model.get_weights())
    np.random.seed(1)
    expected = twin.fit(X, Y, batch_size=16, epochs=2, shuffle=shuffle, verbose=0, validation_split=0.3).history
    np.random.seed(1)
    history = model.fit(x, y, batch_size=16, epochs=2, shuffle=shuffle, verbose=0, validation_split=0.3).history
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(history[name], expected[name], rtol=1e-5)
    np.testing.assert_allclose(model.predict(x), twin.predict(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(x, batch_size=100), twin.predict(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), twin.evaluate(X, Y, verbose=0), rtol=1e-5)


def test_no_slice_is_longer_than_what_is_wanted(sources):
    x, y = sources["sliceable"]
    model = make()
    model.predict(x, batch_size=8)
    model.evaluate(x, y, batch_size=8, verbose=0)
    assert x.longest == y.longest == 8
    x.longest = 0
    Rows(x).take(RNG.permutation(70)[:20])
    assert x.longest <= 20


def test_labels_and_class_weights(sources):
    model, twin = make("binary_crossentropy", activation="sigmoid"), make("binary_crossentropy", activation="sigmoid")
    twin.set_weights(model.get_weights())
    labels, weights = sources["labels"], {0: 1.0, 1: 4.0}
    a = model.fit(sources["matrix"][0], labels, shuffle=False, verbose=0, class_weight=weights).history
    b = twin.fit(X, labels[:], shuffle=False, verbose=0, class_weight=weights).history
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-6)


@pytest.mark.parametrize("kind", ["hdf5", "memmap", "sliceable"])
def test_labels_out_of_range(tmp_path, kind):
    """Said when the batch that holds them is read, by every method, also for the part held back for validation."""
    labels = RNG.randint(0, 3, 70)
    labels[60] = 3
    if kind == "hdf5":
        with h5py.File(tmp_path / "labels.h5", "w") as file:
            file["y"] = labels
        y = HDF5Matrix(str(tmp_path / "labels.h5"), "y")
    elif kind == "memmap":
        y = np.memmap(tmp_path / "labels", labels.dtype, "w+", shape=labels.shape)
        y[:] = labels
    else:
        y = Sliceable(labels)
    model = Sequential([Dense(3, activation="softmax", input_shape=(5,))])
    model.compile("sgd", "sparse_categorical_crossentropy")
    message = r"the integer targets of output 'dense_\d+' range from 0 to 3; labels from 0 to 2 are required"
    for call in (
        lambda: model.fit(X, y, batch_size=16, verbose=0),
        lambda: model.fit(X, y, batch_size=16, verbose=0, validation_split=0.2),
        lambda: model.evaluate(X, y, verbose=0),
        lambda: model.train_on_batch(X, y),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_indices_out_of_range(tmp_path):
    indices = np.memmap(tmp_path / "indices", "int32", "w+", shape=(70, 2))
    indices[60] = 9
    model = Sequential([Embedding(9, 2, input_length=2), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"indices must lie within 0..8 .*range from 0 to 9"):
        model.fit(indices, Y, batch_size=16, verbose=0)


def test_rows_in_any_order():
    rows = Rows(Sliceable(X))
    for index in ([3], [69, 0, 0, 5], RNG.permutation(70), RNG.randint(0, 70, 200)):
        np.testing.assert_array_equal(rows.take(np.array(index)), X[index])
    part = rows.astype("float16").part(10, 20)
    assert part.shape == (10, 5) and part.dtype == np.float16
    np.testing.assert_array_equal(np.asarray(part), X[10:20].astype("float16"))
    np.testing.assert_array_equal(Rows(Sliceable(Y[:, 0])).as_column()[[4, 2]], Y[[4, 2]])


def test_a_source_that_is_shorter_than_it_says():
    class Short(Sliceable):
        def __getitem__(self, key):
            return super().__getitem__(key)[:3]

    with pytest.raises(
        ValueError, match=r"the Short of shape \(70, 5\) gave 3 rows for the slice 0:70; 70 were required"
    ):
        make().fit(Short(X), Y, shuffle=False, verbose=0)


MEMORY = """
import sys, threading, time
import numpy as np
import h5py
from kjax.layers import Dense
from kjax.models import Sequential

kind, few, many, *paths = sys.argv[1:]
features = 1000
model = Sequential([Dense(300, input_shape=(features,)), Dense(1)])  # the device is slower than reading
model.compile("sgd", "mse")

def resident():  # memory of our own: pages of a mapped file belong to the system
    with open("/proc/self/status") as status:
        return sum(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024

def peak(path, rows):
    source = h5py.File(path, "r")["x"] if kind == "hdf5" else np.memmap(path, "float32", "r", shape=(rows, features))
    y = np.zeros((rows, 1), "float32")
    most, running = [0], [True]

    def watch():
        while running:
            most[0] = max(most[0], resident())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for shuffle in ("batch", False):
        model.fit(source, y, batch_size=64, shuffle=shuffle, verbose=0)
    model.evaluate(source, y, batch_size=64, verbose=0)
    model.predict(source, batch_size=64)
    running.clear()
    watcher.join()
    return most[0]

peak(paths[0], int(few))  # the programs are compiled
print(peak(paths[1], int(many)) - peak(paths[0], int(few)))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads /proc")
@pytest.mark.parametrize("kind", ["hdf5", "memmap"])
def test_memory_is_flat(tmp_path, kind):
    """240 MB of data need no more memory than 60 MB do. The files are full of holes: nothing is written to disk."""
    few, many, paths = 15000, 60000, []
    for rows in (few, many):
        paths.append(str(tmp_path / f"{rows}"))
        if kind == "hdf5":
            with h5py.File(paths[-1], "w") as file:
                file.create_dataset("x", (rows, 1000), "float32", fillvalue=0.5)
        else:
            np.memmap(paths[-1], "float32", "w+", shape=(rows, 1000))
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(MEMORY))
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    # Arrays go back to the system when they are freed, so that what is measured is what is held.
    env = dict(os.environ, PYTHONPATH=root, XLA_FLAGS="", JAX_PLATFORMS="cpu", MALLOC_MMAP_THRESHOLD_="262144")
    done = subprocess.run(
        [sys.executable, str(script), kind, str(few), str(many), *paths],
        capture_output=True,
        text=True,
        timeout=300,
        env=env,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 30, "MB; the larger set has 180 MB more"

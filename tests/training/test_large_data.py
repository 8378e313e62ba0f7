"""Data that are not in memory: HDF5, memory maps, anything with a shape that can be sliced."""

import os
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from kjax.engine.rows import Rows
from kjax.layers import Dense
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
import resource, sys
import numpy as np
import h5py
import kjax as keras
from kjax.layers import Dense
from kjax.models import Sequential

path, kind = sys.argv[1:]
rows, features = 60000, 1000  # 240 MB
if kind == "hdf5":
    source = h5py.File(path, "r")["x"]
else:
    source = np.memmap(path, "float32", "r", shape=(rows, features))
model = Sequential([Dense(1, input_shape=(features,))])
model.compile("sgd", "mse")
y = np.zeros((rows, 1), "float32")

def resident():  # memory of our own: pages of a mapped file belong to the system
    with open("/proc/self/status") as status:
        return sum(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024

model.fit(source[:4000], y[:4000], verbose=0)
before, most = resident(), [0]

class Watch(keras.callbacks.Callback):
    uses_batches = False
    def on_chunk_end(self, samples, steps, averages):
        most[0] = max(most[0], resident())

for shuffle in ("batch", False):
    model.fit(source, y, batch_size=64, shuffle=shuffle, verbose=0, callbacks=[Watch()])
model.evaluate(source, y, verbose=0)
model.predict(source)
most[0] = max(most[0], resident())
print(round(most[0] - before))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads /proc")
@pytest.mark.parametrize("kind", ["hdf5", "memmap"])
def test_memory_is_flat(tmp_path, kind):
    """240 MB of data; what is added to memory are a few chunks of 32 MB."""
    path = tmp_path / "data"
    if kind == "hdf5":
        with h5py.File(path, "w") as file:
            data = file.create_dataset("x", (60000, 1000), "float32")
            for i in range(0, 60000, 6000):
                data[i : i + 6000] = 0.5
    else:
        np.memmap(path, "float32", "w+", shape=(60000, 1000))[:] = 0.5
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(MEMORY))
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run(
        [sys.executable, str(script), str(path), kind],
        capture_output=True,
        text=True,
        timeout=300,
        env=dict(os.environ, PYTHONPATH=root, XLA_FLAGS="", JAX_PLATFORMS="cpu"),
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 160

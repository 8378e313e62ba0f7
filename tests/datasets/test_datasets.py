"""Data sets downloaded from a real server, from files in the real formats; offline and damaged ones."""

import gzip
import hashlib
import io
import json
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from kjax import backend as K
from kjax.datasets import boston_housing, cifar10, cifar100, digits, fashion_mnist, imdb, mnist, reuters, sources
from kjax.datasets.cifar import load_batch
from kjax.datasets.npz import read_npz
from tests.utils.server import Files, serving

RNG = np.random.RandomState(0)


def words(count):
    lists = np.empty(count, dtype=object)
    lists[:] = [[int(w) for w in RNG.randint(1, 60, RNG.randint(3, 30))] for _ in range(count)]
    return lists


def npz(**arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def idx(array):
    head = (0x0800 | array.ndim).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(head + array.tobytes())


def tar_gz(folder, files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def cifar_batch(count, *label_keys):
    content = {b"data": RNG.randint(0, 256, (count, 3072)).astype("uint8"), b"filenames": [b"a.png"] * count}
    content |= {key: [int(n) for n in RNG.randint(0, 10, count)] for key in label_keys}
    return pickle.dumps(content, protocol=2)


ARRAYS = {
    "mnist": {
        f"{a}_{b}": RNG.randint(0, 256, (5, 28, 28) if a == "x" else 5, "uint8")
        for a in "xy"
        for b in ("train", "test")
    },
    "boston": {"x": RNG.rand(20, 13), "y": RNG.rand(20)},
    "imdb": {
        "x_train": words(40),
        "y_train": RNG.randint(0, 2, 40),
        "x_test": words(25),
        "y_test": RNG.randint(0, 2, 25),
    },
    "reuters": {"x": words(50), "y": RNG.randint(0, 46, 50)},
    "fashion": [
        RNG.randint(0, 10, n, "uint8") if i % 2 == 0 else RNG.randint(0, 256, (n, 28, 28), "uint8")
        for i, n in enumerate((6, 6, 3, 3))
    ],
}
FILES = {
    "MNIST": npz(**ARRAYS["mnist"]),
    "BOSTON_HOUSING": npz(**ARRAYS["boston"]),
    "IMDB": npz(**ARRAYS["imdb"]),
    "IMDB_WORDS": json.dumps({"the": 1, "naïve": 2}).encode(),
    "REUTERS": npz(**ARRAYS["reuters"]),
    "REUTERS_WORDS": json.dumps({"oil": 1}).encode(),
    "CIFAR10": tar_gz(
        "cifar-10-batches-py",
        {f"data_batch_{i}": cifar_batch(4, b"labels") for i in range(1, 6)} | {"test_batch": cifar_batch(3, b"labels")},
    ),
    "CIFAR100": tar_gz(
        "cifar-100-python", {n: cifar_batch(4, b"fine_labels", b"coarse_labels") for n in ("train", "test")}
    ),
}


def published(source, url, content):
    path = "/" + source.origin.rsplit("/", 1)[1]
    return path, source._replace(origin=url + path, file_hash=hashlib.sha256(content).hexdigest())


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The published addresses and hashes, replaced by those of small files on a local server."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    modules = {"MNIST": mnist, "BOSTON_HOUSING": boston_housing, "IMDB": imdb, "IMDB_WORDS": imdb, "REUTERS": reuters}
    modules |= {"REUTERS_WORDS": reuters, "CIFAR10": cifar10, "CIFAR100": cifar100}
    with serving(Files()) as files:
        for name, content in FILES.items():
            path, source = published(getattr(sources, name), files.url, content)
            files[path] = content
            monkeypatch.setattr(modules[name], name, source)
        fashion = []
        for source, array in zip(sources.FASHION_MNIST, ARRAYS["fashion"], strict=True):
            content = idx(array)
            path, source = published(source, files.url, content)
            files[path] = content
            fashion.append(source)
        monkeypatch.setattr(fashion_mnist, "FASHION_MNIST", tuple(fashion))
        files.cache = tmp_path
        yield files


def test_mnist(server):
    for _ in range(2):
        (x_train, y_train), (x_test, y_test) = mnist.load_data()
    for got, name in zip((x_train, y_train, x_test, y_test), ("x_train", "y_train", "x_test", "y_test"), strict=True):
        np.testing.assert_array_equal(got, ARRAYS["mnist"][name])
    assert server.requests == ["/mnist.npz"]
    assert (server.cache / "datasets" / "mnist.npz").exists()
    x_train += 1  # it belongs to the caller


def test_fashion_mnist(server):
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    for got, want in zip((y_train, x_train, y_test, x_test), ARRAYS["fashion"], strict=True):
        np.testing.assert_array_equal(got, want)
    assert (server.cache / "datasets/fashion-mnist/t10k-images-idx3-ubyte.gz").exists()


def test_cifar(server):
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == (
        (20, 32, 32, 3),
        (20, 1),
        (3, 32, 32, 3),
        (3, 1),
    )
    assert x_train.dtype == y_train.dtype == np.uint8
    fine, coarse = cifar100.load_data(), cifar100.load_data("coarse")
    np.testing.assert_array_equal(fine[0][0], coarse[0][0])
    assert fine[0][0].shape == (4, 32, 32, 3) and (fine[0][1] != coarse[0][1]).any()
    assert server.requests == ["/cifar-10-python.tar.gz", "/cifar-100-python.tar.gz"]
    K.set_image_data_format("channels_first")
    try:
        np.testing.assert_array_equal(cifar10.load_data()[0][0], x_train.transpose(0, 3, 1, 2))
    finally:
        K.set_image_data_format("channels_last")
    with pytest.raises(ValueError, match="label_mode must be 'fine' or 'coarse', received 'both'"):
        cifar100.load_data("both")


def test_an_unpacked_folder_of_earlier_days_is_used(server):
    cifar10.load_data()
    (server.cache / "datasets" / "cifar-10-batches-py.tar.gz").unlink()
    cifar10.load_data()
    assert server.requests == ["/cifar-10-python.tar.gz"]
    (server.cache / "datasets" / "cifar-10-batches-py" / "test_batch").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks \['test_batch'\]; remove this folder"):
        cifar10.load_data()


def test_boston_housing(server):
    (x_train, y_train), (x_test, y_test) = boston_housing.load_data(test_split=0.25)
    order = np.arange(20)
    np.random.RandomState(113).shuffle(order)
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), ARRAYS["boston"]["x"][order])
    np.testing.assert_array_equal(y_test, ARRAYS["boston"]["y"][order[15:]])
    with pytest.raises(ValueError, match="test_split must be from 0 to below 1, received 1"):
        boston_housing.load_data(test_split=1)


def shuffled(lists, seed=113):
    order = np.arange(len(lists))
    np.random.RandomState(seed).shuffle(order)
    return [lists[i] for i in order]


def test_reviews(server):
    before = np.random.get_state()[1].tolist()
    (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=1000)
    assert np.random.get_state()[1].tolist() == before
    want = [[1] + [w + 3 for w in x] for x in shuffled(ARRAYS["imdb"]["x_train"])]
    assert x_train.dtype == object and x_train.tolist() == want
    assert y_train.tolist() == shuffled(ARRAYS["imdb"]["y_train"])
    assert (len(x_test), len(y_test)) == (25, 25)


@pytest.mark.parametrize("load", [imdb.load_data, reuters.load_data])
def test_limits_on_words(server, load):
    plain = load(start_char=None, index_from=0, num_words=10**6)[0][0]
    limited = load(start_char=None, index_from=0, num_words=30, skip_top=5)[0][0]
    dropped = load(start_char=None, index_from=0, num_words=30, skip_top=5, oov_char=None)[0][0]
    for x, y, z in zip(plain, limited, dropped, strict=True):
        assert y == [w if 5 <= w < 30 else 2 for w in x]
        assert z == [w for w in x if 5 <= w < 30]
    short = load(maxlen=12)
    assert all(len(x) < 12 for part in short for x in part[0])
    with pytest.raises(ValueError, match="no text has fewer than maxlen = 2 words"):
        load(maxlen=2)
    with pytest.warns(UserWarning, match="num_words"):
        assert load(nb_words=20)[0][0].tolist() == load(num_words=20)[0][0].tolist()
    with pytest.raises(TypeError, match="words"):
        load(words=3)


def test_topics(server):
    (x_train, y_train), (x_test, y_test) = reuters.load_data(test_split=0.1, seed=4)
    assert (len(x_train), len(x_test)) == (45, 5)
    assert y_train.tolist() + y_test.tolist() == shuffled(ARRAYS["reuters"]["y"], 4)


def test_word_indexes(server):
    assert imdb.get_word_index() == {"the": 1, "naïve": 2}
    assert reuters.get_word_index() == {"oil": 1}


def test_digits_need_no_network():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1437, 8, 8) and x_test.shape == (360, 8, 8) and x_train.max() == 16
    assert set(y_train) == set(range(10)) and len(y_test) == 360
    np.testing.assert_array_equal(digits.load_data()[0][0], x_train)
    with pytest.raises(ValueError, match="test_split"):
        digits.load_data(test_split=-1)


ALL = [mnist, fashion_mnist, cifar10, cifar100, imdb, reuters, boston_housing]


@pytest.mark.parametrize("module", ALL, ids=lambda m: m.__name__.rsplit(".")[-1])
def test_offline(tmp_path, monkeypatch, module):
    """Without a network: the URL, the hash, and where to put the file."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for scheme in ("http", "https"):
        for name in (scheme + "_proxy", scheme.upper() + "_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(OSError) as error:
        module.load_data()
    text = str(error.value)
    source = next(
        s
        for s in (*sources.FASHION_MNIST, *(getattr(sources, n) for n in FILES))
        if f"URL fetch failure on {s.origin}:" in text
    )
    assert f"hash {source.file_hash}) at {tmp_path}/datasets" in text
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_cached_file_with_another_content_is_not_used(server):
    place = server.cache / "datasets" / "imdb.npz"
    place.parent.mkdir()
    place.write_bytes(b"something else")
    imdb.load_data()
    assert place.read_bytes() == FILES["IMDB"]


def test_the_published_facts():
    everything = [*sources.FASHION_MNIST, *(getattr(sources, name) for name in FILES)]
    assert len({s.file_hash for s in everything}) == len(everything)
    assert all(len(s.file_hash) in (32, 64) and s.origin.startswith("https://") for s in everything)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no zip", "damaged file"),
        (npz(y=np.zeros(2)), r"needs one array 'x', it has \['y.npy'\]"),
        (npz(x=np.zeros((3, 3)))[:-200], "damaged file"),
        (npz(x=np.array([print], dtype=object)), "the name builtins.print is not allowed in a data file"),
    ],
)
def test_bad_npz_files(tmp_path, content, message):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_npz(tmp_path / "a.npz", "x")


def test_npz_headers_that_lie(tmp_path):
    def with_header(shape, dtype, body, order=False):
        out = io.BytesIO()
        np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": order, "shape": shape})
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("x.npy", out.getvalue() + body)
        return tmp_path / "a.npz"

    with pytest.raises(ValueError, match=r"announces shape \(1125899906842624,\), more than the file holds"):
        read_npz(with_header((2**50,), "<f8", b""), "x")
    with pytest.raises(ValueError, match="holds 160 bytes, not those of shape"):
        read_npz(with_header((10,), "<f8", bytes(160)), "x")
    with pytest.raises(ValueError, match=r"not the array of shape \(7,\)"):
        read_npz(with_header((7,), "|O", pickle.dumps(words(3))), "x")
    (got,) = read_npz(with_header((2, 3), "<i4", np.arange(6, dtype="<i4").tobytes(), order=True), "x")
    assert got.tolist() == [[0, 2, 4], [1, 3, 5]]


def test_bad_cifar_and_idx_files(tmp_path):
    for content, message in (
        (pickle.dumps({b"data": np.zeros((2, 5), "uint8"), b"labels": [1, 2]}, 2), r"shape \(2, 5\) and 2 labels"),
        (pickle.dumps([1, 2]), "not a CIFAR file with 'data' and 'labels'"),
        (b"hello", "not a data file that may be read"),
    ):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            load_batch(tmp_path / "a")
    for content, message in (
        (gzip.compress(b"hello"), "not an IDX file"),
        (idx(np.zeros((2, 3, 3), "uint8"))[:20], "damaged file"),
        (gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 9, 1])), r"holds 1 bytes, not those of shape \(9,\)"),
    ):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            fashion_mnist._read_idx(tmp_path / "a")

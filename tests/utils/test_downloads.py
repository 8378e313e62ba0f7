"""get_file against a real server: the cache holds the whole right file or none."""

import hashlib
import io
import multiprocessing
import os
import random
import socket
import tarfile
import time

import pytest

from kjax.utils import downloads
from kjax.utils.data_utils import _hash_file, get_file, validate_file
from tests.utils.server import Files, serving

BODY = random.Random(0).randbytes(300_000)
SHA, MD5 = hashlib.sha256(BODY).hexdigest(), hashlib.md5(BODY).hexdigest()


@pytest.fixture
def files(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(Files({"/a.bin": BODY})) as running:
        yield running


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def everything_in(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_download_and_cache(files, cache, capsys):
    for file_hash in (None, SHA, MD5, SHA.upper()):
        path = get_file("a.bin", files.url + "/a.bin", file_hash=file_hash)
        assert path == str(cache / "datasets" / "a.bin")
        assert open(path, "rb").read() == BODY
    assert files.requests == ["/a.bin"]
    out = capsys.readouterr().out
    assert out.startswith(f"Downloading data from {files.url}/a.bin") and "300000/300000 [====" in out
    assert everything_in(cache) == ["datasets/a.bin"]


def test_places(files, cache, tmp_path):
    origin = files.url + "/a.bin"
    assert get_file("a.bin", origin, cache_subdir="models") == str(cache / "models" / "a.bin")
    assert get_file("sub/a.bin", origin, cache_dir=str(tmp_path / "b")) == str(tmp_path / "b/datasets/sub/a.bin")
    assert get_file(str(tmp_path / "c.bin"), origin) == str(tmp_path / "c.bin")
    assert get_file(None, origin + "?download=1") == str(cache / "datasets" / "a.bin")


def test_old_hash_argument(files, cache):
    assert get_file("a.bin", files.url + "/a.bin", md5_hash=MD5)
    with pytest.raises(OSError, match=f"its md5 hash is {MD5}, not {'0' * 32}"):
        get_file("b.bin", files.url + "/a.bin", md5_hash="0" * 32)


def test_an_outdated_file_is_replaced(files, cache, capsys):
    place = cache / "datasets" / "a.bin"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"old")
    get_file("a.bin", files.url + "/a.bin", file_hash=SHA)
    assert place.read_bytes() == BODY
    assert f"the sha256 file hash does not match the original value of {SHA}" in capsys.readouterr().out


def test_wrong_hash(files, cache):
    with pytest.raises(OSError, match="its sha256 hash is") as error:
        get_file("a.bin", files.url + "/a.bin", file_hash="f" * 64)
    for part in (files.url, "Nothing was stored", str(cache / "datasets" / "a.bin"), "sha256 hash " + "f" * 64):
        assert part in str(error.value)
    assert everything_in(cache) == []


def test_a_wrong_download_leaves_the_old_file(files, cache):
    place = cache / "datasets" / "a.bin"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    with pytest.raises(OSError, match="hash"):
        get_file("a.bin", files.url + "/a.bin", file_hash="f" * 64)
    assert place.read_bytes() == b"mine" and everything_in(cache) == ["datasets/a.bin"]


@pytest.mark.parametrize("file_hash", [None, SHA])
def test_interrupted_download(files, cache, file_hash):
    files.cut["/a.bin"] = 100_000
    with pytest.raises(OSError, match="the connection ended after 100000 of 300000 bytes"):
        get_file("a.bin", files.url + "/a.bin", file_hash=file_hash)
    assert everything_in(cache) == []
    del files.cut["/a.bin"]
    assert open(get_file("a.bin", files.url + "/a.bin", file_hash=file_hash), "rb").read() == BODY


def test_no_length_announced(files, cache):
    files.unannounced.add("/a.bin")
    assert open(get_file("a.bin", files.url + "/a.bin", file_hash=SHA), "rb").read() == BODY


def test_offline(cache):
    with pytest.raises(OSError, match="URL fetch failure on http://127.0.0.1:9/a.bin: .*refused") as error:
        get_file("a.bin", "http://127.0.0.1:9/a.bin", file_hash=SHA)
    assert f"put the file (sha256 hash {SHA}) at {cache / 'datasets' / 'a.bin'}" in str(error.value)


def test_not_there(files, cache):
    with pytest.raises(OSError, match="404 -- Not Found"):
        get_file("b.bin", files.url + "/b.bin")


def test_a_server_that_says_nothing(files, cache, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(OSError, match="timed out"):
            get_file("a.bin", f"http://127.0.0.1:{silent.getsockname()[1]}/a.bin")


@pytest.mark.parametrize("target", ["file:///etc/hostname", "data:,hello", "gopher://127.0.0.1/a"])
def test_redirects_stay_in_the_web(files, cache, target):
    files.moved["/moved"] = target
    with pytest.raises(OSError, match="URL fetch failure"):
        get_file("a.bin", files.url + "/moved")
    assert everything_in(cache) == []
    files.moved["/moved"] = files.url + "/a.bin"
    assert open(get_file("a.bin", files.url + "/moved"), "rb").read() == BODY


@pytest.mark.parametrize("last", ["..", "%2e%2e", "a%2fb", "a%5cb", "", "a%00b"])
def test_names_from_urls(files, cache, last):
    with pytest.raises(ValueError, match="the last part of origin is no file name"):
        get_file(None, f"{files.url}/x/{last}")


@pytest.mark.parametrize("fname", ["../a.bin", "a/../../b", "", ".", "a\0b"])
def test_names_outside_the_cache(files, cache, fname):
    with pytest.raises(ValueError, match="must be the name of a file inside the cache"):
        get_file(fname, files.url + "/a.bin")


@pytest.mark.parametrize("origin", ["a.bin", "javascript:1", "/etc/hostname"])
def test_origins(cache, origin):
    with pytest.raises(OSError, match="origin must be a http, https, ftp or file URL"):
        get_file("a.bin", origin)


def test_files_by_url(tmp_path, cache):
    (tmp_path / "local.bin").write_bytes(BODY)
    assert open(get_file("a.bin", (tmp_path / "local.bin").as_uri(), file_hash=SHA), "rb").read() == BODY


def test_leftovers_of_killed_downloads_go(files, cache):
    folder = cache / "datasets"
    folder.mkdir(parents=True)
    old, new = folder / ".a.bin.x.part", folder / ".a.bin.y.part"
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 10**6,) * 2)
    get_file("a.bin", files.url + "/a.bin")
    assert everything_in(cache) == ["datasets/.a.bin.y.part", "datasets/a.bin"]


def get_in_process(url, cache_dir, results, together):
    together.wait(60)
    path = get_file("a.bin", url, file_hash=SHA, cache_dir=cache_dir)
    results.put(_hash_file(path))


def test_two_processes_at_once(files, cache):
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    arguments = (files.url + "/a.bin", str(cache), results, spawn.Barrier(2))
    processes = [spawn.Process(target=get_in_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    assert {results.get(timeout=60) for _ in processes} == {SHA}
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert everything_in(cache / "datasets") == ["a.bin"]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
def test_an_unwritable_cache(files, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setattr(downloads.tempfile, "gettempdir", lambda: str(tmp_path))
    path = get_file("a.bin", files.url + "/a.bin", cache_dir=str(blocked))
    assert path == str(tmp_path / f".keras-{os.getuid()}" / "datasets" / "a.bin")
    assert (tmp_path / f".keras-{os.getuid()}").stat().st_mode & 0o777 == 0o700


def tar_gz(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_unpacking(files, cache):
    files["/set.tar.gz"] = tar_gz({"set/a": b"1", "set/b/c": b"2"})
    path = get_file("set", files.url + "/set.tar.gz", untar=True)
    assert path == str(cache / "datasets" / "set")
    assert everything_in(cache) == ["datasets/set.tar.gz", "datasets/set/a", "datasets/set/b/c"]
    files["/other.tar.gz"] = tar_gz({"set/d": b"3"})
    path = get_file("other.tar.gz", files.url + "/other.tar.gz", extract=True)
    assert path == str(cache / "datasets" / "other.tar.gz")
    assert "datasets/set/d" in everything_in(cache) and "datasets/set/a" in everything_in(cache)
    with pytest.warns(UserWarning, match="nothing to unpack, .*a.bin is no archive"):
        get_file("a.bin", files.url + "/a.bin", extract=True)


def test_a_bad_archive_leaves_no_tree(files, cache):
    files["/bad.tar.gz"] = tar_gz({"set/a": b"1", "../evil": b"2"})
    with pytest.raises(ValueError, match="'../evil' would lie outside the folder"):
        get_file("set", files.url + "/bad.tar.gz", untar=True)
    assert everything_in(cache) == ["datasets/set.tar.gz"]


def test_hashes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(BODY)
    assert (_hash_file(path), _hash_file(path, "md5")) == (SHA, MD5)
    assert validate_file(path, SHA) and validate_file(path, MD5) and validate_file(path, SHA, "sha256")
    assert not validate_file(path, "0" * 64)
    with pytest.raises(ValueError, match="hash algorithm must be 'sha256', 'md5' or 'auto', received 'crc'"):
        validate_file(path, SHA, "crc")

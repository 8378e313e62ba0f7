"""Hostile and damaged archives: everything or nothing, and never outside the folder."""

import io
import os
import stat
import struct
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kjax.utils import archives
from kjax.utils.archives import ArchiveError, extract_archive


def member(name, content=b"x", **attributes):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def make_tar(path, *members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


def make_zip(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info, content)
    return path


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("here before")
    return tmp_path / "out"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_good_tars(tmp_path, out, mode):
    folder = tarfile.TarInfo("./a/empty")
    folder.type = tarfile.DIRTYPE
    long = "a/" + "n" * 150
    path = make_tar(
        tmp_path / "a.tar",
        member("./a/b", b"1" * 5000),
        (folder, b""),
        member("run", mode=0o4755),
        member(long),
        mode=mode,
    )
    assert extract_archive(path, out) is True
    assert tree(out) == ["a", "a/b", "a/empty", long, "old", "run"]
    assert (out / "a/b").read_bytes() == b"1" * 5000
    assert os.access(out / "run", os.X_OK) and not (out / "run").stat().st_mode & stat.S_ISUID


def test_good_zips(tmp_path, out):
    path = make_zip(tmp_path / "a.zip", ("a/b", b"1" * 5000), ("a/c/", b""), ("naïve", b"2"))
    assert extract_archive(path, out, "zip") is True
    assert tree(out) == ["a", "a/b", "a/c", "naïve", "old"]


def test_existing_folders_are_merged(tmp_path, out):
    (out / "a").mkdir()
    (out / "a/mine").write_text("1")
    (out / "a/b").write_text("old")
    extract_archive(make_tar(tmp_path / "a.tar", member("a/b", b"new"), member("a/c")), out)
    assert tree(out) == ["a", "a/b", "a/c", "a/mine", "old"] and (out / "a/b").read_text() == "new"
    with pytest.raises(ValueError, match="is a folder where the archive has a file"):
        extract_archive(make_tar(tmp_path / "b.tar", member("a")), out)


def special(name, kind, **attributes):
    return member(name, b"", type=kind, **attributes)


BAD_TARS = {
    "climbs": ([member("a"), member("../evil")], "'../evil' would lie outside"),
    "climbs inside": ([member("a/../../evil")], "would lie outside"),
    "absolute": ([member("/tmp/evil")], "would lie outside"),
    "backslash": ([member("..\\evil")], "has a backslash"),
    "drive": ([member("C:evil")], "a drive letter"),
    "link": ([special("a", tarfile.SYMTYPE, linkname="/etc"), member("a/passwd")], "'a' is a link, a device"),
    "hard link": ([special("a", tarfile.LNKTYPE, linkname="/etc/passwd")], "is a link"),
    "device": ([special("a", tarfile.CHRTYPE)], "is a link, a device"),
    "fifo": ([special("a", tarfile.FIFOTYPE)], "is a link, a device"),
    "twice": ([member("a/b"), member("a/./b")], "comes twice"),
    "file as folder": ([member("a"), member("a/b")], "lies inside another member that is a file"),
    "folder as file": ([member("a/b"), member("a")], "comes twice"),
    "long name": ([member("n" * 300)], "too long a name"),
    "long path": ([member("/".join(["n" * 200] * 30))], "too long a name"),
}


@pytest.mark.parametrize("name", BAD_TARS)
def test_bad_tars_leave_nothing(tmp_path, out, name):
    members, message = BAD_TARS[name]
    path = make_tar(tmp_path / "bad.tar", *members, mode="w:gz")
    with pytest.raises(ValueError, match=rf"bad\.tar: refused, nothing was unpacked: .*{message}"):
        extract_archive(path, out)
    assert tree(out) == ["old"] and not (tmp_path / "evil").exists()


def test_too_many_members(tmp_path, out, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 10)
    with pytest.raises(ValueError, match="is one too many: the limit is 10"):
        extract_archive(make_tar(tmp_path / "a.tar", *(member(str(i)) for i in range(20))), out)
    assert tree(out) == ["old"]


def test_bombs(tmp_path, out, monkeypatch):
    monkeypatch.setattr(archives, "FREE_BYTES", 10_000)
    zeros = bytes(5_000_000)
    for path in (
        make_tar(tmp_path / "a.tar", member("a", zeros), mode="w:gz"),
        make_zip(tmp_path / "a.zip", ("a", zeros)),
        make_zip(tmp_path / "b.zip", *((str(i), bytes(1_000_000)) for i in range(20))),
    ):
        with pytest.raises(ValueError, match="takes the archive beyond .* bytes"):
            extract_archive(path, out)
        assert tree(out) == ["old"]


def test_huge_tar_header(tmp_path, out, monkeypatch):
    monkeypatch.setattr(archives, "FREE_BYTES", 10_000)
    info = tarfile.TarInfo("a")
    info.pax_headers = {"comment": "x" * 5_000_000}
    with tarfile.open(tmp_path / "a.tar", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    with pytest.raises(ArchiveError, match="a.tar: damaged archive, .*: a header of 5000017 bytes"):
        extract_archive(tmp_path / "a.tar", out)


def zip_member(name, mode=0o644, kind=stat.S_IFREG):
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | mode) << 16
    return info


BAD_ZIPS = {
    "climbs": ([("a", b""), ("../evil", b"")], "would lie outside"),
    "absolute": ([("/tmp/evil", b"")], "would lie outside"),
    "backslash": ([("..\\evil", b"")], "has a backslash"),
    "link": ([(zip_member("a", kind=stat.S_IFLNK), b"/etc/passwd")], "is a link"),
    "fifo": ([(zip_member("a", kind=stat.S_IFIFO), b"")], "is a link, a device"),
    "inside": ([("a", b""), ("a/b", b"")], "inside another member that is a file"),
}


@pytest.mark.parametrize("name", BAD_ZIPS)
def test_bad_zips_leave_nothing(tmp_path, out, name):
    members, message = BAD_ZIPS[name]
    with pytest.raises(ValueError, match=rf"bad\.zip: refused, nothing was unpacked: .*{message}"):
        extract_archive(make_zip(tmp_path / "bad.zip", *members), out)
    assert tree(out) == ["old"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zip_names_twice(tmp_path, out):
    with pytest.raises(ValueError, match="comes twice"):
        extract_archive(make_zip(tmp_path / "a.zip", ("a", b"1"), ("a", b"2")), out)


def edit(path, find, change):
    """Changes bytes behind the first occurrence of a signature."""
    content = bytearray(path.read_bytes())
    at = content.find(find)
    change(content, at)
    path.write_bytes(content)
    return path


def test_zip_lies(tmp_path, out):
    def encrypted(content, at):
        content[at + 8] |= 1

    def longer(content, at):
        content[at + 24 : at + 28] = struct.pack("<I", 10)

    def elsewhere(content, at):
        content[at + 42 : at + 46] = struct.pack("<I", 3)

    for change, message in ((encrypted, "is encrypted"), (longer, "damaged|instead of"), (elsewhere, "has no header")):
        path = make_zip(tmp_path / "a.zip", ("a", b"1" * 50))
        with pytest.raises(ValueError, match=message):
            extract_archive(edit(path, b"PK\x01\x02", change), out)
        assert tree(out) == ["old"]


def test_overlapping_zip_members(tmp_path, out):
    path = make_zip(tmp_path / "a.zip", ("a", os.urandom(50)), ("b", b"2"))

    def swallow(content, at):  # the first member claims the bytes of the second
        content[at + 20 : at + 24] = struct.pack("<I", 80)

    with pytest.raises(ValueError, match="overlaps with another member"):
        extract_archive(edit(path, b"PK\x01\x02", swallow), out)
    assert tree(out) == ["old"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_truncated_archives(tmp_path, out, mode):
    content = os.urandom(30_000)
    path = make_tar(tmp_path / "a.tar", member("a", content), member("b", content), mode=mode)
    whole = path.read_bytes()
    for part in (0.3, 0.6, 0.97):
        if mode == "w" and part > 0.9:
            continue  # only the padding is missing
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(ValueError, match="damaged archive, nothing was unpacked"):
            extract_archive(path, out)
        assert tree(out) == ["old"]


def test_what_is_no_archive(tmp_path, out):
    for content in (b"", b"hello" * 200, b"\x1f\x8b broken" * 9, b"BZh broken" * 9, bytes(2000)):
        path = tmp_path / "a"
        path.write_bytes(content)
        assert extract_archive(path, out) is False
    tar = make_tar(tmp_path / "a.tar", member("a"))
    assert extract_archive(tar, out, None) is False and extract_archive(tar, out, "zip") is False
    with pytest.raises(ValueError, match="archive_format must be 'auto', 'tar', 'zip' or None, received 'rar'"):
        extract_archive(tar, out, "rar")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["w", "w:gz"]), st.integers(0, 5000), st.integers(0, 255))
def test_flipped_bytes_never_leave_half_a_tree(tmp_path_factory, mode, place, value):
    folder = tmp_path_factory.mktemp("flip")
    path = make_tar(folder / "a.tar", member("a", b"1" * 700), member("b/c", b"2" * 700), mode=mode)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content)
    (folder / "out").mkdir()
    try:
        done = extract_archive(path, folder / "out")
    except ValueError:
        done = False
    assert done or tree(folder / "out") == []
    assert sorted(p.name for p in folder.iterdir()) == ["a.tar", "out"]


def test_a_directory_that_is_not_where_the_zip_says(tmp_path, out):
    """Errors are the archive's own, with its name; whatever the place."""
    for where in (1, 7, 2**31, 2**32 - 2):
        path = make_zip(tmp_path / "a.zip", ("a", b"1" * 50))

        def moved(content, at, where=where):
            content[at + 16 : at + 20] = struct.pack("<I", where)

        with pytest.raises(ArchiveError, match=r"a\.zip: ") as caught:
            extract_archive(edit(path, b"PK\x05\x06", moved), out, "zip")
        assert caught.value.archive == path and tree(out) == ["old"]


SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a", "GNU.sparse.realsize": "10"}


@pytest.mark.parametrize("map", [b"1\n0\n99999999999\n", b"x\n", b"9" * 400], ids=range(3))
def test_sparse_tars_are_refused(tmp_path, out, map):
    info, content = member("a", map)
    info.pax_headers = SPARSE
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(content))
    old = member("b", b"", type=b"S")
    for path in (tmp_path / "a.tar", make_tar(tmp_path / "b.tar", old)):
        with pytest.raises(ArchiveError, match=f"{path.name}: refused.* another special file"):
            extract_archive(path, out)
        assert tree(out) == ["old"]


LIES = {
    "a size beyond the end": (slice(124, 136), b"77777777777\0", "it ends within a member"),
    "a huge size": (slice(124, 136), b"\x80" + b"\xff" * 11, "a size of"),
    "a negative size": (slice(124, 136), b"\xff" * 12, "is no number"),
    "a size in letters": (slice(124, 136), b"abcdefghijk\0", "is no number"),
    "a mode in letters": (slice(100, 108), b"rwxrwx \0", "is no number"),
}


@pytest.mark.parametrize("where, what, message", list(LIES.values()), ids=list(LIES))
def test_tar_headers_that_lie(tmp_path, out, where, what, message):
    path = make_tar(tmp_path / "a.tar", member("first"), member("a"))
    content = bytearray(path.read_bytes())
    block = content[1024:1536]
    block[where], block[148:156] = what, b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    content[1024:1536] = block
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=f"a.tar: damaged archive, nothing was unpacked: .*{message}"):
        extract_archive(path, out)
    assert tree(out) == ["old"]


def test_tars_of_other_programs(tmp_path, out):
    """Names of every length and writing in each format that Python writes."""
    names = ["short", "d/" + "n" * 99, "/".join(["p" * 90] * 3), "é/" + "ü" * 120]
    for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        used = names[:2] if kind == tarfile.USTAR_FORMAT else names
        with tarfile.open(tmp_path / "a.tar", "w", format=kind, pax_headers={"comment": "all"}) as archive:
            for name in used:
                info, content = member(name, name.encode(), mtime=1.5, uid=2**40 if kind != tarfile.USTAR_FORMAT else 1)
                archive.addfile(info, io.BytesIO(content))
        folder = tmp_path / str(kind)
        assert extract_archive(tmp_path / "a.tar", folder)
        assert all((folder / name).read_bytes() == name.encode() for name in used)

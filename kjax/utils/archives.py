"""Unpacking of downloaded tar and zip files: all members into the target folder, or nothing at all."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

from kjax.utils.tar_reader import BLOCK, TarError, is_tar_header, tar_members

MAX_MEMBERS = 500_000
# An archive may unpack to this many times its size. Compressed zeros reach 1000, data sets stay below 20.
MAX_RATIO = 200
FREE_BYTES = 1 << 30  # up to this size no ratio is asked for
_BLOCK = 1 << 20
_PART = ".unpacking-"
_CODEC_ERRORS = (lzma.LZMAError, zlib.error, struct.error)
# what the readers end in on damaged archives
_DAMAGE = (
    TarError,
    zipfile.BadZipFile,
    EOFError,
    RuntimeError,
    LookupError,
    OverflowError,
    UnicodeError,
    *_CODEC_ERRORS,
)


class ArchiveError(ValueError):
    """An archive that is damaged or refused; nothing of it was unpacked.

    Args:
        archive: its path.
        reason: what is wrong.
    """

    def __init__(self, archive, reason):
        super().__init__(f"{archive}: {reason}")
        self.archive, self.reason = archive, reason

    def __reduce__(self):
        return type(self), (self.archive, self.reason)


def extract_archive(file_path, path=".", archive_format="auto") -> bool:
    """Unpacks the archive into folder `path`; False if the file is none.

    Args:
        file_path: of the archive.
        path: folder for the members; made if missing.
        archive_format: 'auto' (tar, then zip), 'tar', 'zip', a list of these, or None for none.

    Regular files and folders only: a link, a device, a name that leaves `path`, a name twice, an encrypted or
    overlapping member, or more data than such an archive can hold is a ValueError, and nothing is unpacked.
    """
    if archive_format is None:
        return False
    formats = ["tar", "zip"] if archive_format == "auto" else archive_format
    formats = [formats] if isinstance(formats, str) else list(formats)
    for name in formats:
        if name not in ("tar", "zip"):
            raise ValueError(f"archive_format must be 'auto', 'tar', 'zip' or None, received {archive_format!r}")
    file_path, path = Path(file_path), Path(path)
    kinds = {"tar": (_is_tar, _unpack_tar), "zip": (zipfile.is_zipfile, _unpack_zip)}
    for is_kind, unpack in (kinds[name] for name in formats):
        if is_kind(file_path):
            _unpack_whole(file_path, path, unpack)
            return True
    return False


def _unpack_whole(archive: Path, target: Path, unpack) -> None:
    target.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=_PART, dir=target))
    try:
        try:
            unpack(archive, _Staging(archive, staging))
        except ArchiveError:
            raise
        except (*_DAMAGE, ValueError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # the disk's trouble
                raise
            reason = str(error) or type(error).__name__
            raise ArchiveError(archive, f"damaged archive, nothing was unpacked: {reason}") from error
        _move_into(archive, staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move_into(archive: Path, source: Path, target: Path) -> None:
    """Moves the entries of `source` into `target`, file by file where a folder exists already."""
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if entry.is_dir() and place.is_dir():
            _move_into(archive, entry, place)
        elif place.is_dir():
            raise ArchiveError(archive, f"{place} is a folder where the archive has a file")
        else:
            os.replace(entry, place)


class _Staging:
    """The folder being filled, with what keeps members honest."""

    def __init__(self, archive: Path, folder: Path):
        self.archive = archive
        self.folder = folder
        self.seen: dict[str, bool] = {}
        self.limit = max(FREE_BYTES, MAX_RATIO * archive.stat().st_size)
        self.written = 0

    def refuse(self, member: str, reason: str):
        shown = member if len(member) <= 120 else member[:120] + "..."
        raise ArchiveError(self.archive, f"refused, nothing was unpacked: member {shown!r} {reason}")

    def claim(self, name: str, is_folder: bool) -> Path:
        """The path for a member; refuses names that leave the folder or come twice."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if "\\" in name or "\0" in name or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
            self.refuse(name, "has a backslash, a drive letter or a NUL in its name")
        if name.startswith("/") or ".." in parts:
            self.refuse(name, "would lie outside the folder")
        if any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts) or len(name) > 4000:
            self.refuse(name, "has too long a name")
        if len(self.seen) >= MAX_MEMBERS:
            self.refuse(name, f"is one too many: the limit is {MAX_MEMBERS}")
        key = "/".join(parts)
        if key and key in self.seen and not (is_folder and self.seen[key]):
            self.refuse(name, "comes twice")
        for i in range(1, len(parts)):
            if self.seen.get("/".join(parts[:i]), True) is False:
                self.refuse(name, "lies inside another member that is a file")
            self.seen.setdefault("/".join(parts[:i]), True)
        if key:
            self.seen[key] = is_folder
        elif not is_folder:
            self.refuse(name, "has no name")
        return self.folder.joinpath(*parts)

    def count(self, size: int, member: str) -> None:
        self.written += size
        if self.written > self.limit:
            self.refuse(member, f"takes the archive beyond {self.limit} bytes, {MAX_RATIO} times its size")

    def add_folder(self, name: str) -> None:
        self.claim(name, True).mkdir(parents=True, exist_ok=True)

    def add_file(self, name: str, stream, size: int, executable: bool) -> None:
        place = self.claim(name, False)
        place.parent.mkdir(parents=True, exist_ok=True)
        copied = 0
        with open(place, "xb") as out:
            while block := stream.read(_BLOCK):
                copied += len(block)
                self.count(len(block), name)
                out.write(block)
        if copied != size:
            self.refuse(name, f"holds {copied} bytes instead of the {size} it declares")
        if executable:
            place.chmod(place.stat().st_mode | 0o111)


class _Counted:
    """A decompressed stream that refuses to deliver more than the staging area allows."""

    def __init__(self, stream, staging: _Staging):
        self.stream = stream
        self.staging = staging
        self.delivered = 0

    def read(self, size=-1):
        block = self.stream.read(size)
        self.delivered += len(block)
        # headers and padding come on top of the files
        if self.delivered > 2 * self.staging.limit:
            self.staging.refuse("(headers)", "takes the archive beyond its size limit")
        return block


def _decompressed(archive: Path):
    with open(archive, "rb") as raw:
        start = raw.read(6)
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(archive, "rb")
    if start.startswith(b"BZh"):
        return bz2.open(archive, "rb")
    if start.startswith(b"\xfd7zXZ\x00"):
        return lzma.open(archive, "rb")
    return open(archive, "rb")


def _is_tar(archive: Path) -> bool:
    try:
        with _decompressed(archive) as stream:
            return is_tar_header(stream.read(BLOCK))
    except EOFError:  # the stream breaks off: unpacking says so
        return True
    except (OSError, *_CODEC_ERRORS) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return False


def _unpack_tar(archive: Path, staging: _Staging) -> None:
    with _decompressed(archive) as stream:
        counted = _Counted(stream, staging)
        for member in tar_members(counted):
            if member.kind == "folder":
                staging.add_folder(member.name)
            elif member.kind == "file":
                staging.add_file(member.name, member.stream, member.size, member.executable)
            else:
                staging.refuse(member.name, "is a link, a device or another special file")
        while counted.read(_BLOCK):  # to the end, where the checksums of compressed files are
            pass


def _unpack_zip(archive: Path, staging: _Staging) -> None:
    with zipfile.ZipFile(archive) as zipped:
        members = zipped.infolist()
        _check_zip_layout(archive, zipped, members, staging)
        for member in members:
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                staging.refuse(member.filename, "is a link, a device or another special file")
            if member.flag_bits & 0x1:
                staging.refuse(member.filename, "is encrypted")
            if member.is_dir():
                staging.add_folder(member.orig_filename)
                continue
            if staging.written + member.file_size > staging.limit:
                staging.count(member.file_size, member.filename)
            with zipped.open(member) as content:
                staging.add_file(member.orig_filename, content, member.file_size, bool(mode & stat.S_IXUSR))


def _check_zip_layout(archive: Path, zipped: zipfile.ZipFile, members, staging: _Staging) -> None:
    """Members must lie one after the other in front of the directory."""
    end = zipped.start_dir
    with open(archive, "rb") as raw:
        for member in sorted(members, key=lambda m: m.header_offset, reverse=True):
            raw.seek(member.header_offset)
            header = raw.read(30)
            if len(header) < 30 or header[:4] != b"PK\x03\x04":
                staging.refuse(member.filename, "has no header")
            name_length, extra_length = struct.unpack("<HH", header[26:30])
            if member.header_offset + 30 + name_length + extra_length + member.compress_size > end:
                staging.refuse(member.filename, "overlaps with another member")
            end = member.header_offset

"""The file cache: downloads enter it complete and with the right hash, or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from pathlib import Path

from kjax.utils.archives import extract_archive
from kjax.utils.progbar import Progbar

TIMEOUT_SECONDS = 60  # without a byte from the server
_BLOCK = 1 << 16
_PART_SUFFIX = ".part"
_STALE_SECONDS = 24 * 3600


def _hash_file(fpath, algorithm="sha256", chunk_size=65535):
    """Hex digest of a file: 'sha256' (also 'auto') or 'md5'."""
    digest = _new_hash(algorithm)
    with open(fpath, "rb") as file:
        while block := file.read(chunk_size):
            digest.update(block)
    return digest.hexdigest()


def validate_file(fpath, file_hash, algorithm="auto", chunk_size=65535):
    """True if the file has this hash.

    Args:
        fpath: path.
        file_hash: hex digest.
        algorithm: 'sha256', 'md5', or 'auto' (by the length of file_hash).
        chunk_size: bytes read at a time.
    """
    return _hash_file(fpath, _algorithm(file_hash, algorithm), chunk_size) == str(file_hash).lower()


def get_file(
    fname,
    origin,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
):
    """Path of a file in the cache, downloaded when it is not there (or has another hash than it should).

    Args:
        fname: name in the cache, or an absolute path; None takes the last part of `origin`.
        origin: URL.
        untar: unpack `fname`.tar.gz and give the path without that ending. Kept for old code; use `extract`.
        md5_hash: kept for old code; use `file_hash`.
        file_hash: expected hex digest, checked before anything is used.
        cache_subdir: folder in the cache.
        hash_algorithm: 'sha256', 'md5', or 'auto' (by the length of the hash).
        extract: also unpack the file, next to it, if it is a tar or zip.
        archive_format: 'auto', 'tar', 'zip', a list of these, or None.
        cache_dir: default the environment's KERAS_HOME, else ~/.keras.

    Differs: the hash of a fresh download is checked, too; the file appears in the cache only when it is complete;
    archives with links or names that leave the folder are refused.
    """
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    if file_hash is not None:
        hash_algorithm = _algorithm(file_hash, hash_algorithm)
    fname = _name_from(origin) if fname is None else os.fspath(fname)
    path = _place(fname + ".tar.gz" if untar else fname, cache_subdir, cache_dir)
    if not _usable(path, file_hash, hash_algorithm):
        _download(origin, path, file_hash, hash_algorithm)
    if untar:
        unpacked = path.with_name(path.name[: -len(".tar.gz")])
        if not unpacked.exists():
            _extract(path, "tar")
        return str(unpacked)
    if extract:
        _extract(path, archive_format)
    return str(path)


def _algorithm(file_hash, algorithm) -> str:
    if algorithm == "auto":
        algorithm = "sha256" if len(str(file_hash)) == 64 else "md5"
    _new_hash(algorithm)
    return algorithm


def _new_hash(algorithm):
    if algorithm in ("sha256", "auto"):
        return hashlib.sha256()
    if algorithm == "md5":
        return hashlib.md5(usedforsecurity=False)
    raise ValueError(f"hash algorithm must be 'sha256', 'md5' or 'auto', received {algorithm!r}")


def _name_from(origin) -> str:
    name = urllib.parse.unquote(urllib.parse.urlsplit(origin).path.rpartition("/")[2])
    if name in ("", ".", "..") or any(c in name for c in "/\\\0:"):
        raise ValueError(f"get_file: the last part of origin is no file name, give fname; received origin={origin!r}")
    return name


def _place(fname, cache_subdir, cache_dir) -> Path:
    """The path in the cache, its folder made; a relative name may not leave the cache."""
    if os.path.isabs(fname):
        path = Path(fname)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
    if cache_dir is None:
        cache_dir = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    folder = Path(cache_dir).expanduser() / cache_subdir
    inside = Path(os.path.normpath(fname))
    if not fname or ".." in inside.parts or inside == Path(".") or "\0" in fname:
        raise ValueError(f"get_file: fname must be the name of a file inside the cache, received {fname!r}")
    if (folder / inside).exists():
        return folder / inside
    try:
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
        writable = os.access((folder / inside).parent, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        folder = _private_temporary_folder() / cache_subdir
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
    return folder / inside


def _private_temporary_folder() -> Path:
    """Where files go when the cache cannot be written: a folder in the system's temporary one that is ours alone."""
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f".keras-{owner}"
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if folder.is_symlink() or (hasattr(os, "getuid") and facts.st_uid != owner):
        raise PermissionError(f"get_file: {folder} belongs to somebody else; set cache_dir or KERAS_HOME")
    return folder


def _usable(path: Path, file_hash, algorithm) -> bool:
    if not path.exists():
        return False
    if not path.is_file():
        raise ValueError(f"get_file: {path} exists and is not a file")
    if file_hash is None or validate_file(path, file_hash, algorithm):
        return True
    print(
        f"A local file was found, but it seems to be incomplete or outdated because the {algorithm} file hash does not "
        f"match the original value of {file_hash} so we will re-download the data."
    )
    return False


def _download(origin, path: Path, file_hash, algorithm) -> None:
    print("Downloading data from", origin)
    _remove_stale_parts(path)
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_PART_SUFFIX, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            digest = _fetch(origin, out, algorithm)
            out.flush()
            os.fsync(out.fileno())
        if file_hash is not None and digest != str(file_hash).lower():
            raise ValueError(f"its {algorithm} hash is {digest}, not {file_hash}")
        os.chmod(part, 0o644)
        os.replace(part, path)
    except (OSError, ValueError, http.client.HTTPException) as error:
        wanted = f" ({algorithm} hash {file_hash})" if file_hash is not None else ""
        raise OSError(
            f"URL fetch failure on {origin}: {_reason(error)}. Nothing was stored. To go on without the network, "
            f"put the file{wanted} at {path}"
        ) from error
    finally:
        Path(part).unlink(missing_ok=True)


def _reason(error) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} -- {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never out of the web (urllib sees to that) nor from https to plain http."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise ValueError(f"the server redirects from https to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(origin, out, algorithm) -> str:
    """Writes the body to `out`; its hex digest. A body shorter than announced is an error."""
    scheme = urllib.parse.urlsplit(origin).scheme
    if scheme not in ("http", "https", "ftp", "file"):
        raise ValueError(f"origin must be a http, https, ftp or file URL, received {origin!r}")
    opener = urllib.request.build_opener(_NoDowngrade)
    request = urllib.request.Request(origin, headers={"User-Agent": "kjax", "Accept-Encoding": "identity"})
    digest = _new_hash(algorithm)
    with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
        announced = response.headers.get("Content-Length")
        total = int(announced) if announced and announced.strip().isdigit() else None
        bar = Progbar(total) if total else None
        received = 0
        while block := response.read(_BLOCK):
            out.write(block)
            digest.update(block)
            received += len(block)
            if bar is not None:
                bar.update(received)
        if bar is not None:
            bar.close()
        if total is not None and received != total:
            raise ValueError(f"the connection ended after {received} of {total} bytes")
    return digest.hexdigest()


def _remove_stale_parts(path: Path) -> None:
    """What a killed download left behind."""
    for part in path.parent.glob(f".{_escaped(path.name)}.*{_PART_SUFFIX}"):
        try:
            if time.time() - part.stat().st_mtime > _STALE_SECONDS:
                part.unlink()
        except FileNotFoundError:  # another process was quicker
            continue


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _extract(path: Path, archive_format) -> None:
    if not extract_archive(path, path.parent, archive_format):
        warnings.warn(f"get_file: nothing to unpack, {path} is no archive of format {archive_format!r}", stacklevel=3)

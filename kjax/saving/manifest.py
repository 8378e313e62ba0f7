"""The list of a folder's files with their sizes and checksums, itself with one."""

from __future__ import annotations

import hashlib
import json
import os
import stat

from kjax.saving.bounded import parse_json
from kjax.saving.errors import CorruptFileError

__all__ = ["NAME", "check_manifest", "files_in", "read_json", "sync", "write_json", "write_manifest"]

NAME = "manifest.json"
VERSION = 1
_KEYS = {"version", "step", "files"}  # the checksum of these came later


def write_manifest(folder, step) -> None:
    """Brings all files of a folder to the disk and writes what they are.

    Args:
        step: what the folder is called.
    """
    files = files_in(folder)
    manifest = {"version": VERSION, "step": str(step), "files": {name: _digest(folder, name) for name in files}}
    for name in files:
        sync(os.path.join(folder, name))
    write_json(os.path.join(folder, NAME), {**manifest, "checksum": _checksum(manifest)})


def check_manifest(folder, step) -> None:
    """Compares every file of a folder with its manifest.

    Raises:
        CorruptFileError: when a file is missing, changed, unknown, or no regular file, or the folder is another step's.
    """
    path = os.path.join(folder, NAME)
    manifest = read_json(folder, NAME)
    if not isinstance(manifest, dict) or manifest.get("version") != VERSION or type(manifest.get("files")) is not dict:
        raise CorruptFileError(path, f"no manifest of version {VERSION}.")
    stated = manifest.pop("checksum", None)
    if manifest.keys() != _KEYS or stated is not None and stated != _checksum(manifest):
        raise CorruptFileError(path, "changed since it was written.")
    if manifest["step"] != str(step):
        raise CorruptFileError(path, f"it is that of {str(manifest['step'])[:80]!r}, not of {step}.")
    files, listed = set(files_in(folder)) - {NAME}, set(manifest["files"])
    if files != listed:
        missing, unknown = (sorted(names)[:3] for names in (listed - files, files - listed))
        raise CorruptFileError(folder, f"the files {missing} are missing, {unknown} are not in the manifest.")
    for name, digest in manifest["files"].items():
        if _digest(folder, name) != digest:
            raise CorruptFileError(os.path.join(folder, name), "changed since it was written.")


def files_in(folder) -> list:
    """Paths of all files below a folder.

    Raises:
        CorruptFileError: for links and whatever else is no regular file.
    """
    found = []
    for place, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = os.path.join(place, name)
            mode = os.lstat(path).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise CorruptFileError(path, "neither a regular file nor a folder.")
            if stat.S_ISREG(mode):
                found.append(os.path.relpath(path, folder))
    return sorted(found)


def _checksum(manifest) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _digest(folder, name) -> list:
    """[size, SHA-256] of a file."""
    digest, size = hashlib.sha256(), 0
    with open(os.path.join(folder, name), "rb") as f:
        while part := f.read(1 << 20):
            digest.update(part)
            size += len(part)
    return [size, digest.hexdigest()]


def sync(path) -> None:
    """Brings a file to the disk."""
    with open(path, "rb+") as f:
        os.fsync(f.fileno())


def write_json(path, value) -> None:
    """Writes plain data, which are on the disk when this returns."""
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f)
        f.flush()
        os.fsync(f.fileno())


def read_json(folder, name):
    """The plain data in a file.

    Raises:
        CorruptFileError: when it is missing or no JSON.
    """
    path = os.path.join(folder, name)
    try:
        with open(path, "rb") as f:
            return parse_json(f.read(), path)
    except (FileNotFoundError, NotADirectoryError):
        raise CorruptFileError(path, "missing.") from None

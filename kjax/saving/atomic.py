"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import platform
import stat
import tempfile

from kjax.utils.io_utils import ask_to_proceed_with_overwrite

__all__ = ["atomic_path", "may_write", "sync_folder"]


def may_write(filepath, overwrite) -> bool:
    """Whether `filepath` may be written: True when new, when `overwrite`, or when the user says so on the terminal."""
    return overwrite or not os.path.exists(filepath) or ask_to_proceed_with_overwrite(filepath)


@contextlib.contextmanager
def atomic_path(filepath):
    """`with atomic_path(p) as t:` gives a path to write to; at the end what is there becomes `p` in one step.

    The data reach the disk before the name does, so that a crash leaves the old file or the new one. On an error the
    old file stays and the new one is removed. Mode and, where the system allows it, owner of an existing file are kept;
    a link is followed.
    """
    target = os.path.realpath(os.fspath(filepath))
    folder, name = os.path.split(target)
    _remove_abandoned(folder, name)
    try:
        handle, temporary = tempfile.mkstemp(prefix=_prefix(name, os.getpid()), suffix=".part", dir=folder)
    except OSError as error:  # which would name a file that nobody has heard of
        raise type(error)(error.errno, error.strerror, target) from None
    os.close(handle)
    try:
        yield temporary
        with open(temporary, "rb+") as f:
            os.fsync(f.fileno())
        _keep_permissions(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder) -> None:
    """Brings a folder's entries to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _prefix(name, process) -> str:
    return f".{name[:40]}.{platform.node()[:40]}-{process}."


def _remove_abandoned(folder, name):
    """Removes what killed processes of this machine left of earlier attempts."""
    start = _prefix(name, "")[:-1]
    for entry in os.listdir(folder):
        process = entry[len(start) :].partition(".")[0]
        if entry.startswith(start) and entry.endswith(".part") and process.isdigit() and not _runs(int(process)):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, entry))


def _runs(process) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _keep_permissions(target, temporary):
    try:
        old = os.stat(target)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        return
    os.chmod(temporary, stat.S_IMODE(old.st_mode))
    if hasattr(os, "chown") and (old.st_uid, old.st_gid) != (os.getuid(), os.getgid()):
        with contextlib.suppress(PermissionError):
            os.chown(temporary, old.st_uid, old.st_gid)

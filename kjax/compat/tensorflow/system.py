"""What programs use of TensorFlow beside tensors: messages, files."""

from __future__ import annotations

import glob
import logging as _logging
import os
import shutil
import tempfile
from pathlib import Path

# -------------------------------------------------- tf.logging

DEBUG, INFO, WARN, ERROR, FATAL = 10, 20, 30, 40, 50
_logger = _logging.getLogger("tensorflow")


def set_verbosity(v) -> None:
    """Which messages are shown: tf.logging.DEBUG, INFO, WARN, ERROR or FATAL."""
    _logger.setLevel(int(v) if not isinstance(v, str) else v.upper())


def get_verbosity() -> int:
    """Which messages are shown."""
    return _logger.getEffectiveLevel()


def get_logger() -> _logging.Logger:
    """The logger of these messages."""
    return _logger


debug, info, warn, warning = _logger.debug, _logger.info, _logger.warning, _logger.warning
error, fatal, log, vlog = _logger.error, _logger.critical, _logger.log, _logger.log


# -------------------------------------------------- tf.gfile


def GFile(name, mode="r"):
    """An open file, as `open` gives."""
    return open(name, mode)


Open = FastGFile = GFile


def Exists(path) -> bool:
    """Whether there is such a file or folder."""
    return os.path.exists(path)


def IsDirectory(dirname) -> bool:
    """Whether it is a folder."""
    return os.path.isdir(dirname)


def MakeDirs(dirname) -> None:
    """Makes a folder and those above it."""
    os.makedirs(dirname, exist_ok=True)


def MkDir(dirname) -> None:
    """Makes a folder."""
    os.mkdir(dirname)


def Glob(filename) -> list[str]:
    """The files that fit a pattern."""
    return sorted(glob.glob(str(filename)))


def ListDirectory(dirname) -> list[str]:
    """The names in a folder."""
    return os.listdir(dirname)


def Remove(filename) -> None:
    """Removes a file."""
    os.remove(filename)


def DeleteRecursively(dirname) -> None:
    """Removes a folder and all that is in it."""
    shutil.rmtree(dirname)


def Rename(oldname, newname, overwrite=False) -> None:
    """Gives a file another name."""
    if not overwrite and os.path.exists(newname):
        raise FileExistsError(f"{newname!r} exists already.")
    os.replace(oldname, newname)


def Copy(oldpath, newpath, overwrite=False) -> None:
    """Copies a file."""
    if not overwrite and os.path.exists(newpath):
        raise FileExistsError(f"{newpath!r} exists already.")
    shutil.copyfile(oldpath, newpath)


def Stat(filename) -> os.stat_result:
    """Size and times of a file."""
    return os.stat(filename)


def Walk(top, in_order=True):
    """Folders and files below a folder, as `os.walk`."""
    return os.walk(top, topdown=in_order)


def read_file(filename) -> bytes:
    """The content of a file."""
    return Path(filename).read_bytes()


# -------------------------------------------------- tf.test


def get_temp_dir() -> str:
    """A folder for files of tests."""
    return tempfile.gettempdir()

"""A folder of training checkpoints: each appears whole or not at all, is checked before use, and old ones go."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import uuid
from typing import NamedTuple

import numpy as np
import orbax.checkpoint as ocp

from kjax.saving.atomic import sync_folder
from kjax.saving.bounded import parse_json
from kjax.saving.errors import CorruptFileError

__all__ = ["CheckpointStore", "Step"]

VERSION = 1
_NAME = re.compile(r"step_(\d{1,12})(?:_(\d{1,12}))?")
_LEFT = re.compile(r"\.step_[\d_]+\.[0-9a-f]{32}\.tmp|step_[\d_]+\.[0-9a-f]{32}\.old")


class Step(NamedTuple):
    """How far a run was: finished epochs, and finished batches of the next one."""

    epochs: int
    batches: int = 0

    def __str__(self):
        return f"step_{self.epochs}_{self.batches}" if self.batches else f"step_{self.epochs}"


class CheckpointStore:
    """Checkpoints in a folder: `step_12/` (after 12 epochs) or `step_12_500/` (and 500 batches) holds `arrays/` (an
    Orbax checkpoint), `training.json` and `manifest.json`.

    Args:
        directory: made when it is not there.

    Attributes:
        directory: absolute path.
    """

    def __init__(self, directory):
        self.directory = os.path.abspath(os.fspath(directory))

    def steps(self) -> list:
        """The Steps of the checkpoints there, checked or not, in rising order."""
        if not os.path.isdir(self.directory):
            return []
        found = (_NAME.fullmatch(name) for name in os.listdir(self.directory))
        return sorted(Step(int(m[1]), int(m[2] or 0)) for m in found if m)

    def path(self, step) -> str:
        return os.path.join(self.directory, str(step))

    # ------------------------------------------------------------ writing

    def write(self, step, arrays, training) -> None:
        """Writes one checkpoint.

        Args:
            step: Step; one that is there is replaced.
            arrays: nested dict of NumPy arrays.
            training: plain data.
        """
        os.makedirs(self.directory, exist_ok=True)
        temporary = os.path.join(self.directory, f".{step}.{uuid.uuid4().hex}.tmp")
        os.mkdir(temporary)
        try:
            with ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save(os.path.join(temporary, "arrays"), arrays)
                checkpointer.wait_until_finished()
            _write_json(os.path.join(temporary, "training.json"), training)
            files = _files(temporary)
            manifest = {
                "version": VERSION,
                "step": str(step),
                "files": {name: _digest(temporary, name) for name in files},
            }
            for name in files:
                _sync(os.path.join(temporary, name))
            _write_json(os.path.join(temporary, "manifest.json"), manifest)
            for folder, _, _ in os.walk(temporary):
                sync_folder(folder)
            self._commit(temporary, self.path(step))
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _commit(self, temporary, target):
        if os.path.exists(target):
            old = f"{target}.{uuid.uuid4().hex}.old"
            os.rename(target, old)
            os.rename(temporary, target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(temporary, target)
        sync_folder(self.directory)

    def keep(self, steps) -> None:
        """Deletes the other checkpoints, and what killed runs left behind."""
        for step in self.steps():
            if step not in steps:
                shutil.rmtree(self.path(step), ignore_errors=True)
        self.clean()

    def clean(self) -> None:
        """Removes what writers that were killed left behind; a checkpoint that one was about to replace comes back."""
        if not os.path.isdir(self.directory):
            return
        for name in os.listdir(self.directory):
            if not _LEFT.fullmatch(name):
                continue
            path, replaced = os.path.join(self.directory, name), name.partition(".")[0]
            with contextlib.suppress(OSError):
                if replaced and not os.path.exists(os.path.join(self.directory, replaced)):
                    os.rename(path, os.path.join(self.directory, replaced))
                else:
                    shutil.rmtree(path)

    # ------------------------------------------------------------ reading

    def check(self, step) -> None:
        """Compares every file with the manifest.

        Raises:
            CorruptFileError: when a file is missing, changed, unknown, or no regular file, or it is another step's.
        """
        path = self.path(step)
        manifest = _read_json(path, "manifest.json")
        if (
            not isinstance(manifest, dict)
            or manifest.get("version") != VERSION
            or not isinstance(manifest.get("files"), dict)
        ):
            raise CorruptFileError(path, f"no manifest of version {VERSION}.")
        if manifest.get("step") != str(step):
            raise CorruptFileError(path, f"its manifest is that of {str(manifest.get('step'))[:80]!r}.")
        files = set(_files(path)) - {"manifest.json"}
        listed = set(manifest["files"])
        if files != listed:
            wrong = sorted(files ^ listed)[:3]
            raise CorruptFileError(path, f"the files {wrong} are missing or not in the manifest.")
        for name, digest in manifest["files"].items():
            if _digest(path, name) != digest:
                raise CorruptFileError(os.path.join(path, name), "changed since it was written.")

    def training(self, step):
        """The plain data of a checkpoint."""
        return _read_json(self.path(step), "training.json")

    def arrays(self, step, shapes) -> dict:
        """The arrays of a checkpoint.

        Args:
            shapes: nested dict of (shape, dtype), what is to be there.

        Raises:
            CorruptFileError: when it is not.
        """
        place = os.path.join(self.path(step), "arrays")
        try:
            tree = _map(shapes, lambda s: np.empty(tuple(s[0]), np.dtype(s[1])))
            with ocp.StandardCheckpointer() as checkpointer:
                return checkpointer.restore(place, tree)
        except (ValueError, TypeError, KeyError, OSError, MemoryError) as error:
            raise CorruptFileError(place, f"Orbax cannot read it: {str(error)[:500]}") from error


def _map(tree, fn):
    return {k: _map(v, fn) if isinstance(v, dict) else fn(v) for k, v in tree.items()}


def _files(folder) -> list:
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


def _digest(folder, name) -> list:
    """[size, SHA-256] of a file."""
    digest, size = hashlib.sha256(), 0
    with open(os.path.join(folder, name), "rb") as f:
        while part := f.read(1 << 20):
            digest.update(part)
            size += len(part)
    return [size, digest.hexdigest()]


def _sync(path):
    with open(path, "rb+") as f:
        os.fsync(f.fileno())


def _write_json(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f)
        f.flush()
        os.fsync(f.fileno())


def _read_json(folder, name):
    path = os.path.join(folder, name)
    try:
        with open(path, "rb") as f:
            return parse_json(f.read(), path)
    except (FileNotFoundError, NotADirectoryError):
        raise CorruptFileError(path, "missing.") from None

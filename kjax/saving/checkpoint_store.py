"""A folder of training checkpoints: each appears whole or not at all, is checked before use, and old ones go."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from typing import NamedTuple

import numpy as np
import orbax.checkpoint as ocp

from kjax.saving.atomic import sync_folder
from kjax.saving.errors import CorruptFileError
from kjax.saving.manifest import check_manifest, read_json, write_json, write_manifest
from kjax.saving.orbax_io import write_arrays, writing

__all__ = ["CheckpointStore", "Step"]

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

        Raises:
            OSError: with the reason and the checkpoint that is intact.
        """
        there = self.steps()
        intact = f"The newest checkpoint, {there[-1]}, is intact." if there else "There was no checkpoint before."
        with writing(self.path(step), intact):
            self._write(step, arrays, training)

    def _write(self, step, arrays, training):
        os.makedirs(self.directory, exist_ok=True)
        temporary = os.path.join(self.directory, f".{step}.{uuid.uuid4().hex}.tmp")
        os.mkdir(temporary)
        try:
            write_arrays(os.path.join(temporary, "arrays"), arrays)
            write_json(os.path.join(temporary, "training.json"), training)
            write_manifest(temporary, step)
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
        check_manifest(self.path(step), step)

    def training(self, step):
        """The plain data of a checkpoint."""
        return read_json(self.path(step), "training.json")

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

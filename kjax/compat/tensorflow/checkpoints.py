"""`tf.train.Saver` and what reads checkpoints."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from kjax.compat.tensorflow.errors import InvalidArgumentError, NotFoundError
from kjax.compat.tensorflow.variables import global_variables
from kjax.graph import Variable
from kjax.graph.dtypes import as_dtype
from kjax.saving.tf_checkpoint import (
    CheckpointReader,
    MissingTensorError,
    checkpoint_exists,
    latest_checkpoint,
    write_checkpoint,
)
from kjax.saving.tf_checkpoint.state_file import read_state
from kjax.saving.tf_checkpoint.state_file import write_state as put_state

__all__ = [
    "Saver",
    "get_checkpoint_state",
    "init_from_checkpoint",
    "list_variables",
    "load_checkpoint",
    "load_variable",
]


class Reader(CheckpointReader):
    """`tf.train.NewCheckpointReader`: CheckpointReader with TensorFlow's kinds of errors and types."""

    def __init__(self, prefix):
        try:
            super().__init__(prefix)
        except FileNotFoundError as error:
            raise NotFoundError(message=str(error)) from None

    def get_tensor(self, tensor_str):
        try:
            return super().get_tensor(tensor_str)
        except MissingTensorError as error:
            raise NotFoundError(message=str(error)) from None

    def get_variable_to_dtype_map(self) -> dict:
        found = super().get_variable_to_dtype_map()
        return {name: as_dtype("string" if dtype.kind == "O" else dtype.name) for name, dtype in found.items()}


def load_checkpoint(ckpt_dir_or_file) -> Reader:
    """The reader of a checkpoint, or of the latest one in a folder."""
    path = os.fspath(ckpt_dir_or_file)
    if os.path.isdir(path):
        found = latest_checkpoint(path)
        if found is None:
            raise ValueError(f"Couldn't find 'checkpoint' file or checkpoints in given directory {path}")
        path = found
    return Reader(path)


def load_variable(ckpt_dir_or_file, name):
    """The value of one variable of a checkpoint; a ':0' behind the name is left out."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name[:-2] if name.endswith(":0") else name)


def list_variables(ckpt_dir_or_file) -> list[tuple[str, list]]:
    """[(name, shape), ...] of a checkpoint, by name."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


class CheckpointState(NamedTuple):
    """What the file `checkpoint` of a folder says."""

    model_checkpoint_path: str
    all_model_checkpoint_paths: list


def get_checkpoint_state(checkpoint_dir, latest_filename=None):
    """The CheckpointState of a folder; None without one."""
    found = read_state(os.path.join(os.fspath(checkpoint_dir), latest_filename or "checkpoint"))
    return CheckpointState(found[0], found[1:]) if found else None


class Saver:
    """Saves variables to TensorFlow's checkpoints and restores them.

    Args:
        var_list: list of Variables, or dict name -> Variable; default: all of the graph.
        max_to_keep: how many checkpoints are kept; None or 0: all.
        saver settings of TensorFlow that only say how it writes are accepted.
    Differs: no `.meta` file is written, as there is no GraphDef.
    """

    def __init__(self, var_list=None, reshape=False, sharded=False, max_to_keep=5, *args, **kwargs):
        self._given, self._reshape = var_list, reshape
        self._keep = max_to_keep
        self.last_checkpoints: list[str] = []

    def _variables(self) -> dict[str, Variable]:
        if isinstance(self._given, dict):
            return dict(self._given)
        variables = global_variables() if self._given is None else list(self._given)
        named: dict[str, Variable] = {}
        for v in variables:
            name = v.name[:-2]
            if name in named and self._given is not None:
                raise ValueError(f"At least two variables have the same name: {name}")
            named[name] = v
        if not named:
            raise ValueError("Saver: there are no variables to save.")
        return named

    def save(
        self,
        sess,
        save_path,
        global_step=None,
        latest_filename=None,
        meta_graph_suffix="meta",
        write_meta_graph=True,
        write_state=True,
        **kwargs,
    ) -> str:
        """Writes a checkpoint; returns its path.

        Args:
            sess: not read: variables have one value.
            save_path: path without ending.
            global_step: int or Variable; '-N' is put behind the path.
        """
        path = os.fspath(save_path)
        if global_step is not None:
            number = global_step.value if isinstance(global_step, Variable) else global_step
            path = f"{path}-{int(np.asarray(number))}"
        folder = os.path.dirname(path)
        if folder and not os.path.isdir(folder):
            raise ValueError(f"Parent directory of {path} doesn't exist, can't save.")
        write_checkpoint(path, {name: np.asarray(v.value) for name, v in self._variables().items()})
        self.last_checkpoints = [p for p in self.last_checkpoints if p != path] + [path]
        while self._keep and len(self.last_checkpoints) > self._keep:
            _remove(self.last_checkpoints.pop(0))
        if write_state:
            put_state(folder or ".", path, self.last_checkpoints, latest_filename)
        return path

    def restore(self, sess, save_path) -> None:
        """Gives the variables the values of a checkpoint: all of them, or none on an error.

        Raises:
            ValueError: when there is no such checkpoint.
        NotFoundError: when a variable is missing in it.
            InvalidArgumentError: when a shape is another.
        """
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        if not checkpoint_exists(save_path):
            raise ValueError(f"The passed save_path is not a valid checkpoint: {save_path}")
        reader = Reader(save_path)
        found = {}
        for name, v in self._variables().items():
            value = np.asarray(reader.get_tensor(name))
            if value.shape != tuple(v.shape) and not (self._reshape and value.size == np.prod(v.shape)):
                raise InvalidArgumentError(
                    message=f"{save_path}: the variable {name!r} has shape {tuple(v.shape)}; in the checkpoint it has "
                    f"shape {value.shape}."
                )
            found[name] = value.reshape(tuple(v.shape)).astype(v.dtype)
        for name, v in self._variables().items():
            v.assign(found[name])

    def set_last_checkpoints(self, last_checkpoints) -> None:
        """Sets which checkpoints count for `max_to_keep`."""
        self.last_checkpoints = list(last_checkpoints)

    def export_meta_graph(self, *args, **kwargs):
        """Raises NotImplementedError."""
        raise NotImplementedError("Saver.export_meta_graph: there is no GraphDef; save the model with model.save.")


def _remove(prefix):
    folder, name = os.path.split(prefix)
    for entry in os.listdir(folder or "."):
        if entry == f"{name}.index" or entry.startswith(f"{name}.data-"):
            os.unlink(os.path.join(folder, entry))


def init_from_checkpoint(ckpt_dir_or_file, assignment_map) -> None:
    """Gives variables the values of a checkpoint, at once and as their initial values.

    Args:
        ckpt_dir_or_file: path of a checkpoint or of a folder.
        assignment_map: name in the checkpoint -> Variable or name of one; 'scope/' -> 'scope/': all below it.
    """
    reader = load_checkpoint(ckpt_dir_or_file)
    ours = {v.name[:-2]: v for v in global_variables()}
    pairs = []
    for old, new in assignment_map.items():
        if isinstance(new, Variable):
            pairs.append((old, new))
        elif new.endswith("/") or old.endswith("/"):
            before = "" if old == "/" else old
            inside = "" if new == "/" else new
            pairs += [
                (before + name[len(inside) :], v)
                for name, v in ours.items()
                if name.startswith(inside) and reader.has_tensor(before + name[len(inside) :])
            ]
        elif new in ours:
            pairs.append((old, ours[new]))
        else:
            raise ValueError(f"init_from_checkpoint: there is no variable {new!r}.")
    for name, v in pairs:
        value = np.asarray(reader.get_tensor(name))
        if value.shape != tuple(v.shape):
            raise ValueError(
                f"Shape of variable {v.name} ({tuple(v.shape)}) doesn't match with shape of tensor {name} "
                f"({list(value.shape)}) from checkpoint reader."
            )
        v.assign(value.astype(v.dtype))
        v.initial = lambda value=value: value

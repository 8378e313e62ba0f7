"""TensorFlow's checkpoints (`model.ckpt.index`, `model.ckpt.data-...`), read and written without TensorFlow."""

from __future__ import annotations

from kjax.saving.tf_checkpoint.reader import CheckpointReader, MissingTensorError
from kjax.saving.tf_checkpoint.state_file import checkpoint_exists, latest_checkpoint
from kjax.saving.tf_checkpoint.writer import write_checkpoint

__all__ = ["CheckpointReader", "MissingTensorError", "checkpoint_exists", "latest_checkpoint", "write_checkpoint"]

"""Rows of the stand-in's table: types, shapes and functions of tensors."""

from __future__ import annotations

NAMES: dict[str, dict[str, str]] = {
    "": {
        ".about": "VERSION=VERSION __version__=VERSION GIT_VERSION COMPILER_VERSION",
    },
    "version": {".about": "VERSION GIT_VERSION COMPILER_VERSION"},
}
ALIASES: dict[str, str] = {"compat.v1": "tensorflow"}
ALSO: dict[str, tuple[str, ...]] = {}
INSTEAD: dict[str, str] = {
    "data": "NumPy arrays, or a generator with fit_generator",
    "estimator": "keras.models.Model with fit, evaluate and predict",
    "GradientTape": "K.gradients(loss, variables), or jax.grad on model.to_flax()",
    "saved_model": "model.save, or model.to_flax()",
    "lite": "model.save, or model.to_flax()",
    "app": "argparse, and a plain main function",
    "flags": "argparse",
}

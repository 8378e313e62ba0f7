"""`python -m kjax doctor`: what kjax runs on, and whether it computes as it should."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

import kjax
from kjax import backend as K
from kjax.backend.config import config_path
from kjax.layers import Conv2D, Dense
from kjax.models import Sequential

__all__ = ["main"]

FAILED = 1
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "h5py", "numpy")
# float32 in full, and the shortened products (TF32, bfloat16) of GPUs and TPUs
EXACT, SHORTENED = 1e-5, 3e-2


def main(argv: list[str]) -> int:
    """Prints the report; 0, or 1 where a check fails or no device can be used.

    Args:
        argv: 'doctor' and its arguments.
    """
    parser = argparse.ArgumentParser(prog="python -m kjax doctor", description="What kjax runs on, and a self-check.")
    parser.parse_args(argv[1:])
    _print("kjax", f"{kjax.__version__} on Python {platform.python_version()}, {platform.platform()}")
    _print("packages", ", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    try:
        devices = jax.devices()
    except RuntimeError as error:
        _print("devices", f"none can be used: {str(error).splitlines()[0]}")
        return FAILED
    for line in _devices(devices):
        _print("devices", line)
    _print("threads", f"{_cores()} of {os.cpu_count()} cores may be used")
    _print("settings", _settings())
    _print("precision", _precision())
    _print("compiled programs", _cache())
    worst = 0
    for name, check in CHECKS.items():
        off = check()
        verdict = "right" if off <= EXACT else "right in shortened precision" if off <= SHORTENED else "WRONG"
        worst = max(worst, 0 if off <= SHORTENED else FAILED)
        _print("check", f"{name}: {verdict} (relative error {off:.0e})")
    return worst


def _print(what: str, line: str) -> None:
    print(f"{what + ':':<19}{line}")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed by pip)"


def _devices(devices: list[jax.Device]) -> Iterator[str]:
    """One line per kind of device, and the one that is used without further words."""
    kinds = list(dict.fromkeys((d.platform, d.device_kind) for d in devices))
    for kind in kinds:
        count = sum((d.platform, d.device_kind) == kind for d in devices)
        memory = devices[0].memory_stats() or {}
        limit = f", {memory['bytes_limit'] / 2**30:.1f} GiB each" if "bytes_limit" in memory else ""
        yield f"{count} x {kind[0]} ({kind[1]}){limit}"
    yield f"models run on {devices[0]} unless kjax.distribute.use_devices() says otherwise"


def _jax(setting: str) -> Any:
    return getattr(jax.config, setting)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _settings() -> str:
    path = config_path()
    origin = str(path) if os.path.exists(path) else f"defaults, {path} does not exist"
    return f"floatx {K.floatx()}, epsilon {K.epsilon():g}, {K.image_data_format()} ({origin})"


def _precision() -> str:
    products = _jax("jax_default_matmul_precision") or "the device's own (float32 on CPUs)"
    return f"products of matrices: {products}; 64-bit numbers {'on' if _jax('jax_enable_x64') else 'off'}"


def _cache() -> str:
    folder = _jax("jax_compilation_cache_dir")
    return f"kept in {folder}" if folder else "kept for this process only (JAX_COMPILATION_CACHE_DIR=folder keeps them)"


# ---------------------------------------------------------------- the self-check: against NumPy, in double precision


def _error(got: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.max(np.abs(got - wanted)) / np.max(np.abs(wanted)))


def _dense() -> float:
    random = np.random.RandomState(0)
    x = random.randn(8, 64)
    model = Sequential([Dense(32, input_shape=(64,))])
    kernel, bias = random.randn(64, 32), random.randn(32)
    model.set_weights([kernel, bias])
    return _error(model.predict(x), x @ kernel + bias)


def _convolution() -> float:
    random = np.random.RandomState(1)
    x = random.randn(2, 9, 9, 3)
    model = Sequential([Conv2D(4, 3, input_shape=(9, 9, 3), data_format="channels_last")])
    kernel, bias = random.randn(3, 3, 3, 4), random.randn(4)
    model.set_weights([kernel, bias])
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))  # (batch, 7, 7, channel, row, column)
    return _error(model.predict(x), np.einsum("bijchw,hwcf->bijf", windows, kernel) + bias)


def _step() -> float:
    """A step of gradient descent on the mean squared error, whose gradient is known: 2 x^T (x w - y) / n."""
    random = np.random.RandomState(2)
    x, y, w = random.randn(16, 8), random.randn(16, 1), random.randn(8, 1)
    model = Sequential([Dense(1, input_shape=(8,), use_bias=False)])
    model.compile(kjax.optimizers.SGD(lr=0.1), "mse")
    model.set_weights([w])
    model.train_on_batch(x, y)
    return _error(model.get_weights()[0], w - 0.1 * 2 * x.T @ (x @ w - y) / len(x))


CHECKS: dict[str, Callable[[], float]] = {
    "a matrix product": _dense,
    "a convolution": _convolution,
    "a training step": _step,
}

"""Devices: what there are, and scopes that are accepted."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import jax

__all__ = ["device", "gpu_device_name", "is_built_with_cuda", "is_gpu_available", "list_local_devices"]

_KINDS = {"cpu": "CPU", "gpu": "GPU", "cuda": "GPU", "rocm": "GPU", "tpu": "TPU"}


class DeviceAttributes(NamedTuple):
    """A device.

    Attributes:
        name: such as '/device:CPU:0'.
        device_type: 'CPU', 'GPU' or 'TPU'.
        memory_limit: bytes; 0 where JAX does not say.
        physical_device_desc: what JAX calls it.
    """

    name: str
    device_type: str
    memory_limit: int
    physical_device_desc: str


def list_local_devices(session_config=None) -> list[DeviceAttributes]:
    """The devices that JAX has in this process."""
    found: list[DeviceAttributes] = []
    for d in [*jax.local_devices(backend="cpu"), *(d for d in jax.local_devices() if d.platform != "cpu")]:
        kind = _KINDS.get(d.platform, d.platform.upper())
        limit = (d.memory_stats() or {}).get("bytes_limit", 0) if kind != "CPU" else 0
        number = sum(f.device_type == kind for f in found)
        found.append(DeviceAttributes(f"/device:{kind}:{number}", kind, limit, d.device_kind))
    return found


def is_gpu_available(cuda_only=False, min_cuda_compute_capability=None) -> bool:
    """Whether JAX has a GPU."""
    return any(d.device_type == "GPU" for d in list_local_devices())


def gpu_device_name() -> str:
    """The name of the first GPU; '' without one."""
    return next((d.name for d in list_local_devices() if d.device_type == "GPU"), "")


def is_built_with_cuda() -> bool:
    """Whether JAX has a GPU of NVIDIA."""
    return any(d.platform in ("gpu", "cuda") for d in jax.local_devices())


@contextlib.contextmanager
def device(device_name_or_function=None):
    """Accepted around what is to run on a device.

    Args:
        device_name_or_function: such as '/gpu:0'; a function; None.
    Differs: it places nothing: XLA compiles a graph for one kind of device, and `keras.utils.multi_gpu_model` or
        `kjax.distribute` spread it over several.
    """
    known = device_name_or_function is None or callable(device_name_or_function)
    if not known and not isinstance(device_name_or_function, str):
        raise TypeError(
            f"device: a name such as '/cpu:0', a function or None was required; got {device_name_or_function!r}."
        )
    yield

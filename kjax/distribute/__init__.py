"""Many devices: data parallelism as sharding of the same step.

    import kjax
    kjax.distribute.use_devices()          # all devices of this process group, from here on
    model.fit(x, y, batch_size=512)        # every batch is cut over them, the numbers stay the same

or for one model only, in Keras's way: `keras.utils.multi_gpu_model(model, gpus=4)`.
"""

from __future__ import annotations

import contextlib

import jax
import numpy as np
from jax.sharding import Mesh

from kjax.distribute import processes
from kjax.distribute.placement import Placement
from kjax.distribute.processes import is_chief, local_rank, rank, size

__all__ = [
    "Placement",
    "current",
    "data_mesh",
    "initialize",
    "is_chief",
    "local_rank",
    "on_devices",
    "rank",
    "size",
    "use_devices",
]

_current: list = [None]


def data_mesh(devices=None) -> Mesh:
    """A mesh with the axis 'data'.

    Args:
        devices: list of jax devices; an int for the first so many; None for all.

    Raises:
        ValueError: when there are fewer devices.
    """
    available = jax.devices()
    if devices is None:
        devices = available
    elif isinstance(devices, int):
        if not 1 <= devices <= len(available):
            raise ValueError(
                f"{devices} devices were asked for; JAX sees {len(available)}: {[str(d) for d in available]}. "
                "On a CPU several can be simulated with XLA_FLAGS=--xla_force_host_platform_device_count=N."
            )
        devices = available[:devices]
    return Mesh(np.array(list(devices)), ("data",))


def use_devices(devices=None) -> Placement | None:
    """Trains, evaluates and predicts on these devices from now on.

    Args:
        devices: as for `data_mesh`; 1 for a single device, which is the default of kjax.
    """
    mesh = data_mesh(devices)
    _current[0] = Placement(mesh) if mesh.size > 1 else None
    return _current[0]


@contextlib.contextmanager
def on_devices(devices=None):
    """Within it, models run on these devices."""
    before = _current[0]
    try:
        yield use_devices(devices)
    finally:
        _current[0] = before


def current() -> Placement | None:
    """The placement in force, None for one device."""
    return _current[0]


def initialize(**kwargs) -> Placement | None:
    """Joins several processes (hosts) into one group and uses all their devices.

    Each process then gives its own share of the data to `fit`, `evaluate`, `predict` and the others, as many samples as
    every other, and gets the predictions for its own. The first weights and random keys are those of process 0.

    Args:
        kwargs: of `jax.distributed.initialize`; none are needed on TPU pods and most clusters.
    """
    jax.distributed.initialize(**kwargs)
    processes.meet()
    return use_devices()

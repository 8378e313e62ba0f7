"""`multi_gpu_model`: one model on several devices, in Keras's spelling."""

from __future__ import annotations

import jax

from kjax.distribute import Placement, data_mesh

__all__ = ["multi_gpu_model"]


def multi_gpu_model(model, gpus=None, cpu_merge=True, cpu_relocation=False):
    """A model that shares the layers and weights of `model` and runs on several devices at once.

    Each batch is cut over the devices; gradients are those of the whole batch, so results equal those of one device.

    Args:
        model: the template; a file of weights of either loads into the other.
        gpus: number of devices (>= 2), or a list of device numbers; None for all.
        cpu_merge, cpu_relocation: accepted; weights are kept on every device, nothing is merged on the host.

    Raises:
        ValueError: when fewer devices exist, or fewer than two are asked for.

    Differs: devices need not be GPUs; whatever JAX sees is used.
    """
    available = jax.devices()
    if isinstance(gpus, (list, tuple)):
        missing = [i for i in gpus if not 0 <= i < len(available)]
        if missing:
            raise ValueError(f"multi_gpu_model: devices {missing} do not exist; JAX sees {len(available)} devices.")
        devices = [available[i] for i in gpus]
    else:
        devices = gpus
        if gpus is not None and gpus <= 1:
            raise ValueError(f"multi_gpu_model: `gpus` must be a number >= 2 or a list of devices; got {gpus!r}.")
    mesh = data_mesh(devices)
    return model._copy_on(Placement(mesh))

"""LSTM and GRU weights between the plain layout and cuDNN's."""

from __future__ import annotations

import numpy as np

__all__ = ["convert_recurrent"]

_GATES = {"LSTM": 4, "CuDNNLSTM": 4, "GRU": 3, "CuDNNGRU": 3}


def _family(layer) -> str | None:
    names = [c.__name__ for c in type(layer).__mro__]
    for name in ("CuDNNLSTM", "CuDNNGRU"):
        if name in names:
            return name
    for name in ("LSTM", "GRU"):
        if name in names or f"{name}Cell" in names:
            return name
    return None


def convert_recurrent(leaf, shorts, arrays, notes):
    """Kernel, recurrent kernel and bias of LSTM or GRU for the layer they are read into; all others as they are.

    The file's layout shows in the bias: per gate n numbers per unit in the plain layers, 2 n in a row in cuDNN's, and
    two rows of n with `reset_after`.

    Returns:
        (short names, arrays).

    Raises:
        ValueError: for a GRU without `reset_after` and one with it, which compute different things.
    """
    family = _family(leaf.layer)
    stored = dict(zip(shorts, arrays, strict=True))
    if family is None or set(stored) != {"kernel", "recurrent_kernel", "bias"}:
        return shorts, arrays
    gates = _GATES[family]
    units = stored["recurrent_kernel"].shape[0]
    bias = stored["bias"]
    wanted = next((tuple(w.shape) for w in leaf.weights if w.short_name == "bias"), None)
    if stored["recurrent_kernel"].shape != (units, gates * units) or wanted is None:
        return shorts, arrays
    from_cudnn, to_cudnn = bias.shape == (2 * gates * units,), family.startswith("CuDNN")
    plain_bias = bias.shape == (gates * units,)
    if family in ("GRU", "CuDNNGRU") and plain_bias != (wanted == (gates * units,)):
        raise ValueError(
            f"layer {leaf.title}: {'GRU(reset_after=False)' if plain_bias else 'GRU(reset_after=True) or CuDNNGRU'} in "
            f"the file is not compatible with the model's {type(leaf.layer).__name__}, whose bias has shape {wanted}: "
            f"they compute different things. Build the layer with reset_after={not plain_bias}."
        )
    if from_cudnn == to_cudnn:
        return shorts, arrays
    notes(f"layer {leaf.title}: weights {'from' if from_cudnn else 'to'} the layout of cuDNN")
    kernel = _by_gate(stored["kernel"], gates, lambda k: k.T.reshape(k.shape, order="F" if from_cudnn else "C"))
    recurrent = _by_gate(stored["recurrent_kernel"], gates, lambda k: k.T)
    if gates == 4:
        bias = bias.reshape(2, -1).sum(axis=0) if from_cudnn else np.tile(0.5 * bias, 2)
    else:
        bias = bias.reshape(2, -1) if from_cudnn else bias.reshape(-1)
    return ["kernel", "recurrent_kernel", "bias"], [kernel, recurrent, bias.astype(stored["bias"].dtype)]


def _by_gate(array, gates, change):
    return np.hstack([change(part) for part in np.hsplit(array, gates)])

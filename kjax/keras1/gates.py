"""Keras 1 kept a recurrent layer in an array per gate: W_i, U_i, b_i, W_c, ... in LSTM; W_z, U_z, b_z, ... in GRU."""

from __future__ import annotations

import numpy as np

PARTS = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}


def joined_gates(stored: dict, gates: str) -> list:
    """kernel, recurrent_kernel and bias of arrays by Keras 1's names, `W_i` etc.; `gates` in today's order."""
    return [np.concatenate([stored[f"{part}_{gate}"] for gate in gates], axis=-1) for part in PARTS]

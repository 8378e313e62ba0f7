"""One call that makes a run reproducible."""

from __future__ import annotations

import random

import numpy as np

__all__ = ["set_random_seed"]


def set_random_seed(seed: int) -> None:
    """Seeds Python's and NumPy's global generators, from which kjax draws everything random.

    Args:
        seed: integer, 0 <= seed < 2**32.

    `numpy.random.seed(seed)` alone makes weights, dropout and shuffling reproducible too, as old scripts expect.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"set_random_seed: seed must be an integer, 0 <= seed < 2**32; got {seed!r}.")
    random.seed(int(seed))
    np.random.seed(int(seed))

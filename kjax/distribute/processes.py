"""Several processes (hosts) as one group: who is who, and what all of them have to agree on."""

from __future__ import annotations

import socket
import zlib

import jax
import numpy as np
from jax.experimental import multihost_utils

__all__ = ["agree", "from_chief", "is_chief", "local_rank", "rank", "size"]

_local: list = [0]


def rank() -> int:
    """The number of this process, from 0; 0 where there is one alone."""
    return jax.process_index()


def size() -> int:
    """How many processes there are."""
    return jax.process_count()


def local_rank() -> int:
    """The number of this process among those of its host."""
    return _local[0]


def is_chief() -> bool:
    """Whether this is process 0, which shows bars and gives the initial weights."""
    return rank() == 0


def meet() -> None:
    """Finds out which processes share a host; all have to call it."""
    hosts = multihost_utils.process_allgather(np.uint32(zlib.crc32(socket.gethostname().encode())))
    _local[0] = int(np.sum(np.ravel(hosts)[: rank()] == np.ravel(hosts)[rank()]))


def from_chief(array) -> np.ndarray:
    """The array that process 0 gave; all have to call it, with arrays of one shape and type."""
    return np.asarray(multihost_utils.broadcast_one_to_all(np.asarray(array)))


def agree(what, numbers) -> None:
    """Makes sure that all processes are about to do the same; all have to call it.

    Args:
        what: the method.
        numbers: dict name -> int, of the same names everywhere.

    Raises:
        ValueError: in every process, where a number is not the same.
    """
    given = np.array([-1 if n is None else n for n in numbers.values()], "int32")
    all_given = np.reshape(multihost_utils.process_allgather(given), (size(), len(given)))
    for name, column in zip(numbers, all_given.T, strict=True):
        if len(set(column.tolist())) > 1:
            raise ValueError(
                f"{what}: every process must have the same {name}, as all take each step together; the processes "
                f"have {column.tolist()}. Cut the data into shares of one size."
            )

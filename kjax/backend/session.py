"""`clear_session`: back to the state after import."""

from __future__ import annotations

from collections.abc import Callable

from kjax.backend.naming import reset_uids
from kjax.backend.phase import forget_phase
from kjax.graph.execute import forget_compiled
from kjax.graph.random import seed_keys
from kjax.graph.tensor import reset_names

__all__ = ["AFTER_CLEAR", "clear_session"]

AFTER_CLEAR: list[Callable[[], None]] = []  # what other rooms forget then


def clear_session():
    """Starts all names and counters again, forgets the fixed learning phase and the compiled functions.

    Differs: models, layers and variables that exist go on working.
    """
    reset_uids()
    reset_names()
    forget_phase()
    forget_compiled()
    seed_keys(None)
    for forget in AFTER_CLEAR:
        forget()

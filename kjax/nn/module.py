"""Module: a Flax module that declares what those who run it must know beside its result."""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn

__all__ = ["Module"]


class Module(nn.Module):
    """Base of the modules of this package.

    Attributes:
        slow_in_loops: whether XLA on a CPU runs it several times slower in the body of a compiled loop, as it does
            with convolutions.
    """

    slow_in_loops: ClassVar[bool] = False

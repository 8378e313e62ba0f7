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
        along_time: what it does along axis 1 of its input, where steps may only fill up: 'loop', 'convolution',
            'maximum' (of windows), 'whole maximum', 'whole mean', 'softmax'; None: what its primitives do.
    """

    slow_in_loops: ClassVar[bool] = False
    along_time: ClassVar[str | None] = None

    @nn.nowrap
    def draws(self) -> bool:
        """Whether it draws random numbers in training."""
        return False

    @nn.nowrap
    def has_phases(self) -> bool:
        """Whether it computes something else in training than in the test phase."""
        return self.draws()

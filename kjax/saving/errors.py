"""Errors of reading files that cannot be trusted or are damaged."""

from __future__ import annotations

__all__ = ["CorruptFileError", "ModelFileError", "UnsafeModelError"]


class ModelFileError(ValueError):
    """A file that cannot be loaded.

    Args:
        where: the file and the object in it.
        reason: what is wrong.
    """

    def __init__(self, where, reason):
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason

    def __reduce__(self):
        return type(self), (self.where, self.reason)


class CorruptFileError(ModelFileError):
    """A file that is damaged, or is not what it says."""


class UnsafeModelError(ModelFileError):
    """A file that asks for something no model needs: other files, code, unbounded memory."""

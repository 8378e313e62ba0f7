"""Errors of reading files that cannot be trusted or are damaged."""

from __future__ import annotations

__all__ = ["CorruptFileError", "ModelFileError", "UnsafeModelError", "shown"]


def shown(text, keep="") -> str:
    """A text from a file as people may see it: escape sequences, line ends and signs without width as `\\x1b`.

    Args:
        keep: characters that stay as they are.
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)


class ModelFileError(ValueError):
    """A file that cannot be loaded.

    Args:
        where: the file and the object in it.
        reason: what is wrong.
    """

    def __init__(self, where, reason):
        self.where, self.reason = shown(where), shown(reason, keep="\n")
        super().__init__(f"{self.where}: {self.reason}")

    def __reduce__(self):
        return type(self), (self.where, self.reason)


class CorruptFileError(ModelFileError):
    """A file that is damaged, or is not what it says."""


class UnsafeModelError(ModelFileError):
    """A file that asks for something no model needs: other files, code, unbounded memory."""

"""What an import converted and assumed, one line each."""
from __future__ import annotations

import logging

__all__ = ["Notes", "logger"]

logger = logging.getLogger("kjax.saving")


class Notes:
    """Collects the lines of one import and logs each once.

    Args:
        where: the file's name.
    """

    def __init__(self, where):
        self.where = where
        self.lines: list[str] = []
        self.skipped: list[str] = []

    def __call__(self, line):
        if line not in self.lines:
            self.lines.append(line)
            logger.info("%s: %s", self.where, line)

"""What an import converted and assumed, one line each."""

from __future__ import annotations

import logging
import threading

from kjax.saving.errors import shown

__all__ = ["Collected", "Notes", "logger"]

logger = logging.getLogger("kjax.saving")


class Notes:
    """Collects the lines of one import and logs each once.

    Args:
        where: the file's name.
    """

    def __init__(self, where):
        self.where = where
        self.lines: list[str] = []
        self._said: set[str] = set()
        self.skipped: list[str] = []

    def __call__(self, line):
        line = shown(line)
        if line not in self._said:
            self._said.add(line)
            self.lines.append(line)
            logger.info("%s: %s", self.where, line)


class _Lines(logging.Handler):
    def __init__(self, lines):
        super().__init__(logging.INFO)
        self.lines, self.thread = lines, threading.get_ident()

    def emit(self, record):
        if record.thread == self.thread:
            self.lines.append(
                record.args[1] if isinstance(record.args, tuple) and len(record.args) == 2 else record.getMessage()
            )


class Collected:
    """`with Collected() as lines:` gathers the lines that imports in this thread log."""

    def __enter__(self):
        self.lines: list[str] = []
        self.handler, self.before = _Lines(self.lines), (logger.level, logger.propagate)
        logger.addHandler(self.handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        return self.lines

    def __exit__(self, *error):
        logger.removeHandler(self.handler)
        logger.level, logger.propagate = self.before

"""Writing arrays with Orbax, its troubles told in one sentence."""

from __future__ import annotations

import contextlib
import logging
import os
import re

import orbax.checkpoint as ocp

__all__ = ["write_arrays", "writing"]

_CODE = re.compile(r"os_error_code='(\d+)'")


class _Quiet(logging.Filter):
    """Leaves out the tracebacks that Orbax's threads log of what is raised in any case."""

    def filter(self, record):
        return record.levelno < logging.ERROR or "orbax" not in record.pathname


@contextlib.contextmanager
def _quiet():
    logger, quiet = logging.getLogger("absl"), _Quiet()
    logger.addFilter(quiet)
    try:
        yield
    finally:
        logger.removeFilter(quiet)


def write_arrays(place, tree) -> None:
    """Writes a nested dict of arrays as an Orbax checkpoint.

    Raises:
        OSError: with the system's reason, e.g. that the disk is full.
    """
    with _quiet():
        try:
            with ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save(place, tree)
                checkpointer.wait_until_finished()
        except (ValueError, RuntimeError) as error:
            found = _CODE.search(str(error))
            if found is None:
                raise
            raise OSError(int(found[1]), os.strerror(int(found[1])), place) from None


@contextlib.contextmanager
def writing(what, intact):
    """Turns what the disk refuses into one error that says what was not written and what is whole still.

    Args:
        what: path of what is written.
        intact: what the error says of older data.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(
            error.errno, f"{reason}; it was not written, and nothing is left of it. {intact}", what
        ) from None

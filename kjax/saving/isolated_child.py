"""The child process of `open_isolated`: opens one file under limits and answers questions about it."""

from __future__ import annotations

import contextlib
import json
import resource
import struct
import sys

from kjax.saving.errors import ModelFileError
from kjax.saving.gate import open_gate

__all__ = ["serve"]

_BASE = 1024**3  # address space besides the arrays
_CALLS = ("has", "names_inside", "text", "json", "has_texts", "texts")


def _limit(what, value):
    hard = resource.getrlimit(what)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _answer(value, data=b""):
    text = json.dumps(value).encode()
    sys.stdout.buffer.write(struct.pack("<QQ", len(text), len(data)) + text)
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _refuse(error):
    where, reason = (
        (error.where, error.reason)
        if isinstance(error, ModelFileError)
        else ("file", f"{type(error).__name__}: {error}")
    )
    _answer({"error": type(error).__name__, "where": str(where)[:1000], "reason": str(reason)[:2000]})


def _call(gate, question):
    call, args = question["call"], question["args"]
    for name in question["place"]:
        gate = gate.group(name)
    if call == "group":
        return gate.group(*args).where, b""
    if call == "header":
        header = gate.header(*args)
        return [list(header.shape), header.dtype.str], b""
    if call == "read":
        path, shape = args
        _limit(resource.RLIMIT_AS, _BASE + 4 * gate.header(path).nbytes)
        array = gate.read(path, tuple(shape))
        return [list(array.shape), array.dtype.str], array.tobytes()
    if call not in _CALLS:
        raise ValueError(f"no such question: {call!r}")
    return getattr(gate, call)(*args), b""


def serve():
    """Answers questions from standard input until it ends."""
    start = json.loads(sys.stdin.buffer.readline())
    _limit(resource.RLIMIT_AS, _BASE)
    _limit(resource.RLIMIT_CPU, int(start["seconds"] + (start["max_bytes"] or 0) / 50e6) + 1)
    _limit(resource.RLIMIT_NOFILE, 32)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    try:
        with open_gate(start["path"], start["max_bytes"]) as gate:
            _answer({"value": None})
            for line in sys.stdin.buffer:
                try:
                    value, data = _call(gate, json.loads(line))
                except (ValueError, OSError, MemoryError, RuntimeError, KeyError, TypeError) as error:
                    _refuse(error)
                else:
                    _answer({"value": value}, data)
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        _refuse(error)

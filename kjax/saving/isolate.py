"""Reading an untrusted file in a child process with limits: the same questions as to a Gate, answered from outside."""

from __future__ import annotations

import contextlib
import json
import os
import select
import stat
import struct
import subprocess
import sys
import time
from typing import NoReturn

import h5py
import numpy as np

from kjax.saving import errors
from kjax.saving.bounded import parse_json
from kjax.saving.errors import CorruptFileError, UnsafeModelError
from kjax.saving.gate import MAX_BYTES, ArrayHeader, Budget

__all__ = ["MAX_SECONDS", "SECONDS", "open_isolated"]

SECONDS = 60.0
MAX_SECONDS = 1e7  # about four months
_RATE = 50e6  # bytes of arrays per second that a slow disk and gzip manage
_MAX_ANSWER = 256 * 1024 * 1024  # bytes of one answer besides an array's numbers
# The child imports the gate without the rest of the package: neither JAX nor any other library of ours. Its search path
# is Python's own library and, behind it, the folders that this process took NumPy and h5py from: whatever lies in the
# working folder, beside the file or on PYTHONPATH is not looked at.
_CHILD = """
import sys, types
sys.path += {path!r}
for name, folder in (("kjax", {package!r}), ("kjax.saving", {saving!r})):
    sys.modules[name] = types.ModuleType(name); sys.modules[name].__path__ = [folder]
from kjax.saving.isolated_child import serve
serve()
"""


def _folder(module) -> str:
    return os.path.dirname(os.path.abspath(module.__file__))


class _Child:
    """The process and the conversation with it.

    Args:
        path: the file to read.
        max_bytes: as for `open_gate`.
        seconds: how long its answers may take in all, besides a second for each 50 MB of arrays.
    """

    def __init__(self, path, max_bytes, seconds):
        saving = os.path.dirname(os.path.abspath(__file__))
        libraries = list(dict.fromkeys(os.path.dirname(_folder(m)) for m in (np, h5py)))
        code = _CHILD.format(package=os.path.dirname(saving), saving=saving, path=libraries)
        self.path, self.seconds, self.left = path, seconds, float(seconds)
        environment = {
            k: v for k, v in os.environ.items() if k in ("PATH", "LD_LIBRARY_PATH", "HOME", "LANG", "LC_ALL")
        }
        self.process = subprocess.Popen(
            [os.path.abspath(sys.executable), "-I", "-S", "-B", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=environment,
            cwd=os.path.abspath(os.sep),
        )
        try:
            self.ask({"path": os.path.abspath(path), "max_bytes": max_bytes, "seconds": seconds})
        except BaseException:
            self.close()
            raise

    def ask(self, question, nbytes=0):
        """The answer to one question, and the bytes that come with it, at most `nbytes`.

        Raises:
            CorruptFileError: when the child dies, takes too long or says what makes no sense; what it refuses is raised
                here as it was there.
        """
        self.left += nbytes / _RATE
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
        except BrokenPipeError:
            self._dead()
        size, data = struct.unpack("<QQ", self._receive(16))
        if size > _MAX_ANSWER or data > nbytes:
            self.nonsense()
        answer = parse_json(self._receive(size), f"{self.path}: answer of the reading process")
        if not isinstance(answer, dict) or not {"error", "where", "reason"} <= {*answer} and "value" not in answer:
            self.nonsense()
        if "error" in answer:
            kind = {"UnsafeModelError": UnsafeModelError, "CorruptFileError": CorruptFileError}.get(
                answer["error"], errors.ModelFileError
            )
            raise kind(str(answer["where"]), str(answer["reason"]))
        return answer["value"], self._receive(data)

    def _receive(self, size):
        parts, stream = [], self.process.stdout
        os.set_blocking(stream.fileno(), False)
        while size:
            begun = time.monotonic()
            heard = self.left > 0 and select.select([stream], [], [], self.left)[0]
            self.left -= time.monotonic() - begun
            if not heard:
                self.close()
                raise CorruptFileError(
                    self.path,
                    f"reading it took more than {self.seconds:g} seconds: it is damaged or made to block its reader.",
                )
            part = stream.read(min(size, 1 << 24))
            if part is None:
                continue
            if not part:
                self._dead()
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def nonsense(self) -> NoReturn:
        """Ends the process, for what it says cannot be an answer."""
        self.close()
        raise CorruptFileError(self.path, "the process that read it gave an answer that makes no sense.")

    def _dead(self) -> NoReturn:
        self.process.kill()
        code = self.process.wait()
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        raise CorruptFileError(
            self.path, f"the process that read it died ({how}): it is damaged, or needs more memory than it may."
        )

    def close(self):
        """Ends the process; may be called again."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class RemoteGate:
    """A Gate whose group lies in another process; see `kjax.saving.gate.Gate`."""

    def __init__(self, child, place, where, budget):
        self._child, self._place, self.where, self.budget = child, place, where, budget

    def _ask(self, call, *args, nbytes=0):
        return self._child.ask({"place": self._place, "call": call, "args": args}, nbytes)

    def has(self, path) -> bool:
        return bool(self._ask("has", path)[0])

    def names_inside(self, limit=200_000) -> list:
        return self._texts(self._ask("names_inside", limit)[0])

    def group(self, path) -> RemoteGate:
        where = str(self._ask("group", path)[0])
        return RemoteGate(self._child, [*self._place, path], where, self.budget)

    def text(self, name):
        value = self._ask("text", name)[0]
        return None if value is None else str(value)

    def json(self, name):
        return self._ask("json", name)[0]

    def has_texts(self, name) -> bool:
        return bool(self._ask("has_texts", name)[0])

    def texts(self, name) -> list:
        return self._texts(self._ask("texts", name)[0])

    def header(self, path) -> ArrayHeader:
        return ArrayHeader(*self._shape_and_dtype(self._ask("header", path)[0]))

    def _shape_and_dtype(self, answer) -> tuple:
        try:
            shape, dtype = answer
            shape, dtype = tuple(int(d) for d in shape), np.dtype(str(dtype))
        except (TypeError, ValueError, OverflowError):
            self._child.nonsense()
        if dtype.kind not in "fiub":
            self._child.nonsense()
        return shape, dtype

    def _texts(self, answer) -> list:
        if not isinstance(answer, list):
            self._child.nonsense()
        return [str(v) for v in answer]

    def read(self, path, shape) -> np.ndarray:
        size = int(np.prod(shape, dtype=object)) * 8
        self.budget.take(size // 8, f"{self.where}/{path}")
        answer, data = self._ask("read", path, list(shape), nbytes=size)
        got, dtype = self._shape_and_dtype(answer)
        if got != tuple(shape) or len(data) * 8 != size * dtype.itemsize:
            self._child.nonsense()
        return np.frombuffer(data, dtype=dtype).reshape(shape)


@contextlib.contextmanager
def open_isolated(path, max_bytes=MAX_BYTES, seconds=SECONDS):
    """`with open_isolated(path) as gate:` is `open_gate` in a child process with limits on memory, time and open files.

    Whatever the file does to the HDF5 library, it does there; here come checked texts and arrays.

    Args:
        path: of the file.
        max_bytes: as for `open_gate`.
        seconds: how long reading may take in all, besides a second for each 50 MB of arrays.

    Raises:
        FileNotFoundError, PermissionError: when the path cannot be opened.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"isolate=True reads files by their path; got {type(path).__name__}.")
    path = os.fspath(path)
    if stat.S_ISREG(os.stat(path).st_mode):
        open(path, "rb").close()  # may it be read?
    child = _Child(path, max_bytes, seconds)
    try:
        yield RemoteGate(child, [], path, Budget(max_bytes))
    finally:
        child.close()

"""A Python process that makes batches: started anew (never forked), fed through its standard input and output."""

from __future__ import annotations

import ast
import io
import os
import pickle
import runpy
import signal
import struct
import subprocess
import sys
import traceback
import types
from typing import Any

import numpy as np

_LENGTH = struct.Struct("<Q")
# Before anything else is imported, the pipes are put aside: what is printed goes to the terminal, not between answers.
# kjax and the libraries it needs are imported without the working folder; the caller's own modules may lie there.
_START = """
import os, sys
requests, answers = os.dup(0), os.dup(1)
os.dup2(2, 1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
sys.path[:] = {first!r}
from kjax.utils.worker_process import serve
sys.path[:] = {path!r}
serve(requests, answers)
"""
# as this process was started, but never with the working folder first on the path
_OPTIONS = [
    "-P",
    *(
        option
        for option, given in (
            ("-I", sys.flags.isolated),
            ("-E", sys.flags.ignore_environment),
            ("-s", sys.flags.no_user_site),
            ("-S", sys.flags.no_site),
            ("-B", sys.flags.dont_write_bytecode),
        )
        if given
    ),
]


class WorkerError(RuntimeError):
    """An exception of a worker process: its type, message and traceback as text."""


class _NotesMain(pickle.Pickler):
    """A pickler that remembers whether anything was defined by the main script."""

    def __init__(self, file):
        super().__init__(file, protocol=5)
        self.uses_main = False

    def reducer_override(self, obj):
        if isinstance(obj, (type, types.FunctionType)) and obj.__module__ == "__main__":
            self.uses_main = True
        return NotImplemented


def pack(source):
    """(bytes, main) for worker processes, or a string that says why `source` cannot be sent to any.

    `main` says how a worker gets the main script's definitions, None if it needs none.
    """
    file = io.BytesIO()
    pickler = _NotesMain(file)
    try:
        pickler.dump(source)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        return f"{type(source).__name__} cannot be sent to another process ({error})"
    if not pickler.uses_main:
        return file.getvalue(), None
    main = _importable_main()
    if main is None:
        return (
            f"{type(source).__name__} is defined in the main script, which workers can import only from a file whose "
            "actions are under `if __name__ == '__main__':`"
        )
    return file.getvalue(), main


def _importable_main():
    """How to import the main script without running its actions: ('module', name) or ('path', path), else None."""
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    if not path or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        try:
            tree = ast.parse(file.read())
        except (SyntaxError, ValueError):
            return None
    if not any(_is_main_guard(node) for node in tree.body):
        return None
    spec = getattr(main, "__spec__", None)
    return ("module", spec.name) if spec is not None else ("path", os.path.abspath(path))


def _is_main_guard(node) -> bool:
    if not (isinstance(node, ast.If) and isinstance(node.test, ast.Compare)):
        return False
    return {"'__name__'", "'__main__'"} <= {
        repr(getattr(n, "id", getattr(n, "value", None))) for n in ast.walk(node.test)
    }


def _home(package) -> str:
    """The entry of the search path that a package, if it is there, was loaded from."""
    file = getattr(sys.modules.get(package), "__file__", None)
    return os.path.dirname(os.path.dirname(os.path.abspath(file))) if file else ""


class WorkerProcess:
    """The parent's end of one worker process."""

    def __init__(self):
        # a worker makes arrays; it must not take the accelerator from the one who trains
        environment = dict(os.environ, JAX_PLATFORMS="cpu")
        path, own = [os.path.abspath(p) for p in sys.path], _home(__name__.partition(".")[0])
        first = [p for p in path if p != os.getcwd() or p in map(_home, ("kjax", "numpy", "h5py", "jax"))]
        first += [own] if own not in first else []  # behind Python's own library, if nobody else named it
        self._process = subprocess.Popen(
            [os.path.abspath(sys.executable), *_OPTIONS, "-c", _START.format(first=first, path=path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self.pid = self._process.pid

    def load(self, packed: bytes, main, seed=None) -> None:
        """Gives the worker its source of batches, or a changed one.

        Args:
            packed, main: from `pack`.
            seed: of NumPy's global generator there, or None for a fresh one.
        """
        self._ask(("load", packed, main, seed))

    def make(self, index):
        """source[index], or next(source) for None. WorkerError if that fails there or the process died."""
        return self._ask(("make", index))

    def _ask(self, request):
        try:
            _send(self._process.stdin, request)
            kind, content = _receive(self._process.stdout)
        except (OSError, EOFError, ValueError) as error:  # ValueError: the pipe was closed by `stop`
            code = self._wait(5)
            ended = f"was killed by signal {-code}" if code and code < 0 else f"ended with code {code}"
            raise WorkerError(f"worker process {self.pid} {ended}") from error
        if kind == "end":
            raise StopIteration
        if kind == "error":
            raise WorkerError(content)
        return content

    def _wait(self, seconds):
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:  # unsent bytes for a process that is gone
                continue


def _send(pipe, message) -> None:
    data = pickle.dumps(message, protocol=5)
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe):
    header = pipe.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        raise EOFError("the other side is gone")
    (length,) = _LENGTH.unpack(header)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError("the other side is gone")
    return pickle.loads(data)


def serve(requests_fd: int, answers_fd: int) -> None:
    """The worker's end: answers what comes through one file descriptor into the other, until the first is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    requests, answers = os.fdopen(requests_fd, "rb"), os.fdopen(answers_fd, "wb")
    source: Any = None
    while True:
        try:
            request = _receive(requests)
        except EOFError:
            return
        try:
            if request[0] == "load":
                source = _load(*request[1:])
                answer = ("ok", None)
            elif request[1] is None:
                answer = ("ok", next(source))
            else:
                answer = ("ok", source[request[1]])
            _send(answers, answer)
        except StopIteration:
            _send(answers, ("end", None))
        except BrokenPipeError:
            return
        except BaseException as error:  # noqa: BLE001  whatever user code raises belongs to the parent
            summary = f"{type(error).__name__}: {error}"
            _send(answers, ("error", f"{summary}\n\nIn the worker process:\n{traceback.format_exc()}"))


def _load(packed: bytes, main, seed):
    if main is not None and "__mp_main__" not in sys.modules:
        kind, name = main
        run = runpy.run_module if kind == "module" else runpy.run_path
        module = types.ModuleType("__mp_main__")
        module.__dict__.update(run(name, run_name="__mp_main__"))
        sys.modules["__main__"] = sys.modules["__mp_main__"] = module
    np.random.seed(seed)
    return pickle.loads(packed)

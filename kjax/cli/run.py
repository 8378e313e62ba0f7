"""`python -m kjax ...`: runs a program as Python would, with `import keras` giving kjax."""

from __future__ import annotations

import builtins
import code
import importlib
import importlib.abc
import importlib.machinery
import io
import os
import pkgutil
import runpy
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, NoReturn

import kjax
from kjax.cli import launch
from kjax.compat.aliases import install_as_keras
from kjax.compat.start import TAKEN_OFF
from kjax.version import __version__

USAGE = """\
usage: python -m kjax script.py [args]      run a script, a folder or a zip file with __main__.py
       python -m kjax -m module [args]      run a module
       python -m kjax -c code [args]        run a piece of code
       python -m kjax - [args]              run what comes on standard input
       python -m kjax inspect FILE          show what a saved model holds
       python -m kjax convert OLD NEW       write a saved model in another format
       python -m kjax doctor                which devices, versions and settings are in use, and a self-check
       python -m kjax --help | --version

In the program, `import keras` and every path below it give kjax, and `import tensorflow` gives kjax's stand-in for
TensorFlow 1; `python -m kjax --tensorflow installed ...` leaves `tensorflow` to the one that is installed.
`python -m kjax --devices N|all ...` runs models on several devices; `python -m kjax --processes N ...` runs the program
in N processes on this machine that train together, each on the data that it gives (see `kjax.distribute`).
"""

COMMANDS = {"inspect": "files", "convert": "files", "doctor": "doctor"}  # command -> module of this room
_TENSORFLOW = {"stand-in": True, "installed": False}
_install = {"tensorflow": True}  # the arguments of `install_as_keras`


def main(argv: list[str] | None = None) -> None:
    """Run the program that `argv` names (default: the process's arguments); raises SystemExit as the program would."""
    argv = list(sys.argv[1:] if argv is None else argv)
    first = argv[0] if argv else ""
    if first in ("-h", "--help"):
        print(USAGE, end="")
        return
    if first in ("-V", "--version"):
        print(f"kjax {__version__}")
        return
    if first == "--tensorflow":
        if len(argv) < 2 or argv[1] not in _TENSORFLOW:
            _refuse(f"--tensorflow must be one of {', '.join(_TENSORFLOW)}; got {' '.join(argv[1:2]) or 'nothing'}")
        _install["tensorflow"] = _TENSORFLOW[argv[1]]
        argv = argv[2:]
        first = argv[0] if argv else ""
    if first == "--processes":
        if len(argv) < 3 or not argv[1].isdecimal() or int(argv[1]) < 1:
            _refuse(
                f"--processes must be a number >= 1, with a program behind it; got {' '.join(argv[1:]) or 'nothing'}"
            )
        sys.exit(launch.launch(int(argv[1]), argv[2:]))
    launch.join()
    if first == "--devices":
        problem = launch.on_devices(argv[1] if len(argv) > 1 else "")
        if problem is not None:
            _refuse(problem)
        argv = argv[2:]
        first = argv[0] if argv else ""
    if first in COMMANDS and not os.path.exists(first):
        sys.exit(importlib.import_module(f"kjax.cli.{COMMANDS[first]}").main(argv))
    if first in ("-m", "-c") and len(argv) == 1:
        _refuse(f"Argument expected for the {first} option")
    if not argv or (first.startswith("-") and first not in ("-", "-m", "-c")):
        _refuse(f"unknown option {first}" if argv else "no program given")
    if first == "-m":
        start = lambda: _run_module(argv[1], argv[2:])
    elif first == "-c":
        start = lambda: _run_code(argv[1], argv[2:])
    elif first == "-":
        start = lambda: _run_stdin(argv[1:])
    elif pkgutil.get_importer(first) is not None:
        start = lambda: _run_folder(first, argv[1:])
    else:
        start = lambda: _run_script(first, argv[1:])
    _run(start)


def _refuse(problem: str) -> NoReturn:
    print(f"kjax: {problem}\n{USAGE}", end="", file=sys.stderr)
    sys.exit(2)


def _run(start: Callable[[], None]) -> None:
    """Run it; what goes wrong is shown as if this module were not there."""
    # the running frames of the interpreter still use the globals of the first __main__
    keep = sys.modules["__main__"]
    try:
        start()
    except SystemExit as end:
        launch.report(end.code)
        raise
    except BaseException as err:
        err = err.with_traceback(_without_runner(err.__traceback__))
        _show(err)
        launch.report(1)
        # the interpreter has the exit status left to set (1, or the signal's for Ctrl-C), not a word to say
        sys.excepthook = lambda *args: None
        raise
    finally:
        del keep


def _without_runner(tb: TracebackType | None) -> TracebackType | None:
    while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
        tb = tb.tb_next
    return tb


def _show(err: BaseException) -> None:
    try:
        sys.excepthook(type(err), err, err.__traceback__)
    except Exception as problem:  # noqa: BLE001  (whatever a user's hook raises is shown, as the interpreter does)
        problem = problem.with_traceback(_without_runner(problem.__traceback__))
        problem.__context__ = None
        print("Error in sys.excepthook:", file=sys.stderr)
        traceback.print_exception(problem)
        print("\nOriginal exception was:", file=sys.stderr)
        traceback.print_exception(err)


# ---------------------------------------------------------------- the forms of a program


def _run_script(path: str, args: list[str]) -> None:
    filename = os.path.join(os.getcwd(), path)
    compiled, loader = _script_code(path, filename)
    main = _enter([path, *args], os.path.dirname(os.path.realpath(path)), loader)
    main.__dict__.update(__file__=filename, __cached__=None)
    exec(compiled, main.__dict__)


def _script_code(path: str, filename: str) -> tuple[Any, importlib.abc.Loader]:
    try:
        with io.open_code(filename) as f:
            source = f.read()
    except OSError as err:
        print(f"{sys.executable}: can't open file {filename!r}: [Errno {err.errno}] {err.strerror}", file=sys.stderr)
        sys.exit(2)
    if path.endswith(".pyc"):
        loader = importlib.machinery.SourcelessFileLoader("__main__", filename)
        return loader.get_code("__main__"), loader
    return _compiled(source, filename), importlib.machinery.SourceFileLoader("__main__", filename)


def _run_folder(path: str, args: list[str]) -> None:
    _enter([path, *args], os.path.join(os.getcwd(), path), None, always=True)
    # runpy's own entry, which the interpreter uses for folders and for -m: tracebacks and messages come out the same
    runpy._run_module_as_main("__main__", False)  # type: ignore[attr-defined]


def _run_module(name: str, args: list[str]) -> None:
    _enter(["-m", *args], os.getcwd(), None)
    runpy._run_module_as_main(name)  # type: ignore[attr-defined]


def _run_code(source: str, args: list[str]) -> None:
    main = _enter(["-c", *args], "", importlib.machinery.BuiltinImporter)
    exec(_compiled(source, "<string>"), main.__dict__)


def _run_stdin(args: list[str]) -> None:
    main = _enter(["-", *args], "", importlib.machinery.BuiltinImporter)
    if sys.stdin is not None and sys.stdin.isatty():
        code.interact(f"Python {sys.version} on {sys.platform}\nkeras is kjax {__version__}", local=main.__dict__)
        return
    main.__dict__.update(__file__="<stdin>", __cached__=None)
    exec(_compiled(sys.stdin.buffer.read(), "<stdin>"), main.__dict__)


def _compiled(source: str | bytes, filename: str) -> CodeType:
    return compile(source, filename, "exec", dont_inherit=True)


def _enter(argv: list[str], path0: str, loader, always: bool = False) -> ModuleType:
    """Set `sys.argv`, `sys.path` and a new `__main__` as the interpreter does, and put kjax in the place of Keras.

    Args:
        path0: the program's own entry of `sys.path`.
        always: the entry is needed even where the interpreter was told to add none (-P, -I).
    """
    first = sys.modules["__main__"]
    main = ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __loader__=loader)
    if "__annotations__" in vars(first):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    sys.argv[:] = argv
    if TAKEN_OFF:
        sys.path.insert(0, path0)
    elif not sys.flags.safe_path:
        sys.path[0] = path0
    elif always:
        sys.path.insert(0, path0)
    if importlib.machinery.PathFinder.find_spec("kjax") is None:
        # kjax was found in the working folder only; the program's worker processes have to find it as well
        sys.path.append(str(Path(kjax.__file__).parents[1]))
    install_as_keras(**_install)
    return main

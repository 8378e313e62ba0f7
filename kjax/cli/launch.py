"""`--devices N|all` and `--processes N`: a program on several devices, or as several processes, without a new line."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

__all__ = ["join", "launch", "on_devices", "report"]

_MEMBER = "KJAX_PROCESS"  # of a process that `launch` started: "port number count pipe"
_pipe: list = []  # where a process that `launch` started says that its program failed
_GRACE_SECONDS = 5.0  # for processes that are told to end, before they are killed


def _distribute():
    return importlib.import_module(
        "kjax.distribute"
    )  # only where it is asked for: the launcher itself computes nothing


def on_devices(text: str) -> str | None:
    """Runs models on so many devices from here on; returns what is wrong with `text`, or None."""
    if text != "all" and not (text.isdecimal() and int(text) > 0):
        return f"--devices must be a number >= 1 or all; got {text or 'nothing'}"
    try:
        _distribute().use_devices(None if text == "all" else int(text))
    except ValueError as error:
        return f"--devices: {error}"
    return None


def join() -> None:
    """Joins the group in a process that `launch` started; does nothing in others."""
    member = os.environ.pop(_MEMBER, None)  # not for the processes that the program starts
    if member is not None:
        port, number, count, pipe = map(int, member.split())
        _pipe.append(pipe)
        _distribute().initialize(coordinator_address=f"localhost:{port}", num_processes=count, process_id=number)


def report(status) -> None:
    """Tells the launcher that the program ends with this status, a SystemExit's code; JAX's own end waits for all."""
    if _pipe and status not in (None, 0):
        os.write(_pipe[0], bytes([status & 255 or 1 if isinstance(status, int) else 1]))


def launch(count: int, argv: list[str]) -> int:
    """Runs `python -m kjax *argv` in so many processes of one group on this machine; returns the exit status.

    Each line of what they say begins with the process's number. SIGINT and SIGTERM are passed on. When one fails, the
    others are ended and its status is returned.
    """
    port, (reports, pipe) = _free_port(), os.pipe()
    os.set_blocking(reports, False)
    members = []
    for number in range(count):
        environment = {**os.environ, _MEMBER: f"{port} {number} {count} {pipe}", "PYTHONUNBUFFERED": "1"}
        # in sessions of their own: the terminal's Ctrl-C comes once, from here
        member = subprocess.Popen(
            [sys.executable, "-m", "kjax", *argv],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=(pipe,),
        )
        members.append(member)
    said = [_prefixed(stream, number, to) for number, m in enumerate(members) for stream, to in _streams(m)]
    before = {kind: signal.signal(kind, _passes_on(members)) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        status = _first_failure(members, reports)
    finally:
        _end(members)
        for kind, handler in before.items():
            signal.signal(kind, handler)
        os.close(reports)
        os.close(pipe)
    for thread in said:
        thread.join(_GRACE_SECONDS)
    return status


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("localhost", 0))
        return s.getsockname()[1]


def _streams(member):
    return (member.stdout, sys.stdout), (member.stderr, sys.stderr)


def _prefixed(stream, number, to):
    def copy():
        for line in stream:
            to.write(f"[{number}] {line}")
            to.flush()

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    return thread


def _passes_on(members):
    def handler(number, frame):
        for member in members:
            if member.poll() is None:
                member.send_signal(number)

    return handler


def _first_failure(members, reports) -> int:
    """Waits until one fails, or says that it will, or all have ended; returns an exit status."""
    while True:
        try:
            return os.read(reports, 1)[0]
        except BlockingIOError:
            pass  # nobody has said anything
        statuses = [member.poll() for member in members]
        failed = [s for s in statuses if s]
        if failed:
            return failed[0] if failed[0] > 0 else 128 - failed[0]
        if None not in statuses:
            return 0
        time.sleep(0.05)


def _end(members) -> None:
    for member in members:
        if member.poll() is None:
            member.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    for member in members:
        try:
            member.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            member.kill()
            member.wait()

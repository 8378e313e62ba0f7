"""Witnesses of what a block of code opens, runs and connects to."""

import contextlib
import ctypes
import os
import sys
import sysconfig

import jax

_RUNNING = (
    'os.system',
    'os.exec',
    'os.fork',
    'os.posix_spawn',
    'subprocess.Popen',
    'pickle.find_class',
    'ctypes.dlopen',
)
_heard: list | None = None


def _hear(event, arguments):
    if _heard is not None:
        if event == 'open' and isinstance(arguments[0], (str, bytes)):
            _heard.append(('open', os.fsdecode(arguments[0])))
        elif event in _RUNNING or event.startswith('socket.'):
            _heard.append((event, str(arguments)[:200]))


sys.addaudithook(_hear)


@contextlib.contextmanager
def opens_only(*allowed):
    """Fails when the block, in any thread, opens another file, a socket or a process; what Python needs is allowed."""
    global _heard
    python = {os.path.realpath(p) for p in (*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, '/proc')}
    jax.numpy.zeros(1).block_until_ready()  # the device's set-up opens much
    _heard = []
    try:
        yield
    finally:
        heard, _heard = _heard, None
    others = [
        (event, what)
        for event, what in heard
        if event != 'open'
        or os.path.realpath(what) not in {os.path.realpath(a) for a in allowed}
        and not (_inside(os.path.realpath(what), python) or what.endswith(('.py', '.pyc')))
    ]
    assert not others, others


def _inside(path, folders):
    return any(path.startswith(folder + os.sep) for folder in folders)


@contextlib.contextmanager
def untouched(path):
    """Fails when anything, a C library included, opens the file or folder within the block."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_NONBLOCK)
    assert handle >= 0 and libc.inotify_add_watch(handle, os.fsencode(path), 0x20) >= 0  # IN_OPEN
    try:
        yield
        with contextlib.suppress(BlockingIOError):
            assert not os.read(handle, 4096), f'{path} was opened'
    finally:
        os.close(handle)

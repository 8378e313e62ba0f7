"""Set-up of every test: the CPU with eight simulated devices, nobody's own Keras settings, one seed."""

import ctypes
import gc
import os
import random
import signal
import tempfile
import threading
from pathlib import Path

# Everything here must stand before the first import of JAX. Run on an accelerator with JAX_PLATFORMS=cuda (or tpu).
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
DEVICES = '--xla_force_host_platform_device_count'
if DEVICES not in os.environ.get('XLA_FLAGS', ''):
    os.environ['XLA_FLAGS'] = f'{os.environ.get("XLA_FLAGS", "")} {DEVICES}=8'.strip()
# keras.json and downloads of the person who runs the tests stay out of it
os.environ['KERAS_HOME'] = tempfile.mkdtemp(prefix='kjax-tests-')
os.environ.setdefault('MPLBACKEND', 'Agg')
# Programs compiled once serve the other workers, the child processes and the next run; `make clean` empties the folder.
os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', str(Path(__file__).parents[1] / '.test_cache' / 'jax'))
os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0')
os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES', '0')

import jax
import numpy as np
import pytest

# What a test process may hold before it drops the programs compiled so far.
MOST_RESIDENT = 2 << 30


SLOW = frozenset(line for line in (Path(__file__).parent / "slow.txt").read_text().splitlines() if line[:1] != "#")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid.partition("[")[0] in SLOW:
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def seed():
    random.seed(0)
    np.random.seed(0)


def resident():
    """Bytes of memory this process holds; 0 where the system does not say."""
    if not os.path.exists("/proc/self/statm"):
        return 0
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(autouse=True, scope="module")
def bounded_memory():
    """Compiled programs pile up from module to module; glibc keeps what they held until it is asked for it."""
    yield
    if resident() > MOST_RESIDENT:
        jax.clear_caches()
        gc.collect()
        if hasattr(ctypes.CDLL(None), "malloc_trim"):
            ctypes.CDLL(None).malloc_trim(0)


class Interrupt:
    """Sends SIGINT after some time and then every two seconds, until stopped: one that arrives while Python collects
    garbage is lost."""

    def __init__(self):
        self._over = threading.Event()

    def after(self, seconds):
        threading.Thread(target=self._send, args=(seconds,), daemon=True).start()

    def _send(self, seconds):
        while not self._over.wait(seconds):
            os.kill(os.getpid(), signal.SIGINT)
            seconds = 2.0

    def stop(self):
        self._over.set()


@pytest.fixture
def interrupt():
    """An Interrupt; SIGINT raises KeyboardInterrupt even where the process was started with it ignored."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    sender = Interrupt()
    yield sender
    sender.stop()
    signal.signal(signal.SIGINT, previous)

"""Set-up of every test: the CPU with eight simulated devices, nobody's own Keras settings, one seed."""

import os
import random
import signal
import tempfile
import threading

# Everything here must stand before the first import of JAX. Run on an accelerator with JAX_PLATFORMS=cuda (or tpu).
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
DEVICES = '--xla_force_host_platform_device_count'
if DEVICES not in os.environ.get('XLA_FLAGS', ''):
    os.environ['XLA_FLAGS'] = f'{os.environ.get("XLA_FLAGS", "")} {DEVICES}=8'.strip()
# keras.json and downloads of the person who runs the tests stay out of it
os.environ['KERAS_HOME'] = tempfile.mkdtemp(prefix='kjax-tests-')
os.environ.setdefault('MPLBACKEND', 'Agg')

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def seed():
    random.seed(0)
    np.random.seed(0)


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

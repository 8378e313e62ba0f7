"""Set-up of every test: the CPU with eight simulated devices, nobody's own Keras settings, one seed."""

import os
import random
import tempfile

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

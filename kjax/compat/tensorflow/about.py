"""Which TensorFlow the stand-in stands for."""

from __future__ import annotations

# the last 1.x that Keras 2.2.4 was used with; programs compare it
VERSION = "1.15.5"
KERAS_VERSION = "2.2.4-tf"
GIT_VERSION = "kjax"
COMPILER_VERSION = "XLA"

"""Callbacks: what is called back during training."""

import importlib
import sys

from kjax.callbacks.base import Callback, CallbackList
from kjax.callbacks.learning_rate import LearningRateScheduler
from kjax.callbacks.monitor import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau, TerminateOnNaN
from kjax.callbacks.outlets import CSVLogger, LambdaCallback, RemoteMonitor
from kjax.callbacks.reporting import BaseLogger, History, ProgbarLogger
from kjax.callbacks.tensorboard import TensorBoard
from kjax.engine.registry import register_room
from kjax.utils.generic_utils import Progbar

_ON_DEMAND = {"OrbaxCheckpoint": "orbax_checkpoint"}  # name -> module; Orbax takes a second to import

__all__ = [
    "BaseLogger",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "Progbar",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "TensorBoard",
    "TerminateOnNaN",
    *_ON_DEMAND,
]

register_room("callbacks", sys.modules[__name__])


def __getattr__(name):
    if name not in _ON_DEMAND:
        raise AttributeError(f"module 'kjax.callbacks' has no attribute {name!r}")
    found = getattr(importlib.import_module("kjax.callbacks." + _ON_DEMAND[name]), name)
    globals()[name] = found
    return found


def __dir__():
    return sorted(set(globals()) | set(_ON_DEMAND))

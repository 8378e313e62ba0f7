"""Callbacks: what is called back during training."""

from kjax.callbacks.base import Callback, CallbackList
from kjax.callbacks.learning_rate import LearningRateScheduler
from kjax.callbacks.monitor import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau, TerminateOnNaN
from kjax.callbacks.outlets import CSVLogger, LambdaCallback, RemoteMonitor
from kjax.callbacks.reporting import BaseLogger, History, ProgbarLogger
from kjax.callbacks.tensorboard import TensorBoard
from kjax.utils.generic_utils import Progbar

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
]

"""Callbacks: what is called back during training."""
from kjax.callbacks.base import Callback, CallbackList
from kjax.callbacks.reporting import BaseLogger, History, ProgbarLogger
from kjax.utils.generic_utils import Progbar

__all__ = ["BaseLogger", "Callback", "CallbackList", "History", "ProgbarLogger", "Progbar"]

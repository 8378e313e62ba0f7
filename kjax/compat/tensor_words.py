"""What tensors and variables answer to in TensorFlow 1's words: `eval`, `initializer`, `load`, `assign_add`.

The functions live with the stand-in for TensorFlow, which is loaded when one of them is used.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

import numpy as np

from kjax import backend
from kjax.compat.tensorflow import finder
from kjax.graph import KerasTensor, Update, Variable

ROOM = "kjax.compat.tensorflow"
TENSORS = {"eval": "sessions:evaluate"}
VARIABLES = {
    "eval": "sessions:evaluate",
    "assign_add": "effects:assign_add",
    "assign_sub": "effects:assign_sub",
    "initialized_value": "variables:read_value",
    "load": "variables:load",
    "read_value": "variables:read_value",
}


# what Keras's backend imports of TensorFlow, and programs take from it
OF_BACKEND = {
    "tf": finder.TOP,
    "config_pb2": f"{finder.TOP}.core.protobuf.config_pb2",
    "control_flow_ops": f"{finder.TOP}.python.ops.control_flow_ops",
    "ctc": f"{finder.TOP}.python.ops.ctc_ops",
    "device_lib": f"{finder.TOP}.python.client.device_lib",
    "functional_ops": f"{finder.TOP}.python.ops.functional_ops",
    "moving_averages": f"{finder.TOP}.python.training.moving_averages",
    "tensor_array_ops": f"{finder.TOP}.python.ops.tensor_array_ops",
    "tf_ops": f"{finder.TOP}.python.framework.ops",
}


def _found(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(f"{ROOM}.{module}"), name)


def _method(name: str, target: str):
    def method(self, *args, **kwargs):
        return _found(target)(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"See `kjax.compat.tensorflow.{target.replace(':', '.')}`."
    return method


def get_session():
    """The session in use: the innermost `with tf.Session():`, else that of `set_session`, else one made now."""
    return _found("sessions:get_session")()


def set_session(session):
    """Sets the session that `get_session` gives outside of any `with`.

    Args:
        session: tf.Session.
    """
    _found("sessions:set_session")(session)


def _backend_attribute(otherwise):
    """`K.tf` and the like, where programs see the stand-in for TensorFlow."""

    def __getattr__(name: str):
        if name in OF_BACKEND and finder.installed():
            return importlib.import_module(OF_BACKEND[name])
        return otherwise(name)

    return __getattr__


def add_tensor_words() -> None:
    """Lets tensors and variables answer to them; doing it again changes nothing."""
    if hasattr(KerasTensor, "eval"):
        return
    for cls, methods in ((KerasTensor, TENSORS), (Variable, VARIABLES)):
        for name, target in methods.items():
            setattr(cls, name, _method(name, target))
    Variable.initializer = property(_method("initializer", "variables:initializer_of"))  # type: ignore[attr-defined]
    for cls in (KerasTensor, Variable):
        cls.graph = property(_method("graph", "graphs:graph_of"))  # type: ignore[union-attr]
    backend.__getattr__ = _backend_attribute(backend.__getattr__)
    at_once = Variable.assign

    @functools.wraps(at_once)
    def assign(self, value, use_locking=None, name=None, read_value=True):
        if isinstance(value, (KerasTensor, Variable)):
            return _found("effects:assign")(self, value)
        at_once(self, value)
        return Update(self, np.asarray(value, self.dtype))

    Variable.assign = assign  # type: ignore[method-assign]

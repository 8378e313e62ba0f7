"""What only a TensorFlow session can do: each name ends in one error that says what to use instead."""

from __future__ import annotations

__all__ = ["INSTEAD", "get_session", "manual_variable_initialization", "set_session"]

INSTEAD = {
    "get_session": "compute tensors with K.function([...], [...]) or K.eval(x), read variables with K.get_value(x)",
    "set_session": "choose the device with JAX (JAX_PLATFORMS, jax.default_device) and leave the session out",
    "manual_variable_initialization": "nothing: variables always have a value; K.set_value(x, value) gives another",
    "tf": "keras.backend functions, or jax.numpy inside of an operation made with kjax.graph.op",
}


def _error(name: str) -> str:
    return f"keras.backend.{name} belongs to TensorFlow; kjax runs on JAX. Use instead: {INSTEAD[name]}."


def get_session():
    """Raises NotImplementedError: there is no session."""
    raise NotImplementedError(_error("get_session"))


def set_session(session):
    """Raises NotImplementedError: there is no session."""
    raise NotImplementedError(_error("set_session"))


def manual_variable_initialization(value):
    """Accepts False, the default; raises NotImplementedError for True: variables always have values.

    Args:
        value: bool.
    """
    if value:
        raise NotImplementedError(_error("manual_variable_initialization"))


def missing_attribute(name: str) -> str:
    """The text of the AttributeError for a name that `keras.backend` lacks."""
    return _error(name) if name in INSTEAD else f"module 'kjax.backend' has no attribute {name!r}"

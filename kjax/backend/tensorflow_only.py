"""What only a TensorFlow session can do: each name ends in one error that says what to use instead."""

from __future__ import annotations

__all__ = ["INSTEAD", "manual_variable_initialization"]

INSTEAD = {
    "manual_variable_initialization": "nothing: variables always have a value; K.set_value(x, value) gives another",
    "tf": "kjax.install_as_keras() first: it gives a stand-in for tensorflow; or keras.backend functions",
}


def _error(name: str) -> str:
    return f"keras.backend.{name} belongs to TensorFlow; kjax runs on JAX. Use instead: {INSTEAD[name]}."


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

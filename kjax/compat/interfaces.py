"""`keras.legacy.interfaces`: decorators that make a constructor or method take Keras 1 calls."""

from __future__ import annotations

from collections.abc import Callable

from kjax.keras1.call_conversion import Call, Interface, converting
from kjax.keras1.rules import INTERFACES


def generate_legacy_interface(
    allowed_positional_args=None, conversions=None, preprocessor=None, value_conversions=None, object_type="class"
) -> Callable:
    """A decorator that converts Keras 1 calls.

    Args:
        allowed_positional_args: names Keras 2 takes by position; None: not checked.
        conversions: pairs (Keras 1 name, Keras 2 name).
        preprocessor: function `(args, kwargs) -> (args, kwargs, converted)` that runs first; `args[0]` is `self`.
        value_conversions: Keras 1 name -> {old value: new value}.
        object_type: 'class', 'method' or 'function'; what the warning names: the class of `self` or the function.
    """
    if object_type not in ("class", "method", "function"):
        raise ValueError(f"object_type must be class, method or function; got {object_type!r}.")

    def preprocess(call: Call) -> None:
        # the interface of old: positional arguments with a place for self
        args, kwargs, converted = preprocessor([None, *call.args], dict(call.kwargs))
        call.args[:] = list(args)[1:]
        call.kwargs.clear()
        call.kwargs.update(kwargs)
        call.converted = call.converted or bool(converted)

    interface = Interface(
        None if allowed_positional_args is None else tuple(allowed_positional_args),
        dict(conversions or ()),
        value_conversions or {},
        () if preprocessor is None else (preprocess,),
    )

    def decorate(func):
        label = None if object_type == "class" else func.__name__
        return converting(interface, label, method=object_type != "function")(func)

    return decorate


def generate_legacy_method_interface(
    allowed_positional_args=None, conversions=None, preprocessor=None, value_conversions=None, object_type="method"
) -> Callable:
    """`generate_legacy_interface` for a method."""
    return generate_legacy_interface(allowed_positional_args, conversions, preprocessor, value_conversions, object_type)


def raise_duplicate_arg_error(old_arg, new_arg):
    """TypeError: an argument was given by both its names."""
    raise TypeError(f"{new_arg} was given twice: as {new_arg} and by its Keras 1 name {old_arg}.")


def _decorator(key: str) -> Callable:
    interface = INTERFACES[key]
    named = key in ("generator_methods", "add_weight", "get_updates")

    def support(func):
        return converting(interface, func.__name__ if named else None)(func)

    support.__name__ = support.__qualname__ = f"legacy_{key}_support"
    support.__doc__ = f"Decorator: the {'method' if named else 'constructor'} takes Keras 1 calls, by row `{key}`."
    return support


globals().update({f"legacy_{key}_support": _decorator(key) for key in INTERFACES})

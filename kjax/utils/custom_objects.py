"""Names of the user's own classes and functions, known while a scope is open."""

from __future__ import annotations

import threading

_GLOBAL_CUSTOM_OBJECTS: dict = {}


class _OpenScopes(threading.local):
    """Each thread has its own scopes: one thread's names do not leak into another's loading."""

    def __init__(self):
        self.stack: list[dict] = []


_scopes = _OpenScopes()


def get_custom_objects() -> dict:
    """The dict of custom names in force: the innermost open scope's, else the global one. May be changed in place."""
    return _scopes.stack[-1] if _scopes.stack else _GLOBAL_CUSTOM_OBJECTS


class CustomObjectScope:
    """`with CustomObjectScope({'MyLayer': MyLayer}): ...` makes the names known to every deserializer inside.

    Args:
        *args: dicts of name -> class or function; later ones win.

    Changes of `get_custom_objects()` made inside are forgotten at the end, as in Keras.
    Differs: holds for the thread that opened it only.
    """

    def __init__(self, *args):
        for objects in args:
            if objects is not None and not isinstance(objects, dict):
                raise TypeError(f"CustomObjectScope: each argument must be a dict of names, received {objects!r}")
        self.custom_objects = args
        self.backup = None

    def __enter__(self):
        self.backup = get_custom_objects()
        merged = dict(self.backup)
        for objects in self.custom_objects:
            merged.update(objects or {})
        _scopes.stack.append(merged)
        return self

    def __exit__(self, *args, **kwargs):
        _scopes.stack.pop()


def custom_object_scope(*args):
    """A `CustomObjectScope` of these dicts."""
    return CustomObjectScope(*args)

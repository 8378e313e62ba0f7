"""Modules made of the rows of `tree`: names are looked up when they are asked for."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any

from kjax.compat.aliases import alias_spec
from kjax.compat.tensorflow import keras_paths, tree
from kjax.compat.tensorflow.finder import TOP

ROOM = "kjax.compat.tensorflow"


def _entries(names: dict[str, str]) -> dict[str, tuple[str, str]]:
    """name -> (full name of the module that has it, its name there)."""
    found = {}
    for source, listed in names.items():
        module = ROOM + source if source.startswith(".") else f"kjax.{source}"
        for item in listed.split():
            name, _, found_as = item.partition("=")
            found[name] = (module, found_as or name)
    return found


ENTRIES: dict[str, dict[str, tuple[str, str]]] = {}
for _table in tree.tables():
    for _path, _names in _table.items():
        ENTRIES.setdefault(_path, {}).update(_entries(_names))

# every path with a module of its own; what is above a path is one, too
PATHS = {
    ".".join(path.split(".")[:n])
    for path in [*ENTRIES, *tree.ALSO, *tree.ALIASES]
    for n in range(len(path.split(".")) + 1)
}


class StandIn(ModuleType):
    """A module of the stand-in for TensorFlow."""

    def __getattr__(self, name: str) -> Any:
        path = _inside(self.__name__)
        found = look_up(path, name)
        if found is None:
            raise AttributeError(missing(path, name), name=name, obj=self)
        kind, where = found
        value = importlib.import_module(where) if kind == "module" else getattr(importlib.import_module(where), kind)
        setattr(self, name, value)
        return value

    def __dir__(self):
        path = _inside(self.__name__)
        found = {name for name in vars(self) if name.startswith("__")}
        for p in (path, *tree.ALSO.get(path, ())):
            found.update(ENTRIES.get(p, {}))
        return sorted(found | children(path) | keras_paths.listed(path))


def look_up(path: str, name: str) -> tuple[str, str] | None:
    """("module", its full name) or (name there, full name of the module that has it) of a name below a path."""
    below = f"{path}.{name}" if path else name
    if below in PATHS:
        return "module", f"{TOP}.{below}"
    for p in (path, *tree.ALSO.get(path, ())):
        if name in ENTRIES.get(p, {}):
            where, found_as = ENTRIES[p][name]
            return found_as, where
    if keras_paths.is_path(below):
        return "module", f"{TOP}.{below}"
    return keras_paths.look_up(path, name)


def children(path: str) -> set[str]:
    """The names of the modules right below a path."""
    above = path + "." if path else ""
    return {p[len(above) :].split(".")[0] for p in PATHS if p and p.startswith(above)}


def missing(path: str, name: str) -> str:
    """The text of the error for a name that the stand-in lacks."""
    full = ".".join(filter(None, (TOP, path, name)))
    return (
        f"{full} is not there: this `{TOP}` is kjax's stand-in for TensorFlow 1, with what programs for Keras 2 use of "
        f"it. Use instead: {tree.instead(path, name)}."
    )


def _inside(fullname: str) -> str:
    return fullname.partition(".")[2]


class _Loader(importlib.abc.Loader):
    def create_module(self, spec):
        return StandIn(spec.name, f"{spec.name}, as far as kjax stands in for it.")

    def exec_module(self, module):
        module.__all__ = [name for name in dir(module) if not name.startswith("_")]


class _AbsentLoader(importlib.abc.Loader):
    def create_module(self, spec):
        above, _, name = _inside(spec.name).rpartition(".")
        # without `name`: `from tensorflow import x` would hide the text of an error that names what is imported
        raise ModuleNotFoundError(missing(above, name))

    def exec_module(self, module):
        """Never reached."""


def spec_of(fullname: str) -> importlib.machinery.ModuleSpec | None:
    """The spec of a path; one that raises the error of missing names where the stand-in has none."""
    path = _inside(fullname)
    for alias in sorted(tree.ALIASES, key=len, reverse=True):
        if path == alias or path.startswith(alias + "."):
            found = alias_spec(fullname, tree.ALIASES[alias] + path[len(alias) :])
            if found is not None:
                return found
            break
    if path in PATHS or keras_paths.is_path(path):
        return importlib.machinery.ModuleSpec(fullname, _Loader(), origin=ROOM, is_package=True)
    parent = sys.modules.get(fullname.rpartition(".")[0])
    if parent is not None and not isinstance(parent, StandIn):
        return None
    return importlib.machinery.ModuleSpec(fullname, _AbsentLoader(), origin=ROOM)

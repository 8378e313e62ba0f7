"""One module under several names: `keras.x` for `kjax.x`, and the module paths of older Keras versions.

Two finders do it. `LegacyFinder` knows the rows of `paths.MODULES` (`kjax.engine.topology`, ...) and is always there,
behind Python's own finders. `KerasFinder` gives every `keras.x` the module object `kjax.x`; `install_as_keras` puts it
in front. A module keeps the name and spec it was made with, so `reload`, `pickle` and `inspect` see one module.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType

from kjax.compat.paths import MODULES, Absent, Alias, Namespace
from kjax.compat.tensorflow import finder as tensorflow_finder

PACKAGE = "kjax"
KERAS = "keras"
DROP_IN = Path(__file__).parent / "drop_in"

_lock = threading.RLock()
# the specs of aliased modules: the import system overwrites `__spec__` when it loads a module by a second name
_specs: dict[str, importlib.machinery.ModuleSpec] = {}


class AliasLoader(importlib.abc.Loader):
    """Loads a module by giving the one that exists under another name.

    Args:
        target: full name of that module.
    """

    def __init__(self, target: str):
        self.target = target

    def create_module(self, spec):
        module = importlib.import_module(self.target)
        with _lock:
            own = module.__spec__
            if own is not None and not isinstance(own.loader, AliasLoader):
                _specs[self.target] = own
        return module

    def exec_module(self, module):
        with _lock:
            module.__spec__ = _specs[self.target]


class NamespaceLoader(importlib.abc.Loader):
    """Loads a module that only collects names of other modules.

    Args:
        row: the names and where they are.
    """

    def __init__(self, row: Namespace):
        self.row = row

    def exec_module(self, module):
        names = {}
        for source, name, found_as in self.row.entries():
            names[name] = attribute(source, found_as, f"{module.__name__}.{name}")
        module.__doc__ = self.row.doc
        module.__all__ = sorted(names)
        vars(module).update(names)


class AbsentLoader(importlib.abc.Loader):
    """Loads nothing: says why there is nothing.

    Args:
        row: with the reason.
    """

    def __init__(self, row: Absent):
        self.row = row

    def create_module(self, spec):
        raise ImportError(f"{spec.name} cannot be imported: {self.row.reason}.", name=spec.name)

    def exec_module(self, module):
        """Never reached."""


class LegacyFinder(importlib.abc.MetaPathFinder):
    """Finds the module paths of older Keras versions inside kjax."""

    def find_spec(self, fullname, path=None, target=None):
        package, _, inside = fullname.partition(".")
        row = MODULES.get(inside) if package == PACKAGE else None
        if row is None:
            return None
        if isinstance(row, Alias):
            return alias_spec(fullname, f"{PACKAGE}.{row.target}")
        if isinstance(row, Absent):
            return importlib.machinery.ModuleSpec(fullname, AbsentLoader(row), origin="kjax.compat.paths")
        return importlib.machinery.ModuleSpec(
            fullname, NamespaceLoader(row), origin="kjax.compat.paths", is_package=row.package
        )


class KerasFinder(importlib.abc.MetaPathFinder):
    """Finds `keras` and everything below it in kjax."""

    def find_spec(self, fullname, path=None, target=None):
        top, _, inside = fullname.partition(".")
        if top != KERAS:
            return None
        return alias_spec(fullname, f"{PACKAGE}.{inside}" if inside else PACKAGE)


_legacy_finder = LegacyFinder()
_keras_finder = KerasFinder()


def attribute(source: str, name: str, wanted: str):
    """`name` of the kjax module `source` (without `kjax.`)."""
    module = importlib.import_module(f"{PACKAGE}.{source}" if source else PACKAGE)
    if not hasattr(module, name):
        raise ImportError(f"{wanted} stands for {module.__name__}.{name}, which does not exist.", name=wanted)
    return getattr(module, name)


def alias_spec(fullname: str, target: str) -> importlib.machinery.ModuleSpec | None:
    """The spec that loads `target` under the name `fullname`; None if there is no such module."""
    found = sys.modules.get(target)
    is_package = hasattr(found, "__path__")
    if found is None:
        spec = importlib.util.find_spec(target)
        if spec is None:
            return None
        is_package = spec.submodule_search_locations is not None
    return importlib.machinery.ModuleSpec(fullname, AliasLoader(target), origin=target, is_package=is_package)


def install_legacy_paths() -> None:
    """Make the module paths of older versions importable inside kjax; done once, when kjax is imported."""
    with _lock:
        if _legacy_finder not in sys.meta_path:
            sys.meta_path.append(_legacy_finder)


def install_as_keras(tensorflow: bool = True) -> None:
    """From now on `import keras`, `from keras.layers import ...` and any other `keras` path give kjax in this process.

    Call it before anything imports `keras`. Worker processes that `multiprocessing` starts follow. A Keras that is
    installed stays as it is and is not used. Calling it again does nothing.

    Args:
        tensorflow: whether `import tensorflow` gives kjax's stand-in for TensorFlow 1; one that is imported already
            stays. False: `import tensorflow` goes its usual way.

    >>> import kjax
    >>> kjax.install_as_keras()
    >>> from keras.layers import Dense
    >>> Dense is kjax.layers.Dense
    True
    """
    with _lock:
        present = sys.modules.get(KERAS)
        if present is not None and present is not sys.modules[PACKAGE] and not _is_drop_in(present):
            where = getattr(present, "__file__", None) or "an unknown place"
            raise ImportError(
                f"install_as_keras: keras is imported already, from {where}; call install_as_keras() before anything "
                "imports keras.",
                name=KERAS,
            )
        install_legacy_paths()
        if _keras_finder not in sys.meta_path:
            sys.meta_path.insert(0, _keras_finder)
        for name, module in list(sys.modules.items()):
            # what another thread is still importing is left to the finder, which waits for it
            ready = not getattr(getattr(module, "__spec__", None), "_initializing", False)
            if ready and (name == PACKAGE or name.startswith(PACKAGE + ".")):
                sys.modules[KERAS + name[len(PACKAGE) :]] = module
        if str(DROP_IN) not in sys.path:
            # behind the script's own folder, before the installed packages
            sys.path.insert(1, str(DROP_IN))
        sys.modules[PACKAGE].__name__ = KERAS  # what programs see of `keras.__name__`
        if tensorflow:
            tensorflow_finder.install()


def uninstall_as_keras() -> None:
    """Undo `install_as_keras`: names that were imported stay usable, new imports of `keras` go their usual way."""
    with _lock:
        tensorflow_finder.uninstall()
        sys.modules[PACKAGE].__name__ = PACKAGE
        if _keras_finder in sys.meta_path:
            sys.meta_path.remove(_keras_finder)
        for name, module in list(sys.modules.items()):
            if name == KERAS or name.startswith(KERAS + "."):
                if sys.modules.get(PACKAGE + name[len(KERAS) :]) is module:
                    del sys.modules[name]
        if str(DROP_IN) in sys.path:
            sys.path.remove(str(DROP_IN))


def _is_drop_in(module: ModuleType) -> bool:
    return str(DROP_IN / KERAS) in list(getattr(module, "__path__", ()))

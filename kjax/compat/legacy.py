"""Puts the tables of this room to work: `apply` is called once, when all of kjax is defined."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from typing import Any

from kjax.compat.attributes import Ordering, Renamed, RenamedSettable, accept_keras1_methods, accept_keras1_params
from kjax.compat.calls import CALLS, METHODS
from kjax.compat.gates1 import accept_keras1_gates
from kjax.compat.kernels1 import accept_keras1_flatten, accept_keras1_kernels, ordering_of_call, speak_keras1
from kjax.compat.layers1 import accept_modes
from kjax.compat.merge1 import accept_merge_first
from kjax.compat.names import ATTRIBUTES, MODULE_CLASSES, NAMES, REGISTRIES, WEIGHTS
from kjax.compat.optimizers1 import accept_keras1_updates
from kjax.compat.paths import MODULES, Absent
from kjax.compat.positions import adapted_initializers, read_positions
from kjax.compat.private import PRIVATE_ATTRIBUTES, PRIVATE_NAMES
from kjax.compat.tensor_words import add_tensor_words
from kjax.compat.visible import OPTIONAL, SOURCES, VISIBLE
from kjax.keras1.call_conversion import Interface, converted_call, converting, marked
from kjax.keras1.rules import INTERFACES, LAYERS

PACKAGE = "kjax"


def accept_keras1(name: str) -> Callable[[Any], Any]:
    """Class decorator: the constructor takes Keras 1 calls too, with Keras's warning; its signature stays Keras 2's.

    Args:
        name: the class's row in `rules.LAYERS`.
    """
    row = LAYERS[name]
    interface = INTERFACES[row.interface]

    def decorate(cls: Any) -> Any:
        original = cls.__init__
        if "__init__" in vars(cls) and hasattr(original, "keras1"):
            return cls

        @functools.wraps(original)
        def __init__(self, *args, **kwargs):
            label = type(self).__name__
            args, kwargs = read_positions(row, label, args, kwargs)
            # a subclass that calls this constructor writes Python, not Keras: it may give what it likes by position
            call = converted_call(interface, label, args, kwargs, check=type(self) is cls)
            for ignored in row.ignored:
                call.kwargs.pop(ignored, None)
            original(self, *call.args, **adapted_initializers(call.kwargs))
            speak_keras1(self, ordering_of_call(args, kwargs, call.converted))

        cls.__init__ = marked(__init__)
        return cls

    return decorate


def apply() -> list[str]:
    """Make kjax take Keras 1 calls and answer to the names of older versions; doing it again changes nothing.

    Returns:
        The rows of the tables that found nothing to work on (a test expects none).
    """
    missing: list[str] = []
    layers = importlib.import_module(f"{PACKAGE}.layers")
    for name in LAYERS:
        cls = getattr(layers, name, None)
        if cls is None:
            missing.append(f"layers:{name}")
        else:
            accept_keras1(name)(cls)
            if "dim_ordering" in INTERFACES[LAYERS[name].interface].renamed:
                cls.dim_ordering = Ordering()
    for target, interface in {**METHODS, **CALLS}.items():
        _wrap(target, interface, missing)
    for module, cls in MODULE_CLASSES.items():
        if _module(module, missing) is not None:
            sys.modules[f"{PACKAGE}.{module}"].__class__ = _get(cls)
    for module, names in [*NAMES.items(), *PRIVATE_NAMES.items()]:
        _add_names(module, names, missing)
    for module in MODULE_CLASSES:  # callable modules: star imports give them too
        package, _, name = module.rpartition(".")
        _list(sys.modules[f"{PACKAGE}.{package}"], name)
    for target, names in ATTRIBUTES.items():
        _add_attributes(target, names, missing, RenamedSettable)
    for target, names in WEIGHTS.items():
        _add_attributes(target, names, missing, Renamed)
    for target, names in PRIVATE_ATTRIBUTES.items():
        for name, found in names.items():
            if name not in vars(_get(target)):
                setattr(_get(target), name, _get(found))
    for path, row in MODULES.items():
        # as with Keras, `keras.legacy.layers` and the like are there after `import keras`
        loaded = None if isinstance(row, Absent) else _module(path, missing)
        if loaded is not None:
            parent, _, name = path.rpartition(".")
            setattr(_module(parent, missing), name, loaded)
    for module, shown in VISIBLE.items():
        _show_imports(module, shown.split(), missing)
    for target, names in REGISTRIES.items():
        _get(target).update({name: _get(found) for name, found in names.items()})
    accept_keras1_methods(_get("engine.base_layer:Layer"))
    accept_keras1_params(_get("callbacks:Callback"))
    accept_keras1_updates(_get("optimizers:Optimizer"))
    accept_merge_first(_get("engine.sequential:Sequential"))
    accept_modes(layers.BatchNormalization)
    add_tensor_words()
    accept_keras1_flatten(layers.Flatten)
    accept_keras1_kernels(
        _get("layers.convolution_base:ConvBase"), _get("engine.base_layer:Layer"), _get("engine.network:Network")
    )
    accept_keras1_gates(_get("engine.base_layer:Layer"), _get("engine.network:Network"), layers.Bidirectional)
    return missing


def _module(name: str, missing: list[str]):
    full = PACKAGE
    for part in filter(None, name.split(".")):
        full = f"{full}.{part}"
        if full not in sys.modules and importlib.util.find_spec(full) is None:
            missing.append(name)
            return None
    return importlib.import_module(full)


def _get(target: str):
    """The object that 'module:name' names; 'module:': the module."""
    name, _, attribute = target.partition(":")
    module = importlib.import_module(f"{PACKAGE}.{name}" if name else PACKAGE)
    return getattr(module, attribute) if attribute else module


def _wrap(target: str, interface: Interface, missing: list[str]) -> None:
    """Make the function, method or constructor 'module:name' or 'module:Class.name' take Keras 1 calls."""
    where, _, path = target.partition(":")
    module = _module(where, missing)
    if module is None:
        return
    *owners, name = path.split(".")
    owner: Any = module
    for part in owners:
        owner = getattr(owner, part, None)
    found: Any = None if owner is None else getattr(owner, name, None)
    if found is None:
        missing.append(target)
    elif hasattr(found.__init__ if inspect.isclass(found) else found, "keras1"):
        return
    elif inspect.isclass(found):
        found.__init__ = marked(converting(_lenient(interface))(found.__init__))  # type: ignore[method-assign]
    elif owners:
        label = None if name == "__init__" else name
        setattr(owner, name, marked(converting(_lenient(interface), label)(found)))
    else:
        _replace(module, name, found, marked(converting(_lenient(interface), name, method=False)(found)))


def _lenient(interface: Interface) -> Interface:
    """Without the limit on positional arguments: more of them mean the same in Keras 1 and Keras 2 methods."""
    return Interface(None, interface.renamed, interface.values, interface.steps)


def _replace(module, name, old, new) -> None:
    """Bind `new` where the module and the package above it have `old`."""
    package = sys.modules.get(module.__name__.rpartition(".")[0])
    for place in (module, package):
        if place is not None and vars(place).get(name) is old:
            setattr(place, name, new)


def _add_names(where: str, names: dict[str, str], missing: list[str]) -> None:
    """Give a module the names it had in older versions; a name it has itself stays."""
    module = _module(where, missing)
    if module is None:
        return
    for name, target in names.items():
        if hasattr(module, name):
            continue
        source, _, attribute = target.partition(":")
        found = _module(source, missing)
        if found is None or (attribute and not hasattr(found, attribute)):
            missing.append(f"{where}:{name} = {target}")
        else:
            setattr(module, name, getattr(found, attribute) if attribute else found)
            _list(module, name)


def _show_imports(where: str, names: list[str], missing: list[str]) -> None:
    """Let a module show what Keras's module of that path imports; what nobody has imported yet waits."""
    module = _module(where, missing)
    if module is None:
        return
    later = {}
    for name in names:
        source, _, attribute = SOURCES[name].partition(":")
        if name in vars(module):
            pass
        elif source.startswith("=") and source[1:] not in sys.modules:
            later[name] = (source[1:], attribute)
        elif (found := _module(source, missing) if source[:1] != "=" else sys.modules[source[1:]]) is not None:
            setattr(module, name, getattr(found, attribute) if attribute else found)
        _list(module, name)
    if later:
        if not hasattr(module, "__all__"):  # what a star import gives without it, and what waits
            module.__all__ = [n for n in [*vars(module), *later] if not n.startswith("_")]
        module.__getattr__ = _importing(module, later)


def _importing(module, later: dict[str, tuple[str, str]]) -> Callable[[str], Any]:
    """A module's `__getattr__` that imports the objects of a table at their first use, else does what there was."""
    otherwise = vars(module).get("__getattr__")

    def __getattr__(name: str):
        if name not in later:
            if otherwise is not None:
                return otherwise(name)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        source, attribute = later[name]
        try:
            found: Any = importlib.import_module(source)
        except ImportError:
            if name not in OPTIONAL:
                raise
            found = None
        found = getattr(found, attribute) if attribute else found
        setattr(module, name, found)
        return found

    return __getattr__


def _list(module, name) -> None:
    """Let `from module import *` give the name; private ones are not given so."""
    if not name.startswith("_") and name not in getattr(module, "__all__", [name]):
        module.__all__ = [*module.__all__, name]


def _add_attributes(target: str, names: dict[str, str], missing: list[str], kind: type) -> None:
    """Give a class attributes under the names they had in older versions."""
    where, _, name = target.partition(":")
    module = _module(where, missing)
    cls = None if module is None else getattr(module, name, None)
    if cls is None:
        missing.append(target)
        return
    for old, new in names.items():
        if not hasattr(cls, old):
            setattr(cls, old, kind(new))

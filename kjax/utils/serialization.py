"""Objects to config dicts and back. Names are looked up in tables, nothing else: no import, no eval."""

from __future__ import annotations

import base64
import difflib
import inspect
import json
import marshal
from collections import OrderedDict

from kjax.utils.custom_objects import CustomObjectScope, get_custom_objects

_PLAIN = (bool, int, float, str, bytes, type(None))
_SHOWN = 80  # characters of a received value that an error repeats


def serialize_keras_object(instance):
    """None -> None; an object with get_config() -> {'class_name', 'config'}; a function or class -> its name."""
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        return {"class_name": type(instance).__name__, "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return instance.__name__
    raise ValueError(
        f"serialize_keras_object: needs an object with get_config() or a __name__, received {_short(instance)}"
    )


def deserialize_keras_object(identifier, module_objects=None, custom_objects=None, printable_module_name="object"):
    """The object that `serialize_keras_object` described.

    Args:
        identifier: {'class_name': name, 'config': {...}}, or the name of a function, or None.
        module_objects: dict of the names allowed here.
        custom_objects: dict of the caller's names; they win over the open scopes', those over module_objects.
        printable_module_name: what error messages call this kind of object.

    A class's from_config(config) is used where there is one, else class(**config).
    Differs: a class given by its bare name is built with its defaults (as in 2.3).
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        found = _look_up(identifier, module_objects, custom_objects, printable_module_name)
        return found() if inspect.isclass(found) else found
    if isinstance(identifier, dict):
        return _build(identifier, module_objects, custom_objects, printable_module_name)
    raise ValueError(
        f"Could not interpret serialized {printable_module_name}: needs a name or a dict with 'class_name' and "
        f"'config', received {_short(identifier)}"
    )


def _build(identifier, module_objects, custom_objects, slot):
    if "class_name" not in identifier or "config" not in identifier:
        raise ValueError(
            f"Improper config format for {slot}: needs the keys 'class_name' and 'config', "
            f"received {_short(identifier)}"
        )
    name, config = identifier["class_name"], identifier["config"]
    found = _look_up(name, module_objects, custom_objects, slot)
    if hasattr(found, "from_config"):
        with CustomObjectScope(custom_objects):
            if "custom_objects" in inspect.signature(found.from_config).parameters:
                return found.from_config(config, custom_objects=dict(get_custom_objects()))
            return found.from_config(config)
    if not isinstance(config, dict):
        raise ValueError(f"Improper config of {slot} {name!r}: needs a dict, received {_short(config)}")
    with CustomObjectScope(custom_objects):
        return found(**config)


def _look_up(name, module_objects, custom_objects, slot):
    if not isinstance(name, str):
        raise ValueError(f"Unknown {slot}: its name must be a string, received {_short(name)}")
    for table in (custom_objects, get_custom_objects(), module_objects):
        found = table.get(name) if table else None
        if found is not None:
            if not callable(found) and table is not custom_objects:
                raise ValueError(
                    f"Unknown {slot}: {_short(name)} is neither a class nor a function but {_short(found)}"
                )
            return found
    known = sorted(n for n in module_objects or () if not n.startswith("_"))
    close = difflib.get_close_matches(name, known, n=3) if len(name) <= _SHOWN else []
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise ValueError(
        f"Unknown {slot}: {_short(name, quote=False)}.{hint} If it is your own, pass it by "
        "custom_objects={'name': object} or open a CustomObjectScope."
    )


def _short(value, quote=True) -> str:
    text = repr(value) if quote or not isinstance(value, str) else value
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"


class DumpedFunction(str):
    """What stands for a function in a config (its byte code as base64 text, or its name) and, in this process, has it.

    Text, JSON and pickles keep the letters only, so that whatever comes from outside is never code.
    """

    function = None

    def __reduce__(self):
        return str, (str(self),)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def func_dump(func):
    """(code, defaults, closure) of a Python function: base64 text of its byte code, tuple or None, tuple or None."""
    code = getattr(func, "__code__", None)
    if code is None:
        raise TypeError(f"func_dump: needs a Python function, received {_short(func)}")
    closure = tuple(cell.cell_contents for cell in func.__closure__) if func.__closure__ else None
    dumped = base64.encodebytes(marshal.dumps(code)).decode("ascii")
    return remembered(func, dumped, (dumped, func.__defaults__, closure)), func.__defaults__, closure


# the functions that this process put into configs, by what stands there for them
_own_functions: OrderedDict[str, list] = OrderedDict()
_MOST_OWN = 1000


def remembered(function, text, key):
    """The text that stands for a function of this process in a config; `own_function(key)` finds it again.

    Args:
        key: all that the config says of the function.
    """
    dumped = DumpedFunction(text)
    dumped.function = function
    place = _place(key)
    if place is not None:
        known = _own_functions.setdefault(place, [])
        _own_functions.move_to_end(place)
        if not any(_is_same(function, other) for other in known):
            known.append(function)
        if len(_own_functions) > _MOST_OWN:
            _own_functions.popitem(last=False)
    return dumped


def own_function(key):
    """The one function of this process that a config says this of, None where there is none or more than one.

    The config may have gone through JSON and files: they name the function, they never bring it.
    """
    if isinstance(key, (tuple, list)):
        direct = next((v.function for v in key if isinstance(v, DumpedFunction) and v.function is not None), None)
        if direct is not None:
            return direct
    known = _own_functions.get(_place(key), [])
    return known[0] if len(known) == 1 else None


def _place(key):
    """A key as JSON writes it; None for what JSON cannot hold."""
    try:
        return json.dumps(key, default=lambda v: v.__name__)
    except (AttributeError, TypeError, ValueError, RecursionError):
        return None


def _is_same(function, other) -> bool:
    """Whether two functions of one key do the same: that of one definition, with the same things around it."""
    if function is other:
        return True
    codes = [getattr(f, "__code__", None) for f in (function, other)]
    if codes[0] is None or codes[0] != codes[1] or function.__globals__ is not other.__globals__:
        return False
    around = [[c.cell_contents for c in f.__closure__ or ()] + list(f.__defaults__ or ()) for f in (function, other)]
    return all(a is b or (isinstance(a, _PLAIN) and a == b) for a, b in zip(*around, strict=True))


def func_load(code, defaults=None, closure=None, globs=None):
    """The function that `func_dump` dumped in this process.

    Args:
        code: the text from `func_dump`, or its whole tuple.
        defaults, closure: what was dumped beside the code; the function brings its own.
        globs: ignored.

    Differs: code that comes as data (from a file, JSON, a pickle) is refused; 2.2.4 would run it.
    """
    dumped = tuple(code) if isinstance(code, (tuple, list)) else (code, defaults, closure)
    function = own_function(dumped)
    if function is not None:
        return function
    raise ValueError(
        "func_load: code stored as data is never executed. Define the function in your program and pass it by "
        f"custom_objects={{'name': function}}; received {_short(dumped[0] if dumped else code)}"
    )

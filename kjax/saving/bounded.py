"""JSON and YAML that come from outside, with bounds on everything."""

from __future__ import annotations

import json
import math
import re

from kjax.saving.errors import CorruptFileError, UnsafeModelError

__all__ = ["MAX_DEPTH", "MAX_ITEMS", "MAX_TEXT", "parse_json", "parse_yaml"]

MAX_TEXT = 64 * 1024 * 1024  # bytes
MAX_DEPTH = 200
MAX_ITEMS = 1_000_000
_MAX_DIGITS = 40
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def as_text(data, where) -> str:
    """Text of bytes or str.

    Raises:
        CorruptFileError: when it is no UTF-8, or too long.
    """
    if not isinstance(data, (str, bytes)):
        raise CorruptFileError(where, f"text was required; it is {type(data).__name__}.")
    if len(data) > MAX_TEXT:
        raise UnsafeModelError(where, f"the text has {len(data)} characters; at most {MAX_TEXT} are read.")
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorruptFileError(where, f"the text is not UTF-8: {error}.") from None


def parse_json(data, where):
    """The value of a JSON text: no repeated keys, no NaN or Infinity, bounded depth, size and numbers.

    Args:
        data: str or bytes.
        where: what error messages call it.

    Raises:
        CorruptFileError, UnsafeModelError: with the reason.
    """
    text = as_text(data, where)
    _check_depth(text, where)

    def pairs(items):
        found = dict(items)
        if len(found) != len(items):
            names = [k for k, _ in items]
            twice = next(k for k in names if names.count(k) > 1)
            raise CorruptFileError(where, f"the key {twice[:80]!r} stands twice in one object.")
        return found

    def constant(name):
        raise CorruptFileError(where, f"{name} is no JSON number.")

    def integer(digits):
        if len(digits) > _MAX_DIGITS:
            raise UnsafeModelError(where, f"an integer of {len(digits)} digits.")
        return int(digits)

    def real(digits):
        value = float(digits)
        if math.isinf(value):
            raise CorruptFileError(where, f"the number {digits[:40]} is out of range.")
        return value

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_int=integer, parse_float=real)
    except json.JSONDecodeError as error:
        raise CorruptFileError(where, f"no valid JSON: {error}.") from None
    return value


def _check_depth(text, where):
    depth = deepest = 0
    for match in _BRACKETS.finditer(_STRINGS.sub("", text)):
        depth += 1 if match[0] in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise UnsafeModelError(where, f"nested {deepest} deep; at most {MAX_DEPTH} are read.")


def check_tree(value, where) -> set:
    """Bounds depth and number of items of plain data, shared parts counted as often as they are used.

    Returns:
        All keys in it.
    """
    level, count, depth = [value], 0, 0
    keys: set = set()
    while level:
        count += len(level)
        if depth > MAX_DEPTH:
            raise UnsafeModelError(where, f"nested more than {MAX_DEPTH} deep.")
        if count > MAX_ITEMS:
            raise UnsafeModelError(where, f"more than {MAX_ITEMS} items.")
        below: list = []
        for item in level:
            if isinstance(item, dict):
                keys.update(item)
                below.extend(item.values())
            elif isinstance(item, (list, tuple)):
                below.extend(item)
        level, depth = below, depth + 1
    return keys


def parse_yaml(data, where):
    """The value of a YAML text: plain data and the tuple tags of old Keras versions, no other tags.

    Raises:
        CorruptFileError, UnsafeModelError: with the reason.
        ImportError: when PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError:
        raise ImportError("model_from_yaml needs PyYAML: pip install pyyaml.") from None

    class Loader(yaml.SafeLoader):
        """Plain data only."""

    tags = "tag:yaml.org,2002:python/"
    Loader.add_constructor(tags + "tuple", Loader.construct_yaml_seq)
    for name in ("unicode", "str"):
        Loader.add_constructor(tags + name, Loader.construct_yaml_str)
    text = as_text(data, where)
    _check_yaml_depth(text, where)
    try:
        value = yaml.load(text, Loader=Loader)
    except yaml.constructor.ConstructorError as error:
        raise UnsafeModelError(where, f"YAML with {error.problem}: only plain data is read.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CorruptFileError(where, f"no valid YAML: {' '.join(str(error).split())[:300]}.") from None
    check_tree(value, where)
    return value


def _check_yaml_depth(text, where):
    flow = sum(text.count(c) for c in "[{")
    indent = max((len(line) - len(line.lstrip(" -")) for line in text.splitlines()), default=0)
    if flow > MAX_ITEMS or indent > 4 * MAX_DEPTH:
        raise UnsafeModelError(where, "nested too deep for a model.")

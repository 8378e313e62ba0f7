"""JSON and YAML that come from outside, with bounds on everything."""

from __future__ import annotations

import json
import math
import re

from kjax.saving.errors import CorruptFileError, UnsafeModelError

__all__ = ["MAX_DEPTH", "MAX_ITEMS", "MAX_TEXT", "check_tree", "first_twice", "parse_json", "parse_yaml"]

MAX_TEXT = 64 * 1024 * 1024  # bytes
MAX_DEPTH = 200
MAX_ITEMS = 1_000_000
MAX_YAML = 4 * 1024 * 1024  # characters; its parser takes far longer for each
_MAX_DIGITS = 40
# What a JSON text is made of, each piece looked at once: a string up to its end or that of the text, or one mark.
_PIECES = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)


def as_text(data, where, limit=MAX_TEXT) -> str:
    """Text of bytes or str.

    Raises:
        CorruptFileError: when it is no UTF-8, or too long.
    """
    if not isinstance(data, (str, bytes)):
        raise CorruptFileError(where, f"text was required; it is {type(data).__name__}.")
    if len(data) > limit:
        raise UnsafeModelError(where, f"the text has {len(data)} characters; at most {limit} are read.")
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorruptFileError(where, f"the text is not UTF-8: {error}.") from None


def parse_json(data, where, max_text=MAX_TEXT, max_items=MAX_ITEMS):
    """The value of a JSON text: no repeated keys, no NaN or Infinity, bounded depth, size and numbers.

    Args:
        data: str or bytes.
        where: what error messages call it.
        max_text, max_items: how many characters, and values in all, are read.

    Raises:
        CorruptFileError, UnsafeModelError: with the reason.
    """
    text = as_text(data, where, max_text)
    _check_json_size(text, where, max_items)

    def pairs(items):
        found = dict(items)
        if len(found) != len(items):
            raise CorruptFileError(where, f"the key {_twice(k for k, _ in items)[:80]!r} stands twice in one object.")
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
    except (json.JSONDecodeError, RecursionError) as error:
        raise CorruptFileError(where, f"no valid JSON: {error}.") from None
    return value


def _twice(names):
    """The first that has been there before."""
    seen = set()
    return next(n for n in names if n in seen or seen.add(n))


def first_twice(names):
    """The first name that stands in a list twice, or None; in time proportional to the list."""
    return None if len(set(names)) == len(names) else _twice(names)


def _check_json_size(text, where, max_items):
    """Bounds depth and number of items before anything is made of them."""
    depth = items = 0
    for match in _PIECES.finditer(text):
        mark = match[0]
        if mark[0] == '"':
            continue
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise UnsafeModelError(where, f"nested more than {MAX_DEPTH} deep.")
        elif mark in "]}":
            depth -= 1
        items += mark != "]" and mark != "}"
        if items > max_items:
            raise UnsafeModelError(where, f"more than {max_items} items.")


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
        """Plain data only: no keys twice, no merging of mappings, which multiplies them, no numbers without bound."""

        def flatten_mapping(self, node):
            for key, _ in node.value:
                if key.tag == "tag:yaml.org,2002:merge":
                    raise yaml.constructor.ConstructorError(None, None, "a merge of mappings", key.start_mark)

        def construct_mapping(self, node, deep=False):
            mapping = super().construct_mapping(node, deep)
            if len(mapping) != len(node.value):
                twice = first_twice([str(key.value) for key, _ in node.value])
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {str(twice)[:80]!r} twice in one mapping", node.start_mark
                )
            return mapping

        def construct_number(self, node):
            if len(node.value) > _MAX_DIGITS or ":" in node.value:
                raise yaml.constructor.ConstructorError(
                    None, None, f"an integer of {len(node.value)} characters", node.start_mark
                )
            return self.construct_yaml_int(node)

    Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_number)
    for kind in ("timestamp", "binary", "set", "omap", "pairs"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", Loader.construct_undefined)
    tags = "tag:yaml.org,2002:python/"
    Loader.add_constructor(tags + "tuple", Loader.construct_yaml_seq)
    for name in ("unicode", "str"):
        Loader.add_constructor(tags + name, Loader.construct_yaml_str)
    text = as_text(data, where, MAX_YAML)
    _check_yaml_depth(text, where)
    try:
        value = yaml.load(text, Loader=Loader)
    except yaml.constructor.ConstructorError as error:
        raise UnsafeModelError(where, f"YAML with {error.problem}: only plain data is read.") from None
    except (
        yaml.YAMLError,
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        AttributeError,
        RecursionError,
    ) as error:
        raise CorruptFileError(where, f"no valid YAML: {' '.join(str(error).split())[:300]}.") from None
    check_tree(value, where)
    return value


def _check_yaml_depth(text, where):
    flow = sum(text.count(c) for c in "[{")
    indent = max((len(line) - len(line.lstrip(" -")) for line in text.splitlines()), default=0)
    if flow > MAX_ITEMS or indent > 4 * MAX_DEPTH:
        raise UnsafeModelError(where, "nested too deep for a model.")

"""Small helpers that Keras keeps in `keras.utils.generic_utils`: lists, signatures, slices, names of objects."""

from __future__ import annotations

import inspect

from kjax.utils.custom_objects import CustomObjectScope, custom_object_scope, get_custom_objects
from kjax.utils.progbar import Progbar
from kjax.utils.serialization import (
    deserialize_keras_object,
    func_dump,
    func_load,
    serialize_keras_object,
)

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "check_for_unexpected_keys",
    "custom_object_scope",
    "deserialize_keras_object",
    "func_dump",
    "func_load",
    "get_custom_objects",
    "has_arg",
    "is_all_none",
    "object_list_uid",
    "serialize_keras_object",
    "slice_arrays",
    "to_list",
    "transpose_shape",
    "unpack_singleton",
]


def has_arg(fn, name, accept_all=False):
    """True if `fn` can be called with keyword `name`; False where Python cannot tell what it takes.

    Args:
        fn: callable.
        name: of the argument.
        accept_all: whether `**kwargs` counts as accepting every name.
    """
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):  # some built-in functions
        return False
    if name in parameters:
        kind = parameters[name].kind
        return kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return accept_all and any(p.kind == inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def to_list(x, allow_tuple=False):
    """`x` if it is a list (or, with `allow_tuple`, list(x) of a tuple), else [x]."""
    if isinstance(x, list):
        return x
    if allow_tuple and isinstance(x, tuple):
        return list(x)
    return [x]


def unpack_singleton(x):
    """x[0] if `x` has one element, else `x`."""
    return x[0] if len(x) == 1 else x


def object_list_uid(object_list):
    """A string that identifies these very objects."""
    return ", ".join(str(abs(id(x))) for x in to_list(object_list))


def is_all_none(iterable_or_element):
    """True if the value, or every value of the list or tuple, is None."""
    if not isinstance(iterable_or_element, (list, tuple)):
        iterable_or_element = [iterable_or_element]
    return all(element is None for element in iterable_or_element)


def slice_arrays(arrays, start=None, stop=None):
    """Rows of one array or of each in a list: [start:stop], or those listed in `start`. None stays None.

    Args:
        arrays: array, list of arrays, or None.
        start: first row, or a list or array of row numbers (`stop` must then be None).
        stop: row after the last, default the end.
    """
    if arrays is None:
        return [None]
    if hasattr(start, "__len__"):
        if stop is not None:
            raise ValueError(f"slice_arrays: stop must be None when start lists the rows, received stop={stop!r}")
        rows = start.tolist() if hasattr(start, "shape") else start  # HDF5 data sets take lists only
    else:
        rows = slice(start, stop)
    if isinstance(arrays, list):
        return [None if x is None else x[rows] for x in arrays]
    return arrays[rows] if hasattr(arrays, "__getitem__") else [None]


def transpose_shape(shape, target_format, spatial_axes):
    """A channels-last tuple or list, put into `target_format`.

    Args:
        shape: tuple or list in channels_last order.
        target_format: 'channels_first' or 'channels_last'.
        spatial_axes: positions of the spatial entries in `shape`.
    """
    if target_format == "channels_last":
        return shape
    if target_format != "channels_first":
        raise ValueError(
            f"transpose_shape: target_format must be 'channels_first' or 'channels_last', received {target_format!r}"
        )
    moved = tuple(shape[: spatial_axes[0]]) + (shape[-1],) + tuple(shape[axis] for axis in spatial_axes)
    return list(moved) if isinstance(shape, list) else moved


def check_for_unexpected_keys(name, input_dict, expected_values):
    """ValueError naming the keys of `input_dict` that are not among `expected_values`."""
    unknown = sorted(str(key) for key in set(input_dict) - set(expected_values))
    if unknown:
        raise ValueError(
            f"Unknown entries in {name} dictionary: {unknown}. Only expected following keys: {list(expected_values)}"
        )

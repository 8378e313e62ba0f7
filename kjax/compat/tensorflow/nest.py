"""`tensorflow.python.util.nest`: nested lists, tuples and dicts."""

from __future__ import annotations

import jax

from kjax.graph.shape import TensorShape


def _is_leaf(x):
    return isinstance(x, TensorShape) or x is None


def flatten(structure) -> list:
    """The parts of a nested structure, a list."""
    return jax.tree.leaves(structure, is_leaf=_is_leaf)


def pack_sequence_as(structure, flat_sequence):
    """Parts in the form of a structure."""
    return jax.tree.unflatten(jax.tree.structure(structure, is_leaf=_is_leaf), list(flat_sequence))


def map_structure(func, *structure, **kwargs):
    """func of the parts of structures of one form."""
    return jax.tree.map(func, *structure, is_leaf=_is_leaf)


def is_sequence(seq) -> bool:
    """Whether it is a list, tuple or dict."""
    return isinstance(seq, (list, tuple, dict))


is_nested = is_sequence


def assert_same_structure(nest1, nest2, check_types=True) -> None:
    """Raises ValueError unless both have one form."""
    one, other = (jax.tree.structure(n, is_leaf=_is_leaf) for n in (nest1, nest2))
    if str(one) != str(other):
        raise ValueError(f"the structures differ: {one} and {other}.")

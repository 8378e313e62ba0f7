"""Functions whose results are as large as the data say: `boolean_mask`, `where`, `unique`, ...

XLA compiles for known sizes. A program with such a function is not compiled as a whole: it is computed operation by
operation, and the size is taken from the numbers that are there then.
"""

from __future__ import annotations

import functools

import jax
import numpy as np

from kjax.backend.operation import tensor_op
from kjax.graph.context import unknown_size

_TRACED = (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError)


def counted(fn=None, *, name=None):
    """`tensor_op` for a function that calls `count_of`."""
    if fn is None:
        return functools.partial(counted, name=name)
    return tensor_op(fn, name=name, counted=True)


def count_of(count) -> int:
    """The number that a function without arguments computes from data; while shapes are found out: any size."""
    size = unknown_size()
    if size is not None:
        return size
    try:
        return int(count())
    except _TRACED as error:
        raise _inside_compiled_code() from error


def known(x) -> np.ndarray:
    """The numbers of an array, without gradient; for results of which the size is counted."""
    try:
        return np.asarray(jax.lax.stop_gradient(x))
    except _TRACED as error:
        raise _inside_compiled_code() from error


def _inside_compiled_code():
    return NotImplementedError(
        "the size of a result (of tf.boolean_mask, tf.where, tf.unique, ...) depends on data, and is needed inside of "
        "code that is compiled for known sizes: take the function out of jax.jit, or use one of known size (K.switch, "
        "a mask that multiplies, tf.nn.top_k)."
    )

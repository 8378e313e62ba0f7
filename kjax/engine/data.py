"""From what users pass as data to lists of arrays of the right shapes."""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np

from kjax.backend.sparse import is_scipy_sparse
from kjax.engine import cures
from kjax.engine.arrays import as_array, from_nested
from kjax.engine.base_layer import to_list
from kjax.engine.rows import Rows

__all__ = [
    "LOSSES_OF_CLASSES",
    "check_indices",
    "check_lengths",
    "check_shape",
    "check_target",
    "cut",
    "standardize",
    "take",
    "with_class_axis",
]

LOSSES_OF_CLASSES = ("categorical_crossentropy", "sparse_categorical_crossentropy")  # `check_target` looks at theirs


def standardize(data, names, shapes, dtypes, what) -> list:
    """A list of arrays, one per name.

    Args:
        data: array, list of arrays, or dict by name.
        names: of the inputs or outputs.
        shapes: expected shape of each with the batch axis, None where unknown; or None for no check.
        dtypes: floats are cast to these when they differ; integers are left for the device.
        what: 'input' or 'target', for messages.

    Raises:
        ValueError: when arrays are missing or superfluous, or shapes do not fit.
    """
    if not names:
        if data is not None and len(to_list(data)):
            raise ValueError(f"Error when checking model {what}: expected no data, but got: {type(data).__name__}")
        return []
    if data is None:
        raise ValueError(f"Error when checking model {what}: expected data for {list(names)}, but got None.")
    if is_scipy_sparse(data):  # one of its formats is a dict
        arrays = [data]
    elif isinstance(data, dict):
        missing = [n for n in names if n not in data]
        if missing:
            raise ValueError(
                f'No data provided for "{missing[0]}". Need data for each key in: {list(names)}; got the keys '
                f"{list(data)}."
            )
        arrays = [data[n] for n in names]
    elif isinstance(data, (list, tuple)):
        arrays = _from_list(data, names, what)
    else:
        arrays = [data]
    if len(arrays) != len(names):
        raise ValueError(
            f"Error when checking model {what}: the list of arrays that you are passing to your model is not the size "
            f"the model expected. Expected to see {len(names)} array(s) for {list(names)}, but instead got "
            f"{len(arrays)} array(s) of shapes {[np.shape(a) for a in arrays[:5]]}."
        )
    result = []
    for name, shape, dtype, x in zip(names, shapes or [None] * len(names), dtypes, arrays, strict=True):
        x = as_array(x, name, what)
        given = tuple(x.shape)
        if len(x.shape) == 1:
            x = x.as_column() if isinstance(x, Rows) else x.reshape(-1, 1)
        if len(x.shape) == 0:
            raise ValueError(
                f"Error when checking {what}: expected {name} to be an array with a batch axis; got the scalar {x!r}."
            )
        if shape is not None:
            check_shape(x, name, shape, what, given)
        result.append(_cast(x, dtype))
    return result


def _from_list(data, names, what) -> list:
    if len(names) == 1 and len(data) and (np.isscalar(data[0]) or isinstance(data[0], (list, tuple, np.generic))):
        return [from_nested(data, names[0], what)]
    return list(data)


def _cast(x, dtype):
    """Floating-point data in the input's type; narrow integers stay so that less is moved."""
    if jnp.issubdtype(x.dtype, jnp.inexact) and x.dtype != dtype and jnp.issubdtype(dtype, jnp.floating):
        return x.astype(dtype)
    if x.dtype in (np.int64, np.uint64):
        return x.astype(dtype if jnp.issubdtype(dtype, jnp.floating) else "int32")
    return x


def check_shape(x, name, shape, what, given=None, cure=None):
    """Raises a ValueError unless x has this shape, batch axis and unknown sizes apart.

    Args:
        given: the shape of x as the user gave it; default its own.
        cure: function of that shape -> what may help; default `cures.of_input`.
    """
    wrong = _misfit(tuple(x.shape), tuple(shape), name)
    if wrong is not None:
        given = tuple(x.shape) if given is None else given
        help = cures.of_input(given, shape) if cure is None else cure(given)
        raise ValueError(f"Error when checking {what}: {wrong}; {tuple(shape)} is required, {given} was given.{help}")


def _misfit(got, shape, name):
    """What is wrong with a shape, in Keras's words; None where it fits."""
    if len(got) != len(shape):
        return f"expected {name} to have {len(shape)} dimensions, but got array with shape {got}"
    if any(want is not None and size != want for size, want in zip(got[1:], shape[1:], strict=True)):
        return f"expected {name} to have shape {shape[1:]} but got array with shape {got[1:]}"
    return None


def check_lengths(inputs, targets, weights, rows=None, may_be_empty=False) -> int:
    """The common number of samples.

    Args:
        inputs, targets, weights: lists of arrays.
        rows: how many there are where nothing is fed.
        may_be_empty: whether arrays without a sample are taken.

    Raises:
        ValueError: when the arrays do not agree, or hold no sample.
    """

    def length(arrays, what):
        sizes = sorted({x.shape[0] for x in arrays if x is not None})
        if len(sizes) > 1:
            raise ValueError(
                f"All {what} arrays should have the same number of samples. Got array shapes: "
                f"{[tuple(x.shape) for x in arrays if x is not None]}"
            )
        return sizes[0] if sizes else None

    if len(inputs) == 1 and len(targets) <= 1 and all(w is None for w in weights):
        size = inputs[0].shape[0]
        if size and all(y.shape[0] == size for y in targets):
            return size
    n, m, w = length(inputs, "input"), length(targets, "target"), length(weights, "sample_weight")
    if n is not None and m is not None and n != m:
        raise ValueError(
            f"Input arrays should have the same number of samples as target arrays. Found {n} input samples and "
            f"{m} target samples."
        )
    if m is not None and w is not None and m != w:
        raise ValueError(
            f"Sample_weight arrays should have the same number of samples as target arrays. Found {w} sample_weight "
            f"arrays and {m} target samples."
        )
    size = next((s for s in (n, m) if s is not None), rows)
    if not size and not (may_be_empty and size == 0):
        raise ValueError("the data holds no sample: at least one is required.")
    return size


def with_class_axis(y, loss, shape):
    """Integer targets of a sparse loss with the axis of length one in place of the classes, whether given or not."""
    if loss == "sparse_categorical_crossentropy" and len(y.shape) == len(shape) - 1:
        return y.as_column() if isinstance(y, Rows) else y[..., None]
    return y


def check_target(y, loss, name, shape):
    """Refuses targets that a loss cannot take; returns the targets, which are checked when read if they are Rows.

    Args:
        y: the targets of one output.
        loss: the loss's name.
        name, shape: of the output.

    Raises:
        ValueError: one-hot losses fed with labels, labels out of range or NaN for sparse losses.
    """
    if loss == "categorical_crossentropy" and y.shape[-1] == 1:
        help = (
            "One unit is a class of two: use Dense(1, activation='sigmoid') and the loss `binary_crossentropy`."
            if shape[-1] == 1
            else "Convert integer labels with `keras.utils.to_categorical(y)`, or use the loss "
            "`sparse_categorical_crossentropy`, which expects integer targets."
        )
        raise ValueError(
            f"You are passing a target array of shape {tuple(y.shape)} for output {name!r} of shape {shape} while "
            "using as loss `categorical_crossentropy`, which expects targets to be binary matrices (1s and 0s) of "
            f"shape (samples, classes). {help}"
        )
    if loss == "sparse_categorical_crossentropy" and shape[-1] is not None:
        if isinstance(y, Rows):
            return y.checked(functools.partial(_check_labels, name=name, classes=shape[-1]))
        _check_labels(y, name, shape[-1])
    return y


def _check_labels(y, name, classes) -> None:
    if not y.size:
        return
    low, high = y.min(), y.max()
    if np.isnan(low) or np.isnan(high):
        raise ValueError(
            f"the integer targets of output {name!r} hold NaN; labels from 0 to {classes - 1} are required."
        )
    if low < 0 or high >= classes:
        low, high = (v.item() if v % 1 else int(v) for v in (low, high))
        if low == 1 and high == classes:
            help = "Labels are counted from 0: y - 1."
        elif low >= 0:
            help = f"For these labels the last layer needs {int(high) + 1} units, as in Dense({int(high) + 1})."
        else:
            help = "For labels -1 and 1 give (y + 1) // 2."
        raise ValueError(
            f"the integer targets of output {name!r} range from {low} to {high}; labels from 0 to {classes - 1} are "
            f"required (one per class of the output). {help}"
        )


def check_indices(x, name, layer) -> None:
    """Raises a ValueError unless the values of input `name` are numbers of rows that `layer` has: 0..row_limit - 1."""
    low, high = x.min(), x.max()
    if not (low > -1 and high < layer.row_limit):
        raise ValueError(
            f"Layer {layer.name}: indices must lie within 0..{layer.row_limit - 1} (input_dim={layer.row_limit}); the "
            f"data given for {name} range from {low:g} to {high:g}"
            + (f", for which input_dim={int(high) + 1} is required." if low > -1 and np.isfinite(high) else ".")
        )


def cut(x, start, stop):
    """Rows start to stop; nothing is read for it."""
    return x.part(start, stop) if isinstance(x, Rows) else x[start:stop]


def take(x, index):
    """Rows `index` of an array or of Rows; a fresh NumPy array."""
    return np.take(x, index, axis=0) if isinstance(x, np.ndarray) else x.take(index)

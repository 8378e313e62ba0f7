"""From what users pass as data to lists of arrays of the right shapes."""

from __future__ import annotations

import functools
import numbers
import warnings

import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.backend.sparse import is_scipy_sparse
from kjax.engine.base_layer import to_list
from kjax.engine.rows import Rows, SparseRows
from kjax.graph import KerasTensor, Variable

__all__ = [
    "LOSSES_OF_CLASSES",
    "check_indices",
    "check_lengths",
    "check_shape",
    "check_target",
    "cut",
    "sample_weights",
    "standardize",
    "take",
    "with_class_axis",
]

LOSSES_OF_CLASSES = ("categorical_crossentropy", "sparse_categorical_crossentropy")  # `check_target` looks at theirs


def _as_array(x, name, what):
    """An array; Rows for what is not in memory as one: HDF5 data sets, memory maps, sparse matrices, what has a shape
    and can be sliced."""
    if isinstance(x, (KerasTensor, Variable)):
        raise ValueError(
            f"Error when checking {what}: {name} was given the symbolic tensor {x!r}; arrays were expected. "
            "To call a model on a tensor write model(tensor)."
        )
    if isinstance(x, np.memmap):
        array = Rows(x)
    elif isinstance(x, np.ndarray):
        array = x
    elif is_scipy_sparse(x):
        array = SparseRows(x) if len(x.shape) == 2 else x.toarray()
    elif hasattr(x, "values") and hasattr(x, "iloc"):  # pandas
        array = x.values
    elif (
        hasattr(x, "shape")
        and hasattr(x, "__getitem__")
        and not hasattr(x, "__jax_array__")
        and not hasattr(x, "__array_interface__")
    ):
        array = np.asarray(x) if hasattr(x, "devices") else Rows(x)
    else:
        array = _from_nested(x, name, what)
    if array.dtype == object:
        array = _from_objects(array, name, what)
    if array.dtype.kind in "USMmV" and not jnp.issubdtype(array.dtype, jnp.floating):  # bfloat16 is of kind V
        raise TypeError(f"Error when checking {what}: {name} must hold numbers; got dtype {array.dtype}.")
    return array


def _from_nested(x, name, what):
    try:
        return np.asarray(x)
    except ValueError as error:  # lists of unequal length
        raise ValueError(
            f"Error when checking {what}: {name} must be an array of numbers with one shape; got {type(x).__name__} "
            f"{x!r:.100} (are the samples of unequal length?): {error}"
        ) from None


def _from_objects(array, name, what):
    """An array of Python objects that are all numbers, as tables of mixed columns give, as one of numbers."""
    kinds = sorted({type(v).__name__ for v in array.flat if not isinstance(v, (numbers.Number, np.bool_))})
    if kinds:
        raise ValueError(
            f"Error when checking {what}: {name} must be an array of numbers with one shape; got an array of "
            f"objects of shape {array.shape} that holds {', '.join(kinds[:5])} (are the samples of unequal length, or "
            "values missing?)."
        )
    return array.astype(K.floatx())


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
            raise ValueError(f'No data provided for "{missing[0]}". Need data for each key in: {list(names)}')
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
        x = _as_array(x, name, what)
        if len(x.shape) == 1:
            x = x.as_column() if isinstance(x, Rows) else x.reshape(-1, 1)
        if len(x.shape) == 0:
            raise ValueError(
                f"Error when checking {what}: expected {name} to be an array with a batch axis; got the scalar {x!r}."
            )
        if shape is not None:
            check_shape(x, name, shape, what)
        result.append(_cast(x, dtype))
    return result


def _from_list(data, names, what) -> list:
    if len(names) == 1 and len(data) and (np.isscalar(data[0]) or isinstance(data[0], (list, tuple, np.generic))):
        return [_from_nested(data, names[0], what)]
    return list(data)


def _cast(x, dtype):
    """Floating-point data in the input's type; narrow integers stay so that less is moved."""
    if jnp.issubdtype(x.dtype, jnp.inexact) and x.dtype != dtype and jnp.issubdtype(dtype, jnp.floating):
        return x.astype(dtype)
    if x.dtype in (np.int64, np.uint64):
        return x.astype(dtype if jnp.issubdtype(dtype, jnp.floating) else "int32")
    return x


def check_shape(x, name, shape, what):
    """Raises a ValueError unless x has this shape, batch axis and unknown sizes apart."""
    if len(x.shape) != len(shape):
        raise ValueError(
            f"Error when checking {what}: expected {name} to have {len(shape)} dimensions, but got array with "
            f"shape {tuple(x.shape)}"
        )
    for i, (got, want) in enumerate(zip(x.shape, shape, strict=True)):
        if want is not None and got != want and i > 0:
            raise ValueError(
                f"Error when checking {what}: expected {name} to have shape {tuple(shape[1:])} but got array with "
                f"shape {tuple(x.shape[1:])}"
            )


def check_lengths(inputs, targets, weights, rows=None) -> int:
    """The common number of samples.

    Args:
        inputs, targets, weights: lists of arrays.
        rows: how many there are where nothing is fed.

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
    if not size:
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
    if loss == "categorical_crossentropy" and y.shape[-1] == 1 and shape[-1] != 1:
        raise ValueError(
            f"You are passing a target array of shape {tuple(y.shape)} for output {name!r} of shape {shape} while "
            "using as loss `categorical_crossentropy`, which expects targets to be binary matrices (1s and 0s) of "
            "shape (samples, classes). Convert integer labels with `keras.utils.to_categorical(y)`, or use the loss "
            "`sparse_categorical_crossentropy`, which expects integer targets."
        )
    if loss == "sparse_categorical_crossentropy" and shape[-1] is not None:
        if isinstance(y, Rows):
            return y.checked(functools.partial(_check_labels, name=name, classes=shape[-1]))
        _check_labels(y, name, shape[-1])
    return y


def _check_labels(y, name, classes) -> None:
    low, high = y.min(initial=0), y.max(initial=0)
    if np.isnan(low) or np.isnan(high):
        raise ValueError(
            f"the integer targets of output {name!r} hold NaN; labels from 0 to {classes - 1} are required."
        )
    if low < 0 or high >= classes:
        raise ValueError(
            f"the integer targets of output {name!r} range from {low} to {high}; labels from 0 to {classes - 1} are "
            "required (one per class of the output)."
        )


def check_indices(x, name, layer) -> None:
    """Raises a ValueError unless the values of input `name` are numbers of rows that `layer` has: 0..row_limit - 1."""
    low, high = x.min(), x.max()
    if not (low > -1 and high < layer.row_limit):
        raise ValueError(
            f"Layer {layer.name}: indices must lie within 0..{layer.row_limit - 1} (input_dim={layer.row_limit}); the "
            f"data given for {name} range from {low} to {high}."
        )


def sample_weights(given, class_weight, targets, names, modes) -> list:
    """The weights of each output's samples: arrays, or None for all ones.

    Args:
        given: None, array, list, or dict by output name.
        class_weight: None, dict class -> weight, list or dict by output of such dicts.
        targets: the standardized targets.
        modes: None or 'temporal' per output.
    """
    weights = _per_output(given, names, "sample_weight")
    if isinstance(class_weight, str) or (len(names) == 1 and _are_numbers(class_weight)):
        warnings.warn(
            f"class_weight={class_weight!r:.200} weighs nothing, as in Keras; pass a dict class -> weight.",
            UserWarning,
            stacklevel=5,
        )
        class_weight = None
    classes = _class_weights(class_weight, names)
    result = []
    for w, c, y, name, mode in zip(weights, classes, targets, names, modes, strict=True):
        if w is not None:
            result.append(_given_weights(_as_numbers(w, "sample_weight", name), y, name, mode))
        elif c is not None:
            result.append(_weights_of_classes(c, y, name, mode))
        else:
            result.append(None)
    return result


def _are_numbers(x) -> bool:
    return isinstance(x, np.ndarray) or (isinstance(x, (list, tuple)) and len(x) > 0 and all(map(np.isscalar, x)))


def _as_numbers(x, what, name):
    try:
        return np.asarray(x, "float32")
    except (TypeError, ValueError):
        raise TypeError(f"the {what} of output {name!r} must hold numbers; got {x!r:.200}.") from None


def _per_output(x, names, what) -> list:
    if x is None:
        return [None] * len(names)
    if isinstance(x, dict):
        unknown = [k for k in x if k not in names]
        if unknown:
            raise ValueError(f"{what} names the output {unknown[0]!r}; the outputs are {list(names)}.")
        return [x.get(n) for n in names]
    if len(names) == 1:
        if isinstance(x, (list, tuple)) and len(x) == 1 and not np.isscalar(x[0]):
            return [x[0]]
        return [x]
    if isinstance(x, (list, tuple)):
        if len(x) != len(names):
            raise ValueError(f"{what} must have one entry per output {list(names)}; got {len(x)}.")
        return list(x)
    raise TypeError(
        f"The model has multiple outputs, so `{what}` should be either a list or a dict by name {list(names)}; "
        f"got {type(x).__name__}."
    )


def _class_weights(x, names) -> list:
    if isinstance(x, dict) and len(names) > 1 and not any(k in names for k in x):
        raise ValueError(
            f"the model has several outputs: class_weight must be a dict by output name {list(names)}; got {x!r:.200}."
        )
    if isinstance(x, dict) and not any(isinstance(v, dict) for v in x.values()):
        return [x] if len(names) == 1 else [x.get(n) for n in names]
    return _per_output(x, names, "class_weight")


def _given_weights(w, y, name, mode):
    rank = 2 if mode == "temporal" else 1
    if w.ndim != rank:
        if rank == 1:
            raise ValueError(
                f"Found a sample_weight array with shape {w.shape} for output {name!r}. In order to use timestep-wise "
                "sample weights, you should specify sample_weight_mode=\"temporal\" in compile(); otherwise it must "
                "be 1-D."
            )
        raise ValueError(
            f"Found a sample_weight array with shape {w.shape} for output {name!r}: temporal weights must be 2-D "
            f"(samples, timesteps)."
        )
    if w.shape != tuple(y.shape[:rank]):
        raise ValueError(
            f"Found a sample_weight array with shape {w.shape} for targets of output {name!r} with shape "
            f"{tuple(y.shape)}. sample_weight cannot be broadcast."
        )
    return w


def _weights_of_classes(classes, y, name, mode):
    if mode == "temporal" or len(y.shape) > 2:
        raise ValueError(
            f"`class_weight` not supported for 3+ dimensional or temporal targets (output {name!r}, shape "
            f"{tuple(y.shape)})."
        )
    y = np.asarray(y)
    labels = y.argmax(axis=1) if y.shape[1] > 1 else y.reshape(-1)
    known = sorted(classes)
    missing = sorted(set(np.unique(labels).tolist()) - set(known))
    if missing:
        raise ValueError(
            f"`class_weight` must contain all classes in the data. The classes {missing} exist in the data but "
            f"not in `class_weight`."
        )
    table = _as_numbers([classes[k] for k in known], "class_weight", name)
    return table[np.searchsorted(np.array(known), labels)]


def cut(x, start, stop):
    """Rows start to stop; nothing is read for it."""
    return x.part(start, stop) if isinstance(x, Rows) else x[start:stop]


def take(x, index):
    """Rows `index` of an array or of Rows; a fresh NumPy array."""
    return np.take(x, index, axis=0) if isinstance(x, np.ndarray) else x.take(index)

"""From what users pass as data to arrays of numbers."""

from __future__ import annotations

import numbers
import warnings

import jax.numpy as jnp
import numpy as np

from kjax.backend.sparse import is_scipy_sparse
from kjax.engine.rows import Rows, SparseRows
from kjax.graph import KerasTensor, Variable

__all__ = ["as_array", "from_nested"]


def as_array(x, name, what):
    """An array of numbers; Rows for what is not in memory as one: HDF5 data sets, memory maps, sparse matrices, what
    has a shape and can be sliced.

    Text and objects that are numbers ('3', b'3', Decimal(3)) are taken as such; of masked arrays the data are.

    Args:
        name: of the input or output.
        what: 'input' or 'target', for messages.

    Raises:
        ValueError, TypeError: for symbolic tensors and for what holds no numbers.
    """
    if isinstance(x, (KerasTensor, Variable)):
        raise ValueError(
            f"Error when checking {what}: {name} was given the symbolic tensor {x!r}; arrays were expected. "
            "To call a model on a tensor write model(tensor)."
        )
    if isinstance(x, np.memmap):
        array = Rows(x)
    elif isinstance(x, np.ndarray):
        array = _plain(x, name)
    elif is_scipy_sparse(x):
        array = SparseRows(x) if len(x.shape) == 2 else x.toarray()
    elif hasattr(x, "iloc"):  # pandas
        return _from_table(x, name, what)
    elif (
        hasattr(x, "shape")
        and hasattr(x, "__getitem__")
        and not hasattr(x, "__jax_array__")
        and not hasattr(x, "__array_interface__")
    ):
        array = np.asarray(x) if hasattr(x, "devices") else Rows(x)
    else:
        array = _plain(from_nested(x, name, what), name)
    return _in_numbers(array, f"Error when checking {what}: {name}")


def from_nested(x, name, what):
    """An array of lists of numbers."""
    try:
        return np.asarray(x)
    except ValueError as error:  # lists of unequal length
        raise ValueError(
            f"Error when checking {what}: {name} must be an array of numbers with one shape; got {type(x).__name__} "
            f"{x!r:.100} (are the samples of unequal length? keras.preprocessing.sequence.pad_sequences fills up): "
            f"{error}"
        ) from None


def _plain(x, name):
    """Subclasses of NumPy's array as the array that they are."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        warnings.warn(
            f"{name} is a masked array: the numbers under its mask are used like the others, as in Keras; fill them by "
            "x.filled(...), or give a sample_weight.",
            UserWarning,
            stacklevel=6,
        )
    return np.asarray(x)


def _from_table(x, name, what):
    """A pandas object; what is wrong is said by column and row."""
    array = np.asarray(x)
    if _is_numeric(array.dtype):
        return array
    where = f"Error when checking {what}: {name}"
    if array.ndim == 1:
        return _in_numbers(array, where, getattr(x, "index", None))
    columns = [
        _in_numbers(array[:, i], f"{where}, column {column!r},", getattr(x, "index", None))
        for i, column in enumerate(getattr(x, "columns", range(array.shape[1])))
    ]
    return np.stack(columns, axis=1) if columns else np.zeros(array.shape)


def _is_numeric(dtype) -> bool:
    return dtype.kind in "fiub" or jnp.issubdtype(dtype, jnp.floating)  # bfloat16 is of kind V


def _in_numbers(array, where, labels=None):
    """The array as one of numbers; text is read, objects are asked.

    Args:
        where: how a message begins.
        labels: names of the rows, or None for their positions.
    """
    if _is_numeric(array.dtype) or array.dtype.kind == "c":
        return array
    if isinstance(array, Rows) and array.dtype.kind in "OUST":
        array = np.asarray(array)
    if array.dtype.kind not in "OUST":
        raise TypeError(f"{where} must hold numbers; got dtype {array.dtype}.{_cure_of(array.dtype)}")
    try:
        read = array.astype("float64")
    except (TypeError, ValueError):
        raise _no_number(array, where, labels) from None
    if np.isnan(read).any() and any(v is None for v in array.flat):  # which NumPy takes for NaN
        raise _no_number(array, where, labels)
    return read


def _no_number(array, where, labels):
    """The error that names the first entry which is no number."""
    flat = array.reshape(-1)
    at, value = next((i, v) for i, v in enumerate(flat) if not _reads_as_number(v))
    value = value.item() if isinstance(value, np.generic) else value
    kind = type(value).__name__
    row = np.unravel_index(at, array.shape)[0] if array.ndim else 0
    row = labels[row] if labels is not None else row
    got = f"{where} must hold numbers; got {value!r:.60} ({kind}) in row {row}"
    if isinstance(value, (str, bytes)):
        return TypeError(
            f"{got}: text is made numbers before, classes by pandas.get_dummies or sklearn's LabelEncoder, words by "
            "keras.preprocessing.text.Tokenizer."
        )
    if isinstance(value, (list, tuple, np.ndarray)):
        return ValueError(
            f"{got}: an array of objects that holds arrays; np.stack(list(x)) joins samples of one shape, "
            "keras.preprocessing.sequence.pad_sequences those of unequal length."
        )
    return ValueError(f"{got}: are values missing? Fill or drop them before, as by x.fillna(0) or x.dropna().")


def _reads_as_number(value) -> bool:
    if isinstance(value, (numbers.Number, np.bool_)):
        return True
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, np.ndarray) or value.ndim == 0


def _cure_of(dtype) -> str:
    if dtype.kind in "mM":
        return " Say what the dates are to mean: x.astype('int64'), or a column each for year, month, day."
    return f" One field of it is x[{dtype.names[0]!r}]." if dtype.names else ""

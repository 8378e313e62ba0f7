"""Sparse matrices: SciPy's are accepted wherever values are, and computed with as dense arrays."""

from __future__ import annotations

from kjax.backend.operation import as_array, tensor_op
from kjax.graph.tensor import Op

__all__ = ["densified", "is_scipy_sparse", "is_sparse", "to_dense"]


def is_scipy_sparse(x) -> bool:
    """Whether x is a matrix of `scipy.sparse` (told by its methods, so that SciPy is needed only by who made it)."""
    return hasattr(x, "tocoo") and hasattr(x, "toarray")


def densified(x):
    """A SciPy sparse matrix as a NumPy array; anything else as it is."""
    return x.toarray() if is_scipy_sparse(x) else x


def is_sparse(tensor):
    """Whether x is a SciPy sparse matrix, an input or Variable declared or made as a sparse one, or joined of such."""
    op = getattr(tensor, "op", None)
    if isinstance(op, Op) and op.name == "concatenate":
        return all(map(is_sparse, op.leaves))
    return is_scipy_sparse(tensor) or bool(getattr(tensor, "sparse", False))


@tensor_op(rowwise=True)
def _dense(tensor):
    return as_array(tensor)


def to_dense(tensor):
    """x as a dense tensor.

    Differs: sparse placeholders and Variables hold dense values already; no memory is saved by them.
    """
    return _dense(densified(tensor))

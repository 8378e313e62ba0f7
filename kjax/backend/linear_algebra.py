"""Products of matrices."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from kjax.backend.operation import as_array, axes_of, tensor_op
from kjax.graph.padded import Padded, propagate

__all__ = ["batch_dot", "dot"]


@tensor_op(
    rowwise=lambda tensors, args, kwargs: len(tensors) == 1 and tensors[0] is args[0] and len(tensors[0].shape) > 1
)
def _dot(x, y):
    return jnp.dot(as_array(x), as_array(y))


def dot(x, y):
    """Product over the last axis of x and the last but one of y: (.., n) . (.., n, m) -> (.., .., m).

    Args:
        x: tensor.
        y: tensor; of rank 1: its only axis.
    """
    return _dot(x, y)


def _batch_dot_padded(x, y, axes):
    zeroed = [v.like(v.filled(0)) if isinstance(v, Padded) else v for v in (x, y)]
    return propagate(lambda a, b: _batch_dot.operation.fn(a, b, axes), zeroed, contract=True)


@tensor_op(rowwise=True, padded=_batch_dot_padded)
def _batch_dot(x, y, axes):
    x, y = as_array(x), as_array(y)
    a, b = _contracted(axes, x, y)
    if x.ndim == y.ndim > 3 and min(a, b) >= x.ndim - 2:
        # matrices of equally stacked batches: the axes before the last two belong together
        x = x if a == x.ndim - 1 else jnp.swapaxes(x, -1, -2)
        y = y if b == y.ndim - 2 else jnp.swapaxes(y, -1, -2)
        return jnp.matmul(x, y)
    if axes is not None and y.ndim == x.ndim + 1 > 3 and a == x.ndim - 1 and b >= y.ndim - 2:
        # a vector for each matrix of the stack (capsules)
        if x.shape[:-1] != y.shape[:-2]:
            raise ValueError(
                f"batch_dot: with axes {axes!r} the leading axes of x must be those of y, {tuple(y.shape[:-2])}; "
                f"got shapes {tuple(x.shape)} and {tuple(y.shape)}."
            )
        return jnp.matmul(x[..., None, :], y if b == y.ndim - 2 else jnp.swapaxes(y, -1, -2))[..., 0, :]
    left = [i for i in range(1, x.ndim) if i != a]
    right = [i for i in range(1, y.ndim) if i != b]
    x_axes = [0] + [1 if i == a else i + 1 for i in range(1, x.ndim)]
    y_axes = [0] + [1 if i == b else x.ndim + i for i in range(1, y.ndim)]
    out = jnp.einsum(x, x_axes, y, y_axes, [0] + [i + 1 for i in left] + [x.ndim + i for i in right])
    return out[:, None] if out.ndim == 1 else out


def _contracted(axes, x, y):
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError(
            f"batch_dot: x and y must be (batch, ...), of rank 2 or more; got {tuple(x.shape)} and {tuple(y.shape)}."
        )
    if axes is None:
        axes = (x.ndim - 1, max(y.ndim - 2, 1))
    elif isinstance(axes, (int, np.integer)):
        axes = (axes, axes)
    if len(axes) != 2:
        raise ValueError(f"batch_dot: axes must be an int or two of them; got {axes!r}.")
    (a,), (b,) = axes_of(axes[0], x.ndim, "batch_dot"), axes_of(axes[1], y.ndim, "batch_dot")
    if a == 0 or b == 0:
        raise ValueError(f"batch_dot: axes must not name the batch axis 0; got {tuple(axes)!r}.")
    if x.shape[a] != y.shape[b]:
        raise ValueError(
            f"batch_dot: axis {a} of x and axis {b} of y must have the same size; got shapes {tuple(x.shape)} and "
            f"{tuple(y.shape)}."
        )
    if x.shape[0] != y.shape[0]:
        raise ValueError(
            f"batch_dot: x and y must have equal batches; got shapes {tuple(x.shape)} and {tuple(y.shape)}."
        )
    return a, b


def batch_dot(x, y, axes=None):
    """The product of x[i] and y[i] for each row i of the batch.

    (batch, ..a..) and (batch, ..b..) give (batch, .. without a, .. without b); (batch, 1) where nothing else is left.

    Args:
        x, y: tensors of rank 2 or more.
        axes: int or (int, int): the axis of x and that of y to be summed over; default: the last of x and the last
            but one of y.
    Differs: for ranks above 3 with both axes among the last two, the axes before them are stacked batches, as in 2.2.4:
        (batch, n, a) and (batch, n, a, b) with axes (2, 2) give (batch, n, b). Any other pair of axes follows 2.3
        (2.2.4 sums over another axis than it was told, or fails).
    """
    return _batch_dot(x, y, axes)

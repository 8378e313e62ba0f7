"""Activations, crossentropies, normalisation."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from kjax.backend.config import epsilon
from kjax.backend.elementwise import clip, maximum
from kjax.backend.operation import as_array, axes_of, batch_axis_kept, tensor_op
from kjax.graph import elementwise
from kjax.graph.padded import lowest
from kjax.nn import activation
from kjax.nn.normalization import moments

__all__ = [
    "batch_normalization", "binary_crossentropy", "categorical_crossentropy", "elu", "hard_sigmoid", "in_top_k",
    "l2_normalize", "normalize_batch_in_training", "print_tensor", "relu", "sigmoid", "softmax", "softplus", "softsign",
    "sparse_categorical_crossentropy", "tanh",
]  # fmt: skip

# -------------------------------------------------- activations


@tensor_op(rowwise=elementwise)
def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """f(x) = max_value for x >= max_value, x for threshold <= x < max_value, alpha (x - threshold) below.

    With both `max_value` and a threshold < 0, values between the threshold and 0 become 0.

    Args:
        x: tensor.
        alpha: number or tensor: the slope below the threshold.
        max_value: number >= 0, or None for no limit.
        threshold: number.
    """
    return activation.relu(as_array(x), alpha, max_value, threshold)


@tensor_op(rowwise=elementwise)
def elu(x, alpha=1.0):
    """x for x > 0, alpha (e^x - 1) for x <= 0.

    Args:
        x: tensor.
        alpha: number or tensor.
    """
    return jax.nn.elu(as_array(x), alpha)


def softmax_padded(x, axis=-1):
    """The softmax of a Padded: the filling has no share."""
    (axis,) = axes_of(axis, x.ndim, "softmax")
    return x.like(jax.nn.softmax(x.filled(lowest(x.dtype), (axis,)), axis))


@tensor_op(
    rowwise=lambda tensors, args, kwargs: batch_axis_kept(tensors, args, kwargs, default=-1), padded=softmax_padded
)
def softmax(x, axis=-1):
    """e^x / sum(e^x) along an axis.

    Args:
        x: tensor.
        axis: int.
    """
    return jax.nn.softmax(as_array(x), axis)


@tensor_op(rowwise=True)
def softplus(x):
    """log(1 + e^x)."""
    return jax.nn.softplus(as_array(x))


@tensor_op(rowwise=True)
def softsign(x):
    """x / (1 + |x|)."""
    return jax.nn.soft_sign(as_array(x))


@tensor_op(rowwise=True)
def sigmoid(x):
    """1 / (1 + e^-x)."""
    return jax.nn.sigmoid(as_array(x))


@tensor_op(rowwise=True)
def hard_sigmoid(x):
    """0.2 x + 0.5, kept within 0..1."""
    return clip(0.2 * as_array(x) + 0.5, 0.0, 1.0)


@tensor_op(rowwise=True)
def tanh(x):
    """Hyperbolic tangent."""
    return jnp.tanh(as_array(x))


# -------------------------------------------------- crossentropies


def _per_sample(tensors, args, kwargs):
    """Both carry the batch first, and classes are not on axis 0."""
    axis = kwargs.get("axis", args[3] if len(args) > 3 else -1)
    given = [v for v in (*args, *kwargs.values()) if hasattr(v, "shape")]
    return not any(getattr(t, "static", None) is not None for t in tensors) and all(
        len(v.shape) > 1 and axis % len(v.shape) != 0 for v in given[1:]
    )


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _softmax_loss(axis, target, logits):
    """-sum(target log(softmax(logits))); by the logits its derivative is softmax - target, as if target summed to 1."""
    return -jnp.sum(target * jax.nn.log_softmax(logits, axis), axis)


@_softmax_loss.defjvp
def _softmax_loss_jvp(axis, primals, tangents):
    target, logits = primals
    d_target, d_logits = tangents
    by_logits = (jax.nn.softmax(logits, axis) - target) * d_logits
    return _softmax_loss(axis, *primals), jnp.sum(by_logits - d_target * jax.nn.log_softmax(logits, axis), axis)


@tensor_op(rowwise=_per_sample)
def _categorical(target, output, from_logits, axis, epsilon):
    target, output = as_array(target), as_array(output)
    (axis,) = axes_of(axis, output.ndim, "categorical_crossentropy")
    if from_logits:
        return _softmax_loss(axis, target, output)
    output = output / jnp.sum(output, axis, keepdims=True)
    return -jnp.sum(target * jnp.log(clip(output, epsilon, 1.0 - epsilon)), axis)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-sum(target log(output)) along the axis of classes.

    Args:
        target: probabilities of the classes.
        output: probabilities (scaled to a sum of 1 and kept `epsilon()` away from 0 and 1), or logits.
        from_logits: whether `output` holds logits.
        axis: int.
    """
    return _categorical(target, output, from_logits, axis, epsilon())


@tensor_op(rowwise=_per_sample)
def _sparse_categorical(target, output, from_logits, axis, epsilon):
    target, output = as_array(target), as_array(output)
    (axis,) = axes_of(axis, output.ndim, "sparse_categorical_crossentropy")
    output = jnp.moveaxis(output, axis, -1)
    logits = output if from_logits else jnp.log(clip(output, epsilon, 1.0 - epsilon))
    index = target.astype(jnp.int32).reshape(output.shape[:-1])
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), index[..., None], -1)[..., 0]


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-log(output[target]) along the axis of classes.

    Args:
        target: ints 0..classes-1 in any type; as many as `output` has without `axis`.
        output: probabilities (kept `epsilon()` away from 0 and 1, then scaled to a sum of 1), or logits.
        from_logits: whether `output` holds logits.
        axis: int.

    Returns:
        the loss, of the shape of `output` without `axis`; NaN where the target is no class.
    """
    return _sparse_categorical(target, output, from_logits, axis, epsilon())


@tensor_op(rowwise=elementwise)
def _binary(target, output, from_logits, epsilon):
    target, output = as_array(target), as_array(output)
    if not from_logits:
        output = clip(output, epsilon, 1.0 - epsilon)
        output = jnp.log(output / (1.0 - output))
    # `where`, not maximum and abs: the three gradients at 0 then add up to sigmoid(0) - target
    positive = output >= 0
    linear = jnp.where(positive, output, jnp.zeros_like(output)) - output * target
    return linear + jnp.log1p(jnp.exp(jnp.where(positive, -output, output)))


def binary_crossentropy(target, output, from_logits=False):
    """-target log(output) - (1 - target) log(1 - output), element by element.

    Args:
        target: tensor of values 0..1.
        output: probabilities (kept `epsilon()` away from 0 and 1), or logits.
        from_logits: whether `output` holds logits.
    """
    return _binary(target, output, from_logits, epsilon())


@tensor_op(rowwise=True)
def in_top_k(predictions, targets, k):
    """Whether the class targets[i] is among the k largest of predictions[i]; of equal ones all are.

    Args:
        predictions: (batch, classes).
        targets: (batch,) ints.
        k: int or scalar tensor.
    """
    predictions, targets = as_array(predictions), as_array(targets).astype(jnp.int32)
    mine = jnp.take_along_axis(predictions, targets[:, None], axis=1)
    return (jnp.sum(predictions > mine, axis=1) < k) & jnp.isfinite(mine[:, 0])


# -------------------------------------------------- normalisation


@tensor_op(rowwise=batch_axis_kept)
def l2_normalize(x, axis=None):
    """x / sqrt(max(sum(x^2), 1e-12)) along axes.

    Args:
        x: tensor.
        axis: int, list of int, or None for all.
    """
    x = as_array(x)
    total = jnp.sum(jnp.square(x), axes_of(axis, x.ndim, "l2_normalize"), keepdims=True)
    return x * jax.lax.rsqrt(maximum(total, 1e-12))


def _normalized(x, mean, var, beta, gamma, epsilon):
    scale = jax.lax.rsqrt(var + epsilon)
    if gamma is not None:
        scale = scale * gamma
    shift = -mean * scale
    return x * scale + (shift if beta is None else beta + shift)


@tensor_op(rowwise=lambda tensors, args, kwargs: len(tensors) == 1 and tensors[0] is args[0])
def _batch_normalization(x, mean, var, beta, gamma, axis, epsilon):
    x = as_array(x)
    (axis,) = axes_of(axis, x.ndim, "batch_normalization")

    def placed(v):
        if v is None:
            return None
        v = as_array(v)
        return v.reshape([v.shape[0] if i == axis else 1 for i in range(x.ndim)]) if v.ndim == 1 else v

    return _normalized(x, placed(mean), placed(var), placed(beta), placed(gamma), epsilon)


def batch_normalization(x, mean, var, beta, gamma, axis=-1, epsilon=1e-3):
    """gamma (x - mean) / sqrt(var + epsilon) + beta.

    Args:
        x: tensor.
        mean, var, beta, gamma: tensors that broadcast against x, or vectors along `axis`; beta, gamma: or None.
        axis: int: where vectors belong.
        epsilon: number > 0.
    """
    return _batch_normalization(x, mean, var, beta, gamma, axis, epsilon)


@tensor_op(context=True, rowwise=lambda tensors, args, kwargs: len(tensors) == 1 and tensors[0] is args[0])
def _normalize_batch(ctx, x, gamma, beta, axes, epsilon):
    """Rows that only pad the batch are left out of the statistics."""
    x = as_array(x)
    mean, var, _ = moments(x, axes, ctx.rows_of(x))
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    placed = [None if v is None else as_array(v).reshape(kept) for v in (mean, var, beta, gamma)]
    return _normalized(x, *placed, epsilon), mean, var


def normalize_batch_in_training(x, gamma, beta, reduction_axes, epsilon=1e-3):
    """x normalised by its own mean and variance over axes.

    Args:
        x: tensor.
        gamma, beta: vectors, or None.
        reduction_axes: list of int.
        epsilon: number > 0.

    Returns:
        (normalised x, mean, variance).
    Differs: the variance is the plain one also where 2.2.4's fused kernel gives n / (n - 1) of it.
    """
    axes = axes_of(list(reduction_axes), len(x.shape), "normalize_batch_in_training")
    return _normalize_batch(x, gamma, beta, axes, epsilon)


# -------------------------------------------------- looking at values


def _show(message, value):
    print(f"{message}{np.asarray(value)}")


@tensor_op(rowwise=True)
def print_tensor(x, message=""):
    """x; its value is printed whenever it is computed.

    Args:
        x: tensor.
        message: str put before the value.
    """
    x = as_array(x)
    jax.debug.callback(lambda value: _show(message, value), x)
    return x

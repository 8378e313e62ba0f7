"""Activations, normalisation, dropout, crossentropies, under TensorFlow's names."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.backend.operation import as_array, axes_of, batch_axis_kept, tensor_op
from kjax.backend.random import dropout as K_dropout
from kjax.compat.tensorflow.math import add, sigmoid
from kjax.compat.tensorflow.reductions import OLD_AXIS, axes
from kjax.compat.tensorflow.reductions import axes as _axes
from kjax.compat.tensorflow.tensors import get_static_value, tf_function, value_of
from kjax.graph import KerasTensor, elementwise
from kjax.nn.normalization import moments as nn_moments

# -------------------------------------------------- activations


@tf_function
def relu(features):
    """max(x, 0)."""
    return K.relu(value_of(features))


@tf_function
def relu6(features):
    """min(max(x, 0), 6)."""
    return K.relu(value_of(features), max_value=6.0)


@tf_function
def leaky_relu(features, alpha=0.2):
    """x for x > 0, alpha x below."""
    return K.relu(value_of(features), alpha=alpha)


@tf_function
def elu(features):
    """x for x > 0, e^x - 1 below."""
    return K.elu(value_of(features))


@tensor_op(name="Selu", rowwise=True)
def _selu(x):
    return jax.nn.selu(as_array(x))


@tf_function
def selu(features):
    """1.0507 x for x > 0, 1.7581 (e^x - 1) below."""
    return _selu(value_of(features))


@tf_function
def swish(features):
    """x sigmoid(x)."""
    x = value_of(features)
    return x * sigmoid(x)


@tf_function
def crelu(features, axis=-1):
    """relu(x) and relu(-x), joined along an axis."""
    x = value_of(features)
    return K.concatenate([K.relu(x), K.relu(-x)], axes(axis))


@tf_function
def softplus(features):
    """log(1 + e^x)."""
    return K.softplus(value_of(features))


@tf_function
def softsign(features):
    """x / (1 + |x|)."""
    return K.softsign(value_of(features))


@tf_function(old={"dim": "axis"})
def softmax(logits, axis=-1):
    """e^x / sum(e^x) along an axis."""
    return K.softmax(value_of(logits), -1 if axis is None else axes(axis))


@tensor_op(name="LogSoftmax", rowwise=lambda tensors, args, kwargs: batch_axis_kept(tensors, args, kwargs, default=-1))
def _log_softmax(x, axis):
    return jax.nn.log_softmax(as_array(x), axis)


@tf_function(old={"dim": "axis"})
def log_softmax(logits, axis=-1):
    """x - log(sum(e^x)) along an axis."""
    return _log_softmax(value_of(logits), -1 if axis is None else axes(axis))


# -------------------------------------------------- linear


@tf_function
def bias_add(value, bias, data_format=None):
    """value + bias along the channels."""
    formats = {None: "channels_last", "NHWC": "channels_last", "NCHW": "channels_first"}
    x = value_of(value)
    if data_format not in formats or len(x.shape) == 2:
        return add(x, bias)
    return K.bias_add(x, value_of(bias), formats[data_format])


@tf_function
def xw_plus_b(x, weights, biases):
    """x . weights + biases."""
    return K.dot(value_of(x), value_of(weights)) + value_of(biases)


@tf_function
def relu_layer(x, weights, biases):
    """relu(x . weights + biases)."""
    return K.relu(xw_plus_b(x, weights, biases))


@tf_function
def l2_loss(t):
    """sum(t^2) / 2."""
    return K.sum(K.square(value_of(t))) / 2


# -------------------------------------------------- normalisation


@tf_function(old={"axis": "axes", "keepdims": "keep_dims"})
def moments(x, axes=None, shift=None, keep_dims=False):
    """(mean, variance) over axes."""
    x = value_of(x)
    return _moments(x, axes_of(_axes(axes), len(x.shape), "moments"), bool(keep_dims))


@tensor_op(name="moments", rowwise=lambda tensors, args, kwargs: 0 not in args[1])
def _moments(x, over, keepdims):
    x = as_array(x)
    mean, variance, _ = nn_moments(x, over)
    kept = tuple(1 if i in over else n for i, n in enumerate(x.shape))
    shape = kept if keepdims else tuple(n for i, n in enumerate(x.shape) if i not in over)
    return [mean.reshape(shape), variance.reshape(shape)]


@tf_function(old=OLD_AXIS)
def weighted_moments(x, axes, frequency_weights, keepdims=False):
    """(mean, variance) over axes, each element counted as its weight says."""
    return _weighted_moments(value_of(x), tuple(np.atleast_1d(axes).tolist()), value_of(frequency_weights), keepdims)


@tensor_op(name="weighted_moments")
def _weighted_moments(x, over, weights, keepdims):
    x = as_array(x)
    weights = jnp.broadcast_to(weights, x.shape)
    total = jnp.sum(weights, over, keepdims=True)
    mean = jnp.sum(x * weights, over, keepdims=True) / total
    variance = jnp.sum(jnp.square(x - mean) * weights, over, keepdims=True) / total
    return [v if keepdims else jnp.squeeze(v, over) for v in (mean, variance)]


@tensor_op(name="batchnorm", rowwise=lambda tensors, args, kwargs: len(tensors) == 1 and tensors[0] is args[0])
def _normalize(x, mean, variance, offset, scale, epsilon):
    factor = jax.lax.rsqrt(as_array(variance) + epsilon)
    factor = factor if scale is None else factor * scale
    shift = -mean * factor
    return x * factor + (shift if offset is None else offset + shift)


@tf_function
def batch_normalization(x, mean, variance, offset, scale, variance_epsilon):
    """scale (x - mean) / sqrt(variance + epsilon) + offset."""
    given = [None if v is None else value_of(v) for v in (x, mean, variance, offset, scale)]
    return _normalize(*given, variance_epsilon)


class FusedBatchNorm(NamedTuple):
    """The normalised x, and the mean and variance of the batch."""

    y: object
    batch_mean: object
    batch_var: object


@tf_function
def fused_batch_norm(x, scale, offset, mean=None, variance=None, epsilon=0.001, data_format="NHWC", is_training=True):
    """x, of rank 4, normalised per channel: with its own statistics while training, else with the given ones."""
    axis = 1 if data_format == "NCHW" else 3
    x, scale, offset = value_of(x), value_of(scale), value_of(offset)
    if not is_training:
        mean, variance = value_of(mean), value_of(variance)
        y = K.batch_normalization(x, mean, variance, offset, scale, axis, epsilon)
        return FusedBatchNorm(y, mean, variance)
    over = [i for i in range(4) if i != axis]
    y, mean, variance = K.normalize_batch_in_training(x, scale, offset, over, epsilon)
    return FusedBatchNorm(y, mean, _unbiased(variance, K.size(x), K.size(mean)))


@tensor_op(name="FusedBatchNorm")
def _unbiased(variance, elements, channels):
    """What the running variance is updated with."""
    n = as_array(elements).astype(variance.dtype) / channels
    return variance * (n / jnp.maximum(n - 1, 1))


@tf_function
def local_response_normalization(input, depth_radius=5, bias=1, alpha=1, beta=0.5):
    """x / (bias + alpha sum(x^2 over the neighbouring channels))^beta."""
    return _local_response(value_of(input), int(depth_radius), bias, alpha, beta)


lrn = local_response_normalization


@tensor_op(name="LRN", rowwise=True)
def _local_response(x, radius, bias, alpha, beta):
    x = as_array(x)
    padded = jnp.pad(jnp.square(x), [(0, 0)] * (x.ndim - 1) + [(radius, radius)])
    total = sum(padded[..., i : i + x.shape[-1]] for i in range(2 * radius + 1))
    return x / (bias + alpha * total) ** beta


# -------------------------------------------------- dropout


@tf_function
def dropout(x, keep_prob=None, noise_shape=None, seed=None, rate=None):
    """Each element is 0 with probability `rate` (1 - keep_prob), else x / (1 - rate); always, in any phase."""
    if (rate is None) == (keep_prob is None):
        raise ValueError("dropout: exactly one of keep_prob and rate must be given.")
    if rate is None:
        known = get_static_value(keep_prob) if isinstance(keep_prob, KerasTensor) else keep_prob
        if not isinstance(known, KerasTensor) and known is not None and float(known) == 1.0:
            return value_of(x)
        rate = 1.0 - (keep_prob if known is None else float(known))
    shape = get_static_value(noise_shape) if isinstance(noise_shape, KerasTensor) else noise_shape
    return K_dropout(value_of(x), rate, shape if shape is None else tuple(shape), seed)


# -------------------------------------------------- crossentropies


def _need_both(where, **given):
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise ValueError(f"{where}: {' and '.join(missing)} must be given, by name.")


@tf_function(old={"dim": "axis"})
def softmax_cross_entropy_with_logits(_sentinel=None, labels=None, logits=None, axis=-1):
    """-sum(labels log(softmax(logits))) along an axis; no gradient goes to the labels."""
    _need_both("softmax_cross_entropy_with_logits", labels=labels, logits=logits)
    return softmax_cross_entropy_with_logits_v2(K.stop_gradient(value_of(labels)), logits, axis)


@tf_function(old={"dim": "axis"})
def softmax_cross_entropy_with_logits_v2(labels=None, logits=None, axis=-1):
    """-sum(labels log(softmax(logits))) along an axis; gradients go to both."""
    return K.categorical_crossentropy(value_of(labels), value_of(logits), from_logits=True, axis=axes(axis))


@tf_function
def sparse_softmax_cross_entropy_with_logits(_sentinel=None, labels=None, logits=None):
    """-log(softmax(logits)[label]) along the last axis."""
    _need_both("sparse_softmax_cross_entropy_with_logits", labels=labels, logits=logits)
    return K.sparse_categorical_crossentropy(value_of(labels), value_of(logits), from_logits=True)


@tf_function(old={"targets": "labels"})
def sigmoid_cross_entropy_with_logits(_sentinel=None, labels=None, logits=None):
    """-labels log(sigmoid(logits)) - (1 - labels) log(1 - sigmoid(logits))."""
    _need_both("sigmoid_cross_entropy_with_logits", labels=labels, logits=logits)
    return K.binary_crossentropy(value_of(labels), value_of(logits), from_logits=True)


@tensor_op(name="logistic_loss", rowwise=elementwise)
def _weighted(labels, logits, weight):
    labels, logits = as_array(labels), as_array(logits)
    factor = 1 + (weight - 1) * labels
    return (1 - labels) * logits + factor * (jnp.log1p(jnp.exp(-jnp.abs(logits))) + jax.nn.relu(-logits))


@tf_function(old={"targets": "labels"})
def weighted_cross_entropy_with_logits(labels=None, logits=None, pos_weight=None):
    """The sigmoid crossentropy, positive labels counted `pos_weight` times."""
    return _weighted(value_of(labels), value_of(logits), pos_weight)


@tf_function
def log_poisson_loss(targets, log_input, compute_full_loss=False):
    """e^log_input - targets log_input."""
    if compute_full_loss:
        raise NotImplementedError("log_poisson_loss: compute_full_loss=True is not taken.")
    targets, x = value_of(targets), value_of(log_input)
    return K.exp(x) - targets * x


@tf_function
def in_top_k(predictions, targets, k):
    """Whether the class targets[i] is among the k largest of predictions[i]."""
    return K.in_top_k(value_of(predictions), value_of(targets), k)

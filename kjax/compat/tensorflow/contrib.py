"""What programs use of `tf.contrib`."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kjax import backend as K
from kjax import initializers, regularizers
from kjax.backend.operation import as_array, tensor_op
from kjax.compat.tensorflow.shapes import sizes_of
from kjax.compat.tensorflow.tensors import held, tf_function, value_of

# -------------------------------------------------- contrib.layers


def variance_scaling_initializer(factor=2.0, mode="FAN_IN", uniform=False, seed=None, dtype="float32"):
    """Random weights of variance factor / fan."""
    return initializers.VarianceScaling(factor, mode.lower(), "uniform" if uniform else "normal", seed)


def l1_regularizer(scale, scope=None):
    """scale sum |w|."""
    return regularizers.l1(scale)


def l2_regularizer(scale, scope=None):
    """scale sum w^2 / 2."""
    return regularizers.l2(scale / 2)


@tf_function(old={"inputs": "tensor"})
def flatten(tensor):
    """(batch, ...) as (batch, the product of the rest)."""
    return K.batch_flatten(value_of(tensor))


# -------------------------------------------------- contrib.image


@tf_function
def rotate(images, angles, interpolation="NEAREST"):
    """Images turned counter-clockwise by angles in radians about their middle, zeros outside."""
    x = held(value_of(images))
    if len(x.shape) == 3:
        return K.squeeze(_rotated(K.expand_dims(x, 0), value_of(angles), interpolation == "BILINEAR"), 0)
    return _rotated(x, value_of(angles), interpolation == "BILINEAR")


@tensor_op(name="ImageProjectiveTransformV2", rowwise=True)
def _rotated(x, angles, bilinear):
    x = as_array(x)
    h, w = x.shape[1:3]
    angles = jnp.broadcast_to(as_array(angles), (x.shape[0],))
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    dx = ((w - 1) - (cos * (w - 1) - sin * (h - 1))) / 2
    dy = ((h - 1) - (sin * (w - 1) + cos * (h - 1))) / 2
    one = jnp.ones_like(cos)
    return _sampled(x, jnp.stack([cos, -sin, dx, sin, cos, dy, 0 * one, 0 * one], 1), bilinear)


@tf_function
def transform(images, transforms, interpolation="NEAREST", output_shape=None):
    """Images whose pixel (x, y) is ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k), k = c0 x + c1 y + 1, of the input.

    Args:
        images: (n, rows, columns, channels).
        transforms: (8,) or (n, 8): a0, a1, a2, b0, b1, b2, c0, c1.
        interpolation: 'NEAREST' or 'BILINEAR'.
    """
    if output_shape is not None and sizes_of(output_shape) != [int(n) for n in held(value_of(images)).shape[1:3]]:
        raise NotImplementedError("contrib.image.transform: output_shape other than that of the images is not taken.")
    return _transformed(value_of(images), value_of(transforms), interpolation == "BILINEAR")


@tensor_op(name="ImageProjectiveTransformV2", rowwise=True)
def _transformed(x, transforms, bilinear):
    x, transforms = as_array(x), jnp.atleast_2d(as_array(transforms))
    return _sampled(x, jnp.broadcast_to(transforms, (x.shape[0], 8)), bilinear)


def _sampled(x, transforms, bilinear):
    h, w = x.shape[1:3]
    ys, xs = jnp.meshgrid(jnp.arange(h, dtype=jnp.float32), jnp.arange(w, dtype=jnp.float32), indexing="ij")
    a0, a1, a2, b0, b1, b2, c0, c1 = (transforms[:, i, None, None] for i in range(8))
    k = c0 * xs + c1 * ys + 1
    at_x, at_y = (a0 * xs + a1 * ys + a2) / k, (b0 * xs + b1 * ys + b2) / k

    def pick(image, y, x):
        inside = (y >= 0) & (y < h) & (x >= 0) & (x < w)
        found = image[jnp.clip(y, 0, h - 1).astype(int), jnp.clip(x, 0, w - 1).astype(int)]
        return jnp.where(inside[..., None], found, jnp.zeros((), image.dtype))

    def one(image, x, y):
        if not bilinear:
            return pick(image, jnp.round(y), jnp.round(x))
        top, left = jnp.floor(y), jnp.floor(x)
        dy, dx = (y - top)[..., None], (x - left)[..., None]
        upper = pick(image, top, left) * (1 - dx) + pick(image, top, left + 1) * dx
        lower = pick(image, top + 1, left) * (1 - dx) + pick(image, top + 1, left + 1) * dx
        return upper * (1 - dy) + lower * dy

    return jax.vmap(one)(x, at_x, at_y)


@tf_function
def translate(images, translations, interpolation="NEAREST"):
    """Images moved by (x, y), zeros outside."""
    moved = K.cast(held(value_of(translations)), "float32")
    moved = moved if len(moved.shape) == 2 else K.expand_dims(moved, 0)
    return _moved(value_of(images), moved, interpolation == "BILINEAR")


@tensor_op(name="ImageProjectiveTransformV2", rowwise=True)
def _moved(x, by, bilinear):
    x = as_array(x)
    by = jnp.broadcast_to(as_array(by), (x.shape[0], 2))
    one, none = jnp.ones((x.shape[0],), jnp.float32), jnp.zeros((x.shape[0],), jnp.float32)
    return _sampled(x, jnp.stack([one, none, -by[:, 0], none, one, -by[:, 1], none, none], 1), bilinear)


# -------------------------------------------------- contrib.seq2seq


@tf_function
def sequence_loss(logits, targets, weights, average_across_timesteps=True, average_across_batch=True):
    """The softmax crossentropy of (batch, time, classes), weighed by (batch, time), over the sum of the weights."""
    logits, targets, weights = (held(value_of(v)) for v in (logits, targets, weights))
    cost = K.sparse_categorical_crossentropy(targets, logits, from_logits=True) * weights
    if average_across_timesteps and average_across_batch:
        return K.sum(cost) / (K.sum(weights) + 1e-12)
    if average_across_timesteps or average_across_batch:
        axis = 1 if average_across_timesteps else 0
        return K.sum(cost, axis) / (K.sum(weights, axis) + 1e-12)
    return cost

"""Random tensors, under TensorFlow's names."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.backend.operation import as_array, int_of, tensor_op
from kjax.backend.random import _per_row, _sizes, _uniform
from kjax.backend.random import _seed as seed_of
from kjax.compat.tensorflow.shapes import sizes_of
from kjax.compat.tensorflow.tensors import held, kind_of, tf_function, value_of


@tf_function
def random_normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None):
    """Normal random numbers, new ones whenever they are computed."""
    return K.random_normal(sizes_of(shape), mean, stddev, kind_of(dtype), seed)


@tf_function
def truncated_normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None):
    """Normal random numbers within 2 stddev of the mean."""
    return K.truncated_normal(sizes_of(shape), mean, stddev, kind_of(dtype), seed)


def _drawn_uniform(shape, low, high, dtype, seed):
    return _uniform(sizes_of(shape), low, high, dtype, seed_of(seed))


@tf_function
def random_uniform(shape, minval=0, maxval=None, dtype="float32", seed=None):
    """Random numbers, uniform in [minval, maxval); floats up to 1 unless told otherwise."""
    dtype = kind_of(dtype)
    if maxval is None:
        if dtype.startswith(("int", "uint")):
            raise ValueError(f"random_uniform: maxval must be given for the type {dtype}.")
        maxval = 1.0
    return _drawn_uniform(shape, minval, maxval, dtype, seed)


def _drawing(name, draw, rowwise=False):
    return tensor_op(draw, name=name, context=True, always=True, draws=True, rowwise=rowwise)


_shuffled = _drawing("RandomShuffle", lambda ctx, x, seed: jax.random.permutation(ctx.next_key(seed), as_array(x)))


@tf_function
def random_shuffle(value, seed=None):
    """The rows of a tensor in random order."""
    return _shuffled(value_of(value), seed_of(seed))


def _draw_classes(ctx, logits, n, seed, dtype):
    logits = as_array(logits)
    found = jax.random.categorical(ctx.next_key(seed), logits[:, None, :], -1, (logits.shape[0], int_of(n)))
    return found.astype(dtype)


_classes = _drawing("Multinomial", _draw_classes, rowwise=True)


@tf_function
def multinomial(logits, num_samples, seed=None, output_dtype=None):
    """(batch, num_samples): random classes, with the probabilities softmax(logits) of each row."""
    return _classes(value_of(logits), num_samples, seed_of(seed), kind_of(output_dtype, "int64"))


@tf_function
def categorical(logits, num_samples, dtype=None, seed=None):
    """(batch, num_samples): random classes, with the probabilities softmax(logits) of each row."""
    return _classes(value_of(logits), num_samples, seed_of(seed), kind_of(dtype, "int64"))


def _draw_gamma(ctx, shape, alpha, beta, dtype, seed):
    alpha = as_array(alpha).astype(dtype)
    scale = 1.0 if beta is None else 1.0 / as_array(beta)
    return jax.random.gamma(ctx.next_key(seed), alpha, (*_sizes(shape), *alpha.shape), dtype) * scale


_gamma = _drawing("RandomGamma", _draw_gamma, rowwise=_per_row)


@tf_function
def random_gamma(shape, alpha, beta=None, dtype="float32", seed=None):
    """(*shape, *alpha's shape): gamma random numbers of shape `alpha` and rate `beta`."""
    return _gamma(
        sizes_of(shape), value_of(alpha), beta if beta is None else value_of(beta), kind_of(dtype), seed_of(seed)
    )


def _draw_poisson(ctx, lam, shape, dtype, seed):
    lam = as_array(lam)
    return jax.random.poisson(ctx.next_key(seed), lam, (*_sizes(shape), *lam.shape)).astype(dtype)


_poisson = _drawing("RandomPoisson", _draw_poisson)


@tf_function
def random_poisson(lam, shape, dtype="float32", seed=None):
    """(*shape, *lam's shape): Poisson random numbers of mean `lam`."""
    return _poisson(value_of(lam), sizes_of(shape), kind_of(dtype), seed_of(seed))


def _draw_crop(ctx, x, size, seed):
    x = as_array(x)
    size = [n if s == -1 else int_of(s) for s, n in zip(size, x.shape, strict=True)]
    room = np.asarray([n - s + 1 for s, n in zip(size, x.shape, strict=True)])
    starts = jax.random.randint(ctx.next_key(seed), (len(size),), 0, jnp.asarray(room))
    return jax.lax.dynamic_slice(x, list(starts), size)


_cropped = _drawing("random_crop", _draw_crop)


@tf_function
def random_crop(value, size, seed=None):
    """A random part of a tensor, of this size."""
    return _cropped(held(value_of(value)), sizes_of(size), seed_of(seed))

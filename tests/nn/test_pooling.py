"""Pooling against its definition, its gradient, and the forms for accelerators."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax import nn
from kjax.nn import pooling
from kjax.nn.shapes import pads_of

RNG = np.random.default_rng(2)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def windows_of(x, size, strides, padding):
    """For each output position: (index, the part of x under the window)."""
    n = len(size)
    pads = pads_of(x.shape[1:-1], size, padding, strides, (1,) * n)
    counts = [(m + sum(p) - k) // s + 1 for m, p, k, s in zip(x.shape[1:-1], pads, size, strides, strict=True)]
    for q in itertools.product(*map(range, counts)):
        start = [i * s - lo for i, s, (lo, _) in zip(q, strides, pads, strict=True)]
        index = tuple(slice(max(b, 0), b + k) for b, k in zip(start, size, strict=True))
        yield q, index


CASES = [
    ((9,), (2,), (2,)),
    ((8,), (3,), (1,)),
    ((5, 6), (2, 2), (2, 2)),
    ((6, 5), (3, 2), (2, 1)),
    ((4, 5, 3), (2, 3, 2), (2, 2, 1)),
]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("shape, size, strides", CASES)
def test_pooling_is_its_definition(shape, size, strides, padding):
    x = normal(2, *shape, 3)
    largest, mean = nn.max_pool(x, size, strides, padding), nn.avg_pool(x, size, strides, padding)
    axes = tuple(range(1, 1 + len(size)))
    for q, index in windows_of(x, size, strides, padding):
        part = x[(slice(None), *index)]
        np.testing.assert_array_equal(largest[(slice(None), *q)], part.max(axes))
        np.testing.assert_allclose(mean[(slice(None), *q)], part.mean(axes), atol=1e-6)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("shape, size, strides", CASES)
def test_gradients_equal_those_of_the_form_for_accelerators(shape, size, strides, padding):
    x = normal(2, *shape, 3)
    pads = pads_of(shape, size, padding, strides, (1,) * len(size))
    y, pull = jax.vjp(lambda x: nn.max_pool(x, size, strides, padding), x)
    want, want_pull = jax.vjp(lambda x: pooling._reduce_max(x, size, strides, pads), x)
    c = normal(*y.shape)
    np.testing.assert_array_equal(y, want)
    np.testing.assert_allclose(pull(c)[0], want_pull(c)[0], atol=1e-6)


def test_ties_give_the_gradient_to_the_first_maximum():
    x = jnp.ones((1, 2, 4, 1))
    g = jax.grad(lambda x: nn.max_pool(x, 2).sum())(x)
    np.testing.assert_array_equal(g[0, :, :, 0], [[1, 0, 1, 0], [0, 0, 0, 0]])


def test_overlapping_windows_add_their_gradients():
    x = jnp.asarray([0.0, 5.0, 1.0, 2.0]).reshape(1, 4, 1)
    g = jax.grad(lambda x: nn.max_pool(x, 3, 1).sum())(x)
    np.testing.assert_array_equal(g.ravel(), [0, 2, 0, 0])


def test_second_derivative_of_a_function_of_pooled_values():
    x = normal(1, 4, 4, 2)
    hessian = jax.jacrev(jax.grad(lambda x: jnp.sum(nn.max_pool(x, 2) ** 3)))(x).reshape(32, 32)
    chosen = np.asarray(jax.grad(lambda x: nn.max_pool(x, 2).sum())(x)).ravel()
    np.testing.assert_allclose(hessian, np.diag(6 * x.ravel() * chosen), atol=1e-5)


def test_padding_never_wins_and_never_counts():
    x = -jnp.ones((1, 3, 3, 1))
    np.testing.assert_array_equal(nn.max_pool(x, 2, 2, "same"), -jnp.ones((1, 2, 2, 1)))
    np.testing.assert_array_equal(nn.avg_pool(x, 2, 2, "same"), -jnp.ones((1, 2, 2, 1)))


def test_integers_can_be_pooled():
    x = np.arange(16, dtype="int32").reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(nn.max_pool(x, 2)[0, :, :, 0], [[5, 7], [13, 15]])


def test_masked_mean_leaves_steps_out():
    x, mask = normal(2, 4, 3), np.array([[1, 1, 0, 0], [1, 1, 1, 1]], bool)
    y = nn.GlobalAvgPool().apply({}, x, mask=mask)
    np.testing.assert_allclose(y, [x[0, :2].mean(0), x[1].mean(0)], atol=1e-6)
    first = nn.GlobalAvgPool("channels_first").apply({}, x.transpose(0, 2, 1), mask=mask)
    np.testing.assert_allclose(first, y, atol=1e-6)


@pytest.mark.parametrize("platform", ["tpu", "cuda", "cpu"])
def test_gradients_lower_for_every_platform_in_its_own_form(platform):
    x = jnp.zeros((2, 8, 8, 3))
    step = jax.jit(jax.grad(lambda x: jnp.sum(nn.max_pool(x, 3, 2) * nn.avg_pool(x, 3, 2))))
    text = jax.export.export(step, platforms=[platform])(x).mlir_module()
    assert ("select_and_scatter" in text) == (platform != "cpu")

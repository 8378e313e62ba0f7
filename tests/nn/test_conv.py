"""The CPU forms of convolution and its gradients equal XLA's own, to any order, and the rest lowers for accelerators."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kjax.nn import conv

RNG = np.random.default_rng(0)


def normal(*shape):
    return jnp.asarray(RNG.normal(size=shape), "float32")


def geometry_of(size, kernel, strides, dilation, pads, groups=1):
    return conv.Geometry(tuple(size), tuple(kernel), tuple(strides), tuple(dilation), tuple(map(tuple, pads)), groups)


def check(geometry, batch=2, inputs=3, outputs=4):
    """Forward, both gradients, and the gradient of a gradient, against lax."""
    if geometry.groups > 1:
        inputs, outputs = geometry.groups, 2 * geometry.groups
    x = normal(batch, *geometry.size, inputs)
    w = normal(*geometry.kernel, inputs // geometry.groups, outputs)
    c, e = normal(batch, *geometry.output, outputs), normal(*x.shape)

    def first(f):
        return jax.vjp(lambda x, w: f(x, w, geometry), x, w)

    def second(f):
        def inner(x, w):
            gx, gw = jax.vjp(lambda x, w: f(x, w, geometry), x, w)[1](c)
            return jnp.sum(gx * e) + jnp.sum(gw**2)

        return jax.grad(inner, (0, 1))(x, w)

    y, pull = first(conv.forward)
    want, want_pull = first(conv._lax_forward)
    for a, b in zip([y, *pull(c), *second(conv.forward)], [want, *want_pull(c), *second(conv._lax_forward)], strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, atol=2e-5 * float(jnp.abs(b).max() + 1))


SIZES = {1: (11,), 2: (9, 8), 3: (6, 5, 7)}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride, dilation", [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize("pads", [(0, 0), (1, 1), (0, 2), (4, 0)])
def test_forms_equal_lax(rank, kernel, stride, dilation, pads):
    if SIZES[rank][min(rank, 2) - 1] + sum(pads) < (kernel - 1) * dilation + 1:
        pytest.skip("no window fits")
    check(geometry_of(SIZES[rank], [kernel] * rank, [stride] * rank, [dilation] * rank, [pads] * rank))


axis = st.tuples(
    st.integers(1, 9), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 5), st.integers(0, 5)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(axis, min_size=1, max_size=3), st.booleans())
def test_any_geometry_equals_lax(axes, depthwise):
    fits = [(n, min(k, 1 + (n + lo + hi - 1) // d), s, d, lo, hi) for n, k, s, d, lo, hi in axes]
    n, k, s, d, lo, hi = zip(*fits, strict=True)
    check(geometry_of(n, k, s, d, zip(lo, hi, strict=True), groups=3 if depthwise else 1))


def test_batches_larger_than_a_block_and_not_divisible_by_it():
    check(geometry_of((6, 6), (3, 3), (1, 1), (1, 1), [(0, 0), (0, 0)]), batch=19)


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_equals_lax(stride):
    check(geometry_of((7, 6), (3, 2), (stride, stride), (1, 1), [(1, 1), (0, 1)], groups=3))


@pytest.mark.parametrize("platform", ["tpu", "cuda", "cpu"])
def test_training_lowers_for_every_platform_in_its_own_form(platform):
    geometry = geometry_of((8, 8), (3, 3), (1, 1), (1, 1), [(0, 0), (0, 0)])

    def step(x, w):
        return jax.grad(lambda x, w: jnp.sum(conv.forward(x, w, geometry) ** 2), (0, 1))(x, w)

    args = jnp.zeros((2, 8, 8, 3)), jnp.zeros((3, 3, 3, 4))
    text = jax.export.export(jax.jit(step), platforms=[platform])(*args).mlir_module()
    assert text.count("stablehlo.convolution") == 3
    assert "stablehlo.case" not in text


def test_one_module_serves_several_platforms():
    geometry = geometry_of((8,), (3,), (1,), (1,), [(0, 0)])
    exported = jax.export.export(jax.jit(lambda x, w: conv.forward(x, w, geometry)), platforms=["cpu", "cuda", "tpu"])
    x, w = normal(2, 8, 3), normal(3, 3, 4)
    np.testing.assert_allclose(exported(x.shape and x, w).call(x, w) if False else exported(x, w).call(x, w),
                               conv._lax_forward(x, w, geometry), atol=1e-5)


def test_vmap_and_jit_agree():
    geometry = geometry_of((8,), (3,), (2,), (1,), [(1, 1)])
    x, w = normal(3, 2, 8, 3), normal(3, 3, 4)
    one = [conv.forward(v, w, geometry) for v in x]
    np.testing.assert_allclose(jax.vmap(lambda v: conv.forward(v, w, geometry))(x), one, atol=1e-5)
    np.testing.assert_allclose(jax.jit(lambda v: conv.forward(v, w, geometry))(x[0]), one[0], atol=1e-5)


def test_bfloat16_stays_bfloat16():
    geometry = geometry_of((8, 8), (3, 3), (2, 2), (1, 1), [(1, 1), (1, 1)])
    x, w = normal(2, 8, 8, 3).astype("bfloat16"), normal(3, 3, 3, 4).astype("bfloat16")
    gx, gw = jax.grad(lambda x, w: conv.forward(x, w, geometry).astype("float32").sum(), (0, 1))(x, w)
    assert gx.dtype == gw.dtype == jnp.bfloat16


def test_the_grid_of_sizes_covers_every_rank():
    assert set(itertools.chain(SIZES)) == {1, 2, 3}

"""The CPU forms of convolution and its gradients equal XLA's own, to any order, and lower for accelerators."""

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


def geometry_of(size, kernel, strides=1, dilation=1, pads=(0, 0), groups=1):
    n = len(size)
    every = lambda v: (v,) * n if isinstance(v, int) else tuple(v)
    pads = (pads,) * n if isinstance(pads[0], int) else tuple(map(tuple, pads))
    return conv.Geometry(tuple(size), every(kernel), every(strides), every(dilation), pads, groups)


def everything(f, geometry, x, w, c, e):
    """Value, both gradients, and the gradients of a function of the gradients."""

    def inner(x, w):
        y, pull = jax.vjp(lambda x, w: f(x, w, geometry), x, w)
        gx, gw = pull(c)
        return jnp.sum(gx * e) + jnp.sum(gw**2), (y, gx, gw)

    (_, values), second = jax.value_and_grad(inner, (0, 1), has_aux=True)(x, w)
    return [*values, *second]


def by_definition(x, w, geometry):
    """XLA's convolution of the padded input: JAX 0.10 on a CPU gives garbage where it pads more than a kernel."""
    x = jnp.pad(x, [(0, 0), *geometry.pads, (0, 0)])
    size = tuple(x.shape[1:-1])
    return conv._lax_forward(x, w, geometry._replace(size=size, pads=((0, 0),) * len(size)))


def check(geometry, batch=2, inputs=3, outputs=4):
    if geometry.groups > 1:
        inputs, outputs = geometry.groups, 2 * geometry.groups
    x = normal(batch, *geometry.size, inputs)
    w = normal(*geometry.kernel, inputs // geometry.groups, outputs)
    c, e = normal(batch, *geometry.output, outputs), normal(*x.shape)
    got = jax.jit(lambda *a: everything(conv.forward, geometry, *a))(x, w, c, e)
    want = jax.jit(lambda *a: everything(by_definition, geometry, *a))(x, w, c, e)
    for a, b in zip(got, want, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, atol=2e-5 * float(jnp.abs(b).max() + 1))


CASES = {
    "sequence": geometry_of((11,), 3),
    "sequence, causal, dilated": geometry_of((11,), 3, dilation=2, pads=(4, 0)),
    "image, unpadded": geometry_of((9, 8), 3),
    "image, one tap": geometry_of((5, 6), 1),
    "image, one tap, strided": geometry_of((5, 6), 1, strides=2),
    "image, same": geometry_of((9, 8), 5, pads=(2, 2)),
    "image, same, strided": geometry_of((9, 8), 5, strides=2, pads=((2, 2), (1, 2))),
    "image, kernel a multiple of the stride": geometry_of((8, 9), 4, strides=2, pads=(1, 1)),
    "image, kernel less than the stride": geometry_of((10, 9), 2, strides=3),
    "image, strided and dilated": geometry_of((9, 8), (3, 2), strides=2, dilation=2, pads=(1, 2)),
    "image, padded more than the kernel": geometry_of((5, 4), (2, 3), pads=((4, 0), (3, 5))),
    "image, windows that see zeros only": geometry_of((1, 1), 2, strides=3, pads=((5, 0), (0, 4))),
    "volume, same": geometry_of((4, 5, 3), 3, pads=(1, 1)),
    "volume, strided": geometry_of((5, 4, 6), (2, 3, 2), strides=(2, 1, 2)),
    "depthwise": geometry_of((7, 6), (3, 2), pads=((1, 1), (0, 1)), groups=3),
    "depthwise, strided": geometry_of((7, 6), 3, strides=2, groups=3),
    "depthwise sequence, dilated": geometry_of((9,), 3, dilation=2, pads=(2, 2), groups=2),
}


@pytest.mark.parametrize("geometry", CASES.values(), ids=CASES.keys())
def test_forms_equal_lax(geometry):
    check(geometry)


def test_many_channels_take_the_padded_form():
    check(geometry_of((14, 6), 3), inputs=4, outputs=17)
    check(geometry_of((6, 14), 3, strides=2), inputs=18, outputs=3)


def test_batches_larger_than_a_block_and_not_divisible_by_it():
    check(geometry_of((6, 6), 3), batch=2 * conv.conv_cpu._BLOCK + 3)


axis = st.tuples(st.integers(1, 9), st.integers(1, 5), *[st.integers(1, 3)] * 2, *[st.integers(0, 5)] * 2)


@settings(max_examples=8, deadline=None)
@given(st.lists(axis, min_size=1, max_size=3), st.booleans())
def test_any_geometry_equals_lax(axes, depthwise):
    fits = [(n, min(k, 1 + (n + lo + hi - 1) // d), s, d, lo, hi) for n, k, s, d, lo, hi in axes]
    n, k, s, d, lo, hi = zip(*fits, strict=True)
    check(geometry_of(n, k, s, d, list(zip(lo, hi, strict=True)), groups=3 if depthwise else 1))


@pytest.mark.parametrize("platform", ["tpu", "cuda", "cpu"])
def test_training_lowers_for_every_platform(platform):
    geometry = geometry_of((8, 8), 3)

    def step(x, w):
        return jax.grad(lambda x, w: jnp.sum(conv.forward(x, w, geometry) ** 2), (0, 1))(x, w)

    x, w = jnp.zeros((2, 8, 8, 3)), jnp.zeros((3, 3, 3, 32))
    text = jax.export.export(jax.jit(step), platforms=[platform])(x, w).mlir_module()
    assert text.count("stablehlo.convolution") == 3
    assert "batch_group_count = 2" not in text


def test_one_module_serves_several_platforms():
    geometry = geometry_of((8,), 3)
    exported = jax.export.export(jax.jit(lambda x, w: conv.forward(x, w, geometry)), platforms=["cpu", "cuda", "tpu"])
    x, w = normal(2, 8, 3), normal(3, 3, 4)
    np.testing.assert_allclose(exported(x, w).call(x, w), conv._lax_forward(x, w, geometry), atol=1e-5)


def test_vmap_equals_a_loop():
    geometry = geometry_of((8,), 3, strides=2, pads=(1, 1))
    x, w = normal(3, 2, 8, 3), normal(3, 3, 4)
    one = [conv.forward(v, w, geometry) for v in x]
    np.testing.assert_allclose(jax.vmap(lambda v: conv.forward(v, w, geometry))(x), one, atol=1e-5)


def test_bfloat16_stays_bfloat16():
    geometry = geometry_of((8, 8), 3, strides=2, pads=(1, 1))
    x, w = normal(2, 8, 8, 3).astype("bfloat16"), normal(3, 3, 3, 4).astype("bfloat16")
    gx, gw = jax.grad(lambda x, w: conv.forward(x, w, geometry).astype("float32").sum(), (0, 1))(x, w)
    assert gx.dtype == gw.dtype == jnp.bfloat16


def test_a_large_batch_traces_into_few_operations():
    geometry = geometry_of((8, 8), 3)
    x, g = jax.ShapeDtypeStruct((100_000, 8, 8, 3), "float32"), jax.ShapeDtypeStruct((100_000, 6, 6, 4), "float32")
    assert str(jax.make_jaxpr(lambda x, g: conv.kernel_gradient(x, g, geometry))(x, g)).count("conv_general") < 40

"""The CPU forms of convolution and its gradients equal XLA's own, to any order, and lower for accelerators."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kjax import nn
from kjax.nn import conv, conv_cpu
from kjax.nn.shapes import pads_of

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


def test_channels_that_differ_in_number():
    check(geometry_of((14, 6), 3), inputs=4, outputs=17)
    check(geometry_of((6, 14), 3, strides=2), inputs=18, outputs=3)


@pytest.mark.parametrize("channels", [conv.conv_cpu._FEW_CHANNELS + 2, conv.conv_cpu._MANY_CHANNELS])
@pytest.mark.parametrize("name", ["image, same, strided", "image, kernel a multiple of the stride", "volume, strided"])
def test_strided_gradients_of_more_than_a_few_channels(name, channels):
    check(CASES[name], inputs=channels)


@pytest.mark.parametrize("numbers, blocks", [(0, 3), (10**6, 1)])
def test_batches_larger_than_a_block_and_not_divisible_by_it(monkeypatch, numbers, blocks):
    monkeypatch.setattr(conv.conv_cpu, "_BLOCK_NUMBERS", numbers)
    geometry, batch = geometry_of((6, 6), 3), 2 * conv.conv_cpu._BLOCK_IMAGES + 3
    check(geometry, batch=batch)
    x, g = jnp.zeros((batch, 6, 6, 2)), jnp.zeros((batch, *geometry.output, 2))
    program = str(jax.make_jaxpr(lambda x, g: conv.conv_cpu.kernel_gradient(x, g, geometry))(x, g))
    assert program.count("conv_general_dilated[") == blocks


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


# ---------------------------------------------------------------- the definition, one product at a time


def taps_of(geometry):
    """(position in the output, tap, position in x) of every product of one input with one output channel."""
    for q in itertools.product(*map(range, geometry.output)):
        for i in itertools.product(*map(range, geometry.kernel)):
            place = tuple(
                a * s + b * d - lo
                for a, b, s, d, (lo, _) in zip(q, i, geometry.strides, geometry.dilation, geometry.pads, strict=True)
            )
            if all(0 <= p < n for p, n in zip(place, geometry.size, strict=True)):
                yield q, i, place


def by_hand(x, w, g, geometry):
    """The convolution of x with w, and both its gradients for a gradient g of the output."""
    y, gx, gw = np.zeros(g.shape), np.zeros(x.shape), np.zeros(w.shape)
    each = slice(None)
    for q, i, place in taps_of(geometry):
        if geometry.groups == 1:
            y[(each, *q)] += x[(each, *place)] @ w[i]
            gx[(each, *place)] += g[(each, *q)] @ w[i].T
            gw[i] += x[(each, *place)].T @ g[(each, *q)]
            continue
        many = w.shape[-1] // geometry.groups
        for o in range(w.shape[-1]):
            c = o // many
            y[(each, *q, o)] += x[(each, *place, c)] * w[(*i, 0, o)]
            gx[(each, *place, c)] += g[(each, *q, o)] * w[(*i, 0, o)]
            gw[(*i, 0, o)] += np.sum(x[(each, *place, c)] * g[(each, *q, o)])
    return y, gx, gw


def padded(size, kernel, padding, strides=1, dilation=1, groups=1):
    plain = geometry_of(size, kernel, strides, dilation, groups=groups)
    return plain._replace(pads=pads_of(plain.size, plain.kernel, padding, plain.strides, plain.dilation))


CORNERS = {
    "kernel larger than the sequence, same": padded((3,), 7, "same"),
    "kernel larger than the sequence, causal": padded((2,), 5, "causal"),
    "dilated beyond the sequence, causal": padded((4,), 3, "causal", dilation=3),
    "kernel larger than one axis of the image": padded((2, 7), (5, 3), "same"),
    "kernel larger than the image, strided": padded((3, 2), 5, "same", strides=2),
    "one pixel": padded((1, 1), 3, "same"),
    "stride larger than the image": padded((4, 3), 2, "same", strides=5),
    "strided and dilated, same": padded((9, 7), (3, 2), "same", strides=(2, 3), dilation=2),
    "dilated, valid, exactly one window": padded((5, 7), (3, 4), "valid", dilation=2),
    "kernel larger than the volume": padded((2, 3, 1), 3, "same"),
    "depthwise, kernel larger than the image": padded((2, 3), 5, "same", groups=3),
    "depthwise, strided and dilated": padded((7, 6), 2, "same", strides=2, dilation=3, groups=2),
}


@pytest.mark.parametrize("geometry", CORNERS.values(), ids=CORNERS.keys())
def test_corners_are_what_the_definition_says(geometry):
    batch = 3 if len(geometry.size) == 2 else 1
    inputs, outputs = (geometry.groups, 2 * geometry.groups) if geometry.groups > 1 else (3, 4)
    x = normal(batch, *geometry.size, inputs)
    w = normal(*geometry.kernel, inputs // geometry.groups, outputs)
    g = normal(batch, *geometry.output, outputs)
    y, pull = jax.vjp(lambda x, w: conv.forward(x, w, geometry), x, w)
    want = by_hand(*(np.asarray(a, "float64") for a in (x, w, g)), geometry)
    for a, b in zip((y, *pull(g)), want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6 * (1 + np.abs(b).max()))


def test_a_batch_of_nothing_goes_through():
    for geometry in (padded((4, 5), 3, "valid", strides=2), padded((2,), 5, "causal")):
        x, w = jnp.zeros((0, *geometry.size, 3)), normal(*geometry.kernel, 3, 4)
        y, pull = jax.vjp(lambda x, w, geometry=geometry: conv.forward(x, w, geometry), x, w)
        gx, gw = pull(y)
        assert y.shape == (0, *geometry.output, 4) and gx.shape == x.shape
        np.testing.assert_array_equal(gw, np.zeros(w.shape))


@pytest.mark.parametrize(
    "size, kernel, strides, dilation, padding, extra",
    [
        ((4, 3), (3, 3), (2, 2), (1, 1), "same", None),
        ((4, 3), (3, 2), (2, 2), (1, 1), "same", (0, 1)),
        ((3, 4), (3, 3), (3, 2), (1, 1), "valid", (2, 1)),
        ((3, 4), (2, 2), (3, 3), (1, 1), "valid", None),  # gaps between the windows
        ((5, 4), (3, 3), (1, 1), (2, 2), "same", None),
        ((1, 2), (5, 5), (2, 2), (1, 1), "same", (0, 1)),
        ((4,), (4,), (2,), (1,), "same", (1,)),
    ],
)
def test_transposed_corners_spread_every_input_over_its_window(size, kernel, strides, dilation, padding, extra):
    x, w = normal(2, *size, 3), normal(*kernel, 4, 3)
    y = np.asarray(nn.conv_transpose(x, w, strides, padding, dilation_rate=dilation, output_padding=extra))
    pads = pads_of(y.shape[1:-1], kernel, padding, strides, dilation)
    geometry = conv.Geometry(y.shape[1:-1], kernel, strides, dilation, pads)
    assert geometry.output == size
    want = np.zeros(y.shape)
    for q, i, place in taps_of(geometry):
        want[(slice(None), *place)] += np.asarray(x[(slice(None), *q)]) @ np.asarray(w[i]).T
    np.testing.assert_allclose(y, want, atol=1e-5)


def test_a_kernel_that_spans_more_than_the_input_meets_it_padded():
    x = normal(2, 3, 6, 4)
    kept, pads = conv_cpu._no_smaller(x, (3, 5, 4, 2), (1, 1), ((1, 1), (2, 2)))
    assert kept is x and pads == ((1, 1), (2, 2))
    for kernel, dilation in (((5, 3, 4, 2), (1, 1)), ((2, 2, 4, 2), (3, 1))):
        wide, pads = conv_cpu._no_smaller(x, kernel, dilation, ((2, 2), (1, 0)))
        assert wide.shape == (2, 7, 7, 4) and pads == ((0, 0), (0, 0))
        np.testing.assert_array_equal(wide[:, 2:5, 1:], x)

"""The convolution modules against their definitions, and TensorFlow's rules for shapes."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjax import nn
from kjax.nn.shapes import pads_of, transposed_length, window_length

RNG = np.random.default_rng(1)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def run(module, x):
    variables = module.init(jax.random.key(0), x)
    return module.apply(variables, x), variables["params"]


def direct(x, kernel, strides, pads, dilation):
    """The definition, with loops: x (batch, *spatial, in), kernel (*taps, in, out)."""
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    n = kernel.ndim - 2
    spans = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False)]
    output = [(m - span) // s + 1 for m, span, s in zip(x.shape[1:-1], spans, strides, strict=True)]
    y = np.zeros((x.shape[0], *output, kernel.shape[-1]), "float64")
    for tap in itertools.product(*map(range, kernel.shape[:n])):
        index = [
            slice(i * d, i * d + (q - 1) * s + 1, s) for i, d, q, s in zip(tap, dilation, output, strides, strict=True)
        ]
        y += x[(slice(None), *index)].astype("float64") @ kernel[tap]
    return y


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize("strides, dilation", [(1, 1), (2, 1), (1, 2)])
def test_conv1d_is_its_definition(padding, strides, dilation):
    x, kernel = normal(2, 9, 3), normal(4, 3, 5)
    pads = pads_of((9,), (4,), padding, (strides,), (dilation,))
    y = nn.convolve(x, kernel, strides, padding, dilation_rate=dilation)
    np.testing.assert_allclose(y, direct(x, kernel, (strides,), pads, (dilation,)), atol=1e-4)


@pytest.mark.parametrize("rank", [2, 3])
def test_conv_is_its_definition(rank):
    x, kernel = normal(2, *(6, 5, 4)[:rank], 3), normal(*(3, 2, 3)[:rank], 3, 4)
    strides = (2, 1, 1)[:rank]
    pads = pads_of(x.shape[1:-1], kernel.shape[:rank], "same", strides, (1,) * rank)
    np.testing.assert_allclose(
        nn.convolve(x, kernel, strides, "same"), direct(x, kernel, strides, pads, (1,) * rank), atol=1e-4
    )


def test_causal_output_sees_no_later_step():
    kernel = normal(3, 2, 2)
    x = normal(1, 8, 2)
    later = x.copy()
    later[:, 5:] += 1
    a, b = (nn.convolve(v, kernel, padding="causal", dilation_rate=2) for v in (x, later))
    np.testing.assert_array_equal(a[:, :5], b[:, :5])


MODULES = {
    "Conv": nn.Conv(4, (3, 2), 2, "same", "channels_first"),
    "ConvTranspose": nn.ConvTranspose(4, (3, 2), 2, "same", data_format="channels_first"),
    "SeparableConv": nn.SeparableConv(4, (3, 2), 1, "same", "channels_first", depth_multiplier=2),
    "DepthwiseConv": nn.DepthwiseConv((3, 2), 2, "valid", 2, "channels_first"),
    "MaxPool": nn.MaxPool((3, 2), 2, "same", "channels_first"),
    "AvgPool": nn.AvgPool((3, 2), 2, "same", "channels_first"),
    "GlobalMaxPool": nn.GlobalMaxPool("channels_first"),
    "GlobalAvgPool": nn.GlobalAvgPool("channels_first"),
    "ZeroPad": nn.ZeroPad(((1, 0), (2, 1)), "channels_first"),
    "Crop": nn.Crop(((1, 0), (2, 1)), "channels_first"),
    "UpSample": nn.UpSample((2, 3), "channels_first", "bilinear"),
}


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES.keys())
def test_channels_first_is_channels_last_transposed(module):
    x = normal(2, 3, 6, 5)
    variables = module.init(jax.random.key(0), x)
    first = module.apply(variables, x)
    last = module.clone(data_format="channels_last").apply(variables, np.moveaxis(x, 1, -1))
    np.testing.assert_allclose(first, last if last.ndim == 2 else np.moveaxis(last, -1, 1), atol=1e-6)


def test_transposed_is_the_gradient_of_the_convolution():
    x, kernel = normal(2, 7, 6, 3), normal(3, 3, 3, 4)
    y, pull = jax.vjp(lambda x: nn.convolve(x, kernel, 2, "same"), x)
    c = normal(*y.shape)
    back = nn.conv_transpose(c, kernel, 2, "same", output_size=(7, 6))
    np.testing.assert_allclose(back, pull(c)[0], atol=1e-5)


def test_transposed_refuses_a_size_no_convolution_has():
    with pytest.raises(ValueError, match=r"spatial size \(20, 20\)"):
        nn.conv_transpose(normal(1, 4, 4, 2), normal(3, 3, 2, 2), 2, "same", output_size=(20, 20))


def test_depthwise_keeps_channels_apart():
    x, kernel = normal(2, 6, 5, 3), normal(3, 2, 3, 2)
    y = nn.depthwise_conv(x, kernel, 1, "same")
    alone = [nn.convolve(x[..., c : c + 1], kernel[:, :, c : c + 1], 1, "same") for c in range(3)]
    np.testing.assert_allclose(y, np.concatenate(alone, -1), atol=1e-5)


def test_separable_is_depthwise_then_pointwise():
    x, depthwise, pointwise = normal(2, 6, 3), normal(3, 3, 2), normal(1, 6, 5)
    y = nn.separable_conv(x, depthwise, pointwise, 2, "same")
    np.testing.assert_allclose(y, nn.depthwise_conv(x, depthwise, 2, "same") @ pointwise[0], atol=1e-5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_local_conv_uses_the_kernel_of_each_position(data_format):
    x, kernel = normal(2, 5, 4, 3), normal(2 * 3, 3 * 2 * 3, 4)
    given = x if data_format == "channels_last" else np.moveaxis(x, -1, 1)
    y = np.asarray(nn.local_conv(given, kernel, (3, 2), (2, 1), data_format))
    y = y if data_format == "channels_last" else np.moveaxis(y, 1, -1)
    for r, c in itertools.product(range(2), range(3)):
        patch = x[:, 2 * r : 2 * r + 3, c : c + 2]
        patch = patch if data_format == "channels_last" else np.moveaxis(patch, -1, 1)
        np.testing.assert_allclose(y[:, r, c], patch.reshape(2, -1) @ kernel[r * 3 + c], atol=1e-5)


def test_weights_have_keras_names_and_shapes():
    x = normal(1, 6, 5, 3)
    shapes = lambda module: {k: v.shape for k, v in run(module, x)[1].items()}
    assert shapes(nn.Conv(4, (3, 2))) == {"kernel": (3, 2, 3, 4), "bias": (4,)}
    assert shapes(nn.ConvTranspose(4, (3, 2))) == {"kernel": (3, 2, 4, 3), "bias": (4,)}
    assert shapes(nn.DepthwiseConv((3, 2), depth_multiplier=2)) == {"depthwise_kernel": (3, 2, 3, 2), "bias": (6,)}
    assert shapes(nn.SeparableConv(4, (3, 2), use_bias=False)) == {
        "depthwise_kernel": (3, 2, 3, 1),
        "pointwise_kernel": (1, 1, 3, 4),
    }
    assert shapes(nn.LocallyConnected(4, (3, 2))) == {"kernel": (16, 18, 4), "bias": (4, 4, 4)}


def test_integer_images_are_computed_in_the_kernels_type():
    x = np.arange(2 * 5 * 5 * 3, dtype="uint8").reshape(2, 5, 5, 3)
    assert nn.convolve(x, normal(3, 3, 3, 2)).dtype == jnp.float32


@given(
    st.integers(1, 40),
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["valid", "same", "causal"]),
)
def test_length_rules_agree_with_the_padding(length, size, stride, dilation, padding):
    span = (size - 1) * dilation + 1
    ((before, after),) = pads_of((length,), (size,), padding, (stride,), (dilation,))
    windows = (length + before + after - span) // stride + 1 if length + before + after >= span else None
    assert windows is None or windows == window_length(length, size, padding, stride, dilation)
    if padding == "same":
        assert 0 <= after - before <= 1


@given(st.integers(1, 20), st.integers(1, 6), st.integers(1, 4), st.sampled_from(["valid", "same"]))
def test_a_transposed_length_is_one_the_convolution_turns_back(length, size, stride, padding):
    longer = transposed_length(length, size, padding, stride)
    assert window_length(longer, size, padding, stride) == length

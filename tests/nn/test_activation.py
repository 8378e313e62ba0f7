"""Activation modules at and around their kinks."""

import jax
import numpy as np
import pytest

from kjax import nn

X = np.array([[-2.0, -0.5, 0.0, 0.5, 1.0, 3.0]], "float32")


@pytest.mark.parametrize(
    "module, want",
    [
        (nn.LeakyReLU(0.5), [-1, -0.25, 0, 0.5, 1, 3]),
        (nn.ELU(2.0), [2 * np.expm1(-2), 2 * np.expm1(-0.5), 0, 0.5, 1, 3]),
        (nn.ThresholdedReLU(1.0), [0, 0, 0, 0, 0, 3]),
        (nn.ReLU(2.0, 0.5, 1.0), [-1.5, -0.75, -0.5, -0.25, 0, 2]),
        (nn.ReLU(), [0, 0, 0, 0.5, 1, 3]),
    ],
)
def test_values(module, want):
    np.testing.assert_allclose(module.apply({}, X)[0], want, atol=1e-6)


def test_prelu_shares_alpha_along_axes():
    x = -np.ones((2, 3, 4, 5), "float32")
    module = nn.PReLU((1, 2))
    params = module.init(jax.random.key(0), x)["params"]
    assert params["alpha"].shape == (1, 1, 5)
    alpha = np.arange(5.0, dtype="float32").reshape(1, 1, 5)
    np.testing.assert_allclose(module.apply({"params": {"alpha": alpha}}, x), x * alpha)


def test_softmax_along_any_axis():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_allclose(np.sum(nn.Softmax(1).apply({}, x), 1), np.ones((2, 4)), atol=1e-6)

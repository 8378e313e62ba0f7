"""Zero padding, cropping, enlargement."""

import numpy as np

from kjax import nn

X = np.random.default_rng(4).normal(size=(2, 3, 4, 2)).astype("float32")


def test_cropping_undoes_padding():
    pads = ((1, 0), (2, 3))
    y = nn.zero_pad(X, pads)
    assert y.shape == (2, 4, 9, 2)
    np.testing.assert_array_equal(nn.crop(y, pads), X)
    np.testing.assert_allclose(np.sum(y), np.sum(X), rtol=1e-5)


def test_nearest_repeats_positions():
    np.testing.assert_array_equal(nn.upsample(X, (2, 3)), X.repeat(2, 1).repeat(3, 2))


def test_bilinear_is_linear_between_positions_and_flat_at_the_end():
    x = np.array([0.0, 3.0, 9.0], "float32").reshape(1, 3, 1)
    y = nn.upsample(x, (3,), interpolation="bilinear")
    np.testing.assert_allclose(np.ravel(y), [0, 1, 2, 3, 5, 7, 9, 9, 9], atol=1e-6)


def test_factor_one_changes_nothing():
    np.testing.assert_array_equal(nn.upsample(X, (1, 1), interpolation="bilinear"), X)

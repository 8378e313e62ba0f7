"""Masks of dropout: rates, independence, every shape."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn.masks import kept

KEY = jax.random.key(11)


@pytest.mark.parametrize("rate", [0.0, 1 / 256, 0.1, 0.25, 0.3, 0.5, 0.999, 1e-5])
def test_rate(rate):
    mask = np.asarray(kept(KEY, rate, (1000, 999)))
    deviation = (rate * (1 - rate) / mask.size) ** 0.5
    assert abs((~mask).mean() - rate) <= 5 * deviation + 1e-9


@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 1), (2, 3, 7), (0, 4), (4, 0)])
def test_shapes(shape):
    assert kept(KEY, 0.3, shape).shape == shape


@pytest.mark.parametrize("rate", [0.25, 0.3])
def test_neighbours_are_independent(rate):
    """Elements that share a random number, and rows, are uncorrelated."""
    mask = np.asarray(kept(KEY, rate, (4000, 64))).astype("float64") - (1 - rate)
    for step in (1, 2, 3, 4, 8):
        assert abs((mask[:, step:] * mask[:, :-step]).mean()) < 5 * rate / (mask.size) ** 0.5
    assert abs((mask[1:] * mask[:-1]).mean()) < 5 * rate / (mask.size) ** 0.5


def test_rows_do_not_depend_on_how_many_follow():
    """A batch that is filled up has the mask of the one that is not."""
    few, many = kept(KEY, 0.3, (5, 6)), kept(KEY, 0.3, (8, 6))
    assert jnp.array_equal(few, many[:5])

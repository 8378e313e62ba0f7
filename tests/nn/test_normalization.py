"""Batch normalization: both phases, the averages, rows that only pad the batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax import nn

X = np.random.default_rng(3).normal(2.0, 3.0, (6, 4, 5)).astype("float32")


def variables(module, x):
    return module.init(jax.random.key(0), x)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_training_normalizes_with_the_batch_and_moves_the_averages(axis):
    module = nn.BatchNorm(axis=axis, momentum=0.9, epsilon=1e-3)
    y, changed = module.apply(variables(module, X), X, training=True, mutable=["batch_stats"])
    others = tuple(a for a in range(3) if a != axis % 3)
    mean, variance, n = X.mean(others), X.var(others), X.size // X.shape[axis]
    np.testing.assert_allclose(np.asarray(y).mean(others), 0, atol=1e-5)
    np.testing.assert_allclose(np.asarray(y).var(others), variance / (variance + 1e-3), rtol=1e-4)
    stats = changed["batch_stats"]
    np.testing.assert_allclose(stats["moving_mean"], 0.1 * mean, rtol=1e-4)
    np.testing.assert_allclose(stats["moving_variance"], 0.9 + 0.1 * variance * n / (n - 1.001), rtol=1e-4)


def test_the_test_phase_uses_the_averages():
    module = nn.BatchNorm(epsilon=0.5)
    v = variables(module, X)
    stats = {"moving_mean": jnp.full(5, 2.0), "moving_variance": jnp.full(5, 3.5)}
    np.testing.assert_allclose(module.apply({**v, "batch_stats": stats}, X), (X - 2) / 2, atol=1e-5)


def test_rows_that_pad_the_batch_do_not_count():
    module = nn.BatchNorm()
    rows = np.array([1, 1, 1, 1, 0, 0], "float32")
    y, a = module.apply(variables(module, X), X, training=True, rows=rows, mutable=["batch_stats"])
    z, b = module.apply(variables(module, X), X[:4], training=True, mutable=["batch_stats"])
    np.testing.assert_allclose(y[:4], z, atol=1e-5)
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-5), a, b)


def test_gradients_do_not_flow_from_padding_rows():
    module = nn.BatchNorm()
    v = variables(module, X)
    rows = jnp.asarray([1, 1, 1, 1, 0, 0], "float32")

    def loss(x):
        y, _ = module.apply(v, x, training=True, rows=rows, mutable=["batch_stats"])
        return jnp.sum(y[:4] ** 3)

    assert not np.any(jax.grad(loss)(X)[4:])


def test_half_precision_sums_in_full_precision():
    module = nn.BatchNorm()
    x = np.full((4096, 2), 3.0, "float16")
    y, changed = module.apply(variables(module, x), x, training=True, mutable=["batch_stats"])
    assert y.dtype == jnp.float16
    np.testing.assert_allclose(changed["batch_stats"]["moving_mean"], 0.03, rtol=1e-3)


def test_scale_and_center_say_which_weights_there_are():
    assert set(variables(nn.BatchNorm(scale=False), X)["params"]) == {"beta"}
    assert "params" not in variables(nn.BatchNorm(scale=False, center=False), X)

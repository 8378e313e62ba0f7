"""Losses: genuine values and gradients, targets of both ranks, loss objects, edge cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax import losses
from kjax.graph import KerasTensor, build_program
from tests.golden import cases, ids

CASES = cases("losses")
FUNCTIONS = sorted(n for n, f in losses._REGISTRY.items() if not isinstance(f, type))


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_values_and_gradients_are_keras(case):
    fn = losses.get(case["name"])
    t, p, c = case.arrays["x0"], case.arrays["x1"], case.arrays["c0"]
    case.check("y0", fn(t, p))
    case.check("gx1", jax.jit(jax.grad(lambda p: jnp.sum(fn(t, p) * c)))(p))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_padding_rows_change_nothing(name):
    fn = losses.get(name)
    t_shape = (None,) if name.startswith("sparse") else (None, 4)
    t, p = KerasTensor(t_shape, "float32"), KerasTensor((None, 4), "float32")
    program, _, _ = build_program([t, p], [fn(t, p)])
    assert program.rowwise
    column = KerasTensor((None,), "float32")
    if not name.startswith("sparse"):
        assert not build_program([column], [fn(column, column)])[0].rowwise


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_sparse_targets_of_both_ranks(shape):
    p = jax.nn.softmax(jnp.asarray(np.random.RandomState(0).normal(size=(6, 4)), "float32"))
    labels = np.array([0, 1, 2, 3, 1, 2])
    want = losses.categorical_crossentropy(np.eye(4)[labels], p)
    got = losses.sparse_categorical_crossentropy(labels.reshape(shape), p)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_sparse_targets_of_sequences_and_first_axis():
    p = jax.nn.softmax(jnp.asarray(np.random.RandomState(0).normal(size=(2, 3, 4)), "float32"))
    labels = np.array([[0, 1, 2], [3, 2, 1]])
    want = losses.categorical_crossentropy(np.eye(4)[labels], p)
    np.testing.assert_allclose(losses.sparse_categorical_crossentropy(labels[..., None], p), want, rtol=1e-5)
    first = losses.sparse_categorical_crossentropy(labels, jnp.moveaxis(p, -1, 1), axis=1)
    np.testing.assert_allclose(first, want, rtol=1e-5)


def test_sparse_target_of_wrong_shape():
    with pytest.raises(ValueError, match="y_true must have the shape of y_pred without"):
        losses.sparse_categorical_crossentropy(np.zeros((6, 4)), np.ones((6, 4)) / 4)


def test_from_logits_equals_probabilities():
    x = jnp.asarray(np.random.RandomState(1).normal(size=(5, 3)), "float32")
    t = np.eye(3)[[0, 1, 2, 1, 0]]
    soft, sig = jax.nn.softmax(x), jax.nn.sigmoid(x)
    for fn, p in ((losses.categorical_crossentropy, soft), (losses.binary_crossentropy, sig)):
        np.testing.assert_allclose(fn(t, x, from_logits=True), fn(t, p), rtol=1e-4)
    np.testing.assert_allclose(
        losses.sparse_categorical_crossentropy([0, 1, 2, 1, 0], x, from_logits=True),
        losses.categorical_crossentropy(t, soft),
        rtol=1e-4,
    )


def test_label_smoothing_moves_the_target():
    p = np.array([[0.2, 0.8]], "float32")
    t = np.array([[0.0, 1.0]])
    smooth = losses.categorical_crossentropy(t, p, label_smoothing=0.2)
    np.testing.assert_allclose(smooth, losses.categorical_crossentropy([[0.1, 0.9]], p), rtol=1e-6)
    smooth = losses.binary_crossentropy(t, p, label_smoothing=0.2)
    np.testing.assert_allclose(smooth, losses.binary_crossentropy([[0.1, 0.9]], p), rtol=1e-6)


def test_binary_gradient_where_the_logit_is_zero():
    gradient = jax.grad(lambda p: losses.binary_crossentropy(jnp.ones((1, 1)), p)[0])(jnp.full((1, 1), 0.5))
    assert float(gradient[0, 0]) == pytest.approx(-2.0)


def test_saturated_predictions_stay_finite():
    p, t = np.array([[0.0, 1.0]], "float32"), np.array([[1.0, 0.0]])
    for name in FUNCTIONS:
        target = [0] if name.startswith("sparse") else t
        assert np.isfinite(losses.get(name)(target, p)).all(), name


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype):
    p = jnp.asarray([[0.001, 0.999]], dtype)
    assert losses.categorical_crossentropy([[1.0, 0.0]], p).dtype == "float32"
    assert losses.sparse_categorical_crossentropy([0], p).dtype == "float32"


def test_huber_is_quadratic_then_linear():
    got = losses.huber_loss([[0.0, 0.0]], [[0.5, 3.0]], delta=1.0)
    np.testing.assert_allclose(got, [[0.125, 2.5]])


def test_cosine_of_the_same_direction_is_minus_one():
    assert float(losses.cosine_proximity([[1.0, 2.0]], [[2.0, 4.0]])[0]) == pytest.approx(-1.0)


@pytest.mark.parametrize("reduction, want", [("sum", 6.0), ("sum_over_batch_size", 3.0), ("none", [2.0, 4.0])])
def test_reduction_and_sample_weight(reduction, want):
    loss = losses.MeanSquaredError(reduction=reduction)
    got = loss(np.zeros((2, 1)), np.array([[1.0], [2.0]], "float32"), sample_weight=[2.0, 1.0])
    np.testing.assert_allclose(got, want)


@pytest.mark.parametrize("cls", losses._CLASSES)
def test_loss_objects_equal_their_functions_and_round_trip(cls):
    loss = cls()
    p = np.array([[0.3, 0.7], [0.6, 0.4]], "float32")
    t = np.array([1, 0]) if cls is losses.SparseCategoricalCrossentropy else np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(loss.call(t, p), loss.fn(t, p))
    np.testing.assert_allclose(loss(t, p), np.mean(loss.fn(t, p)), rtol=1e-6)
    again = losses.get(losses.serialize(loss))
    assert type(again) is cls and again.get_config() == loss.get_config()
    assert type(losses.get(cls.__name__)) is cls


def test_get_and_its_errors():
    assert losses.get("mse") is losses.mean_squared_error is losses.MSE
    assert losses.get(None) is None
    assert losses.serialize(losses.mse) == "mean_squared_error"
    with pytest.raises(ValueError, match="Unknown loss function: mean_squared_eror.*Did you mean mean_squared_error"):
        losses.get("mean_squared_eror")
    with pytest.raises(ValueError, match="Could not interpret loss function identifier"):
        losses.get(3)
    with pytest.raises(ValueError, match="reduction must be one of"):
        losses.Hinge(reduction="mean")


def test_is_categorical_crossentropy():
    assert losses.is_categorical_crossentropy("categorical_crossentropy")
    assert losses.is_categorical_crossentropy(losses.CategoricalCrossentropy())
    assert not losses.is_categorical_crossentropy("mse")

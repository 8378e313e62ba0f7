"""`losses_utils` and `metrics_utils` of 2.3; numbers of Keras 2.3.1 or of the definitions."""

import numpy as np
import pytest

from kjax import backend as K
from kjax.utils import losses_utils, metrics_utils

V, W = np.arange(12.0).reshape(4, 3), np.array([0.5, 1.0, 0.0, 2.0])


def value(x):
    return np.asarray(K.eval(x))


@pytest.mark.parametrize(
    "reduction, plain, weighted",
    [
        ("none", V, V * W[:, None]),
        ("sum", V.sum(), (V * W[:, None]).sum()),
        ("sum_over_batch_size", V.mean(), (V * W[:, None]).mean()),
    ],
)
def test_weighted_losses(reduction, plain, weighted):
    compute = losses_utils.compute_weighted_loss
    np.testing.assert_allclose(value(compute(K.constant(V), None, reduction)), plain)
    np.testing.assert_allclose(value(compute(K.constant(V), K.constant(W), reduction)), weighted)
    np.testing.assert_allclose(value(compute(K.constant(V), K.constant(2.0), reduction)), 2 * plain)
    np.testing.assert_allclose(value(losses_utils.reduce_weighted_loss(K.constant(V), reduction)), plain)


def test_ranks_are_brought_together():
    fit = losses_utils.squeeze_or_expand_dimensions
    shapes = lambda found: [K.int_shape(t) for t in found]
    assert shapes(fit(K.ones((4, 3, 1)), K.ones((4, 3)), K.ones((4, 1)))) == [(4, 3), (4, 3), (4, 1)]
    assert shapes(fit(K.ones((4, 3)), K.ones((4, 3, 1)))) == [(4, 3), (4, 3)]
    assert shapes(fit(K.ones((4, 3)), K.ones((4, 3)), K.ones((4,)))) == [(4, 3), (4, 3), (4, 1)]
    y, none, w = fit(K.ones((4,)), sample_weight=K.ones((4, 1)))
    assert (K.int_shape(y), none, K.int_shape(w)) == ((4,), None, (4,))
    with pytest.raises(ValueError, match=r"sample_weight of shape \(5,\) does not fit values of shape \(4, 3\)"):
        losses_utils.broadcast_weights(K.ones((4, 3)), K.ones((5,)))
    with pytest.raises(ValueError, match="reduction must be one of"):
        losses_utils.reduce_weighted_loss(K.ones((2,)), "mean")


def test_names_of_curves_and_thresholds():
    m = metrics_utils
    assert m.AUCCurve.from_str("PR") is m.AUCCurve.PR
    assert m.AUCSummationMethod.from_str("Majoring") is m.AUCSummationMethod.MAJORING
    with pytest.raises(ValueError, match=r"AUCCurve: the name must be one of \['pr', 'roc'\]; got 'x'"):
        m.AUCCurve.from_str("x")
    assert (m.parse_init_thresholds(None), m.parse_init_thresholds([0.1, 0.2])) == ([0.5], [0.1, 0.2])
    with pytest.raises(ValueError, match=r"thresholds must be within \[0, 1\]; got \[1.2\]"):
        m.assert_thresholds_range([0.1, 1.2])


def test_counts_of_a_confusion_matrix():
    m = metrics_utils
    y, p = K.constant([0, 1, 1, 0, 1.0]), K.constant([0.1, 0.8, 0.4, 0.6, 0.9])
    totals = {kind: K.variable(np.zeros(2)) for kind in m.ConfusionMatrix}
    updates = m.update_confusion_matrix_variables(
        totals, y, p, thresholds=[0.3, 0.7], sample_weight=K.constant([1, 2, 1, 0.5, 1.0])
    )
    K.function([], [], updates=updates)([])
    got = {kind.value: K.get_value(total).tolist() for kind, total in totals.items()}
    assert got == {"tp": [4.0, 3.0], "fp": [0.5, 0.0], "tn": [1.0, 1.5], "fn": [0.0, 1.0]}
    with pytest.raises(ValueError, match="the keys must be of ConfusionMatrix"):
        m.update_confusion_matrix_variables({"tp": totals[m.ConfusionMatrix.TRUE_POSITIVES]}, y, p)


def test_largest_numbers_and_weighted_hits():
    x = np.array([[0.1, 0.9, 0.5], [0.7, 0.2, 0.3]])
    np.testing.assert_allclose(
        value(metrics_utils.filter_top_k(K.constant(x), 2)), np.where(x >= [[0.5], [0.3]], x, -1e10), rtol=1e-6
    )
    total = K.variable(np.zeros(2))
    label, hit = np.array([[1, 0, 1], [1, 1, 0]], bool), np.array([[1, 1, 0], [1, 0, 0]], bool)
    weights = K.constant([[1.0, 2, 3], [4, 5, 6]])
    K.eval(metrics_utils.weighted_assign_add(K.constant(label), K.constant(hit), weights, total))
    np.testing.assert_array_equal(K.get_value(total), [1, 4])

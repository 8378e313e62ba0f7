"""Metrics: genuine numbers of functions, stateful classes fed eagerly and as tensors, weights, padding rows, errors."""

import json

import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax import metrics
from kjax.graph import KerasTensor, build_program
from kjax.graph.context import Context
from tests.golden import FOLDER, cases, ids

FUNCTION_CASES = [case for case in cases("metrics") if case["kind"] == "function"]
# Three batches of random targets, predictions and weights; the results are genuine (tf.keras 2.15, the same formulas).
_R = np.random.RandomState(0)
Y_TRUE = (_R.rand(3, 8, 4) > 0.6).astype("float32")
Y_PRED = _R.rand(3, 8, 4).astype("float32")
WEIGHTS = _R.rand(3, 8).astype("float32")
EXPECTED = json.loads((FOLDER / "stateful_metrics.json").read_text())
AREAS = [(curve, method) for curve in ("ROC", "PR") for method in ("interpolation", "minoring", "majoring")]
STATEFUL = {
    "TruePositives": metrics.TruePositives,
    "FalsePositives": lambda: metrics.FalsePositives(thresholds=[0.2, 0.7]),
    "TrueNegatives": metrics.TrueNegatives,
    "FalseNegatives": lambda: metrics.FalseNegatives(thresholds=0.3),
    "Precision": metrics.Precision,
    "Recall": lambda: metrics.Recall(thresholds=[0.2, 0.7]),
    "PrecisionTop": lambda: metrics.Precision(top_k=2),
    "RecallTopClass": lambda: metrics.Recall(top_k=2, class_id=1),
    "PrecisionClass": lambda: metrics.Precision(class_id=2),
    **{f"AUC-{c}-{m}": lambda c=c, m=m: metrics.AUC(num_thresholds=50, curve=c, summation_method=m) for c, m in AREAS},
    "AUCth": lambda: metrics.AUC(thresholds=[0.25, 0.5, 0.75]),
    "BinaryAccuracy": lambda: metrics.BinaryAccuracy(threshold=0.4),
    "CategoricalAccuracy": metrics.CategoricalAccuracy,
    "TopK": lambda: metrics.TopKCategoricalAccuracy(k=2),
    "RMSE": metrics.RootMeanSquaredError,
    "MSE": metrics.MeanSquaredError,
    "Cosine": metrics.CosineSimilarity,
    "LogCosh": metrics.LogCoshError,
    "BCE": lambda: metrics.BinaryCrossentropy(label_smoothing=0.1),
}
CONFIGURABLE = [
    *(cls for cls in metrics._CLASSES[5:26]),
    metrics.TruePositives,
    lambda: metrics.FalsePositives(thresholds=[0.2, 0.7]),
    lambda: metrics.Precision(top_k=3, class_id=1),
    lambda: metrics.Recall(thresholds=0.25),
    lambda: metrics.AUC(num_thresholds=20, curve="PR"),
    lambda: metrics.AUC(thresholds=[0.5, 0.25]),
    lambda: metrics.MeanIoU(3),
    lambda: metrics.SensitivityAtSpecificity(0.7),
    lambda: metrics.SpecificityAtSensitivity(0.7, num_thresholds=1),
    metrics.Sum,
    metrics.Mean,
]


@pytest.mark.parametrize("case", FUNCTION_CASES, ids=ids)
def test_function_values_are_keras(case):
    fn = metrics.get(case["name"])
    case.check("y0", fn(case.arrays["x0"], case.arrays["x1"], **case["kwargs"]))
    case.check("y0", K.eval(fn(K.variable(case.arrays["x0"]), K.variable(case.arrays["x1"]), **case["kwargs"])))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", STATEFUL)
def test_stateful_metric_on_numbers(name, weighted):
    metric = STATEFUL[name]()
    for t, p, w in zip(Y_TRUE, Y_PRED, WEIGHTS, strict=True):
        metric.update_state(t, p, sample_weight=w if weighted else None)
    np.testing.assert_allclose(metric.result(), EXPECTED[name + "w" * weighted], rtol=1e-5)
    metric.reset_states()
    assert all((w == 0).all() for w in metric.get_weights())


def symbolic(metric, weighted):
    """(program, variables, constants) of result and new totals, from target, prediction (and weight) tensors."""
    t, p, w = (KerasTensor(shape, "float32") for shape in ((None, 4), (None, 4), (None,)))
    result = metric(t, p, sample_weight=w) if weighted else metric(t, p)
    inputs = [t, p, w] if weighted else [t, p]
    updates = metric.updates
    assert [u.variable for u in updates] == metric.weights
    return build_program(inputs, [result, *[u.value for u in updates]], metric.weights)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", STATEFUL)
def test_stateful_metric_on_tensors_with_padding_rows(name, weighted):
    metric = STATEFUL[name]()
    program, variables, constants = symbolic(metric, weighted)
    assert program.rowwise
    for t, p, w in zip(Y_TRUE, Y_PRED, WEIGHTS, strict=True):
        t, p, w = (np.concatenate([a, np.full_like(a[:2], 0.75)]) for a in (t, p, w))
        context = Context(rows=np.array([1.0] * 8 + [0.0] * 2, "float32"))
        feeds = [t, p, w] if weighted else [t, p]
        result, *totals = program(feeds, [v.value for v in variables], constants, context)
        for v, value in zip(variables, totals, strict=True):
            v.assign(value)
    np.testing.assert_allclose(result, EXPECTED[name + "w" * weighted], rtol=1e-5)


@pytest.mark.parametrize("make", CONFIGURABLE)
def test_config_round_trip(make):
    metric = make()
    again = metrics.get(metrics.serialize(metric))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    clone = metrics.clone_metric(metric)
    assert clone is not metric and clone.get_config() == metric.get_config()


def test_mean_and_sum():
    mean = metrics.Mean()
    mean.update_state([1.0, 3.0, 5.0], sample_weight=[1, 1, 0])
    mean.update_state([2.0])
    assert float(mean.result()) == 2.0
    assert float(metrics.Sum()(np.array([1.0, 2.0]))) == 3.0
    assert float(metrics.Mean().result()) == 0.0


def test_accuracy_counts_equal_elements():
    assert float(metrics.Accuracy()([[1.0], [2.0]], [[1.0], [3.0]])) == 0.5


def test_sparse_metrics_take_both_ranks():
    p = np.eye(3, dtype="float32")
    for t in ([0, 1, 1], [[0], [1], [1]]):
        assert float(metrics.SparseCategoricalAccuracy()(np.array(t), p)) == pytest.approx(2 / 3)
        assert float(metrics.SparseTopKCategoricalAccuracy(k=1)(np.array(t), p)) == pytest.approx(2 / 3)
    crossentropy = metrics.SparseCategoricalCrossentropy()([0, 1], np.full((2, 3), 1 / 3, "float32"))
    assert float(crossentropy) == pytest.approx(np.log(3), rel=1e-5)


def test_mean_iou_is_keras():
    t = [[0, 0, 1, 2, 0, 0, 1, 2], [1, 0, 0, 0, 0, 0, 1, 0], [2, 2, 2, 0, 0, 2, 0, 2]]
    p = [[2, 0, 1, 1, 1, 0, 0, 1], [0, 0, 1, 2, 2, 0, 2, 1], [1, 2, 1, 2, 2, 1, 2, 0]]
    metric = metrics.MeanIoU(num_classes=4)
    for row in range(3):
        metric.update_state(np.array(t[row]), np.array(p[row]), sample_weight=WEIGHTS[row])
    assert float(metric.result()) == pytest.approx(0.21168382465839386, rel=1e-5)


def test_sensitivity_and_specificity():
    t, p = np.array([0, 0, 0, 1, 1]), np.array([0, 0.3, 0.8, 0.4, 0.9], "float32")
    assert float(metrics.SensitivityAtSpecificity(1.0)(t, p)) == pytest.approx(0.5)
    assert float(metrics.SpecificityAtSensitivity(1.0, num_thresholds=3)(t, p)) == pytest.approx(1 / 3)


def test_users_own_metric():
    class Largest(metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.best = self.add_weight("best", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            return K.update(self.best, K.maximum(self.best, K.max(y_pred)))

        def result(self):
            return 2 * self.best

    metric = Largest()
    assert float(metric(np.zeros(2), np.array([1.0, 3.0]))) == 6
    assert float(metric(np.zeros(2), np.array([2.0]))) == 6
    t = KerasTensor((None,), "float32")
    program, variables, constants = build_program([t], [metric(t, t)], [metric.best])
    assert float(program([np.array([5.0])], [np.float32(3)], constants, Context())[0]) == 10


def test_top_k_leaves_out_padding_rows_and_nonfinite_predictions():
    t, p = KerasTensor((None,), "float32"), KerasTensor((None, 3), "float32")
    program, _, constants = build_program([t, p], [metrics.sparse_top_k_categorical_accuracy(t, p, k=1)])
    assert program.rowwise
    values = [np.array([0.0, 1.0, 2.0]), np.array([[2, 1, 0], [2, 1, 0], [0, 0, 2]], "float32")]
    assert float(program(values, [], constants, Context(rows=np.array([1.0, 1.0, 0.0])))[0]) == 0.5
    assert float(metrics.sparse_top_k_categorical_accuracy([0], np.array([[np.inf, 1.0]]), k=2)) == 0


def test_binary_accuracy_threshold():
    y = np.array([[0.0, 1.0]])
    assert float(metrics.binary_accuracy(y, np.array([[0.3, 0.6]]), threshold=0.7)[0]) == 0.5
    assert float(metrics.binary_accuracy(y, np.array([[0.3, 0.6]]))[0]) == 1


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: metrics.get("acuracy"), "Unknown metric function: acuracy.*accuracy"),
        (lambda: metrics.get(3), "Could not interpret metric function identifier"),
        (lambda: metrics.Precision(thresholds=[0.5, 2]), r"Precision: thresholds must be numbers in \[0, 1\]"),
        (lambda: metrics.Precision(top_k=0), "Precision: top_k must be an integer >= 1"),
        (lambda: metrics.AUC(num_thresholds=1), "AUC: num_thresholds must be > 1"),
        (lambda: metrics.AUC(curve="roc"), "AUC: curve must be"),
        (lambda: metrics.AUC(summation_method="sum"), "AUC: summation_method must be"),
        (lambda: metrics.SensitivityAtSpecificity(2), r"the wanted value must be in \[0, 1\]"),
        (lambda: metrics.MeanIoU(0), "MeanIoU: num_classes must be an integer >= 1"),
        (lambda: metrics.Reduce("max", "m"), "Reduce: reduction must be"),
    ],
)
def test_errors_name_the_argument(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_compiled_stateful_metrics_equal_those_of_all_predictions():
    x = np.random.RandomState(0).normal(size=(50, 4)).astype("float32")
    y = (x[:, :1] > 0).astype("float32")
    model = keras.models.Sequential([keras.layers.Dense(1, activation="sigmoid", input_shape=(4,))])
    model.compile("sgd", "mse", metrics=[metrics.AUC(num_thresholds=50, name="auc"), metrics.Recall(name="recall")])
    history = model.fit(x, y, batch_size=16, epochs=2, verbose=0, validation_data=(x, y)).history
    assert set(history) == {p + n for p in ("", "val_") for n in ("loss", "auc", "recall")}
    values = dict(zip(model.metrics_names, model.evaluate(x, y, batch_size=16, verbose=0), strict=True))
    predicted = model.predict(x)
    assert values["auc"] == pytest.approx(float(metrics.AUC(num_thresholds=50)(y, predicted)), rel=1e-5)
    assert values["recall"] == pytest.approx(float(metrics.Recall()(y, predicted)), rel=1e-5)
    assert history["val_auc"][-1] == pytest.approx(values["auc"], rel=1e-5)


def test_compiled_weighted_stateful_metric():
    x = np.random.RandomState(0).normal(size=(6, 2)).astype("float32")
    model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", weighted_metrics=[metrics.MeanAbsoluteError(name="mae")])
    weights = np.arange(6.0)
    value = model.evaluate(x, x[:, :1], sample_weight=weights, batch_size=4, verbose=0)[1]
    error = np.abs(model.predict(x) - x[:, :1])[:, 0]
    assert value == pytest.approx(np.average(error, weights=weights), rel=1e-5)


def test_stateful_layer_of_keras_2_2_as_metric():
    class Positives(keras.layers.Layer):
        def __init__(self, name="positives", **kwargs):
            super().__init__(name=name, **kwargs)
            self.stateful = True
            self.total = K.variable(value=0, dtype="float32")

        def reset_states(self):
            K.set_value(self.total, 0)

        def __call__(self, y_true, y_pred):
            count = K.sum(K.cast(y_pred > 0, "float32"))
            before = self.total * 1.0
            self.add_update(K.update_add(self.total, count), inputs=[y_true, y_pred])
            return before + count

    x = np.random.RandomState(0).normal(size=(20, 2)).astype("float32")
    model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", metrics=[Positives()])
    for _ in range(2):
        assert model.evaluate(x, x[:, :1], batch_size=6, verbose=0)[1] == (model.predict(x) > 0).sum()

"""Models as scikit-learn estimators, and copies and pickles of models."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kjax.layers import LSTM, BatchNormalization, Dense, Dropout, Input
from kjax.models import Model, Sequential
from kjax.wrappers.scikit_learn import KerasClassifier, KerasRegressor

RNG = np.random.RandomState(0)
X = RNG.randn(60, 4)
LABELS = np.array(["ant", "bee", "cow"])[(X @ RNG.randn(4, 3)).argmax(-1)]
VALUES = X @ RNG.randn(4)


def classifier(units=8, loss="categorical_crossentropy", optimizer="adam"):
    model = Sequential([Dense(units, activation="relu", input_shape=(4,)), Dense(3, activation="softmax")])
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def regressor(units=8):
    model = Sequential([Dense(units, activation="relu", input_shape=(4,)), Dense(1)])
    model.compile("adam", "mse")
    return model


class Callable:
    def __call__(self, units=8):
        return classifier(units)


class Inherited(KerasClassifier):
    def __call__(self, units=8):
        return classifier(units)


@pytest.mark.parametrize(
    "make", [lambda **k: KerasClassifier(classifier, **k), lambda **k: KerasClassifier(Callable(), **k), Inherited]
)
@pytest.mark.parametrize("loss", ["categorical_crossentropy"])
def test_forms_of_build_fn(make, loss):
    estimator = make(units=5, epochs=2, batch_size=20, verbose=0)
    history = estimator.fit(X, LABELS)
    assert len(history.history["loss"]) == 2 and estimator.model.layers[0].units == 5
    assert set(estimator.predict(X)) <= set(LABELS) and estimator.predict_proba(X).shape == (60, 3)
    assert 0.0 <= estimator.score(X, LABELS) <= 1.0
    assert estimator.get_params()["units"] == 5


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="depth is not a legal parameter"):
        KerasClassifier(classifier, depth=3)
    with pytest.raises(ValueError, match="depth is not a legal parameter"):
        KerasRegressor(regressor).set_params(depth=3)
    with pytest.raises(ValueError, match="build_fn must be a function"):
        KerasClassifier()


def test_clone_and_kinds():
    estimator = KerasClassifier(classifier, units=3, epochs=1, verbose=0)
    other = clone(estimator)
    assert other is not estimator and other.get_params() == estimator.get_params() and not hasattr(other, "model")
    assert is_classifier(estimator) and is_regressor(KerasRegressor(regressor))


def test_cross_validation():
    scores = cross_val_score(KerasClassifier(classifier, epochs=2, verbose=0), X, LABELS, cv=2)
    assert scores.shape == (2,) and np.isfinite(scores).all()
    scores = cross_val_score(KerasRegressor(regressor, epochs=2, verbose=0), X, VALUES, cv=2)
    assert (scores < 0).all(), "minus the loss: larger is better"
    assert cross_val_predict(KerasRegressor(regressor, epochs=1, verbose=0), X, VALUES, cv=2).shape == (60,)


def test_grid_search():
    grid = GridSearchCV(
        KerasClassifier(classifier, epochs=1, verbose=0), {"units": [2, 4], "optimizer": ["sgd", "adam"]}, cv=2
    )
    grid.fit(X, LABELS)
    assert set(grid.best_params_) == {"units", "optimizer"}
    assert grid.best_estimator_.model.layers[0].units == grid.best_params_["units"]
    assert grid.predict(X).shape == (60,)


def test_pipeline():
    pipeline = make_pipeline(StandardScaler(), KerasRegressor(regressor, epochs=1, verbose=0))
    pipeline.set_params(kerasregressor__units=3)
    pipeline.fit(X, VALUES)
    assert pipeline.predict(X).shape == (60,) and np.isfinite(pipeline.score(X, VALUES))
    grid = GridSearchCV(pipeline, {"kerasregressor__units": [2, 3]}, cv=2).fit(X, VALUES)
    assert grid.best_params_["kerasregressor__units"] in (2, 3)


def test_sample_weights_of_the_classifier():
    estimator = KerasClassifier(classifier, loss="sparse_categorical_crossentropy", epochs=1, verbose=0)
    estimator.fit(X, LABELS, sample_weight=np.where(LABELS == "ant", 1.0, 1e-3), epochs=100, batch_size=10)
    assert estimator.predict_proba(X)[:, 0].mean() > 0.5, "the other animals hardly count"


def test_estimators_are_pickled():
    estimator = KerasClassifier(classifier, epochs=1, verbose=0)
    estimator.fit(X, LABELS)
    other = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(other.predict(X), estimator.predict(X))
    np.testing.assert_allclose(other.predict_proba(X), estimator.predict_proba(X), rtol=1e-6)


# ---------------------------------------------------------------- models


def functional():
    x = Input((5, 3))
    a = LSTM(4)(x)
    model = Model(x, [Dense(2, name="a")(Dropout(0.1)(a)), Dense(1, name="b")(BatchNormalization()(a))])
    model.compile("adam", "mse", loss_weights={"b": 0.5})
    return model


S = RNG.randn(16, 5, 3).astype("float32")
T = [RNG.randn(16, 2), RNG.randn(16, 1)]


@pytest.mark.parametrize(
    "way", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "deepcopy", "pickle"]
)
def test_copies_of_a_trained_model_go_on_by_themselves(way):
    model = functional()
    model.fit(S, T, epochs=2, verbose=0)
    twin = way(model)
    assert type(twin) is Model and twin.name == model.name and twin.metrics_names == model.metrics_names
    for a, b in zip(model.predict(S), twin.predict(S), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    for a, b in zip(model.optimizer.get_weights(), twin.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    before = model.get_weights()
    twin.fit(S, T, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_models_not_compiled_and_not_built():
    model = Sequential([Dense(3, input_shape=(4,), name="d")])
    twin = copy.deepcopy(model)
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    assert twin.layers[0] is not model.layers[0]
    waiting = copy.deepcopy(Sequential([Dense(3)]))
    waiting.compile("sgd", "mse")
    waiting.fit(X, np.zeros((60, 3)), verbose=0)


def test_layers_are_copied_before_they_are_connected():
    layer = Dense(3, input_shape=(4,))
    twin = copy.deepcopy(layer)
    a, b = Sequential([layer]), Sequential([twin])
    b.set_weights([w + 1 for w in a.get_weights()])
    assert not np.allclose(a.get_weights()[0], b.get_weights()[0])
    built = copy.deepcopy(layer)
    for w, v in zip(layer.get_weights(), built.get_weights(), strict=True):
        np.testing.assert_array_equal(w, v)

"""Predictions past what has been looked at before: taken where they may be, and never with yesterday's state."""

import numpy as np
import pytest

import kjax
from kjax import layers
from kjax.distribute.placement import Placement
from kjax.engine.shortcut import Shortcut

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")


@pytest.fixture
def taken(monkeypatch):
    """The sizes of the batches that went the short way."""
    sizes, outputs = [], Shortcut.outputs
    monkeypatch.setattr(Placement, "made", False)  # other tests may have made one

    def noted(self, model, x, batch_size):
        found = outputs(self, model, x, batch_size)
        if found is not None:
            sizes.append(len(x))
        return found

    monkeypatch.setattr(Shortcut, "outputs", noted)
    return sizes


def small(*inner, **options):
    model = kjax.models.Sequential([layers.Dense(4, input_shape=(3,), **options), *inner])
    model.compile("sgd", "mse")
    model.predict(X[:1])
    return model


def expected(model, x):
    """By the long way."""
    return np.concatenate([np.array(model.predict_on_batch(x[i : i + 1])) for i in range(len(x))])


@pytest.mark.parametrize(
    "rows, batch_size, short",
    [(1, None, 1), (8, None, 1), (32, None, 1), (40, 40, 1), (1, 1, 1), (40, 64, 0), (40, None, 0), (7, None, 0)],
)
def test_batches_that_need_no_filling_take_it(taken, rows, batch_size, short):
    model = small(layers.Dropout(0.5))
    got = model.predict(X[:rows], batch_size)
    assert len(taken) == short
    np.testing.assert_allclose(got, expected(model, X[:rows]), rtol=1e-6, atol=1e-6)
    got[:] = 0  # the caller's own


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True])
def test_wrong_batch_sizes_are_refused_as_before(taken, batch_size):
    with pytest.raises(ValueError, match="batch_size must be an integer >= 1"):
        small().predict(X[:1], batch_size)
    assert not taken


@pytest.mark.parametrize(
    "data",
    [X[:1].astype("float64"), X[:1].tolist(), [X[:1]], np.zeros((1, 3), "int32")],
    ids=["double", "list", "in a list", "int"],
)
def test_other_data_go_the_long_way(taken, data):
    model = small()
    assert model.predict(data).shape == (1, 4)
    assert not taken
    with pytest.raises(ValueError, match="expected dense_.* to have shape"):
        model.predict(X[:1, :2])


def changed_weights(model):
    model.set_weights([w + 1 for w in model.get_weights()])


def trained(model):
    model.fit(X, np.ones((40, 4)), verbose=0)


def recompiled(model):
    model.compile("adam", "mae")


def grown(model):
    model.add(layers.Dense(2))


def placed(model):
    kjax.distribute.use_devices()


@pytest.mark.parametrize("change", [changed_weights, trained, recompiled, grown, placed])
def test_what_changes_shows(taken, change):
    model = small()
    before = model.predict(X[:8])
    try:
        change(model)
        for _ in range(2):
            got = model.predict(X[:8])
            np.testing.assert_allclose(got, expected(model, X[:8]), rtol=1e-5, atol=1e-6)
    finally:
        kjax.distribute.use_devices(1)
    if change in (changed_weights, trained):
        assert np.abs(got - before).max() > 1e-3
        assert taken[0] == taken[-1] == 8 and len(taken) >= 2


def test_a_programs_own_predict_function_is_called(taken):
    model = small()
    model.predict_function = lambda inputs: [np.full((1, 4), 7.0)]
    np.testing.assert_array_equal(model.predict(X[:1]), np.full((1, 4), 7.0))
    assert not taken


def test_narrow_outputs_are_given_in_floatx(taken):
    model = small(dtype="bfloat16")
    first, again = model.predict(X[:1]), model.predict(X[:1])
    assert first.dtype == again.dtype == np.float32
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("inner", [layers.BatchNormalization(), layers.GaussianNoise(1.0)], ids=["statistics", "noise"])
def test_layers_that_act_in_training_only(taken, inner):
    model = small(inner)
    np.testing.assert_allclose(model.predict(X[:8]), expected(model, X[:8]), rtol=1e-5, atol=1e-6)
    assert taken == [8]


def test_random_numbers_in_the_test_phase_go_the_long_way(taken):
    model = small(layers.Lambda(lambda x: kjax.backend.dropout(x, 0.5)))
    assert np.abs(model.predict(X[:8]) - model.predict(X[:8])).max() > 0
    assert not taken


def test_states_of_a_recurrent_layer_go_on(taken):
    model = kjax.models.Sequential([layers.SimpleRNN(2, stateful=True, batch_input_shape=(1, 2, 3))])
    x = X[:2][None]
    first, second = model.predict(x), model.predict(x)
    assert np.abs(first - second).max() > 1e-4
    assert not taken

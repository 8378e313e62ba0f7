"""A layer called by the user and a layer called again inside of a model: the same losses, updates and shapes."""

import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax.backend.phase import built_for
from kjax.layers import Add, BatchNormalization, Dense, Input, Lambda
from kjax.models import Model, Sequential

R = np.random.RandomState(0)
X, Y = R.rand(8, 3).astype("float32") + 1, R.rand(8, 2).astype("float32")


def normalized(first):
    layers = [Dense(4, input_shape=(3,)), BatchNormalization(momentum=0.9), Dense(2)]
    return Sequential([BatchNormalization(input_shape=(3,), momentum=0.9), Dense(2)] if first else layers)


def regularized(first):
    penalty = keras.regularizers.l2(0.1)
    return Sequential(
        [
            Dense(4, input_shape=(3,), activity_regularizer=penalty if first else None),
            Dense(2, activity_regularizer=None if first else penalty),
        ]
    )


def plain(model):
    return model


def same(model):
    return Model(model.inputs, model(model.inputs[0]))


def same_within(model):
    return same(same(model))


def anew(model):
    x = Input((3,))
    return Model(x, model(x))


def twice(model):
    x = Input((3,))
    return Model(x, Add()([model(x), model(x)]))


def on_two(model):
    x = Input((3,))
    return Model(x, Add()([model(x), model(Lambda(lambda t: t * 2)(x))]))


def within(model):
    x = Input((3,))
    return anew(Model(x, model(x)))


def parallel(model):
    return keras.utils.multi_gpu_model(model, 2)


def trained(make, first, use):
    """(model, model made of it, loss of the first batch), all kernels 0.1."""
    model = make(first)
    for w in model.weights:
        if "kernel" in w.name:
            K.set_value(w, np.full(w.shape, 0.1))
    whole = use(model)
    whole.compile("sgd", "mse")
    return model, whole, whole.train_on_batch(X, Y)


# Keras 2.2.4 on TensorFlow; its losses of one batch
PENALTIES = [
    (True, plain, 1, 0.92982), (True, same, 2, 1.68404), (True, same_within, 2, 1.68404), (True, anew, 1, 0.92982),
    (True, twice, 1, 0.83871), (True, on_two, 2, 3.83992), (True, within, 1, 0.92982),
    (False, plain, 1, 0.23593), (False, same, 1, 0.23593), (False, same_within, 1, 0.23593), (False, anew, 1, 0.23593),
    (False, twice, 1, 0.14482), (False, on_two, 2, 0.37048), (False, within, 1, 0.23593),
]  # fmt: skip


@pytest.mark.parametrize(("first", "use", "count", "loss"), PENALTIES)
def test_an_activity_s_penalty_counts_as_in_keras(first, use, count, loss):
    _, whole, found = trained(regularized, first, use)
    assert len(whole.losses) == count
    np.testing.assert_allclose(found, loss, atol=2e-5)


@pytest.mark.parametrize("first", [True, False])
def test_statistics_of_one_batch_count_once(first):
    """In Keras the moving mean after one batch is the plain model's, too, however the model is called on it."""
    expected = trained(normalized, first, plain)[0].layers[0 if first else 1].get_weights()[2:]
    for use in (same, same_within, anew, twice, within, parallel):
        model, whole, _ = trained(normalized, first, use)
        assert len(whole.updates) == len(model.updates) == 2, use.__name__
        for a, b in zip(model.layers[0 if first else 1].get_weights()[2:], expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, err_msg=use.__name__)
    assert len(on_two(normalized(first)).updates) == 4


@pytest.mark.parametrize("first", [True, False])
def test_a_parallel_model_has_the_template_s_losses(first):
    model, whole, loss = trained(regularized, first, parallel)
    assert len(whole.losses) == len(model.losses) == 1
    np.testing.assert_allclose(loss, 0.92982 if first else 0.23593, atol=2e-5)
    assert whole.input_names == model.input_names and whole.get_layer(model.name) is model


def test_asking_for_shapes_and_masks_leaves_nothing_behind():
    model = Sequential([Dense(4, input_shape=(3,), kernel_regularizer="l2", activity_regularizer="l1")])
    model.add(BatchNormalization())
    books = [(layer._losses, layer._updates) for layer in (*model.layers, model)]
    before = [(len(a), len(b)) for a, b in books]
    for n in range(50):
        assert model.compute_output_shape((n, 3)) == (n, 4)
        model.compute_mask(Input((3,)), None)
    assert [(len(a), len(b)) for a, b in books] == before
    assert len(model.losses) == 2 and len(model.updates) == 2


def test_a_model_gives_the_same_tensors_for_the_same_inputs():
    model, x = normalized(True), Input((3,))
    first, again = (model.run_internal_graph([x])[0][0] for _ in range(2))
    assert first is again
    with built_for(False):
        assert model.run_internal_graph([x])[0][0] is not first
    assert model.run_internal_graph([x])[0][0] is first


def test_a_stack_that_grows_after_a_call_is_called_anew():
    model, x = Sequential([Dense(4, input_shape=(3,))]), Input((3,))
    short = model(x)
    model.add(Dense(2))
    assert K.int_shape(short) == (None, 4) and K.int_shape(model(x)) == (None, 2)

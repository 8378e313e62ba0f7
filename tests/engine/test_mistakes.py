"""Calls that newcomers get wrong: one error that names the argument, what is required and what came."""

import numpy as np
import pytest

from kjax import backend as K
from kjax.callbacks import LearningRateScheduler, ModelCheckpoint
from kjax.layers import Dense, Input, Lambda, Layer
from kjax.models import Model, Sequential
from kjax.optimizers import SGD
from kjax.utils import plot_model, to_categorical
from kjax.wrappers.scikit_learn import KerasClassifier

X, Y = np.ones((4, 2), "float32"), np.eye(2)[[0, 1, 0, 1]]


def model(optimizer="sgd", loss="mse", **compiled):
    made = Sequential([Dense(2, input_dim=2, kernel_initializer="ones", name="d")])
    made.compile(optimizer, loss, **compiled)
    return made


class WithoutSuper(Layer):
    def __init__(self, units):
        self.units = units

    def call(self, x):
        return x


class WordAsSize(Layer):
    def build(self, input_shape):
        self.add_weight("w", shape=(input_shape[-1], "a"))

    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        (
            {"x": [[1, 2], [1]]},
            ValueError,
            r"checking input: d_input must be .*list \[\[1, 2\], \[1\]\] \(are the samples",
        ),
        (
            {"x": np.array([[1, None]] * 4)},
            ValueError,
            r"d_input must hold numbers; got None \(NoneType\) in row 0: are values missing",
        ),
        ({"epochs": "3"}, TypeError, "epochs must be an integer; got '3'"),
        ({"epochs": None}, TypeError, "epochs must be an integer; got None"),
        ({"initial_epoch": 0.5}, TypeError, "initial_epoch must be an integer; got 0.5"),
        ({"validation_split": "a"}, TypeError, r"validation_split must be a number in \[0, 1\); got 'a'"),
        ({"callbacks": [ModelCheckpoint]}, TypeError, r"callbacks\[0\] must be an instance, ModelCheckpoint\(...\)"),
        ({"callbacks": ["History"]}, TypeError, r"callbacks\[0\] must be a Callback; got str 'History'"),
        ({"sample_weight": "a"}, TypeError, "the sample_weight of output 'd' must hold numbers; got 'a'"),
        ({"class_weight": {0: "a", 1: 2}}, TypeError, "the class_weight of output 'd' must hold numbers; got .'a', 2"),
    ],
)
def test_arguments_of_fit(arguments, kind, text):
    with pytest.raises(kind, match=text):
        model().fit(**{"x": X, "y": Y, "verbose": 0, **arguments})


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: model().fit_generator(iter([(X, Y)]), 1, epochs="3"), TypeError, "epochs must be an integer; got '3'"),
        (lambda: model(SGD), ValueError, r"optimizer must be an instance, SGD\(...\), or a name"),
        (lambda: model(loss=lambda y: y), TypeError, r"must take \(y_true, y_pred\); it takes \(y\)"),
        (
            lambda: model(loss_weights="a"),
            TypeError,
            "loss_weights must hold numbers or variables; got 'a' for output 'd'",
        ),
        (lambda: Model(Input((2,))), TypeError, "Model takes inputs and outputs; got only <KerasTensor"),
        (lambda: Sequential(Dense(2)), TypeError, "Sequential takes a list of layers; got <.*Dense"),
        (lambda: WithoutSuper(3)(Input((2,))), TypeError, r"WithoutSuper: its `__init__` must call super\(\).__init__"),
        (
            lambda: WordAsSize()(Input((2,))),
            ValueError,
            r"word_as_size_\d+: the weight 'w' needs integers .* \(2, 'a'\)",
        ),
        (lambda: Input("ab"), ValueError, "^Input: shape must be a tuple of integers and None; got 'ab'"),
        (lambda: K.variable(None), TypeError, "variable: value must be a number, .*; got None"),
        (
            lambda: Input((3,))[:, 3],
            ValueError,
            r"slice index 3 of axis 1 is out of bounds for .* of shape \(None, 3\)",
        ),
        (lambda: Input((3, 2))[..., -3], ValueError, "slice index -3 of axis 2"),
        (lambda: Lambda(lambda x: np.exp(x))(Input((3,))), TypeError, r"NumPy's exp cannot .* keras.backend"),
        (lambda: np.sum(Input((3,))), TypeError, "NumPy's add.reduce cannot compute with the symbolic tensor"),
        (lambda: to_categorical(["a"]), TypeError, r"to_categorical: y must hold integer labels .*\['a'\]"),
        (lambda: plot_model(3), TypeError, "model must be a Model; received int 3"),
        (lambda: LearningRateScheduler(3), TypeError, "schedule must be a function of the epoch; received 3"),
        (
            lambda: KerasClassifier(model()).fit(X, Y),
            TypeError,
            "build_fn must be a function .*; got the model sequential",
        ),
        (
            lambda: KerasClassifier(lambda: 3).fit(X, Y),
            TypeError,
            "build_fn must return a compiled model; it returned 3",
        ),
    ],
)
def test_other_calls(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


def test_numbers_in_an_array_of_objects_are_taken():
    assert model().train_on_batch(X.astype(object), Y.astype(object)) == model().train_on_batch(X, Y)


@pytest.mark.parametrize("class_weight", [[1.0, 5.0], np.array([1.0, 5.0])])
def test_class_weights_that_are_no_dict_weigh_nothing(class_weight):
    with pytest.warns(UserWarning, match="weighs nothing, as in Keras"):
        loss = model().train_on_batch(X, Y, class_weight=class_weight)
    assert loss == model().train_on_batch(X, Y)


def test_numpy_arrays_on_the_left_of_an_operator():
    tensor, ones = K.variable([1.0, 2.0]), np.ones(2)
    total = np.ones(2)
    total += tensor
    results = [ones + tensor, ones - tensor, np.float32(2) * tensor, ones / tensor, total, np.add(ones, tensor)]
    expected = [[2, 3], [0, -1], [2, 4], [1, 0.5], [2, 3], [2, 3]]
    assert np.array_equal([K.eval(r) for r in results], expected)
    assert K.eval(ones < tensor).tolist() == [False, True]
    assert (ones == tensor) is False and (ones != tensor) is True

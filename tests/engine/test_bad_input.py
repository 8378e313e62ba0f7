"""Bad input ends in one clear error before training starts, and the model stays as it was."""

import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax.layers import Dense, Embedding, Input, Layer
from kjax.models import Model, Sequential


def classifier(loss="categorical_crossentropy", compiled=True):
    model = Sequential([Dense(4, activation="relu", input_shape=(3,)), Dense(2, activation="softmax")])
    if compiled:
        model.compile("sgd", loss)
    return model


X = np.zeros((6, 3), "float32")
Y = np.eye(2)[np.array([0, 1, 0, 1, 0, 1])]


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        (np.zeros((6, 4)), Y, r"expected dense_\d+_input to have shape \(3,\) but got array with shape \(4,\)"),
        (np.zeros((6, 3, 1)), Y, r"to have 2 dimensions, but got array with shape \(6, 3, 1\)"),
        (X, np.zeros((6, 3)), r"expected dense_\d+ to have shape \(2,\) but got array with shape \(3,\)"),
        (X, Y[:5], "Found 6 input samples and 5 target samples"),
        (np.zeros((0, 3)), np.zeros((0, 2)), "no sample"),
        ([X, X], Y, r"Expected to see 1 array\(s\)"),
        ({"wrong": X}, Y, "No data provided for"),
        (X, None, "expected data for"),
        (X, np.zeros((6, 1)), "categorical_crossentropy.*to_categorical"),
        ([[1, 2, 3], [1, 2]], Y[:2], "inhomogeneous|unequal length"),
    ],
)
def test_wrong_data_is_refused_and_changes_nothing(x, y, text):
    model = classifier()
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        model.fit(x, y, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_text_as_data_is_a_type_error():
    with pytest.raises(TypeError, match="must hold numbers"):
        classifier().fit(np.array([["a", "b", "c"]]), Y[:1], verbose=0)


@pytest.mark.parametrize(
    ("labels", "text"), [([0, 1, 2], "range from 0"), ([-1, 0, 1], "range from -1"), ([0, np.nan, 1], "NaN")]
)
def test_sparse_labels_must_be_classes(labels, text):
    model = classifier("sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=text):
        model.fit(X[:3], np.array(labels), verbose=0)


def test_fit_before_compile():
    with pytest.raises(RuntimeError, match="You must compile your model before training"):
        classifier(compiled=False).fit(X, Y)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"optimizer": "sdg", "loss": "mse"}, "sdg"),
        ({"optimizer": "sgd", "loss": "mes"}, "mes"),
        ({"optimizer": "sgd", "loss": "mse", "metrics": ["acuracy"]}, "acuracy"),
        ({"optimizer": "sgd", "loss": {"nothing": "mse"}}, "Unknown entry in loss dictionary: 'nothing'"),
        ({"optimizer": "sgd", "loss": ["mse", "mse"]}, "one entry per model output"),
        ({"optimizer": "sgd"}, "no loss to optimize"),
        (
            {"optimizer": "sgd", "loss": "mse", "sample_weight_mode": "spatial"},
            "sample_weight_mode must be None or 'temporal'",
        ),
    ],
)
def test_compile_says_what_is_unknown(arguments, text):
    model = classifier()
    optimizer = model.optimizer
    with pytest.raises(ValueError, match=text):
        model.compile(**arguments)
    assert model.optimizer is optimizer
    model.fit(X, Y, verbose=0)


def test_unknown_layer_argument():
    with pytest.raises(TypeError, match="Keyword argument not understood.*unit_count"):
        Dense(3, unit_count=4)


def test_unequal_weights_and_batch_size():
    model = classifier()
    with pytest.raises(ValueError, match="sample_weight"):
        model.fit(X, Y, sample_weight=np.ones(5), verbose=0)
    with pytest.raises(ValueError, match="must contain all classes"):
        model.fit(X, Y, class_weight={0: 1.0}, verbose=0)
    for size in (0, -3, 2.5):
        with pytest.raises(ValueError, match="batch_size must be an integer >= 1"):
            model.fit(X, Y, batch_size=size, verbose=0)
    with pytest.raises(ValueError, match="validation_split"):
        model.fit(X, Y, validation_split=1.5, verbose=0)
    with pytest.raises(ValueError, match="validation_data"):
        model.fit(X, Y, validation_data=X, verbose=0)
    with pytest.raises(TypeError, match="Unrecognized keyword"):
        model.fit(X, Y, batchsize=3)


def test_a_disconnected_graph_names_the_tensor():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    y = keras.layers.add([a, b])
    with pytest.raises(ValueError, match="Graph disconnected.*'b"):
        Model(a, y)


def test_layer_on_an_array_and_model_of_arrays():
    with pytest.raises(ValueError, match="isn't a symbolic tensor"):
        Dense(3)(np.zeros((2, 3)))
    with pytest.raises(TypeError, match="must be symbolic tensors"):
        Model(np.zeros((2, 3)), np.zeros((2, 3)))


def test_weights_of_another_shape_change_nothing():
    model = classifier()
    before = model.get_weights()
    wrong = [np.ones_like(w) for w in before[:-1]] + [np.zeros((7,))]
    with pytest.raises(ValueError, match="not compatible"):
        model.set_weights(wrong)
    with pytest.raises(ValueError, match="weight arrays"):
        model.set_weights(before[:2])
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_two_layers_of_one_name():
    x = Input((3,))
    with pytest.raises(ValueError, match="All layer names should be unique"):
        Model(x, Dense(2, name="same")(Dense(2, name="same")(x)))


def test_input_ndim_is_checked_against_the_layer():
    with pytest.raises(ValueError, match="expected min_ndim=2|ndim"):
        Dense(2)(keras.backend.placeholder(shape=(3,)))
    model = Sequential([Embedding(5, 2, input_length=3)])
    with pytest.raises(ValueError, match="expected embedding_.*_input to have shape"):
        model.predict(np.zeros((2, 4)))


def test_a_config_that_json_cannot_hold():
    class Holder(keras.layers.Layer):
        def get_config(self):
            return {**super().get_config(), "thing": object()}

    model = Sequential([Holder(input_shape=(2,))])
    with pytest.raises(TypeError, match="JSON cannot hold"):
        model.to_json()


def test_symbolic_tensors_explain_themselves():
    x = Input((3,))
    with pytest.raises(TypeError, match="no truth value"):
        bool(x > 0)
    with pytest.raises(TypeError, match="cannot be iterated"):
        list(x)
    with pytest.raises(TypeError, match="no value yet"):
        np.asarray(x)


@pytest.mark.parametrize("name", [3, 1.5, b"x", ("a", 1), True, ["q"]])
def test_a_name_that_is_no_string(name):
    with pytest.raises(TypeError, match=r"^Dense: name must be a string; got "):
        Dense(2, name=name)
    with pytest.raises(TypeError, match=r"^InputLayer: name must be a string; got "):
        Input((3,), name=name)
    inputs = Input((3,))
    model = Model(inputs, Dense(2)(inputs), name=name)  # as Keras, which needs the name for calls only
    with pytest.raises(TypeError, match=r"^name must be a string; got "):
        model(inputs)


@pytest.mark.parametrize("dtype", ["float3", "foo", "string", 3, "U3", object, ""])
def test_a_type_that_is_none(dtype):
    required = r"dtype must name a type of numbers, as 'float32' or 'int32' do; got "
    with pytest.raises(TypeError, match="^Layer out: " + required):
        Dense(3, name="out", dtype=dtype)
    with pytest.raises(TypeError, match="^Layer in: " + required):
        Input((3,), name="in", dtype=dtype)
    with pytest.raises(TypeError, match="^Layer own, weight 'w': " + required):
        Layer(name="own").add_weight("w", (2,), dtype=dtype)
    for function, arguments in (
        ("placeholder", [(2,)]), ("variable", [1.0]), ("constant", [1.0]), ("zeros", [(2,)]), ("ones", [(2,)]),
        ("zeros_like", [np.ones(2)]), ("random_uniform", [(2,)]), ("arange", [3]),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=f"{function}: {required}"):
            getattr(K, function)(*arguments, dtype=dtype)
    with pytest.raises(TypeError, match=f"cast: {required}"):
        K.cast(K.variable([1.0]), dtype)


@pytest.mark.parametrize(
    "dtype", ["float32", np.float32, np.dtype("float32"), float, "bfloat16", "bool", "uint8", None]
)
def test_a_type_in_all_its_forms(dtype):
    assert K.dtype(K.placeholder((2,), dtype=dtype)) in ("float32", "bfloat16", "bool", "uint8")
    assert Dense(3, dtype=dtype).dtype is dtype

"""Corners of `fit` and its like: the numbers that genuine Keras 2.2.4 gave (tests/data/corners.json)."""

import decimal
import json
import pathlib
import warnings

import numpy as np
import pytest

from kjax import backend as K
from kjax import optimizers
from kjax.callbacks import Callback
from kjax.layers import (
    BatchNormalization,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Layer,
    Masking,
    ReLU,
    SimpleRNN,
)
from kjax.metrics import top_k_categorical_accuracy
from kjax.models import Model, Sequential, load_model
from kjax.utils import CustomObjectScope, Sequence, to_categorical

GENUINE = json.loads((pathlib.Path(__file__).parents[1] / "data" / "corners.json").read_text())

draws = np.random.RandomState(0)
X = draws.rand(8, 4).astype("float32")
Y = (draws.rand(8, 1) > 0.5).astype("float32")
W = draws.rand(8).astype("float32")
W[2] = 0
Y2 = np.eye(3, dtype="float32")[draws.randint(0, 3, 8)]
T = draws.rand(8, 5, 4).astype("float32")
TY = draws.rand(8, 5, 2).astype("float32")
TW = draws.rand(8, 5).astype("float32")
TW[0, 0] = 0
T[:, 3:] = 0
T[0, 2] = 0
CW = {0: 1.0, 1: 10.0}
S = X.round(2)


def same(case, got):
    """Compares nested lists, dicts and arrays with what genuine Keras gave for a case."""
    _same(GENUINE[case], got, case)


def _same(want, got, case):
    if isinstance(want, dict):
        assert want.keys() == got.keys(), case
        for k in want:
            _same(want[k], got[k], case)
    elif isinstance(want, list) and len(want) == 2 and isinstance(want[0], str) and isinstance(want[1], list):
        assert str(np.asarray(got).dtype) == want[0], case
        np.testing.assert_allclose(got, want[1], rtol=2e-4, atol=1e-6, err_msg=case)
    elif isinstance(want, list):
        assert len(want) == len(got), case
        for w, g in zip(want, got, strict=True):
            _same(w, g, case)
    elif isinstance(want, (bool, str, type(None))):
        assert want == got, case
    else:
        np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-6, err_msg=case)


def filled(model):
    for layer in model.layers:
        layer.set_weights([np.linspace(-0.5, 0.6, w.size).reshape(w.shape) for w in layer.get_weights()])
    return model


def dense(loss="mse", units=1, activation="sigmoid", optimizer="sgd", **compiled):
    model = Sequential([Dense(units, activation=activation, input_shape=(4,), name="d")])
    model.compile(optimizer, loss, **compiled)
    return filled(model)


def pair(**compiled):
    inputs = Input((4,))
    model = filled(Model(inputs, [Dense(1, name="p")(inputs), Dense(1, name="q")(inputs)]))
    model.compile("sgd", "mse", **compiled)
    return model


def mean(a, b):
    return K.mean(K.square(a - b))


def dice(a, b):
    return 1 - (2 * K.sum(a * b) + 1) / (K.sum(a) + K.sum(b) + 1)


def axis0(a, b):
    return K.mean(K.square(a - b), axis=0)


# ------------------------------------------------------------ losses of one number


@pytest.mark.parametrize("loss", [mean, dice, axis0])
def test_a_loss_of_one_number_is_weighted(loss):
    name, quiet = f"scalar/{loss.__name__}", {"verbose": 0, "shuffle": False}
    model = dense(loss)
    history = model.fit(X, Y, class_weight=CW, batch_size=3, epochs=2, **quiet).history
    same(f"{name}/fit_cw", [history["loss"], model.get_weights()])
    same(f"{name}/val", dense(loss).fit(X, Y, sample_weight=W, validation_data=(X, Y, W), verbose=0).history)
    batches = iter([(X, Y, W)] * 9)
    same(f"{name}/gen", dense(loss).fit_generator(batches, steps_per_epoch=2, verbose=0).history["loss"])


@pytest.mark.parametrize("masked", [0, 1])
def test_a_loss_of_one_number_with_a_mask_and_weights_in_time(masked):
    def sequences(**compiled):
        first = [Masking(input_shape=(5, 4))] if masked else []
        shape = {} if masked else {"input_shape": (5, 4)}
        model = Sequential([*first, SimpleRNN(2, return_sequences=True, **shape)])
        model.compile("sgd", mean, **compiled)
        return filled(model)

    same(f"scalar/axis0/seq{masked}_sw", sequences().train_on_batch(T, TY, sample_weight=W))
    weighted = sequences(sample_weight_mode="temporal").test_on_batch(T, TY, sample_weight=TW)
    same(f"scalar/axis0/seq{masked}_tw", weighted)


def test_a_metric_of_one_number_is_weighted():
    def t2(a, b):
        return top_k_categorical_accuracy(a, b, k=2)

    both = {"metrics": [t2, "acc"], "weighted_metrics": [t2, "acc"]}
    model = dense("categorical_crossentropy", 3, "softmax", **both)
    same("topk/w2", model.evaluate(X, Y2, sample_weight=W, batch_size=3, verbose=0))


# ------------------------------------------------------------ metrics by name


@pytest.mark.parametrize("name", ["accuracy", "acc", "crossentropy", "mae"])
def test_an_own_metric_of_a_known_name_comes_back_from_a_file(tmp_path, name):
    def metric(a, b):
        return K.mean(K.abs(a - b) * 3)

    metric.__name__ = name
    model = dense("binary_crossentropy", metrics=[metric], weighted_metrics=[metric])
    model.save(tmp_path / "m.h5")
    again = load_model(tmp_path / "m.h5", custom_objects={name: metric})
    assert again.metrics_names == model.metrics_names
    np.testing.assert_allclose(again.test_on_batch(X, Y, W), model.test_on_batch(X, Y, W), rtol=1e-6)


def test_a_scope_leaves_accuracy_to_keras(tmp_path):
    dense("binary_crossentropy", metrics=["accuracy"]).save(tmp_path / "m.h5")
    with CustomObjectScope({"accuracy": mean}):
        assert load_model(tmp_path / "m.h5").metrics_names == ["loss", "acc"]


# ------------------------------------------------------------ layers


@pytest.mark.parametrize(
    ("most", "threshold", "slope"),
    [
        (0.8, -0.5, 0.0),
        (0.8, -0.5, 0.2),
        (None, -0.5, 0.0),
        (None, -0.5, 0.1),
        (6.0, 0.0, 0.2),
        (0.8, 0.3, 0.1),
        (0.0, 0.0, 0.0),
        (6, 1.0, 0.1),
    ],
)
def test_relu_and_its_gradient(most, threshold, slope):
    x = np.array([[-2, -0.5, -0.4, -0.1, 0, 0.1, 0.4, 0.5, 0.7, 0.8, 0.9, 1, 2, 6, 7]], "float32")
    layer = Sequential([ReLU(max_value=most, threshold=threshold, negative_slope=slope, input_shape=(15,))])
    variable = K.variable(x)
    y = K.relu(variable, alpha=slope, max_value=most, threshold=threshold)
    gradient = K.gradients(K.sum(y), [variable])[0]
    same(f"relu/{most}/{threshold}/{slope}", [layer.predict(x), K.eval(y), K.eval(gradient)])


def test_a_negative_slope_is_not_cut_at_the_maximum():
    x = np.array([[-2, -0.5, -0.4, -0.1, 0, 0.1, 0.4, 0.5, 0.7, 0.8, 0.9, 1, 2, 6, 7]], "float32")
    same("relu/negslope", K.eval(K.relu(K.variable(x), alpha=-0.5, max_value=0.3)))


@pytest.fixture
def test_phase():
    K.set_learning_phase(0)
    yield
    K.clear_session()


@pytest.mark.parametrize("door", ["fit", "gen"])
def test_averages_move_in_the_test_phase(test_phase, door):
    normalization = BatchNormalization(momentum=0.9, scale=False)
    model = filled(Sequential([Dense(3, input_shape=(4,)), normalization, Dropout(0.5), Dense(1)]))
    normalization.set_weights([np.zeros(3), np.zeros(3), np.ones(3)])
    model.compile("sgd", "mse")
    kernel = model.layers[0].get_weights()
    if door == "fit":
        model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    else:
        model.fit_generator(iter([(X[:4], Y[:4]), (X[4:], Y[4:])]), steps_per_epoch=2, verbose=0, workers=0)
    batch = X[:4] @ kernel[0] + kernel[1]
    moved = normalization.get_weights()[1]
    assert np.all(np.abs(moved - 0.19 * batch.mean(0)) < 0.05) and np.all(moved != 0)
    frozen = Sequential([BatchNormalization(input_shape=(4,), trainable=False), Dense(1)])
    frozen.compile("sgd", "mse")
    frozen.train_on_batch(X, Y)
    assert np.array_equal(frozen.layers[0].get_weights()[2], np.zeros(4))
    K.set_learning_phase(1)
    inputs = Input((4,))
    inner = Sequential([BatchNormalization(input_shape=(4,))])
    assert not Model(inputs, inner(inputs, training=False)).get_updates_for(inputs)


# ------------------------------------------------------------ steps and weights of losses


class Batches(Sequence):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X, Y


class Count(Callback):
    batches = 0

    def on_train_begin(self, logs=None):
        self.told = {k: v for k, v in self.params.items() if k in ("steps", "metrics", "do_validation")}

    def on_batch_end(self, batch, logs=None):
        self.batches += 1


@pytest.mark.parametrize("steps", [2.5, 0.5, np.float32(1.5), np.int64(2)])
def test_steps_need_not_be_whole(steps):
    def batches():
        return iter([(X, Y)] * 50)

    for case, source in (("fit", batches()), ("fitseq", Batches())):
        count = Count()
        quiet = {"verbose": 0, "callbacks": [count], "workers": 0}
        history = dense().fit_generator(source, steps_per_epoch=steps, epochs=2, **quiet).history
        got = [[count.batches, 0], {**count.told, "steps": float(count.told["steps"])}, sorted(history)]
        same(f"steps/{case}/{steps}", [*got, history["loss"]])
    validated = {"validation_data": batches(), "validation_steps": steps, "verbose": 0}
    val = dense().fit_generator(batches(), steps_per_epoch=1, epochs=2, **validated).history
    assert len(val["val_loss"]) == 2
    same(f"steps/eval/{steps}", dense().evaluate_generator(batches(), steps=steps))
    assert list(dense().predict_generator(batches(), steps=steps).shape) == GENUINE[f"steps/pred/{steps}"]
    dense().fit(X, Y, steps_per_epoch=steps, validation_data=(X, Y), validation_steps=steps, verbose=0)
    for wrong in (0, -1.5, float("nan"), float("inf"), True, "3"):
        with pytest.raises(ValueError, match="`steps_per_epoch` must be a number > 0; got"):
            dense().fit_generator(batches(), steps_per_epoch=wrong)


def test_epochs_may_be_whole_numbers_of_any_type():
    for epochs in (2.0, np.float64(2), np.int64(2)):
        history = dense().fit_generator(Batches(), epochs=epochs, initial_epoch=0.0, verbose=0, workers=0).history
        assert len(history["loss"]) == 2


def test_a_bar_of_steps_that_are_not_whole_ends(capsys):
    dense().fit_generator(Batches(), steps_per_epoch=2.5, verbose=1, workers=0)
    assert "3/3 [=" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["list", "dict", "mixed"])
def test_weights_of_losses_are_annealed(kind):
    for door in ("fit", "tob"):
        a, b = K.variable(0.5), K.variable(2.0)
        model = pair(loss_weights={"list": [a, b], "dict": {"p": a, "q": b}, "mixed": [a, 1.0]}[kind])
        got = []

        class Anneal(Callback):
            def on_epoch_begin(self, epoch, logs=None, a=a):
                K.set_value(a, 0.5 / (epoch + 1))

            def on_batch_end(self, batch, logs=None, b=b):
                K.set_value(b, K.get_value(b) * 0.5)

        if door == "fit":
            quiet = {"shuffle": False, "verbose": 0, "callbacks": [Anneal()]}
            got.append(model.fit(X, [Y, Y], epochs=3, batch_size=4, **quiet).history)
            compilations = model.compilations
        else:
            for k in range(3):
                got.append(model.train_on_batch(X, [Y, Y]))
                K.set_value(a, 3.0 * k)
        same(f"lw/{kind}{door}", [*got, model.evaluate(X, [Y, Y], verbose=0), model.get_weights()])
    assert compilations <= 1  # none where an equal model was compiled before


def test_a_model_with_annealed_weights_is_saved(tmp_path):
    a = K.variable(0.5)
    model = pair(loss_weights=[a, 1.0])
    K.set_value(a, 0.25)
    model.save(tmp_path / "m.h5")
    again = load_model(tmp_path / "m.h5")
    assert again.loss_weights == [0.25, 1.0]
    np.testing.assert_allclose(again.test_on_batch(X, [Y, Y]), model.test_on_batch(X, [Y, Y]))


# ------------------------------------------------------------ data of many kinds


def doors(x, y):
    model, quiet = dense(), {"verbose": 0}
    yield model.fit(x, y, batch_size=4, shuffle=False, validation_data=(x, y), **quiet).history
    yield model.evaluate(x, y, batch_size=3, **quiet)
    yield model.predict(x)
    yield model.train_on_batch(x, y)
    yield model.test_on_batch(x, y)
    yield model.predict_on_batch(x)
    batches = {"steps_per_epoch": 2, "validation_data": (x, y), "workers": 0}
    yield model.fit_generator(iter([(x, y)] * 5), **batches, **quiet).history
    yield model.fit_generator(Twice(x, y), workers=0, **quiet).history
    yield model.evaluate_generator(iter([(x, y)] * 5), steps=2, workers=0)
    yield model.predict_generator(iter([x] * 5), steps=1, workers=0)


class Twice(Sequence):
    def __init__(self, *batch):
        self.batch = batch

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.batch


def rows(kind):
    return np.array([[kind(v) for v in row] for row in S])


INPUTS = {
    "matrix": lambda: X.view(np.matrix),
    "masked": lambda: np.ma.masked_array(X, X > 0.8),
    "str": lambda: rows(str),
    "bytes": lambda: rows(lambda v: str(v).encode()),
    "objstr": lambda: rows(str).astype(object),
    "objmix": lambda: np.array([[decimal.Decimal("0.5"), 1, True, "2.5"]] * 8, object),
    "i64": lambda: (X * 10).astype("int64"),
}
LABELS = Y[:, 0].astype(int)
TARGETS = {
    "strs": lambda: LABELS.astype(str),
    "bytes": lambda: LABELS.astype(str).astype("S"),
    "objs": lambda: LABELS.astype(str).astype(object),
    "mat": lambda: Y.view(np.matrix),
    "col": lambda: LABELS.astype(str)[:, None],
}


@pytest.mark.filterwarnings("ignore:.*masked array")
@pytest.mark.parametrize("kind", INPUTS)
def test_inputs_of_many_kinds_at_every_door(kind):
    same(f"x/{kind}", list(doors(INPUTS[kind](), Y)))


@pytest.mark.parametrize("kind", TARGETS)
def test_targets_of_many_kinds_at_every_door(kind):
    same(f"y/{kind}", list(doors(X, TARGETS[kind]())))


def test_tables_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(S, columns=list("abcd"))
    numbers = pandas.DataFrame((S * 10).astype(int))
    coded = frame.assign(a=pandas.Categorical([0, 1] * 4))
    for table in (frame.astype(str), frame.assign(b=frame.b.astype(str)), frame.astype("Float64")):
        np.testing.assert_allclose(dense().predict(table), dense().predict(S), rtol=1e-6)
    np.testing.assert_allclose(dense().predict(numbers.astype("Int64")), dense().predict(numbers.values), rtol=1e-6)
    np.testing.assert_allclose(dense().predict(coded), dense().predict(np.asarray(coded, "float32")), rtol=1e-6)
    series = pandas.Series(LABELS)
    for labels in (series.astype(str), series.astype("Int64"), pandas.Series(pandas.Categorical(LABELS)), series > 0):
        assert dense().train_on_batch(X, labels) == dense().train_on_batch(X, LABELS)
    waiting = Sequential([Dense(1)])
    waiting.compile("sgd", "mse")
    waiting.fit(frame.astype(str), series, verbose=0)
    assert waiting.count_params() == 5


def test_labels_as_text_for_a_sparse_loss():
    labels = Y2.argmax(1)
    for case, y, weights in (
        ("str", labels.astype(str), None),
        ("bytes", labels.astype("S"), None),
        ("strcw", labels.astype(str), {0: 1, 1: 2, 2: 3.0}),
        ("cwnp", labels, {np.int64(0): 1, np.int32(1): 2, 2: np.float32(3)}),
    ):
        model = dense("sparse_categorical_crossentropy", 3, "softmax", metrics=["acc"])
        quiet = {"epochs": 2, "batch_size": 4, "shuffle": False, "verbose": 0}
        history = model.fit(X, y, class_weight=weights, **quiet).history
        same("sparse/" + {"strcw": "cw"}.get(case, case), [history, model.evaluate(X, y, verbose=0)])


def test_row_numbers_as_text():
    model = Sequential([Embedding(9, 2, input_length=4), Flatten(), Dense(1)])
    ids = np.array([[1, 2, 3, 4]] * 2)
    assert np.array_equal(model.predict(ids.astype(str)), model.predict(ids))


# ------------------------------------------------------------ weights that weigh nothing


@pytest.mark.parametrize(
    ("case", "arguments", "text"),
    [
        ("cw{}", {"class_weight": {}}, None),
        ("cw[1]", {"class_weight": [CW]}, None),
        ("cw[2]", {"class_weight": [CW, CW]}, "class_weight=.* weighs nothing, as in Keras"),
        ("cwtuple", {"class_weight": (CW,)}, "class_weight=.* weighs nothing, as in Keras"),
        ("cwname", {"class_weight": {"d": CW}}, None),
        ("both", {"class_weight": CW, "sample_weight": W}, "its class_weight is ignored, as in Keras"),
        ("sw[e]", {"sample_weight": []}, None),
    ],
)
def test_weights_of_one_output(case, arguments, text):
    _checked(case, dense(), Y, arguments, text)


@pytest.mark.parametrize(
    ("case", "arguments", "text"),
    [
        (
            "m_cw",
            {"class_weight": CW},
            "class_weight names 0, which is ignored, as in Keras; the outputs are .'p', 'q'",
        ),
        ("m_cw[]", {"class_weight": [CW, None]}, None),
        ("m_cwwrong", {"class_weight": {"p": CW, "z": CW}}, "class_weight names 'z', which is ignored"),
        ("m_sw", {"sample_weight": {"p": W, "z": W}}, "sample_weight names 'z', which is ignored"),
        ("m_swe", {"sample_weight": {}}, None),
    ],
)
def test_weights_of_two_outputs(case, arguments, text):
    _checked(case, pair(), [Y, Y], arguments, text)


def _checked(case, model, y, arguments, text):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = [model.fit(X, y, verbose=0, **arguments).history, model.train_on_batch(X, y, **arguments)]
    same(f"weights/{case}", got)
    said = [str(w.message) for w in caught if "weigh" in str(w.message) or "ignored" in str(w.message)]
    assert len(said) == (2 if text else 0)
    if text:
        with pytest.warns(UserWarning, match=text):
            model.train_on_batch(X, y, **arguments)


def test_weights_of_a_model_without_targets():
    for case, arguments in (("notgt_sw", {"sample_weight": W}), ("notgt_cw", {"class_weight": CW})):
        inputs = Input((4,))
        y = Dense(1)(inputs)
        model = filled(Model(inputs, y))
        model.add_loss(K.mean(K.square(y)))
        model.compile("sgd", None)
        same(f"weights/{case}", [model.fit(X, verbose=0, epochs=2, **arguments).history, model.train_on_batch(X, None)])


def test_metrics_of_outputs_that_are_none():
    for case, arguments in (
        ("met_unknown", {"metrics": {"p": "mae", "zz": "acc"}}),
        ("wmet_unknown", {"weighted_metrics": {"p": ["mae"], "zz": "acc"}}),
        ("met_none", {"metrics": {"zz": "acc"}}),
    ):
        with pytest.warns(UserWarning, match="metrics names 'zz', which is ignored, as in Keras"):
            model = pair(**arguments)
        same(f"weights/{case}", [model.metrics_names, model.test_on_batch(X, [Y, Y])])


# ------------------------------------------------------------ nothing to validate on, nothing to predict for


@pytest.mark.parametrize("split", [1.0, 1e-20])
def test_a_split_that_leaves_nothing(split):
    quiet = {"verbose": 0, "batch_size": 4, "shuffle": False}
    with pytest.warns(UserWarning, match="trained without validation, as in Keras"):
        history = dense().fit(X, Y, validation_split=split, **quiet).history
    _same(dict(GENUINE[f"split/{split}"]), history, split)


def test_validation_data_without_a_sample():
    quiet = {"verbose": 0, "batch_size": 4, "shuffle": False}
    with pytest.warns(UserWarning, match="validation_data holds no sample: .*without validation"):
        history = dense().fit(X, Y, validation_data=(X[:0], Y[:0], W[:0]), **quiet).history
    _same(dict(GENUINE["split/emptyval3"]), history, "arrays")
    with pytest.warns(UserWarning, match="validation_data holds no sample"):
        empty = {"validation_data": (X[:0], Y[:0]), "steps_per_epoch": 2}
        history = dense().fit_generator(iter([(X, Y)] * 3), verbose=0, workers=0, **empty).history
    _same(dict(GENUINE["split/genemptyval"]), history, "generator")


def test_predictions_for_no_sample():
    model = dense(units=3)
    batches = iter([X, X[:0], X[:2]])
    assert model.predict(X[:0]).shape == model.predict_on_batch(X[:0]).shape == (0, 3)
    assert model.predict(X[:0]).dtype == "float32"
    assert model.predict_generator(batches, steps=3, workers=0).shape == (10, 3)
    assert Sequential([Conv1D(3, 2, input_shape=(None, 2))]).predict(np.zeros((0, 7, 2))).shape == (0, 6, 3)


# ------------------------------------------------------------ labels and optimizers


def test_negative_labels_count_from_the_end():
    same("cat/a", to_categorical([-1, 0, 1], 3))
    with pytest.warns(UserWarning, match="negative labels count from the end, so -1 and 1 are one class of 2"):
        same("cat/b", to_categorical([-1, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_categorical([-1, 0, 1], 3)
    for wrong in ([0, 3], [-4]):
        with pytest.raises(ValueError, match="must hold labels from 0 to num_classes - 1 = 2"):
            to_categorical(wrong, 3)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SGD", {"momentum": 0.9}),
        ("SGD", {}),
        ("RMSprop", {}),
        ("Adagrad", {}),
        ("Adadelta", {}),
        ("Adam", {}),
        ("Adam", {"amsgrad": True}),
        ("Adamax", {}),
        ("Nadam", {}),
    ],
)
def test_the_state_of_an_optimizer_before_its_first_step(name, arguments):
    def made():
        return dense(optimizer=getattr(optimizers, name)(**arguments))

    def described(optimizer):
        return [[str(v.dtype), list(v.shape), float(v.sum())] for v in optimizer.get_weights()]

    model = made()
    got = [len(model.optimizer.get_weights())]
    model._make_train_function()
    got.append(described(model.optimizer))
    for _ in range(3):
        model.train_on_batch(X, Y)
    saved, weights = model.optimizer.get_weights(), model.get_weights()
    got.append(described(model.optimizer))
    got.append([model.train_on_batch(X, Y), model.get_weights()])
    other = made()
    other.set_weights(weights)
    other._make_train_function()
    other.optimizer.set_weights(saved)
    got.append([other.train_on_batch(X, Y), other.get_weights()])
    _same(GENUINE[f"opt/{name}{arguments}"][:5], got, name)


# ------------------------------------------------------------ small things


@pytest.mark.parametrize("axis", [np.int64(-1), np.int32(1), np.uint8(1)])
def test_the_axis_of_batch_normalization_may_be_a_number_of_numpy(axis):
    model = Sequential([BatchNormalization(axis=axis, input_shape=(4,))])
    assert type(model.layers[0].axis) is int
    assert Sequential.from_config(model.get_config()).predict(X).shape == (8, 4)


def test_weights_of_sublayers_built_by_hand_have_names_of_their_own():
    class Two(Layer):
        def build(self, input_shape):
            self.a, self.b = Dense(3), Dense(2)
            self.a.build(input_shape)
            self.b.build((None, 3))
            self._trainable_weights += self.a.trainable_weights + self.b.trainable_weights
            self.w = self.add_weight(name="w", shape=(2,), initializer="zeros")
            super().build(input_shape)

        def call(self, x):
            return self.b.call(self.a.call(x)) + self.w

        def compute_output_shape(self, input_shape):
            return (input_shape[0], 2)

    model = Sequential([Two(input_shape=(4,), name="my")])
    assert [w.name for w in model.weights] == GENUINE["names/build"][0]


def test_setting_the_rate_after_the_first_step_acts():
    model = dense()
    losses = [model.train_on_batch(X, Y)]
    model.optimizer.lr = 0.0
    losses += [model.train_on_batch(X, Y), model.train_on_batch(X, Y)]
    assert losses[0] > losses[1] == losses[2]


def test_ctc_of_too_little_time():
    costs = np.full((2, 6, 4), 0.25, "float32")
    labels = np.array([[1, 1, 1], [0, 1, 2]])

    def cost(steps, made=K.variable):
        lengths = made(np.array([[steps], [6]])), made(np.array([[3], [3]]))
        return K.eval(K.ctc_batch_cost(made(labels.astype("float32")), made(costs), *lengths)).ravel()

    for steps, finite in ((2, False), (3, False), (4, False), (5, True), (6, True)):
        assert list(np.isfinite(cost(steps))) == [finite, True]
    with pytest.raises(ValueError, match="not enough time for the labels of row 0: input_length is 2, label_length 3"):
        cost(2, np.asarray)
    decoded = K.ctc_decode(costs, np.array([6, 6]))[0][0]
    assert K.get_value(decoded).dtype == "int64"

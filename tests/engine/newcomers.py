"""What newcomers get wrong, as a table; `python -m tests.engine.newcomers` writes it as docs/mistakes.md."""

from __future__ import annotations

import pathlib
import tempfile
import warnings
from typing import NamedTuple

import numpy as np

from kjax.callbacks import EarlyStopping
from kjax.layers import (
    LSTM,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Lambda,
    MaxPooling2D,
    Reshape,
)
from kjax.models import Model, Sequential, load_model
from kjax.optimizers import SGD
from kjax.utils import Sequence, to_categorical

TEMPORARY = tempfile.mkdtemp()
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "mistakes.md"


class Mistake(NamedTuple):
    """One row: what was done, the call that does it, words that the message must hold, the cure among them."""

    what: str
    call: object
    words: tuple
    warns: bool = False


def compiled(*layers, loss="mse", optimizer="sgd", **more):
    model = Sequential(list(layers))
    model.compile(optimizer, loss, **more)
    return model


def dense(units=1, loss="mse", activation=None, width=20, **more):
    return compiled(Dense(units, activation=activation, input_shape=(width,), name="d"), loss=loss, **more)


def images(shape=(8, 8, 1), units=3, flat=True, loss="categorical_crossentropy"):
    middle = [Flatten(name="f")] if flat else []
    first = Conv2D(2, 3, input_shape=shape, name="c")
    return compiled(first, *middle, Dense(units, activation="softmax", name="d"), loss=loss)


def recurrent(**more):
    return compiled(LSTM(2, input_shape=(5, 3), name="l", **more), Dense(1, name="d"))


def two_inputs():
    a, b = Input((2,), name="a"), Input((3,), name="b")
    model = Model([a, b], Dense(1, name="d")(Concatenate()([a, b])))
    model.compile("sgd", "mse")
    return model


def two_outputs(**more):
    x = Input((2,), name="x")
    model = Model(x, [Dense(1, name="p")(x), Dense(1, name="q")(x)])
    model.compile("sgd", "mse", **more)
    return model


def ones(*shape):
    return np.ones(shape, "float32")


def one_hot(n, classes):
    return np.eye(classes, dtype="float32")[np.arange(n) % classes]


class Frame:
    """A pandas DataFrame where there is one."""

    def __new__(cls, **columns):
        import pandas

        return pandas.DataFrame(columns)


class FloatLength(Sequence):
    def __len__(self):
        return 2.5

    def __getitem__(self, index):
        return ones(2, 20), ones(2, 1)


def saved(model):
    path = pathlib.Path(TEMPORARY) / "m.h5"
    model.save(path)
    return path


def of_batches(batch):
    while True:
        yield batch


def with_nan(*shape):
    x = ones(*shape)
    x[3] = np.nan
    return x


X, Y = ones(6, 20), ones(6, 1)
quiet = {"verbose": 0}

DATA = [
    Mistake(
        "one sample without the batch axis", lambda: dense().predict(ones(20)), ("(20,)", "(None, 20)", "x[np.newaxis]")
    ),
    Mistake(
        "one image without the batch axis",
        lambda: images().predict(ones(8, 8, 1)),
        ("(8, 8, 1)", "(None, 8, 8, 1)", "x[np.newaxis]"),
    ),
    Mistake(
        "a list of numbers as one sample", lambda: dense().predict([1.0] * 20), ("(20,)", "(None, 20)", "x[np.newaxis]")
    ),
    Mistake(
        "images without a channels' axis",
        lambda: images().fit(ones(6, 8, 8), one_hot(6, 3), **quiet),
        ("(6, 8, 8)", "x[..., np.newaxis]", "(6, 8, 8, 1)"),
    ),
    Mistake(
        "images with the channels first",
        lambda: images((8, 8, 3)).fit(ones(6, 3, 8, 8), one_hot(6, 3), **quiet),
        ("(3, 8, 8)", "np.moveaxis(x, 1, -1)", "channels_first"),
    ),
    Mistake(
        "grey images for a model of coloured ones",
        lambda: images((8, 8, 3)).predict(ones(6, 8, 8, 1)),
        ("(8, 8, 1)", "np.repeat(x, 3, axis=-1)"),
    ),
    Mistake(
        "coloured images for a model of grey ones",
        lambda: images().predict(ones(6, 8, 8, 3)),
        ("(8, 8, 3)", "x.mean(axis=-1, keepdims=True)"),
    ),
    Mistake(
        "images of another size",
        lambda: images().predict(ones(6, 9, 9, 1)),
        ("(9, 9, 1)", "Resize the images to (8, 8)"),
    ),
    Mistake(
        "images for a model of vectors",
        lambda: dense(width=64).fit(ones(6, 8, 8), Y, **quiet),
        ("(6, 8, 8)", "x.reshape(len(x), -1)", "Flatten"),
    ),
    Mistake(
        "2-D data for an LSTM",
        lambda: recurrent().fit(ones(6, 15), Y, **quiet),
        ("(6, 15)", "(samples, steps, features)", "x.reshape(-1, 5, 3)"),
    ),
    Mistake(
        "a series of one feature for an LSTM",
        lambda: compiled(LSTM(2, input_shape=(5, 1), name="l"), Dense(1)).fit(ones(6, 5), Y, **quiet),
        ("(6, 5)", "x[..., np.newaxis]"),
    ),
    Mistake("samples in columns", lambda: dense().fit(ones(20, 6), Y, **quiet), ("(20, 6)", "x.T")),
    Mistake("another number of features", lambda: dense().fit(ones(6, 19), Y, **quiet), ("(20,)", "(19,)")),
    Mistake(
        "data for one input of two",
        lambda: two_inputs().predict(ones(6, 2)),
        ("2 array(s)", "['a', 'b']", "1 array(s)"),
    ),
    Mistake(
        "inputs in the wrong order",
        lambda: two_inputs().predict([ones(6, 3), ones(6, 2)]),
        ("expected a", "(2,)", "(3,)"),
    ),
    Mistake(
        "a wrong key for an input",
        lambda: two_inputs().predict({"a": ones(6, 2), "B": ones(6, 3)}),
        ('"b"', "['a', 'b']", "['a', 'B']"),
    ),
    Mistake(
        "fewer targets than samples", lambda: dense().fit(X, Y[:5], **quiet), ("6 input samples", "5 target samples")
    ),
    Mistake(
        "sequences of unequal length",
        lambda: dense().predict([[1, 2, 3], [1, 2]]),
        ("d_input", "unequal length", "pad_sequences"),
    ),
    Mistake(
        "an array of arrays",
        lambda: dense(width=2).predict(np.array([ones(2), ones(2), None], dtype=object)[:2]),
        ("ndarray", "np.stack(list(x))"),
    ),
    Mistake(
        "text as data",
        lambda: dense(width=2).fit(np.array([["red", "1"]] * 6), Y, **quiet),
        ("'red'", "row 0", "pandas.get_dummies"),
    ),
    Mistake(
        "a table with a column of text",
        lambda: dense(width=2).fit(Frame(size=[1, 2], city=["Rome", "Oslo"]), Y[:2], **quiet),
        ("column 'city'", "'Rome'", "get_dummies"),
    ),
    Mistake(
        "a table with missing values",
        lambda: dense(width=2).fit(
            Frame(size=[1, 2], age=[3, None]).astype(object).where(lambda t: t.notna(), None), Y[:2], **quiet
        ),
        ("column 'age'", "row 1", "fillna"),
    ),
    Mistake(
        "dates as data",
        lambda: dense(width=2).predict(np.array([["2020-01-01"] * 2], "M8[D]")),
        ("datetime64", "astype('int64')"),
    ),
    Mistake(
        "NaN in the data",
        lambda: dense().fit(with_nan(6, 20), Y, **quiet),
        ("input 'd_input'", "NaN", "sample 3", "np.nan_to_num"),
        True,
    ),
    Mistake(
        "NaN in the targets",
        lambda: dense().fit(X, with_nan(6, 1), **quiet),
        ("targets of output 'd'", "NaN", "sample 3"),
        True,
    ),
    Mistake(
        "a loss that runs away",
        lambda: dense(optimizer=SGD(1e30)).fit(X, Y, epochs=3, **quiet),
        ("the loss is", "epoch 2", "learning rate", "clipnorm"),
        True,
    ),
    Mistake("no data at all", lambda: dense().fit(X[:0], Y[:0], **quiet), ("no sample",)),
    Mistake("a symbolic tensor as data", lambda: dense().predict(Input((20,))), ("symbolic tensor", "model(tensor)")),
    Mistake(
        "row numbers past an Embedding",
        lambda: compiled(Embedding(5, 2, input_length=3, name="e")).predict(np.full((2, 3), 5)),
        ("0..4", "input_dim=5", "from 5 to 5", "input_dim=6"),
    ),
]

TARGETS = [
    Mistake(
        "Flatten forgotten",
        lambda: images(flat=False).fit(ones(6, 8, 8, 1), one_hot(6, 3), **quiet),
        ("(None, 6, 6, 3)", "Flatten()"),
    ),
    Mistake(
        "an LSTM that returns sequences at the end",
        lambda: recurrent(return_sequences=True).fit(ones(6, 5, 3), Y, **quiet),
        ("(None, 5, 1)", "return_sequences=False"),
    ),
    Mistake(
        "class numbers with categorical_crossentropy",
        lambda: dense(3, "categorical_crossentropy", "softmax").fit(X, np.arange(6) % 3, **quiet),
        ("(6, 1)", "to_categorical", "sparse_categorical_crossentropy"),
    ),
    Mistake(
        "one-hot rows with sparse_categorical_crossentropy",
        lambda: dense(3, "sparse_categorical_crossentropy", "softmax").fit(X, one_hot(6, 3), **quiet),
        ("one-hot", "`categorical_crossentropy`", "np.argmax(y, axis=-1)"),
    ),
    Mistake(
        "class numbers with a loss for numbers",
        lambda: dense(3).fit(X, np.arange(6) % 3, **quiet),
        ("(3,)", "(1,)", "to_categorical(y, 3)"),
    ),
    Mistake(
        "a last layer narrower than the classes",
        lambda: dense(3, "categorical_crossentropy", "softmax").fit(X, one_hot(6, 4), **quiet),
        ("3 units", "Dense(4)"),
    ),
    Mistake(
        "a last layer narrower than the class numbers",
        lambda: dense(3, "sparse_categorical_crossentropy", "softmax").fit(X, np.arange(6), **quiet),
        ("from 0 to 5", "Dense(6)"),
    ),
    Mistake(
        "class numbers from 1",
        lambda: dense(3, "sparse_categorical_crossentropy", "softmax").fit(X, 1 + np.arange(6) % 3, **quiet),
        ("from 1 to 3", "y - 1"),
    ),
    Mistake(
        "labels -1 and 1 for a sparse loss",
        lambda: dense(2, "sparse_categorical_crossentropy", "softmax").fit(X, [-1, 1] * 3, **quiet),
        ("from -1 to 1", "(y + 1) // 2"),
    ),
    Mistake(
        "one unit with categorical_crossentropy",
        lambda: dense(1, "categorical_crossentropy", "sigmoid").fit(X, Y, **quiet),
        ("(6, 1)", "binary_crossentropy"),
    ),
    Mistake(
        "a softmax over one unit",
        lambda: dense(1, "binary_crossentropy", "softmax"),
        ("output 'd'", "always 1", "sigmoid"),
        True,
    ),
    Mistake(
        "a sigmoid with categorical_crossentropy",
        lambda: dense(3, "categorical_crossentropy", "sigmoid"),
        ("output 'd'", "softmax", "binary_crossentropy"),
        True,
    ),
    Mistake(
        "labels -1 and 1 with binary_crossentropy",
        lambda: dense(1, "binary_crossentropy", "sigmoid").fit(X, [-1, 1] * 3, **quiet),
        ("from -1", "[0, 1]", "(y + 1) / 2"),
        True,
    ),
    Mistake(
        "targets for one output of two", lambda: two_outputs().fit(ones(6, 2), Y, **quiet), ("2 array(s)", "['p', 'q']")
    ),
    Mistake("no targets", lambda: dense().fit(X, **quiet), ("['d']", "None")),
    Mistake(
        "text as class numbers",
        lambda: dense(3, "sparse_categorical_crossentropy", "softmax").fit(X, ["cat", "dog", "cow"] * 2, **quiet),
        ("'cat'", "row 0", "LabelEncoder"),
    ),
    Mistake("to_categorical of text", lambda: to_categorical(["cat", "dog"]), ("integer labels", "['cat', 'dog']")),
    Mistake(
        "to_categorical with too few classes", lambda: to_categorical([0, 3], 3), ("num_classes - 1 = 2", "from 0 to 3")
    ),
    Mistake(
        "to_categorical of -1 and 1", lambda: to_categorical([-1, 1]), ("-1 and 1 are one class", "(y + 1) // 2"), True
    ),
    Mistake(
        "sample_weight of another length", lambda: dense().fit(X, Y, sample_weight=ones(5), **quiet), ("(5,)", "(6, 1)")
    ),
    Mistake(
        "weights of time steps without saying so",
        lambda: recurrent(return_sequences=True).fit(ones(6, 5, 3), ones(6, 5, 1), sample_weight=ones(6, 5), **quiet),
        ("(6, 5)", 'sample_weight_mode="temporal"'),
    ),
    Mistake(
        "class_weight as a list",
        lambda: dense(1).fit(X, Y, class_weight=[1.0, 5.0], **quiet),
        ("weighs nothing", "dict class -> weight"),
        True,
    ),
    Mistake(
        "class_weight without all classes",
        lambda: dense(1).fit(X, Y, class_weight={0: 2.0}, **quiet),
        ("all classes", "[1.0]"),
    ),
    Mistake(
        "class_weight of time steps",
        lambda: recurrent(return_sequences=True).fit(ones(6, 5, 3), ones(6, 5, 1), class_weight={1: 2}, **quiet),
        ("3+ dimensional", "sample_weight"),
    ),
]

CALLS = [
    Mistake(
        "training before compile",
        lambda: Sequential([Dense(1, input_shape=(20,))]).fit(X, Y),
        ("compile", "fit", "model.compile(optimizer, loss)"),
    ),
    Mistake("a misspelt metric", lambda: dense(metrics=["acuracy"]), ("acuracy", "Did you mean accuracy")),
    Mistake("metrics as a string", lambda: dense(metrics="mae"), ("`metrics`", "metrics=['mae']")),
    Mistake("metrics as a misspelt string", lambda: dense(metrics="acuracy"), ("acuracy", "Did you mean accuracy")),
    Mistake(
        "a misspelt loss",
        lambda: dense(loss="binary_crossentropi"),
        ("binary_crossentropi", "Did you mean binary_crossentropy"),
    ),
    Mistake("a misspelt optimizer", lambda: dense(optimizer="adm"), ("adm", "Did you mean adam")),
    Mistake("a misspelt activation", lambda: dense(activation="rellu"), ("rellu", "Did you mean relu", "`activation`")),
    Mistake("an optimizer's class", lambda: dense(optimizer=SGD), ("instance", "SGD(...)")),
    Mistake("no loss", lambda: dense(loss=None), ("no loss to optimize",)),
    Mistake("a loss for an output that is none", lambda: dense(loss={"out": "mse"}), ("'out'", "['d']")),
    Mistake("a loss of one argument", lambda: dense(loss=lambda y: y), ("(y_true, y_pred)", "(y)")),
    Mistake("a loss in NumPy", lambda: dense(loss=lambda a, b: np.mean(np.square(a - b))), ("NumPy", "keras.backend")),
    Mistake(
        "a generator without steps_per_epoch",
        lambda: dense().fit_generator(of_batches((X, Y))),
        ("steps_per_epoch", "samples // batch_size"),
    ),
    Mistake(
        "a generator of three and more",
        lambda: dense().fit_generator(of_batches((X, Y, Y, Y)), 1, **quiet),
        ("(x, y, sample_weight)",),
    ),
    Mistake(
        "a generator of inputs only", lambda: dense().fit_generator(of_batches(X), 1, **quiet), ("(x, y)", "ndarray")
    ),
    Mistake("arrays for fit_generator", lambda: dense().fit_generator(X, 1), ("generator", "ndarray")),
    Mistake(
        "a Sequence whose length is no integer",
        lambda: dense().fit_generator(FloatLength(), **quiet),
        ("__len__", "np.ceil"),
    ),
    Mistake(
        "targets beside a generator",
        lambda: dense().fit(of_batches((X, Y)), Y, steps_per_epoch=1),
        ("`y`", "generator"),
    ),
    Mistake(
        "a generator that ends too early", lambda: dense().fit_generator(iter([(X, Y)]), 3, **quiet), ("fit_generator",)
    ),
    Mistake(
        "a callback's class",
        lambda: dense().fit(X, Y, callbacks=[EarlyStopping], **quiet),
        ("callbacks[0]", "EarlyStopping(...)"),
    ),
    Mistake("epochs as text", lambda: dense().fit(X, Y, epochs="3"), ("epochs", "integer", "'3'")),
    Mistake("a batch size of 0", lambda: dense().fit(X, Y, batch_size=0), ("batch_size", ">= 1", "0")),
    Mistake(
        "a share of validation above 1",
        lambda: dense().fit(X, Y, validation_split=20),
        ("validation_split", "[0, 1)", "20"),
    ),
    Mistake(
        "validation data that are no pair",
        lambda: dense().fit(X, Y, validation_data=X, **quiet),
        ("validation_data", "(x_val, y_val)"),
    ),
    Mistake("Keras 1's nb_epochs", lambda: dense().fit(X, Y, nb_epochs=3), ("nb_epochs", "Did you mean epochs")),
    Mistake("frozen layers after compile", lambda: frozen_late(), ("model.trainable", "model.compile"), True),
]


def frozen_late():
    model = dense()
    model.layers[0].trainable = False
    model.train_on_batch(X, Y)


LAYERS = [
    Mistake(
        "return_sequences forgotten between two LSTMs",
        lambda: compiled(LSTM(2, input_shape=(5, 3), name="l1"), LSTM(2, name="l2")),
        ("l2", "ndim=3", "(None, 2)", "return_sequences=True"),
    ),
    Mistake(
        "a convolution of vectors",
        lambda: compiled(Dense(4, input_shape=(4,)), Conv2D(2, 3, name="c")),
        ("c", "ndim=4", "(None, 4)", "Reshape"),
    ),
    Mistake(
        "an LSTM of images",
        lambda: compiled(Conv2D(2, 3, input_shape=(8, 8, 1)), LSTM(2, name="l")),
        ("l", "ndim=3", "(None, 6, 6, 2)", "Reshape"),
    ),
    Mistake(
        "pooling an image away",
        lambda: compiled(MaxPooling2D(9, input_shape=(8, 8, 1), name="m")),
        ("m", "(None, 8, 8, 1)"),
    ),
    Mistake(
        "a first layer without input_shape, weights read",
        lambda: Sequential([Dense(1)]).summary(),
        ("not yet been built", "input_shape"),
    ),
    Mistake(
        "the batch axis in input_shape",
        lambda: Sequential([Dense(1, input_shape=(None, None), name="d")]),
        ("d", "None"),
    ),
    Mistake("adding tensors of unlike shapes", lambda: Add(name="a")([Input((2,)), Input((3,))]), ("(2,)", "(3,)")),
    Mistake(
        "joining tensors of unlike shapes",
        lambda: Concatenate(axis=1, name="j")([Input((2, 3)), Input((2, 4))]),
        ("j", "(None, 2, 3)", "(None, 2, 4)"),
    ),
    Mistake(
        "reshaping to another number of elements",
        lambda: Reshape((3, 3), name="r")(Input((8,))),
        ("r", "(8,)", "(3, 3)"),
    ),
    Mistake(
        "a layer called on an array", lambda: Dense(1, name="d")(ones(2, 3)), ("d", "symbolic tensor", "model.predict")
    ),
    Mistake(
        "a layer in place of its output", lambda: Model(Input((2,)), Dense(1)), ("model", "symbolic tensors", "Dense")
    ),
    Mistake(
        "an input that the outputs do not reach",
        lambda: Model(Input((2,), name="a"), Dense(1)(Input((2,), name="b"))),
        ("disconnected", "'b"),
    ),
    Mistake("two layers of one name", lambda: Model(*twins()), ("same", "unique")),
    Mistake("an unknown argument of a layer", lambda: Dense(3, unit=4), ("unit",)),
    Mistake("a number of units that is none", lambda: Dense("64", name="d"), ("d", "units", "'64'")),
    Mistake("a rate in percent", lambda: Dropout(50, name="x"), ("x", "rate", "[0, 1)"), True),
    Mistake(
        "NumPy within a Lambda", lambda: Lambda(lambda x: np.exp(x))(Input((3,))), ("NumPy's exp", "keras.backend")
    ),
    Mistake(
        "`if` on a tensor", lambda: Lambda(lambda x: x if x > 0 else -x)(Input((3,))), ("no truth value", "K.switch")
    ),
    Mistake("a symbolic tensor as an array", lambda: np.asarray(Input((3,))), ("no value yet",)),
    Mistake(
        "weights of another shape", lambda: Dense(2, input_shape=(3,), name="d").set_weights([ones(2)]), ("d", "weight")
    ),
    Mistake(
        "an axis that is the batch's",
        lambda: BatchNormalization(axis=0, name="b")(Input((3,))),
        ("b", "axis", "batch axis"),
    ),
]


def twins():
    x = Input((3,))
    return x, Dense(2, name="same")(Dense(2, name="same")(x))


FILES = [
    Mistake("a file that is not there", lambda: load_model("nowhere.h5"), ("nowhere.h5",)),
    Mistake(
        "a model of one's own layer",
        lambda: load_model(saved(Sequential([Own(input_shape=(2,), name="o")]))),
        ("Own", "custom_objects"),
    ),
    Mistake("a file of weights as one of a model", lambda: load_model(weights_only()), ("load_weights",)),
    Mistake(
        "weights of another model", lambda: dense(width=3).load_weights(saved(dense(width=4))), ("(3, 1)", "(4, 1)")
    ),
]


class Own(Dense):
    """A layer of one's own."""

    def __init__(self, **kwargs):
        super().__init__(**{"units": 2, **kwargs})


def weights_only():
    path = pathlib.Path(TEMPORARY) / "w.h5"
    dense().save_weights(path)
    return path


TABLE = {"Data": DATA, "Targets and weights": TARGETS, "Calls": CALLS, "Layers": LAYERS, "Files": FILES}


def message(mistake) -> str:
    """What the mistake is answered with: 'ValueError: ...', 'UserWarning: ...'; '' for nothing."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            mistake.call()
        except (TypeError, ValueError, RuntimeError, OSError, ImportError) as error:
            return f"{type(error).__name__}: {error}"
    said = [
        w for w in caught if issubclass(w.category, UserWarning) and all(t in str(w.message) for t in mistake.words)
    ]
    return f"{said[0].category.__name__}: {said[0].message}" if said else ""


def page() -> str:
    """The table as Markdown."""
    lines = [
        "# Common mistakes, and what kjax says",
        "",
        "Written by `python -m tests.engine.newcomers`; a test makes every mistake and compares.",
        "Where genuine Keras goes on without a word, kjax goes on with a warning, once.",
    ]
    for section, rows in TABLE.items():
        lines += ["", f"## {section}", "", "| mistake | kjax says |", "| --- | --- |"]
        lines += [f"| {m.what} | {message(m).replace('|', chr(92) + '|').replace(TEMPORARY, '...')} |" for m in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

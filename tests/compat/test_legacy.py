"""Programs written for Keras 1.2 run as they are."""

import inspect
import warnings

import numpy as np
import pytest

import kjax
from kjax.compat.legacy import apply
from kjax.keras1.rules import LAYERS

RANDOM = np.random.RandomState(0)


@pytest.fixture
def quiet():
    """Without Keras's advice to update; anything else still shows."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore",
            "Update your|.*counts samples, as in Keras 1|.*are Keras 1 arguments|Embedding: dropout",
            UserWarning,
        )
        yield


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize(
    "old, new",
    [
        (
            lambda L: L.Dense(64, "uniform", "relu"),
            lambda L: L.Dense(64, kernel_initializer="uniform", activation="relu"),
        ),
        (
            lambda L: L.Dense(output_dim=3, bias=False, W_regularizer="l2"),
            lambda L: L.Dense(3, use_bias=False, kernel_regularizer="l2"),
        ),
        (
            lambda L: L.Convolution2D(8, 3, 5, "he_normal", "relu", border_mode="same", subsample=(2, 1)),
            lambda L: L.Conv2D(
                8, (3, 5), strides=(2, 1), padding="same", kernel_initializer="he_normal", activation="relu"
            ),
        ),
        (
            lambda L: L.Convolution1D(nb_filter=4, filter_length=3, input_dim=2, input_length=9),
            lambda L: L.Conv1D(4, 3, input_shape=(9, 2)),
        ),
        (lambda L: L.Deconvolution2D(4, 3, 3, output_shape=(None, 9, 9, 4)), lambda L: L.Conv2DTranspose(4, (3, 3))),
        (
            lambda L: L.MaxPooling2D((2, 3), border_mode="same", dim_ordering="th"),
            lambda L: L.MaxPooling2D((2, 3), padding="same", data_format="channels_first"),
        ),
        (
            lambda L: L.BatchNormalization(1e-5, 0, 1, 0.9),
            lambda L: L.BatchNormalization(epsilon=1e-5, axis=1, momentum=0.9),
        ),
        (lambda L: L.LSTM(5, input_length=7), lambda L: L.LSTM(5)),
        (
            lambda L: L.GRU(5, "he_normal", "identity", "relu", dropout_W=0.1, consume_less="gpu"),
            lambda L: L.GRU(
                5,
                kernel_initializer="he_normal",
                recurrent_initializer="identity",
                activation="relu",
                dropout=0.1,
                implementation=2,
            ),
        ),
        (
            lambda L: L.Embedding(10, 4, "normal", 6),
            lambda L: L.Embedding(10, 4, embeddings_initializer="normal", input_length=6),
        ),
        (
            lambda L: L.SpatialDropout2D(p=0.3, dim_ordering="tf"),
            lambda L: L.SpatialDropout2D(0.3, data_format="channels_last"),
        ),
        (lambda L: L.ZeroPadding2D({"top_pad": 1, "left_pad": 2}), lambda L: L.ZeroPadding2D(((1, 0), (2, 0)))),
        (lambda L: L.PReLU("one", None, [1]), lambda L: L.PReLU("one", shared_axes=[1])),
    ],
)
def test_keras_1_call_gives_the_keras_2_layer(quiet, old, new):
    kjax.backend.reset_uids()
    first = old(kjax.layers).get_config()
    kjax.backend.reset_uids()
    assert first == new(kjax.layers).get_config()


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda L: L.Dense(64, "relu"), r"Dense: takes only units by position, got 2 .*Dense\(64, 'relu'\)"),
        (lambda L: L.Conv2D(8, (3, 3), (2, 2)), "takes only filters, kernel_size by position"),
        (lambda L: L.BatchNormalization(mode=3), "mode must be 0"),
        (lambda L: L.Dense(64, "uniform", init="normal"), "init was given by position and by keyword"),
        (lambda L: L.Dense(64, output_dim=3, units=3), "units was given twice"),
    ],
)
def test_refused_call(call, text):
    with pytest.raises(TypeError, match=text):
        call(kjax.layers)


@pytest.mark.parametrize(
    "cls, kwargs, shape",
    [("Dense", {"output_dim": 3}, (2, 4)), ("MaxoutDense", {"output_dim": 3}, (2, 4)), ("Highway", {}, (2, 4))],
)
def test_layer_passes_the_tests_that_keras_gives_to_packages(as_keras, quiet, cls, kwargs, shape):
    from keras import layers
    from keras.utils.test_utils import get_test_data, keras_test, layer_test

    assert keras_test(layer_test)(getattr(layers, cls), kwargs, input_shape=shape).shape[0] == 2
    (x, y), (x_test, y_test) = get_test_data(8, 4, (3,), (2,), classification=False)
    assert x.shape == (8, 3) and y.shape == (8, 2) and len(x_test) == len(y_test) == 4


def test_one_warning_at_the_line_of_the_call():
    with pytest.warns(UserWarning, match=r"Update your `Dense` call to the Keras 2 API: `Dense\(units=3\)`") as caught:
        kjax.layers.Dense(output_dim=3)
    assert len(caught) == 1 and caught[0].filename == __file__


def test_keras_2_calls_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kjax.layers.Dense(3, activation="relu", kernel_initializer="uniform")
        kjax.layers.Conv2D(8, 3, strides=2)
        kjax.layers.BatchNormalization(axis=1)


@pytest.mark.parametrize("name", LAYERS)
def test_signature_is_that_of_keras_2(name):
    cls = getattr(kjax.layers, name)
    assert "args" not in inspect.signature(cls).parameters
    assert "init" not in inspect.signature(cls).parameters


def test_applying_twice_changes_nothing():
    before = kjax.layers.Dense.__init__, kjax.backend.conv2d, kjax.models.Model.fit
    apply()
    assert before == (kjax.layers.Dense.__init__, kjax.backend.conv2d, kjax.models.Model.fit)


def test_subclass_of_a_layer_may_use_either_form(quiet):
    class Old(kjax.layers.Convolution2D):
        def __init__(self, nb_filter, **kwargs):
            super().__init__(nb_filter, 3, 3, **kwargs)

    class New(kjax.layers.Dense):
        def __init__(self, n):
            super().__init__(n, "relu")

    assert Old(4, border_mode="same").kernel_size == (3, 3)
    assert New(4).get_config()["activation"] == "relu"


def test_initializer_function_of_keras_1(quiet):
    from kjax import initializations

    def mine(shape, name):
        return initializations.normal(shape, scale=0.01, name=name)

    model = kjax.models.Sequential([kjax.layers.Dense(200, init=mine, input_dim=50)])
    kernel = model.get_weights()[0]
    assert 0.008 < kernel.std() < 0.012
    assert model.layers[0].get_config()["kernel_initializer"] == "mine"


@pytest.mark.parametrize(
    "call, want",
    [
        (lambda K: K.random_normal((1000,), mean=3.0, std=0.001), (3.0, 0.01)),
        (lambda K: K.random_uniform((1000,), low=2.0, high=2.001), (2.0, 0.01)),
    ],
)
def test_backend_function_arguments(quiet, call, want):
    value = np.asarray(kjax.backend.eval(call(kjax.backend)))
    assert abs(value.mean() - want[0]) < want[1]


def test_backend_convolution_with_theano_kernel(quiet):
    K = kjax.backend
    x = RANDOM.normal(size=(2, 3, 6, 6)).astype("float32")
    kernel = RANDOM.normal(size=(4, 3, 3, 3)).astype("float32")
    got = K.eval(K.conv2d(K.constant(x), K.constant(kernel), border_mode="same", dim_ordering="th"))
    want = K.eval(
        K.conv2d(K.constant(x), K.constant(kernel.transpose(2, 3, 1, 0)), padding="same", data_format="channels_first")
    )
    np.testing.assert_allclose(got, want)
    np.testing.assert_array_equal(K.eval(K.lesser(K.constant([1.0]), K.constant([2.0]))), [True])


def test_image_dim_ordering_of_keras_1_sets_the_layout(quiet):
    K = kjax.backend
    K.set_image_dim_ordering("th")
    try:
        layer = kjax.layers.Convolution2D(4, 3, 3, input_shape=(3, 8, 8))
        assert kjax.models.Sequential([layer]).output_shape == (None, 4, 6, 6)
    finally:
        K.set_image_dim_ordering("tf")


# ---------------------------------------------------------------- programs


def blobs(n=120, classes=3, shape=(8,)):
    """Samples of well separated classes."""
    labels = np.arange(n) % classes
    centres = RANDOM.normal(size=(classes, *shape)) * 3
    return (centres[labels] + RANDOM.normal(size=(n, *shape))).astype("float32"), labels


def test_mlp(as_keras, quiet):
    from keras.layers.core import Activation, Dense, Dropout
    from keras.models import Sequential
    from keras.optimizers import RMSprop
    from keras.regularizers import WeightRegularizer, l2
    from keras.utils import np_utils

    x, labels = blobs()
    y = np_utils.to_categorical(labels, nb_classes=3)
    model = Sequential()
    model.add(Dense(output_dim=16, input_dim=8, init="he_normal", W_regularizer=l2(1e-4)))
    model.add(Activation("relu"))
    model.add(Dropout(p=0.1))
    model.add(Dense(3, init="glorot_normal", W_regularizer=WeightRegularizer(l1=1e-5)))
    model.add(Activation("softmax"))
    model.compile(
        loss="categorical_crossentropy", optimizer=RMSprop(lr=0.01), metrics=["accuracy", "precision", "fmeasure"]
    )
    history = model.fit(x, y, batch_size=20, nb_epoch=12, verbose=0, validation_split=0.2)
    assert len(history.epoch) == 12
    assert history.history["val_acc"][-1] > 0.9 and history.history["val_precision"][-1] > 0.8
    score = model.evaluate(x, y, verbose=0)
    assert score[1] > 0.9
    assert np_utils.probas_to_classes(model.predict(x)).shape == (120,)


def test_cnn(as_keras, quiet):
    from keras.layers import Convolution2D, Dense, Flatten, MaxPooling2D
    from keras.models import Sequential

    x, labels = blobs(60, 2, (8, 8, 1))
    model = Sequential()
    model.add(Convolution2D(4, 3, 3, border_mode="same", activation="relu", dim_ordering="tf", input_shape=(8, 8, 1)))
    model.add(MaxPooling2D(pool_size=(2, 2), dim_ordering="tf"))
    model.add(Convolution2D(4, 2, 2, subsample=(2, 2), init="normal"))
    model.add(Flatten())
    model.add(Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, labels, nb_epoch=8, batch_size=16, verbose=0)
    assert model.evaluate(x, labels, verbose=0)[1] > 0.9


def test_functional_model_with_merge(as_keras, quiet):
    from keras.engine import Input, merge
    from keras.layers import LSTM, Dense, Embedding
    from keras.models import Model

    words = Input(shape=(6,), dtype="int32", name="words")
    extra = Input(shape=(3,), name="extra")
    read = LSTM(8, inner_init="orthogonal", forget_bias_init="one", dropout_W=0.1, consume_less="mem")(
        Embedding(input_dim=20, output_dim=5, input_length=6, init="uniform", dropout=0.1)(words)
    )
    x = merge([read, extra], mode="concat", concat_axis=-1)
    gate = merge([Dense(4)(x), Dense(4, activation="sigmoid")(x)], mode="mul")
    model = Model(input=[words, extra], output=[Dense(1, name="main")(gate), Dense(1, name="aux")(read)])
    model.compile(optimizer="rmsprop", loss={"main": "mse", "aux": "mse"}, loss_weights={"main": 1.0, "aux": 0.2})
    data = {"words": RANDOM.randint(20, size=(32, 6)), "extra": RANDOM.normal(size=(32, 3))}
    target = {"main": data["extra"].sum(1), "aux": np.zeros(32)}
    history = model.fit(data, target, nb_epoch=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_two_branches_trained_from_generators(as_keras, quiet):
    from keras.layers import Dense, Merge
    from keras.models import Sequential

    left, right = Sequential([Dense(4, input_dim=3)]), Sequential([Dense(4, input_dim=3)])
    model = Sequential()
    model.add(Merge([left, right], mode="sum"))
    model.add(Dense(1))
    model.compile("sgd", "mse")
    x = [RANDOM.normal(size=(16, 3)) for _ in range(2)]
    y = x[0].sum(1) - x[1].sum(1)

    def batches():
        while True:
            yield x, y

    history = model.fit_generator(
        batches(), samples_per_epoch=4, nb_epoch=5, verbose=0, validation_data=(x, y), max_q_size=2
    )
    assert history.history["val_loss"][-1] < history.history["val_loss"][0]
    assert np.isfinite(model.evaluate_generator(batches(), val_samples=2))
    assert len(model.trainable_weights) == 6 and model.layers[0].name.startswith("merge_")


def test_generators_count_samples_as_in_keras_1(quiet):
    from kjax.layers import Dense
    from kjax.models import Sequential

    model = Sequential([Dense(1, input_dim=3)])
    model.compile("sgd", "mse")
    given = []

    def batches(rows):
        while True:
            given.append(rows)
            yield np.full((rows, 3), float(len(given))), np.zeros((rows, 1))

    with pytest.warns(UserWarning, match="samples_per_epoch counts samples, as in Keras 1"):
        history = model.fit_generator(
            batches(4),
            samples_per_epoch=12,
            nb_epoch=2,
            verbose=0,
            validation_data=batches(5),
            nb_val_samples=9,
            nb_worker=1,
        )
    assert len(history.history["loss"]) == 2 and history.params["steps"] == 3
    assert model.predict_generator(batches(4), val_samples=10).shape == (12, 1)
    first = model.predict_generator(([np.full((2, 3), i)] for i in range(9)), val_samples=2)
    np.testing.assert_allclose(first, model.predict(np.zeros((2, 3))))  # the batch that was looked at comes first
    assert np.isfinite(model.evaluate_generator(batches(4), val_samples=8))


def test_generators_count_samples_by_position_beside_keywords_of_keras_1(quiet):
    from kjax.layers import Dense
    from kjax.models import Sequential

    model = Sequential([Dense(1, input_dim=3)])
    model.compile("sgd", "mse")
    x, y = RANDOM.normal(size=(20, 3)), RANDOM.normal(size=(20, 1))

    def batches(rows=4):
        while True:
            yield x[:rows], y[:rows]

    def steps(*args, **kwargs):
        return model.fit_generator(batches(), *args, verbose=0, **kwargs).params["steps"]

    with pytest.warns(UserWarning, match="samples_per_epoch counts samples, as in Keras 1"):
        assert steps(10, nb_epoch=1) == 3
    assert steps(10, nb_epoch=1, nb_worker=1) == 3
    assert model.fit_generator(batches(), 12, 1, 0, [], batches(5), 9, nb_worker=1).params["steps"] == 3
    assert steps(10, 1) == 10  # no word of Keras 1: steps
    assert steps(5, epochs=1, max_q_size=2) == 5  # Keras 2.0 had max_q_size too
    assert steps(steps_per_epoch=5, nb_epoch=1) == 5
    assert model.predict_generator(batches(), 10, nb_worker=1).shape == (12, 1)
    assert model.predict_generator(batches(), 10).shape == (40, 1)
    seen = []

    def counted():
        for i in range(9):
            seen.append(i)
            yield x[:4], y[:4]

    model.evaluate_generator(counted(), 8, max_q_size=1, nb_worker=1)
    assert len(seen) < 8  # 2 batches and what was prepared ahead


def test_counts_for_validation_data_in_memory_are_left_aside(quiet):
    from kjax.layers import Dense
    from kjax.models import Sequential

    model = Sequential([Dense(1, input_dim=3)])
    model.compile("sgd", "mse")
    x, y = RANDOM.normal(size=(20, 3)), RANDOM.normal(size=(20, 1))
    for count in ({"validation_steps": 1}, {"nb_val_samples": 100}):
        history = model.fit_generator(iter([(x, y)] * 5), 1, 1, 0, validation_data=(x[:11], y[:11]), **count).history
        np.testing.assert_allclose(history["val_loss"], model.evaluate(x[:11], y[:11], verbose=0), rtol=1e-5)


def test_star_imports_have_the_layers_of_keras_1():
    names = {}
    exec("from kjax.layers import *", names)
    wanted = (
        "SReLU MaxoutDense Highway Merge merge TimeDistributedDense Convolution2D AtrousConvolution1D Deconvolution2D"
    )
    assert [n for n in wanted.split() if n not in names] == []


def test_custom_layer(as_keras, quiet):
    import keras.backend as K
    from keras import activations, initializations
    from keras.engine.topology import InputSpec, Layer
    from keras.layers import Dense
    from keras.models import Sequential, model_from_json

    class MyDense(Layer):
        def __init__(self, output_dim, init="glorot_uniform", activation="linear", **kwargs):
            self.init = initializations.get(init)
            self.activation = activations.get(activation)
            self.output_dim = output_dim
            super().__init__(**kwargs)

        def build(self, input_shape):
            self.input_spec = [InputSpec(ndim=2)]
            self.W = self.init((input_shape[1], self.output_dim), name=f"{self.name}_W")
            self.b = K.zeros((self.output_dim,), name=f"{self.name}_b")
            self.scale = self.add_weight((self.output_dim,), initializer="one")
            self.trainable_weights = [self.W, self.b, self.scale]

        def call(self, x, mask=None):
            return self.activation(K.dot(x, self.W) + self.b) * self.scale

        def get_output_shape_for(self, input_shape):
            assert input_shape and len(input_shape) == 2
            return (input_shape[0], self.output_dim)

        def get_config(self):
            names = {"init": self.init.__name__, "activation": self.activation.__name__}
            return dict(super().get_config(), output_dim=self.output_dim, **names)

    class Twice(MyDense):
        def get_output_shape_for(self, input_shape):
            return super().get_output_shape_for(input_shape)

    x, labels = blobs(60, 2, (4,))
    model = Sequential([MyDense(8, activation="tanh", input_shape=(4,)), Twice(3), Dense(1, activation="sigmoid")])
    assert model.layers[0].get_output_shape_for((None, 4)) == model.layers[1].compute_output_shape((None, 4))[:1] + (8,)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    before = model.get_weights()
    model.fit(x, labels, nb_epoch=10, verbose=0)
    assert len(before) == 8 and all(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))
    copy = model_from_json(model.to_json(), custom_objects={"MyDense": MyDense, "Twice": Twice})
    copy.set_weights(model.get_weights())
    np.testing.assert_allclose(copy.predict(x), model.predict(x), rtol=1e-6)


def test_old_names_of_attributes(as_keras, quiet):
    from keras.engine.training import slice_X
    from keras.layers import Dense
    from keras.models import Model, Sequential

    model = Sequential([Dense(4, input_dim=3, name="a"), Dense(2, name="b")])
    assert model.layers[0].outbound_nodes[0].outbound_layer is model.layers[1]
    model.layers[0].outbound_nodes = []
    assert model.layers[0]._outbound_nodes == []
    assert Model(input=model.input, output=model.get_layer("a").output).layers[-1].name == "a"
    assert model.layers[0].W is model.layers[0].kernel and model.layers[1].output_dim == 2
    np.testing.assert_array_equal(slice_X([np.arange(5)], 1, 3)[0], [1, 2])


def test_subclass_may_have_its_own_attribute_of_an_old_name(quiet):
    class Mine(kjax.layers.Dense):
        def build(self, input_shape):
            super().build(input_shape)
            self.W = "mine"

    layer = Mine(2, input_shape=(3,))
    kjax.models.Sequential([layer])
    assert layer.W == "mine" and layer.kernel.shape == (3, 2)


def test_callback_reads_params_by_old_keys(as_keras, quiet):
    from keras.callbacks import Callback
    from keras.layers import Dense
    from keras.models import Sequential

    seen = {}

    class Watch(Callback):
        def on_train_begin(self, logs=None):
            seen.update(epochs=self.params["nb_epoch"], samples=self.params["nb_sample"], copy=dict(self.params))
            with pytest.raises(KeyError, match="nothing"):
                self.params["nothing"]

    model = Sequential([Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((6, 2)), np.zeros(6), nb_epoch=2, verbose=0, callbacks=[Watch()])
    assert (seen["epochs"], seen["samples"]) == (2, 6) and "nb_epoch" not in seen["copy"]

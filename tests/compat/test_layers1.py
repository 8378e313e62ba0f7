"""Layers that only Keras 1 had, against predictions of genuine Keras 1 models."""

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:Update your:UserWarning", "ignore:.*is a Keras 1 layer:UserWarning")

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "keras1_layers.npz")


def arrays(case, kind):
    names = sorted(n for n in GOLDEN.files if n.startswith(f"{case}/{kind}"))
    return [GOLDEN[n] for n in names]


def predicts_as_keras_1(model, case, weights=None):
    model.set_weights(arrays(case, "w") if weights is None else weights)
    x = arrays(case, "x")
    np.testing.assert_allclose(model.predict(x if len(x) > 1 else x[0]), arrays(case, "p")[0], rtol=1e-4, atol=1e-6)
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(x if len(x) > 1 else x[0]), model.predict(x if len(x) > 1 else x[0]))


def test_highway(as_keras):
    from keras.layers.core import Dense, Highway
    from keras.models import Sequential

    model = Sequential([Highway(activation="relu", input_dim=4, transform_bias=-2), Dense(2)])
    # Keras 1.0 stored b before W_carry
    W, b, W_carry, b_carry, *rest = arrays("highway", "w")
    predicts_as_keras_1(model, "highway", [W, W_carry, b, b_carry, *rest])


def test_maxout_dense(as_keras):
    from keras.layers.core import Dense, MaxoutDense
    from keras.models import Sequential

    model = Sequential()
    model.add(MaxoutDense(4, nb_feature=3, input_dim=5))
    model.add(Dense(2))
    predicts_as_keras_1(model, "maxout")


@pytest.mark.parametrize("mode", ["sum", "concat", "max", "cos", "dot"])
def test_merge_of_models_in_a_sequential(as_keras, mode):
    from keras.layers import Dense, Flatten, Merge
    from keras.models import Sequential

    left, right = Sequential(), Sequential()
    left.add(Dense(4, input_dim=3, activation="tanh"))
    right.add(Dense(4, input_shape=(4,), activation="tanh"))
    model = Sequential()
    model.add(Merge([left, right], mode=mode, dot_axes=1))
    if mode == "cos":
        model.add(Flatten())
    model.add(Dense(2))
    predicts_as_keras_1(model, f"merge_{mode}")


@pytest.mark.parametrize("mode", ["sum", "concat", "max", "cos", "dot"])
def test_merge_function(as_keras, mode):
    from keras.layers import Dense, Flatten, Input, merge
    from keras.models import Model

    a, b = Input(shape=(3,)), Input(shape=(4,))
    x = merge([Dense(4, activation="tanh")(a), Dense(4, activation="tanh")(b)], mode=mode, dot_axes=(1, 1), name="both")
    x = Flatten()(x) if mode == "cos" else x
    model = Model(input=[a, b], output=Dense(2)(x))
    assert model.get_layer("both").mode == mode
    predicts_as_keras_1(model, f"merge_{mode}")


def test_time_distributed_dense(as_keras):
    from keras.layers import SimpleRNN
    from keras.layers.core import TimeDistributedDense
    from keras.models import Sequential

    model = Sequential([TimeDistributedDense(4, input_length=5, input_dim=3), SimpleRNN(output_dim=2)])
    predicts_as_keras_1(model, "tddense")


def test_batch_normalization_mode_1(as_keras):
    from keras.layers import BatchNormalization, Dense
    from keras.models import Sequential

    model = Sequential([Dense(4, input_dim=3), BatchNormalization(mode=1), Dense(2)])
    predicts_as_keras_1(model, "bnmode1")


def test_batch_normalization_mode_2(as_keras):
    from keras.layers import LSTM, BatchNormalization, Dense, Flatten
    from keras.models import Sequential

    model = Sequential([LSTM(4, return_sequences=True, input_shape=(4, 3))])
    model.add(BatchNormalization(mode=0, momentum=0.7))
    model.add(BatchNormalization(mode=2))
    model.add(Flatten())
    model.add(Dense(2))
    w = arrays("bnmode2", "w")
    # twelve arrays per gate (i, c, f, o) against three for all (i, f, c, o)
    gates = [w[0:3], w[6:9], w[3:6], w[9:12]]
    lstm = [np.concatenate([g[i] for g in gates], axis=-1) for i in range(3)]
    predicts_as_keras_1(model, "bnmode2", [*lstm, *w[12:]])


@pytest.mark.parametrize("rank", [1, 2])
def test_atrous_convolution(as_keras, rank):
    from keras.layers import AtrousConvolution1D, AtrousConvolution2D, Dense, Flatten
    from keras.models import Sequential

    w = arrays(f"atrous{rank}d", "w")
    if rank == 1:
        first = AtrousConvolution1D(3, 3, atrous_rate=2, input_shape=(10, 2))
        w[0] = w[0][:, 0]
    else:
        first = AtrousConvolution2D(3, 3, 2, atrous_rate=(2, 2), activation="tanh", input_shape=(8, 7, 2))
    predicts_as_keras_1(Sequential([first, Flatten(), Dense(2)]), f"atrous{rank}d", w)


def test_srelu_formula(as_keras):
    from keras.layers.advanced_activations import SReLU
    from keras.models import Sequential

    model = Sequential([SReLU(shared_axes=[1], input_shape=(5, 2))])
    t_left, a_left, t_right, a_right = np.float32([[[-1, -0.5]], [[0.1, 0.2]], [[1.5, -1.5]], [[0.3, 2.0]]])
    model.set_weights([t_left, a_left, t_right, a_right])
    x = np.linspace(-4, 4, 30, dtype="float32").reshape(3, 5, 2)
    upper = t_left + np.abs(t_right)
    want = np.where(x < t_left, t_left + a_left * (x - t_left), np.where(x > upper, upper + a_right * (x - upper), x))
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-6, atol=1e-6)


def test_parametric_softplus_formula(as_keras):
    from keras.layers.advanced_activations import ParametricSoftplus
    from keras.models import Sequential

    model = Sequential([ParametricSoftplus(alpha_init=0.3, beta_init=2.0, input_shape=(4,))])
    x = np.linspace(-2, 2, 8, dtype="float32").reshape(2, 4)
    np.testing.assert_allclose(model.predict(x), 0.3 * np.log1p(np.exp(2.0 * x)), rtol=1e-5)
    assert [w.shape for w in model.get_weights()] == [(4,), (4,)]


def test_learned_activation_needs_known_sizes(as_keras):
    from keras.layers import SReLU
    from keras.models import Sequential

    with pytest.raises(ValueError, match=r"must have a known size or be among shared_axes; got .*None, None, 2"):
        Sequential([SReLU(input_shape=(None, 2))])


def test_merge_with_a_function(as_keras):
    from keras.layers import Input, merge
    from keras.models import Model

    a, b = Input(shape=(3,)), Input(shape=(3,))
    out = merge([a, b], mode=lambda xs, factor: xs[0] - factor * xs[1], output_shape=(3,), arguments={"factor": 2})
    model = Model([a, b], out)
    x, y = np.ones((2, 3), "float32"), np.full((2, 3), 0.25, "float32")
    np.testing.assert_allclose(model.predict([x, y]), x - 2 * y)


def test_merge_combines_masks(as_keras):
    import keras.backend as K
    from keras.layers import Input, Masking, merge
    from keras.models import Model

    a, b = Input(shape=(3, 1)), Input(shape=(3, 1))
    x, y = np.float32([[[1], [0], [2]]]), np.float32([[[0], [0], [3]]])
    for mode, want in (("sum", [False, False, True]), ("ave", [False, False, True])):
        merged = merge([Masking()(a), Masking()(b)], mode=mode)
        mask = K.function([a, b], [K.cast(merged._keras_mask, "float32")])([x, y])[0]
        assert (mask[0] > 0).tolist() == want
    assert Model([a, b], merged).predict([x, y]).shape == (1, 3, 1)


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda L: L.Merge(mode="add"), "mode must be one of sum, mul, .* got 'add'"),
        (lambda L: L.merge([L.Input((3,))], mode="sum"), "merges at least 2 tensors; got 1"),
        (lambda L: L.merge([L.Input((3,)) for _ in range(3)], mode="dot"), "merges exactly 2 tensors; got 3"),
        (lambda L: L.merge([L.Input((3,)), L.Input((4,))], mode="sum"), "needs inputs of one shape"),
        (lambda L: L.merge(3), "inputs must be a list of symbolic tensors; got 3"),
        (lambda L: L.Merge([L.Dense(3), L.Dense(3)]), "was called 0 times: it has no call 0"),
        (lambda L: L.Merge([3, 4]), "layers must hold layers or models; got 3 at 0"),
    ],
)
def test_merge_errors(as_keras, call, text):
    import keras.layers

    with pytest.raises((ValueError, TypeError), match=text):
        call(keras.layers)


def test_recurrent_base_class_defines_a_layer_by_its_step(as_keras):
    import keras.backend as K
    from keras.layers import Dense, Input, Recurrent
    from keras.models import Model, Sequential

    class Decay(Recurrent):
        """state_t = 0.5 state_{t-1} + x_t W"""

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape):
            shape = input_shape[0] if isinstance(input_shape, list) else input_shape
            self.states = [None]
            if self.stateful:
                self.reset_states()
            self.W = self.add_weight((shape[-1], self.units), initializer="glorot_uniform", name="W")
            self.built = True

        def preprocess_input(self, inputs, training=None):
            return K.dot(inputs, self.W)

        def get_constants(self, x):
            return [0.5]

        def step(self, x, states):
            state = states[1] * states[0] + x
            return state, [state]

    x = np.random.RandomState(0).normal(size=(2, 4, 3)).astype("float32")
    model = Sequential([Decay(2, return_sequences=True, input_shape=(4, 3))])
    W = model.get_weights()[0]
    want, state = [], np.zeros((2, 2), "float32")
    for t in range(4):
        state = 0.5 * state + x[:, t] @ W
        want.append(state)
    np.testing.assert_allclose(model.predict(x), np.stack(want, 1), rtol=1e-5, atol=1e-6)

    stateful = Sequential([Decay(2, stateful=True, batch_input_shape=(2, 4, 3))])
    stateful.set_weights([W])
    np.testing.assert_allclose(stateful.predict(x, batch_size=2), want[-1], rtol=1e-5, atol=1e-6)
    second = stateful.predict(x, batch_size=2)
    np.testing.assert_allclose(second, want[-1] + 0.5**4 * want[-1], rtol=1e-5, atol=1e-6)
    stateful.reset_states()
    np.testing.assert_allclose(stateful.predict(x, batch_size=2), want[-1], rtol=1e-5, atol=1e-6)

    sequence, start = Input((4, 3)), Input((2,))
    from_state = Model([sequence, start], Decay(2, weights=[W])(sequence, initial_state=Dense(2)(start)))
    assert from_state.predict([x, x[:, 0, :2]]).shape == (2, 2)


def test_all_old_layers_are_known_to_configs(as_keras):
    from keras.layers import deserialize

    for name, config in {
        "MaxoutDense": {"output_dim": 3},
        "Highway": {},
        "SReLU": {},
        "ParametricSoftplus": {},
        "TimeDistributedDense": {"output_dim": 2},
        "Merge": {"mode": "mul"},
        "Convolution2D": {"nb_filter": 2, "nb_row": 3, "nb_col": 3},
    }.items():
        layer = deserialize({"class_name": name, "config": config})
        again = deserialize({"class_name": name, "config": layer.get_config()})
        assert again.get_config() == layer.get_config()

"""Small models in unusual configurations, written for any Keras 2: what genuine 2.2.4 made of them is in a file.

Where genuine Keras 2.2.4 is installed, this in this folder writes it anew:

    python -c "import keras; from genuine_models import record; record(keras, 'genuine_models.npz')"
"""

import zlib

import numpy as np


def cell_with_constants(keras):
    K = keras.backend

    class Cell(keras.layers.Layer):
        """h' = tanh(x w + h r + c k): a user's cell that takes a constant."""

        def __init__(self, units, **kwargs):
            self.units = self.state_size = units
            super().__init__(**kwargs)

        def build(self, shapes):
            step, constant = shapes
            add = lambda name, rows: self.add_weight(name=name, shape=(rows, self.units), initializer="uniform")
            self.w, self.r, self.k = add("w", step[-1]), add("r", self.units), add("k", constant[-1])
            self.built = True

        def call(self, inputs, states, constants):
            h = K.tanh(K.dot(inputs, self.w) + K.dot(states[0], self.r) + K.dot(constants[0], self.k))
            return h, [h]

    return Cell


def stateful_both_ways(keras, L):
    x = L.Input(batch_shape=(4, 3, 2))
    inner = L.LSTM(2, stateful=True, return_sequences=True, activity_regularizer="l2", kernel_regularizer="l1")
    return [x], L.Bidirectional(inner, merge_mode="sum")(L.Masking()(x))


def states_both_ways(keras, L):
    x, h, g = L.Input((3, 2)), L.Input((2,)), L.Input((2,))
    inner = L.GRU(2, return_state=True, implementation=2, recurrent_activation="sigmoid")
    return [x, h, g], L.Bidirectional(inner, merge_mode=None)(x, initial_state=[h, g])


def gru_backwards_unrolled(keras, L):
    x = L.Input((4, 2))
    gru = L.GRU(3, reset_after=True, go_backwards=True, unroll=True, return_sequences=True, activation="relu")
    return [x], gru(L.Masking()(x))


def stateful_masked_steps(keras, L):
    x = L.Input(batch_shape=(4, 3, 2))
    rnn = L.SimpleRNN(3, return_sequences=True, stateful=True, recurrent_constraint="unit_norm")
    return [x], rnn(L.Masking()(x))


def stacked_cells(keras, L):
    cells = [L.GRUCell(2, implementation=2), L.LSTMCell(3, kernel_regularizer="l2"), L.SimpleRNNCell(1)]
    x = L.Input((3, 2))
    return [x], L.RNN(cells, return_sequences=True, return_state=True, go_backwards=True)(x)


def constants_and_states(keras, L):
    x, h, c = L.Input((4, 2)), L.Input((3,)), L.Input((2,))
    rnn = L.RNN(cell_with_constants(keras)(3), go_backwards=True, return_sequences=True)
    return [x, h, c], rnn(L.Masking()(x), initial_state=h, constants=c)


def stateful_images(keras, L):
    x = L.Input(batch_shape=(4, 2, 6, 5, 2))
    options = {"dilation_rate": (2, 1), "go_backwards": True, "return_state": True, "stateful": True}
    return [x], L.ConvLSTM2D(2, (2, 3), padding="same", recurrent_activation="sigmoid", **options)(x)


def transposed(keras, L):
    x = L.Input((4, 3, 2))
    y = L.Conv2DTranspose(2, 3, strides=3, output_padding=1, kernel_regularizer="l2", activation="tanh")(x)
    return [x], L.Conv2DTranspose(2, (2, 3), strides=2, padding="same", use_bias=False)(y)


def separable(keras, L):
    x, i = L.Input((8, 3)), L.Input((7, 6, 2))
    y = L.SeparableConv1D(4, 3, dilation_rate=2, depth_multiplier=2, padding="same", depthwise_constraint="max_norm")
    z = L.DepthwiseConv2D((3, 2), strides=(2, 2), padding="same", depth_multiplier=2, activation="elu")
    return [x, i], [y(x), z(i)]


def local(keras, L):
    x = L.Input((2, 5, 4))
    y = L.LocallyConnected2D(3, (2, 3), strides=(2, 1), data_format="channels_first", kernel_regularizer="l1")
    return [x], y(x)


def normalized(keras, L):
    x, s = L.Input((3, 4, 5)), L.Input((4, 3))
    return [x, s], [L.BatchNormalization(axis=1, scale=False)(x), L.BatchNormalization(axis=2, center=False)(s)]


def products(keras, L):
    x, y = L.Input((4, 3)), L.Input((2, 4))
    dot = L.Dot((1, 2), normalize=True)([x, y])
    relu = L.ReLU(max_value=0.8, negative_slope=0.2, threshold=0.1)(dot)
    return [x, y], [L.Softmax(axis=1)(dot), L.PReLU(shared_axes=[2], alpha_constraint="non_neg")(relu)]


def masks_on_their_way(keras, L):
    x, y, words = L.Input((3, 2)), L.Input((3, 2)), L.Input((3,), dtype="int32")
    one = L.TimeDistributed(L.Dense(2, activation="tanh", activity_regularizer="l2"))(L.Masking()(x))
    two = L.Lambda(lambda t: 2.0 * t, mask=lambda inputs, mask: mask)(L.Masking()(y))
    three = L.Embedding(5, 2, mask_zero=True, embeddings_constraint="max_norm")(words)
    joined = L.Concatenate(axis=1)([L.Add()([one, two]), three])
    return [x, y, words], L.LSTM(3, go_backwards=True)(joined)


def constrained(keras, L):
    C, R = keras.constraints, keras.regularizers
    x, i = L.Input((5,)), L.Input((4, 4, 2))
    rate = C.MinMaxNorm(0.3, 0.8, rate=0.5, axis=1)
    y = L.Dense(3, kernel_constraint=rate, kernel_regularizer=R.L1L2(0.1, 0.02), bias_constraint="non_neg")(x)
    return [x, i], [y, L.Conv2D(2, 3, kernel_constraint=C.MaxNorm(0.5, axis=[0, 1, 2]))(i)]


MODELS = [
    stateful_both_ways, states_both_ways, gru_backwards_unrolled, stateful_masked_steps, stacked_cells,
    constants_and_states, stateful_images, transposed, separable, local, normalized, products, masks_on_their_way,
    constrained,
]  # fmt: skip


def data(keras, inputs, rng):
    """Random samples of each input; sequences end in steps of zeros."""
    arrays = []
    for t in inputs:
        shape = keras.backend.int_shape(t)[1:]
        if "int" in keras.backend.dtype(t):
            arrays.append(rng.randint(0, 5, (4, *shape)))
            continue
        x = rng.randn(4, *shape).astype("float32")
        if len(shape) == 2:
            for i in range(4):
                x[i, shape[0] - i % shape[0] :] = 0
        arrays.append(x)
    return arrays


def run(keras, make):
    """Outputs, those of a second call of stateful models, the losses of two steps of SGD, the weights after them."""
    rng = np.random.RandomState(zlib.crc32(make.__name__.encode()) % 2**31)
    inputs, outputs = make(keras, keras.layers)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    model = keras.models.Model(inputs, outputs)
    weights = [w for layer in model.layers for w in layer.weights]
    values = [(0.5 * rng.randn(*keras.backend.int_shape(w))).astype("float32") for w in weights]
    model.set_weights([abs(v) + 0.5 if "variance" in w.name else v for w, v in zip(weights, values, strict=True)])
    x, results = data(keras, inputs, rng), {}
    for call in ("first", "second") if model.stateful else ("first",):
        y = model.predict(x, batch_size=4)
        results.update({f"{call} output {i}": a for i, a in enumerate(y if isinstance(y, list) else [y])})
    if model.stateful:
        model.reset_states()
    targets = [rng.randn(*results[f"first output {i}"].shape).astype("float32") for i in range(len(outputs))]
    model.compile(keras.optimizers.SGD(0.1), "mse")
    for step in range(2):
        results[f"loss {step}"] = np.atleast_1d(model.train_on_batch(x, targets))
    for i, (w, value) in enumerate(zip(weights, model.get_weights(), strict=True)):
        if "moving" not in w.name:
            results[f"weight {i}"] = value
    return results


def record(keras, path):
    """Writes what this Keras makes of every model."""
    arrays = {}
    for make in MODELS:
        keras.backend.clear_session()
        arrays.update({f"{make.__name__}/{k}": np.float32(v) for k, v in run(keras, make).items()})
    np.savez_compressed(path, **arrays)

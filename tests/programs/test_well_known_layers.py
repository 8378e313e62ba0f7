"""Layers that circulated as packages and gists: transformer, CRF, mixture density, center loss and others."""

import numpy as np

from kjax import backend as K
from kjax import initializers
from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers import GRU, Conv2D, Dense, Embedding, Flatten, Input, Lambda, Masking, Multiply
from kjax.models import Model, Sequential


class PositionEmbedding(Layer):
    def call(self, x):
        size = K.int_shape(x)[-1]
        position_j = 1.0 / K.pow(10000.0, 2 * K.arange(size / 2, dtype="float32") / size)
        position_j = K.expand_dims(position_j, 0)
        position_i = K.cumsum(K.ones_like(x[:, :, 0]), 1) - 1
        position_i = K.expand_dims(position_i, 2)
        position_ij = K.dot(position_i, position_j)
        return x + K.concatenate([K.cos(position_ij), K.sin(position_ij)], 2)


class MultiHead(Layer):
    def __init__(self, heads, size, causal=False, **kwargs):
        self.heads, self.size, self.causal = heads, size, causal
        super().__init__(**kwargs)

    def build(self, input_shape):
        shape = (input_shape[0][-1], self.heads * self.size)
        self.WQ, self.WK, self.WV = (
            self.add_weight(name=n, shape=shape, initializer="glorot_uniform", trainable=True)
            for n in ("WQ", "WK", "WV")
        )
        super().build(input_shape)

    def heads_of(self, x, w):
        x = K.dot(x, w)
        x = K.reshape(x, (-1, K.shape(x)[1], self.heads, self.size))
        return K.permute_dimensions(x, (0, 2, 1, 3))

    def call(self, x):
        q, k, v = (self.heads_of(t, w) for t, w in zip(x, (self.WQ, self.WK, self.WV), strict=True))
        a = K.batch_dot(q, k, axes=[3, 3]) / self.size**0.5
        if self.causal:
            n = K.shape(a)[-1]
            i, j = K.expand_dims(K.arange(0, n), 1), K.expand_dims(K.arange(0, n), 0)
            a = a - 1e12 * K.cast(K.greater(j, i), K.floatx())
        a = K.softmax(a)
        o = K.batch_dot(a, v, axes=[3, 2])
        o = K.permute_dimensions(o, (0, 2, 1, 3))
        return K.reshape(o, (-1, K.shape(o)[1], self.heads * self.size))

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], input_shape[0][1], self.heads * self.size)


def numpy_attention(x, weights, heads, size, causal):
    q, k, v = (np.moveaxis((x @ w).reshape(*x.shape[:2], heads, size), 2, 1) for w in weights)
    a = q @ np.swapaxes(k, -1, -2) / np.sqrt(size)
    if causal:
        a = np.where(np.tril(np.ones(a.shape[-2:])) > 0, a, -1e12)
    a = np.exp(a - a.max(-1, keepdims=True))
    o = a / a.sum(-1, keepdims=True) @ v
    return np.moveaxis(o, 1, 2).reshape(*x.shape[:2], heads * size)


def test_multi_head_attention_for_sequences_of_any_length():
    x = Input((None, 6))
    layers = [MultiHead(2, 3, causal) for causal in (False, True)]
    model = Model(x, [layer([x, x, x]) for layer in layers])
    assert model.output_shape == [(None, None, 6)] * 2
    for steps in (4, 7):
        data = np.random.rand(2, steps, 6)
        for found, layer in zip(model.predict(data), layers, strict=True):
            wanted = numpy_attention(data, layer.get_weights(), 2, 3, layer.causal)
            np.testing.assert_allclose(found, wanted, atol=1e-5)
    model.compile("adam", ["mse", "mse"])
    first = model.train_on_batch(data, [data, data])[0]
    for _ in range(20):
        last = model.train_on_batch(data, [data, data])[0]
    assert last < first


def test_transformer_with_positions_classifies_by_order():
    x = Input((None,), dtype="int32")
    h = PositionEmbedding()(Embedding(5, 8)(x))
    h = MultiHead(2, 4)([h, h, h])
    model = Model(x, Dense(1, activation="sigmoid")(Lambda(lambda t: K.mean(t, axis=1))(h)))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    data = np.random.randint(0, 5, (20, 6))
    assert np.isfinite(model.fit(data, data[:, :1] > 2, batch_size=8, epochs=2, verbose=0).history["loss"]).all()
    a, b = model.predict(np.array([[0, 1, 2, 3]])), model.predict(np.array([[3, 2, 1, 0]]))
    assert a[0, 0] != b[0, 0]


class LayerNormalization(Layer):
    def __init__(self, eps=1e-6, **kwargs):
        self.eps = eps
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.gamma = self.add_weight(
            name="gamma", shape=input_shape[-1:], initializer=initializers.Ones(), trainable=True
        )
        self.beta = self.add_weight(
            name="beta", shape=input_shape[-1:], initializer=initializers.Zeros(), trainable=True
        )
        super().build(input_shape)

    def call(self, x):
        mean, std = K.mean(x, axis=-1, keepdims=True), K.std(x, axis=-1, keepdims=True)
        return self.gamma * (x - mean) / (std + self.eps) + self.beta


class GroupNormalization(Layer):
    def __init__(self, groups=2, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def call(self, inputs):
        shape = K.int_shape(inputs)
        tensor = K.shape(inputs)
        grouped = [tensor[i] for i in range(len(shape))]
        grouped[-1] = shape[-1] // self.groups
        grouped.insert(1, self.groups)
        x = K.reshape(inputs, K.stack(grouped))
        axes = list(range(2, K.ndim(x)))
        x = (x - K.mean(x, axis=axes, keepdims=True)) / K.sqrt(K.var(x, axis=axes, keepdims=True) + 1e-5)
        return K.reshape(x, tensor)


def test_normalizations_by_hand():
    x = np.random.rand(3, 4, 4, 6)
    model = Sequential([LayerNormalization(input_shape=(4, 4, 6))])
    wanted = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    np.testing.assert_allclose(model.predict(x), wanted, atol=1e-4)
    model = Sequential([GroupNormalization(2, input_shape=(4, 4, 6))])
    g = x.reshape(3, 2, 4, 4, 3)
    wanted = (g - g.mean((2, 3, 4), keepdims=True)) / np.sqrt(g.var((2, 3, 4), keepdims=True) + 1e-5)
    np.testing.assert_allclose(model.predict(x), wanted.reshape(x.shape), atol=1e-4)


class CRF(Layer):
    """A linear-chain conditional random field: its loss needs a loop over time with a mask."""

    def __init__(self, ignore_last_label=False, **kwargs):
        self.ignore_last_label = 1 if ignore_last_label else 0
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.num_labels = input_shape[-1] - self.ignore_last_label
        self.trans = self.add_weight(
            name="crf_trans", shape=(self.num_labels, self.num_labels), initializer="glorot_uniform", trainable=True
        )
        super().build(input_shape)

    def log_norm_step(self, inputs, states):
        inputs, mask = inputs[:, :-1], inputs[:, -1:]
        states = K.expand_dims(states[0], 2)
        trans = K.expand_dims(self.trans, 0)
        outputs = K.logsumexp(states + trans, 1)
        outputs = outputs + inputs
        outputs = mask * outputs + (1 - mask) * states[:, :, 0]
        return outputs, [outputs]

    def path_score(self, inputs, labels):
        point_score = K.sum(K.sum(inputs * labels, 2), 1, keepdims=True)
        labels1 = K.expand_dims(labels[:, :-1], 3)
        labels2 = K.expand_dims(labels[:, 1:], 2)
        trans = K.expand_dims(K.expand_dims(self.trans, 0), 0)
        return point_score + K.sum(K.sum(trans * labels1 * labels2, [2, 3]), 1, keepdims=True)

    def call(self, inputs):
        return inputs

    def loss(self, y_true, y_pred):
        if self.ignore_last_label:
            mask = 1 - y_true[:, :, -1:]
        else:
            mask = K.ones_like(y_pred[:, :, :1])
        y_true, y_pred = y_true[:, :, : self.num_labels], y_pred[:, :, : self.num_labels]
        path_score = self.path_score(y_pred, y_true)
        init_states = [y_pred[:, 0]]
        y_pred = K.concatenate([y_pred, mask])
        log_norm, _, _ = K.rnn(self.log_norm_step, y_pred[:, 1:], init_states)
        log_norm = K.logsumexp(log_norm, 1, keepdims=True)
        return log_norm - path_score

    def accuracy(self, y_true, y_pred):
        mask = 1 - y_true[:, :, -1] if self.ignore_last_label else None
        y_true, y_pred = y_true[:, :, : self.num_labels], y_pred[:, :, : self.num_labels]
        isequal = K.equal(K.argmax(y_true, 2), K.argmax(y_pred, 2))
        isequal = K.cast(isequal, "float32")
        return K.mean(isequal) if mask is None else K.sum(isequal * mask) / K.sum(mask)


def test_crf_loss_is_the_probability_of_the_path():
    crf = CRF(ignore_last_label=True)
    model = Sequential([Dense(4, input_shape=(5, 2)), crf])
    model.compile("adam", crf.loss, metrics=[crf.accuracy])
    x = np.random.rand(3, 5, 2)
    labels = np.random.randint(0, 3, (3, 5))
    labels[1, 3:] = 3
    y = np.eye(4)[labels]
    s, trans = model.predict(x), crf.get_weights()[0]
    wanted = []
    for scores, row in zip(s, labels, strict=True):
        n = int((row < 3).sum())
        paths = np.stack(np.meshgrid(*[np.arange(3)] * n, indexing="ij"), -1).reshape(-1, n)
        value = scores[np.arange(n), paths].sum(1) + trans[paths[:, :-1], paths[:, 1:]].sum(1)
        mine = scores[np.arange(n), row[:n]].sum() + trans[row[: n - 1], row[1:n]].sum()
        wanted.append(np.log(np.exp(value).sum()) - mine)
    loss, accuracy = model.test_on_batch(x, y)
    np.testing.assert_allclose(loss, np.mean(wanted), rtol=1e-4)
    hits = (s[:, :, :3].argmax(-1) == labels) & (labels < 3)
    np.testing.assert_allclose(accuracy, hits.sum() / (labels < 3).sum(), rtol=1e-5)
    model.fit(x, y, epochs=3, batch_size=2, verbose=0)
    assert (crf.get_weights()[0] != trans).any()


def test_mixture_density_network():
    mixtures = 3

    def mdn_loss(y_true, parameters):
        mean, sigma, alpha = (parameters[:, i * mixtures : (i + 1) * mixtures] for i in range(3))
        sigma, alpha = K.exp(sigma), K.softmax(alpha)
        exponent = (
            K.log(alpha) - 0.5 * np.log(2 * np.pi) - K.log(sigma) - K.square(y_true - mean) / (2 * K.square(sigma))
        )
        return -K.logsumexp(exponent, axis=1)

    model = Sequential([Dense(8, activation="tanh", input_shape=(1,)), Dense(3 * mixtures)])
    model.compile("adam", mdn_loss)
    x, y = np.random.rand(12, 1), np.random.rand(12, 1)
    m, s, a = np.split(model.predict(x), 3, axis=1)
    a = np.exp(a) / np.exp(a).sum(1, keepdims=True)
    density = (a * np.exp(-((y - m) ** 2) / (2 * np.exp(s) ** 2)) / np.exp(s) / np.sqrt(2 * np.pi)).sum(1)
    np.testing.assert_allclose(model.train_on_batch(x, y), -np.log(density).mean(), rtol=1e-4)


def test_center_loss_with_an_embedding_of_centers():
    x, label = Input((4,)), Input((1,), dtype="int32")
    features = Dense(2)(x)
    out = Dense(3, activation="softmax")(features)
    centers = Embedding(3, 2)(label)
    l2 = Lambda(lambda t: K.sum(K.square(t[0] - t[1][:, 0]), 1, keepdims=True), name="l2_loss")([features, centers])
    model = Model([x, label], [out, l2])
    model.compile("sgd", ["sparse_categorical_crossentropy", lambda y_true, y_pred: y_pred], loss_weights=[1.0, 0.2])
    data, y, dummy = np.random.rand(9, 4), np.arange(9)[:, None] % 3, np.random.rand(9, 1)
    history = model.fit([data, y], [y, dummy], batch_size=4, epochs=20, verbose=0).history
    assert history["l2_loss_loss"][-1] < history["l2_loss_loss"][0]
    assert Model(x, features).predict(data).shape == (9, 2)


class PixelShuffler(Layer):
    def __init__(self, size=(2, 2), **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs):
        input_shape = K.int_shape(inputs)
        batch_size, h, w, c = input_shape
        if batch_size is None:
            batch_size = -1
        rh, rw = self.size
        oh, ow, oc = h * rh, w * rw, c // (rh * rw)
        out = K.reshape(inputs, (batch_size, h, w, rh, rw, oc))
        out = K.permute_dimensions(out, (0, 1, 3, 2, 4, 5))
        return K.reshape(out, (batch_size, oh, ow, oc))

    def compute_output_shape(self, shape):
        return (shape[0], shape[1] * self.size[0], shape[2] * self.size[1], shape[3] // (self.size[0] * self.size[1]))


class ReflectionPadding2D(Layer):
    def call(self, x):
        x = K.concatenate([x[:, 1:2], x, x[:, -2:-1]], axis=1)
        return K.concatenate([x[:, :, 1:2], x, x[:, :, -2:-1]], axis=2)

    def compute_output_shape(self, shape):
        return (shape[0], shape[1] and shape[1] + 2, shape[2] and shape[2] + 2, shape[3])


def test_sub_pixel_convolution_and_reflection_padding():
    model = Sequential([ReflectionPadding2D(input_shape=(4, 5, 2)), Conv2D(8, 3), PixelShuffler()])
    assert model.output_shape == (None, 8, 10, 2)
    model.compile("adam", "mse")
    x = np.random.rand(3, 4, 5, 2)
    inner = Model(model.input, model.layers[1].output).predict(x)
    wanted = inner.reshape(3, 4, 5, 2, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(3, 8, 10, 2)
    np.testing.assert_allclose(model.predict(x), wanted, atol=1e-6)
    padded = Model(model.input, model.layers[0].output).predict(x)
    np.testing.assert_allclose(padded, np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"), rtol=1e-6)
    assert np.isfinite(model.train_on_batch(x, model.predict(x) + 1))


class KMaxPooling(Layer):
    def __init__(self, k=2, **kwargs):
        super().__init__(**kwargs)
        self.k = k

    def call(self, inputs):
        shifted = K.permute_dimensions(inputs, (0, 2, 1))
        picked = []
        for _ in range(self.k):
            top = K.max(shifted, axis=-1, keepdims=True)
            picked.append(top)
            shifted = shifted - 1e9 * K.cast(K.equal(shifted, top), K.floatx())
        return K.concatenate(picked, axis=-1)

    def compute_output_shape(self, shape):
        return (shape[0], shape[2], self.k)


def test_k_max_pooling_and_a_gated_highway():
    model = Sequential([KMaxPooling(3, input_shape=(6, 2)), Flatten()])
    x = np.random.rand(4, 6, 2)
    wanted = -np.sort(-np.swapaxes(x, 1, 2), axis=-1)[:, :, :3]
    np.testing.assert_allclose(model.predict(x), wanted.reshape(4, 6), rtol=1e-6)

    inputs = Input((5,))
    gate = Dense(5, activation="sigmoid", bias_initializer=initializers.Constant(-2.0))(inputs)
    carry = Lambda(lambda t: 1.0 - t, output_shape=(5,))(gate)
    h = Dense(5, activation="relu")(inputs)
    out = Lambda(lambda t: t[0] + t[1])([Multiply()([gate, h]), Multiply()([carry, inputs])])
    highway = Model(inputs, out)
    data = np.random.rand(3, 5)
    g, z = Model(inputs, [gate, h]).predict(data)
    np.testing.assert_allclose(highway.predict(data), g * z + (1 - g) * data, rtol=1e-5)


class NonMasking(Layer):
    def __init__(self, **kwargs):
        self.supports_masking = True
        super().__init__(**kwargs)

    def compute_mask(self, input, input_mask=None):
        return None

    def call(self, x, mask=None):
        return x


class MaskedMean(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs, mask=None):
        return None

    def call(self, x, mask=None):
        if mask is None:
            return K.mean(x, axis=1)
        mask = K.repeat(K.cast(mask, "float32"), K.int_shape(x)[-1])
        mask = K.permute_dimensions(mask, (0, 2, 1))
        return K.sum(x * mask, axis=1) / K.sum(mask, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])


def test_layers_that_use_and_drop_masks():
    x = Input((5, 3))
    masked = Masking()(x)
    model = Model(x, [MaskedMean()(masked), Flatten()(NonMasking()(GRU(2, return_sequences=True)(masked)))])
    data = np.random.rand(3, 5, 3) + 0.1
    data[:, 3:] = 0
    mean, flat = model.predict(data)
    np.testing.assert_allclose(mean, data[:, :3].mean(axis=1), rtol=1e-5)
    states = flat.reshape(3, 5, 2)
    np.testing.assert_allclose(states[:, 2], states[:, 4], rtol=1e-6)

"""Layers as third-party packages of the Keras 2 years wrote them."""

import numpy as np
import pytest

from kjax import backend as K
from kjax import constraints, initializers, regularizers
from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers import (
    GRU,
    LSTM,
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Input,
    Wrapper,
)
from kjax.models import Model, Sequential, load_model, model_from_json
from kjax.utils.generic_utils import CustomObjectScope, get_custom_objects


class Antirectifier(Layer):
    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        assert len(shape) == 2
        shape[-1] *= 2
        return tuple(shape)

    def call(self, inputs):
        inputs -= K.mean(inputs, axis=1, keepdims=True)
        inputs = K.l2_normalize(inputs, axis=1)
        return K.concatenate([K.relu(inputs), K.relu(-inputs)], axis=1)


class OldScale(Layer):
    """Weights made with K.variable and listed by hand, as in Keras 1."""

    def __init__(self, axis=-1, **kwargs):
        self.axis = axis
        self.gamma_init = initializers.get("one")
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.input_spec = [InputSpec(shape=input_shape)]
        shape = (int(input_shape[self.axis]),)
        self.gamma = K.variable(self.gamma_init(shape), name=f"{self.name}_gamma")
        self.beta = K.variable(np.zeros(shape), name=f"{self.name}_beta")
        self.trainable_weights = [self.gamma, self.beta]
        self.built = True

    def call(self, x, mask=None):
        shape = [1] * K.ndim(x)
        shape[self.axis] = K.int_shape(x)[self.axis]
        return K.reshape(self.gamma, shape) * x + K.reshape(self.beta, shape)

    def get_config(self):
        return dict(list(super().get_config().items()) + list({"axis": self.axis}.items()))


class InstanceNormalization(Layer):
    """In the style of keras-contrib."""

    def __init__(
        self,
        axis=None,
        epsilon=1e-3,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis, self.epsilon = axis, epsilon
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def build(self, input_shape):
        ndim = len(input_shape)
        self.input_spec = InputSpec(ndim=ndim)
        shape = (input_shape[self.axis],)
        self.gamma = self.add_weight(
            shape=shape, name="gamma", initializer=self.gamma_initializer, constraint=self.gamma_constraint
        )
        self.beta = self.add_weight(
            shape=shape, name="beta", initializer=self.beta_initializer, regularizer=self.beta_regularizer
        )
        self.built = True

    def call(self, inputs, training=None):
        input_shape = K.int_shape(inputs)
        reduction_axes = list(range(len(input_shape)))
        del reduction_axes[self.axis]
        del reduction_axes[0]
        mean = K.mean(inputs, reduction_axes, keepdims=True)
        stddev = K.std(inputs, reduction_axes, keepdims=True) + self.epsilon
        normed = (inputs - mean) / stddev
        broadcast_shape = [1] * len(input_shape)
        broadcast_shape[self.axis] = input_shape[self.axis]
        return normed * K.reshape(self.gamma, broadcast_shape) + K.reshape(self.beta, broadcast_shape)

    def get_config(self):
        config = {
            "axis": self.axis,
            "epsilon": self.epsilon,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
        return dict(list(super().get_config().items()) + list(config.items()))


class RunningMean(Layer):
    """Statistics kept by add_update, as hand-written normalization layers do."""

    def __init__(self, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, input_shape):
        self.mean = self.add_weight(name="running_mean", shape=input_shape[-1:], initializer="zeros", trainable=False)
        self.steps = K.zeros((), name="steps")
        self._non_trainable_weights.append(self.steps)
        super().build(input_shape)

    def call(self, inputs, training=None):
        batch_mean = K.mean(inputs, axis=0)
        self.add_update(
            [K.moving_average_update(self.mean, batch_mean, self.momentum), K.update_add(self.steps, 1)], inputs
        )
        return K.in_train_phase(inputs - batch_mean, inputs - self.mean, training=training)


def test_a_layer_without_weights():
    model = Sequential([Dense(3, input_shape=(4,)), Antirectifier(), Dense(2, activation="softmax")])
    assert model.output_shape == (None, 2) and model.layers[1].output_shape == (None, 6)
    model.compile("rmsprop", "categorical_crossentropy")
    x = np.random.rand(8, 4)
    y = np.eye(2)[np.arange(8) % 2]
    assert model.fit(x, y, epochs=2, batch_size=3, verbose=0).history["loss"][-1] > 0


def test_weights_made_by_hand_are_trained_saved_and_loaded(tmp_path):
    x = Input((4,))
    layer = OldScale()
    model = Model(x, layer(x))
    assert layer.trainable_weights == [layer.gamma, layer.beta] and model.count_params() == 8
    model.compile("sgd", "mse")
    data = np.random.rand(6, 4)
    model.train_on_batch(data, np.zeros((6, 4)))
    expected = 1 - 0.01 * 2 * (data**2).mean(axis=0) / 4
    np.testing.assert_allclose(layer.get_weights()[0], expected, rtol=1e-5)
    model.save(str(tmp_path / "scale.h5"))
    again = load_model(str(tmp_path / "scale.h5"), custom_objects={"OldScale": OldScale})
    np.testing.assert_allclose(again.predict(data), model.predict(data), rtol=1e-6)


def test_private_lists_of_weights():
    class Private(Layer):
        def build(self, input_shape):
            self.scale = K.variable(2.0)
            self.offset = K.variable(1.0)
            self._trainable_weights = [self.scale]
            self._non_trainable_weights = [self.offset]
            super().build(input_shape)

        def call(self, x):
            return x * self.scale + self.offset

    model = Sequential([Private(input_shape=(3,))])
    assert len(model.trainable_weights) == 1 and len(model.non_trainable_weights) == 1
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((2, 3)), np.zeros((2, 3)))
    np.testing.assert_allclose(model.get_weights(), [2 - 0.01 * 2 * 3, 1], rtol=1e-6)


def test_instance_normalization_through_config_and_files(tmp_path):
    layer = InstanceNormalization(axis=-1, beta_regularizer="l2", gamma_constraint="non_neg")
    model = Sequential([Conv2D(3, 2, input_shape=(5, 5, 2)), layer, Activation("relu")])
    model.compile("adam", "mse")
    x = np.random.rand(4, 5, 5, 2)
    inner = Model(model.input, layer.output).predict(x)
    np.testing.assert_allclose(inner.mean(axis=(1, 2)), 0, atol=1e-5)
    model.fit(x, np.ones((4, 4, 4, 3)), epochs=2, verbose=0)
    with CustomObjectScope({"InstanceNormalization": InstanceNormalization}):
        again = model_from_json(model.to_json())
        model.save(str(tmp_path / "m.h5"))
        loaded = load_model(str(tmp_path / "m.h5"))
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(x), model.predict(x), atol=1e-6)
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), atol=1e-6)
    assert isinstance(loaded.layers[1].gamma_constraint, constraints.NonNeg)
    loaded.train_on_batch(x, np.ones((4, 4, 4, 3)))


def test_an_unknown_layer_is_named_when_loading():
    model = Sequential([Antirectifier(input_shape=(3,))])
    with pytest.raises(ValueError, match="Antirectifier"):
        model_from_json(model.to_json())
    get_custom_objects()["Antirectifier"] = Antirectifier
    try:
        assert model_from_json(model.to_json()).output_shape == (None, 6)
    finally:
        del get_custom_objects()["Antirectifier"]


def test_updates_by_hand():
    layer = RunningMean(0.9, input_shape=(3,))
    model = Sequential([layer, Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.rand(8, 3)
    model.train_on_batch(x, np.zeros((8, 1)))
    mean, steps = layer.get_weights()
    np.testing.assert_allclose(mean, 0.1 * x.mean(axis=0), rtol=1e-5)
    assert steps == 1
    model.predict(x)
    model.evaluate(x, np.zeros((8, 1)), verbose=0)
    np.testing.assert_allclose(layer.get_weights()[1], 1)
    model.fit(x, np.zeros((8, 1)), batch_size=3, epochs=2, verbose=0)
    np.testing.assert_allclose(layer.get_weights()[1], 7)


class ResidualBlock(Layer):
    """A layer that holds layers, their weights gathered by hand."""

    def __init__(self, units, **kwargs):
        self.units = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.first = Dense(self.units, activation="relu", name="first")
        self.second = Dense(input_shape[-1], name="second", kernel_regularizer="l2")
        self.first.build(input_shape)
        self.second.build((input_shape[0], self.units))
        self._trainable_weights = self.first.trainable_weights + self.second.trainable_weights
        super().build(input_shape)

    def call(self, x):
        return x + self.second.call(self.first.call(x))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class ResidualBlocks(Layer):
    """A layer that calls inner layers and merges, without a word about weights."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first, self.second = ResidualBlock(units), ResidualBlock(units)
        self.norm = BatchNormalization()
        self.dropout = Dropout(0.5)

    def call(self, x):
        for layer in (self.first, self.second):
            x = layer(x)
        return Add()([x, self.dropout(self.norm(x))])


def test_layers_holding_layers(tmp_path):
    model = Sequential([ResidualBlock(5, input_shape=(3,)), Dense(1)])
    assert model.count_params() == 3 * 5 + 5 + 5 * 3 + 3 + 3 + 1
    model.compile("sgd", "mse")
    x = np.random.rand(6, 3)
    before = model.get_weights()
    model.train_on_batch(x, np.ones((6, 1)))
    assert sum((a != b).any() for a, b in zip(before, model.get_weights(), strict=True)) >= 5
    path = str(tmp_path / "block.h5")
    model.save(path)
    again = load_model(path, custom_objects={"ResidualBlock": ResidualBlock})
    np.testing.assert_allclose(again.predict(x), model.predict(x), atol=1e-6)


def test_layers_held_as_attributes_are_tracked():
    model = Sequential([ResidualBlocks(4, input_shape=(3,))])
    assert len(model.trainable_weights) == 2 * 4 + 2 and len(model.non_trainable_weights) == 2
    model.compile("sgd", "mse")
    x = np.random.rand(6, 3)
    before = model.get_weights()
    model.train_on_batch(x, np.ones((6, 3)))
    after = model.get_weights()
    assert all((a != b).any() for a, b in zip(before[-2:], after[-2:], strict=True))
    assert len(model.losses) == 2


class SpectralNormalization(Wrapper):
    """Power iteration with a state vector that is updated in training."""

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        self.w = self.layer.kernel
        self.u = self.add_weight(
            shape=(1, K.int_shape(self.w)[-1]),
            initializer=initializers.RandomNormal(0, 1),
            name="sn_u",
            trainable=False,
        )
        super().build()

    def call(self, inputs, training=None):
        w = K.reshape(self.w, (-1, K.int_shape(self.w)[-1]))
        v = K.l2_normalize(K.dot(self.u, K.transpose(w)))
        u = K.l2_normalize(K.dot(v, w))
        sigma = K.sum(K.dot(K.dot(v, w), K.transpose(u)))
        self.add_update([(self.u, K.in_train_phase(u, self.u, training))], inputs)
        self.layer.kernel = self.w / sigma
        return self.layer.call(inputs)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)


@pytest.mark.parametrize("shape, layer", [((6,), lambda: Dense(4)), ((6, 6, 2), lambda: Conv2D(4, 3))])
def test_a_wrapper_that_replaces_the_kernel_by_a_tensor(shape, layer):
    model = Sequential([SpectralNormalization(layer(), input_shape=shape)])
    model.compile("sgd", "mse")
    x = np.random.rand(5, *shape)
    y = np.zeros((5, *model.output_shape[1:]))
    for _ in range(30):
        model.train_on_batch(x, y)
    kernel, bias = model.get_weights()  # a wrapper shows the weights of its layer only, as in Keras
    sigma = np.linalg.svd(kernel.reshape(-1, 4))[1][0]
    scaled = layer()
    plain = Sequential([scaled])
    plain.build((None, *shape))
    plain.set_weights([kernel / sigma, bias])
    np.testing.assert_allclose(model.predict(x), plain.predict(x), atol=1e-3)


@pytest.mark.parametrize("kind, name", [(LSTM, "recurrent_kernel"), (GRU, "kernel"), (Embedding, "embeddings")])
def test_a_replaced_weight_counts_in_every_layer(kind, name):
    class Doubled(kind):
        def call(self, inputs, **kwargs):
            holder = getattr(self, "cell", self)
            own = getattr(holder, name)
            setattr(holder, name, own * 2)
            outputs = super().call(inputs, **kwargs)
            setattr(holder, name, own)
            return outputs

    arguments, shape = ((5, 3), (4,)) if kind is Embedding else ((3,), (4, 2))
    doubled, plain = (Sequential([k(*arguments, input_shape=shape)]) for k in (Doubled, kind))
    plain.set_weights(
        [
            2 * w if n.endswith(f"/{name}:0") else w
            for w, n in zip(doubled.get_weights(), [w.name for w in doubled.weights], strict=True)
        ]
    )
    x = np.random.randint(0, 5, (2, 4)) if kind is Embedding else np.random.rand(2, 4, 2)
    np.testing.assert_allclose(doubled.predict(x), plain.predict(x), atol=1e-6)
    assert doubled.count_params() == plain.count_params()


def test_a_variable_shared_by_two_dense_layers():
    class Shared(Dense):
        def build(self, input_shape):
            self.kernel = shared
            self.bias = None
            self._trainable_weights.append(shared)
            self.built = True

    shared = K.variable(np.eye(3) * 2)
    model = Sequential([Shared(3, use_bias=False, input_shape=(3,)), Shared(3, use_bias=False)])
    x = np.random.rand(2, 3)
    np.testing.assert_allclose(model.predict(x), 4 * x, rtol=1e-6)
    assert len(model.trainable_weights) == 1


class WeightDropout(Wrapper):
    """A wrapper that calls the layer again with other weights."""

    def call(self, inputs, training=None):
        kernel = self.layer.kernel
        self.layer.kernel = K.in_train_phase(K.dropout(kernel, 0.5), kernel, training)
        output = self.layer.call(inputs)
        self.layer.kernel = kernel
        return output

    def build(self, input_shape=None):
        self.layer.build(input_shape)
        super().build()

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)


def test_a_wrapper_that_drops_weights_in_training_only():
    model = Sequential([WeightDropout(Dense(8, kernel_initializer="ones"), input_shape=(6,))])
    run = K.function([model.input, K.learning_phase()], [model.output])
    x = np.ones((2, 6))
    np.testing.assert_allclose(run([x, 0])[0], 6)
    assert len(np.unique(run([x, 1])[0])) > 1
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(x, np.ones((2, 8))))


class Accumulator(Layer):
    """Stateful: adds up all it has seen since the last reset."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stateful = True

    def build(self, input_shape):
        self.total = K.zeros(input_shape, name="total")
        super().build(input_shape)

    def call(self, x):
        new = self.total + x
        self.add_update(K.update(self.total, new), x)
        return new

    def reset_states(self):
        K.set_value(self.total, np.zeros(self.total.shape))


def test_a_stateful_layer_keeps_its_state_in_predict_and_fit():
    layer = Accumulator(batch_input_shape=(2, 3))
    model = Sequential([layer])
    x = np.ones((2, 3))
    np.testing.assert_array_equal(model.predict(x, batch_size=2), x)
    np.testing.assert_array_equal(model.predict(x, batch_size=2), 2 * x)
    np.testing.assert_array_equal(model.predict_on_batch(x), 3 * x)
    model.reset_states()
    np.testing.assert_array_equal(model.predict(x, batch_size=2), x)
    model.add(Dense(1))
    model.compile("sgd", "mse")
    model.fit(x, np.ones((2, 1)), batch_size=2, epochs=2, verbose=0, shuffle=False)
    np.testing.assert_array_equal(K.get_value(layer.total), 3 * x)


def test_several_inputs_and_outputs_and_masks():
    class Split(Layer):
        supports_masking = True

        def build(self, input_shape):
            assert isinstance(input_shape, list) and len(input_shape) == 2
            self.w = self.add_weight(name="w", shape=(input_shape[0][-1],), initializer="ones")
            super().build(input_shape)

        def call(self, inputs, mask=None):
            a, b = inputs
            return [a * self.w, a + b, K.sum(b, axis=-1)]

        def compute_output_shape(self, input_shape):
            return [input_shape[0], input_shape[0], input_shape[1][:-1]]

        def compute_mask(self, inputs, mask=None):
            return [None, None, None]

    a, b = Input((4,)), Input((4,))
    outputs = Split()([a, b])
    model = Model([a, b], outputs)
    assert model.output_shape == [(None, 4), (None, 4), (None,)]
    x, y = np.random.rand(2, 3, 4)
    for found, wanted in zip(model.predict([x, y]), (x, x + y, y.sum(-1)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_call_arguments_are_kept_when_the_model_is_called_again():
    class Power(Layer):
        def call(self, x, exponent=1, offset=None):
            x = K.pow(x, exponent)
            return x if offset is None else x + offset

    a, b = Input((2,)), Input((2,))
    model = Model([a, b], Power()(a, exponent=3, offset=b))
    c, d = Input((2,)), Input((2,))
    again = Model([c, d], model([c, d]))
    x, y = np.random.rand(2, 4, 2)
    np.testing.assert_allclose(again.predict([x, y]), x**3 + y, rtol=1e-5)


def test_custom_pieces_in_one_model_through_a_file(tmp_path):
    class Constant7(initializers.Initializer):
        def __init__(self, value=7.0):
            self.value = value

        def __call__(self, shape, dtype=None):
            return K.constant(self.value, shape=shape, dtype=dtype)

        def get_config(self):
            return {"value": self.value}

    class Orthogonality(regularizers.Regularizer):
        def __init__(self, factor=0.1):
            self.factor = K.cast_to_floatx(factor)

        def __call__(self, w):
            gram = K.dot(K.transpose(w), w)
            return self.factor * K.sum(K.square(gram - K.eye(K.int_shape(w)[-1])))

        def get_config(self):
            return {"factor": float(self.factor)}

    class AtMostOne(constraints.Constraint):
        def __call__(self, w):
            return K.clip(w, -1, 1)

    def swish(x):
        return x * K.sigmoid(x)

    def my_init(shape, dtype=None):
        return K.random_normal(shape, dtype=dtype, seed=3)

    def smape(y_true, y_pred):
        return K.mean(K.abs(y_true - y_pred) / (K.abs(y_true) + K.abs(y_pred) + 1.0), axis=-1)

    def rmse(y_true, y_pred):
        return K.sqrt(K.mean(K.square(y_true - y_pred)))

    names = dict(
        Constant7=Constant7, Orthogonality=Orthogonality, AtMostOne=AtMostOne, swish=swish, my_init=my_init,
        smape=smape, rmse=rmse,
    )  # fmt: skip
    model = Sequential(
        [
            Dense(
                4,
                input_shape=(3,),
                activation=swish,
                kernel_initializer=Constant7(5.0),
                kernel_regularizer=Orthogonality(0.2),
                kernel_constraint=AtMostOne(),
                bias_initializer=my_init,
            ),
            Activation(swish),
            Dense(2, kernel_regularizer=lambda w: 0.01 * K.sum(K.abs(w))),
        ]
    )
    assert (model.get_weights()[0] == 5).all()
    x, y = np.random.rand(6, 3), np.random.rand(6, 2)
    model.compile("sgd", smape, metrics=[rmse, "mae"])
    w = model.get_weights()[0]
    penalty = 0.2 * np.sum((w.T @ w - np.eye(4)) ** 2) + 0.01 * np.abs(model.get_weights()[2]).sum()
    p = model.predict(x)
    loss, error, mae = model.test_on_batch(x, y)
    np.testing.assert_allclose(loss, np.mean(np.abs(y - p) / (np.abs(y) + np.abs(p) + 1)) + penalty, rtol=1e-5)
    np.testing.assert_allclose(error, np.sqrt(np.mean((y - p) ** 2)), rtol=1e-5)
    np.testing.assert_allclose(mae, np.mean(np.abs(y - p)), rtol=1e-5)
    model.fit(x, y, epochs=2, verbose=0)
    assert np.abs(model.get_weights()[0]).max() <= 1

    config = Sequential(model.layers[:2])
    config.compile("adam", smape, metrics=[rmse])
    config.save(str(tmp_path / "custom.h5"))
    with pytest.raises(ValueError, match="swish|Constant7|Orthogonality|AtMostOne|my_init"):
        load_model(str(tmp_path / "custom.h5"))
    loaded = load_model(str(tmp_path / "custom.h5"), custom_objects=names)
    np.testing.assert_allclose(loaded.predict(x), config.predict(x), rtol=1e-5)
    assert loaded.loss is smape and loaded.metrics_names == ["loss", "rmse"]
    assert loaded.layers[0].kernel_regularizer.get_config()["factor"] == pytest.approx(0.2)
    assert np.isfinite(loaded.train_on_batch(x, np.ones((6, 4)))).all()


class RunningSum(Layer):
    """A stateful layer whose state has a row for each sample of the fixed batch."""

    stateful = True

    def build(self, input_shape):
        self.total = self.add_weight(shape=input_shape, name="total", initializer="zeros", trainable=False)
        self.built = True

    def call(self, x):
        total = self.total + x
        self.add_update([(self.total, total)], x)
        return total

    def reset_states(self):
        K.set_value(self.total, np.zeros(K.int_shape(self.total)))


def test_a_state_with_the_rows_of_a_fixed_batch_is_not_padded():
    model = Sequential([RunningSum(batch_input_shape=(2, 3))])
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(model.predict(x), x)
    np.testing.assert_array_equal(model.predict(x), 2 * x)
    model.reset_states()
    np.testing.assert_array_equal(model.predict(np.concatenate([x, x]), batch_size=2), np.concatenate([x, 2 * x]))

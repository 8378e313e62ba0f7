"""The graph of layers: calls, nodes, configs, masks, nesting, losses."""

import functools
import json

import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax.layers import LSTM, Activation, Add, BatchNormalization, Dense, Embedding, Input, Lambda, Layer
from kjax.models import Model, Sequential, clone_model, model_from_json

RNG = np.random.RandomState(2)


def test_layers_come_in_keras_order_and_configs_round_trip():
    a, b = Input((3,), name="a"), Input((4,), name="b")
    x = Dense(5, name="x")(a)
    y = Dense(5, name="y")(b)
    z = Add(name="z")([x, y])
    model = Model([a, b], [Dense(2, name="p")(z), Activation("tanh", name="q")(z)])
    assert [layer.name for layer in model.layers] == ["a", "b", "x", "y", "z", "p", "q"]
    again = model_from_json(model.to_json())
    assert json.loads(again.to_json()) == json.loads(model.to_json())
    again.set_weights(model.get_weights())
    data = [RNG.randn(2, 3), RNG.randn(2, 4)]
    for u, v in zip(model.predict(data), again.predict(data), strict=True):
        np.testing.assert_array_equal(u, v)
    assert model.output_names == ["p", "q"] and model.get_layer(index=2).name == "x"
    with pytest.raises(ValueError, match="No such layer"):
        model.get_layer("nothing")


def test_a_shared_layer_has_a_node_per_call():
    layer = Dense(2)
    with pytest.raises(AttributeError, match="not connected"):
        layer.output  # noqa: B018
    a, b = Input((3,)), Input((3,))
    p, q = layer(a), layer(b)
    assert (
        layer.get_output_at(0) is p
        and layer.get_output_at(1) is q
        and layer.get_input_at(1) is b
        and layer.output_shape == (None, 2)
    )
    with pytest.raises(AttributeError, match="multiple inbound nodes"):
        layer.input  # noqa: B018
    with pytest.raises(ValueError, match="only 2 inbound nodes"):
        layer.get_output_at(5)


def test_models_nest_share_weights_and_carry_updates():
    inner = Sequential([Dense(4, input_shape=(3,)), BatchNormalization()])
    x = Input((3,))
    outer = Model(x, Dense(1)(inner(x)))
    outer.compile("sgd", "mse")
    before = inner.get_weights()
    outer.fit(RNG.randn(20, 3) + 3, RNG.randn(20, 1), verbose=0)
    after = inner.get_weights()
    assert not np.array_equal(before[0], after[0])
    assert not np.array_equal(before[4], after[4]), "the moving mean inside the nested model must move"
    again = Model.from_config(outer.get_config())
    again.set_weights(outer.get_weights())
    data = RNG.randn(4, 3)
    np.testing.assert_array_equal(again.predict(data), outer.predict(data))


def test_masks_flow_from_embedding_through_the_graph_to_the_loss():
    x = Input((6,), dtype="int32")
    h = Embedding(10, 4, mask_zero=True)(x)
    h = LSTM(3, return_sequences=True)(h)
    y = Dense(1)(h)
    assert K.int_shape(y._keras_mask) == (None, 6)
    model = Model(x, y)
    model.compile("sgd", "mse")
    data = np.array([[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 8, 9]])
    target = RNG.randn(2, 6, 1)
    p = model.predict(data)
    mask = data != 0
    error = ((p - target) ** 2)[..., 0] * mask / mask.mean()
    np.testing.assert_allclose(model.test_on_batch(data, target), error.mean(), rtol=1e-5)


def decorated(call):
    @functools.wraps(call)
    def wrapper(self, *args, **kwargs):
        return call(self, *args, **kwargs)

    return wrapper


class RealSteps(Layer):
    """How many steps the mask lets through."""

    supports_masking = True

    @decorated
    def call(self, inputs, mask=None):
        steps = K.ones_like(inputs[..., 0]) if mask is None else K.cast(mask, "float32")
        return K.sum(steps, axis=1, keepdims=True)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1)


class RealStepsByKeyword(RealSteps):
    def call(self, inputs, *, mask=None):
        return super().call(inputs, mask)


class RealStepsHeldFunction(RealSteps):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.call = functools.partial(self.count)

    def count(self, inputs, mask=None):
        return RealSteps.call(self, inputs, mask)


class RealStepsAnyKeyword(RealSteps):
    """Keras asks for the name `mask` itself: `**kwargs` gets none."""

    def call(self, inputs, **kwargs):
        return super().call(inputs, **kwargs)


@pytest.mark.parametrize(
    ("layer", "genuine"),
    [
        (RealSteps, [3, 4]),
        (RealStepsByKeyword, [3, 4]),
        (RealStepsHeldFunction, [3, 4]),
        (RealStepsAnyKeyword, [4, 4]),
    ],
)
def test_a_mask_reaches_a_layer_by_itself_and_in_a_nested_model(layer, genuine):
    data = np.array([[1, 2, 3, 0], [1, 2, 3, 4]])
    x, features = Input((4,)), Input((4, 2))
    h = Embedding(5, 2, mask_zero=True)(x)
    nested = Model(features, layer()(features))
    for y in (layer()(h), nested(h)):
        np.testing.assert_array_equal(Model(x, y).predict(data).ravel(), genuine)


def test_a_model_is_called_on_new_tensors_with_its_masks():
    x = Input((5,), dtype="int32")
    encoder = Model(x, LSTM(3)(Embedding(8, 2, mask_zero=True)(x)))
    a = Input((5,), dtype="int32")
    twin = Model(a, encoder(a))
    data = np.array([[1, 2, 0, 0, 0], [3, 4, 5, 6, 7]])
    np.testing.assert_allclose(twin.predict(data), encoder.predict(data), rtol=1e-6)


def test_activity_and_weight_regularizers_are_in_the_loss():
    model = Sequential(
        [
            Dense(
                2,
                kernel_regularizer=keras.regularizers.l2(0.1),
                activity_regularizer="l1",
                use_bias=False,
                input_shape=(3,),
            )
        ]
    )
    model.compile("sgd", "mse")
    x = RNG.randn(4, 3)
    p = model.predict(x)
    want = np.mean(p**2) + 0.1 * np.sum(model.get_weights()[0] ** 2) + 0.01 * np.abs(p).sum()
    np.testing.assert_allclose(model.test_on_batch(x, np.zeros((4, 2))), want, rtol=1e-5)


def test_tensors_computed_between_layers_are_part_of_the_model():
    a, b = Input((3,)), Input((3,))
    shared = Dense(4)
    distance = K.sqrt(K.sum(K.square(shared(a) - shared(b)), axis=1, keepdims=True))
    model = Model([a, b], Activation("sigmoid")(distance))
    x, y = RNG.randn(5, 3), RNG.randn(5, 3)
    kernel, bias = shared.get_weights()
    want = 1 / (1 + np.exp(-np.sqrt((((x - y) @ kernel) ** 2).sum(1, keepdims=True))))
    np.testing.assert_allclose(model.predict([x, y]), want, rtol=1e-4)
    with pytest.raises(NotImplementedError, match="put the computation in a Lambda"):
        model.get_config()


def test_training_argument_and_phase():
    x = Input((4,))
    model = Model(x, keras.layers.Dropout(0.5)(x, training=True))
    p = model.predict(np.ones((20, 4)))
    assert set(np.unique(p)) == {0.0, 2.0}
    phase = Model(x, Lambda(lambda t: K.in_train_phase(t * 2, t))(x))
    f = K.function([x, K.learning_phase()], [phase.output])
    np.testing.assert_array_equal(f([np.ones((1, 4)), 1])[0], 2 * np.ones((1, 4)))
    np.testing.assert_array_equal(f([np.ones((1, 4)), 0])[0], np.ones((1, 4)))
    np.testing.assert_array_equal(phase.predict(np.ones((1, 4))), np.ones((1, 4)))


def test_sequential_is_built_early_late_and_popped():
    model = Sequential([Dense(3), Dense(2)])
    with pytest.raises(ValueError, match="has not yet been built"):
        model.summary()
    model.compile("sgd", "mse")
    model.fit(RNG.randn(6, 4), RNG.randn(6, 2), verbose=0)
    assert model.input_shape == (None, 4) and len(model.weights) == 4
    model.pop()
    assert model.output_shape == (None, 3) and len(model.layers) == 1
    model.add(Dense(7))
    assert model.predict(RNG.randn(2, 4)).shape == (2, 7)
    with pytest.raises(TypeError, match="must be an instance of class Layer"):
        model.add("dense")
    with pytest.raises(TypeError, match="no layers"):
        Sequential().pop()


def test_summary_prints_keras_table():
    lines = []
    model = Sequential([Dense(3, input_shape=(2,), name="first"), Dense(1, name="second")])
    model.layers[0].trainable = False
    model.summary(print_fn=lines.append)
    assert lines[0] == "_" * 65 and lines[1].split() == ["Layer", "(type)", "Output", "Shape", "Param", "#"]
    assert lines[3] == "first (Dense)                (None, 3)                 9         "
    assert lines[-4:-1] == ["Total params: 13", "Trainable params: 4", "Non-trainable params: 9"]
    lines.clear()
    model.summary(line_length=40, positions=[0.5, 0.8, 1.0], print_fn=lines.append)
    assert max(map(len, lines)) == 40


def test_a_layer_of_the_user_with_layers_state_and_mask():
    class Gate(Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.inner = Dense(units)
            self.supports_masking = True

        def build(self, input_shape):
            self.inner.build(input_shape)
            self.scale = self.add_weight("scale", (self.units,), initializer="ones")
            self.calls = self.add_weight("calls", (), initializer="zeros", trainable=False)
            super().build(input_shape)

        def call(self, x, mask=None):
            self.add_update(K.update_add(self.calls, 1.0), x)
            return K.sigmoid(self.inner(x)) * self.scale

        def compute_output_shape(self, shape):
            return (*shape[:-1], self.units)

    model = Sequential([Gate(3, input_shape=(2,)), Dense(1)])
    model.compile("sgd", "mse")
    assert [tuple(w.shape) for w in model.layers[0].trainable_weights] == [(3,), (2, 3), (3,)]
    model.fit(RNG.randn(10, 2), RNG.randn(10, 1), batch_size=5, epochs=2, verbose=0)
    assert K.get_value(model.layers[0].calls) == 4.0


def test_subclassed_models_are_built_by_their_data():
    class Net(Model):
        def __init__(self):
            super().__init__(name="net")
            self.hidden = Dense(8, activation="tanh")
            self.out = Dense(2)

        def call(self, x):
            return self.out(self.hidden(x))

    net = Net()
    net.compile("adam", "mse")
    x = RNG.randn(30, 3)
    y = x[:, :2] * 2
    losses = net.fit(x, y, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and len(net.get_weights()) == 4 and net.layers == [net.hidden, net.out]
    with pytest.raises(NotImplementedError, match="subclass of Model"):
        net.get_config()


def test_clones_have_their_own_weights():
    model = Sequential([Dense(2, input_shape=(3,))])
    clone = clone_model(model)
    assert not np.array_equal(model.get_weights()[0], clone.get_weights()[0])
    x = Input((3,))
    on_tensor = clone_model(model, input_tensors=x)
    assert on_tensor.inputs[0] is x


def test_a_nested_model_called_on_another_shape_names_the_layer():
    inner = keras.models.Sequential([keras.layers.Dense(3, input_shape=(4,), name="first")])
    with pytest.raises(ValueError, match=r"Layer first: inputs of shapes \[\(None, 5\)\] do not fit its weights"):
        inner(keras.layers.Input((5,)))

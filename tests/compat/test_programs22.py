"""What old programs do beside the documented API; the figures are those of genuine Keras 2.2.4."""

import copy
import json

import numpy as np
import pytest

import kjax
from kjax import backend as K
from kjax import layers, optimizers
from kjax.compat import aliases
from kjax.engine.base_layer import Layer
from kjax.layers import Concatenate, Conv2D, Dense, GlobalAveragePooling1D, Input, Lambda, Masking, TimeDistributed
from kjax.models import Model, Sequential, clone_model, load_model, model_from_json

ONES = np.ones((1, 3))


def test_name_and_version_in_a_program():
    try:
        kjax.install_as_keras()
        import keras

        assert keras.__name__ == "keras"
        assert keras.__version__ == "2.2.4"
    finally:
        aliases.uninstall_as_keras()
    assert kjax.__name__ == "kjax"


def test_tensors_have_no_length():
    m = Sequential([Dense(2, input_shape=(3,))])
    assert not hasattr(m.output, "__len__")
    assert not hasattr(m.layers[0].kernel, "__len__")


class Positions(Layer):
    def build(self, input_shape):
        self.e = self.add_weight(name="e", shape=(512, 4), initializer="ones")
        self.built = True

    def call(self, x):
        return x + K.expand_dims(self.e[: K.shape(x)[1]], 0)


def test_a_slice_up_to_an_unknown_length():
    i = Input((None, 4))
    m = Model(i, GlobalAveragePooling1D()(Positions()(i)))
    m.compile("sgd", "mse")
    for n in (5, 7):
        m.fit(np.ones((3, n, 4)), np.ones((3, 4)), verbose=0)
    np.testing.assert_allclose(m.predict(np.ones((3, 6, 4)))[0], 1.9985, atol=5e-5)
    e, length = K.variable(np.ones((512, 4))), K.shape(i)[1]
    assert [K.int_shape(t) for t in (e[:length], e[2:length], e[K.shape(i)[0] :], i[:, : length - 1])] == [
        (None, 4),
        (None, 4),
        (None, 4),
        (None, None, 4),
    ]
    assert K.int_shape(e[: K.shape(e)[1]]) == (4, 4)
    assert K.int_shape(e[:length, None, ...]) == (None, 1, 4)


def test_shapes_made_of_tensors():
    x = K.placeholder((None, 15))
    stacked = K.reshape(x, K.stack([-1, 5, 3]))
    sized = K.reshape(x, K.stack([K.shape(x)[0], 5, 3]))
    assert [K.int_shape(t) for t in (stacked, sized)] == [(None, 5, 3), (None, 5, 3)]
    assert [v.shape for v in K.function([x], [stacked, sized])([np.ones((2, 15))])] == [(2, 5, 3), (2, 5, 3)]


def test_what_functions_are_fed():
    x = K.placeholder((2, 3))
    phased = K.function([x, K.learning_phase()], [K.in_train_phase(x * 2, x)])
    assert phased([np.ones((2, 3))])[0].max() == 1
    assert K.function([x], [K.sum(x, 0)])([np.ones((4, 3))])[0].tolist() == [4, 4, 4]
    with pytest.raises(ValueError, match=r"must have shape \(2, 3\); got shape \(4, 5\)"):
        phased([np.ones((4, 5))])


def test_a_list_of_one_output_is_the_output():
    class Listed(Layer):
        def call(self, x):
            return [x * 2]

    i = Input((3,))
    m = Model(i, [Listed()(i), Lambda(lambda x: [x * 3])(i)])
    assert [p.tolist() for p in m.predict(ONES)] == [[[2, 2, 2]], [[3, 3, 3]]]
    again = Model(i, m(i))
    assert [p.tolist() for p in again.predict(ONES)] == [[[2, 2, 2]], [[3, 3, 3]]]


def test_layers_without_unused_inputs():
    i, j = Input((3,), name="i"), Input((3,), name="j")
    m = Model([i, j], Dense(2, name="a")(i))
    assert [layer.name for layer in m.layers] == ["i", "a"]
    assert len(Model.from_config(m.get_config()).inputs) == 2
    m.compile("sgd", "mse")
    m.fit([ONES, ONES], np.ones((1, 2)), verbose=0)


class Count(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stateful = True
        self.n = K.variable(0.0)

    def reset_states(self):
        K.set_value(self.n, 0)

    def __call__(self, y_true, y_pred):
        self.add_update(K.update_add(self.n, K.cast(K.shape(y_true)[0], "float32")), inputs=[y_true, y_pred])
        return self.n * 1.0


class Outer(Count):
    def __init__(self):
        super().__init__(name="outer")
        self.inner = Count(name="inner")

    def reset_states(self):
        self.inner.reset_states()

    def __call__(self, y_true, y_pred):
        result = self.inner(y_true, y_pred)
        self.add_update(self.inner.updates)
        return result


def test_an_update_listed_twice_acts_once():
    m = Sequential([Dense(1, input_shape=(2,))])
    m.compile("sgd", "mse", metrics=[Outer()])
    m.evaluate(np.ones((20, 2)), np.ones((20, 1)), batch_size=10, verbose=0)
    assert K.get_value(m.metrics[0].inner.n) == 20


class FullMask(Layer):
    def __init__(self, width):
        super().__init__()
        self.width, self.supports_masking = width, True

    def call(self, x):
        return K.identity(x)

    def compute_mask(self, x, mask=None):
        return K.cast(K.ones_like(x)[:, :, : self.width], "bool")


@pytest.mark.parametrize("second", [FullMask(2), Masking()])
def test_concatenate_takes_masks_of_full_rank(second):
    i, j = Input((3, 4)), Input((3, 2))
    layer = Concatenate()
    layer([FullMask(3)(i), second(j)])
    assert K.int_shape(layer.output_mask) == (None, 3)


# ---------------------------------------------------------------- optimizers


def after_steps(optimizer, steps=1):
    m = Sequential([Dense(1, input_shape=(2,), kernel_initializer="ones")])
    m.compile(optimizer, "mse")
    found = []
    for _ in range(steps):
        m.train_on_batch(np.ones((2, 2)), np.zeros((2, 1)))
        found.append(round(float(m.get_weights()[0][0, 0]), 4))
    return found if steps > 1 else found[0]


def test_a_rate_from_a_tensor():
    rate = 0.01 * K.variable(2.0)
    assert after_steps(optimizers.Adam(lr=rate)) == 0.98
    assert after_steps(optimizers.SGD(lr=rate, momentum=0.9)) == 0.92


def test_lr_over_learning_rate():
    class Own(optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, **kwargs):
            super().__init__(**kwargs)
            self.learning_rate = K.variable(learning_rate)

        @property
        def lr(self):
            return self.learning_rate

        @lr.setter
        def lr(self, value):
            self.learning_rate = value

        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            return [K.update(p, p - self.lr * g) for p, g in zip(params, grads, strict=True)]

    optimizer = Own()
    assert after_steps(optimizer) == 0.6
    assert K.get_value(optimizer.lr) == K.get_value(optimizer.learning_rate) == np.float32(0.1)


def test_a_wrapper_that_shows_its_inner_optimizers_iterations():
    class Wrapper(optimizers.Optimizer):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        iterations = property(lambda self: self.inner.iterations)
        lr = property(lambda self: self.inner.lr)

        def get_updates(self, loss, params):
            return self.inner.get_updates(loss, params)

    optimizer = Wrapper(optimizers.Adam(0.1))
    assert after_steps(optimizer) == 0.9
    assert K.get_value(optimizer.iterations) == 1
    assert optimizer.get_weights() == []


def test_accumulated_gradients_through_replaced_parts():
    class Accumulating(optimizers.Optimizer):
        def __init__(self, inner, steps):
            super().__init__()
            self.inner, self.steps = inner, steps
            self.last = K.equal(inner.iterations % steps, 0)
            inner.lr = K.switch(self.last, inner.lr, 0.0)
            for name in ("beta_1", "beta_2"):
                setattr(inner, name, K.switch(self.last, getattr(inner, name), 1 - 1e-7))
            inner.get_gradients = self.sums

        def sums(self, loss, params):
            return [a / float(self.steps) for a in self.totals]

        def get_updates(self, loss, params):
            self.totals = [K.zeros(K.int_shape(p)) for p in params]
            grads = self.get_gradients(loss, params)
            updates = [K.update(a, K.switch(self.last, g, a + g)) for a, g in zip(self.totals, grads, strict=True)]
            return updates + self.inner.get_updates(loss, params)

    assert after_steps(Accumulating(optimizers.Adam(0.1), 2), 4) == [1.0, 1.0, 0.9361, 0.9361]


def test_own_gradients_of_a_built_in_optimizer():
    class Halved(optimizers.SGD):
        def get_gradients(self, loss, params):
            return [g / 2 for g in super().get_gradients(loss, params)]

    assert after_steps(Halved(0.1)) == 0.8


# ---------------------------------------------------------------- functions of this process


def two(x, k=2):
    return x * k


def times(k):
    return lambda x: x * k


def model_of(function, **kwargs):
    i = Input((3,))
    return Model(i, Lambda(function, **kwargs)(i))


def saved(m, tmp_path):
    m.save(str(tmp_path / "m.h5"))
    return load_model(str(tmp_path / "m.h5"))


ROUNDS = {
    "clone": lambda m, p: clone_model(m),
    "config": lambda m, p: Model.from_config(m.get_config()),
    "copied config": lambda m, p: Model.from_config(copy.deepcopy(m.get_config())),
    "deepcopy": lambda m, p: copy.deepcopy(m),
    "json": lambda m, p: model_from_json(m.to_json()),
    "json of json": lambda m, p: model_from_json(json.dumps(json.loads(m.to_json()))),
    "file": saved,
}


@pytest.mark.parametrize("how", ROUNDS)
@pytest.mark.parametrize("function", [lambda x: x * 2, two, times(2)])
def test_functions_of_this_process_come_back(how, function, tmp_path):
    m = model_of(function, output_shape=lambda s: s)
    assert ROUNDS[how](m, tmp_path).predict(ONES).tolist() == [[2, 2, 2]]


def test_layers_with_functions_inside_others():
    i = Input((2, 3))
    m = Model(i, TimeDistributed(Lambda(lambda x: x * 4))(i))
    assert clone_model(m).predict(np.ones((1, 2, 3))).max() == 4
    layer = layers.deserialize(layers.serialize(Lambda(lambda x: x * 4)))
    assert Sequential([layer]).predict(ONES).max() == 4


def test_what_a_function_closes_over_tells_it_apart():
    texts = [model_of(times(k)).to_json() for k in (3, 5)]
    assert [model_from_json(t).predict(ONES).max() for t in texts] == [3, 5]


def test_a_function_that_could_be_another_is_asked_for():
    def applying(f):
        return lambda x: f(x)

    texts = [model_of(applying(lambda x, k=k: x * k)).to_json() for k in (3, 5)]
    with pytest.raises(ValueError, match="compiled Python code, which is never run"):
        model_from_json(texts[0]).predict(ONES)


# ---------------------------------------------------------------- weights, layers, loading


class Scale(Layer):
    def build(self, input_shape):
        self.a = self.add_weight(name="a", shape=(), initializer="ones")
        self.built = True

    def call(self, x):
        return x * self.a


def test_scalar_weights_survive_saving(tmp_path):
    m = Sequential([Scale(input_shape=(3,))])
    m.set_weights([np.float32(7)])
    m.save(str(tmp_path / "m.h5"))
    assert load_model(str(tmp_path / "m.h5"), {"Scale": Scale}).predict(ONES).max() == 7
    other = Sequential([Scale(input_shape=(3,))])
    other.load_weights(str(tmp_path / "m.h5"))
    assert other.predict(ONES).max() == 7


def test_a_convolution_that_decides_its_filters_later():
    class Own(Conv2D):
        def __init__(self, **kwargs):
            super().__init__(filters=None, kernel_size=1, use_bias=False, **kwargs)

        def build(self, input_shape):
            self.filters = 2
            self.kernel = self.add_weight(name="kernel", shape=(1, 1, input_shape[-1], 2), initializer="ones")
            self.built = True

    i = Input((3, 3, 1))
    assert Model(i, Own()(i)).predict(np.ones((1, 3, 3, 1))).sum() == 18
    with pytest.raises(ValueError, match="`filters` argument must be an integer"):
        Conv2D(None, 1)


def test_an_error_of_a_users_layer_is_shown_while_loading(tmp_path):
    class Bad(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            if getattr(Bad, "bad", False):
                raise KeyError("of the user")

    Sequential([Bad(input_shape=(3,))]).save(str(tmp_path / "m.h5"))
    Bad.bad = True
    with pytest.raises(KeyError, match="of the user"):
        load_model(str(tmp_path / "m.h5"), {"Bad": Bad})


def test_sublayers_in_the_own_list_count_once():
    class Wrapping(Layer):
        def build(self, input_shape):
            self.dense = Dense(2)
            self.dense.build(input_shape)
            self._trainable_weights.extend(self.dense.trainable_weights)
            self.built = True

        def call(self, x):
            return self.dense.call(x)

        def compute_output_shape(self, input_shape):
            return (input_shape[0], 2)

    i = Input((3,))
    m = Model(i, Wrapping()(i))
    assert (len(m.weights), m.count_params(), len(m.get_weights())) == (2, 8, 2)


# ---------------------------------------------------------------- what Keras's own suite asks


def test_the_dict_of_an_optimizer_is_written_in_lower_case():
    config = optimizers.serialize(optimizers.SGD(0.5))
    assert config["class_name"] == "SGD"
    again = optimizers.serialize(optimizers.deserialize(config))
    assert config == {"class_name": "sgd", "config": again["config"]}


def test_numbers_as_losses_count_each():
    m = Sequential([Dense(1, input_shape=(2,))])
    m.add_loss(1)
    m.add_loss(1)
    m.compile("sgd", "mse")
    assert len(m.losses) == 2
    m.set_weights([np.zeros((2, 1)), np.zeros(1)])
    assert m.evaluate(np.zeros((2, 2)), np.zeros((2, 1)), verbose=0).shape == ()
    assert m.evaluate(np.zeros((2, 2)), np.zeros((2, 1)), verbose=0) == 2


def test_numbers_as_updates_are_kept_until_a_step_is_made():
    i = Input((2,))
    layer = Dense(1)
    o = layer(i)
    layer.add_update(0, inputs=i)
    layer.add_update(1)
    assert layer.get_updates_for(i) == [0]
    assert layer.get_updates_for(None) == [1]
    m = Model(i, o)
    m.compile("sgd", "mse")
    with pytest.raises(TypeError, match="an update must be K.update"):
        m.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0)


def test_outputs_of_a_model_that_uses_the_phase():
    a, b = Input((3,)), Input((3,))
    m = Model([a, b], [Dense(2)(a), layers.Dropout(0.5)(b)])
    assert all(t._uses_learning_phase for t in m([Input((3,)), Input((3,))]))


def test_identities_side_by_side():
    tall = K.eval(kjax.initializers.Identity(2.0)((4, 2)))
    assert tall.tolist() == [[2, 0], [0, 2], [2, 0], [0, 2]]
    with pytest.raises(ValueError, match="must be a multiple of the shorter one"):
        kjax.initializers.Identity()((30, 80))


def test_small_words_of_keras():
    with pytest.warns(UserWarning, match="Do not pass a layer instance"):
        kjax.activations.get(layers.LeakyReLU())
    with pytest.raises(AssertionError, match="padding must be one of"):
        kjax.utils.conv_utils.conv_output_length(32, 5, "diagonal", 2)
    assert kjax.metrics.deserialize("own", custom_objects={"own": True}) is True


def test_questions_go_through_six(monkeypatch, tmp_path):
    monkeypatch.setattr("six.moves.input", lambda text: "n")
    assert kjax.utils.io_utils.ask_to_proceed_with_overwrite(str(tmp_path)) is False


def test_arrays_among_the_arguments_of_a_lambda_come_back(tmp_path):
    mean = np.array([1.0, 2.0, 3.0])
    m = saved(model_of(lambda x, mean: x - mean, arguments={"mean": mean}), tmp_path)
    assert m.predict(ONES).tolist() == [[0, -1, -2]]
    assert isinstance(m.layers[-1].arguments["mean"], np.ndarray)


def test_summary_tells_of_weights_that_were_not_compiled(capsys):
    m = Sequential([Dense(2, input_shape=(3,)), Dense(1)])
    m.compile("sgd", "mse")
    m.layers[0].trainable = False
    with pytest.warns(UserWarning, match="Discrepancy between trainable weights"):
        m.summary()

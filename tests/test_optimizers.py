"""Optimizer objects: configs, rates as variables, slots, weights of other versions, symbolic updates, Optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import kjax as keras
from kjax import backend as K
from kjax import optimizers
from kjax.graph import Variable
from tests.golden import cases, ids, same_config

CASES = cases("optimizers")
NAMES = ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"]


def make(case):
    return getattr(optimizers, case["optimizer"]["class"])(**case["optimizer"]["kwargs"])


def train(opt, params, steps=1):
    """What a training step does with an optimizer, on the loss sum((p - 1)^2) / 2."""
    if not opt.slot_variables:
        opt.create_slots(params)
    spec, structure = opt.signature(), opt.slot_structure

    @jax.jit
    def step(values, leaves, rates):
        step.traces += 1
        grads = [v - 1.0 for v in values]
        updates, state = spec(**rates).update(grads, jax.tree.unflatten(structure, leaves), values)
        return optax.apply_updates(values, updates), jax.tree.leaves(state)

    step.traces = 0
    for _ in range(steps):
        rates = {name: v.value for name, v in opt.hyper.items()}
        values, leaves = step([p.value for p in params], [v.value for v in opt.slot_variables], rates)
        for handle, value in zip(params + opt.slot_variables, values + leaves, strict=True):
            handle.replace(value)
    return step


def parameters():
    return [Variable(np.zeros((2, 3), "float32"), name="kernel"), Variable(np.zeros(3, "float32"), name="bias")]


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_config_and_saved_state_are_keras(case):
    opt = make(case)
    assert same_config(case["facts"]["config"], opt.get_config())
    again = optimizers.deserialize(optimizers.serialize(opt))
    assert type(again) is type(opt) and again.get_config() == opt.get_config()
    assert again.signature() == opt.signature() and hash(again.signature()) == hash(opt.signature())
    assert opt.get_weights() == []
    opt.create_slots([Variable(w) for w in case.weights()])
    assert [list(w.shape) for w in opt.get_weights()] == case["facts"]["state"]
    saved = case.series("state")
    assert [w.dtype for w in opt.get_weights()] == [w.dtype for w in saved]
    opt.set_weights(saved)
    for got, want in zip(opt.get_weights(), saved, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", NAMES)
def test_changed_rate_takes_effect_and_does_not_recompile(name):
    opt, params = optimizers.get(name), parameters()
    step = train(opt, params)
    before = params[0].value
    K.set_value(opt.lr, 0.0)
    rates = {k: v.value for k, v in opt.hyper.items()}
    values, _ = step([p.value for p in params], [v.value for v in opt.slot_variables], rates)
    if name != "SGD":
        np.testing.assert_array_equal(values[0], before)
    assert step.traces == 1
    assert train(opt, params, steps=2).traces == 1
    assert K.get_value(opt.iterations) == 3


@pytest.mark.parametrize("name", NAMES)
def test_symbolic_updates_equal_the_pure_step(name):
    pure, params = optimizers.get(name), parameters()
    train(pure, params, steps=3)
    opt, mine = optimizers.get(name), parameters()
    loss = sum(K.sum(K.square(p - 1.0)) for p in mine) / 2.0
    step = K.function([], [loss], updates=opt.get_updates(loss=loss, params=mine))
    losses = [step([])[0] for _ in range(3)]
    assert losses[0] == pytest.approx(4.5) and losses[2] < losses[0]
    for a, b in zip(mine, params, strict=True):
        np.testing.assert_allclose(a.value, b.value, rtol=1e-6)
    for a, b in zip(opt.get_weights(), pure.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_symbolic_updates_clip_and_constrain():
    p = Variable(np.zeros(2, "float32"), name="w", constraint=lambda w: K.minimum(w, 0.05))
    opt = optimizers.SGD(lr=1.0, clipvalue=0.1)
    loss = -K.sum(5.0 * p)
    K.function([], [loss], updates=opt.get_updates(loss, [p]))([])
    np.testing.assert_allclose(p.value, [0.05, 0.05])


def test_gradients_are_clipped():
    p = Variable(np.zeros(2, "float32"), name="w")
    grads = optimizers.SGD(clipnorm=1.0).get_gradients(K.sum(3.0 * p[:1]) + K.sum(4.0 * p[1:]), [p])
    np.testing.assert_allclose(K.eval(grads[0]), [0.6, 0.8], rtol=1e-6)


def test_missing_gradient_is_said():
    p, q = parameters()
    with pytest.raises(ValueError, match="loss does not depend on .'bias:0'.* in a differentiable way"):
        optimizers.SGD().get_updates(K.sum(p), [p, q])


def test_users_own_symbolic_optimizer():
    class Plain(optimizers.Optimizer):
        def __init__(self, lr=0.1, **kwargs):
            super().__init__(**kwargs)
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")

        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            moments = [K.zeros(K.int_shape(p)) for p in params]
            self.weights = [self.iterations] + moments
            self.updates = [K.update_add(self.iterations, 1)]
            for p, g, m in zip(params, grads, moments, strict=True):
                self.updates += [K.update(m, g), K.update(p, p - self.lr * g)]
            return self.updates

    opt, params = Plain(), parameters()
    assert opt.defines_updates and not optimizers.SGD().defines_updates
    loss = sum(K.sum(p) for p in params)
    K.function([], [loss], updates=opt.get_updates(loss, params))([])
    np.testing.assert_allclose(params[0].value, np.full((2, 3), -0.1), rtol=1e-6)
    assert opt.get_weights()[0] == 1 and opt.get_weights()[1].sum() == 6


def test_rate_has_two_names_and_takes_numbers():
    opt = optimizers.Adam(learning_rate=0.5)
    assert opt.lr is opt.learning_rate and K.get_value(opt.lr) == 0.5
    opt.lr = 0.25
    assert K.get_value(opt.learning_rate) == 0.25
    opt.learning_rate = 0.125
    assert opt.get_config()["lr"] == 0.125
    mine = K.variable(0.75)
    opt.lr = mine
    assert opt.hyper["lr"] is mine is opt.lr


@pytest.mark.parametrize("name", ["RMSprop", "Adagrad", "Adadelta"])
def test_weights_with_the_step_count_of_2_3(name):
    opt = optimizers.get(name)
    opt.create_slots(parameters())
    given = [np.asarray(7)] + [np.full_like(w, 2.0) for w in opt.get_weights()]
    opt.set_weights(given)
    assert K.get_value(opt.iterations) == 7
    assert all((w == 2).all() for w in opt.get_weights())


def test_weights_of_adam_without_maxima_and_of_nadam_2_3():
    adam = optimizers.Adam()
    adam.create_slots(parameters())
    adam.set_weights(adam.get_weights()[:5])
    nadam = optimizers.Nadam()
    assert nadam.m_schedule is None
    nadam.create_slots(parameters())
    weights = nadam.get_weights()
    nadam.set_weights([np.asarray(4), np.asarray(0.5)] + weights[1:])
    assert K.get_value(nadam.m_schedule) == 0.5 and K.get_value(nadam.iterations) == 4


def test_any_optax_transformation():
    opt, params = optimizers.get(optax.adam(0.1)), parameters()
    train(opt, params, steps=3)
    state, want = optax.adam(0.1).init(jnp.zeros(3)), jnp.zeros(3)
    for _ in range(3):
        updates, state = optax.adam(0.1).update(want - 1.0, state)
        want = optax.apply_updates(want, updates)
    np.testing.assert_allclose(params[1].value, want, rtol=1e-6)
    assert not hasattr(opt, "lr")
    with pytest.raises(NotImplementedError, match="has no config"):
        opt.get_config()


def test_injected_optax_rate_can_be_changed():
    opt, params = optimizers.get(optax.inject_hyperparams(optax.sgd)(learning_rate=0.5)), parameters()
    step = train(opt, params)
    assert K.get_value(opt.lr) == 0.5
    opt.lr = 0.0
    before = params[1].value
    values, _ = step([p.value for p in params], [v.value for v in opt.slot_variables], {})
    np.testing.assert_array_equal(values[1], before)
    assert step.traces == 1


def test_optax_state_that_starts_from_the_weights():
    opt = optimizers.get(optax.ema(0.9))
    params = [Variable(np.full(3, 2.0, "float32"))]
    opt.create_slots(params)
    lookahead = optimizers.OptaxOptimizer(optax.chain(optax.sgd(0.1), optax.add_decayed_weights(0.1)), clipnorm=1.0)
    train(lookahead, params)
    assert lookahead.signature().clipnorm == 1.0


def test_get_takes_names_in_any_case_dicts_and_objects():
    for name in NAMES:
        assert type(optimizers.get(name.lower())).__name__ == name
        assert getattr(optimizers, name.lower()) is getattr(optimizers, name)
    sgd = optimizers.SGD()
    assert optimizers.get(sgd) is sgd
    assert optimizers.get({"class_name": "Adam", "config": {"lr": 0.5}}).get_config()["lr"] == 0.5


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: optimizers.get("adm"), ValueError, "Unknown optimizer: adm.*adam"),
        (lambda: optimizers.get(3), ValueError, "Could not interpret optimizer identifier"),
        (lambda: optimizers.SGD(learnrate=1), TypeError, "Unexpected keyword argument .* SGD: 'learnrate'"),
        (lambda: optimizers.SGD(lr=-1), ValueError, "SGD: lr must be a number >= 0, received -1"),
        (lambda: optimizers.Adam(beta_1="x"), TypeError, "Adam: beta_1 must be a number >= 0, received 'x'"),
        (lambda: optimizers.SGD(clipnorm=-1), ValueError, "clipnorm must be a number >= 0"),
        (lambda: optimizers.TFOptimizer(object()), TypeError, "TFOptimizer: TensorFlow's optimizers do not run on JAX"),
        (lambda: optimizers.OptaxOptimizer(3), TypeError, "must be an optax.GradientTransformation, received int"),
        (lambda: optimizers.Optimizer().signature(), NotImplementedError, "defines get_updates"),
        (lambda: optimizers.SGD().set_weights([1]), ValueError, "do not exist before the first training step"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_set_weights_of_wrong_number_or_shape_changes_nothing():
    opt = optimizers.SGD()
    opt.create_slots(parameters())
    weights = opt.get_weights()
    with pytest.raises(ValueError, match="3 arrays are required, received 2"):
        opt.set_weights(weights[:2])
    with pytest.raises(ValueError, match=r"has shape \(3,\), received an array of shape \(4,\)"):
        opt.set_weights([np.asarray(9), np.ones((2, 3)), np.ones(4)])
    assert opt.get_weights()[0] == 0


X = np.random.RandomState(0).normal(size=(30, 4)).astype("float32")
Y = X[:, :1] ** 2


def fitted(optimizer, epochs=2):
    np.random.seed(1)
    model = keras.models.Sequential([keras.layers.Dense(3, activation="tanh", input_shape=(4,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    model.fit(X, Y, batch_size=10, epochs=epochs, verbose=0, shuffle=False)
    return model


def test_model_does_not_recompile_for_another_rate():
    model = fitted(optimizers.Adam(lr=0.01))
    compiled = model.compilations
    before = model.get_weights()
    K.set_value(model.optimizer.lr, 0.0)
    model.fit(X, Y, batch_size=10, epochs=2, verbose=0)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    model.optimizer.lr = 0.1
    model.fit(X, Y, batch_size=10, epochs=1, verbose=0)
    assert model.compilations == compiled
    assert not np.array_equal(model.get_weights()[0], before[0])


def test_model_trains_with_a_users_symbolic_optimizer():
    class Mine(optimizers.Optimizer):
        def __init__(self, lr=0.1, **kwargs):
            super().__init__(**kwargs)
            self.lr = K.variable(lr, name="lr")
            self.iterations = K.variable(0, dtype="int64")

        def get_updates(self, loss, params):
            self.updates = [K.update_add(self.iterations, 1)]
            for p, g in zip(params, self.get_gradients(loss, params), strict=True):
                self.updates.append(K.update(p, p - self.lr * g))
            return self.updates

    mine, sgd = fitted(Mine()), fitted(optimizers.SGD(lr=0.1))
    for a, b in zip(mine.get_weights(), sgd.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    assert K.get_value(mine.optimizer.iterations) == 6


def test_model_trains_with_optax_and_a_scheduled_rate():
    rates = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 * (epoch + 1))
    model = fitted(optax.inject_hyperparams(optax.sgd)(learning_rate=0.5), epochs=1)
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[rates]).history
    np.testing.assert_allclose(history["lr"], [0.1, 0.2], rtol=1e-6)

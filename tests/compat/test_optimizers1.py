"""Optimizers written for Keras 1: `get_updates(params, constraints, loss)`."""

import numpy as np
import pytest

from kjax import backend as K
from kjax.layers import Dense
from kjax.models import Sequential, clone_model, load_model
from kjax.optimizers import SGD, Adam, Optimizer


class Momentum(Optimizer):
    """As Keras 1's own optimizers were written."""

    def __init__(self, lr=0.01, momentum=0.0, **kwargs):
        super(Momentum, self).__init__(**kwargs)  # noqa: UP008
        self.__dict__.update(locals())
        self.iterations = K.variable(0.0)
        self.lr = K.variable(lr)
        self.momentum = K.variable(momentum)

    def get_updates(self, params, constraints, loss):
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        shapes = [K.get_variable_shape(p) for p in params]
        moments = [K.zeros(shape) for shape in shapes]
        self.weights = [self.iterations] + moments
        for p, g, m in zip(params, grads, moments):  # noqa: B905
            v = self.momentum * m - self.lr * g
            self.updates.append((m, v))
            new_p = p + v
            if p in constraints:
                c = constraints[p]
                new_p = c(new_p)
            self.updates.append(K.update(p, new_p))
        return self.updates

    def get_config(self):
        config = {"lr": float(K.get_value(self.lr)), "momentum": float(K.get_value(self.momentum))}
        base_config = super(Momentum, self).get_config()  # noqa: UP008
        return dict(list(base_config.items()) + list(config.items()))


class Halved(Adam):
    """A built-in optimizer whose updates are asked for in Keras 1's order."""

    def get_updates(self, params, constraints, loss):
        return super().get_updates(params, constraints, loss * 0.5)


def data():
    x = np.random.RandomState(0).rand(24, 3)
    return x, x @ np.array([[1.0], [2.0], [-1.0]])


def pair(one, other):
    model = Sequential([Dense(4, input_dim=3, activation="tanh", kernel_constraint="unit_norm"), Dense(1)])
    twin = clone_model(model)
    twin.set_weights(model.get_weights())
    model.compile(one, "mse")
    twin.compile(other, "mse")
    return model, twin


@pytest.mark.parametrize(
    "one, other",
    [
        (lambda: Momentum(0.1, 0.9), lambda: SGD(0.1, 0.9)),
        (lambda: Momentum(0.1, 0.9, clipnorm=0.1), lambda: SGD(0.1, 0.9, clipnorm=0.1)),
        (lambda: Halved(0.1, epsilon=1e-12), lambda: Adam(0.1, epsilon=1e-12)),
    ],
    ids=["momentum", "clipped", "inherited"],
)
def test_training_equals_the_built_in_optimizer(one, other):
    model, twin = pair(one(), other())
    for m in (model, twin):
        m.fit(*data(), batch_size=8, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_it_may_be_called_by_either_order():
    w = K.variable([1.0, 2.0])
    w.constraint = lambda x: x * 0.0
    for call in (
        lambda o, loss: o.get_updates([w], {}, loss),
        lambda o, loss: o.get_updates(params=[w], constraints={}, loss=loss),
        lambda o, loss: o.get_updates(loss, [w]),
        lambda o, loss: o.get_updates(params=[w], loss=loss),
    ):
        K.set_value(w, [1.0, 2.0])
        loss = K.sum(K.square(w))
        K.function([], [loss], updates=call(Momentum(0.25), loss))([])
        got = K.get_value(w)
        assert (got == [0.5, 1.0]).all() or (got == 0).all()
    with pytest.raises(TypeError, match="Momentum.get_updates: takes params, constraints, loss, or loss, params"):
        Momentum().get_updates(loss=K.sum(w))


def test_its_state_is_in_the_file(tmp_path):
    model, _ = pair(Momentum(0.1, 0.9), "sgd")
    x, y = data()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5", custom_objects={"Momentum": Momentum})
    for a, b in zip(model.optimizer.get_weights(), loaded.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(loaded.optimizer.get_weights()) == 5
    for m in (model, loaded):
        m.train_on_batch(x, y)
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), atol=1e-6)


class Stateless(Momentum):
    def get_updates(self, params, constraints, loss):
        updates = super().get_updates(params, constraints, loss)
        self.weights = [self.iterations]
        return updates


def test_a_state_that_does_not_fit_is_told(tmp_path):
    model, _ = pair(Momentum(0.1), "sgd")
    model.train_on_batch(*data())
    model.save(tmp_path / "m.h5")
    with pytest.warns(
        UserWarning, match="Stateless starts afresh.* it holds 5 arrays where the optimizer has 1 weights"
    ):
        loaded = load_model(tmp_path / "m.h5", custom_objects={"Momentum": Stateless})
    assert isinstance(loaded.optimizer, Stateless)
    assert np.isfinite(loaded.train_on_batch(*data()))

"""Update rules: trajectories of genuine Keras, changing rates, compilation, dtypes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kjax import update_rules as rules
from tests.golden import cases, ids

CASES = cases("optimizers")
RULES = {
    "SGD": (rules.sgd, {"lr": 0.01}),
    "RMSprop": (rules.rmsprop, {"lr": 0.001}),
    "Adagrad": (rules.adagrad, {"lr": 0.01}),
    "Adadelta": (rules.adadelta, {"lr": 1.0}),
    "Adam": (rules.adam, {"lr": 0.001}),
    "Adamax": (rules.adamax, {"lr": 0.002}),
    "Nadam": (rules.nadam, {"lr": 0.002}),
}
EVERY_RULE = [
    lambda rate: rules.sgd(rate, momentum=0.9),
    lambda rate: rules.sgd(rate, momentum=0.9, nesterov=True),
    rules.rmsprop,
    rules.adagrad,
    rules.adadelta,
    rules.adam,
    lambda rate: rules.adam(rate, amsgrad=True),
    rules.adamax,
    rules.nadam,
]


def rule_of(case):
    fn, defaults = RULES[case["optimizer"]["class"]]
    kwargs = {**defaults, **case["optimizer"]["kwargs"]}
    clips = {k: kwargs.pop(k) for k in ("clipnorm", "clipvalue") if k in kwargs}
    return rules.clipped(fn(kwargs.pop("lr"), **kwargs), **clips)


def loss_of(case):
    def predict(p, x):
        return jax.nn.softmax(jnp.tanh(x @ p[0] + p[1]) @ p[2] + p[3])

    def crossentropy(p, x, y):
        q = predict(p, x)
        q = jnp.clip(q / q.sum(-1, keepdims=True), 1e-7, 1 - 1e-7)
        return jnp.mean(-jnp.sum(y * jnp.log(q), -1))

    def squared(p, x, y):
        return jnp.mean(jnp.mean(jnp.square(predict(p, x) - y), -1))

    return squared if case["loss"] == "mse" else crossentropy


def kept_state(case, state, params):
    """The state in the order and content of Keras 2.2.4's get_weights()."""
    slots = [jax.tree.leaves(s) for s in state[1:]]
    name = case["optimizer"]["class"]
    if name == "Nadam":
        slots = slots[1:]
    if name == "Adam" and not slots[2]:
        slots[2] = [np.zeros(1)] * len(params)
    count = [] if name in ("RMSprop", "Adagrad", "Adadelta") else [state.count]
    return count + [leaf for slot in slots for leaf in slot]


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_trajectory_is_keras(case):
    rule, loss_fn = rule_of(case), loss_of(case)
    params = [jnp.asarray(w) for w in case.weights()]
    state = rule.init(params)

    @jax.jit
    def step(params, state, x, y):
        loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
        updates, state = rule.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    losses = []
    for i in range(case["steps"]):
        params, state, loss = step(params, state, case.arrays["x0"][i], case.arrays["y0"][i])
        losses.append(loss)
        if i + 1 in (1, 2, case["steps"]):
            for j, p in enumerate(params):
                case.check(f"step{i + 1}_w{j}", p)
    case.check("losses", losses)
    for j, s in enumerate(kept_state(case, state, params)):
        case.check(f"state{j}", s)


@pytest.mark.parametrize("make", EVERY_RULE)
def test_changed_rate_does_not_recompile(make):
    traces = []

    @jax.jit
    def step(rate, params, state):
        traces.append(rate)
        rule = make(rate)
        updates, state = rule.update(jax.tree.map(lambda p: 2 * p, params), state, params)
        return optax.apply_updates(params, updates), state

    params = {"a": jnp.ones((3, 2)), "b": jnp.full((2,), -1.0, "float32")}
    state = make(0.0).init(params)
    for rate in (0.1, 0.01, 0.003):
        params, state = step(jnp.float32(rate), params, state)
    assert len(traces) == 1
    assert int(state.count) == 3


@pytest.mark.parametrize("make", EVERY_RULE)
def test_converges(make):
    target = jnp.asarray([1.0, -0.5, 0.25])
    params = jnp.zeros(3)
    rule = make(1.0 if make is rules.adadelta else 0.03)
    state = rule.init(params)

    @jax.jit
    def step(params, state):
        updates, state = rule.update(params - target, state, params)
        return optax.apply_updates(params, updates), state

    for _ in range(600 if make is not rules.adagrad else 3000):
        params, state = step(params, state)
    assert float(jnp.abs(params - target).max()) < (0.9 if make is rules.adadelta else 0.05)


@pytest.mark.parametrize("make", EVERY_RULE)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_state_keeps_dtype_and_structure(make, dtype):
    params = {"a": jnp.ones((3, 2), dtype), "b": jnp.ones((2,), dtype)}
    rule = make(0.1)
    state = rule.init(params)
    updates, after = rule.update(params, state, params)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert [x.dtype for x in jax.tree.leaves(after)] == [x.dtype for x in jax.tree.leaves(state)]
    assert optax.apply_updates(params, updates)["a"].dtype == dtype


def test_momentum_keeps_the_rate_of_its_time():
    params, grad = jnp.zeros(()), jnp.ones(())
    state = rules.sgd(1.0, momentum=0.5).init(params)
    _, state = rules.sgd(1.0, momentum=0.5).update(grad, state)
    update, _ = rules.sgd(0.1, momentum=0.5).update(grad, state)
    assert float(update) == pytest.approx(0.5 * -1.0 - 0.1)


def test_clipnorm_is_over_all_gradients_together():
    grads = [jnp.asarray([3.0]), jnp.asarray([4.0])]
    clipped = rules.clip_gradients(grads, clipnorm=1.0)
    np.testing.assert_allclose(np.concatenate(clipped), [0.6, 0.8], rtol=1e-6)
    kept = rules.clip_gradients(grads, clipnorm=5.1)
    np.testing.assert_array_equal(np.concatenate(kept), [3.0, 4.0])


def test_clipvalue_comes_after_clipnorm():
    grads = [jnp.asarray([3.0]), jnp.asarray([4.0])]
    clipped = rules.clip_gradients(grads, clipnorm=1.0, clipvalue=0.7)
    np.testing.assert_allclose(np.concatenate(clipped), [0.6, 0.7], rtol=1e-6)
    assert rules.clip_gradients(grads, clipnorm=0.0, clipvalue=0.0) == grads

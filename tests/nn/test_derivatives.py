"""Both modes of differentiation, mixed and repeated, through the functions whose gradient is written by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from kjax.nn import convolution, pooling, recurrent
from kjax.nn.conv_recurrent import ConvLSTM2D
from kjax.nn.derivatives import differentiable


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def draw(*shape):
    return jnp.asarray(np.random.RandomState(0).randn(*shape))


def ours(x, w):
    y = convolution.convolve(x, w, 2, "same")
    return jnp.tanh(pooling.max_pool(y, 2, 1, "same")).sum()


def theirs(x, w):
    y = lax.conv_general_dilated(x, w, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    y = lax.reduce_window(y, -np.inf, lax.max, (1, 2, 2, 1), (1, 1, 1, 1), "SAME")
    return jnp.tanh(y).sum()


ORDERS = {
    "forward": lambda f: jax.jacfwd(f, (0, 1)),
    "reverse": lambda f: jax.jacrev(f, (0, 1)),
    "forward over reverse": lambda f: jax.hessian(f, (0, 1)),
    "reverse over reverse": lambda f: jax.jacrev(jax.jacrev(f, 1), 0),
    "reverse over forward": lambda f: jax.jacrev(jax.jacfwd(f, 1), 0),
    "forward over forward": lambda f: jax.jacfwd(jax.jacfwd(f, 1), 0),
    "one gradient per image": lambda f: jax.vmap(jax.grad(lambda x, w: f(x[None], w), 1), (0, None)),
    "linear map and its transpose": lambda f: lambda x, w: jax.linearize(f, x, w)[1](x, w),
}


@pytest.mark.parametrize("order", ORDERS)
def test_convolution_and_pooling_as_jax_differentiates_its_own(order):
    x, w = draw(2, 5, 5, 1), draw(3, 3, 1, 2)
    of = ORDERS[order]
    for a, b in zip(*map(jax.tree.leaves, (jax.jit(of(ours))(x, w), jax.jit(of(theirs))(x, w))), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def lstm_by_scan(variables, x):
    w = variables["params"]

    def step(carry, x):
        h, c = carry
        i, f, g, o = jnp.split(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4, -1)
        s = jax.nn.sigmoid
        c = s(f) * c + s(i) * jnp.tanh(g)
        h = s(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((x.shape[0], w["recurrent_kernel"].shape[0]))
    return lax.scan(step, (zeros, zeros), jnp.swapaxes(x, 0, 1))[1].sum()


@pytest.mark.parametrize("activation", ["tanh", jnp.tanh])
def test_an_lstm_as_jax_differentiates_a_scan(activation):
    """By name the gradient is in closed form; a function is differentiated step by step."""
    x = draw(2, 3, 2)
    net = recurrent.LSTM(2, activation, "sigmoid", return_sequences=True)
    variables = jax.tree.map(lambda v: v.astype("float64"), net.init(jax.random.key(0), x))
    run = lambda variables, x: net.apply(variables, x)[0].sum()
    for of in (jax.jacfwd, jax.hessian, lambda f: jax.jacrev(jax.jacfwd(f))):
        got, want = jax.jit(of(run))(variables, x), jax.jit(of(lstm_by_scan))(variables, x)
        for a, b in zip(*map(jax.tree.leaves, (got, want)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


NETS = {
    "GRU": (recurrent.GRU(2), (2, 3, 2)),
    "GRU, reset after": (recurrent.GRU(2, reset_after=True, return_sequences=True), (2, 3, 2)),
    "SimpleRNN": (recurrent.SimpleRNN(2, activation=jnp.sin), (2, 3, 2)),
    "ConvLSTM2D": (ConvLSTM2D(1, (2, 2)), (2, 2, 3, 3, 1)),
}


@pytest.mark.parametrize("name", NETS)
def test_tangents_are_those_of_the_gradient(name):
    """With a mask: a derivative along a direction equals the gradient times it, whichever way it is computed."""
    net, shape = NETS[name]
    x, mask = draw(*shape), jnp.asarray([[True] * shape[1], [False] + [True] * (shape[1] - 1)])
    variables = jax.tree.map(lambda v: v.astype("float64"), net.init(jax.random.key(0), x))
    run = lambda v: jnp.sin(net.apply(v, x, mask=mask)[0]).sum()
    forward, reverse = jax.jit(jax.jacfwd(run))(variables), jax.jit(jax.grad(run))(variables)
    for a, b in zip(*map(jax.tree.leaves, (forward, reverse)), strict=True):
        assert np.abs(b).max() > 0
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_the_gradient_by_hand_is_the_one_that_runs():
    """And only for the operands that are asked for; forward mode takes the other function."""
    calls = []

    def push(kept, tangents):
        calls.append(("push", [t is not None for t in tangents]))
        a, b = kept
        return sum(t * other for t, other in zip(tangents, (b, a), strict=True) if t is not None)

    def pull(kept, ct):
        calls.append("pull")
        a, b = kept
        return ct * b * 2, ct * a  # wrong on purpose, to tell it from JAX's own

    times = differentiable(lambda a, b: a * b, lambda a, b: (a * b, (a, b)), push, pull)
    assert jax.grad(times)(3.0, 5.0) == 10.0 and "pull" in calls
    calls.clear()
    assert jax.jvp(times, (3.0, 5.0), (1.0, 1.0))[1] == 8.0 and "pull" not in calls
    assert jax.jvp(lambda a: times(a, 5.0), (3.0,), (1.0,))[1] == 5.0 and ("push", [True, False]) in calls

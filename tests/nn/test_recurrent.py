"""Recurrent modules: numbers against plain loops, the closed-form gradients, masks, dropout, lowering."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import recurrent, recurrent_cells
from kjax.nn.conv_recurrent import ConvLSTM2D, SameConv
from kjax.nn.recurrence import recurrence
from kjax.nn.recurrent_products import MatMul

BATCH, TIME, N, UNITS = 3, 5, 4, 2
GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3, "GRU reset after": 3}
kinds = pytest.mark.parametrize("kind", GATES)


def module(kind, **options):
    if kind == "GRU reset after":
        return recurrent.GRU(UNITS, reset_after=True, **options)
    return getattr(recurrent, kind)(UNITS, **options)


def weights(kind, key=0):
    rng, width = np.random.default_rng(key), GATES[kind] * UNITS
    bias = (2, width) if kind == "GRU reset after" else (width,)
    shapes = {"kernel": (N, width), "recurrent_kernel": (UNITS, width), "bias": bias}
    return {"params": {k: jnp.asarray(rng.normal(size=s), jnp.float32) for k, s in shapes.items()}}


def series(key=1):
    return jnp.asarray(np.random.default_rng(key).normal(size=(BATCH, TIME, N)), jnp.float32)


MASK = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)


def step(kind, x, states, kernel, recurrent_kernel, bias):
    """One step in NumPy, hard_sigmoid gates, tanh."""
    s = lambda v: np.clip(0.2 * v + 0.5, 0, 1)
    h = states[0]
    if kind == "SimpleRNN":
        return (np.tanh(x @ kernel + h @ recurrent_kernel + bias),)
    if kind == "LSTM":
        i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=-1)
        c = s(f) * states[1] + s(i) * np.tanh(g)
        return s(o) * np.tanh(c), c
    inside, state_bias = (bias[0], bias[1]) if bias.ndim == 2 else (bias, 0 * bias)
    z, r, g = np.split(x @ kernel + inside, 3, axis=-1)
    rz, rr, rg = np.split(recurrent_kernel, 3, axis=-1)
    bz, br, bg = np.split(state_bias, 3)
    z, r = s(z + h @ rz + bz), s(r + h @ rr + br)
    g = np.tanh(g + r * (h @ rg + bg)) if bias.ndim == 2 else np.tanh(g + (r * h) @ rg)
    return (z * h + (1 - z) * g,)


def plain_loop(kind, x, params, mask):
    states = (np.zeros((BATCH, UNITS)),) * (2 if kind == "LSTM" else 1)
    outputs = []
    for t in range(TIME):
        new = step(kind, x[:, t], states, **params)
        states = tuple(np.where(mask[:, t, None], n, o) for n, o in zip(new, states, strict=True))
        outputs.append(states[0])
    return np.stack(outputs, 1), states


@kinds
def test_numbers_are_those_of_a_plain_loop(kind):
    variables, x = weights(kind), series()
    params = {k: np.asarray(v, np.float64) for k, v in variables["params"].items()}
    want, states = plain_loop(kind, np.asarray(x, np.float64), params, MASK)
    got, last = module(kind, return_sequences=True).apply(variables, x, mask=MASK)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    for a, b in zip(last, states, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@kinds
def test_backwards_is_the_reversed_input(kind):
    variables, x = weights(kind), series()
    got, _ = module(kind, return_sequences=True, go_backwards=True).apply(variables, x, mask=MASK)
    want, _ = module(kind, return_sequences=True).apply(variables, x[:, ::-1], mask=MASK[:, ::-1])
    np.testing.assert_array_equal(got, want)


@kinds
def test_unrolled_masked_steps_start_from_zeros_and_others_repeat_the_state(kind):
    variables, x = weights(kind), series()
    initial = (jnp.ones((BATCH, UNITS)),) * (2 if kind == "LSTM" else 1)
    rolled, _ = module(kind, return_sequences=True).apply(variables, x, initial_state=initial, mask=MASK)
    unrolled, states = module(kind, return_sequences=True, unroll=True).apply(
        variables, x, initial_state=initial, mask=MASK
    )
    last, _ = module(kind, unroll=True).apply(variables, x, initial_state=initial, mask=MASK)
    np.testing.assert_array_equal(rolled[0, 0], 1)
    np.testing.assert_array_equal(unrolled[0, 0], 0)
    np.testing.assert_allclose(unrolled[0, 1:], rolled[0, 1:], rtol=1e-6)
    np.testing.assert_array_equal(unrolled[2], 0)
    np.testing.assert_array_equal(last[2], 0)
    np.testing.assert_array_equal(states[0][2], 1)


@pytest.mark.parametrize("name", recurrent_cells.UNITWISE)
def test_slopes_as_functions_of_the_value_are_the_derivatives(name):
    activation = recurrent_cells.UNITWISE[name]
    z = jnp.linspace(-3, 3, 41)  # without the corners of hard_sigmoid
    z = z[(jnp.abs(jnp.abs(z) - 2.5) > 1e-3) & (z != 0)]
    want = jax.vmap(jax.grad(activation.f))(z)
    np.testing.assert_allclose(activation.slope(activation.f(z)), want, rtol=1e-4, atol=1e-6)


def unnamed(name):
    """The same activation as a plain function, which takes the step-by-step gradient."""
    return functools.partial(lambda f, x: f(x), recurrent_cells.UNITWISE[name].f)


def loss_of(net, x, mask, **masks):
    def loss(variables, x, initial):
        y, states = net.apply(variables, x, initial_state=initial, mask=mask, **masks)
        return sum(jnp.sum(jnp.sin(v) * (i + 1.0)) for i, v in enumerate((y, *states)))

    return jax.jit(lambda variables, initial: jax.grad(loss, argnums=(0, 1, 2))(variables, x, initial))


def same(a, b, rtol=2e-5):
    for v, w in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(v, w, rtol=rtol, atol=rtol * float(jnp.abs(w).max()) + 1e-7)


CASES = {
    "plain": (None, False, ("tanh", "hard_sigmoid")),
    "masked": (MASK, False, ("relu", "sigmoid")),
    "masked sequences": (MASK, True, ("tanh", "sigmoid")),
}


@kinds
@pytest.mark.parametrize("case", CASES)
def test_closed_form_gradient_is_the_step_by_step_one(kind, case):
    mask, sequences, names = CASES[case]
    options = {} if kind == "SimpleRNN" else {"recurrent_activation": names[1]}
    closed = module(kind, activation=names[0], return_sequences=sequences, **options)
    options = {k: unnamed(v) for k, v in options.items()}
    stepwise = module(kind, activation=unnamed(names[0]), return_sequences=sequences, **options)
    assert hasattr(closed.cell(), "pull") and not hasattr(stepwise.cell(), "pull")
    initial = (0.3 * jnp.ones((BATCH, UNITS)),) * (2 if kind == "LSTM" else 1)
    variables, x = weights(kind), series()
    same(loss_of(closed, x, mask)(variables, initial), loss_of(stepwise, x, mask)(variables, initial))


@kinds
@pytest.mark.parametrize("count", [1, None], ids=["one mask", "a mask per gate"])
def test_dropout_masks_multiply_inputs_and_states(kind, count):
    count = count or GATES[kind]
    rng = np.random.default_rng(3)
    in_masks = jnp.asarray(rng.integers(0, 2, (count, BATCH, N)) * 2.0, jnp.float32)
    masks = jnp.asarray(rng.integers(0, 2, (count, BATCH, UNITS)) * 2.0, jnp.float32)
    variables, x = weights(kind), series()
    initial = (0.3 * jnp.ones((BATCH, UNITS)),) * (2 if kind == "LSTM" else 1)
    closed, stepwise = module(kind), module(kind, activation=unnamed("tanh"))
    dropped = {"in_masks": in_masks, "masks": masks}
    got, want = (loss_of(net, x, MASK, **dropped)(variables, initial) for net in (closed, stepwise))
    same(got, want)
    if count == 1:
        y, _ = closed.apply(variables, x, initial_state=initial, **dropped)
        ones = {"in_masks": jnp.ones_like(in_masks), "masks": masks}
        other, _ = closed.apply(variables, x * in_masks[0][:, None], initial_state=initial, **ones)
        np.testing.assert_allclose(y, other, rtol=1e-5, atol=1e-6)


@kinds
def test_training_draws_masks_and_inference_does_not(kind):
    net, variables, x = module(kind, dropout=0.5, recurrent_dropout=0.5), weights(kind), series()
    a, b, c = (net.apply(variables, x, training=True, rngs={"dropout": jax.random.key(k)})[0] for k in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    np.testing.assert_array_equal(net.apply(variables, x)[0], module(kind).apply(variables, x)[0])


@kinds
def test_second_order_gradient(kind):
    variables, x = weights(kind), series()
    closed, stepwise = module(kind, activation="tanh"), module(kind, activation=unnamed("tanh"))

    def penalty(net, variables):
        inner = jax.grad(lambda x: jnp.sum(net.apply(variables, x, mask=MASK)[0] ** 2))
        return jnp.sum(inner(x) ** 2)

    got, other = (jax.jit(jax.grad(functools.partial(penalty, net)))(variables) for net in (closed, stepwise))
    same(got, other, 1e-4)
    step = 1e-2
    direction = jax.tree.map(lambda v: jnp.cos(jnp.arange(v.size, dtype=v.dtype)).reshape(v.shape), variables)
    moved = [penalty(closed, jax.tree.map(lambda v, d, s=s: v + s * d, variables, direction)) for s in (-step, step)]
    slope = sum(jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(got), jax.tree.leaves(direction), strict=True))
    np.testing.assert_allclose((moved[1] - moved[0]) / (2 * step), slope, rtol=0.05, atol=1e-2)


def test_any_function_is_an_activation_also_one_that_mixes_units():
    variables, x = weights("LSTM"), series()
    y, _ = module("LSTM", activation=jax.nn.softmax).apply(variables, x)
    assert np.isfinite(y).all()
    with pytest.raises(ValueError, match="activation: a function or one of .*tanh is needed, got 'softmax'"):
        module("LSTM", activation="softmax").apply(variables, x)


@pytest.mark.parametrize("net, like", [(recurrent.CuDNNLSTM, "LSTM"), (recurrent.CuDNNGRU, "GRU reset after")])
def test_cudnn_layout(net, like):
    plain, gates = weights(like)["params"], GATES[like]
    bias = plain["bias"]
    turned = {
        "kernel": jnp.concatenate([g.T.reshape(g.shape) for g in jnp.split(plain["kernel"], gates, -1)], -1),
        "recurrent_kernel": jnp.concatenate([g.T for g in jnp.split(plain["recurrent_kernel"], gates, -1)], -1),
        "bias": jnp.concatenate([bias * 0.25, bias * 0.75]) if gates == 4 else bias.reshape(-1),
    }
    want, _ = module(like, recurrent_activation="sigmoid").apply({"params": plain}, series())
    got, _ = net(UNITS).apply({"params": turned}, series())
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_convlstm_gradient_masks_and_states(data_format):
    rng = np.random.default_rng(0)
    shape = (2, 3, 5, 4, 2) if data_format == "channels_last" else (2, 3, 2, 5, 4)
    x = jnp.asarray(rng.normal(size=shape), jnp.float32)
    net = ConvLSTM2D(3, (3, 2), padding="same", data_format=data_format)
    stepwise = ConvLSTM2D(3, (3, 2), padding="same", data_format=data_format, activation=unnamed("tanh"))
    variables = net.init(jax.random.key(0), x)
    mask = np.array([[1, 0, 1], [0, 1, 1]], bool)
    y, states = net.apply(variables, x, mask=mask)
    again, _ = net.apply(variables, x[:, 2:], initial_state=net.apply(variables, x[:, :2], mask=mask[:, :2])[1])
    np.testing.assert_allclose(y, again, rtol=1e-5, atol=1e-6)
    assert states[1].shape == y.shape
    initial = tuple(0.1 * jnp.ones_like(s) for s in states)
    same(loss_of(net, x, mask)(variables, initial), loss_of(stepwise, x, mask)(variables, initial), 1e-4)


def transposes(product, params, x, dz):
    _, pull = jax.vjp(lambda x: product(x, params), x)
    np.testing.assert_allclose(product.back(dz, product.transposed(params)), pull(dz)[0], rtol=1e-4, atol=1e-4)


def test_products_and_their_way_back_are_transposes():
    rng = np.random.default_rng(0)
    random = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
    for masks in (None, random(1, 3, 4), random(2, 3, 4)):
        params = {"kernel": random(4, 8), "bias": None, "masks": masks}
        transposes(MatMul(), params, random(3, 4), random(3, 8))
    for masks in (None, random(4, 2, 5, 4, 3)):
        params = {"kernel": random(3, 2, 3, 8), "bias": None, "masks": masks}
        transposes(SameConv(), params, random(2, 5, 4, 3), random(2, 5, 4, 8))


@kinds
def test_lowers_for_accelerators(kind):
    net, variables = module(kind, dropout=0.2, recurrent_dropout=0.2), weights(kind)

    def gradient(variables, x, mask, key):
        run = lambda v: jnp.sum(net.apply(v, x, mask=mask, training=True, rngs={"dropout": key})[0])
        return jax.grad(run)(variables)

    export = jax.export.export(jax.jit(gradient), platforms=["tpu", "cuda"])
    exported = export(variables, series(), MASK, jax.random.key(0))
    assert set(exported.platforms) == {"tpu", "cuda"}


def test_the_backward_loop_takes_no_weight_gradient():
    variables, x = weights("LSTM"), series()
    net = module("LSTM")
    jaxpr = jax.make_jaxpr(jax.grad(lambda v: jnp.sum(net.apply(v, x)[0])))(variables)
    loops = [e for e in jaxpr.jaxpr.eqns if e.primitive.name == "scan"]
    reverse = [e for e in loops if e.params["reverse"]]
    assert len(reverse) == 1
    assert (UNITS, 4 * UNITS) not in [v.aval.shape for v in reverse[0].outvars]
    products = [e for e in reverse[0].params["jaxpr"].jaxpr.eqns if e.primitive.name == "dot_general"]
    assert len(products) == 1


def test_recurrence_returns_no_sequence_unless_asked():
    cell = recurrent.choose_cell(recurrent_cells.SimpleStep, recurrent_cells.SimpleUnits, "tanh")
    params = ({"kernel": jnp.eye(UNITS), "bias": None, "masks": None},)
    inputs, states = ((jnp.ones((TIME, BATCH, UNITS)),), None), (jnp.zeros((BATCH, UNITS)),)
    assert recurrence(cell, MatMul(), False, 1, inputs, states, params, None)[0] is None
    assert recurrence(cell, MatMul(), True, 1, inputs, states, params, None)[0].shape == (TIME, BATCH, UNITS)

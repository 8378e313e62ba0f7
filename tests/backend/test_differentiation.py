"""K.gradients: values against finite differences and JAX, second order, where there is none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax import backend as K

X = np.random.RandomState(1).uniform(-1, 1, (2, 3)).astype('float32')
W = np.random.RandomState(2).uniform(-1, 1, (3, 3)).astype('float32')


def value(tensor, x=None, feed=X):
    return K.function([x], [tensor])([feed])[0] if x is not None else K.eval(tensor)


def test_variables_placeholders_and_intermediate_tensors():
    x, w = K.placeholder((None, 3)), K.variable(W)
    h = K.dot(x, w)
    loss = K.sum(K.square(K.tanh(h)))
    gx, gw, gh = K.gradients(loss, [x, w, h])
    assert K.int_shape(gx) == (None, 3) and K.int_shape(gw) == (3, 3) and K.int_shape(gh) == (None, 3)
    want = jax.grad(lambda x, w: jnp.sum(jnp.tanh(x @ w) ** 2), (0, 1))(X, W)
    got = K.function([x], [gx, gw, gh])([X])
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-5)
    np.testing.assert_allclose(got[2] @ W.T, got[0], rtol=1e-5)


def test_the_way_through_another_variable_counts():
    """d/dx of h^2 with h = 2 x is 8 x, also when h is asked for in the same call, in either order."""
    x = K.placeholder((3,))
    h = 2.0 * x
    loss = K.sum(h * h)
    for wanted in ([x, h], [h, x]):
        got = dict(zip(wanted, K.function([x], K.gradients(loss, wanted))([X[0]]), strict=True))
        np.testing.assert_allclose(got[x], 8 * X[0], rtol=1e-6)
        np.testing.assert_allclose(got[h], 4 * X[0], rtol=1e-6)


def test_loss_that_is_no_scalar_counts_as_its_sum():
    x = K.placeholder((None, 3))
    np.testing.assert_allclose(value(K.gradients(K.square(x), x)[0], x), 2 * X, rtol=1e-6)


def test_several_losses_add_up():
    v = K.variable(3.0)
    assert K.eval(K.gradients([v * v, 5.0 * v], [v])[0]) == 11


def test_second_and_third_order():
    v = K.variable(2.0)
    first = K.gradients(K.pow(v, 4), [v])[0]
    second = K.gradients(first, [v])[0]
    third = K.gradients(second, [v])[0]
    assert [K.eval(g) for g in (first, second, third)] == [32, 48, 48]


def test_gradient_penalty():
    """The gradient of a gradient's norm with respect to a weight (WGAN-GP)."""
    x, w = K.placeholder((None, 3)), K.variable(W)
    score = K.sum(K.tanh(K.dot(x, w)), axis=1)
    slope = K.gradients(score, [x])[0]
    penalty = K.mean(K.square(1.0 - K.sqrt(K.sum(K.square(slope), axis=1))))
    got = K.function([x], K.gradients(penalty, [w]))([X])[0]

    def reference(w):
        slopes = jax.grad(lambda x: jnp.sum(jnp.tanh(x @ w)))(X)
        return jnp.mean((1 - jnp.sqrt(jnp.sum(slopes**2, 1))) ** 2)

    np.testing.assert_allclose(got, jax.grad(reference)(W), rtol=1e-4, atol=1e-6)


def test_none_where_nothing_depends():
    x, y, v = K.placeholder((3,)), K.placeholder((3,)), K.variable(1.0)
    loss = K.sum(x * K.stop_gradient(y))
    assert K.gradients(loss, [y, v]) == [None, None]
    assert K.gradients(K.sum(K.cast(K.greater(x, 0), 'float32')), [x]) == [None]


def test_integer_variables_have_none():
    i, table = K.placeholder((2,), dtype='int32'), K.variable(W)
    assert K.gradients(K.sum(K.gather(table, i)), [i, table])[0] is None


@pytest.mark.parametrize('wrong', [1.0, X])
def test_loss_must_be_symbolic(wrong):
    with pytest.raises(TypeError, match='gradients: loss must be a symbolic tensor; got (float|ndarray)'):
        K.gradients(wrong, [K.variable(1.0)])


def test_loss_must_be_float():
    with pytest.raises(TypeError, match='gradients: loss must be of a float type; got .* of type int32'):
        K.gradients(K.argmax(K.placeholder((2, 3))), [K.variable(1.0)])


def test_variables_must_be_symbolic():
    with pytest.raises(TypeError, match='gradients: variables must be symbolic tensors or Variables; got ndarray'):
        K.gradients(K.variable(1.0) * 1.0, [X])


def test_stop_gradient_of_a_list():
    a, b = K.stop_gradient([K.variable(1.0), K.variable(2.0)])
    assert K.eval(a) == 1 and K.eval(b) == 2


# where TensorFlow's rule for ties or borders is not JAX's
BORDERS = {
    'maximum, x of equals': (lambda x: K.maximum(x, 0.0), 0.0, 1.0),
    'maximum, y of equals': (lambda x: K.maximum(0.0, x), 0.0, 0.0),
    'minimum, x of equals': (lambda x: K.minimum(x, 0.0), 0.0, 1.0),
    'clip at the lower border': (lambda x: K.clip(x, 0.0, 1.0), 0.0, 1.0),
    'clip at the upper border': (lambda x: K.clip(x, 0.0, 1.0), 1.0, 1.0),
    'clip outside': (lambda x: K.clip(x, 0.0, 1.0), 1.5, 0.0),
    'relu at 0': (lambda x: K.relu(x), 0.0, 0.0),
    'abs at 0': (lambda x: K.abs(x), 0.0, 0.0),
    'logits at 0': (lambda x: K.binary_crossentropy(K.ones_like(x), x, from_logits=True), 0.0, -0.5),
    'max of equals': (lambda x: K.max(K.stack([x, x])), 1.0, 1.0),
}


@pytest.mark.parametrize('name', BORDERS)
def test_borders(name):
    f, at, want = BORDERS[name]
    v = K.variable(at)
    assert K.eval(K.gradients(f(v), [v])[0]) == pytest.approx(want)


def test_maximum_keeps_nan():
    assert np.isnan(K.eval(K.maximum(np.array([np.nan]), 0.0))[0])
    assert np.isnan(K.eval(K.clip(np.array([np.nan]), 0.0, 1.0))[0])


def test_through_loops():
    """The gradient of a recurrence with respect to a captured weight."""
    x, w = K.placeholder((None, 4, 2)), K.variable(0.5)
    last, _, _ = K.rnn(lambda t, s: (w * s[0] + t, [w * s[0] + t]), x, [K.zeros_like(x[:, 0])])
    feed = np.random.RandomState(3).rand(2, 4, 2).astype('float32')
    got = K.function([x], K.gradients(K.sum(last), [w]))([feed])[0]

    def reference(w):
        h = 0.0
        for t in range(4):
            h = w * h + feed[:, t]
        return jnp.sum(h)

    np.testing.assert_allclose(got, jax.grad(reference)(0.5), rtol=1e-5)


def test_second_order_through_loops():
    w = K.variable(0.5)
    total = K.foldl(lambda a, x: a * w + x, K.constant([1.0, 2.0, 3.0]), K.constant(1.0))
    second = K.gradients(K.gradients(total, [w])[0], [w])[0]  # w^3 + w^2 + 2 w + 3
    assert K.eval(second) == pytest.approx(6 * 0.5 + 2)


def test_random_numbers_are_the_same_in_value_and_gradient():
    v = K.variable(1.0)
    noisy = v * K.random_normal(())
    value, slope = K.function([], [noisy, K.gradients(noisy, [v])[0]])([])
    assert value == slope

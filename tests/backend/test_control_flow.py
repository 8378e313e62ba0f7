"""Loops and switch beyond the golden cases."""

import jax.numpy as jnp
import numpy as np
import pytest

from kjax import backend as K
from kjax.graph import Context, resolving

X = np.random.RandomState(0).uniform(-1, 1, (2, 5, 3)).astype('float32')
MASK = np.array([[0, 1, 1, 0, 1], [1, 0, 0, 1, 0]], bool)


def cumulative(x, states):
    total = states[0] + x
    return total, [total]


def feed(inputs, outputs, values):
    return K.function(inputs, outputs)(values)


# -------------------------------------------------- rnn


def test_rnn_on_arrays_computes_at_once():
    last, outputs, states = K.rnn(cumulative, X, [np.zeros((2, 3))])
    np.testing.assert_allclose(outputs, np.cumsum(X, 1), rtol=1e-6)
    np.testing.assert_allclose(last, states[0])


def test_step_is_called_once():
    calls = []

    def step(x, states):
        calls.append(x)
        return cumulative(x, states)

    K.rnn(step, K.placeholder((None, 5, 3)), [K.zeros((1, 3))[:1] * K.placeholder((None, 3))], unroll=True)
    assert len(calls) == 1


def test_unknown_time():
    x = K.placeholder((None, None, 3))
    last, outputs, _ = K.rnn(cumulative, x, [K.zeros_like(x[:, 0])])
    assert K.int_shape(outputs) == (None, None, 3) and K.int_shape(last) == (None, 3)
    np.testing.assert_allclose(feed([x], [outputs], [X])[0], np.cumsum(X, 1), rtol=1e-6)


def test_masked_steps_keep_the_state_and_repeat_it():
    _, outputs, _ = K.rnn(cumulative, X, [np.full((2, 3), 9.0)], mask=MASK)
    want, state = [], np.full((2, 3), 9.0)
    for t in range(5):
        state = np.where(MASK[:, t, None], state + X[:, t], state)
        want.append(state)
    np.testing.assert_allclose(outputs, np.stack(want, 1), rtol=1e-6)


def test_masked_steps_of_an_unrolled_loop_start_from_zeros():
    _, outputs, _ = K.rnn(cumulative, X, [np.full((2, 3), 9.0)], mask=MASK, unroll=True)
    np.testing.assert_array_equal(outputs[0, 0], np.zeros(3))
    np.testing.assert_allclose(outputs[1, 0], 9 + X[1, 0], rtol=1e-6)


def test_mask_of_rank_3_and_going_backwards():
    _, outputs, _ = K.rnn(cumulative, X, [np.zeros((2, 3))], mask=MASK[..., None], go_backwards=True)
    want = np.cumsum(np.where(MASK[..., None], X, 0)[:, ::-1], 1)
    np.testing.assert_allclose(outputs, want, rtol=1e-5, atol=1e-6)


def test_constants_and_no_states():
    last, outputs, states = K.rnn(lambda x, c: (x * c[0], []), X, [], constants=[np.full((2, 3), 2.0)])
    np.testing.assert_allclose(outputs, 2 * X)
    assert states == []


def test_random_steps_differ():
    x = K.placeholder((None, 5, 3))
    _, outputs, _ = K.rnn(lambda t, s: (K.random_normal((2, 3)), []), x, [])
    got = feed([x], [outputs], [X])[0]
    assert len(np.unique(got)) == got.size


def test_images_as_steps():
    frames = np.ones((2, 4, 3, 3, 1), 'float32')
    last, outputs, _ = K.rnn(cumulative, frames, [np.zeros((2, 3, 3, 1))], mask=np.array([[1, 1, 0, 1], [0, 0, 0, 1]]))
    assert outputs.shape == (2, 4, 3, 3, 1)
    np.testing.assert_array_equal(last[:, 0, 0, 0], [3, 1])


def test_within_a_running_evaluation():
    """Inside of traced code the step works on the arrays themselves, with the variables' traced values."""
    v = K.variable(2.0)

    def resolve(variable):
        return jnp.asarray(3.0)

    resolve.context = Context()
    with resolving(resolve):
        _, outputs, _ = K.rnn(lambda x, s: (x * v, []), jnp.asarray(X), [])
        mapped = K.map_fn(lambda x: x * v, jnp.asarray(X))
        folded = K.foldl(lambda a, x: a + x * v, jnp.asarray(X))
    np.testing.assert_allclose(outputs, 3 * X)
    np.testing.assert_allclose(mapped, 3 * X)
    np.testing.assert_allclose(folded, X[0] + 3 * X[1], rtol=1e-6)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(inputs=X[0]), r'inputs must have rank 3 or more, .*; got shape \(5, 3\)'),
        (dict(mask=MASK[0]), r'mask must have shape \(batch, time\) or .*; got \(5,\)'),
        (dict(step_function=lambda x, s: (x, [])), 'step_function must return as many states as .*, 1; got 0'),
        (
            dict(step_function=lambda x, s: (x, [x[:, :2]])),
            r'state 0 returned by step_function must have the shape of initial_states\[0\], \(2, 3\); got \(2, 2\)',
        ),
        (
            dict(step_function=lambda x, s: (x[:, :2], s), mask=MASK),
            r'with a mask, the output of step_function must have the shape of the first state, \(2, 3\); got \(2, 2\)',
        ),
        (
            dict(step_function=lambda x, s: (x, []), initial_states=[], mask=MASK),
            'with a mask, initial_states must hold the state that a skipped step outputs; got none',
        ),
        (
            dict(inputs=K.placeholder((None, None, 3)), unroll=True),
            'unroll=True requires a known number of time steps; got inputs of',
        ),
    ],
)
def test_rnn_errors(arguments, message):
    with pytest.raises(ValueError, match='rnn: ' + message):
        K.rnn(**{'step_function': cumulative, 'inputs': X, 'initial_states': [np.zeros((2, 3))], **arguments})


# -------------------------------------------------- map, fold


def test_map_of_several_with_a_captured_tensor():
    a, b, c = K.placeholder((None, 3)), K.placeholder((None, 3)), K.placeholder((3,))
    mapped = K.map_fn(lambda pair: pair[0] * pair[1] + c, (a, b), dtype='float32')
    np.testing.assert_allclose(feed([a, b, c], [mapped], [X[0], X[1], X[0, 0]])[0], X[0] * X[1] + X[0, 0], rtol=1e-6)


def test_map_with_several_results():
    low, high = K.map_fn(lambda x: (K.min(x), K.max(x)), X)
    np.testing.assert_array_equal(low, X.min((1, 2)))
    np.testing.assert_array_equal(high, X.max((1, 2)))


def test_map_result_type():
    assert K.dtype(K.map_fn(lambda x: K.sum(x), X, dtype='int32')) == 'int32'


def test_random_elements_differ():
    got = K.eval(K.map_fn(lambda x: x * 0.0 + K.random_normal(()), K.variable(np.ones(5))))
    assert len(set(got)) == 5


def test_loops_in_loops():
    got = K.map_fn(lambda rows: K.foldl(lambda a, r: a + r, rows), X)
    np.testing.assert_allclose(got, X.sum(1), rtol=1e-5, atol=1e-6)


def test_foldr_starts_from_the_last():
    folded = K.foldr(lambda a, x: a * 0.5 + x, K.constant([1.0, 2.0, 4.0]))
    assert folded == 1 + 0.5 * (2 + 0.5 * 4)


def test_fold_must_keep_the_shape():
    with pytest.raises(ValueError, match=r'foldl: fn must keep the shape of the accumulator, \(5, 3\); got \(3,\)'):
        K.foldl(lambda a, x: K.sum(x, axis=0), X)


# -------------------------------------------------- switch


def test_switch_with_functions_and_python_conditions():
    called = []
    assert K.switch(True, lambda: called.append(1) or 1.0, lambda: called.append(2)) == 1.0 and called == [1]
    x = K.placeholder(())
    f = K.function([x], [K.switch(K.greater(x, 0), lambda: x * 2.0, lambda: x * 3.0)])
    assert f([1.0]) == [2.0] and f([-1.0]) == [-3.0]


def test_switch_of_lower_rank_goes_by_rows():
    got = K.switch(np.array([True, False]), X, -X)
    np.testing.assert_array_equal(got, np.stack([X[0], -X[1]]))


def test_switch_rank():
    with pytest.raises(ValueError, match="switch: the condition's rank must not exceed"):
        K.switch(np.ones((2, 2), bool), np.ones(2), np.ones(2))

"""K.function, updates, the learning phase, random numbers."""

import jax
import numpy as np
import pytest

from kjax import backend as K
from kjax.backend import functions
from kjax.graph import execute

X = np.arange(6, dtype='float32').reshape(2, 3)


@pytest.fixture(autouse=True)
def symbolic_phase():
    yield
    K.clear_session()


# -------------------------------------------------- function


def test_returns_writable_arrays_and_numpy_scalars():
    x = K.placeholder((None, 3))
    y, total = K.function([x], [x * 2.0, K.sum(x)])([X])
    y[0, 0] = 5
    assert isinstance(total, np.float32) and total == 15


def test_intermediate_tensors_may_be_fed():
    x = K.placeholder((None, 3))
    h = K.square(x)
    np.testing.assert_allclose(K.function([h], [h + 1.0])([X])[0], X + 1)


def test_variables_may_be_fed():
    v = K.variable(X)
    np.testing.assert_allclose(K.function([v], [v * 2.0])([X + 1])[0], 2 * X + 2)


def test_lists_and_double_precision_are_cast():
    x = K.placeholder((None, 3))
    f = K.function([x], [x])
    assert f([X.astype('float64')])[0].dtype == np.float32
    assert f([X.tolist()])[0].dtype == np.float32


def test_reads_the_present_value_of_a_variable():
    v = K.variable(1.0)
    f = K.function([], [v + 1.0])
    K.set_value(v, 5.0)
    assert f([]) == [6.0]


def test_single_output_and_input():
    x = K.placeholder((3,))
    np.testing.assert_array_equal(K.function(x, x + 1.0)(X[0]), X[0] + 1)


def test_constants_as_outputs():
    assert K.function([], [K.constant(3.0), 4.0])([]) == [3.0, 4.0]


def test_equal_programs_share_their_code():
    def build():
        x = K.placeholder((None, 3))
        return K.function([x], [K.tanh(K.dot(x, K.variable(np.ones((3, 2)))))])

    execute.forget_compiled()
    first, second = build(), build()
    first([X])
    second([X])
    assert first._program is second._program
    assert sum(run._cache_size() for run in execute._compiled.values()) == 1


def test_wrong_shape():
    x = K.placeholder((None, 3), name='images')
    with pytest.raises(ValueError, match=r"value for 'images.*' must have shape \(None, 3\); got shape \(2, 4\)"):
        K.function([x], [x])([np.ones((2, 4))])


def test_wrong_number_of_inputs():
    x = K.placeholder((None, 3))
    with pytest.raises(ValueError, match=r'function: inputs must hold 1 value\(s\); got 2'):
        K.function([x], [x])([X, X])


def test_missing_placeholder():
    x, y = K.placeholder((3,), name='a'), K.placeholder((3,), name='b')
    with pytest.raises(ValueError, match="the value of the placeholder 'b.*' .* is needed"):
        K.function([x], [x + y])


def test_session_arguments_are_refused():
    with pytest.raises(ValueError, match=r"function: argument\(s\) \['options'\] are not supported"):
        K.function([], [K.variable(1.0)], options=object())


def test_inputs_must_be_tensors():
    with pytest.raises(TypeError, match='function: inputs must be symbolic tensors or Variables; got ndarray'):
        K.function([X], [K.variable(1.0)])


def test_outputs_must_be_tensors():
    with pytest.raises(TypeError, match='function: outputs must be tensors; got str as output 0'):
        K.function([], ['x'])


# -------------------------------------------------- updates


def test_updates_see_the_values_before_the_call():
    a, b = K.variable(1.0), K.variable(10.0)
    f = K.function([], [a + b], updates=[K.update(a, b), (b, a + b)])
    assert f([]) == [11.0]
    assert K.batch_get_value([a, b]) == [10.0, 11.0]


def test_updates_as_outputs():
    v = K.variable(1.0)
    assert K.function([], [K.update_add(v, 2.0)])([]) == [3.0]
    assert K.get_value(v) == 3


def test_eval_of_an_update_carries_it_out():
    v = K.variable(1.0)
    assert K.eval(K.update_sub(v, 3.0)) == -2 and K.get_value(v) == -2


def test_update_in_another_type_is_cast():
    v = K.variable(np.zeros(2), dtype='int32')
    K.function([], [], updates=[K.update(v, K.constant([1.7, 2.2]))])([])
    np.testing.assert_array_equal(K.get_value(v), [1, 2])


def test_moving_average():
    v = K.variable(1.0)
    K.eval(K.moving_average_update(v, 3.0, 0.75))
    assert K.get_value(v) == pytest.approx(1.5)


def test_update_of_another_shape():
    v = K.variable(np.zeros(2), name='state')
    with pytest.raises(ValueError, match=r"the update of 'state.*' must have its shape \(2,\); got shape \(3,\)"):
        K.function([], [], updates=[K.update(v, np.zeros(3))])


@pytest.mark.parametrize('update', [K.update, K.update_add, K.update_sub])
def test_only_variables_are_updated(update):
    with pytest.raises(TypeError, match='update.*: x must be a Variable; got KerasTensor'):
        update(K.placeholder((2,)), 1.0)


# -------------------------------------------------- phase


def test_phase_is_test_unless_fed():
    x = K.placeholder((3,))
    y = K.in_train_phase(x * 2.0, x)
    np.testing.assert_array_equal(K.function([x], [y])([X[1]])[0], X[1])
    f = K.function([x, K.learning_phase()], [y])
    for phase in (1, True, 1.0, np.array(1)):
        np.testing.assert_array_equal(f([X[1], phase])[0], 2 * X[1])
    np.testing.assert_array_equal(f([X[1], 0])[0], X[1])
    assert y._uses_learning_phase


def test_phase_anywhere_among_the_inputs():
    x = K.placeholder((3,))
    f = K.function([K.learning_phase(), x], [K.in_test_phase(x * 2.0, x)])
    np.testing.assert_array_equal(f([0, X[1]])[0], 2 * X[1])


def test_phase_as_a_tensor():
    f = K.function([K.learning_phase()], [K.cast(K.learning_phase(), 'float32') * 3.0])
    assert f([1]) == [3.0] and f([0]) == [0.0]


def test_functions_as_branches():
    v = K.variable(1.0)
    assert K.eval(K.in_train_phase(lambda: v + 1.0, lambda: v + 2.0)) == 3


@pytest.mark.parametrize('training, want', [(True, 1), (1, 1), (False, 2), (0, 2), (np.bool_(True), 1)])
def test_known_phase_builds_one_branch(training, want):
    called = []
    K.in_train_phase(lambda: called.append(1), lambda: called.append(2), training=training)
    assert called == [want]


def test_phase_given_as_a_tensor():
    flag = K.placeholder((), dtype='bool')
    f = K.function([flag], [K.in_train_phase(K.variable(1.0), K.variable(2.0), training=flag)])
    assert f([True]) == [1.0] and f([False]) == [2.0]


def test_set_learning_phase():
    K.set_learning_phase(1)
    assert K.learning_phase() == 1 and isinstance(K.learning_phase(), int)
    assert K.in_train_phase(1.0, 2.0) == 1.0
    with pytest.raises(TypeError, match='after K.set_learning_phase|After K.set_learning_phase'):
        K.function([K.learning_phase()], [K.variable(1.0)])
    K.clear_session()
    assert K.learning_phase() is K.learning_phase()


def test_set_learning_phase_of_nonsense():
    with pytest.raises(ValueError, match='set_learning_phase: value must be 0 or 1; got 2'):
        K.set_learning_phase(2)


# -------------------------------------------------- random numbers


def test_new_numbers_in_every_call():
    f = K.function([], [K.random_normal((4,))])
    assert not np.array_equal(f([])[0], f([])[0])


def test_numpy_seed_reproduces():
    f = K.function([], [K.random_uniform((4,)), K.random_normal((4,))])
    np.random.seed(3)
    first = f([]) + f([])
    np.random.seed(3)
    np.testing.assert_array_equal(first, f([]) + f([]))


def test_seeded_operations_go_through_their_own_sequence():
    """As in TensorFlow: the n-th evaluation of an operation with a seed gives the same numbers in every function."""

    def sequence():
        f = K.function([], [K.random_normal((3,), seed=7)])
        return [f([])[0] for _ in range(3)]

    first, second = sequence(), sequence()
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])
    np.testing.assert_array_equal(K.eval(K.random_normal((3,), seed=7)), first[0])


def test_two_operations_draw_different_numbers():
    a, b = K.function([], [K.random_normal((4,)), K.random_normal((4,))])([])
    assert not np.array_equal(a, b)


def test_moments():
    n = 20000
    normal, uniform, binomial, truncated = K.function(
        [],
        [
            K.random_normal((n,), 1.0, 2.0),
            K.random_uniform((n,), -1.0, 3.0),
            K.random_binomial((n,), 0.3),
            K.truncated_normal((n,), 1.0, 2.0),
        ],
    )([])
    assert normal.mean() == pytest.approx(1, abs=0.1) and normal.std() == pytest.approx(2, abs=0.1)
    assert uniform.min() >= -1 and uniform.max() < 3 and uniform.mean() == pytest.approx(1, abs=0.1)
    assert set(np.unique(binomial)) == {0, 1} and binomial.mean() == pytest.approx(0.3, abs=0.02)
    assert truncated.min() >= -3 and truncated.max() <= 5 and truncated.std() == pytest.approx(1.76, abs=0.1)


def test_integers():
    got = K.eval(K.random_uniform((1000,), 0, 5, dtype='int32'))
    assert got.dtype == np.int32 and set(np.unique(got)) == {0, 1, 2, 3, 4}


def test_shape_from_another_tensor():
    x = K.placeholder((None, 3))
    noise = K.random_normal(K.shape(x))
    assert K.int_shape(noise) == (None, 3)
    assert K.function([x], [noise])([np.ones((5, 3))])[0].shape == (5, 3)


def test_dropout():
    x = K.placeholder((None, 1000))
    y, rows = K.function([x], [K.dropout(x, 0.25), K.dropout(x, 0.5, noise_shape=(None, 1))])([np.ones((4, 1000))])
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)} and y.mean() == pytest.approx(1, abs=0.05)
    assert all(len(set(row)) == 1 for row in rows)


@pytest.mark.parametrize('level', [1.0, -0.1])
def test_dropout_level(level):
    with pytest.raises(ValueError, match=f'dropout: level must be at least 0 and below 1; got {level}'):
        K.dropout(K.variable(X), level)


def test_random_variables():
    v = K.random_normal_variable((50, 50), 1.0, 0.1, seed=1)
    w = K.random_uniform_variable((50, 50), 2.0, 3.0)
    assert K.get_value(v).mean() == pytest.approx(1, abs=0.02)
    assert 2 <= K.get_value(w).min() and K.get_value(w).max() < 3


def test_the_compiler_options_of_convolutions_are_taken(monkeypatch):
    x = K.placeholder((None, 3))
    function = K.function([x], [2 * x])
    monkeypatch.setattr(functions, "compiler_options", lambda: {"no_such_option": True})
    with pytest.raises(jax.errors.JaxRuntimeError, match="no_such_option"):
        function([X])
    monkeypatch.undo()
    np.testing.assert_allclose(function([X])[0], 2 * X)

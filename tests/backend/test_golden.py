"""Every function against the numbers of genuine Keras 2.2.4."""

import numpy as np
import pytest

from kjax import backend as K
from tests import golden

CASES = golden.cases('backend')


def rnn_simple(w, u):
    def step(x, states):
        h = K.tanh(K.dot(x, w) + K.dot(states[0], u))
        return h, [h]

    return step


def rnn_two_states(w, u):
    def step(x, states):
        h = K.tanh(K.dot(x, w) + K.dot(states[0], u) - 0.1 * states[1])
        return h, [h, 0.5 * states[1] + h]

    return step


def rnn_constant(w, u, c):
    def step(x, states):
        h = K.tanh(K.dot(x, w) + K.dot(states[0], u) + states[1])
        return h, [h]

    return step


FUNCTIONS = {
    'row_sum': lambda: lambda x: K.sum(x, axis=-1),
    'exp_minus': lambda: lambda x: K.exp(x) - 1.0,
    'accumulate': lambda: lambda acc, x: acc + x,
    'decay': lambda: lambda acc, x: 0.5 * acc + x,
    'mul_sub': lambda: lambda acc, x: acc * x - 0.25,
    'rnn_simple': rnn_simple,
    'rnn_two_states': rnn_two_states,
    'rnn_constant': rnn_constant,
}

EXPRESSIONS = {
    'sum_square_tanh': lambda x: K.sum(K.square(K.tanh(x))),
    'dot_relu': lambda x, w: K.sum(K.relu(K.dot(x, w))),
    'stop': lambda x: K.sum(K.stop_gradient(K.square(x)) * x),
    'log_softmax': lambda x: K.sum(K.log(K.softmax(x))[:, 0]),
    'pair': lambda x, w: [x + w, K.mean(x * w, axis=0)],
    'max': lambda x: K.sum(K.max(x, axis=-1)),
}


def argument(x, arrays, stand_in=None):
    """What a manifest's argument stands for; `stand_in` gives the tensor for a {"$v"} or {"$c"}."""
    if isinstance(x, dict):
        if '$fn' in x:
            return FUNCTIONS[x['$fn']](*[K.variable(arrays[n]) for n in x.get('with', [])])
        if '$v' in x or '$c' in x:
            a = arrays[x.get('$v', x.get('$c'))]
            dtype = K.floatx() if a.dtype.kind == 'f' else str(a.dtype)
            if stand_in is not None:
                return stand_in(a, dtype)
            return K.variable(a, dtype=dtype) if '$v' in x else K.constant(a, dtype=dtype)
        if '$a' in x:
            return arrays[x['$a']]
        if '$tuple' in x:
            return tuple(argument(v, arrays, stand_in) for v in x['$tuple'])
        return {k: argument(v, arrays, stand_in) for k, v in x.items()}
    return [argument(v, arrays, stand_in) for v in x] if isinstance(x, list) else x


def flat(x):
    return [v for e in x for v in flat(e)] if isinstance(x, (list, tuple)) else [x]


def of_kind(*kinds):
    return pytest.mark.parametrize('case', [c for c in CASES if c['kind'] in kinds], ids=golden.ids)


def check_all(case, values):
    assert len(values) == len(case['results'])
    for name, value in zip(case['results'], values, strict=True):
        if name not in case.get('also', {}).get('2.2.4-tensorflow-unfused', []):
            case.check(name, value)


@of_kind('call')
def test_eager(case):
    got = getattr(K, case['fn'])(*argument(case['args'], case.arrays), **argument(case['kwargs'], case.arrays))
    check_all(case, [K.eval(v) for v in flat(got)])


# functions whose tensors all carry the batch on axis 0; of the others only the first one does
BATCHES = {
    'batch_dot', 'binary_crossentropy', 'categorical_crossentropy', 'concatenate', 'ctc_batch_cost', 'equal', 'greater',
    'greater_equal', 'in_top_k', 'less', 'less_equal', 'maximum', 'not_equal', 'rnn', 'sparse_categorical_crossentropy',
    'stack', 'switch',
}  # fmt: skip
SHAPE_ONLY = {'eye', 'zeros', 'ones', 'arange', 'constant', 'variable', 'ctc_decode'}


@pytest.mark.parametrize(
    'case', [c for c in CASES if c['kind'] == 'call' and c['fn'] not in SHAPE_ONLY], ids=golden.ids
)
def test_symbolic(case):
    """The same numbers through placeholders of unknown batch and K.function; shapes and types as inferred."""
    inputs, feeds = [], []

    def stand_in(a, dtype):
        # reshape-01 asks for a fixed number of elements
        batched = (not inputs or case['fn'] in BATCHES) and case['id'] != 'reshape-01'
        tensor = K.placeholder((None, *a.shape[1:]) if batched and a.ndim else a.shape, dtype=dtype)
        inputs.append(tensor)
        feeds.append(a)
        return tensor

    outputs = flat(
        getattr(K, case['fn'])(
            *argument(case['args'], case.arrays, stand_in), **argument(case['kwargs'], case.arrays, stand_in)
        )
    )
    values = K.function(inputs, outputs)(feeds)
    for tensor, value in zip(outputs, values, strict=True):
        assert K.ndim(tensor) == np.ndim(value)
        assert all(d is None or d == n for d, n in zip(K.int_shape(tensor), np.shape(value), strict=True))
        assert K.dtype(tensor) == str(value.dtype)
    check_all(case, values)


@of_kind('python')
def test_python_values(case):
    got = getattr(K, case['fn'])(*argument(case['args'], case.arrays))
    assert (list(got) if isinstance(got, tuple) else got) == case['facts']['result']


@of_kind('numpy')
def test_numpy_values(case):
    got = getattr(K, case['fn'])(*argument(case['args'], case.arrays))
    check_all(case, got if isinstance(got, list) else [got])


@of_kind('set')
def test_set(case):
    args = argument(case['args'], case.arrays)
    getattr(K, case['fn'])(*args)
    variables = [args[0]] if case['fn'] == 'set_value' else [v for v, _ in args[0]]
    check_all(case, [K.get_value(v) for v in variables])


@of_kind('update')
def test_update(case):
    args = argument(case['args'], case.arrays)
    node = K.placeholder(shape=(1,))
    f = K.function([node], [node + 1.0], updates=[getattr(K, case['fn'])(*args)])
    got = []
    for _ in range(case.get('times', 1)):
        f([np.zeros((1,))])
        got.append(K.get_value(args[0]))
    if case['fn'] == 'moving_average_update':  # the plain average of 2.3, not 2.2.4's corrected one
        value, momentum, want = case.arrays['x1'], args[2], case.arrays['x0']
        for v in got:
            want = want * momentum + value * (1 - momentum)
            np.testing.assert_allclose(v, want, rtol=1e-6)
    else:
        check_all(case, got)


@of_kind('gradients')
def test_gradients(case):
    nodes = [K.placeholder(shape=case.arrays[n].shape) for n in case['of']]
    gradients = K.gradients(EXPRESSIONS[case['expression']](*nodes), nodes)
    check_all(case, K.function(nodes, gradients)([case.arrays[n] for n in case['of']]))


@of_kind('function')
def test_function(case):
    feeds = [case.arrays[n] for n in case['of']]
    nodes = [K.placeholder(shape=(None, *a.shape[1:])) for a in feeds]
    f = K.function(nodes, EXPRESSIONS[case['expression']](*nodes))
    check_all(case, f(feeds) + f([a[:2] for a in feeds]))


@of_kind('phase')
def test_phase(case):
    x = case.arrays['x0']
    node = K.placeholder(shape=x.shape)
    f = K.function([node, K.learning_phase()], [getattr(K, case['fn'])(node * 2.0, node - 1.0)])
    check_all(case, [f([x, phase])[0] for phase in (0, 1)])

"""Which functions say that rows of the batch are independent, and that what they say is true."""

import numpy as np
import pytest

from kjax import backend as K
from kjax.graph import Context, build_program

W = np.linspace(-1, 1, 12).reshape(3, 4).astype('float32')

ROWWISE = {
    'exp': lambda x: K.exp(x),
    'arithmetic': lambda x: 2.0 * x - 1.0,
    'binary': lambda x: K.maximum(x, x * 2.0),
    'constant vector': lambda x: x * np.array([1.0, 2.0, 3.0]),
    'sum over features': lambda x: K.sum(x, axis=1),
    'mean over the last axis': lambda x: K.mean(x, axis=-1, keepdims=True),
    'argmax': lambda x: K.argmax(x),
    'softmax': lambda x: K.softmax(x),
    'cumsum over features': lambda x: K.cumsum(x, axis=1),
    'dot with a weight': lambda x: K.dot(x, K.variable(W)),
    'batch_dot': lambda x: K.batch_dot(x, x, axes=1),
    'concatenate features': lambda x: K.concatenate([x, K.square(x)]),
    'reshape rows': lambda x: K.reshape(x, (-1, 3, 1)),
    'reshape by K.shape': lambda x: K.reshape(x, (K.shape(x)[0], 1, 3)),
    'reshape by K.shape, rest open': lambda x: K.reshape(x, (K.shape(x)[0], -1)),
    'permute features': lambda x: K.permute_dimensions(K.expand_dims(x), (0, 2, 1)),
    'batch_flatten': lambda x: K.batch_flatten(x),
    'slice features': lambda x: x[:, :2],
    'noise per row': lambda x: x + K.random_normal((K.shape(x)[0], 3)),
    'dropout': lambda x: K.in_train_phase(K.dropout(x, 0.5), x),
    'gather rows of a table': lambda x: K.gather(K.variable(W), K.cast(K.abs(x[:, 0]), 'int32')),
    'switch by row': lambda x: K.switch(K.greater(K.sum(x, axis=1), 0), x, -x),
    'crossentropy': lambda x: K.categorical_crossentropy(K.softmax(x), K.softmax(2 * x)),
    'rnn': lambda x: K.rnn(lambda t, s: (t + s[0], [t + s[0]]), K.expand_dims(x), [K.zeros_like(x[:, :1])])[0],
    'map_fn': lambda x: K.map_fn(lambda row: row - K.mean(row), x),
    'l2_normalize': lambda x: K.l2_normalize(x, axis=-1),
}
MIXING = {
    'sum': lambda x: K.sum(x),
    'mean over the batch': lambda x: x - K.mean(x, axis=0),
    'max of all': lambda x: K.max(x, axis=[0, 1]),
    'division by the batch size': lambda x: x / K.cast(K.shape(x)[0], 'float32'),
    'batch size as a tensor': lambda x: x * K.cast(K.shape(x)[:1], 'float32'),
    'concatenate rows': lambda x: K.concatenate([x, x], axis=0),
    'stack in front': lambda x: K.stack([x, x]),
    'reverse the batch': lambda x: K.reverse(x, 0),
    'transpose': lambda x: K.transpose(x),
    'flatten': lambda x: K.flatten(x),
    'pairs of rows': lambda x: K.reshape(x, (-1, 6)),
    'pairs of rows, open': lambda x: K.reshape(x, (K.shape(x)[0] // 2, -1)),
    'first row': lambda x: x - x[0],
    'rows of a variable': lambda x: K.variable(np.ones((4, 3))) - x,
    'gram matrix': lambda x: K.dot(x, K.transpose(x)),
    'cumsum over the batch': lambda x: K.cumsum(x),
    'softmax over the batch': lambda x: K.softmax(x, axis=0),
    'product of ranks': lambda x: x * K.sum(x, axis=1),
    'foldl': lambda x: K.foldl(lambda a, r: a + r, x),
    'l2_normalize of all': lambda x: K.l2_normalize(x),
    'gradient of a mean': lambda x: K.gradients(K.mean(K.square(x)), [x])[0],
    'rnn with a mixing step': lambda x: K.rnn(lambda t, s: (t - K.mean(t, 0), s), K.expand_dims(x), [x])[0],
}


def program(make):
    x = K.placeholder((None, 3))
    y = make(x)
    return x, y, build_program([x], [y])[0]


@pytest.mark.parametrize('name', ROWWISE)
def test_rowwise(name):
    """Said to be rowwise; and rows added at the end do not change the others (where nothing is random)."""
    x, y, made = program(ROWWISE[name])
    assert made.rowwise
    if 'noise' in name or 'dropout' in name:
        return
    rows = np.random.RandomState(0).uniform(-2, 2, (4, 3)).astype('float32')
    f = K.function([x], [y])
    np.testing.assert_allclose(f([rows])[0][:3], f([rows[:3]])[0], rtol=1e-6)


@pytest.mark.parametrize('name', MIXING)
def test_mixing(name):
    assert not program(MIXING[name])[2].rowwise


def test_batch_statistics_leave_padding_out():
    """normalize_batch_in_training may be padded: its statistics are of the valid rows only."""
    x = K.placeholder((None, 2))
    y, mean, var = K.normalize_batch_in_training(x, None, None, [0])
    made, variables, constants = build_program([x], [y, mean, var])
    assert made.rowwise
    rows = np.array([[1, 2], [3, 6], [99, -99]], 'float32')
    got = made([rows], variables, constants, Context(True, rows=np.array([1.0, 1.0, 0.0], 'float32')))
    want = made([rows[:2]], variables, constants, Context(True))
    np.testing.assert_allclose(got[0][:2], want[0], rtol=1e-6)
    np.testing.assert_allclose(got[1], want[1])
    np.testing.assert_allclose(got[2], want[2])

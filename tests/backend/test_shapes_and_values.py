"""Variables, shapes, types: what the golden cases leave out, and the texts of the errors."""

import numpy as np
import pytest
from scipy import sparse

from kjax import backend as K
from kjax.graph import KerasTensor, Variable
from kjax.layers import Dense, Input, Lambda
from kjax.models import Model

X = np.arange(6, dtype='float32').reshape(2, 3)


@pytest.fixture(autouse=True)
def default_settings():
    yield
    K.set_floatx('float32')
    K.clear_session()


# -------------------------------------------------- arrays


@pytest.mark.parametrize('floatx', ['float16', 'bfloat16', 'float32'])
def test_double_precision_becomes_floatx(floatx):
    K.set_floatx(floatx)
    x = X.astype('float64')
    for got in (K.exp(x), K.sum(x), K.dot(x, x.T), K.concatenate([x, x]), K.maximum(x, np.float64(1))):
        assert K.dtype(got) == floatx


def test_lists_and_numbers():
    assert K.sum([1.0, 2.0]) == 3
    assert K.dtype(K.sum([1, 2])) == 'int32'
    assert K.exp(0.0) == 1


def test_list_of_tensors_is_stacked():
    a, b = K.variable(1.0), K.variable(2.0)
    np.testing.assert_array_equal(K.eval(K.square([a, b])), [1, 4])


def test_variables_give_symbolic_tensors_arrays_give_arrays():
    assert isinstance(K.square(K.variable(X)), KerasTensor)
    assert not isinstance(K.square(X), KerasTensor)


# -------------------------------------------------- making, kinds


def test_variable():
    v = K.variable(X.astype('int64'), name='w', constraint=abs)
    assert v.dtype == 'float32' and v.name == 'w:0' and v.constraint is abs
    assert K.variable(True, dtype='bool').dtype == 'bool'
    assert K.variable(X, name='w').name == 'w_1:0'


def test_variable_of_a_symbolic_value():
    v = K.variable(K.random_uniform((3,)) + 5.0)
    assert isinstance(v, Variable) and K.get_value(v).min() >= 5


def test_names_take_the_scope():
    with K.name_scope('outer'), K.name_scope('inner'):
        assert K.variable(1.0, name='w').name == 'outer/inner/w:0'
    with pytest.raises(TypeError, match='name_scope: name must be a str; got int'):
        with K.name_scope(3):
            pass


def test_uids():
    K.reset_uids()
    assert [K.get_uid('dense'), K.get_uid('dense'), K.get_uid()] == [1, 2, 1]
    K.clear_session()
    assert K.get_uid('dense') == 1


def test_constant():
    np.testing.assert_array_equal(K.constant([1, 2, 3, 4], shape=(2, 2)), [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r'value must be one number, or as many as shape \(2, 2\) holds; got 3'):
        K.constant([1, 2, 3], shape=(2, 2))


def test_placeholder():
    x = K.placeholder(ndim=3, name='x')
    assert K.int_shape(x) == (None, None, None) and x.name == 'x:0' and K.is_placeholder(x) and not K.is_sparse(x)
    assert K.int_shape(K.placeholder(())) == () and K.int_shape(K.placeholder([None, -1, 5])) == (None, None, 5)
    with pytest.raises(ValueError, match='placeholder: shape or ndim must be given; got neither'):
        K.placeholder()


def test_zeros_of_a_symbolic_shape():
    x = K.placeholder((None, 3))
    z = K.zeros((K.shape(x)[0], 2), dtype='int32')
    assert K.int_shape(z) == (None, 2) and K.dtype(z) == 'int32'
    assert K.function([x], [z])([X])[0].shape == (2, 2)
    assert isinstance(K.zeros((2, 2)), Variable)


def test_eye_of_two_sizes():
    np.testing.assert_array_equal(K.eval(K.eye((2, 3))), np.eye(2, 3))


def test_is_keras_tensor():
    assert not K.is_keras_tensor(K.variable(1.0)) and not K.is_keras_tensor(K.placeholder((2,)))
    with pytest.raises(ValueError, match='is_keras_tensor: x must be a tensor; got ndarray'):
        K.is_keras_tensor(X)


def test_kinds():
    v, p, a = K.variable(1.0), K.placeholder((2,)), K.constant(1.0)
    assert [K.is_tensor(x) for x in (v, p, a, X)] == [True, True, True, False]
    assert [K.is_variable(x) for x in (v, p, a)] == [True, False, False]
    assert [K.is_placeholder(x) for x in (v, p, p + 1.0)] == [False, True, False]


def test_count_params_of_unknown_size():
    with pytest.raises(ValueError, match=r'count_params: every size of x must be known; got shape \(None, 3\)'):
        K.count_params(K.placeholder((None, 3)))


def test_size():
    x = K.placeholder((None, 3))
    assert K.function([x], [K.size(x)])([X]) == [6]


# -------------------------------------------------- values


def test_values_are_copies():
    v = K.variable(X)
    K.get_value(v)[:] = 7
    given = X.copy()
    K.set_value(v, given)
    given[:] = 8
    np.testing.assert_array_equal(K.get_value(v), X)


def test_set_value_checks_the_shape():
    v = K.variable(X, name='w')
    with pytest.raises(ValueError, match=r"'w.*' has shape \(2, 3\); a value of shape \(3,\) was given"):
        K.set_value(v, np.zeros(3))
    with pytest.raises(TypeError, match='set_value: x must be a Variable .*; got KerasTensor'):
        K.set_value(K.placeholder((2,)), 1.0)


def test_eval_needs_no_placeholder():
    x = K.placeholder((2,), name='images')
    with pytest.raises(ValueError, match=r"eval: .* depends on the placeholder\(s\) \['images.*'\].*K.function"):
        K.eval(x + 1.0)


def test_print_tensor(capfd):
    v = K.variable(3.0)
    assert K.eval(K.print_tensor(v, message='v = ')) == 3
    assert 'v = 3.0' in capfd.readouterr().out


def test_types():
    assert K.dtype(K.cast(X, 'float64')) == 'float32'  # 64-bit types need floatx 'float64'
    np.testing.assert_array_equal(K.cast(np.array([1.7, -1.7]), 'int32'), [1, -1])
    assert K.dtype(K.cast(X, 'bool')) == 'bool'


# -------------------------------------------------- sparse


def test_sparse_matrices_are_stored_dense():
    m = sparse.csr_matrix(np.diag([1.0, 2.0]))
    v = K.variable(m)
    assert K.is_sparse(v) and K.is_sparse(m) and not K.is_sparse(K.variable(X))
    np.testing.assert_array_equal(K.eval(K.to_dense(v)), np.diag([1, 2]))
    np.testing.assert_array_equal(K.to_dense(m), np.diag([1, 2]))
    np.testing.assert_array_equal(K.eval(K.dot(v, K.constant(np.ones((2, 1))))), [[1], [2]])


def test_sparse_matrices_are_fed():
    x = K.placeholder((None, 2), sparse=True)
    assert K.is_sparse(x)
    np.testing.assert_array_equal(K.function([x], [K.to_dense(x)])([sparse.eye(2)])[0], np.eye(2))


# -------------------------------------------------- shapes


def test_sizes_of_a_tensor_shape_others():
    x = K.placeholder((None, 4, 6))
    n, rows = K.shape(x)[0], K.shape(x)[1]
    outputs = [
        K.reshape(x, (n, rows * 6)),
        K.reshape(x, K.concatenate([K.shape(x)[:2], [2, 3]])),
        K.reshape(x, K.stack([n * rows, 6])),
        K.tile(K.expand_dims(K.arange(n), 1), [1, rows]),
        K.repeat_elements(x, 2, axis=1),
        x[:, : rows // 2],
        K.ones((n, 1)),
        K.arange(0, n, dtype='float32'),
    ]
    assert [K.int_shape(t)[1:] for t in outputs[:6]] == [(24,), (4, 2, 3), (6,), (4,), (8, 6), (2, 6)]
    values = K.function([x], outputs)([np.zeros((3, 4, 6))])
    assert [v.shape for v in values] == [
        (3, 24), (3, 4, 2, 3), (12, 6), (3, 4), (3, 8, 6), (3, 2, 6), (3, 1), (3,),
    ]  # fmt: skip


def test_a_size_computed_from_data():
    x = K.placeholder((None,), dtype='int32')
    with pytest.raises(ValueError, match=r'a size .* must be an int or come from K.shape; got a tensor .* type int32'):
        K.arange(K.max(x))


def test_arange_of_a_negative_stop_is_empty():
    assert K.eval(K.arange(-3)).shape == (0,)


def test_tile_by_one_number():
    assert K.tile(X, 2).shape == (2, 6)


def test_concatenate_and_stack_on_negative_axes():
    assert K.concatenate([X, X], axis=-2).shape == (4, 3)
    assert K.stack([X, X], axis=-1).shape == (2, 3, 2)


@pytest.mark.parametrize(
    'call, message',
    [
        (lambda: K.sum(X, axis=2), r'sum: axis must be within -2..1 for a tensor of rank 2; got 2'),
        (lambda: K.argmax(X, axis=None), r'argmax: axis must be one int; got None for a tensor of shape \(2, 3\)'),
        (lambda: K.squeeze(X, 0), r'squeeze: axis 0 must be of size 1; got a tensor of shape \(2, 3\)'),
        (lambda: K.repeat(X[0], 2), r'repeat: x must have rank 2, \(batch, dim\); got shape \(3,\)'),
        (lambda: K.concatenate([]), 'concatenate: tensors must hold at least one tensor; got an empty list'),
        (lambda: K.slice(X, [0], [1]), r'slice: start and size must have one number per axis of x, \(2, 3\)'),
        (lambda: K.slice(X, [1, 0], [2, 3]), r'slice: start \[1, 0\] with size \[2, 3\] goes beyond .*\(2, 3\)'),
        (lambda: K.batch_dot(X, X, axes=(0, 1)), r'batch_dot: axes must not name the batch axis 0; got \(0, 1\)'),
        (lambda: K.batch_dot(X, X.T, axes=1), r'batch_dot: axis 1 of x and axis 1 of y must have the same size'),
        (lambda: K.batch_dot(X[0], X), r'batch_dot: x and y must be \(batch, ...\), of rank 2 or more'),
        (lambda: K.bias_add(X, np.ones((1, 1, 1))), 'bias_add: bias must have rank 1 or 1 for x of rank 2; got 3'),
        (lambda: K.conv2d(X, X), r'conv2d: x must have rank 4, channels_last; got shape \(2, 3\)'),
        (lambda: K.conv1d(X[None], X[None]), 'conv1d: the kernel must have rank 3 and size 3, that of the channels'),
        (lambda: K.conv1d(X[None], X[None], padding='full'), 'conv1d: padding must be one of valid, same, causal; got'),
        (lambda: K.conv2d(X, X, strides=0), r'conv2d: strides must be a positive int or 2 of them; got 0'),
        (lambda: K.pool2d(X, 2, pool_mode='sum'), "pool2d: pool_mode must be one of max, avg; got 'sum'"),
        (lambda: K.resize_images(X, 2, 2, 'channels_last', 'cubic'), 'resize_images: interpolation must be one of'),
        (lambda: K.spatial_2d_padding(X, ((1, 1),)), r'spatial_2d_padding: padding must be 2 pair\(s\)'),
        (lambda: K.conv2d_transpose(X, X, (1, 2)), r'conv2d_transpose: output_shape must have 4 sizes'),
        (lambda: K.ctc_decode(X[None], [2], greedy=False, top_paths=101), 'ctc_decode: top_paths must be within'),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# -------------------------------------------------- products


@pytest.mark.parametrize(
    'x, y, axes, equation',
    [
        ((2, 3, 4, 5), (2, 3, 6, 5), (3, 3), 'abij,abkj->abik'),  # stacked matrices, as in 2.2.4
        ((2, 3, 4, 5), (2, 3, 5, 6), None, 'abij,abjk->abik'),
        ((2, 3, 4, 5), (2, 3, 4, 6), (2, 2), 'abji,abjk->abik'),
        ((2, 3, 4, 5), (2, 3, 6), (1, 1), 'ajik,ajl->aikl'),
        ((2, 3), (2, 4, 3), (1, 2), 'ai,aki->ak'),
        ((2, 3, 4), (2, 3), (1, 1), 'aij,ai->aj'),
    ],
)
def test_batch_dot_of_other_ranks(x, y, axes, equation):
    rng = np.random.RandomState(0)
    x, y = rng.rand(*x).astype('float32'), rng.rand(*y).astype('float32')
    np.testing.assert_allclose(K.batch_dot(x, y, axes), np.einsum(equation, x, y), rtol=1e-5)


def test_channels_first_is_channels_last_transposed():
    rng = np.random.RandomState(0)
    x, k = rng.rand(2, 5, 6, 3).astype('float32'), rng.rand(2, 3, 3, 4).astype('float32')
    first = np.moveaxis(x, -1, 1)

    def same(a, b):
        np.testing.assert_allclose(np.moveaxis(np.asarray(a), 1, -1), b, rtol=1e-5)

    same(K.conv2d(first, k, (2, 1), 'same', 'channels_first'), K.conv2d(x, k, (2, 1), 'same'))
    same(K.depthwise_conv2d(first, k, data_format='channels_first'), K.depthwise_conv2d(x, k))
    same(K.pool2d(first, (2, 2), data_format='channels_first', pool_mode='avg'), K.pool2d(x, (2, 2), pool_mode='avg'))
    for how in ('nearest', 'bilinear'):
        same(K.resize_images(first, 2, 3, 'channels_first', how), K.resize_images(x, 2, 3, 'channels_last', how))
    kt = np.swapaxes(k, 2, 3)
    shape, shape_first = (2, 10, 12, 4), (2, 4, 10, 12)
    same(
        K.conv2d_transpose(first, kt, shape_first, (2, 2), 'same', 'channels_first'),
        K.conv2d_transpose(x, kt, shape, (2, 2), 'same'),
    )


def test_conv_transpose_with_a_symbolic_batch():
    x = K.placeholder((None, 3, 3, 2))
    y = K.conv2d_transpose(x, K.variable(np.ones((2, 2, 4, 2))), (K.shape(x)[0], 6, 6, 4), (2, 2), 'same')
    assert K.int_shape(y) == (None, 6, 6, 4)
    assert K.function([x], [y])([np.ones((5, 3, 3, 2))])[0].shape == (5, 6, 6, 4)


# -------------------------------------------------- reshape to sizes that only the run can check


@pytest.mark.parametrize(
    'shape, target, known, feed',
    [
        ((None, 4), (6, 2), (6, 2), (3, 4)),
        ((None, 3), (2, -1), (2, None), (4, 3)),
        ((None, None), (-1, 17), (None, 17), (2, 34)),
        ((None, 5), (25,), (25,), (5, 5)),
    ],
)
def test_reshape_to_fixed_sizes_has_them_as_its_shape(shape, target, known, feed):
    x = K.placeholder(shape)
    y = K.reshape(x, target)
    assert K.int_shape(y) == known
    value = np.random.rand(*feed).astype('float32')
    np.testing.assert_array_equal(K.function([x], [y * 2])([value])[0], value.reshape(target) * 2)
    wrong = np.zeros([d + 1 for d in feed])
    with pytest.raises(ValueError, match=r'reshape: a tensor of shape .* cannot have the shape'):
        K.function([x], [y])([wrong[: feed[0] + 1, : feed[1]] if shape[1] else wrong])


def test_reshape_of_known_sizes_is_checked_at_once():
    with pytest.raises(ValueError, match=r'reshape: a tensor of shape \(3, 4\) cannot have the shape \(5, 2\)'):
        K.reshape(K.placeholder((3, 4)), (5, 2))
    with pytest.raises(ValueError, match=r'cannot have the shape \(5, 2\)'):
        K.reshape(np.zeros((3, 4)), (5, 2))


def test_a_model_with_a_batch_size_in_a_reshape_trains():
    x = Input((6,))
    y = Dense(2)(Lambda(lambda t: K.reshape(t, (8, 3)))(x))
    model = Model(x, Lambda(lambda t: K.reshape(t, (4, 4)))(y))
    assert model.output_shape == (4, 4)
    model.compile('sgd', 'mse')
    history = model.fit(np.ones((8, 6)), np.zeros((8, 4)), batch_size=4, epochs=2, verbose=0).history['loss']
    assert history[1] < history[0]
    assert model.predict(np.ones((8, 6)), batch_size=4).shape == (8, 4)

"""Which array goes into which weight: by order, by name, frozen and nested layers, other layouts."""

import json

import h5py
import numpy as np
import pytest

import kjax
from kjax.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    CuDNNGRU,
    CuDNNLSTM,
    Dense,
    Flatten,
    Input,
    TimeDistributed,
)
from kjax.models import Model, Sequential, load_model
from kjax.saving import preprocess_weights_for_loading
from kjax.saving.gate import open_gate
from kjax.saving.producer import producer_of
from tests.saving.genuine import Genuine


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def body(frozen=()):
    x = Input((4,))
    y = Dense(4, name='first', trainable='first' not in frozen)(x)
    y = Dense(4, name='second', trainable='second' not in frozen)(y)
    y = BatchNormalization(name='norm', trainable='norm' not in frozen)(y)
    return Model(x, Dense(4, name='third')(y), name='body')


def whole(frozen=()):
    return Sequential([body(frozen), Dense(2, name='head')])


@pytest.mark.parametrize('written', [(), ('first',), ('second', 'norm'), ('first', 'second', 'norm')])
@pytest.mark.parametrize('read', [(), ('first',), ('norm',)])
def test_flags_of_the_reading_model_never_permute_weights(tmp_path, written, read):
    """Four layers of equal shapes: the file's order follows the flags of then, its names tell which is which."""
    old, new = whole(written), whole(read)
    for i, layer in enumerate([*old.layers[0].layers[1:], old.layers[1]]):
        layer.set_weights([np.full_like(w, i + 1) for w in layer.get_weights()])
    old.save_weights(tmp_path / 'w.h5')
    new.load_weights(tmp_path / 'w.h5')
    for name in ('first', 'second', 'norm', 'third'):
        for a, b in zip(
            old.layers[0].get_layer(name).get_weights(), new.layers[0].get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(a, b)


def test_frozen_models_keep_their_weights_apart(tmp_path):
    old, new = whole(), whole()
    old.layers[0].trainable = False
    old.save_weights(tmp_path / 'w.h5')
    new.load_weights(tmp_path / 'w.h5')
    x = np.random.rand(3, 4)
    np.testing.assert_array_equal(old.predict(x), new.predict(x))


def test_layers_are_matched_by_order_when_names_differ(tmp_path):
    old = Sequential([Dense(3, input_shape=(3,)), Dense(2)])
    new = Sequential([Dense(3, input_shape=(3,)), Dense(2)])
    assert {x.name for x in old.layers}.isdisjoint(x.name for x in new.layers)
    old.save_weights(tmp_path / 'w.h5')
    new.load_weights(tmp_path / 'w.h5')
    assert same(old, new)


def test_by_name_reads_only_what_is_there(tmp_path):
    old = Sequential([Dense(3, input_shape=(3,), name='a'), Dense(2, name='b')])
    new = Sequential([Dense(3, input_shape=(3,), name='c'), Dense(3, name='a'), Dense(5, name='d')])
    before = new.get_weights()
    old.save_weights(tmp_path / 'w.h5')
    new.load_weights(tmp_path / 'w.h5', by_name=True)
    np.testing.assert_array_equal(new.get_layer('a').get_weights()[0], old.get_layer('a').get_weights()[0])
    np.testing.assert_array_equal(new.get_layer('c').get_weights()[0], before[0])


def test_skip_mismatch_leaves_layers_alone_and_says_so(tmp_path):
    old = Sequential([Dense(3, input_shape=(3,), name='a'), Dense(2, name='b')])
    new = Sequential([Dense(3, input_shape=(3,), name='a'), Dense(4, name='b')])
    old.save_weights(tmp_path / 'w.h5')
    before = new.get_weights()
    with pytest.raises(ValueError, match=r"weight 'kernel' has shape \(3, 4\), the file's array \(3, 2\)"):
        new.load_weights(tmp_path / 'w.h5', by_name=True)
    for a, b in zip(new.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match='Skipping loading of weights'):
        new.load_weights(tmp_path / 'w.h5', by_name=True, skip_mismatch=True)
    np.testing.assert_array_equal(new.get_weights()[0], old.get_weights()[0])
    np.testing.assert_array_equal(new.get_weights()[2], before[2])
    with pytest.raises(ValueError, match='skip_mismatch can only be set to True when by_name is True'):
        new.load_weights(tmp_path / 'w.h5', skip_mismatch=True)


def test_reshape_puts_arrays_of_equal_size_into_shape(tmp_path):
    old = Sequential([Dense(6, input_shape=(4,), use_bias=False, name='a')])
    new = Sequential([Dense(4, input_shape=(6,), use_bias=False, name='a')])
    old.save_weights(tmp_path / 'w.h5')
    with pytest.raises(ValueError, match='kernel'):
        new.load_weights(tmp_path / 'w.h5')
    new.load_weights(tmp_path / 'w.h5', reshape=True)
    np.testing.assert_array_equal(new.get_weights()[0].ravel(), old.get_weights()[0].ravel())


def test_an_unbuilt_model_says_how_to_build_it(tmp_path):
    Sequential([Dense(3, input_shape=(3,))]).save_weights(tmp_path / 'w.h5')
    with pytest.raises(ValueError, match='has no weights yet'):
        Sequential([Dense(3)]).load_weights(tmp_path / 'w.h5')


@pytest.mark.parametrize('wrap', [lambda x: x, Bidirectional, lambda x: TimeDistributed(Model(*_inner(x)))])
@pytest.mark.parametrize(
    'plain, cudnn',
    [
        (
            lambda: LSTM(3, recurrent_activation='sigmoid', return_sequences=True),
            lambda: CuDNNLSTM(3, return_sequences=True),
        ),
        (
            lambda: GRU(3, recurrent_activation='sigmoid', reset_after=True, return_sequences=True),
            lambda: CuDNNGRU(3, return_sequences=True),
        ),
    ],
    ids=['LSTM', 'GRU'],
)
def test_cudnn_weights_go_both_ways(tmp_path, plain, cudnn, wrap):
    shape = (2, 5, 4) if wrap is not Bidirectional and 'TimeDistributed' in repr(wrap.__code__.co_names) else (5, 4)
    x = np.random.rand(2, *shape).astype('f4')
    for first, second in ((plain, cudnn), (cudnn, plain)):
        old, new = (Sequential([_with_input(wrap(make()), shape)]) for make in (first, second))
        old.set_weights([np.random.rand(*w.shape) for w in old.get_weights()])
        old.save_weights(tmp_path / 'w.h5')
        new.load_weights(tmp_path / 'w.h5')
        np.testing.assert_allclose(new.predict(x), old.predict(x), rtol=1e-5, atol=1e-6)


def _inner(layer):
    x = Input((5, 4))
    return x, layer(x)


def _with_input(layer, shape):
    layer.batch_input_shape, layer.dtype = (None, *shape), 'float32'
    return layer


def test_gru_of_the_two_kinds_do_not_mix(tmp_path):
    Sequential([GRU(3, input_shape=(5, 4), reset_after=False)]).save_weights(tmp_path / 'w.h5')
    for layer in (GRU(3, input_shape=(5, 4), reset_after=True), CuDNNGRU(3, input_shape=(5, 4))):
        with pytest.raises(ValueError, match='is not compatible with'):
            Sequential([layer]).load_weights(tmp_path / 'w.h5')


# ---------------------------------------------------------------- Keras 1 and Theano


def keras1_file(path, arrays, version='1.2.2'):
    with h5py.File(path, 'w') as f:
        if version:
            f.attrs['keras_version'] = version.encode()
        f.attrs['layer_names'] = np.array([n.encode() for n in arrays])
        for layer, weights in arrays.items():
            group = f.create_group(layer)
            group.attrs['weight_names'] = np.array([n.encode() for n in weights])
            for name, value in weights.items():
                group[name] = value
    return path


def test_kernels_whose_ordering_the_file_does_not_tell_need_a_hint(tmp_path):
    kernel = np.random.rand(3, 3, 3, 3).astype('f4')
    path = keras1_file(tmp_path / 'w.h5', {'c': {'c_W:0': kernel, 'c_b:0': np.zeros(3, 'f4')}})
    model = Sequential([Conv2D(3, (3, 3), input_shape=(8, 8, 3))])
    with pytest.raises(ValueError, match="image_dim_ordering='th' or 'tf'"):
        model.load_weights(path)
    for ordering, wanted in (('tf', kernel), ('th', kernel.transpose(2, 3, 1, 0))):
        model.load_weights(path, image_dim_ordering=ordering)
        np.testing.assert_array_equal(model.get_weights()[0], wanted)


def test_a_file_that_does_not_say_who_wrote_it_is_read_as_the_caller_says(tmp_path):
    kernel = np.random.rand(3, 3, 2, 5).astype('f4')
    path = keras1_file(tmp_path / 'w.h5', {'c': {'c/own:0': kernel, 'c/two:0': np.zeros(5, 'f4')}}, version=None)
    model = Sequential([Conv2D(5, (3, 3), input_shape=(8, 8, 2))])
    with pytest.raises(ValueError, match=r"Pass producer=, e\.g\. producer='2\.2\.4-tensorflow'"):
        model.load_weights(path)
    model.load_weights(path, producer='2.2.4-theano')
    np.testing.assert_array_equal(model.get_weights()[0], kernel[::-1, ::-1])
    model.load_weights(path.read_bytes(), producer='2.2.4-tensorflow')
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    with pytest.raises(TypeError, match='produced'):
        model.load_weights(path, produced='2.2.4')


def test_names_of_keras_1_without_a_slash_tell_the_generation(tmp_path):
    arrays = {'a_W:0': np.ones((3, 3), 'f4'), 'a_W_carry:0': np.ones((3, 3), 'f4'), 'a_depthwise_kernel:0': np.ones(3)}
    with h5py.File(keras1_file(tmp_path / 'w.h5', {'a': arrays}, version=None), 'r') as f, open_gate(f) as gate:
        assert producer_of(gate, names=list(arrays)).generation == 'keras1'
        assert producer_of(gate, names=['a/kernel:0', 'b_W:0']) is None


def test_kernels_whose_shape_tells_need_none(tmp_path):
    kernel = np.random.rand(5, 2, 3, 3).astype('f4')
    path = keras1_file(tmp_path / 'w.h5', {'c': {'c_W': kernel, 'c_b': np.zeros(5, 'f4')}})
    model = Sequential([Conv2D(5, (3, 3), input_shape=(8, 8, 2))])
    model.load_weights(path)
    # no ':0' in the names: Theano, whose kernels are turned round
    np.testing.assert_array_equal(model.get_weights()[0], kernel.transpose(2, 3, 1, 0)[::-1, ::-1])


def test_a_layer_of_an_unknown_image_ordering_needs_a_hint():
    config = {
        'class_name': 'Sequential',
        'keras_version': '1.2.2',
        'config': [
            {
                'class_name': 'UpSampling2D',
                'config': {'name': 'u', 'size': [2, 2], 'batch_input_shape': [None, 4, 4, 3], 'input_dtype': 'float32'},
            },
        ],
    }
    with pytest.raises(ValueError, match='image_dim_ordering='):
        kjax.models.model_from_json(json.dumps(config))


def test_a_file_that_names_no_producer_needs_a_hint(tmp_path):
    path = keras1_file(
        tmp_path / 'w.h5', {'x': {'kernel': np.ones((3, 2), 'f4'), 'bias': np.zeros(2, 'f4')}}, version=None
    )
    model = Sequential([Dense(2, input_shape=(3,))])
    with pytest.raises(ValueError, match='producer='):
        model.load_weights(path)
    kjax.saving.load_weights(model, path, producer='2.2.4-tensorflow')
    with pytest.raises(ValueError, match='no version of Keras'):
        kjax.saving.load_weights(model, path, producer='yesterday')


def test_preprocess_weights_for_loading_joins_keras_1_gates():
    layer = LSTM(2, input_shape=(4, 3))
    Sequential([layer])
    stored = {
        part + gate: np.random.rand(*shape).astype('f4')
        for gate in 'icfo'
        for part, shape in (('W', (3, 2)), ('U', (2, 2)), ('b', (2,)))
    }
    kernel, recurrent, bias = preprocess_weights_for_loading(layer, list(stored.values()), '1')
    np.testing.assert_array_equal(kernel, np.hstack([stored['W' + g] for g in 'ifco']))
    np.testing.assert_array_equal(recurrent, np.hstack([stored['U' + g] for g in 'ifco']))
    np.testing.assert_array_equal(bias, np.hstack([stored['b' + g] for g in 'ifco']))


def test_preprocess_weights_for_loading_turns_theano_kernels():
    layer = Conv1D(2, 3, input_shape=(6, 4))
    Sequential([layer, Flatten()])
    kernel = np.random.rand(3, 4, 2).astype('f4')
    got, _ = preprocess_weights_for_loading(layer, [kernel, np.zeros(2, 'f4')], '2.2.4', 'theano')
    np.testing.assert_array_equal(got, kernel[::-1])


# ---------------------------------------------------------------- training state


def test_an_optimizer_state_that_does_not_fit_leaves_the_model_uncompiled(tmp_path):
    genuine = Genuine('2.2.4-tensorflow-mlp_a')
    path = tmp_path / 'm.h5'
    path.write_bytes(genuine.path.read_bytes())
    with h5py.File(path, 'a') as f:
        names = f['optimizer_weights'].attrs['weight_names']
        f['optimizer_weights'].attrs['weight_names'] = names[:-1]
    with pytest.warns(UserWarning, match=r'\*not\* compiled, because its training state cannot be restored') as caught:
        model = load_model(path)
    assert len([w for w in caught if 'compiled' in str(w.message)]) == 1
    np.testing.assert_allclose(genuine.predict(model)[0], genuine.outputs[0], rtol=1e-4, atol=1e-5)
    with pytest.raises(RuntimeError, match='compile'):
        genuine.train(model)


@pytest.mark.parametrize('unknown', ['loss', 'metric', 'optimizer'])
def test_an_unknown_name_in_the_training_config_leaves_the_model_uncompiled(tmp_path, unknown):
    genuine = Genuine('2.2.4-tensorflow-mlp_a')
    path = tmp_path / 'm.h5'
    path.write_bytes(genuine.path.read_bytes())
    with h5py.File(path, 'a') as f:
        training = json.loads(f.attrs['training_config'])
        if unknown == 'loss':
            training['loss'] = 'my_loss'
        elif unknown == 'metric':
            training['metrics'] = ['my_metric']
        else:
            training['optimizer_config']['class_name'] = 'MyOptimizer'
        f.attrs['training_config'] = json.dumps(training).encode()
    with pytest.warns(UserWarning, match='(?i)my_?(loss|metric|optimizer)'):
        load_model(path)
    if unknown != 'optimizer':
        model = load_model(path, custom_objects={f'my_{unknown}': kjax.losses.mean_squared_error})
        assert model.optimizer is not None


def test_compile_false_restores_no_training(tmp_path):
    model = Genuine('2.2.4-tensorflow-mlp_a').load(compile=False)
    assert model.optimizer is None

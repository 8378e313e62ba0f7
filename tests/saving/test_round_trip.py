"""What kjax writes: its own round trip, and the layout that genuine Keras 2.2.4 reads."""

import io
import json
import pickle

import h5py
import numpy as np
import pytest

import kjax
from kjax.layers import BatchNormalization, Dense, Dropout, Input
from kjax.models import Model, Sequential
from kjax.saving.layout import LIMIT, save_attributes_to_hdf5_group
from tests.saving.genuine import Genuine

ROUND = [
    '1.0.8-theano-cnn_th_a',
    '1.0.8-tensorflow-merge_nested_a',
    '1.2.2-tensorflow-lstm_cpu_a',
    '2.0.3-tensorflow-bidir_a',
    '2.2.4-tensorflow-cnn_a',
    '2.2.4-tensorflow-opt_nadam_a',
    '2.2.4-tensorflow-rnn_cells_a',
    '2.2.4-tensorflow-siamese_a',
    '2.2.4-tensorflow-two_io_a',
    '2.15.1-tensorflow-opt_new_c',
    '2.15.1-tensorflow-regs_a',
    '2.15.1-tensorflow-sepconv_a',
]


@pytest.mark.parametrize('name', ROUND)
def test_a_saved_model_predicts_and_trains_on_as_before(name, tmp_path):
    genuine = Genuine(name)
    path = tmp_path / 'model.h5'
    genuine.load().save(path)
    model = kjax.models.load_model(path, custom_objects=genuine.custom_objects)
    for got, wanted in zip(genuine.predict(model), genuine.outputs, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    if genuine.losses is not None:
        np.testing.assert_allclose(genuine.train(model), genuine.losses, rtol=genuine.tolerance(), atol=1e-7)


@pytest.mark.parametrize(
    'name',
    ['2.2.4-tensorflow-cnn_a', '2.2.4-tensorflow-lstm_a', '2.2.4-tensorflow-siamese_a', '2.2.4-tensorflow-wide_a'],
)
def test_the_file_has_the_layout_of_2_2_4(name, tmp_path):
    """The genuine file and its copy: the same groups, arrays, attributes and their types."""
    genuine = Genuine(name)
    path = tmp_path / 'model.h5'
    genuine.load().save(path)
    with h5py.File(genuine.path, 'r') as old, h5py.File(path, 'r') as new:
        assert _skeleton(new) == _skeleton(old)
        assert (
            json.loads(new.attrs['training_config'])['optimizer_config']
            == json.loads(old.attrs['training_config'])['optimizer_config']
        )
        assert _loose(json.loads(new.attrs['model_config'])) == _loose(json.loads(old.attrs['model_config']))


def _skeleton(f):
    """Every object with its kind, shape and dtype, and its attributes with their types."""
    found = {}

    def visit(name, item):
        attributes = {
            k: (
                item.attrs.get_id(k).shape,
                item.attrs.get_id(k).get_type().get_class(),
                str(item.attrs.get_id(k).dtype),
            )
            for k in item.attrs
        }
        found[name] = (getattr(item, 'shape', None), str(getattr(item, 'dtype', '')), attributes)

    visit('/', f)
    f.visititems(visit)
    lists = {
        k: [n.decode() for n in f['model_weights'].attrs[k]]
        for k in f['model_weights'].attrs
        if k.startswith('layer_names')
    }
    return found, lists


def _loose(value):
    return json.loads(json.dumps(value))


def test_saves_to_open_groups_bytes_and_streams(tmp_path):
    model = Genuine('2.2.4-tensorflow-mlp_a').load()
    x = np.ones((2, 5), 'float32')
    wanted = model.predict(x)
    with h5py.File(tmp_path / 'many.h5', 'w') as f:
        model.save(f.create_group('first'))
        np.testing.assert_array_equal(kjax.models.load_model(f['first']).predict(x), wanted)
    stream = io.BytesIO()
    model.save(stream)
    np.testing.assert_array_equal(kjax.models.load_model(stream.getvalue()).predict(x), wanted)


def test_pickle_helpers_carry_the_whole_model():
    from kjax.saving import pickle_model, unpickle_model

    model = Genuine('2.2.4-tensorflow-mlp_a').load()
    state = pickle.loads(pickle.dumps(pickle_model(model)))
    x = np.ones((2, 5), 'float32')
    again = unpickle_model(state)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert type(again.optimizer) is type(model.optimizer)


def test_save_weights_and_load_weights(tmp_path):
    genuine = Genuine('2.2.4-tensorflow-cnn_a')
    model, other = genuine.load(), genuine.load(compile=False)
    other.set_weights([np.zeros_like(w) for w in other.get_weights()])
    model.save_weights(tmp_path / 'w.h5')
    other.load_weights(tmp_path / 'w.h5')
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_optimizer_the_file_has_no_training_state(tmp_path):
    model = Genuine('2.2.4-tensorflow-mlp_a').load()
    model.save(tmp_path / 'm.h5', include_optimizer=False)
    with h5py.File(tmp_path / 'm.h5', 'r') as f:
        assert 'training_config' not in f.attrs and 'optimizer_weights' not in f
    with pytest.warns(UserWarning, match='No training configuration found'):
        kjax.models.load_model(tmp_path / 'm.h5')


@pytest.mark.parametrize('to, read', [('to_json', 'model_from_json'), ('to_yaml', 'model_from_yaml')])
def test_text_round_trip(to, read):
    model = Genuine('2.2.4-tensorflow-two_io_a').load(compile=False)
    again = getattr(kjax.models, read)(getattr(model, to)())
    assert _loose(again.get_config()) == _loose(model.get_config())


def test_long_lists_of_names_are_stored_in_chunks(tmp_path):
    names = [f'{i:05d}' + 'x' * 995 for i in range(200)]
    with h5py.File(tmp_path / 'a.h5', 'w') as f:
        save_attributes_to_hdf5_group(f, 'names', names)
        chunks = [k for k in f.attrs]
        assert chunks == [f'names{i}' for i in range(len(chunks))] and len(chunks) > 1
        assert all(f.attrs[k].nbytes <= LIMIT for k in chunks)
        assert kjax.saving.load_attributes_from_hdf5_group(f, 'names') == names
        with pytest.raises(RuntimeError, match='longer than the 64512 bytes'):
            save_attributes_to_hdf5_group(f, 'too_long', ['y' * (LIMIT + 1)])


def test_an_optax_optimizer_is_left_out_with_a_warning(tmp_path):
    import optax

    model = Genuine('2.2.4-tensorflow-mlp_a').load(compile=False)
    model.compile(optax.adam(1e-3), 'mse')
    with pytest.warns(UserWarning, match='Optax transformation'):
        model.save(tmp_path / 'm.h5')
    with pytest.warns(UserWarning, match='not. compiled'):
        kjax.models.load_model(tmp_path / 'm.h5')


def test_frozen_nested_models_stay_frozen_and_train_on(tmp_path):
    """Genuine Keras 2 forgets the flag of a nested model, and with it the optimizer's state."""
    x = Input((4,))
    inner = Sequential([Dense(4, input_shape=(4,)), BatchNormalization()], name='inner')
    branch = Model(x, Dense(3)(x), name='branch')
    inner.trainable = branch.trainable = False
    model = Model(x, Dense(2)(branch(inner(x))))
    model.compile('adam', 'mse')
    data = np.random.rand(8, 4), np.random.rand(8, 2)
    for _ in range(2):
        model.train_on_batch(*data)
    model.save(tmp_path / 'm.h5')
    again = kjax.models.load_model(tmp_path / 'm.h5')
    assert len(again.trainable_weights) == len(model.trainable_weights) == 2
    for _ in range(3):
        assert model.train_on_batch(*data) == again.train_on_batch(*data)


@pytest.mark.parametrize('nested', [True, False])
def test_a_model_called_for_the_test_phase_stays_so(tmp_path, nested):
    layers = [Dense(4, input_shape=(4,)), BatchNormalization(), Dropout(0.5)]
    inner = Sequential(layers, name='inner')
    x = Input((4,))
    model = Model(x, (inner if nested else layers[1])(x, training=False))
    model.compile('sgd', 'mse')
    model.save(tmp_path / 'm.h5')
    again = kjax.models.load_model(tmp_path / 'm.h5')
    data = np.random.rand(8, 4), np.random.rand(8, 4)
    statistics = model.get_weights()[-2]
    for m in (model, again):
        assert m.evaluate(*data, verbose=0) == pytest.approx(m.train_on_batch(*data), rel=1e-6)
    np.testing.assert_array_equal(model.get_weights()[-2], statistics)
    assert kjax.backend.fixed_phase() is None

"""Configs of each producer in today's words, and what is refused instead of guessed."""

import copy
import json

import h5py
import numpy as np
import pytest

import kjax
from kjax import backend as K
from kjax import losses, metrics
from kjax.layers import Dense
from kjax.models import Sequential, load_model
from kjax.saving import CorruptFileError
from kjax.saving.compile_config import compile_arguments
from kjax.saving.keras1 import Keras1Reader
from kjax.saving.keras2 import Keras2Reader
from kjax.saving.notes import Notes
from kjax.saving.producer import parse_producer
from kjax.saving.tf_keras import TfKerasReader
from tests.saving.genuine import NAMES, Genuine


def read(reader, layer, **kwargs):
    notes = Notes('test')
    made = reader(notes, **kwargs).model({'class_name': 'Sequential', 'config': [layer]})
    return made['config']['layers'][0], notes.lines


def layer(name, **config):
    return {'class_name': name, 'config': {'name': 'x', **config}}


@pytest.mark.parametrize(
    'old, name, wanted',
    [
        (
            layer('Dense', output_dim=3, init='he_normal', bias=False, input_dim=4),
            'Dense',
            {'units': 3, 'kernel_initializer': 'he_normal', 'use_bias': False},
        ),
        (
            layer(
                'Convolution2D',
                nb_filter=4,
                nb_row=3,
                nb_col=5,
                border_mode='same',
                subsample=[2, 1],
                dim_ordering='th',
            ),
            'Conv2D',
            {
                'filters': 4,
                'kernel_size': (3, 5),
                'padding': 'same',
                'strides': [2, 1],
                'data_format': 'channels_first',
            },
        ),
        (
            layer('AtrousConvolution2D', nb_filter=4, nb_row=3, nb_col=3, atrous_rate=[2, 2], dim_ordering='tf'),
            'Conv2D',
            {'dilation_rate': [2, 2], 'data_format': 'channels_last'},
        ),
        (
            layer('Convolution1D', nb_filter=4, filter_length=3, subsample_length=2),
            'Conv1D',
            {'filters': 4, 'kernel_size': 3, 'strides': 2},
        ),
        (
            layer(
                'LSTM',
                output_dim=3,
                inner_activation='hard_sigmoid',
                forget_bias_init='one',
                dropout_W=0.1,
                dropout_U=0.2,
                consume_less='gpu',
            ),
            'LSTM',
            {
                'units': 3,
                'recurrent_activation': 'hard_sigmoid',
                'unit_forget_bias': True,
                'dropout': 0.1,
                'recurrent_dropout': 0.2,
                'implementation': 2,
            },
        ),
        (
            layer('MaxPooling1D', pool_length=2, stride=2, border_mode='valid'),
            'MaxPooling1D',
            {'pool_size': 2, 'strides': 2, 'padding': 'valid'},
        ),
        (layer('GaussianNoise', sigma=0.5), 'GaussianNoise', {'stddev': 0.5}),
        (layer('BatchNormalization', mode=0, axis=1, epsilon=1e-5), 'BatchNormalization', {'axis': 1, 'epsilon': 1e-5}),
        (layer('BatchNormalization', mode=2, axis=1), 'BatchNormalizationByInput', {'axis': 1, 'mode': 2}),
        (layer('TimeDistributedDense', output_dim=3, input_length=4, input_dim=2), 'Dense', {'units': 3}),
        (
            layer('TimeDistributed', layer=layer('Dense', output_dim=3)),
            'TimeDistributed',
            {'layer': {'class_name': 'Dense', 'config': {'name': 'x', 'units': 3}}},
        ),
        (
            layer('Dense', output_dim=3, W_regularizer={'name': 'WeightRegularizer', 'l1': 0.0, 'l2': 0.1}),
            'Dense',
            {'kernel_regularizer': {'class_name': 'L1L2', 'config': {'l1': 0.0, 'l2': 0.1}}},
        ),
        (
            layer(
                'Convolution2D',
                nb_filter=4,
                nb_row=3,
                nb_col=3,
                dim_ordering='th',
                W_constraint={'name': 'MaxNorm', 'm': 2, 'axis': 0},
            ),
            'Conv2D',
            {'kernel_constraint': {'class_name': 'MaxNorm', 'config': {'max_value': 2, 'axis': 3}}},
        ),
        (layer('Merge', mode='concat', mode_type='raw', concat_axis=2), 'Concatenate', {'axis': 2}),
    ],
)
def test_keras_1_layers(old, name, wanted):
    before = copy.deepcopy(old)
    made, _ = read(Keras1Reader, old)
    assert made['class_name'] == name
    for key, value in wanted.items():
        assert made['config'][key] == value, key
    assert not set(made['config']) & {
        'nb_filter',
        'border_mode',
        'dim_ordering',
        'init',
        'bias',
        'W_regularizer',
        'input_dtype',
        'output_dim',
    } - {'output_dim'}
    assert old == before, "the caller's data were changed"


def test_an_image_ordering_that_is_not_stored_is_that_of_the_other_layers():
    notes = Notes('test')
    made = Keras1Reader(notes).model(
        {
            'class_name': 'Sequential',
            'config': [layer('UpSampling2D', size=[2, 2]), layer('MaxPooling2D', pool_size=[2, 2], dim_ordering='th')],
        }
    )
    assert [x['config']['data_format'] for x in made['config']['layers']] == ['channels_first'] * 2
    assert any('stores no image ordering' in line for line in notes.lines)
    made, _ = read(Keras1Reader, layer('UpSampling2D', size=[2, 2]), image_dim_ordering='tf')
    assert made['config']['data_format'] == 'channels_last'


@pytest.mark.parametrize(
    'key, neutral, other',
    [('groups', 1, 2), ('time_major', False, True), ('ragged', False, True), ('keepdims', False, True)],
)
def test_tf_arguments_are_dropped_at_their_neutral_value_only(key, neutral, other):
    made, _ = read(TfKerasReader, layer('Conv2D', filters=2, kernel_size=3, **{key: neutral}))
    assert key not in made['config']
    with pytest.raises(ValueError, match=f'{key}={other!r}, which Keras 2.2.4 does not know'):
        read(TfKerasReader, layer('Conv2D', filters=2, kernel_size=3, **{key: other}))


def test_tf_objects_lose_their_module_paths():
    made, _ = read(
        TfKerasReader,
        layer(
            'Dense',
            units=2,
            kernel_initializer={
                'module': 'keras.initializers',
                'class_name': 'HeNormal',
                'config': {'seed': 3},
                'registered_name': None,
            },
        ),
    )
    assert made['config']['kernel_initializer'] == {
        'class_name': 'VarianceScaling',
        'config': {'scale': 2.0, 'mode': 'fan_in', 'distribution': 'normal', 'seed': 3},
    }


def frozen_norm(**config):
    return layer('BatchNormalization', axis=[-1], trainable=False, batch_input_shape=[None, 4], **config)


def test_a_frozen_normalization_of_tensorflow_2_is_called_in_the_test_phase():
    graph = {
        'name': 'm',
        'layers': [
            {**layer('InputLayer', batch_input_shape=[None, 4]), 'name': 'i', 'inbound_nodes': []},
            {**frozen_norm(), 'name': 'x', 'inbound_nodes': [[['i', 0, 0, {}]]]},
        ],
        'input_layers': [['i', 0, 0]],
        'output_layers': [['x', 0, 0]],
    }
    notes = Notes('test')
    made = TfKerasReader(notes).model({'class_name': 'Functional', 'config': graph})
    assert made['config']['layers'][1]['inbound_nodes'] == [[['i', 0, 0, {'training': False}]]]
    assert any('moving averages are used in training too' in line for line in notes.lines)
    with pytest.warns(UserWarning, match="batch's statistics in training, as in Keras 2.2.4"):
        read(TfKerasReader, frozen_norm())


def test_locally_connected_kernels_of_other_layouts_are_refused():
    made, _ = read(TfKerasReader, layer('LocallyConnected1D', filters=2, kernel_size=3, implementation=1))
    assert 'implementation' not in made['config']
    with pytest.raises(ValueError, match='another implementation than 1'):
        read(TfKerasReader, layer('LocallyConnected1D', filters=2, kernel_size=3, implementation=2))


@pytest.mark.parametrize('reader', [Keras2Reader, TfKerasReader])
def test_a_models_flag_must_be_a_flag(reader):
    for name in ('Sequential', 'Model'):
        config = {'name': 'm', 'layers': [], 'trainable': 'no', 'input_layers': [], 'output_layers': []}
        with pytest.raises(CorruptFileError, match='trainable of a model must be true or false'):
            reader(Notes('test')).model({'class_name': name, 'config': config})


def test_early_keras_2_has_gru_without_reset_after():
    assert read(Keras2Reader, layer('GRU', units=3))[0]['config']['reset_after'] is False


@pytest.mark.parametrize(
    'text, generation',
    [
        ('1.0.8', 'keras1'),
        ('1.2.2-theano', 'keras1'),
        ('2.0.3', 'keras2'),
        ('2.2.4', 'keras2'),
        ('2.3.1', 'keras2'),
        ('2.2.4-tf', 'tf'),
        ('2.1.6-tf', 'tf'),
        ('2.4.0', 'tf'),
        ('2.15.1', 'tf'),
        ('0.3.1', 'keras1'),
    ],
)
def test_versions_tell_the_generation(text, generation):
    assert parse_producer(text).generation == generation


@pytest.mark.parametrize('text', ['', 'x', '2', '2.2.4' * 50, '../2', '2.2.4\n3'])
def test_what_is_no_version_is_an_error(text):
    if text == '2':
        assert parse_producer(text).version == (2,)
    else:
        with pytest.raises(CorruptFileError):
            parse_producer(text)


# weights only, pickled code, or (Graph) no argument that only Keras 1 has
_WITHOUT = ('weights', 'byname', 'yaml_text', 'lambdas', 'graph')


@pytest.mark.parametrize('name', [n for n in NAMES if not any(part in n for part in _WITHOUT)])
def test_a_config_alone_tells_its_generation(name):
    """`model_from_json` and `model_from_config` on what a file holds, without the file's version."""
    genuine = Genuine(name)
    with h5py.File(genuine.path, 'r') as f:
        text = f.attrs['model_config']
    model = kjax.models.model_from_json(text, custom_objects=genuine.custom_objects)
    loaded = genuine.load(compile=False)
    assert [w.shape for w in model.weights] == [w.shape for w in loaded.weights]
    assert json.loads(text)['class_name'] in (type(model).__name__, 'Functional', 'Graph', 'Sequential')


@pytest.mark.parametrize(
    ('version', 'backend', 'wanted'),
    [
        ('1.2.2', 'tensorflow', 'mean_cosine_proximity'),
        ('2.0.8', 'theano', 'mean_cosine_proximity'),
        ('2.0.9', 'tensorflow', 'cosine_proximity'),
        ('2.2.4', 'tensorflow', 'cosine_proximity'),
    ],
)
def test_a_proximity_is_the_mean_before_2_0_9_and_the_sum_from_then_on(version, backend, wanted):
    config = {'optimizer_config': {'class_name': 'SGD', 'config': {}}, 'loss': {'a': 'cosine_proximity', 'b': 'mse'}}
    _, arguments = compile_arguments(
        {**config, 'metrics': ['cosine_proximity']}, parse_producer(version, backend), None, 'x'
    )
    found = [losses.get(arguments['loss']['a']), metrics.get(arguments['metrics'][0])]
    assert [f.__name__ for f in found] == [wanted] * 2 and arguments['loss']['b'] == 'mse'


def test_the_proximity_of_keras_1_is_kept_by_todays_files(tmp_path):
    y, p = np.array([[1.0, 2.0, 3.0]]), np.array([[0.5, 1.0, -1.0]])
    np.testing.assert_allclose(K.eval(losses.get('mean_cosine_proximity')(y, p)), [0.02969571], rtol=1e-5)  # 1.2.2's
    model = Sequential([Dense(2, input_shape=(4,))])
    model.compile('sgd', 'mean_cosine_proximity', metrics=['mean_cosine_proximity'])
    model.save(str(tmp_path / 'm.h5'))
    with h5py.File(tmp_path / 'm.h5') as file:
        stored = json.loads(file.attrs['training_config'])
    assert (stored['loss'], stored['metrics']) == ('cosine_proximity', ['cosine_proximity'])  # what genuine Keras knows
    again = load_model(str(tmp_path / 'm.h5'))
    assert again.metrics_names == ['loss', 'mean_cosine_proximity']
    assert losses.get(again.loss) is losses.get('mean_cosine_proximity')

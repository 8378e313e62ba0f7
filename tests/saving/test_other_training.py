"""Files of Keras 2.3 and of TensorFlow's Keras train on with the arithmetic of theirs that 2.2.4 does not have.

All numbers were recorded from the genuine versions.
"""

import numpy as np
import pytest

import kjax
from kjax.saving.compile_config import compile_arguments
from kjax.saving.notes import Notes
from kjax.saving.producer import parse_producer
from kjax.saving.tf_keras import TfKerasReader
from kjax.saving.tf_rules import BatchMeanL1L2
from kjax.saving.tf_schedules import parse_schedule
from tests.saving.hostile import sequential, write

NEW = {'weight_decay': None, 'clipnorm': None, 'global_clipnorm': None, 'use_ema': False, 'is_legacy_optimizer': False}


def chain(path, weights, name, config, state, version='2.15.0'):
    """A file of Dense layers of one weight, one behind the other, with an optimizer's state by array name."""
    layers = [
        {'class_name': 'Dense', 'config': {'name': f'd{i}', 'units': 1, 'use_bias': False}} for i in range(len(weights))
    ]
    layers[0]['config']['batch_input_shape'] = [None, 1]

    def edit(f):
        group = f.create_group('optimizer_weights')
        group.attrs['weight_names'] = np.array([k.encode() for k in state])
        for key, value in state.items():
            group[key] = value if value.ndim == 0 else value.reshape(1, 1)

    arrays = {f'd{i}': {f'd{i}/kernel:0': np.full((1, 1), w, 'f4')} for i, w in enumerate(weights)}
    training = {'optimizer_config': {'class_name': name, 'config': config}, 'loss': 'mse', 'metrics': None}
    return write(path, sequential(*layers), arrays, training, version=version, edit=edit)


def slots(steps, **values):
    """The state: the number of steps, then for each slot the values of all weights; '{}' stands for the layer."""
    state = {steps[0]: np.array(steps[1])}
    for pattern, numbers in values.items():
        state |= {pattern.format(f'd{i}'): np.full(1, v, 'f4') for i, v in enumerate(numbers)}
    return state


def steps(model, count):
    x, y = np.ones((4, 1), 'f4'), np.zeros((4, 1), 'f4')
    return [float(model.train_on_batch(x, y)) for _ in range(count)]


def test_nadam_of_215_leaves_one_weight_out_of_the_product_of_momentum(tmp_path):
    state = slots(
        ('iteration:0', 2),
        **{
            'Nadam/m/{}/kernel:0': [1.533138990, 1.515578866, 1.510841846, 1.509036302, 1.508262515],
            'Nadam/v/{}/kernel:0': [0.142912328, 0.140820607, 0.140266910, 0.140057027, 0.139967292],
        },
    )
    weights = [1.0473746061, 1.0811856985, 1.0906951427, 1.0943704843, 1.0959553718]
    config = {**NEW, 'learning_rate': 0.1, 'beta_1': 0.9, 'beta_2': 0.999, 'epsilon': 1e-7}
    model = kjax.models.load_model(chain(tmp_path / 'a.h5', weights, 'Custom>Nadam', config, state))
    np.testing.assert_allclose(steps(model, 5), [2.1944513, 1.3385195, 0.9429298, 0.6731828, 0.4844114], rtol=1e-5)
    expected = [0.8396247, 0.9003335, 0.9177007, 0.9218107, 0.9262854]
    np.testing.assert_allclose(np.ravel(model.get_weights()), expected, rtol=1e-5)


EXPONENTIAL = {
    'class_name': 'ExponentialDecay',
    'config': {'initial_learning_rate': 0.1, 'decay_steps': 2, 'decay_rate': 0.5, 'staircase': False, 'name': None},
}
FALLING = {
    'AdamW with a schedule, decaying weights and clipped gradients': (
        'Custom>AdamW',
        {**NEW, 'weight_decay': 0.2, 'clipnorm': 0.3, 'learning_rate': EXPONENTIAL, 'epsilon': 1e-7},
        [0.9900753, 0.9900753],
        slots(
            ('iteration:0', 2),
            **{'AdamW/m/{}/kernel:0': [0.057, 0.057], 'AdamW/v/{}/kernel:0': [0.00017991, 0.00017991]},
        ),
        [0.960889, 0.748615, 0.622482, 0.543967],
        0.838088,
    ),
    'SGD without momentum, which keeps no state': (
        'SGD',
        {'clipnorm': 0.3, 'learning_rate': 0.1, 'decay': 0.2, 'momentum': 0.0, 'nesterov': False},
        [1.1450001, 1.1450001],
        slots(('SGD/iter:0', 2)),
        [1.71879, 1.59369, 1.48994, 1.40205],
        1.07315,
    ),
    'RMSprop with momentum and a falling rate': (
        'RMSprop',
        {'learning_rate': 0.05, 'decay': 0.2, 'rho': 0.9, 'momentum': 0.5, 'epsilon': 1e-7, 'centered': False},
        [0.8880048, 0.8880048],
        slots(
            ('RMSprop/iter:0', 2),
            **{'RMSprop/{}/kernel/rms:0': [1.586615] * 2, 'RMSprop/{}/kernel/momentum:0': [0.1538814] * 2},
        ),
        [0.621815, 0.354859, 0.227478, 0.16232],
        0.595658,
    ),
}


@pytest.mark.parametrize('name, config, weights, state, losses, end', list(FALLING.values()), ids=list(FALLING))
def test_what_tensorflow_does_around_the_rules(tmp_path, name, config, weights, state, losses, end):
    model = kjax.models.load_model(chain(tmp_path / 'a.h5', weights, name, config, state))
    np.testing.assert_allclose(steps(model, 2), losses[:2], rtol=2e-5)
    model.save(tmp_path / 'b.h5')
    again = kjax.models.load_model(tmp_path / 'b.h5')
    np.testing.assert_allclose(steps(again, 2), losses[2:], rtol=2e-5)
    np.testing.assert_allclose(np.ravel(again.get_weights()), [end] * 2, rtol=2e-5)


RATES = [  # at the steps 0, 1, 2, 3, 4, 7
    ('ExponentialDecay', (0.1, 2, 0.5), {'staircase': True}, [0.1, 0.1, 0.05, 0.05, 0.025, 0.0125]),
    ('InverseTimeDecay', (0.05, 2, 0.5), {}, [0.05, 0.04, 0.0333333, 0.0285714, 0.025, 0.0181818]),
    ('PolynomialDecay', (0.05, 3), {'end_learning_rate': 1e-3}, [0.05, 0.0336667, 0.0173333, 0.001, 0.001, 0.001]),
    (
        'PolynomialDecay',
        (0.05, 3),
        {'end_learning_rate': 1e-3, 'power': 2.0, 'cycle': True},
        [0.05, 0.0227778, 0.00644444, 0.001, 0.00644444, 0.00341975],
    ),
    ('CosineDecay', (0.05, 5), {'alpha': 0.1}, [0.05, 0.0457029, 0.0344529, 0.0205471, 0.00929712, 0.005]),
    (
        'CosineDecay',
        (0.01, 5),
        {'warmup_target': 0.1, 'warmup_steps': 3},
        [0.01, 0.04, 0.07, 0.1, 0.0904508, 0.00954915],
    ),
    ('CosineDecayRestarts', (0.1, 2), {'m_mul': 0.5}, [0.1, 0.05, 0.05, 0.0426777, 0.025, 0.0240485]),
    ('CosineDecayRestarts', (0.1, 2), {'t_mul': 1.0, 'alpha': 0.1}, [0.1, 0.055, 0.1, 0.055, 0.1, 0.055]),
    (
        'PiecewiseConstantDecay',
        (),
        {'boundaries': [2, 4], 'values': [0.1, 0.05, 0.02]},
        [0.1, 0.1, 0.1, 0.05, 0.05, 0.02],
    ),
]


@pytest.mark.parametrize('name, first, more, expected', RATES)
def test_schedules_of_the_learning_rate(name, first, more, expected):
    steps = 'first_decay_steps' if name == 'CosineDecayRestarts' else 'decay_steps'
    config = dict(zip(('initial_learning_rate', steps, 'decay_rate'), first, strict=False)) | more
    schedule = parse_schedule({'class_name': name, 'config': config})
    found = [float(schedule(np.float32(t))) for t in (0, 1, 2, 3, 4, 7)]
    np.testing.assert_allclose(found, expected, rtol=3e-5)
    assert parse_schedule(schedule.config()) == schedule


@pytest.mark.parametrize(
    'name, config, reason',
    [
        ('Custom>Adam', {**NEW, 'use_ema': True}, 'use_ema=True is not supported'),
        ('Custom>Adam', {**NEW, 'weight_decay': 'x'}, 'weight_decay must be a number'),
        ('Nadam', {'clipnorm': 1.0}, 'clip_each=1.0 is not supported'),
        ('Custom>SGD', {**NEW, 'learning_rate': {'class_name': 'eval', 'config': {}}}, "schedule 'eval'"),
        ('Custom>SGD', {**NEW, 'learning_rate': {**EXPONENTIAL, 'config': {'decay_rate': [1]}}}, 'is no number'),
        ('Custom>SGD', {**NEW, 'learning_rate': {**EXPONENTIAL, 'config': {}}}, 'cannot be computed'),
    ],
)
def test_what_cannot_go_on_as_it_was_is_said(tmp_path, name, config, reason):
    path = chain(tmp_path / 'a.h5', [1.0], name, config, slots(('iteration:0', 1)))
    with pytest.warns(UserWarning, match=rf'loaded but \*not\* compiled.*{reason}') as told:
        assert kjax.models.load_model(path).optimizer is None
    assert len(told) == 1


# losses of two steps, then of three with weights of the samples
MASKED = {
    '2.2.4': [0.9714627861976624, 0.45498642325401306, 0.7046229243278503, 0.17929427325725555, 0.16604432463645935],
    '2.3.1': [0.5666865706443787, 0.3738374710083008, 0.49707934260368347, 0.2367696613073349, 0.1350320428609848],
    '2.15.0': [0.9714627265930176, 0.45498642325401306, 0.4697486162185669, 0.1643105000257492, 0.12159230560064316],
}


@pytest.mark.parametrize('version', list(MASKED))
def test_losses_under_masks_and_weights_are_scaled_as_their_producer_does(tmp_path, version):
    """2.2.4 divides by the mask's mean and the share of weights, 2.3 by neither, 2.11 and later by the mask's mean."""
    x = (np.arange(24).reshape(3, 4, 2) / 24 + 0.1).astype('f4')
    x[0, 2:] = x[1, 1:] = 0
    y = (np.arange(12).reshape(3, 4, 1) / 6).astype('f4')
    inner = {'class_name': 'Dense', 'config': {'name': 'd', 'units': 1}}
    config = sequential(
        {'class_name': 'Masking', 'config': {'name': 'm', 'mask_value': 0.0, 'batch_input_shape': [None, 4, 2]}},
        {'class_name': 'TimeDistributed', 'config': {'name': 't', 'layer': inner}},
    )
    weights = {'m': {}, 't': {'t/kernel:0': np.array([[0.5], [-0.25]], 'f4'), 't/bias:0': np.array([0.1], 'f4')}}
    sgd = {'class_name': 'SGD', 'config': {'learning_rate': 0.1, 'momentum': 0.0, 'decay': 0.0, 'nesterov': False}}
    training = {'optimizer_config': sgd, 'loss': 'mse', 'metrics': []}
    model = kjax.models.load_model(write(tmp_path / 'a.h5', config, weights, training, version=version))
    found = [float(model.train_on_batch(x, y)) for _ in range(2)]
    model.save(tmp_path / 'b.h5')
    again = kjax.models.load_model(tmp_path / 'b.h5')
    found += [float(again.train_on_batch(x, y, sample_weight=np.array([1.0, 0.0, 2.0]))) for _ in range(3)]
    np.testing.assert_allclose(found, MASKED[version], rtol=1e-5)
    again.compile('sgd', 'mse')  # anew: as 2.2.4
    assert again._loss_scaling is None


def test_loss_objects_average_as_23_has_them():
    model = kjax.models.Sequential([kjax.layers.Dense(1, input_shape=(2,), kernel_initializer='ones')])
    model.compile('sgd', kjax.losses.MeanSquaredError())
    x, w = np.ones((2, 2), 'f4'), np.array([1.0, 0.0])
    assert model.test_on_batch(x, np.zeros((2, 1)), sample_weight=w) == pytest.approx(2.0)
    model.compile('sgd', 'mse')
    assert model.test_on_batch(x, np.zeros((2, 1)), sample_weight=w) == pytest.approx(4.0)


def test_a_damaged_scaling_of_losses_leaves_the_model_uncompiled(tmp_path):
    training = {'optimizer_config': {'class_name': 'SGD', 'config': {}}, 'loss': 'mse', 'loss_scaling': {'mask': 1}}
    config = sequential({'class_name': 'Dense', 'config': {'name': 'd', 'units': 2, 'batch_input_shape': [None, 3]}})
    with pytest.warns(UserWarning, match='loss_scaling must be a dict of two flags'):
        assert kjax.models.load_model(write(tmp_path / 'a.h5', config, training=training)).optimizer is None


@pytest.mark.parametrize('version, converts', [('2.2.4', False), ('2.3.1', True), ('2.15.0', True)])
def test_hinge_takes_labels_of_0_and_1_from_23_on(tmp_path, version, converts):
    """Genuine 2.3.1 and 2.15 give 1.0323 where 2.2.4 gives 0.84949."""
    config = sequential(
        {'class_name': 'Activation', 'config': {'activation': 'linear', 'batch_input_shape': [None, 3]}}
    )
    training = {'optimizer_config': {'class_name': 'SGD', 'config': {}}, 'loss': 'hinge', 'metrics': []}
    model = kjax.models.load_model(write(tmp_path / 'a.h5', config, {}, training, version=version))
    y = np.eye(3)[[0, 2, 1, 1]].astype('f4')
    p = np.random.RandomState(0)
    p.randn(4, 3)
    p = p.rand(4, 3).astype('f4')
    p /= p.sum(1, keepdims=True)
    signs = 2 * y - 1 if converts else y
    expected = np.mean(np.maximum(1 - signs * p, 0))
    assert model.test_on_batch(p, y) == pytest.approx(expected, rel=1e-5)
    assert model.test_on_batch(p, 2 * y - 1) == pytest.approx(np.mean(np.maximum(1 - (2 * y - 1) * p, 0)), rel=1e-5)
    by_object = kjax.losses.Hinge()(y, p)
    assert float(by_object) == pytest.approx(np.mean(np.maximum(1 - (2 * y - 1) * p, 0)), rel=1e-5)


def test_loss_objects_of_tensorflow_keep_their_arguments():
    def read(kind, **config):
        loss = {'class_name': kind, 'config': {'reduction': 'auto', 'fn': 'x', **config}}
        sgd = {'class_name': 'SGD', 'config': {}}
        found = compile_arguments({'optimizer_config': sgd, 'loss': loss}, parse_producer('2.15.0'), None, 'test')
        return found[1]['loss']

    y, p = np.array([[0.0, 0.0, 1.0]], 'f4'), np.array([[0.5, 2.0, -1.0]], 'f4')
    found = read('CategoricalCrossentropy', from_logits=True, label_smoothing=0.1, axis=-1, name='c')
    smooth = y * 0.9 + 0.1 / 3
    expected = np.log(np.exp(p).sum()) - (smooth * p).sum()
    assert float(found(y, p)) == pytest.approx(expected, rel=1e-5)
    assert read('MeanSquaredError', reduction='sum').reduction == 'sum'
    assert float(read('Huber', delta=0.5, name='h')(y, p)) == pytest.approx(np.mean([0.125, 0.875, 0.875]), rel=1e-5)
    with pytest.raises(TypeError, match='axis'):
        read('CategoricalCrossentropy', axis=1)


@pytest.mark.parametrize('version, expected', [('2.0.5', [[2.0], [1.0]]), ('2.0.6', [[1.0], [2.0]])])
def test_until_205_the_state_is_sorted_by_the_weights_names(tmp_path, version, expected):
    layers = [{'class_name': 'Dense', 'config': {'name': n, 'units': 1, 'use_bias': False}} for n in ('zz', 'aa')]
    layers[0]['config']['batch_input_shape'] = [None, 1]

    def edit(f):
        group = f.create_group('optimizer_weights')
        group.attrs['weight_names'] = np.array([b'Variable:0', b'Variable_1:0'])
        group['Variable:0'], group['Variable_1:0'] = np.ones((1, 1), 'f4'), np.full((1, 1), 2, 'f4')

    arrays = {n: {f'{n}/kernel:0': np.ones((1, 1), 'f4')} for n in ('zz', 'aa')}
    rms = {'class_name': 'RMSprop', 'config': {'lr': 0.01}}
    training = {'optimizer_config': rms, 'loss': 'mse', 'metrics': []}
    path = write(tmp_path / 'a.h5', sequential(*layers), arrays, training, version=version, edit=edit)
    found = kjax.models.load_model(path).optimizer.get_weights()
    np.testing.assert_array_equal(np.concatenate(found), expected)


def test_penalties_and_seeds_of_tensorflows_layers():
    def read(name, **config):
        config = sequential({'class_name': name, 'config': {'batch_input_shape': [None, 4], 'name': 'x', **config}})
        return TfKerasReader(Notes('test')).model(config)['config']['layers'][0]['config']

    penalty = read('ActivityRegularization', l1=0.01, l2=0.02)['activity_regularizer']
    assert isinstance(penalty, BatchMeanL1L2) and float(penalty.l2) == pytest.approx(0.02)
    layer = kjax.layers.ActivityRegularization(0.01, 0.02, activity_regularizer=penalty)
    assert layer.get_config()['activity_regularizer']['class_name'] == 'BatchMeanL1L2'
    assert 'activity_regularizer' not in kjax.layers.ActivityRegularization(0.01).get_config()
    for name in ('GaussianNoise', 'GaussianDropout', 'SpatialDropout1D'):
        assert 'seed' not in read(name, seed=None)


def test_noise_of_no_width_draws_nothing():
    model = kjax.models.Sequential([kjax.layers.GaussianNoise(0.0, input_shape=(2,)), kjax.layers.Dense(1)])
    model.compile('sgd', 'mse')
    assert np.isfinite(model.train_on_batch(np.ones((2, 2)), np.ones((2, 1))))


@pytest.mark.parametrize('version, noted', [('2.2.4', False), ('2.3.1', True)])
def test_a_loss_that_differs_where_it_is_clipped_is_noted(tmp_path, caplog, version, noted):
    layer = {'class_name': 'Dense', 'config': {'name': 'd', 'units': 1, 'batch_input_shape': [None, 1]}}
    arrays = {'d': {'d/kernel:0': np.ones((1, 1), 'f4'), 'd/bias:0': np.zeros(1, 'f4')}}
    sgd = {'class_name': 'SGD', 'config': {}}
    training = {'optimizer_config': sgd, 'loss': 'binary_crossentropy', 'metrics': None}
    path = write(tmp_path / 'm.h5', sequential(layer), arrays, training, version=version)
    with caplog.at_level('INFO', logger='kjax.saving'):
        kjax.models.load_model(path)
    assert ("binary_crossentropy is 2.2.4's" in caplog.text) == noted

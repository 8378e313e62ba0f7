"""Numbers in the training state that no run leaves: the model loads uncompiled with one warning, or with what fits."""

import h5py
import numpy as np
import pytest

import kjax
from tests.saving.hostile import DENSE, bounded, sequential, write


def optimizer(name='Adam', **config):
    return {'optimizer_config': {'class_name': name, 'config': config}, 'loss': 'mse', 'metrics': []}


def state(count):
    """Adam's state for a Dense of 3 inputs and 2 units, with another count of steps."""

    def edit(f):
        group = f.create_group('optimizer_weights')
        arrays = [('Adam/iterations:0', count)]
        arrays += [(f'training/{s}_{n}:0', np.zeros(shape, 'f4')) for s in 'mv' for n, shape in ((0, (3, 2)), (1, 2))]
        arrays += [(f'training/h_{n}:0', np.zeros(1, 'f4')) for n in range(2)]
        group.attrs.create('weight_names', [n for n, _ in arrays], dtype=h5py.string_dtype())
        for name, value in arrays:
            group[name] = value

    return edit


@pytest.mark.parametrize(
    'count', [np.float32('inf'), np.float32('nan'), np.float64(1e300), np.int64(-5), np.uint64(2**63)]
)
def test_a_count_of_steps_that_is_none(tmp_path, count):
    path = write(tmp_path / 'a.h5', sequential(DENSE), training=optimizer(lr=0.1), edit=state(count))
    with bounded():
        model = kjax.models.load_model(path)
    np.testing.assert_array_equal(model.get_weights()[0], np.ones((3, 2)))
    assert np.isfinite(model.train_on_batch(np.ones((2, 3)), np.ones((2, 2))))


def test_an_honest_count_of_steps_is_kept(tmp_path):
    path = write(tmp_path / 'a.h5', sequential(DENSE), training=optimizer(lr=0.1), edit=state(np.int64(7)))
    assert int(kjax.models.load_model(path).optimizer.get_weights()[0]) == 7


def schedule(**config):
    return {'class_name': 'ExponentialDecay', 'config': {'initial_learning_rate': 0.1, 'decay_rate': 0.9, **config}}


TRAINING = {
    'decay_steps of 2**80': ('2.11.0', optimizer('SGD', learning_rate=schedule(decay_steps=2**80))),
    'decay_steps of 0': ('2.11.0', optimizer('SGD', learning_rate=schedule(decay_steps=0))),
    'a list as rate': ('2.2.4', optimizer(lr=[[1]])),
    'a dict as rate': ('2.2.4', optimizer(lr={'a': {}})),
    'a list as loss_weights': ('2.2.4', {**optimizer(lr=0.1), 'loss_weights': [[{}]]}),
    'metrics that are numbers': ('2.2.4', {**optimizer(lr=0.1), 'metrics': [7]}),
    'a name that is a list': ('2.2.4', optimizer(['Adam'])),
    'deep losses': ('2.2.4', {**optimizer(lr=0.1), 'loss': [[[['mse']]]]}),
}


@pytest.mark.parametrize('version, training', list(TRAINING.values()), ids=list(TRAINING))
def test_a_training_config_that_cannot_be(tmp_path, version, training):
    path = write(tmp_path / 'a.h5', sequential(DENSE), training=training, version=version)
    with bounded(), pytest.warns(UserWarning, match=r'a\.h5: the model is loaded but \*not\* compiled') as caught:
        model = kjax.models.load_model(path)
    assert model.optimizer is None and len(caught) == 1
    assert model.predict(np.ones((1, 3))).tolist() == [[3, 3]]


def test_a_hundred_thousand_counters_take_linear_time(tmp_path):
    def edit(f):
        group = f.create_group('optimizer_weights')
        names = [f'{i}/iteration:0' for i in range(4000)]
        group.attrs.create('weight_names', names, dtype=h5py.string_dtype())
        for name in names:
            group[name] = np.int64(1)

    path = write(tmp_path / 'a.h5', sequential(DENSE), training=optimizer(lr=0.1), edit=edit)
    with bounded(), pytest.warns(UserWarning, match='not'):
        kjax.models.load_model(path)

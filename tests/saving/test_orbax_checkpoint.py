"""A run that was killed and continued equals one that was not; damaged checkpoints are left out."""

import json
import os
import random
import shutil

import numpy as np
import pytest

import kjax
from kjax.callbacks import CSVLogger, EarlyStopping, ReduceLROnPlateau
from kjax.callbacks.orbax_checkpoint import OrbaxCheckpoint
from kjax.layers import LSTM, BatchNormalization, Dense, Dropout
from tests.saving.kill_rounds import rounds

X = np.random.RandomState(1).rand(70, 5).astype('float32')
Y = X.sum(axis=1, keepdims=True)


def build(optimizer='adam', width=8):
    model = kjax.models.Sequential(
        [
            Dense(width, activation='relu', input_shape=(5,), name='a'),
            BatchNormalization(name='n'),
            Dropout(0.3, name='o'),
            Dense(1, name='z'),
        ]
    )
    model.compile(optimizer, 'mse', metrics=['mae'])
    return model


def watchers():
    return [ReduceLROnPlateau('loss', factor=0.5, patience=1, min_delta=10.0), EarlyStopping('val_loss', patience=50)]


def train(checkpoint, epochs, model=None, others=None):
    model = model or build()
    others = watchers() if others is None else others
    if checkpoint is not None:
        checkpoint.track = others
    callbacks = [*([checkpoint] if checkpoint is not None else []), *others]
    first = checkpoint.initial_epoch if checkpoint is not None else 0
    model.fit(
        X, Y, batch_size=16, epochs=epochs, verbose=0, callbacks=callbacks, validation_split=0.2, initial_epoch=first
    )
    return model


def fingerprint(model):
    return [
        *model.get_weights(),
        *[np.asarray(w) for w in model.optimizer.get_weights()],
        float(model.optimizer.lr.value),
    ]


def assert_equal(a, b):
    for x, y in zip(fingerprint(a), fingerprint(b), strict=True):
        np.testing.assert_array_equal(x, y)
    assert a.history.epoch == b.history.epoch
    assert a.history.history == b.history.history


@pytest.fixture(scope='module')
def uninterrupted():
    np.random.seed(7)
    random.seed(7)
    return train(None, 6)


@pytest.mark.parametrize('asynchronous', [True, False])
def test_a_continued_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path, uninterrupted, asynchronous):
    """Weights, statistics, optimizer, rate, dropout, order of the data, history, the other callbacks' state."""
    np.random.seed(7)
    random.seed(7)
    train(OrbaxCheckpoint(tmp_path, asynchronous=asynchronous), 3)
    np.random.seed(99)
    again = train(OrbaxCheckpoint(tmp_path, asynchronous=asynchronous), 6)
    assert_equal(again, uninterrupted)


def test_saving_changes_nothing(tmp_path, uninterrupted):
    np.random.seed(7)
    random.seed(7)
    assert_equal(train(OrbaxCheckpoint(tmp_path), 6), uninterrupted)


def test_a_process_killed_from_outside_goes_on_bit_for_bit(tmp_path):
    """Twice, at random batches, while checkpoints are being written; more by hand: see `kill_rounds`."""
    (again, whole), hit = rounds(tmp_path, kills=2, seed=3)
    assert hit == 2
    assert again.keys() == whole.keys()
    for name in whole:
        np.testing.assert_array_equal(again[name], whole[name])


def damage(path, how):
    if how == 'manifest':
        os.unlink(path / 'manifest.json')
        return
    if how == 'folder':
        shutil.rmtree(path / 'arrays')
        return
    files = [p for p in (path / 'arrays').rglob('*') if p.is_file() and p.stat().st_size > 50]
    target = max(files, key=lambda p: p.stat().st_size)
    data = bytearray(target.read_bytes())
    if how == 'flip':
        data[len(data) // 2] ^= 1
    elif how == 'truncate':
        data = data[:-7]
    elif how == 'empty':
        data = b''
    elif how == 'link':
        target.unlink()
        target.symlink_to('/etc/hostname')
        return
    elif how == 'extra':
        (path / 'arrays' / 'more').write_bytes(b'x')
        return
    target.write_bytes(data)


@pytest.mark.parametrize('how', ['flip', 'truncate', 'empty', 'link', 'extra', 'manifest', 'folder'])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path, uninterrupted, how):
    np.random.seed(7)
    random.seed(7)
    train(OrbaxCheckpoint(tmp_path), 4)
    damage(tmp_path / 'step_4', how)
    checkpoint = OrbaxCheckpoint(tmp_path)
    with pytest.warns(UserWarning, match='step_4 is damaged and left out.*Continuing from the one before'):
        assert checkpoint.initial_epoch == 3
    assert_equal(train(checkpoint, 6), uninterrupted)


def test_the_last_and_the_best_stay(tmp_path):
    checkpoint = OrbaxCheckpoint(tmp_path, keep_last=2, monitor='val_loss', keep_best=1)
    model = train(checkpoint, 7)
    losses = model.history.history['val_loss']
    best = int(np.argmin(losses)) + 1
    assert checkpoint.store.steps() == [(n, 0) for n in sorted({6, 7, best})]
    assert not [n for n in os.listdir(tmp_path) if not n.startswith('step_')]


def test_every_and_the_last_epoch(tmp_path):
    checkpoint = OrbaxCheckpoint(tmp_path, every=3, keep_last=9)
    train(checkpoint, 7)
    assert [s.epochs for s in checkpoint.store.steps()] == [3, 6, 7]


def test_fit_must_start_where_the_checkpoint_ends(tmp_path):
    train(OrbaxCheckpoint(tmp_path), 2)
    with pytest.raises(ValueError, match='continues with epoch 2, but fit started with 0'):
        build().fit(X, Y, epochs=4, verbose=0, callbacks=[OrbaxCheckpoint(tmp_path)])


def test_another_model_is_refused_with_the_differences(tmp_path):
    train(OrbaxCheckpoint(tmp_path), 1)
    with pytest.raises(
        ValueError,
        match=r"! params/a/kernel \(\[5, 8\], 'float32'\) in the checkpoint, \(\[5, 9\], 'float32'\) in the model",
    ):
        train(OrbaxCheckpoint(tmp_path), 2, model=build(width=9))
    with pytest.raises(ValueError, match='- optimizer/'):
        train(OrbaxCheckpoint(tmp_path), 2, model=build('sgd'))


def test_a_failure_in_the_background_is_raised(tmp_path, monkeypatch):
    checkpoint = OrbaxCheckpoint(tmp_path)

    def fails(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(checkpoint.store, 'write', fails)
    with pytest.raises(OSError, match='No space left'):
        train(checkpoint, 3)


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='needs /dev/full')
def test_a_full_disk_under_another_callback_leaves_checkpoints_whole(tmp_path):
    train(OrbaxCheckpoint(tmp_path), 2)
    checkpoint = OrbaxCheckpoint(tmp_path, asynchronous=False)
    with pytest.raises(OSError, match='No space left'):
        train(checkpoint, 4, others=[CSVLogger('/dev/full')])
    again = OrbaxCheckpoint(tmp_path)
    assert again.initial_epoch == 2
    assert train(again, 3).history.epoch == [0, 1, 2]


def test_states_of_stateful_layers_are_part_of_it(tmp_path):
    x = np.random.RandomState(0).rand(8, 3, 2).astype('float32')
    y = np.random.RandomState(1).rand(8, 1).astype('float32')

    def run(epochs, checkpoint=None):
        model = kjax.models.Sequential(
            [LSTM(3, stateful=True, batch_input_shape=(4, 3, 2), name='r'), Dense(1, name='d')]
        )
        model.compile('rmsprop', 'mse')
        first = checkpoint.initial_epoch if checkpoint else 0
        model.fit(
            x,
            y,
            batch_size=4,
            epochs=epochs,
            verbose=0,
            shuffle=False,
            callbacks=[checkpoint] if checkpoint else [],
            initial_epoch=first,
        )
        return model

    np.random.seed(3)
    whole = run(4)
    np.random.seed(3)
    run(2, OrbaxCheckpoint(tmp_path))
    again = run(4, OrbaxCheckpoint(tmp_path))
    assert_equal(again, whole)
    np.testing.assert_array_equal(again.predict(x, batch_size=4), whole.predict(x, batch_size=4))


def test_the_arrays_are_a_plain_orbax_checkpoint(tmp_path):
    import orbax.checkpoint as ocp

    model = train(OrbaxCheckpoint(tmp_path), 1)
    tree = ocp.StandardCheckpointer().restore(tmp_path / 'step_1' / 'arrays')
    np.testing.assert_array_equal(tree['params']['a']['kernel'], model.get_layer('a').get_weights()[0])
    assert json.loads((tmp_path / 'step_1' / 'training.json').read_text())['epoch'] == 0


@pytest.mark.parametrize(
    'arguments, match',
    [
        ({'every': 0}, 'every must be an integer >= 1'),
        ({'keep_last': 0}, 'keep_last must be'),
        ({'keep_best': -1}, 'keep_best must be'),
        ({'mode': 'up'}, 'mode must be'),
    ],
)
def test_arguments_are_checked(tmp_path, arguments, match):
    with pytest.raises(ValueError, match=match):
        OrbaxCheckpoint(tmp_path, **arguments)

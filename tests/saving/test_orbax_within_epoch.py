"""Checkpoints within an epoch: a run that was killed goes on with the next batch, bit for bit."""

import random
import shutil
import threading

import numpy as np
import pytest

import kjax
from kjax.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    OrbaxCheckpoint,
    ReduceLROnPlateau,
)
from kjax.layers import LSTM, Dense
from kjax.utils import Sequence
from tests.saving.test_orbax_checkpoint import X, Y, assert_equal, build, damage


class Kill(Exception):
    """Stands for a killed process: no hook of a callback comes after it."""


class KillAt(Callback):
    """Raises at a batch; tells which batches it saw."""

    def __init__(self, epoch=None, batch=None):
        super().__init__()
        self.at, self.epoch, self.seen = (epoch, batch), 0, []

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise Kill
        self.seen.append((self.epoch, batch))

    def get_state(self):
        return {}

    def set_state(self, state):
        pass


class RatePerBatch(Callback):
    """Changes the rate at every batch, and draws random numbers: both are part of the state within an epoch."""

    def __init__(self):
        super().__init__()
        self.drawn = {}

    def on_batch_end(self, batch, logs=None):
        self.model.optimizer.lr = float(self.model.optimizer.lr.value) * 0.99
        self.drawn.setdefault(batch, []).append((random.random(), np.random.rand()))


def run(folder, epochs=3, kill=None, fit=None, optimizer='adam', **kwargs):
    checkpoint = OrbaxCheckpoint(folder, every_batches=2, asynchronous=kill is None, **kwargs)
    kill, rate = kill or KillAt(), RatePerBatch()
    others = [
        LearningRateScheduler(lambda epoch, lr: lr * 1.01),
        rate,
        ReduceLROnPlateau('loss', factor=0.5, patience=1, min_delta=10.0),
        EarlyStopping('loss', patience=50, restore_best_weights=True),
        kill,
    ]
    model = build(optimizer)
    arguments = {
        'epochs': epochs,
        'verbose': 0,
        'callbacks': [checkpoint, *others],
        'initial_epoch': checkpoint.initial_epoch,
    }
    if fit is None:
        model.fit(X, Y, batch_size=10, validation_split=0.2, **arguments)
    else:
        fit(model, checkpoint, arguments)
    model.seen, model.drawn = kill.seen, rate.drawn
    return model


def seeded(*args, **kwargs):
    np.random.seed(7)
    random.seed(7)
    return run(*args, **kwargs)


def killed(folder, *at, **kwargs):
    with pytest.raises(Kill):
        seeded(folder, kill=KillAt(*at), **kwargs)


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    return seeded(tmp_path_factory.mktemp('whole'))


@pytest.mark.parametrize('at, continues', [((0, 3), (0, 2)), ((1, 1), (1, 0)), ((2, 5), (2, 4))])
def test_a_run_killed_within_an_epoch_continues_bit_for_bit(tmp_path, uninterrupted, at, continues):
    killed(tmp_path, *at)
    np.random.seed(99)
    again = run(tmp_path)
    assert again.seen[0] == continues
    assert again.drawn == uninterrupted.drawn
    assert_equal(again, uninterrupted)


def test_a_run_killed_twice_in_one_epoch_continues_bit_for_bit(tmp_path, uninterrupted):
    killed(tmp_path, 1, 3)
    with pytest.raises(Kill):
        run(tmp_path, kill=KillAt(1, 5))
    again = run(tmp_path)
    assert again.seen[0] == (1, 4)
    assert_equal(again, uninterrupted)


def test_without_every_batches_it_continues_within_an_epoch_too(tmp_path, uninterrupted):
    killed(tmp_path, 2, 3)
    checkpoint, model = OrbaxCheckpoint(tmp_path), build()
    assert (checkpoint.initial_epoch, checkpoint.initial_batch) == (2, 2)
    model.fit(X, Y, batch_size=10, epochs=3, verbose=0, callbacks=[checkpoint], validation_split=0.2, initial_epoch=2)
    assert model.history.epoch == [0, 1, 2]
    assert model.history.history['loss'][:2] == uninterrupted.history.history['loss'][:2]


def test_a_damaged_checkpoint_within_an_epoch_falls_back_to_the_one_before(tmp_path, uninterrupted):
    killed(tmp_path, 2, 5)
    damage(tmp_path / 'step_2_4', 'flip')
    with pytest.warns(UserWarning, match='step_2_4 is damaged and left out.*Continuing from the one before'):
        again = run(tmp_path)
    assert again.seen[0] == (2, 2)
    assert_equal(again, uninterrupted)


def test_a_copied_folder_continues_as_well(tmp_path, uninterrupted):
    killed(tmp_path / 'here', 1, 3)
    shutil.copytree(tmp_path / 'here', tmp_path / 'there')
    assert_equal(run(tmp_path / 'there'), uninterrupted)


# ---------------------------------------------------------------- other data


@pytest.mark.parametrize('at', [(1, 3), (2, 0)])
def test_other_data_are_refused_before_the_first_batch(tmp_path, at):
    killed(tmp_path, *at)
    seen = KillAt()

    def resume(**kwargs):
        checkpoint = OrbaxCheckpoint(tmp_path, **kwargs)
        build().fit(
            X[:50], Y[:50], batch_size=5, epochs=3, verbose=0, callbacks=[checkpoint, seen],
            initial_epoch=checkpoint.initial_epoch,
        )  # fmt: skip

    with pytest.raises(ValueError, match=r'other data: samples was 56 and is 50, batch_size was 10 and is 5\. Give'):
        resume()
    assert not seen.seen
    with pytest.warns(UserWarning, match=f'Epoch {at[0]} begins anew'):
        resume(same_data=False)
    assert seen.seen[0] == (at[0], 0)


def test_settings_of_callbacks_may_change_and_their_state_stays(tmp_path):
    killed(tmp_path, 2, 1)
    checkpoint = OrbaxCheckpoint(tmp_path)
    stop = EarlyStopping('val_loss', patience=7)
    lower = ReduceLROnPlateau('loss', factor=0.25, patience=1, min_delta=10.0)
    build().fit(
        X, Y, batch_size=10, epochs=4, verbose=0, callbacks=[checkpoint, lower, stop], validation_split=0.2,
        initial_epoch=checkpoint.initial_epoch,
    )  # fmt: skip
    assert (stop.patience, lower.factor) == (7, 0.25)
    assert np.isfinite(stop.best) and np.isfinite(lower.best)


def test_a_csv_file_goes_on_with_one_header(tmp_path):
    for epochs in (2, 4):
        checkpoint = OrbaxCheckpoint(tmp_path / 'run')
        log = CSVLogger(str(tmp_path / 'log.csv'), append=True)
        build().fit(
            X, Y, epochs=epochs, verbose=0, callbacks=[checkpoint, log], initial_epoch=checkpoint.initial_epoch
        )  # fmt: skip
    lines = (tmp_path / 'log.csv').read_text().splitlines()
    assert [line.split(',')[0] for line in lines] == ['epoch', '0', '1', '2', '3']


def test_a_place_behind_other_callbacks_is_warned_about(tmp_path):
    with pytest.warns(UserWarning, match='stands behind KillAt in the list of callbacks'):
        build().fit(X, Y, verbose=0, callbacks=[KillAt(), OrbaxCheckpoint(tmp_path)])


def test_the_progress_bar_goes_on_where_it_was(tmp_path, capsys):
    killed(tmp_path, 1, 5)
    checkpoint = OrbaxCheckpoint(tmp_path)
    build().fit(
        X, Y, batch_size=10, epochs=2, callbacks=[checkpoint], validation_split=0.2,
        initial_epoch=checkpoint.initial_epoch,
    )  # fmt: skip
    out = capsys.readouterr().out
    assert 'Epoch 2/2' in out and '56/56 [==' in out


# ---------------------------------------------------------------- other sources


class Shuffling(Sequence):
    """Batches in an order of its own, new in every pass."""

    def __init__(self, own=True):
        self.order, self.own = np.arange(6), np.random.RandomState(3)
        if not own:
            self.get_state = None

    def __len__(self):
        return 6

    def __getitem__(self, index):
        rows = slice(10 * self.order[index], 10 * self.order[index] + 10)
        return X[rows], Y[rows]

    def on_epoch_end(self):
        self.own.shuffle(self.order)

    def get_state(self):
        return {'order': self.order.copy(), 'own': self.own.get_state()}

    def set_state(self, state):
        self.order = state['order'].copy()
        self.own.set_state(state['own'])


def from_sequence(workers, **kwargs):
    def fit(model, checkpoint, arguments):
        model.fit_generator(Shuffling(), validation_data=(X, Y), shuffle=True, workers=workers, **kwargs, **arguments)

    return fit


@pytest.mark.parametrize(
    'fit', [from_sequence(2), from_sequence(0), from_sequence(1, steps_per_epoch=4)], ids=['threads', 'none', 'steps']
)
def test_sequences_continue_in_their_order(tmp_path, fit):
    whole = seeded(tmp_path / 'whole', fit=fit)
    for at in ((1, 3), (2, 0)):
        folder = tmp_path / f'{at}'
        killed(folder, *at, fit=fit)
        np.random.seed(99)
        random.seed(99)
        again = run(folder, fit=fit)
        assert again.seen[0] == (at[0], at[1] // 2 * 2)
        assert_equal(again, whole)


def test_a_sequence_of_another_length_is_refused(tmp_path):
    killed(tmp_path, 1, 3, fit=from_sequence(1, steps_per_epoch=6))

    def shorter(model, checkpoint, arguments):
        source = Shuffling()
        type(source).__len__ = lambda self: 5
        try:
            model.fit_generator(source, steps_per_epoch=6, **arguments)
        finally:
            type(source).__len__ = lambda self: 6

    with pytest.raises(ValueError, match='the Sequence has 5 batches, that of the checkpoint had 6'):
        run(tmp_path, fit=shorter)


class Counting:
    """An iterator that tells where it is, as those of Grain do."""

    def __init__(self):
        self.at = 0

    def __next__(self):
        rows = np.random.RandomState(self.at).permutation(70)[:10]
        self.at += 1
        return X[rows], Y[rows]

    def __iter__(self):
        return self

    def get_state(self):
        return str(self.at).encode()

    def set_state(self, state):
        self.at = int(state)


@pytest.mark.parametrize('workers', [1, 0, 3])
def test_iterators_that_tell_where_they_are_continue_there(tmp_path, workers):
    def fit(model, checkpoint, arguments):
        model.fit_generator(Counting(), steps_per_epoch=5, workers=workers, **arguments)

    whole = seeded(tmp_path / 'whole', fit=fit)
    killed(tmp_path / 'run', 1, 3, fit=fit)
    assert_equal(run(tmp_path / 'run', fit=fit), whole)


class Varying(Counting):
    """Batches of many sizes: how they are filled up follows from those before."""

    def __next__(self):
        x, y = super().__next__()
        size = (10, 4, 7, 3, 9)[self.at % 5]
        return x[:size], y[:size]


def test_batches_of_many_sizes_continue_bit_for_bit(tmp_path):
    def fit(model, checkpoint, arguments):
        model.fit_generator(Varying(), steps_per_epoch=5, **arguments)

    whole = seeded(tmp_path / 'whole', fit=fit)
    for at in ((1, 3), (2, 0)):
        killed(tmp_path / f'{at}', *at, fit=fit)
        assert_equal(run(tmp_path / f'{at}', fit=fit), whole)


def test_a_plain_generator_is_told_where_to_begin(tmp_path):
    def fit(model, checkpoint, arguments):
        def batches(at):
            while True:
                rows = np.random.RandomState(at).permutation(70)[:10]
                at += 1
                yield X[rows], Y[rows]

        begin = 5 * checkpoint.initial_epoch + checkpoint.initial_batch
        model.fit_generator(batches(begin), steps_per_epoch=5, **arguments)

    whole = seeded(tmp_path / 'whole', fit=fit)
    killed(tmp_path / 'run', 1, 3, fit=fit)
    with pytest.warns(UserWarning, match='must begin with batch 2 of epoch 1'):
        again = run(tmp_path / 'run', fit=fit)
    assert_equal(again, whole)


def test_states_of_stateful_layers_within_an_epoch(tmp_path):
    x = np.random.RandomState(0).rand(24, 3, 2).astype('float32')
    y = np.random.RandomState(1).rand(24, 1).astype('float32')

    def train(folder, kill):
        model = kjax.models.Sequential(
            [LSTM(3, stateful=True, batch_input_shape=(4, 3, 2), name='r'), Dense(1, name='d')]
        )
        model.compile('rmsprop', 'mse', metrics=['mae'])
        checkpoint = OrbaxCheckpoint(folder, every_batches=1, asynchronous=False)
        model.fit(
            x, y, batch_size=4, epochs=2, verbose=0, shuffle=False, callbacks=[checkpoint, kill],
            initial_epoch=checkpoint.initial_epoch,
        )  # fmt: skip
        return model

    np.random.seed(3)
    whole = train(tmp_path / 'whole', KillAt())
    np.random.seed(3)
    with pytest.raises(Kill):
        train(tmp_path / 'run', KillAt(1, 3))
    again = train(tmp_path / 'run', KillAt())
    assert_equal(again, whole)
    np.testing.assert_array_equal(again.predict(x, batch_size=4), whole.predict(x, batch_size=4))


# ---------------------------------------------------------------- devices, and the background


@pytest.mark.parametrize('then, now', [(8, 1), (1, 2), (2, 8)])
def test_a_run_goes_on_with_another_number_of_devices(tmp_path, then, now):
    """SGD: where a gradient is rounding noise only, Adam would make whole steps of it."""
    with kjax.distribute.on_devices(then):
        killed(tmp_path, 1, 3, optimizer='sgd')
    with kjax.distribute.on_devices(now):
        again = run(tmp_path, optimizer='sgd')
        assert all(len(w.value.sharding.device_set) == now for w in again.weights)
    whole = seeded(tmp_path / 'whole', optimizer='sgd')
    for a, b in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(again.history.history['loss'], whole.history.history['loss'], rtol=1e-4)


def test_training_goes_on_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    checkpoint = OrbaxCheckpoint(tmp_path, every_batches=3)
    go_on, real, behind = threading.Event(), checkpoint.store.write, []

    def write(*args):
        behind.append(not go_on.wait(60))
        real(*args)

    class Later(Callback):
        def on_batch_end(self, batch, logs=None):
            if batch == 4:  # the write begun before batch 3 is still going on
                go_on.set()

    monkeypatch.setattr(checkpoint.store, 'write', write)
    build().fit(X, Y, batch_size=10, epochs=1, verbose=0, callbacks=[checkpoint, Later()])
    assert behind == [False] * len(behind) and len(behind) == 3


@pytest.mark.parametrize('every_batches', [2, None])
def test_a_failure_in_the_background_stops_training_soon(tmp_path, monkeypatch, every_batches):
    checkpoint, seen, failed = OrbaxCheckpoint(tmp_path, every_batches=every_batches), KillAt(), threading.Event()

    def fails(*args):
        failed.set()
        raise OSError(28, 'No space left on device')

    class Wait(Callback):
        uses_batches = True

        def on_batch_end(self, batch, logs=None):
            if checkpoint._written is not None:
                failed.wait(60)

    monkeypatch.setattr(checkpoint.store, 'write', fails)
    with pytest.raises(OSError, match='No space left'):
        build().fit(X, Y, batch_size=10, epochs=3, verbose=0, callbacks=[checkpoint, Wait(), seen])
    assert seen.seen[-1] <= ((0, 4) if every_batches else (1, 6))


def test_a_failure_behind_an_interrupted_run_is_raised_by_the_next(tmp_path, monkeypatch):
    checkpoint = OrbaxCheckpoint(tmp_path, every_batches=2)

    def fails(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(checkpoint.store, 'write', fails)
    with pytest.raises((Kill, OSError)) as caught:
        build().fit(X, Y, batch_size=10, verbose=0, callbacks=[checkpoint, KillAt(0, 2)])
    if caught.type is Kill:
        with pytest.raises(OSError, match='No space left'):
            build().fit(X, Y, batch_size=10, verbose=0, callbacks=[checkpoint])

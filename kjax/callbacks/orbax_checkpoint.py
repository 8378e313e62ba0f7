"""OrbaxCheckpoint: a training run that can be killed and goes on as if it had not been."""

from __future__ import annotations

import math
import os
import warnings
from concurrent.futures import Future, ThreadPoolExecutor

from kjax.callbacks.base import Callback
from kjax.callbacks.reporting import BaseLogger, ProgbarLogger
from kjax.saving.callback_state import callback_settings, callback_state, pack, put_callback_state, unpack
from kjax.saving.checkpoint_store import CheckpointStore, Step
from kjax.saving.errors import ModelFileError
from kjax.saving.training_state import (
    arrays_of,
    check_fits,
    figures_state,
    put_arrays,
    put_figures,
    put_random,
    put_sizes,
    random_state,
    sizes_state,
)

__all__ = ["OrbaxCheckpoint"]

_RUN = "run"  # what the arrays of data and callbacks stand under, beside the model's


class OrbaxCheckpoint(Callback):
    """Saves the whole state of a training run as Orbax checkpoints and continues from the newest whole one.

        checkpoint = OrbaxCheckpoint('run', every_batches=500)
        model.fit(x, y, epochs=100, callbacks=[checkpoint], initial_epoch=checkpoint.initial_epoch)

    Run again after a kill, the program continues where the newest checkpoint was written, also within an epoch; on the
    CPU with the same numbers as if it had run through. One checkpoint holds weights, batch statistics, RNN states, the
    optimizer's state and rates, NumPy's and Python's random generators, the model's key, the order of the data and the
    place in it, the figures of the epoch, the history and the state of the other callbacks. Give it as the first of the
    callbacks: its checkpoints are taken when all have heard of an epoch or batch and none of the next one.

    Args:
        directory: folder of the run; made when it is not there.
        every: int >= 1, epochs between checkpoints; the last epoch of a run is always saved.
        keep_last: int >= 1, how many of the newest checkpoints stay; default 2, should one be damaged.
        monitor: name of a figure in the logs; the best checkpoints by it stay too.
        mode: 'min', 'max' or 'auto' (max for names with 'acc').
        keep_best: int, how many of the best stay with `monitor`; default 1.
        track: further objects whose state belongs to the run: with `get_state()`/`set_state(dict)`, or attributes.
        asynchronous: whether writing happens in the background; the state is copied before training goes on.
        every_batches: int >= 1, batches between checkpoints within an epoch; None: none within.
        same_data: whether a run may only continue with as many samples, the same `batch_size`, `steps_per_epoch` and
            `shuffle`. False: with others, it begins the epoch anew, with a warning.

    Attributes:
        initial_epoch: the epoch to continue with; 0 when there is no checkpoint.
        initial_batch: the batch of that epoch to continue with.

    Arrays and `Sequence`s are continued in their order; a `Sequence` that changes itself needs `get_state()` and
    `set_state(state)`, an iterator as well (those of Grain have them). A plain generator must be made so that it begins
    with batch `initial_batch` of epoch `initial_epoch`.

    A callback's state are its attributes that are figures, texts, arrays or collections of these, besides arguments of
    its constructor that have not changed; one with `get_state()` and `set_state(dict)` says itself what it is.

    A checkpoint is compared with its checksums before it is used; when the newest is damaged, a warning says so and the
    one before is taken. Differs: not in Keras 2.2.4.
    """

    def __init__(
        self,
        directory,
        every=1,
        keep_last=2,
        monitor=None,
        mode='auto',
        keep_best=1,
        track=(),
        asynchronous=True,
        every_batches=None,
        same_data=True,
    ):
        super().__init__()
        least = {'every': (every, 1), 'keep_last': (keep_last, 1), 'keep_best': (keep_best, 0)}
        if every_batches is not None:
            least['every_batches'] = (every_batches, 1)
        for name, (value, lowest) in least.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
                raise ValueError(f'OrbaxCheckpoint: {name} must be an integer >= {lowest}; got {value!r}.')
        if mode not in ('auto', 'min', 'max'):
            raise ValueError(f"OrbaxCheckpoint: mode must be 'auto', 'min' or 'max'; got {mode!r}.")
        self.store = CheckpointStore(os.fspath(directory))
        self.every, self.every_batches = every, every_batches
        self.keep_last, self.keep_best = keep_last, keep_best if monitor else 0
        self.monitor, self.asynchronous, self.track, self.same_data = monitor, asynchronous, list(track), same_data
        self.larger_is_better = mode == 'max' or mode == 'auto' and 'acc' in (monitor or '')
        self.uses_batches = every_batches is not None
        self.scores: dict[int, float] = {}
        self._found: tuple | None = None  # (step, training) of the checkpoint to continue from
        self._looked = False
        self._resuming: _Resuming | None = None
        self._settings: dict = {}
        self._writer: ThreadPoolExecutor | None = None
        self._written: Future | None = None
        self._epoch = 0
        self._due: Step | None = None  # to be saved before the next epoch or batch starts

    # ------------------------------------------------------------ continuing

    @property
    def initial_epoch(self) -> int:
        found = self._newest()
        return 0 if found is None else found[0].epochs

    @property
    def initial_batch(self) -> int:
        found = self._newest()
        return 0 if found is None else found[0].batches

    def _newest(self):
        """(step, training) of the newest whole checkpoint, or None; damaged ones are warned about."""
        if self._looked:
            return self._found
        steps = self.store.steps()
        for step in reversed(steps):
            try:
                self.store.check(step)
                self._found = (step, self.store.training(step))
                break
            except (ModelFileError, OSError) as error:
                then = 'Continuing from the one before.' if step != steps[0] else 'There is none before: training anew.'
                warnings.warn(
                    f'OrbaxCheckpoint: checkpoint {step} is damaged and left out: {error} {then}',
                    UserWarning,
                    stacklevel=3,
                )
        self._looked = True
        return self._found

    def on_train_begin(self, logs=None):
        self._finish()  # what went wrong in the background of an earlier run is not lost
        self.store.clean()
        self._due = None
        found = self._newest()
        self._found, self._looked = None, False
        watched = self._others()
        self._say_if_not_first()
        self._settings = {name: callback_settings(callback) for name, callback in watched.items()}
        if found is not None:
            self._resuming = _Resuming(self, *found)
            self._resuming.put_arrays()
            self.scores = {int(k): v for k, v in found[1]['scores']}
            self.model._progress.enter_with(self._enter)

    def _say_if_not_first(self):
        plain = (BaseLogger, ProgbarLogger)
        first = next((c for c in self.model._watched if type(c) not in plain), self)
        if first is not self:
            warnings.warn(
                f'OrbaxCheckpoint stands behind {type(first).__name__} in the list of callbacks: what that does at the '
                'beginning of an epoch or batch will be done again when the run continues. Give it as the first.',
                UserWarning,
                stacklevel=3,
            )

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if self._resuming is not None:
            self._resuming.check_epoch(epoch)
            if not self._resuming.step.batches:
                self._resuming.put_rest()
        self._save_due()

    def _enter(self, progress) -> int:
        """Told by the loop when the first batch of the first epoch is next; returns how many batches are done."""
        resuming, self._resuming = self._resuming, None
        return 0 if resuming is None else resuming.enter(progress)

    def _others(self) -> dict:
        """The run's other callbacks by class name and number, the history among them, and what is tracked besides."""
        watched = [c for c in self.model._watched if c is not self and type(c) not in (BaseLogger, ProgbarLogger)]
        counts: dict[str, int] = {}
        found = {}
        for callback in [*watched, *[c for c in self.track if not any(c is w for w in watched)]]:
            kind = type(callback).__name__
            counts[kind] = counts.get(kind, 0) + 1
            found[f'{kind}_{counts[kind]}'] = callback
        return found

    # ------------------------------------------------------------ saving

    def on_batch_begin(self, batch, logs=None):
        self._save_due()

    def on_batch_end(self, batch, logs=None):
        self._raise_failure()
        if self.every_batches is not None and (batch + 1) % self.every_batches == 0:
            self._due = Step(self._epoch, batch + 1)  # not now: other callbacks have yet to hear of the batch's end

    def on_chunk_end(self, samples, steps, averages):
        self._raise_failure()

    def on_epoch_end(self, epoch, logs=None):
        self._raise_failure()
        if self.monitor:
            self._score(epoch, logs or {})
        last = self.params.get('epochs')
        due = (epoch + 1) % self.every == 0 or epoch + 1 == last or self.model.stop_training
        self._due = Step(epoch + 1) if due or self._due is not None else None

    def _save_due(self):
        due, self._due = self._due, None
        if due is not None:
            self._save(due)

    def _score(self, epoch, logs):
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f'OrbaxCheckpoint: {self.monitor!r} is not among the figures {sorted(logs)}.',
                RuntimeWarning,
                stacklevel=3,
            )
            return
        value = float(value)
        self.scores[epoch + 1] = value if math.isfinite(value) else (-math.inf if self.larger_is_better else math.inf)

    def _save(self, step):
        self._finish()
        progress, loose, held = self.model._progress, {}, {}
        training = {
            'epoch': step.epochs - 1,
            'batch': step.batches,
            'data': pack(progress.data, loose),
            'source': pack(progress.source.position(), loose),
            'sizes': pack(sizes_state(self.model), loose),
            'figures': pack(figures_state(progress.figures), loose) if step.batches else None,
            'random': random_state(self.model),
            'callbacks': {},
            'scores': [[k, v] for k, v in self.scores.items() if math.isfinite(v)],
        }
        for name, callback in self._others().items():
            training['callbacks'][name], held[name] = callback_state(callback, self._settings.get(name))
        arrays = {**arrays_of(self.model), _RUN: {'loose': loose, **held}}
        arrays[_RUN] = {name: own for name, own in arrays[_RUN].items() if own}
        training['shapes'] = [[path, list(v.shape), str(v.dtype)] for path, v in _flat(arrays)]
        kept = self._kept(step)
        if not self.asynchronous:
            self._write(step, arrays, training, kept)
            return
        if self._writer is None:
            self._writer = ThreadPoolExecutor(1, thread_name_prefix='orbax-checkpoint')
        self._written = self._writer.submit(self._write, step, arrays, training, kept)

    def _write(self, step, arrays, training, kept):
        self.store.write(step, arrays, training)
        self.store.check(step)
        self.store.keep(kept)

    def _kept(self, step) -> set:
        """The checkpoints that stay once this one is written."""
        there = sorted({*self.store.steps(), step})
        kept = set(there[-self.keep_last :])
        ranked = sorted(
            (s for s in there if not s.batches and s.epochs in self.scores),
            key=lambda s: self.scores[s.epochs],
            reverse=self.larger_is_better,
        )
        return kept | set(ranked[: self.keep_best])

    def _finish(self):
        """Waits for the writing in the background.

        Raises:
            What went wrong there.
        """
        written, self._written = self._written, None
        if written is not None:
            written.result()

    def _raise_failure(self):
        if self._written is not None and self._written.done():
            self._finish()

    def on_train_end(self, logs=None):
        self._save_due()
        self._finish()
        if self._writer is not None:
            self._writer.shutdown()
            self._writer = None


class _Resuming:
    """A checkpoint that a run continues from: its parts are put back one after the other.

    Args:
        callback: OrbaxCheckpoint, told of its model.
        step: Step.
        training: the plain data of the checkpoint.
    """

    def __init__(self, callback, step, training):
        self.callback, self.step, self.training = callback, step, training
        self.where = callback.store.path(step)
        shapes = {tuple(path): (shape, dtype) for path, shape, dtype in training['shapes']}
        try:
            self.variables = check_fits(callback.model, {p: s for p, s in shapes.items() if p[0] != _RUN})
        except ValueError as error:
            raise ValueError(f'OrbaxCheckpoint: {self.where}: {error}') from None
        self.arrays = callback.store.arrays(step, _nested(shapes))
        self.run = self.arrays.get(_RUN, {})

    def put_arrays(self):
        put_arrays(self.variables, self.arrays)

    def check_epoch(self, epoch):
        if epoch != self.step.epochs:
            raise ValueError(
                f'OrbaxCheckpoint: {self.callback.store.directory} continues with epoch {self.step.epochs}, but fit '
                f'started with {epoch}. '
                'Pass initial_epoch=checkpoint.initial_epoch, or take an empty folder to start anew.'
            )

    def put_rest(self):
        """Everything but the data: variables, random generators, the other callbacks."""
        self.put_arrays()
        put_sizes(self.callback.model, unpack(self.training['sizes'], self.run.get('loose', {})))
        for name, callback in self.callback._others().items():
            if name in self.training['callbacks']:
                put_callback_state(callback, self.training['callbacks'][name], self.run.get(name, {}))
        put_random(self.callback.model, self.training['random'])

    def enter(self, progress) -> int:
        """Puts the data, and within an epoch the rest, where they were; returns how many batches are done."""
        loose, batches = self.run.get('loose', {}), self.step.batches
        then, now = unpack(self.training['data'], loose), progress.data
        differing = [
            f'{k} was {then.get(k)!r} and is {now.get(k)!r}' for k in {**then, **now} if then.get(k) != now.get(k)
        ]
        if differing:
            text = f'OrbaxCheckpoint: {self.where} belongs to other data: {", ".join(differing)}.'
            if self.callback.same_data:
                raise ValueError(f'{text} Give fit the same, or pass OrbaxCheckpoint(..., same_data=False).')
            warnings.warn(f'{text} Epoch {self.step.epochs} begins anew.', UserWarning, stacklevel=2)
            batches = 0
        else:
            self._move(progress.source, unpack(self.training['source'], loose))
        if self.step.batches:
            self.put_rest()
        if batches:
            put_figures(progress.figures, unpack(self.training['figures'], loose))
        return batches

    def _move(self, source, position):
        source.move_to(position)
        if self.step.batches and not {'order', 'state'} & {*position}:
            warnings.warn(
                f'OrbaxCheckpoint: {self.where}: a generator does not tell where it was; the one given now must begin '
                f'with batch {self.step.batches} of epoch {self.step.epochs} (initial_batch, initial_epoch).',
                UserWarning,
                stacklevel=2,
            )


def _nested(values) -> dict:
    tree: dict = {}
    for path, value in values.items():
        place = tree
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value
    return tree


def _flat(tree, above=()):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, (*above, name))
        else:
            yield (*above, name), value

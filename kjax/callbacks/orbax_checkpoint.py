"""OrbaxCheckpoint: a training run that can be killed and goes on as if it had not been."""

from __future__ import annotations

import math
import os
import warnings
from concurrent.futures import Future, ThreadPoolExecutor

from kjax.callbacks.base import Callback
from kjax.saving.callback_state import callback_state, put_callback_state
from kjax.saving.checkpoint_store import CheckpointStore
from kjax.saving.errors import ModelFileError
from kjax.saving.training_state import arrays_of, check_fits, put_arrays, put_random, random_state

__all__ = ["OrbaxCheckpoint"]


class OrbaxCheckpoint(Callback):
    """Saves the whole state of a training run as Orbax checkpoints and continues from the newest whole one.

        checkpoint = OrbaxCheckpoint('run')
        model.fit(x, y, epochs=100, callbacks=[checkpoint], initial_epoch=checkpoint.initial_epoch)

    Run again after a kill, the program continues after the last finished epoch; on the CPU with the same numbers as if
    it had run through. One checkpoint holds weights, batch statistics, RNN states, the optimizer's state and rates,
    NumPy's and Python's random generators and the model's key (the order of the data and dropout follow from them), the
    history and the state of the other callbacks. Give it as the first of the callbacks: an epoch's state is taken
    before the others begin the next one.

    Args:
        directory: folder of the run; made when it is not there.
        every: int >= 1, epochs between checkpoints; the last epoch of a run is always saved.
        keep_last: int >= 1, how many of the newest checkpoints stay; default 2, should one be damaged.
        monitor: name of a figure in the logs; the best checkpoints by it stay too.
        mode: 'min', 'max' or 'auto' (max for names with 'acc').
        keep_best: int, how many of the best stay with `monitor`; default 1.
        track: further callbacks whose state belongs to the run, where `fit` does not tell which there are.
        asynchronous: whether writing happens in the background; the state is copied before training goes on.

    Attributes:
        initial_epoch: the epoch to continue with; 0 when there is no checkpoint.

    A checkpoint is compared with its checksums before it is used; when the newest is damaged, a warning says so and the
    one before is taken. Differs: not in Keras 2.2.4.
    """

    uses_batches = False

    def __init__(
        self, directory, every=1, keep_last=2, monitor=None, mode='auto', keep_best=1, track=(), asynchronous=True
    ):
        super().__init__()
        for name, value, least in (('every', every, 1), ('keep_last', keep_last, 1), ('keep_best', keep_best, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f'OrbaxCheckpoint: {name} must be an integer >= {least}; got {value!r}.')
        if mode not in ('auto', 'min', 'max'):
            raise ValueError(f"OrbaxCheckpoint: mode must be 'auto', 'min' or 'max'; got {mode!r}.")
        self.store = CheckpointStore(os.fspath(directory))
        self.every, self.keep_last, self.keep_best = every, keep_last, keep_best if monitor else 0
        self.monitor, self.asynchronous, self.track = monitor, asynchronous, list(track)
        self.larger_is_better = mode == 'max' or mode == 'auto' and 'acc' in (monitor or '')
        self.scores: dict[int, float] = {}
        self._found: tuple | None = None  # (step, training) of the checkpoint to continue from
        self._looked = False
        self._callbacks_to_set: tuple | None = None
        self._writer: ThreadPoolExecutor | None = None
        self._written: Future | None = None
        self._due: int | None = None  # the finished epoch that is to be saved before the next one starts

    # ------------------------------------------------------------ continuing

    @property
    def initial_epoch(self) -> int:
        found = self._newest()
        return 0 if found is None else int(found[1]['epoch']) + 1

    def _newest(self):
        """(step, training) of the newest whole checkpoint, or None; damaged ones are warned about."""
        if self._looked:
            return self._found
        for step in reversed(self.store.steps()):
            try:
                self.store.check(step)
                self._found = (step, self.store.training(step))
                break
            except (ModelFileError, OSError) as error:
                warnings.warn(
                    f'OrbaxCheckpoint: checkpoint step_{step} is damaged and left out: {error} Continuing from '
                    f'the one before.',
                    UserWarning,
                    stacklevel=3,
                )
        self._looked = True
        return self._found

    def on_train_begin(self, logs=None):
        self.store.clean()
        self._written = self._due = None
        found = self._newest()
        self._found, self._looked = None, False
        if found is None:
            return
        step, training = found
        shapes = {k: (s, d) for k, (s, d) in training['shapes'].items()}
        try:
            variables = check_fits(self.model, shapes)
        except ValueError as error:
            raise ValueError(f'OrbaxCheckpoint: {self.store.path(step)}: {error}') from None
        tree: dict = {}
        for name, spec in [*shapes.items(), *training['callback_shapes'].items()]:
            place = tree
            *scopes, last = name.split('/')
            for scope in scopes:
                place = place.setdefault(scope, {})
            place[last] = spec
        arrays = self.store.arrays(step, tree)
        put_arrays(variables, arrays)
        self.scores = {int(k): v for k, v in training['scores']}
        self._callbacks_to_set = (training, arrays.get('callbacks', {}))

    def on_epoch_begin(self, epoch, logs=None):
        if self._callbacks_to_set is not None:
            self._continue(epoch)
        self._save_due()

    def _continue(self, epoch):
        """Puts random generators and the other callbacks where they were before this epoch."""
        (training, arrays), self._callbacks_to_set = self._callbacks_to_set, None
        expected = int(training['epoch']) + 1
        if epoch != expected:
            raise ValueError(
                f'OrbaxCheckpoint: {self.store.directory} continues with epoch {expected}, but fit started with '
                f'{epoch}. '
                'Pass initial_epoch=checkpoint.initial_epoch, or take an empty folder to start anew.'
            )
        for name, callback in self._others().items():
            if name in training['callbacks']:
                put_callback_state(callback, training['callbacks'][name], arrays.get(name, {}))
        put_random(self.model, training['random'])

    def _others(self) -> dict:
        """The run's other callbacks by class name and number, the history among them."""
        known = list(getattr(self.model, '_watched', None) or [self.model.history, *self.track])
        counts: dict[str, int] = {}
        found = {}
        for callback in [*known, *[c for c in self.track if not any(c is k for k in known)]]:
            if callback is self:
                continue
            kind = type(callback).__name__
            counts[kind] = counts.get(kind, 0) + 1
            found[f'{kind}_{counts[kind]}'] = callback
        return found

    # ------------------------------------------------------------ saving

    def on_epoch_end(self, epoch, logs=None):
        self._raise_failure()
        if self.monitor:
            self._score(epoch, logs or {})
        last = self.params.get('epochs')
        if (epoch + 1) % self.every == 0 or epoch + 1 == last or self.model.stop_training:
            self._due = epoch  # not now: other callbacks have yet to hear of the epoch's end

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

    def _save(self, epoch):
        self._finish()
        arrays = arrays_of(self.model)
        shapes = {k: (list(v.shape), str(v.dtype)) for k, v in _flat(arrays)}
        states, held = {}, {}
        for name, callback in self._others().items():
            states[name], own = callback_state(callback)
            if own:
                held[name] = own
        training = {
            'epoch': int(epoch),
            'shapes': shapes,
            'callback_shapes': {f'callbacks/{k}': (list(v.shape), str(v.dtype)) for k, v in _flat(held)},
            'callbacks': states,
            'random': random_state(self.model),
            'scores': [[k, v] for k, v in self.scores.items() if math.isfinite(v)],
        }
        if held:
            arrays['callbacks'] = held
        step, kept = epoch + 1, self._kept(epoch + 1)
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
        """The numbers of the checkpoints that stay once this one is written."""
        there = sorted({*self.store.steps(), step})
        kept = set(there[-self.keep_last :])
        ranked = sorted(
            (s for s in there if s in self.scores), key=lambda s: self.scores[s], reverse=self.larger_is_better
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


def _flat(tree, above=()):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, (*above, name))
        else:
            yield '/'.join((*above, name)), value

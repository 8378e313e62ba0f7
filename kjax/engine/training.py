"""Model: a network that can be compiled, trained, evaluated and asked for predictions."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import numbers
import warnings

import numpy as np

from kjax import distribute
from kjax.engine import data as data_room
from kjax.engine import generator_loop, loop
from kjax.engine.base_layer import unlist
from kjax.engine.compilation import Compilation
from kjax.engine.executor import in_floatx
from kjax.engine.feeds import Feed
from kjax.engine.flax_bridge import FlaxBridge
from kjax.engine.input_layer import Input, InputLayer
from kjax.engine.intake import Intake
from kjax.engine.network import Network
from kjax.engine.phases import Phase, unwatched
from kjax.engine.prefetch import Making
from kjax.engine.progress import Progress
from kjax.engine.registry import room
from kjax.engine.rescue import rescued
from kjax.engine.shortcut import Shortcut
from kjax.utils.arguments import given, step_count

__all__ = ["Model"]

_BATCH_SIZE = 32  # where none is given


class Model(Compilation, Intake, FlaxBridge, Network):
    """A network with training and inference.

    Args:
        inputs: KerasTensor, list or dict.
        outputs: KerasTensor, list or dict.
        name: str.

    Attributes:
        metrics_names: names of what `evaluate` and `train_on_batch` return.
        compilations: how many programs have been compiled on behalf of this model.
        metric_names_as_given: whether a metric asked for as 'accuracy' is reported as that, or as 'acc'.
    """

    metric_names_as_given = False

    def _base_init(self, name):
        super()._base_init(name)
        self.__dict__.setdefault("compilations", 0)
        self.__dict__.setdefault("_compiled", False)
        self.stop_training = False
        self._step_seconds = 1.0
        self._watched: list = []
        self._key, self._count = None, 0
        self._progress = Progress()
        self._forget_programs()

    def _copy_on(self, placement):
        """A model of this one's layers and weights that runs at a placement of its own."""
        # inputs of its own: on the template's, what the first layer adds to loss and updates would count twice
        own = [x._keras_history[0] for x in self.inputs]
        inputs = [
            Input(batch_shape=tuple(x.shape), dtype=x.dtype, name=layer.name, sparse=layer.sparse)
            if isinstance(layer, InputLayer) and layer.is_placeholder
            else x
            for x, layer in zip(self.inputs, own, strict=True)
        ]
        copy = Model(inputs, self(inputs[0] if len(inputs) == 1 else inputs))
        copy._own_placement = placement
        return copy

    # ------------------------------------------------------------ training

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_freq=1,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        **kwargs,
    ):
        """Trains for a number of epochs.

        Args:
            x: array (samples, ...), list of arrays, dict by input name; or a generator or `Sequence` of batches.
            y: targets in the same forms.
            batch_size: samples per step; default 32.
            epochs: the epoch to stop before.
            verbose: 0 silent, 1 progress bar, 2 one line per epoch.
            callbacks: list of Callback.
            validation_split: share of the samples, the last ones, kept for validation; in [0, 1).
            validation_data: (x, y) or (x, y, sample_weight); where x gives batches, also what gives batches.
            shuffle: bool, or 'batch' to shuffle whole batches.
            class_weight: dict class -> weight.
            sample_weight: array (samples,), or (samples, time) in temporal mode.
            initial_epoch: number of the first epoch.
            steps_per_epoch: steps per epoch, each on all of the data; `batch_size` must be None then. Of a generator:
                batches per epoch. A number that is no integer is rounded up.
            validation_steps: with `steps_per_epoch`, steps per validation, likewise.
            validation_freq: int, validate every so many epochs; or a list of the epochs, counted from 1.
            max_queue_size, workers, use_multiprocessing: how batches of a generator are prepared ahead.

        Returns:
            History; `history.history` maps names to lists of figures, one per epoch.

        Raises:
            RuntimeError: when the model is not compiled.
            ValueError, TypeError: for data that do not fit the model and arguments out of their domain.
        """
        if kwargs:
            close = difflib.get_close_matches(next(iter(kwargs)), inspect.signature(Model.fit).parameters, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise TypeError(f"Unrecognized keyword arguments of fit: {kwargs}.{hint}")
        self._require_compiled("fit")
        epochs, initial_epoch = _epochs(epochs, "epochs"), _epochs(initial_epoch, "initial_epoch")
        if generator_loop.is_generator(x):
            generator_loop.refuse_with_generator(
                "fit", y=y, sample_weight=sample_weight, validation_split=validation_split
            )
            return self.fit_generator(
                x,
                steps_per_epoch,
                epochs,
                verbose,
                callbacks,
                validation_data,
                validation_steps,
                class_weight,
                max_queue_size,
                workers,
                use_multiprocessing,
                shuffle,
                initial_epoch,
                validation_freq=validation_freq,
            )
        if x is None and y is None and steps_per_epoch is None:
            raise ValueError(
                "If fitting from data tensors, you should specify the `steps_per_epoch` argument; else pass x and y."
            )
        whole, steps_per_epoch = _whole_steps(batch_size, steps_per_epoch, "steps_per_epoch")
        if validation_steps is not None and not whole:
            raise ValueError(
                "Can only use `validation_steps` when doing step-wise training, i.e. `steps_per_epoch` must be set."
            )
        if validation_steps is not None:
            validation_steps = step_count(validation_steps, "validation_steps")
        checked_size = None if whole else _batch_size(batch_size)
        feed = self._standardized(x, y, sample_weight, class_weight, checked_size)
        feed, held = self._validation_feed(feed, validation_split, validation_data, checked_size)
        self._look_at(feed)
        batch_size = feed.size if whole else checked_size
        if verbose and held is not None:
            print(f"Train on {feed.size} samples, validate on {held.size} samples")
        self._check_trainable_weights_consistency()
        self._executor("train")
        params = {
            "batch_size": checked_size,
            "epochs": epochs,
            "steps": steps_per_epoch,
            "samples": feed.size,
            "verbose": verbose,
            "do_validation": held is not None,
            "metrics": [*self.metrics_names, *(["val_" + n for n in self.metrics_names] if held is not None else [])],
        }
        watched = self._callbacks(callbacks, verbose, params, "samples" if steps_per_epoch is None else "steps", held)

        def validate():
            size = _batch_size(None) if whole and validation_steps is None else held.size if whole else batch_size
            values = loop.test_loop(self, held, size, Phase("test", watched), validation_steps)
            return {"val_" + n: v for n, v in zip(self.metrics_names, values, strict=True)}

        return self._run_fit(
            watched,
            lambda: loop.fit_loop(
                self,
                feed,
                batch_size,
                epochs,
                watched,
                False if whole else shuffle,
                initial_epoch,
                validate if held is not None else None,
                steps_per_epoch,
                validation_freq,
            ),
        )

    def _callbacks(self, callbacks, verbose, params, count_mode, held=None):
        """The list of callbacks Keras assembles, told of the model and the parameters."""
        self.history = room("callbacks").History()
        chain = [room("callbacks").BaseLogger(stateful_metrics=self.stateful_metric_names)]
        if verbose and distribute.is_chief():
            chain.append(room("callbacks").ProgbarLogger(count_mode, stateful_metrics=self.stateful_metric_names))
        watched = room("callbacks").CallbackList([*chain, *_list_of_callbacks(callbacks), self.history])
        watched.set_model(self._callback_model())
        watched.set_params(params)
        for callback in watched:
            callback.validation_data = None if held is None else [*held.data, *held.weights]
        self._watched = watched.callbacks
        return watched

    def _callback_model(self):
        return getattr(self, "callback_model", None) or self

    def _run_fit(self, watched, run):
        """Runs a loop between on_train_begin and on_train_end; an interruption leaves the last finished step."""
        self.stop_training = False
        watched.on_train_begin()
        try:
            with rescued(self, "fit", "train", "test"):
                run()
                watched.on_train_end()
        finally:
            self._watched, self._progress = [], Progress()
        return self.history

    @property
    def _training_safeguard(self):
        """The Safeguard of the training step; None where there is no such step, or a program's own."""
        return getattr(self._executors.get("train"), "safeguard", None)

    def _epoch_begins(self, epoch, steps=0):
        """Told by the loops when an epoch begins, or goes on after some steps."""
        safeguard = getattr(self._executor("train"), "safeguard", None)
        if safeguard is not None:
            safeguard.begin(epoch, steps)

    def _validation_feed(self, feed, split, given, batch_size):
        """(training feed, validation feed or None)."""
        if given is not None:
            if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
                raise ValueError(
                    "When passing validation_data, it must contain 2 (x_val, y_val) or 3 (x_val, y_val, "
                    "val_sample_weights) "
                    f"items; got {type(given).__name__} with {len(given) if hasattr(given, '__len__') else '?'} items."
                )
            held = self._standardized(
                given[0], given[1], given[2] if len(given) == 3 else None, None, batch_size, may_be_empty=True
            )
            return feed, held if held.size else _no_validation("validation_data holds no sample")
        if not split:
            return feed, None
        if not isinstance(split, numbers.Real):
            raise TypeError(f"validation_split must be a number in [0, 1); got {split!r}.")
        if not 0.0 < split <= 1.0:
            raise ValueError(f"validation_split must be in [0, 1); got {split!r}.")
        at = feed.size if split == 1.0 else int(feed.size * (1.0 - split))
        if at < 1:
            raise ValueError(f"validation_split={split} of {feed.size} samples leaves none for training.")
        if at == feed.size:
            return feed, _no_validation(f"validation_split={split} of {feed.size} samples keeps none for it")
        parts = [
            Feed(
                [data_room.cut(x, a, b) for x in feed.data],
                [None if w is None else w[a:b] for w in feed.weights],
                b - a,
            )
            for a, b in ((0, at), (at, feed.size))
        ]
        return parts[0], parts[1]

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose=1,
        sample_weight=None,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
    ):
        """The loss and the metrics on data, in test phase.

        Args:
            x, y, batch_size, sample_weight: as for `fit`.
            verbose: 0 silent, 1 progress bar.
            steps: steps, each on all of the data, `batch_size` being None; of a generator: batches.
            callbacks: list of Callback; their `on_test_*` hooks are called.
            max_queue_size, workers, use_multiprocessing: how batches of a generator are prepared ahead.

        Returns:
            float, or a list of them in the order of `metrics_names`.
        """
        self._require_compiled("evaluate")
        if generator_loop.is_generator(x):
            generator_loop.refuse_with_generator("evaluate", y=y, sample_weight=sample_weight)
            return self.evaluate_generator(
                x, steps, max_queue_size, workers, use_multiprocessing, verbose, callbacks=callbacks
            )
        whole, steps = _whole_steps(batch_size, steps, "steps")
        checked_size = None if whole else _batch_size(batch_size)
        feed = self._standardized(x, y, sample_weight, None, checked_size)
        batch_size = feed.size if whole else checked_size
        params = {"batch_size": checked_size, "samples": feed.size, "steps": steps}
        phase = self._phase("test", callbacks, verbose, params, feed.size if steps is None else steps)
        with rescued(self, "evaluate", "test"):
            return _figures(loop.test_loop(self, feed, batch_size, phase, steps))

    def predict(
        self,
        x,
        batch_size=None,
        verbose=0,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
    ):
        """The outputs for x, in test phase.

        Args:
            x, batch_size: as for `fit`.
            verbose, steps, max_queue_size, workers, use_multiprocessing: as for `evaluate`.
            callbacks: list of Callback; their `on_predict_*` hooks are called.

        Returns:
            array (samples, ...), or a list of them for several outputs.
        """
        shortcut = self._shortcut
        if shortcut is not None and verbose == 0 and steps is None and not callbacks:
            outputs = shortcut.outputs(self, x, batch_size)
            if outputs is not None:
                return unlist(outputs)
        if generator_loop.is_generator(x):
            return self.predict_generator(
                x, steps, max_queue_size, workers, use_multiprocessing, verbose, callbacks=callbacks
            )
        whole, steps = _whole_steps(batch_size, steps, "steps")
        xs = self._standardize_x(x)
        size = data_room.check_lengths(xs, [], [], self._rows_of_tensors(), may_be_empty=True)
        if not size:
            return unlist(self._empty_outputs(xs))
        batch_size = size if whole else _batch_size(batch_size)
        self._check_stateful_size(size, batch_size)
        params = {"batch_size": None if whole else batch_size, "samples": size, "steps": steps}
        phase = self._phase("predict", callbacks, verbose, params, size if steps is None else steps)
        with rescued(self, "predict", "predict"):
            outputs = loop.predict_loop(self, Feed(xs, [], size), batch_size, phase, steps)
        if self._shortcut is None and "predict" in self._executors:
            self._shortcut = Shortcut(self, _BATCH_SIZE)
        return unlist(outputs)

    def _empty_outputs(self, xs) -> list:
        """The outputs for no sample: arrays (0, ...); a row of zeros tells the sizes that the model leaves open."""
        if any(None in t.shape[1:] for t in self.outputs) and not self.stateful:
            row = Feed([np.zeros((1, *x.shape[1:]), x.dtype) for x in xs], [], 1)
            return [y[:0] for y in loop.predict_loop(self, row, 1, unwatched("predict"))]
        return [in_floatx(np.zeros((0, *(n or 0 for n in t.shape[1:])), t.dtype)) for t in self.outputs]

    def _phase(self, kind, callbacks, verbose, params, target) -> Phase:
        """Who looks on at an evaluation or prediction."""
        if not callbacks and verbose != 1:
            return unwatched(kind)
        watched = None
        if callbacks:
            watched = room("callbacks").CallbackList(_list_of_callbacks(callbacks))
            watched.set_model(self._callback_model())
            metrics = {"metrics": list(self.metrics_names)} if kind == "test" and self._compiled else {}
            watched.set_params({**params, "verbose": verbose, **metrics})
        bar = room("callbacks").Progbar(target=target) if verbose == 1 else None
        return Phase(kind, watched, bar, by_steps=params["steps"] is not None)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, reset_metrics=True):
        """One step on one batch; returns the loss, or a list in the order of `metrics_names`.

        Args:
            x, y, sample_weight, class_weight: as for `fit`, of one batch of any size.
            reset_metrics: accepted as in 2.3. Differs: stateful metrics go on from batch to batch as in 2.2.4;
                `reset_metrics()` sets them to zero.
        """
        self._require_compiled("train_on_batch")
        feed = self._standardized(x, y, sample_weight, class_weight)
        self._check_trainable_weights_consistency()
        executor = self._executor("train")
        with rescued(self, "train_on_batch", "train", again=True):
            logs = executor.train(*self._whole(feed, executor), *self._next_key(executor), placement=self._placement)
            return unlist([v.item() for v in np.asarray(logs)])

    def test_on_batch(self, x, y=None, sample_weight=None, reset_metrics=True):
        """The figures on one batch, nothing trained; arguments and result as for `train_on_batch`."""
        self._require_compiled("test_on_batch")
        feed = self._standardized(x, y, sample_weight)
        executor = self._executor("test")
        with rescued(self, "test_on_batch", "test"):
            batch = self._whole(feed, executor)
            logs, _ = executor.forward(*batch, *self._next_key(executor), placement=self._placement)
            return unlist([v.item() for v in np.asarray(logs)])

    def predict_on_batch(self, x):
        """The outputs for one batch x, an array or a list of arrays as from `predict`."""
        xs = self._standardize_x(x)
        size = data_room.check_lengths(xs, [], [], self._rows_of_tensors(), may_be_empty=True)
        if not size:
            return unlist(self._empty_outputs(xs))
        with rescued(self, "predict_on_batch", "predict"):
            return unlist(loop.predict_loop(self, Feed(xs, [], size), size, unwatched("predict")))

    def _whole(self, feed, executor, sizes=None):
        """All of a feed as one batch, padded where the devices do not divide it or sizes vary (see BatchSizes)."""
        placement = self._placement
        feed = executor.stretched(feed, executor is self._executors.get("train"), placement)
        pad = (sizes or executor.sizes.batches).full(feed.size, placement) if executor.rowwise else None
        if pad is None:
            return feed.whole()
        batch, real = feed.batch(np.arange(feed.size), pad)
        return batch, np.ones((pad,), "float32") if real is None else real

    def reset_metrics(self):
        """Sets stateful metrics to zero."""
        self._reset_metrics()

    # ------------------------------------------------------------ generators

    def fit_generator(
        self,
        generator,
        steps_per_epoch=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_data=None,
        validation_steps=None,
        class_weight=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        shuffle=True,
        initial_epoch=0,
        validation_freq=1,
    ):
        """Trains on batches that a generator or a `Sequence` gives. See `fit` for the common arguments.

        Args:
            generator: yields (x, y) or (x, y, sample_weight), endlessly; or a `keras.utils.Sequence`.
            steps_per_epoch: batches per epoch; default the length of a Sequence.
            max_queue_size, workers, use_multiprocessing: how batches are prepared ahead.
            shuffle: whether a Sequence's batches come in random order.
        """
        asked = generator_loop.GeneratorFit(**given(locals()))
        self._require_compiled("fit_generator")
        first, last = _epochs(initial_epoch, "initial_epoch"), _epochs(epochs, "epochs")
        return generator_loop.fit_generator(self, dataclasses.replace(asked, initial_epoch=first, epochs=last))

    def evaluate_generator(
        self, generator, steps=None, max_queue_size=10, workers=1, use_multiprocessing=False, verbose=0, callbacks=None
    ):
        """As `evaluate`, on `steps` batches of a generator or `Sequence`; other arguments as for `fit_generator`."""
        self._require_compiled("evaluate_generator")
        making = Making(workers, use_multiprocessing, max_queue_size)
        with rescued(self, "evaluate_generator", "test"):
            return _figures(generator_loop.evaluate_generator(self, generator, steps, making, verbose, callbacks))

    def predict_generator(
        self, generator, steps=None, max_queue_size=10, workers=1, use_multiprocessing=False, verbose=0, callbacks=None
    ):
        """As `predict`, on `steps` batches of a generator or `Sequence`; other arguments as for `fit_generator`."""
        making = Making(workers, use_multiprocessing, max_queue_size)
        with rescued(self, "predict_generator", "predict"):
            return unlist(generator_loop.predict_generator(self, generator, steps, making, verbose, callbacks))


def _no_validation(why) -> None:
    warnings.warn(f"{why}: the model is trained without validation, as in Keras.", UserWarning, stacklevel=4)


def _figures(values):
    """The list of figures; a single one as Keras gives it, a NumPy number (its `shape` is ())."""
    return np.float64(values[0]) if len(values) == 1 else values


def _list_of_callbacks(callbacks) -> list:
    if callbacks is not None and not isinstance(callbacks, (list, tuple, room("callbacks").CallbackList)):
        raise TypeError(f"callbacks must be a list of Callback; got {type(callbacks).__name__}.")
    for i, callback in enumerate(callbacks or ()):
        if isinstance(callback, type):
            raise TypeError(f"callbacks[{i}] must be an instance, {callback.__name__}(...); got the class itself.")
        if not hasattr(callback, "set_model"):
            raise TypeError(f"callbacks[{i}] must be a Callback; got {type(callback).__name__} {callback!r:.100}.")
    return list(callbacks or ())


def _epochs(value, name) -> int:
    """A number of epochs; 2.0 is one, too."""
    whole = isinstance(value, (float, np.floating)) and float(value).is_integer()
    if isinstance(value, bool) or not (whole or isinstance(value, (int, np.integer))):
        raise TypeError(f"{name} must be an integer; got {value!r}.")
    return int(value)


def _whole_steps(batch_size, steps, argument) -> tuple:
    """Whether every step takes all the data, as in Keras when their number is given, and that number."""
    if steps is None:
        return False, None
    if batch_size is not None:
        raise ValueError(f"If {argument} is set, the `batch_size` must be None.")
    return True, step_count(steps, argument)


def _batch_size(batch_size) -> int:
    if batch_size is None:
        return _BATCH_SIZE
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"batch_size must be an integer >= 1; got {batch_size!r}.")
    return int(batch_size)

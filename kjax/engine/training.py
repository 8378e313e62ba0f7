"""Model: a network that can be compiled, trained, evaluated and asked for predictions."""
from __future__ import annotations

import warnings

import jax
import numpy as np

from kjax import callbacks as callback_room
from kjax import distribute, losses, optimizers
from kjax import metrics as metric_room
from kjax.engine import data as data_room
from kjax.engine import generator_loop, loop
from kjax.engine.base_layer import to_list, unlist
from kjax.engine.executor import Executor
from kjax.engine.feeds import Feed
from kjax.engine.flax_bridge import FlaxBridge
from kjax.engine.input_layer import Input, InputLayer
from kjax.engine.modules import run_module
from kjax.engine.network import Network
from kjax.engine.objectives import loss_name, make_metrics, make_objectives
from kjax.engine.persistence import Persistence
from kjax.engine.safeguard import Safeguard
from kjax.graph import as_update
from kjax.graph.random import next_key

__all__ = ["Model"]

# Flax modules that XLA on the CPU runs on one core when they stand in a loop body.
CONVOLUTIONS = frozenset({"Conv", "ConvTranspose", "DepthwiseConv", "SeparableConv"})


class Model(FlaxBridge, Persistence, Network):
    """A network with training and inference.

    Args:
        inputs: KerasTensor, list or dict.
        outputs: KerasTensor, list or dict.
        name: str.

    Attributes:
        metrics_names: names of what `evaluate` and `train_on_batch` return.
        compilations: how many programs have been compiled on behalf of this model.
    """

    def _base_init(self, name):
        super()._base_init(name)
        self.__dict__.setdefault("compilations", 0)
        self.__dict__.setdefault("_compiled", False)
        self.stop_training = False
        self._step_seconds = 1.0
        self._safeguard = None
        self._key, self._count = None, 0
        self._forget_programs()

    # ------------------------------------------------------------ compile

    def compile(
        self,
        optimizer,
        loss=None,
        metrics=None,
        loss_weights=None,
        sample_weight_mode=None,
        weighted_metrics=None,
        target_tensors=None,
        **kwargs,
    ):
        """Says how the model is to be trained.

        Args:
            optimizer: name, kjax optimizer, or any `optax.GradientTransformation`.
            loss: name or function, a list of them or a dict by output name; None entries are not trained for.
            metrics: list of names or functions; a list per output or a dict by output name for several outputs.
            loss_weights: factors of the outputs' losses, list or dict.
            sample_weight_mode: None, or 'temporal' for weights per time step (samples, time); list or dict per output.
            weighted_metrics: as `metrics`, computed with the sample weights.
            target_tensors: symbolic tensors to use as targets instead of data.

        Raises:
            ValueError, TypeError: for names that do not exist and arguments that do not fit the outputs. The model
                stays as it was then.
        """
        if kwargs:
            raise TypeError(
                f"compile got unexpected arguments {sorted(kwargs)}; TensorFlow session arguments (options, run_metadata, "
                "feed_dict, ...) have no counterpart in JAX."
            )
        spec = {
            "loss": loss,
            "metrics": metrics,
            "loss_weights": loss_weights,
            "sample_weight_mode": sample_weight_mode,
            "weighted_metrics": weighted_metrics,
            "target_tensors": target_tensors,
        }
        optimizer = optimizers.get(optimizer)
        if not self.built:
            if isinstance(loss, str):
                losses.get(loss)  # a wrong name is said now, not at the first fit
            self._pending_compile = (optimizer, spec)
            self.optimizer, self.loss = optimizer, loss
            return
        self._compile_built(optimizer, spec)

    def _compile_built(self, optimizer, spec):
        objectives = make_objectives(
            self, spec["loss"], spec["loss_weights"], spec["sample_weight_mode"], spec["target_tensors"]
        )
        penalties = self.losses
        if not objectives and not penalties:
            raise ValueError("The model cannot be compiled because it has no loss to optimize.")
        reported = make_metrics(self, objectives, spec["metrics"], spec["weighted_metrics"])
        total = None
        for o in objectives:
            value = o.value if o.weight == 1.0 else o.value * o.weight
            total = value if total is None else total + value
        for penalty in penalties:
            total = penalty if total is None else total + penalty
        # Nothing can fail any more: the model changes now.
        self.__dict__.pop("_pending_compile", None)
        self.optimizer, self.loss = optimizer, spec["loss"]
        self.metrics = spec["metrics"] or []
        self.weighted_metrics = spec["weighted_metrics"]
        self.loss_weights, self.sample_weight_mode = spec["loss_weights"], spec["sample_weight_mode"]
        self._objectives, self._reported = objectives, reported
        self.loss_functions = [o.loss for o in objectives]
        self.targets = [o.target for o in objectives]
        self.sample_weights = [o.sample_weight for o in objectives]
        self.sample_weight_modes = ["temporal" if len(w.shape) == 2 else None for w in self.sample_weights]
        self.total_loss = total
        separate = len(self.outputs) > 1
        self.metrics_names = ["loss"] + [o.name + "_loss" for o in objectives if separate] + [r.name for r in reported]
        self.metrics_tensors = [o.value for o in objectives if separate] + [r.value for r in reported]
        self.stateful_metric_functions = [r.stateful for r in reported if r.stateful is not None]
        self.stateful_metric_names = [r.name for r in reported if r.stateful is not None]
        self._collected_trainable_weights = self.trainable_weights
        self._compiled = True
        self._forget_programs()
        self.train_function = self.test_function = self.predict_function = None

    @property
    def metrics_updates(self) -> list:
        return [u for m in self.stateful_metric_functions for u in m.updates]

    def _forget_programs(self):
        self._executors = {}
        self._logged: list = []
        self._slots_for = None

    def _require_compiled(self, what):
        if not self._compiled and not hasattr(self, "_pending_compile"):
            raise RuntimeError(f"You must compile your model before training/testing: `{what}` was called. Use `model.compile(optimizer, loss)`.")

    def _check_trainable_weights_consistency(self):
        if len(self.trainable_weights) != len(self._collected_trainable_weights):
            warnings.warn(
                "Discrepancy between trainable weights and collected trainable weights, did you set `model.trainable` "
                "without calling `model.compile` after ?",
                UserWarning,
                stacklevel=3,
            )

    # ------------------------------------------------------------ programs

    def _executor(self, kind) -> Executor:
        """The compiled step of one kind: 'train', 'test' or 'predict'."""
        if kind != "predict":
            self._take_appended_metrics()
        if kind not in self._executors:
            self._executors[kind] = self._make_executor(kind)
        return self._executors[kind]

    def _take_appended_metrics(self):
        """Users append to `metrics_tensors` and `metrics_names` of a compiled model: its steps are then made anew."""
        if len(self.metrics_names) != 1 + len(self.metrics_tensors):
            raise ValueError(
                f"Model {self.name}: metrics_names must name the loss and each of metrics_tensors; got "
                f"{self.metrics_names} for the loss and {len(self.metrics_tensors)} tensors."
            )
        if self._logged != self.metrics_tensors:
            self._executors.pop("train", None)
            self._executors.pop("test", None)
            self._logged = list(self.metrics_tensors)

    def _make_executor(self, kind):
        if kind == "predict":
            return Executor(self._feed_inputs, [], self.outputs, self.state_updates, on_trace=self._traced)
        fed = [o for o in self._objectives if o.feed]
        inputs = [*self._feed_inputs, *[o.target for o in fed], *[o.sample_weight for o in self._objectives]]
        logs = [self.total_loss, *self.metrics_tensors]
        weights = len(self._objectives)
        if kind == "test":
            return Executor(inputs, logs, [], [*self.state_updates, *self.metrics_updates], weights=weights, on_trace=self._traced)
        params = self._collected_trainable_weights
        updates = [*self.updates, *self.metrics_updates]
        if params and self.optimizer.defines_updates:
            own = self.optimizer.get_updates(loss=self.total_loss, params=params)
            updates = [*updates, *[as_update(u) for u in own]]
        elif params:
            self._make_slots(params)
        return Executor(
            inputs, logs, [], updates, params, self.optimizer if params else None, weights=weights, on_trace=self._traced
        )

    def _make_slots(self, params):
        """The optimizer's state, made once for these params; a loaded state of the same shapes is kept."""
        key = tuple(id(p) for p in params)
        if self._slots_for != key:
            if getattr(self.optimizer, "_slots_for", None) != key:
                self.optimizer.create_slots(params)
                self.optimizer._slots_for = key
            self._slots_for = key

    @property
    def _placement(self):
        """Where the model runs: its own placement (`multi_gpu_model`), or the one in force."""
        own = self.__dict__.get("_own_placement")
        return own if own is not None else distribute.current()

    def _traced(self, count):
        self.compilations += count

    @property
    def _chunked(self) -> bool:
        """Whether many steps may go out in one dispatch: not where convolutions would run slower in a loop."""
        return not (jax.default_backend() == "cpu" and self._has_convolution)

    @property
    def _has_convolution(self) -> bool:
        return any(step.operation is run_module.operation and step.template[0][0].__class__.__name__ in CONVOLUTIONS
                   for step in self._executor("train").spec.program.steps)

    def _next_key(self, executor, steps=1):
        """(key, number of the first of these steps) for the random operations of an executor."""
        if not executor.random:
            return None, 0
        if self._key is None:
            self._key = next_key()
        first, self._count = self._count, self._count + steps
        return self._key, first

    def _reset_metrics(self):
        for metric in getattr(self, "stateful_metric_functions", ()):
            metric.reset_states()

    # ------------------------------------------------------------ data

    def _standardize_x(self, x):
        if not self.built:
            self._build_from(x)
        return data_room.standardize(
            x,
            self._feed_input_names,
            [t.shape for t in self._feed_inputs],
            [t.dtype for t in self._feed_inputs],
            "input",
        )

    def _build_from(self, x):
        """Builds a model that waited for its first data."""
        arrays = [np.asarray(a) if not hasattr(a, "shape") else a for a in (x.values() if isinstance(x, dict) else to_list(x))]
        shapes = [(None, *(a.shape[1:] if len(a.shape) > 1 else (1,))) for a in arrays]
        dtypes = [str(a.dtype) if np.dtype(a.dtype).kind in "iub" else None for a in arrays]
        if hasattr(self, "add"):
            self.build(unlist(shapes))
        else:
            self._build_subclassed(shapes, dtypes)
        pending = getattr(self, "_pending_compile", None)
        if pending is not None:
            self._compile_built(*pending)

    def _build_subclassed(self, shapes, dtypes=None):
        """Runs a subclass's `call` on placeholders and makes the graph of what it did."""
        if type(self).call is Network.call:
            raise NotImplementedError(f"Model {self.name}: a subclass of Model defines `call(inputs)`.")
        dtypes = dtypes or [None] * len(shapes)
        inputs = [Input(batch_shape=s, dtype=d) for s, d in zip(shapes, dtypes, strict=True)]
        tracked, optimizer = list(self._tracked_layers), self.optimizer
        outputs = self.call(unlist(inputs))
        self._init_graph_network(inputs, outputs, self.name)
        self._subclassed, self.optimizer = True, optimizer
        known = {id(layer) for layer in tracked}
        self._layers = [*tracked, *[y for y in self._layers if id(y) not in known and not isinstance(y, InputLayer)]]

    def _standardize_y(self, y):
        fed = [o for o in self._objectives if o.feed]
        names = [o.name for o in fed]
        shapes = [o.target.shape if self._has_known_targets(o) else None for o in fed]
        targets = data_room.standardize(y, names, None, [o.target.dtype for o in fed], "target")
        outputs, checked = dict(zip(self.output_names, self.outputs, strict=True)), []
        for target, o, shape in zip(targets, fed, shapes, strict=True):
            target = data_room.with_class_axis(target, loss_name(o.loss), tuple(outputs[o.name].shape))
            checked.append(target)
            data_room.check_target(target, loss_name(o.loss), o.name, tuple(outputs[o.name].shape))
            if shape is not None:
                data_room.check_shape(target, o.name, shape, "target")
        return checked

    @staticmethod
    def _has_known_targets(objective):
        """Targets are as wide as the output, except for a user's own loss, which may take anything."""
        return getattr(losses, loss_name(objective.loss), None) is not None

    def _standardize_user_data(self, x, y=None, sample_weight=None, class_weight=None, batch_size=None) -> Feed:
        """Everything a training or test step is fed with, checked."""
        xs = self._standardize_x(x)
        ys = self._standardize_y(y)
        names = [o.name for o in self._objectives]
        targets = iter(ys)
        per_objective = [next(targets) if o.feed else xs[0] for o in self._objectives]
        weights = data_room.sample_weights(sample_weight, class_weight, per_objective, names, self.sample_weight_modes)
        size = data_room.check_lengths(xs, ys, weights)
        self._check_stateful_size(size, batch_size)
        return Feed([*xs, *ys], weights, size)

    def _check_stateful_size(self, size, batch_size):
        if self.stateful and batch_size and size > batch_size and size % batch_size:
            raise ValueError(
                "In a stateful network, you should only pass inputs with a number of samples that can be divided by the "
                f"batch size. Found: {size} samples and batch size {batch_size}."
            )
        fixed = next((t.shape[0] for t in self.inputs if t.shape[0] is not None), None)
        if fixed is not None and batch_size and min(size, batch_size) != fixed and (size % fixed or batch_size != fixed):
            raise ValueError(
                f"Model {self.name} was built for batches of exactly {fixed} samples (batch_input_shape); got {size} samples "
                f"in batches of {batch_size}."
            )

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
            validation_data: (x, y) or (x, y, sample_weight).
            shuffle: bool, or 'batch' to shuffle whole batches.
            class_weight: dict class -> weight.
            sample_weight: array (samples,), or (samples, time) in temporal mode.
            initial_epoch: number of the first epoch.
            steps_per_epoch: batches per epoch.
            validation_steps: batches per validation.
            validation_freq: validate every so many epochs, or at the listed ones.

        Returns:
            History; `history.history` maps names to lists of figures, one per epoch.
        """
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments of fit: {kwargs}")
        self._require_compiled("fit")
        if generator_loop.is_generator(x):
            generator_loop.refuse_with_generator("fit", y=y, sample_weight=sample_weight, validation_split=validation_split)
            return self.fit_generator(
                x, steps_per_epoch, epochs, verbose, callbacks, validation_data, validation_steps, class_weight,
                max_queue_size, workers, use_multiprocessing, shuffle, initial_epoch, validation_freq=validation_freq,
            )
        if x is None and y is None and steps_per_epoch is None:
            raise ValueError("If fitting from data tensors, you should specify the `steps_per_epoch` argument; else pass x and y.")
        batch_size = _batch_size(batch_size)
        feed = self._standardize_user_data(x, y, sample_weight, class_weight, batch_size)
        feed, held = self._validation_feed(feed, validation_split, validation_data, batch_size)
        if verbose and held is not None:
            print(f"Train on {feed.size} samples, validate on {held.size} samples")
        self._check_trainable_weights_consistency()
        self._executor("train")
        params = {
            "batch_size": batch_size,
            "epochs": epochs,
            "steps": steps_per_epoch,
            "samples": feed.size,
            "verbose": verbose,
            "do_validation": held is not None,
            "metrics": [*self.metrics_names, *(["val_" + n for n in self.metrics_names] if held is not None else [])],
        }
        watched = self._callbacks(callbacks, verbose, params, "samples" if steps_per_epoch is None else "steps", held)

        def validate():
            values = loop.test_loop(self, held, batch_size, validation_steps)
            return {"val_" + n: v for n, v in zip(self.metrics_names, values, strict=True)}

        return self._run_fit(
            watched,
            lambda: loop.fit_loop(
                self, feed, batch_size, epochs, watched, shuffle, initial_epoch,
                validate if held is not None else None, steps_per_epoch, validation_freq,
            ),
        )

    def _callbacks(self, callbacks, verbose, params, count_mode, held=None):
        """The list of callbacks Keras assembles, told of the model and the parameters."""
        self.history = callback_room.History()
        chain = [callback_room.BaseLogger(stateful_metrics=self.stateful_metric_names)]
        if verbose:
            chain.append(callback_room.ProgbarLogger(count_mode, stateful_metrics=self.stateful_metric_names))
        watched = callback_room.CallbackList([*chain, *(callbacks or []), self.history])
        watched.set_model(self._callback_model())
        watched.set_params(params)
        for callback in watched:
            callback.validation_data = None if held is None else [*held.data, *held.weights]
        return watched

    def _callback_model(self):
        return getattr(self, "callback_model", None) or self

    def _run_fit(self, watched, run):
        """Runs a loop between on_train_begin and on_train_end; an interruption leaves the last finished step."""
        self.stop_training = False
        watched.on_train_begin()
        self._safeguard = Safeguard(self)
        try:
            run()
        except BaseException as error:
            self._safeguard.rescue(error)
            raise
        finally:
            self._safeguard = None
        watched.on_train_end()
        return self.history

    def _keep_state(self, epoch):
        """Told by the loops at the start of each epoch."""
        if self._safeguard is not None:
            self._safeguard.keep(epoch)

    def _validation_feed(self, feed, split, given, batch_size):
        """(training feed, validation feed or None)."""
        if given is not None:
            if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
                raise ValueError(
                    "When passing validation_data, it must contain 2 (x_val, y_val) or 3 (x_val, y_val, val_sample_weights) "
                    f"items; got {type(given).__name__} with {len(given) if hasattr(given, '__len__') else '?'} items."
                )
            return feed, self._standardize_user_data(given[0], given[1], given[2] if len(given) == 3 else None, None, batch_size)
        if not split:
            return feed, None
        if not 0.0 < split < 1.0:
            raise ValueError(f"validation_split must be in [0, 1); got {split!r}.")
        at = int(feed.size * (1.0 - split))
        if at < 1 or at == feed.size:
            raise ValueError(f"validation_split={split} of {feed.size} samples leaves none for {'training' if at < 1 else 'validation'}.")
        parts = [
            Feed([data_room.cut(x, a, b) for x in feed.data], [None if w is None else w[a:b] for w in feed.weights], b - a)
            for a, b in ((0, at), (at, feed.size))
        ]
        return parts[0], parts[1]

    def evaluate(self, x=None, y=None, batch_size=None, verbose=1, sample_weight=None, steps=None, **kwargs):
        """The loss and the metrics on data, in test phase.

        Returns:
            float, or a list of them in the order of `metrics_names`.
        """
        self._require_compiled("evaluate")
        if generator_loop.is_generator(x):
            generator_loop.refuse_with_generator("evaluate", y=y, sample_weight=sample_weight)
            return self.evaluate_generator(x, steps, verbose=verbose, **kwargs)
        if kwargs:
            raise TypeError(f"evaluate got unexpected arguments {sorted(kwargs)}.")
        batch_size = _batch_size(batch_size)
        feed = self._standardize_user_data(x, y, sample_weight, None, batch_size)
        bar = callback_room.Progbar(target=steps if steps is not None else feed.size) if verbose == 1 else None
        moved = None if bar is None else (lambda samples, batches: bar.update(batches if steps is not None else samples))
        return unlist(loop.test_loop(self, feed, batch_size, steps, moved))

    def predict(self, x, batch_size=None, verbose=0, steps=None, **kwargs):
        """The outputs for x, in test phase.

        Returns:
            array (samples, ...), or a list of them for several outputs.
        """
        if generator_loop.is_generator(x):
            return self.predict_generator(x, steps, verbose=verbose, **kwargs)
        if kwargs:
            raise TypeError(f"predict got unexpected arguments {sorted(kwargs)}.")
        batch_size = _batch_size(batch_size)
        xs = self._standardize_x(x)
        size = data_room.check_lengths(xs, [], [])
        self._check_stateful_size(size, batch_size)
        bar = callback_room.Progbar(target=steps if steps is not None else size) if verbose == 1 else None
        moved = None if bar is None else (lambda samples, batches: bar.update(batches if steps is not None else samples))
        return unlist(loop.predict_loop(self, Feed(xs, [], size), batch_size, steps, moved))

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, reset_metrics=True):
        """One step on one batch; returns the loss, or a list in the order of `metrics_names`."""
        self._require_compiled("train_on_batch")
        feed = self._standardize_user_data(x, y, sample_weight, class_weight)
        if "train" not in self._executors:
            self._check_trainable_weights_consistency()
        executor = self._executor("train")
        try:
            logs = executor.train(*self._whole(feed, executor), *self._next_key(executor), placement=self._placement)
            return unlist([v.item() for v in np.asarray(logs)])
        except Exception as error:
            Safeguard(self).rescue(error)
            raise

    def test_on_batch(self, x, y=None, sample_weight=None, reset_metrics=True):
        """The figures on one batch, nothing trained."""
        self._require_compiled("test_on_batch")
        feed = self._standardize_user_data(x, y, sample_weight)
        executor = self._executor("test")
        logs, _ = executor.forward(*self._whole(feed, executor), *self._next_key(executor), placement=self._placement)
        return unlist([v.item() for v in np.asarray(logs)])

    def predict_on_batch(self, x):
        """The outputs for one batch."""
        xs = self._standardize_x(x)
        size = data_room.check_lengths(xs, [], [])
        return unlist(loop.predict_loop(self, Feed(xs, [], size), size))

    def _whole(self, feed, executor):
        """All of a feed as one batch, padded where the devices do not divide it."""
        placement = self._placement
        if placement is None or feed.size % placement.size == 0 or not executor.rowwise:
            return feed.whole()
        return feed.batch(np.arange(feed.size), placement.padded(feed.size))

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
        self._require_compiled("fit_generator")
        return generator_loop.fit_generator(
            self, generator, steps_per_epoch, epochs, verbose, callbacks, validation_data, validation_steps, class_weight,
            max_queue_size, workers, use_multiprocessing, shuffle, initial_epoch, validation_freq,
        )

    def evaluate_generator(self, generator, steps=None, max_queue_size=10, workers=1, use_multiprocessing=False, verbose=0):
        """As `evaluate`, on `steps` batches of a generator."""
        self._require_compiled("evaluate_generator")
        return unlist(
            generator_loop.evaluate_generator(self, generator, steps, max_queue_size, workers, use_multiprocessing, verbose)
        )

    def predict_generator(self, generator, steps=None, max_queue_size=10, workers=1, use_multiprocessing=False, verbose=0):
        """As `predict`, on `steps` batches of a generator."""
        return unlist(
            generator_loop.predict_generator(self, generator, steps, max_queue_size, workers, use_multiprocessing, verbose)
        )


def _batch_size(batch_size) -> int:
    if batch_size is None:
        return 32
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"batch_size must be an integer >= 1; got {batch_size!r}.")
    return int(batch_size)

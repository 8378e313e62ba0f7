"""The loops over generators and Sequences."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from typing import Any

import jax
import numpy as np

from kjax.engine import loop
from kjax.engine.data import check_lengths
from kjax.engine.feeds import Feed
from kjax.engine.logs import BatchLogs, Logs
from kjax.engine.looks import warn_of_loss
from kjax.engine.phases import Phase
from kjax.engine.prefetch import Making, Prefetch
from kjax.engine.sizes import BatchSizes
from kjax.utils.arguments import step_count
from kjax.utils.data_utils import Sequence

__all__ = [
    "GeneratorFit",
    "evaluate_generator",
    "fit_generator",
    "is_generator",
    "predict_generator",
    "refuse_with_generator",
]


@dataclasses.dataclass(frozen=True)
class GeneratorFit:
    """What `Model.fit_generator` was called with; it says what the fields mean."""

    generator: Any
    steps_per_epoch: int | None
    epochs: int
    verbose: int
    callbacks: Any
    validation_data: Any
    validation_steps: int | None
    class_weight: dict | None
    max_queue_size: int
    workers: int
    use_multiprocessing: bool
    shuffle: bool
    initial_epoch: int
    validation_freq: Any

    @property
    def making(self) -> Making:
        return Making(self.workers, self.use_multiprocessing, self.max_queue_size)


def is_generator(x) -> bool:
    """Whether x gives batches: a generator, an iterator, or a Sequence."""
    if isinstance(x, Sequence):
        return True
    return hasattr(x, "__next__") and not hasattr(x, "shape")


def refuse_with_generator(method, **arguments):
    for name, value in arguments.items():
        if value is not None and not (np.ndim(value) == 0 and not value):
            raise ValueError(
                f"`{name}` argument of {method} is not supported when x is a generator or Sequence; "
                "it gives (x, y, sample_weight) itself."
            )


def _steps(generator, steps, argument, what) -> int:
    if not is_generator(generator):
        raise TypeError(
            f"{what}: a generator, an iterator or a keras.utils.Sequence is required; got {type(generator).__name__}."
        )
    if steps is not None:
        return step_count(steps, f"{what}: `{argument}`")
    if isinstance(generator, Sequence):
        return _length(generator)
    raise ValueError(
        f"`{argument}=None` is only valid for a generator based on the `keras.utils.Sequence` class. "
        f"Please specify `{argument}`: a generator does not end, so {what} has to be told, as by "
        f"{argument}=samples // batch_size."
    )


def _length(sequence) -> int:
    try:
        return len(sequence)
    except TypeError:
        raise TypeError(
            f"`__len__` of {type(sequence).__name__} must return an integer, the number of batches: "
            f"int(np.ceil(samples / batch_size)); got {type(sequence).__len__(sequence)!r}."
        ) from None


def _described(batch) -> str:
    if isinstance(batch, (tuple, list)):
        return f"a {type(batch).__name__} of {len(batch)}"
    return f"{type(batch).__name__} " + (f"of shape {batch.shape}" if hasattr(batch, "shape") else f"{batch!r:.100}")


def _unpack(batch):
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        raise ValueError(
            "The output of the generator should be a tuple `(x, y, sample_weight)` or `(x, y)`. "
            f"Found: {_described(batch)}."
        )
    return batch[0], batch[1], batch[2] if len(batch) == 3 else None


def _batches(model, source, kind, what, making, shuffle=False, class_weight=None):
    """The Prefetch of a model's batches: ((arrays, weights), rows) and the number of samples."""
    sizes, placement = BatchSizes(exact=1, fills=True), model._placement

    def prepare(given, number):
        if kind == "predict":
            x = given[0] if isinstance(given, tuple) and len(given) in (2, 3) else given
            xs = model._standardize_x(x)
            feed = Feed(xs, [], check_lengths(xs, [], [], may_be_empty=True))
            if not feed.size:
                return ((None, xs), None), 0
        else:
            x, y, w = _unpack(given)
            feed = model._standardized(x, y, w, class_weight)
            if kind == "train" and number == 0:
                model._look_at(feed)
        executor = model._executor(kind)
        batch, rows = model._whole(feed, executor, sizes)
        if kind == "predict":
            rows = executor.rows_read(rows, None if rows is None else len(rows))
        return (batch, rows), feed.size

    place = jax.device_put if placement is None else placement.feed
    return Prefetch(source, prepare, place, what, making, shuffle, sizes)


def fit_generator(model, asked: GeneratorFit):
    """Trains; see `Model.fit_generator`."""
    generator, validation_data = asked.generator, asked.validation_data
    steps = _steps(generator, asked.steps_per_epoch, "steps_per_epoch", "fit_generator")
    validation_steps = asked.validation_steps
    from_generator = validation_data is not None and is_generator(validation_data)
    held = None
    if from_generator:
        validation_steps = _steps(validation_data, validation_steps, "validation_steps", "fit_generator")
    elif validation_data is not None:
        _, held = model._validation_feed(None, 0.0, validation_data, None)
    if not isinstance(generator, Sequence) and asked.use_multiprocessing and asked.workers > 1:
        warnings.warn(
            "Using a generator with `use_multiprocessing=True` and multiple workers may duplicate your data. Please "
            "consider using the `keras.utils.Sequence` class.",
            UserWarning,
            stacklevel=3,
        )
    batches = _batches(model, generator, "train", "fit_generator", asked.making, asked.shuffle, asked.class_weight)
    # One for all epochs: a validation generator goes on where it was.
    held_batches = _batches(model, validation_data, "test", "validation", asked.making) if from_generator else None
    with batches, held_batches or contextlib.nullcontext():
        if not model._compiled:
            batches.peek()
        model._check_trainable_weights_consistency()
        names = model.metrics_names
        params = {
            "epochs": asked.epochs,
            "steps": steps if asked.steps_per_epoch is None else asked.steps_per_epoch,
            "verbose": asked.verbose,
            "do_validation": from_generator or held is not None,
            "metrics": [*names, *["val_" + n for n in names]],  # as in Keras, validated or not
        }
        watched = model._callbacks(asked.callbacks, asked.verbose, params, "steps", held)

        def run():
            lost = False
            for epoch in range(asked.initial_epoch, asked.epochs):
                figures = _train_epoch(model, epoch, batches, steps, watched)
                logs = Logs(figures.averages())
                lost = lost or warn_of_loss(figures, epoch)
                due = (from_generator or held is not None) and loop.is_due(asked.validation_freq, epoch)
                if due and not model.stop_training:
                    phase = Phase("test", watched)
                    if held is not None:
                        # all of it, whatever validation_steps says, as in Keras
                        values = loop.test_loop(model, held, min(figures.largest, held.size), phase)
                    else:
                        values = _evaluate(model, held_batches, validation_steps, phase)
                    logs.update({"val_" + n: v for n, v in zip(model.metrics_names, values, strict=True)})
                watched.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break

        return model._run_fit(watched, run)


def _train_epoch(model, epoch, batches, steps, watched):
    """One epoch; gives its Figures."""
    model._reset_metrics()
    watched.on_epoch_begin(epoch, Logs())
    figures = loop.Figures(model.metrics_names, model.stateful_metric_names)
    kind = "Sequence" if isinstance(batches.source, Sequence) else "iterator"
    data = {"source": kind, "steps_per_epoch": steps, "shuffle": batches.shuffle}
    first = model._progress.enter(figures, data, batches)
    model._epoch_begins(epoch, first)
    if first:
        watched.on_chunk_end(first, first, figures.averages)
    in_flight: list = []
    for number in range(first, steps):
        (batch, rows), size = batches.take()
        if watched.uses_batches:
            watched.batch_begins(number, Logs(batch=number, size=size))
        executor = model._executor("train")
        logs = executor.train(batch, rows, *model._next_key(executor), placement=model._placement)
        batches.mark_used()
        figures.add(logs, [size])
        if watched.uses_batches:
            watched.batch_ends(number, BatchLogs(model.metrics_names, logs, batch=number, size=size))
        watched.on_chunk_end(number + 1, number + 1, lambda: figures.averages(ready_only=True))
        in_flight.append(logs)
        if len(in_flight) > 2:
            in_flight.pop(0).block_until_ready()
        if model.stop_training:
            break
    return figures


def evaluate_generator(model, generator, steps, making: Making, verbose, callbacks=None) -> list:
    """The figures on `steps` batches; see `Model.evaluate_generator`."""
    steps = _steps(generator, steps, "steps", "evaluate_generator")
    phase = model._phase("test", callbacks, verbose, {"steps": steps}, steps)
    with _batches(model, generator, "test", "evaluate_generator", making) as batches:
        return _evaluate(model, batches, steps, phase)


def _evaluate(model, batches, steps, phase) -> list:
    phase.begin()
    model._reset_metrics()
    if not model._compiled:
        batches.peek()
    figures = loop.Figures(model.metrics_names, model.stateful_metric_names)
    in_flight: list = []
    for number in range(steps):
        (batch, rows), size = batches.take()
        phase.batch_begins(number, size)
        executor = model._executor("test")
        logs, _ = executor.forward(batch, rows, *model._next_key(executor), placement=model._placement)
        figures.add(logs, [size])
        phase.batch_ends(number, size, (model.metrics_names, logs))
        in_flight.append(logs)
        if len(in_flight) > 2:
            in_flight.pop(0).block_until_ready()
    values = figures.values()
    phase.end()
    return values


def predict_generator(model, generator, steps, making: Making, verbose, callbacks=None) -> list:
    """The outputs for `steps` batches; see `Model.predict_generator`."""
    steps = _steps(generator, steps, "steps", "predict_generator")
    phase = model._phase("predict", callbacks, verbose, {"steps": steps}, steps)
    parts: list = []
    waiting: list = []
    empty: list = []
    phase.begin()
    with _batches(model, generator, "predict", "predict_generator", making) as batches:
        for number in range(steps):
            (batch, rows), size = batches.take()
            if not size:
                empty = model._empty_outputs(batch[1])
                continue
            phase.batch_begins(number, size)
            executor = model._executor("predict")
            _, outputs = executor.forward(batch, rows, *model._next_key(executor), placement=model._placement)
            waiting.append((outputs, batch, size))
            phase.batch_ends(number, size, outputs=lambda executor=executor: executor.on_host(*waiting[-1]))
            if len(waiting) > 2:
                parts.append(executor.on_host(*waiting.pop(0)))
        parts.extend(executor.on_host(*last) for last in waiting)
    phase.end()
    return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)] if parts else empty

"""The loops over generators and Sequences."""
from __future__ import annotations

import warnings

import numpy as np

from kjax import callbacks as callback_room
from kjax.engine import loop
from kjax.engine.base_layer import to_list, unlist
from kjax.engine.logs import BatchLogs, Logs
from kjax.utils.data_utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence

__all__ = ["evaluate_generator", "fit_generator", "is_generator", "predict_generator", "refuse_with_generator"]


def is_generator(x) -> bool:
    """Whether x gives batches: a generator, an iterator, or a Sequence."""
    if isinstance(x, Sequence):
        return True
    return hasattr(x, "__next__") and not hasattr(x, "shape")


def refuse_with_generator(method, **arguments):
    for name, value in arguments.items():
        if value is not None and value is not False and value != 0.0:
            raise ValueError(f"`{name}` argument of {method} is not supported when x is a generator or Sequence; it gives (x, y, sample_weight) itself.")


class _Batches:
    """Batches prepared ahead by workers; a context manager that leaves no thread or process behind."""

    def __init__(self, source, workers, use_multiprocessing, max_queue_size, shuffle=False):
        self.source = source
        self.workers = workers
        self.size = max_queue_size
        self.shuffle = shuffle
        self.multiprocessing = use_multiprocessing
        self.enqueuer = None

    def __enter__(self):
        if isinstance(self.source, Sequence):
            if self.workers == 0:
                return _cycle(self.source, self.shuffle)
            self.enqueuer = OrderedEnqueuer(self.source, use_multiprocessing=self.multiprocessing, shuffle=self.shuffle)
        elif self.workers == 0:
            return self.source
        else:
            self.enqueuer = GeneratorEnqueuer(self.source, use_multiprocessing=self.multiprocessing)
        self.enqueuer.start(workers=self.workers, max_queue_size=self.size)
        return self.enqueuer.get()

    def __exit__(self, *exc):
        if self.enqueuer is not None:
            self.enqueuer.stop()


def _cycle(sequence, shuffle):
    while True:
        order = np.random.permutation(len(sequence)) if shuffle else range(len(sequence))
        for i in order:
            yield sequence[int(i)]
        sequence.on_epoch_end()


def _steps(generator, steps, argument):
    if steps is not None:
        return int(steps)
    if isinstance(generator, Sequence):
        return len(generator)
    raise ValueError(f"`{argument}=None` is only valid for a generator based on the `keras.utils.Sequence` class. Please specify `{argument}`.")


def _next(stream, number, what):
    try:
        batch = next(stream)
    except StopIteration:
        raise ValueError(f"{what}: the generator ended before batch {number}; it must give batches for all steps (endlessly for several epochs).") from None
    return batch


def _unpack(batch, number, what):
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        raise ValueError(
            f"{what}: output of generator should be a tuple `(x, y, sample_weight)` or `(x, y)`. Batch {number} is "
            f"{type(batch).__name__} {batch!r:.100}"
        )
    return batch[0], batch[1], batch[2] if len(batch) == 3 else None


def fit_generator(
    model, generator, steps_per_epoch, epochs, verbose, callbacks, validation_data, validation_steps, class_weight,
    max_queue_size, workers, use_multiprocessing, shuffle, initial_epoch,
):
    steps = _steps(generator, steps_per_epoch, "steps_per_epoch")
    validation_is_generator = validation_data is not None and is_generator(validation_data)
    if validation_is_generator:
        validation_steps = _steps(validation_data, validation_steps, "validation_steps")
    if not isinstance(generator, Sequence) and use_multiprocessing and workers > 1:
        warnings.warn("Using a generator with `use_multiprocessing=True` and multiple workers may duplicate your data. Please consider using the `keras.utils.Sequence` class.", UserWarning, stacklevel=3)
    model._check_trainable_weights_consistency() if model._compiled else None
    names = model.metrics_names if model._compiled else ["loss"]
    params = {
        "epochs": epochs,
        "steps": steps,
        "verbose": verbose,
        "do_validation": validation_data is not None,
        "metrics": [*names, *["val_" + n for n in names]] if validation_data is not None else list(names),
    }
    held = None
    if validation_data is not None and not validation_is_generator:
        _, held = model._validation_feed(None, 0.0, validation_data, None)

    def run():
        with _Batches(generator, workers, use_multiprocessing, max_queue_size, shuffle) as stream:
            for epoch in range(initial_epoch, epochs):
                _one_epoch(epoch, stream)
                if model.stop_training:
                    break

    def _one_epoch(epoch, stream):
        model._reset_metrics()
        watched.on_epoch_begin(epoch, Logs())
        figures, in_flight = None, []
        for number in range(steps):
            x, y, w = _unpack(_next(stream, number, "fit_generator"), number, "fit_generator")
            size = _rows(x)
            if watched.uses_batches:
                watched.on_batch_begin(number, Logs(batch=number, size=size))
            feed = model._standardize_user_data(x, y, w, class_weight)
            executor = model._executor("train")
            logs = executor.train(*model._whole(feed, executor), *model._next_key(executor), placement=model._placement)
            figures = figures or loop.Figures(model.metrics_names, model.stateful_metric_names)
            figures.add(logs, [feed.size])
            if watched.uses_batches:
                watched.on_batch_end(number, BatchLogs(model.metrics_names, logs, batch=number, size=feed.size))
            else:
                watched.on_chunk_end(number + 1, number + 1, lambda: figures.averages(ready_only=True))
            in_flight.append(logs)
            if len(in_flight) > 2:
                in_flight.pop(0).block_until_ready()
            if model.stop_training:
                break
        logs = Logs(figures.averages())
        if validation_is_generator:
            values = evaluate_generator(model, validation_data, validation_steps, max_queue_size, workers, use_multiprocessing, 0)
            logs.update({"val_" + n: v for n, v in zip(model.metrics_names, values, strict=True)})
        elif held is not None:
            values = loop.test_loop(model, held, min(32, held.size), validation_steps)
            logs.update({"val_" + n: v for n, v in zip(model.metrics_names, values, strict=True)})
        watched.on_epoch_end(epoch, logs)

    watched = model._callbacks(callbacks, verbose, params, "steps", held)
    return model._run_fit(watched, run)


def evaluate_generator(model, generator, steps, max_queue_size, workers, use_multiprocessing, verbose) -> list:
    steps = _steps(generator, steps, "steps")
    model._reset_metrics()
    figures = None
    bar = callback_room.Progbar(target=steps) if verbose == 1 else None
    with _Batches(generator, workers, use_multiprocessing, max_queue_size) as stream:
        for number in range(steps):
            x, y, w = _unpack(_next(stream, number, "evaluate_generator"), number, "evaluate_generator")
            feed = model._standardize_user_data(x, y, w)
            executor = model._executor("test")
            logs, _ = executor.forward(*model._whole(feed, executor), *model._next_key(executor), placement=model._placement)
            figures = figures or loop.Figures(model.metrics_names, model.stateful_metric_names)
            figures.add(logs, [feed.size])
            if bar is not None:
                bar.update(number + 1)
    return list(figures.averages().values())


def predict_generator(model, generator, steps, max_queue_size, workers, use_multiprocessing, verbose) -> list:
    steps = _steps(generator, steps, "steps")
    bar = callback_room.Progbar(target=steps) if verbose == 1 else None
    parts = []
    with _Batches(generator, workers, use_multiprocessing, max_queue_size) as stream:
        for number in range(steps):
            batch = _next(stream, number, "predict_generator")
            x = batch[0] if isinstance(batch, tuple) and len(batch) in (2, 3) else batch
            parts.append(to_list(model.predict_on_batch(x)))
            if bar is not None:
                bar.update(number + 1)
    return [np.concatenate(p) for p in zip(*parts, strict=True)]


def _rows(x) -> int:
    first = next(iter(x.values())) if isinstance(x, dict) else unlist(to_list(x)) if not isinstance(x, (list, tuple)) else x[0]
    return len(first)

"""The loops over in-memory data: fit, evaluate, predict. They move data and call back; they compute nothing."""

from __future__ import annotations

import time

import jax
import numpy as np

from kjax.engine.feeds import Feed
from kjax.engine.logs import BatchLogs, Logs
from kjax.engine.looks import warn_of_loss
from kjax.engine.phases import Phase
from kjax.engine.progress import SampleOrder
from kjax.engine.sizes import bucket

__all__ = ["Figures", "fit_loop", "is_due", "predict_loop", "size_filled", "test_loop"]

_CHUNK_BYTES = 1 << 24  # how much data one chunk of batches holds at most
_CHUNK_STEPS = 256
_DISPATCH_SECONDS = 0.2  # how long one dispatch may keep the device, so that bars move and Ctrl-C is heard


class Figures:
    """The figures of one epoch: averages weighted by batch size, in double precision."""

    def __init__(self, names, stateful):
        self.names = names
        self.stateful = [n in stateful for n in names]
        self.pending: list = []
        self.total = np.zeros(len(names))
        self.seen = 0
        self.largest = 1  # of the batches
        self.last = None
        self.steps = 0
        self.lost_at = self.lost = None  # the first step whose loss was not finite, and that loss

    def add(self, logs, sizes, start=0):
        """Logs (steps, n) or (n,) still on the device, and the sizes of the batches from row `start` on."""
        self.largest = max(self.largest, *sizes)
        self.pending.append((logs, sizes, start))

    def settle(self, ready_only=False):
        while self.pending and not (ready_only and not _is_ready(self.pending[0][0])):
            logs, sizes, start = self.pending.pop(0)
            values = np.asarray(logs, "float64").reshape(-1, len(self.names))[start : start + len(sizes)]
            self.total += np.asarray(sizes, "float64") @ values
            self.seen += int(np.sum(sizes))
            self.last = values[-1]
            if self.lost_at is None and len(self.names) and not np.isfinite(self.total[0]):
                lost = int(np.argmin(np.isfinite(values[:, 0])))
                self.lost_at, self.lost = self.steps + lost, values[lost, 0]
            self.steps += len(sizes)

    def values(self, ready_only=False) -> list:
        """One number per name; none before the first batch."""
        self.settle(ready_only)
        if not self.seen:
            return []
        means = self.total / self.seen
        return [float(last if keep else mean) for keep, mean, last in zip(self.stateful, means, self.last, strict=True)]

    def averages(self, ready_only=False) -> dict:
        """The numbers by name. Of figures that share a name (outputs of one layer) the last stays, as in Keras."""
        return dict(zip(self.names, self.values(ready_only), strict=False))


def _is_ready(array) -> bool:
    return not isinstance(array, jax.Array) or array.is_ready()  # type: ignore[attr-defined]


def is_due(freq, epoch) -> bool:
    """Whether the epoch (counted from 0) is validated: `validation_freq` is an int, or the epochs' numbers from 1."""
    if isinstance(freq, (list, tuple, set, range)):
        return epoch + 1 in freq
    if isinstance(freq, bool) or not isinstance(freq, (int, np.integer)) or freq < 1:
        raise ValueError(f"validation_freq must be an integer >= 1 or a list of epochs' numbers; got {freq!r}.")
    return (epoch + 1) % freq == 0


def fit_loop(
    model, feed: Feed, batch_size, epochs, callbacks, shuffle, initial_epoch, validate, steps=None, validation_freq=1
):
    """Trains.

    Args:
        model: a compiled model.
        callbacks: CallbackList, already told of model and parameters.
        validate: function giving the validation figures of an epoch, or None.
        steps: batches per epoch when the data repeat (steps_per_epoch), or None for one pass.
        validation_freq: validate every so many epochs, or after the listed ones.
    """
    executor = model._executor("train")
    feed = executor.stretched(feed, True, model._placement)
    data = {
        "source": "arrays",
        "samples": feed.size,
        "batch_size": batch_size,
        "steps_per_epoch": steps,
        "shuffle": shuffle,
    }
    if validate is not None:
        is_due(validation_freq, 0)
    last = np.arange(feed.size)
    lost = False
    if model._placement is not None:
        model._placement.agree(
            "fit", samples=feed.size, batch_size=batch_size, epochs=epochs - initial_epoch, steps=steps
        )
    for epoch in range(initial_epoch, epochs):
        model._reset_metrics()
        callbacks.on_epoch_begin(epoch, Logs())
        figures = Figures(model.metrics_names, model.stateful_metric_names)
        samples = SampleOrder(last, batch_size, shuffle)
        first = model._progress.enter(figures, data, samples)
        model._epoch_begins(epoch, first)
        last = samples.order
        order = last if steps is None else np.resize(last, steps * batch_size)
        if callbacks.uses_batches or not model._chunked or first or not feed.data:
            _epoch_by_batch(model, executor, feed, order, batch_size, callbacks, figures, first)
        else:
            _epoch_by_chunk(model, executor, feed, order, batch_size, callbacks, figures)
        samples.finish()
        logs = Logs(figures.averages())
        lost = lost or warn_of_loss(figures, epoch)
        if validate is not None and is_due(validation_freq, epoch) and not model.stop_training:
            logs.update(validate())
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break


def padding(model, executor, size, batch_size):
    """The size batches are padded to, or None when they are left as they are.

    A partial last batch is filled up so that one program serves the epoch, and every batch to a multiple of the
    devices.
    """
    if not executor.rowwise:
        return None
    placement = model._placement
    full = batch_size if placement is None else placement.padded(min(batch_size, size))
    if size > batch_size and size % batch_size:
        return max(full, batch_size) if placement is None else placement.padded(batch_size)
    return full if placement is not None and full != min(batch_size, size) else None


def _epoch_by_batch(model, executor, feed, order, batch_size, callbacks, figures, first=0):
    if first:
        callbacks.on_chunk_end(first * batch_size, first, figures.averages)
    pad = padding(model, executor, len(order), batch_size)
    in_flight: list = []
    for number, start in enumerate(range(first * batch_size, len(order), batch_size), first):
        index = order[start : start + batch_size]
        if callbacks.uses_batches:
            callbacks.batch_begins(number, Logs(batch=number, size=len(index)))
        batch, rows = feed.batch(index, pad)
        if pad and rows is None:
            rows = np.ones((pad,), "float32")
        logs = executor.train(batch, rows, *model._next_key(executor), placement=model._placement)
        figures.add(logs, [len(index)])
        if callbacks.uses_batches:
            callbacks.batch_ends(number, BatchLogs(model.metrics_names, logs, batch=number, size=len(index)))
        callbacks.on_chunk_end(start + len(index), number + 1, lambda: figures.averages(ready_only=True))
        in_flight.append(logs)
        if len(in_flight) > 2:  # let the device run ahead by two steps, not by an epoch
            in_flight.pop(0).block_until_ready()
        if model.stop_training:
            break


def _epoch_by_chunk(model, executor, feed, order, batch_size, callbacks, figures):
    total = -(-len(order) // batch_size)
    whole = len(order) // batch_size
    pad = padding(model, executor, len(order), batch_size)
    looped = total if pad is not None or whole == total else whole
    row_bytes = sum(x.dtype.itemsize * int(np.prod(x.shape[1:])) for x in feed.data)
    most = min(_CHUNK_STEPS, _CHUNK_BYTES // max(1, row_bytes * batch_size))
    if looped < 2 or most < 2:
        _epoch_by_batch(model, executor, feed, order, batch_size, callbacks, figures)
        return
    capacity = min(1 << (looped - 1).bit_length(), 1 << (most.bit_length() - 1))
    done = 0
    in_flight: list = []
    while done < looped and not model.stop_training:
        count = min(capacity, looped - done)
        index = order[done * batch_size : (done + count) * batch_size]
        # Nothing else holds the host's copy, and no third chunk comes to the device while two are there.
        placed = _on_device(feed.chunk(index, capacity, batch_size, pad), model._placement)
        ran, logs = _run_chunk(model, executor, placed, count, len(index), batch_size, done, callbacks, figures)
        del placed
        done += ran
        in_flight.append(logs)
        if len(in_flight) > 1:
            in_flight.pop(0).block_until_ready()
    if looped < total and not model.stop_training:
        rest = order[looped * batch_size :]
        batch, _ = feed.batch(rest)
        figures.add(executor.train(batch, None, *model._next_key(executor), placement=model._placement), [len(rest)])
        callbacks.on_chunk_end(len(order), total, lambda: figures.averages(ready_only=True))


def _on_device(chunk, placement):
    """The arrays of a chunk, (steps, batch, ...), where the steps want them."""
    return jax.device_put(chunk) if placement is None else placement.feed(chunk, axis=1)


def _run_chunk(model, executor, chunk, count, samples, batch_size, done, callbacks, figures):
    """Dispatches the batches of one chunk, a few at a time; returns how many were run and the logs of all."""
    placement = model._placement
    batches, rows = chunk
    logs = jax.numpy.zeros(
        (jax.tree.leaves(batches)[0].shape[0], len(model.metrics_names)), jax.dtypes.canonicalize_dtype("float64")
    )
    start = 0
    while start < count and not model.stop_training:
        stop = min(count, start + max(1, int(_DISPATCH_SECONDS / model._step_seconds)))
        key, number = model._next_key(executor, stop - start)
        begun = time.perf_counter()
        compiled = model.compilations
        logs = executor.train_many(batches, rows, key, number - start, logs, start, stop, placement)
        if stop < count or model._step_seconds >= 1.0:
            logs.block_until_ready()
            if model.compilations == compiled:
                model._step_seconds = (time.perf_counter() - begun) / (stop - start)
            else:
                model._step_seconds = min(model._step_seconds, 0.02)
        sizes = [min(batch_size, samples - i * batch_size) for i in range(start, stop)]
        figures.add(logs, sizes, start)
        seen = done * batch_size + min(samples, stop * batch_size)
        callbacks.on_chunk_end(seen, done + stop, lambda: figures.averages(ready_only=True))
        start = stop
    return start, logs


def test_loop(model, feed: Feed, batch_size, phase: Phase, steps=None) -> list:
    """The figures of the model on data: one number per `model.metrics_names`."""
    phase.begin()
    executor = model._executor("test")
    feed = executor.stretched(feed, False, model._placement)
    model._reset_metrics()
    figures = Figures(model.metrics_names, model.stateful_metric_names)
    in_flight: list = []
    if model._placement is not None:
        model._placement.agree("evaluate", samples=feed.size, batch_size=batch_size, steps=steps)
    order = np.arange(feed.size)
    if steps is not None:
        order = np.resize(order, steps * batch_size)
    pad = padding(model, executor, len(order), batch_size)
    for number, start in enumerate(range(0, len(order), batch_size)):
        index = order[start : start + batch_size]
        batch, rows = feed.batch(index, pad)
        if pad and rows is None:
            rows = np.ones((pad,), "float32")
        phase.batch_begins(number, len(index))
        logs, _ = executor.forward(batch, rows, *model._next_key(executor), placement=model._placement)
        figures.add(logs, [len(index)])
        phase.batch_ends(number, len(index), (model.metrics_names, logs))
        in_flight.append(logs)
        if len(in_flight) > 2:  # as in training: batches do not pile up in front of the device
            in_flight.pop(0).block_until_ready()
    values = figures.values()
    phase.end()
    return values


def predict_loop(model, feed: Feed, batch_size, phase: Phase, steps=None) -> list:
    """The outputs for all samples, as NumPy arrays."""
    phase.begin()
    executor = model._executor("predict")
    feed = executor.stretched(feed, False, model._placement)
    size = feed.size if steps is None else steps * batch_size
    if model._placement is not None:
        model._placement.agree("predict", samples=size, batch_size=batch_size)
    if size <= batch_size and steps is None:
        results = _predict_at_once(model, executor, feed, batch_size, phase)
        phase.end()
        return results
    order = np.resize(np.arange(feed.size), size)
    pad = padding(model, executor, size, batch_size)
    parts: list = []
    waiting: list = []
    for number, start in enumerate(range(0, size, batch_size)):
        index = order[start : start + batch_size]
        batch, rows = feed.batch(index, pad)
        phase.batch_begins(number, len(index))
        rows = executor.rows_read(rows, pad)
        _, outputs = executor.forward(batch, rows, *model._next_key(executor), placement=model._placement)
        waiting.append((outputs, batch, len(index)))
        phase.batch_ends(number, len(index), outputs=lambda: executor.on_host(*waiting[-1]))
        if len(waiting) > 2:
            parts.append(executor.on_host(*waiting.pop(0)))
    parts.extend(executor.on_host(*last) for last in waiting)
    phase.end()
    return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]


def _predict_at_once(model, executor, feed, batch_size, phase) -> list:
    """The outputs for samples that are one batch."""
    size, placement = feed.size, model._placement
    pad = size_filled(size, batch_size, placement) if executor.rowwise else size
    batch, rows = feed.whole() if pad == size else feed.batch(np.arange(size), pad)
    phase.batch_begins(0, size)
    _, outputs = executor.forward(batch, executor.rows_read(rows, pad), *model._next_key(executor), placement=placement)
    results = [np.array(y) for y in executor.on_host(outputs, batch, size)]
    phase.batch_ends(0, size, outputs=lambda: results)
    return results


def size_filled(size, batch_size, placement) -> int:
    """The size a small batch is padded to: a power of two from 8 on, so that few programs serve all sizes."""
    if size <= 1 and placement is None:
        return 1
    full = min(bucket(size), batch_size)
    return full if placement is None else placement.padded(full)

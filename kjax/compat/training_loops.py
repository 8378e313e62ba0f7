"""The entry points of Keras's training loops: for programs that run them with step functions of their own."""

from __future__ import annotations

import contextlib

import numpy as np

from kjax import callbacks as callback_room
from kjax.compat.training1 import batch_shuffle, check_num_samples, make_batches
from kjax.engine.base_layer import to_list, unlist
from kjax.utils.generic_utils import Progbar, slice_arrays


def _batch(ins, rows):
    """The rows of each array; a learning phase at the end stays as it is."""
    return [x if np.ndim(x) == 0 else slice_arrays([x], rows)[0] for x in ins]


def fit_loop(
    model,
    f,
    ins,
    out_labels=None,
    batch_size=None,
    epochs=100,
    verbose=1,
    callbacks=None,
    val_f=None,
    val_ins=None,
    shuffle=True,
    callback_metrics=None,
    initial_epoch=0,
    steps_per_epoch=None,
    validation_steps=None,
):
    """Trains by a step of one's own.

    Args:
        model: whose callbacks and history are used.
        f: called with the list of arrays of one batch; gives a figure or a list of them.
        ins: list of arrays; a learning phase may stand at its end.
        out_labels: names of the figures.
        val_f, val_ins: the same for validation.
        callback_metrics: the names that callbacks are told of.
        batch_size, epochs, verbose, callbacks, shuffle, initial_epoch, steps_per_epoch, validation_steps: as for `fit`.

    Returns:
        History.
    """
    validates = bool(val_f and val_ins) or bool(validation_steps)
    if validation_steps and steps_per_epoch is None:
        raise ValueError(
            "Can only use `validation_steps` when doing step-wise training, i.e. `steps_per_epoch` must be set."
        )
    if validates and not validation_steps and steps_per_epoch:
        raise ValueError("Must specify `validation_steps` to perform validation when doing step-wise training.")
    size = check_num_samples(ins, batch_size, steps_per_epoch, "steps_per_epoch")
    labels = list(out_labels or ())
    if verbose and validates and val_ins and size is not None:
        print(f"Train on {size} samples, validate on {len(val_ins[0])} samples")
    stateful = getattr(model, "stateful_metric_names", [])
    model.history = callback_room.History()
    chain = [callback_room.BaseLogger(stateful_metrics=stateful)]
    if verbose:
        counted = "samples" if steps_per_epoch is None else "steps"
        chain.append(callback_room.ProgbarLogger(counted, stateful_metrics=stateful))
    watched = callback_room.CallbackList([*chain, *(callbacks or ()), model.history])
    told = getattr(model, "callback_model", None) or model
    watched.set_model(told)
    watched.set_params(
        {
            "batch_size": batch_size,
            "epochs": epochs,
            "steps": steps_per_epoch,
            "samples": size,
            "verbose": verbose,
            "do_validation": validates,
            "metrics": list(callback_metrics or ()),
        }
    )
    for callback in watched:
        callback.validation_data = val_ins
    told.stop_training = False
    watched.on_train_begin()
    for epoch in range(initial_epoch, epochs):
        for metric in getattr(model, "stateful_metric_functions", ()):
            metric.reset_states()
        logs: dict = {}
        watched.on_epoch_begin(epoch)
        for i, rows in enumerate(_orders(size, batch_size, steps_per_epoch, shuffle)):
            batch = {"batch": i, "size": 1 if rows is None else len(rows)}
            watched.on_batch_begin(i, batch)
            outputs = to_list(f(ins if rows is None else _batch(ins, rows)))
            batch.update(zip(labels, outputs, strict=False))
            watched.on_batch_end(i, batch)
            if told.stop_training:
                break
        else:
            if validates:
                values = to_list(test_loop(model, val_f, val_ins, batch_size, 0, validation_steps))
                logs.update(zip(("val_" + name for name in labels), values, strict=False))
        watched.on_epoch_end(epoch, logs)
        if told.stop_training:
            break
    watched.on_train_end()
    return model.history


def _orders(size, batch_size, steps, shuffle):
    """The row numbers of every batch of an epoch; None: all the data."""
    if steps is not None:
        yield from (None for _ in range(steps))
        return
    order = np.arange(size)
    if shuffle == "batch":
        order = batch_shuffle(order, batch_size)
    elif shuffle:
        np.random.shuffle(order)
    for start, end in make_batches(size, batch_size):
        yield order[start:end]


@contextlib.contextmanager
def _progress(target, verbose):
    """What is called with the number of finished samples or steps."""
    bar = Progbar(target=target) if verbose == 1 else None
    yield (lambda done: None) if bar is None else bar.update


def predict_loop(model, f, ins, batch_size=32, verbose=0, steps=None):
    """The outputs of a function of one's own, batch by batch.

    Args:
        model: not used where `f` says everything.
        f: called with the list of arrays of one batch; gives a list of arrays.
        ins: list of arrays; a learning phase may stand at its end.
        batch_size, verbose, steps: as for `predict`.

    Returns:
        array, or a list of them.
    """
    size = check_num_samples(ins, None if steps is not None else batch_size, steps, "steps")
    parts: list = []
    with _progress(size if steps is None else steps, verbose) as told:
        for i, rows in enumerate(_orders(size, batch_size, steps, False)):
            outputs = to_list(f(ins if rows is None else _batch(ins, rows)))
            parts.append([np.asarray(y) for y in outputs])
            told(i + 1 if rows is None else int(rows[-1]) + 1)
    return unlist([np.concatenate(outputs) for outputs in zip(*parts, strict=True)])


def test_loop(model, f, ins, batch_size=None, verbose=0, steps=None):
    """The figures of a step of one's own: means over the samples, of stateful metrics the last value.

    Args and Returns: see `predict_loop`, with figures in the place of arrays.
    """
    for metric in getattr(model, "stateful_metric_functions", ()):
        metric.reset_states()
    stateful = set(getattr(model, "stateful_metric_names", ()))
    names = getattr(model, "metrics_names", ())
    size = check_num_samples(ins, None if steps is not None else batch_size, steps, "steps")
    figures: list = []
    counts: list = []
    with _progress(size if steps is None else steps, verbose) as told:
        for i, rows in enumerate(_orders(size, batch_size, steps, False)):
            outputs = to_list(f(ins if rows is None else _batch(ins, rows)))
            figures.append([float(np.mean(v)) for v in outputs])
            counts.append(1 if rows is None else len(rows))
            told(i + 1 if rows is None else int(rows[-1]) + 1)
    means = [
        values[-1] if i < len(names) and names[i] in stateful else float(np.average(values, weights=counts))
        for i, values in enumerate(zip(*figures, strict=True))
    ]
    return unlist(means)


test_loop.__test__ = False  # type: ignore[attr-defined]  # a name that pytest would collect


def fit_generator(model, generator, *args, **kwargs):
    """`model.fit_generator`."""
    return model.fit_generator(generator, *args, **kwargs)


def evaluate_generator(model, generator, *args, **kwargs):
    """`model.evaluate_generator`."""
    return model.evaluate_generator(generator, *args, **kwargs)


def predict_generator(model, generator, *args, **kwargs):
    """`model.predict_generator`."""
    return model.predict_generator(generator, *args, **kwargs)

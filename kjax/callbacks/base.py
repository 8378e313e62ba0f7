"""Callback and CallbackList: what is called back during training."""

from __future__ import annotations

from kjax.engine.logs import Logs

__all__ = ["Callback", "CallbackList"]

_BATCH_HOOKS = {
    "train": ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class Callback:
    """Base of callbacks; a subclass overrides the hooks it wants.

    Attributes:
        model: the model being trained.
        validation_data: what `fit` validates on, list of input, target and weight arrays; None without, or where a
            generator gives it.
        params: dict with `epochs`, `steps` or `samples` and `batch_size`, `verbose`, `metrics`, `do_validation`.
        uses_batches: whether the loop must stop at every batch for this callback; by default, whether a batch hook is
            overridden. Without such a callback many steps go to the device at once.

    `logs` are dicts of figures; those of a batch also hold `batch` and `size`.
    """

    def __init__(self):
        self.validation_data = None
        self.model = None
        self.params: dict = {}

    def set_params(self, params):
        self.params = params

    def set_model(self, model):
        self.model = model

    def on_epoch_begin(self, epoch, logs=None):
        """Called before the first batch of an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        """Called after an epoch and its validation; `logs` holds the figures of both."""

    def on_batch_begin(self, batch, logs=None):
        """Called before each training batch."""

    def on_batch_end(self, batch, logs=None):
        """Called after each training batch."""

    def on_train_batch_begin(self, batch, logs=None):
        """As `on_batch_begin`, which it calls, under its later name."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        """As `on_batch_end`, which it calls, under its later name."""
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch, logs=None):
        """Called before each batch of an evaluation."""

    def on_test_batch_end(self, batch, logs=None):
        """Called after each batch of an evaluation."""

    def on_predict_batch_begin(self, batch, logs=None):
        """Called before each batch of a prediction."""

    def on_predict_batch_end(self, batch, logs=None):
        """Called after each batch of a prediction."""

    def on_train_begin(self, logs=None):
        """Called once before training."""

    def on_train_end(self, logs=None):
        """Called once after training."""

    def on_test_begin(self, logs=None):
        """Called before an evaluation."""

    def on_test_end(self, logs=None):
        """Called after an evaluation."""

    def on_predict_begin(self, logs=None):
        """Called before a prediction."""

    def on_predict_end(self, logs=None):
        """Called after a prediction."""

    def on_chunk_end(self, samples, steps, averages):
        """Called now and then within an epoch, wherever the device has got to.

        Args:
            samples, steps: how many of the epoch have been sent to the device.
            averages: function giving the figures of the epoch so far, of the steps that are finished.
        """


def needs_batches(callback) -> bool:
    """Whether a callback must be called at every training batch."""
    declared = getattr(callback, "uses_batches", None)
    return _overrides(callback, "train") if declared is None else bool(declared)


def _overrides(callback, kind) -> bool:
    """Whether a callback has a hook of its own for batches of this kind."""
    for hook in _BATCH_HOOKS[kind]:
        mine = getattr(callback, hook, None)
        if mine is not None and getattr(mine, "__func__", mine) is not getattr(Callback, hook):
            return True
    return False


class CallbackList:
    """Several callbacks called one after the other.

    Args:
        callbacks: list of Callback.
        queue_length: accepted as in Keras; batch times are not recorded.
    """

    def __init__(self, callbacks=None, queue_length=10):
        self.callbacks = list(callbacks or [])
        self.queue_length = queue_length
        self._batch_wise = None

    def append(self, callback):
        self.callbacks.append(callback)
        self._batch_wise = None

    def __iter__(self):
        return iter(self.callbacks)

    @property
    def batch_wise(self) -> list:
        """The callbacks that are called at every batch."""
        if self._batch_wise is None:
            self._batch_wise = [c for c in self.callbacks if needs_batches(c)]
        return self._batch_wise

    @property
    def uses_batches(self) -> bool:
        return bool(self.batch_wise)

    def with_batch_hooks(self, kind) -> list:
        """The callbacks that have a hook for batches of a kind: 'test' or 'predict'."""
        return [c for c in self.callbacks if _overrides(c, kind)]

    def set_params(self, params):
        for c in self.callbacks:
            c.set_params(params)

    def set_model(self, model):
        for c in self.callbacks:
            c.set_model(model)

    def tell(self, hook, *args):
        """Calls one hook of all callbacks."""
        for c in self.callbacks:
            call = getattr(c, hook, None)  # objects that only look like callbacks lack the newer hooks
            if call is not None:
                call(*args)

    def on_epoch_begin(self, epoch, logs=None):
        self.tell("on_epoch_begin", epoch, Logs() if logs is None else logs)

    def on_epoch_end(self, epoch, logs=None):
        self.tell("on_epoch_end", epoch, Logs() if logs is None else logs)

    def batch_begins(self, batch, logs):
        """Called by `fit`: reaches those that want single batches; the others hear of many at once."""
        self._at_batch(self.batch_wise, "begin", batch, logs)

    def batch_ends(self, batch, logs):
        """See `batch_begins`."""
        self._at_batch(self.batch_wise, "end", batch, logs)

    @staticmethod
    def _at_batch(callbacks, moment, batch, logs):
        for c in callbacks:
            hook = getattr(c, f"on_train_batch_{moment}", None) or getattr(c, f"on_batch_{moment}")
            hook(batch, logs)

    def on_batch_begin(self, batch, logs=None):
        self._at_batch(self.callbacks, "begin", batch, Logs() if logs is None else logs)

    def on_batch_end(self, batch, logs=None):
        self._at_batch(self.callbacks, "end", batch, Logs() if logs is None else logs)

    def on_train_begin(self, logs=None):
        self.tell("on_train_begin", Logs() if logs is None else logs)

    def on_train_end(self, logs=None):
        self.tell("on_train_end", Logs() if logs is None else logs)

    def on_train_batch_begin(self, batch, logs=None):
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs=None):
        self.tell("on_test_begin", logs)

    def on_test_batch_begin(self, batch, logs=None):
        self.tell("on_test_batch_begin", batch, Logs() if logs is None else logs)

    def on_test_end(self, logs=None):
        self.tell("on_test_end", logs)

    def on_test_batch_end(self, batch, logs=None):
        self.tell("on_test_batch_end", batch, Logs() if logs is None else logs)

    def on_predict_begin(self, logs=None):
        self.tell("on_predict_begin", logs)

    def on_predict_batch_begin(self, batch, logs=None):
        self.tell("on_predict_batch_begin", batch, Logs() if logs is None else logs)

    def on_predict_end(self, logs=None):
        self.tell("on_predict_end", logs)

    def on_predict_batch_end(self, batch, logs=None):
        self.tell("on_predict_batch_end", batch, Logs() if logs is None else logs)

    def on_chunk_end(self, samples, steps, averages):
        self.tell("on_chunk_end", samples, steps, averages)

"""Callbacks that watch one figure: they stop early, save the best, lower the rate, stop at an invalid loss."""

from __future__ import annotations

import math
import os
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.callbacks.base import Callback
from kjax.engine.logs import Logs

__all__ = ["EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau", "TerminateOnNaN", "optimizer_rate"]


def optimizer_rate(callback):
    """The variable of the optimizer's learning rate.

    Raises:
        ValueError: when the optimizer has none that can be changed.
    """
    optimizer = callback.model.optimizer
    if not hasattr(optimizer, "lr"):
        raise ValueError(
            f'{type(callback).__name__}: the optimizer must have an "lr" attribute; '
            f"{type(optimizer).__name__} has none."
        )
    return optimizer.lr


class _Monitor(Callback):
    """A callback that watches the figure `monitor`; `mode` says which direction is better."""

    _ascending = ("acc",)

    def __init__(self, monitor, mode):
        super().__init__()
        self.monitor = monitor
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode {mode} is unknown, fallback to auto mode.", RuntimeWarning, stacklevel=3
            )
            mode = "auto"
        self.mode = mode

    @property
    def _larger_is_better(self) -> bool:
        return self.mode == "max" or (self.mode == "auto" and any(part in self.monitor for part in self._ascending))

    def _worst(self) -> float:
        return -math.inf if self._larger_is_better else math.inf

    def _expected(self) -> Logs:
        """The names that the model will report."""
        return Logs({name: 0.0 for name in self.params.get("metrics", ())})

    def _say_if_unknown(self):
        """A wrong name is said before the first epoch, not after it."""
        expected = self._expected()
        if expected and self.monitor not in expected and self.monitor != "lr":
            warnings.warn(
                f"{type(self).__name__}: monitor {self.monitor!r} is not among the figures of this training: "
                f"{', '.join(expected)}. Unless another callback adds it to the logs, nothing will be watched.",
                RuntimeWarning,
                stacklevel=4,
            )

    def _current(self, logs, consequence):
        """The watched figure of an epoch, or None."""
        current = (logs or {}).get(self.monitor)
        if current is None and self.monitor not in self._expected():
            warnings.warn(
                f"{consequence} `{self.monitor}` which is not available. Available metrics are: {','.join(logs or ())}",
                RuntimeWarning,
                stacklevel=3,
            )
        return None if current is None else float(current)


class EarlyStopping(_Monitor):
    """Stops training when a figure no longer improves.

    Args:
        monitor: name of the figure, default 'val_loss'.
        min_delta: number >= 0; smaller improvements do not count; default 0.
        patience: int, epochs without improvement that are let pass; default 0.
        verbose: 0 or 1 (says when it stops).
        mode: 'min', 'max' or 'auto' (max for names with 'acc').
        baseline: number that the figure must first improve on, or None.
        restore_best_weights: whether the weights of the best epoch are put back when it stops.

    Differs: a wrong `monitor` is warned about at the start.
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
    ):
        super().__init__(monitor, mode)
        self.monitor_op = np.greater if self._larger_is_better else np.less
        self.min_delta = abs(min_delta) if self._larger_is_better else -abs(min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.wait = 0
        self.stopped_epoch = 0
        self.best = self._worst()
        self.best_weights = None

    def on_train_begin(self, logs=None):
        self.wait = 0
        self.stopped_epoch = 0
        self.best = self._worst() if self.baseline is None else self.baseline
        self.best_weights = None
        self._say_if_unknown()

    def on_epoch_end(self, epoch, logs=None):
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.monitor_op(current - self.min_delta, self.best):
            self.best = current
            self.wait = 0
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            return
        self.wait += 1
        if self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True
            if self.best_weights is not None:
                if self.verbose > 0:
                    print("Restoring model weights from the end of the best epoch")
                self.model.set_weights(self.best_weights)

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1:05d}: early stopping")

    def get_monitor_value(self, logs):
        """The watched figure, or None (with a warning) where the logs lack it."""
        return self._current(logs, "Early stopping conditioned on metric")


class ModelCheckpoint(_Monitor):
    """Saves the model after epochs.

    Args:
        filepath: path; may hold '{epoch:02d}' and figures such as '{val_loss:.2f}'. Missing folders are made.
        monitor: name of the figure that `save_best_only` watches, default 'val_loss'.
        verbose: 0 or 1.
        save_best_only: whether only improvements are saved.
        save_weights_only: whether `model.save_weights` is used instead of `model.save`.
        mode: 'min', 'max' or 'auto' (max for names with 'acc' or that begin with 'fmeasure').
        period: int >= 1, epochs between two savings.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        period=1,
    ):
        super().__init__(monitor, mode)
        self.filepath = filepath
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.period = period
        self.epochs_since_last_save = 0
        self.monitor_op = np.greater if self._larger_is_better else np.less
        self.best = self._worst()

    @property
    def _larger_is_better(self):
        return super()._larger_is_better or (self.mode == "auto" and self.monitor.startswith("fmeasure"))

    def on_train_begin(self, logs=None):
        if self.save_best_only:
            self._say_if_unknown()

    def on_epoch_end(self, epoch, logs=None):
        self.epochs_since_last_save += 1
        if self.epochs_since_last_save < self.period:
            return
        self.epochs_since_last_save = 0
        if not self.save_best_only:
            path = self._path(epoch, logs)
            self._say(epoch, f"saving model to {path}")
            self._save(path)
            return
        current = self._current(logs, "Can save best model only with metric")
        if current is None:
            return
        if self.monitor_op(current, self.best):
            path = self._path(epoch, logs)
            change = f"{self.monitor} improved from {self.best:0.5f} to {current:0.5f}"
            self._say(epoch, f"{change}, saving model to {path}")
            self.best = current
            self._save(path)
        else:
            self._say(epoch, f"{self.monitor} did not improve from {self.best:0.5f}")

    def _say(self, epoch, text):
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: {text}")

    def _path(self, epoch, logs):
        known = Logs(logs or {})
        known["epoch"] = epoch + 1
        try:
            return os.fspath(self.filepath).format_map(known)
        except KeyError as missing:
            raise ValueError(
                f"ModelCheckpoint: filepath {self.filepath!r} names {missing}, which this epoch has not; "
                f"it has {', '.join(known)}."
            ) from None

    def _save(self, path):
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)


class ReduceLROnPlateau(_Monitor):
    """Lowers the learning rate when a figure no longer improves: lr <- max(lr * factor, min_lr).

    Args:
        monitor: name of the figure, default 'val_loss'.
        factor: number < 1, default 0.1.
        patience: int, epochs without improvement that are let pass; default 10.
        verbose: 0 or 1.
        mode: 'min', 'max' or 'auto' (max for names with 'acc').
        min_delta: number >= 0; smaller improvements do not count; default 1e-4 (also `epsilon`).
        cooldown: int, epochs after a reduction in which nothing is counted; default 0.
        min_lr: number, default 0.
    """

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0,
        **kwargs,
    ):
        super().__init__(monitor, mode)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0, received {factor!r}.")
        if "epsilon" in kwargs:
            min_delta = kwargs.pop("epsilon")
            warnings.warn(
                "`epsilon` argument is deprecated and will be removed, use `min_delta` instead.", stacklevel=2
            )
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau got unexpected arguments {sorted(kwargs)}.")
        self.factor = factor
        self.min_lr = min_lr
        self.min_delta = min_delta
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self._reset()

    def _reset(self):
        self.cooldown_counter = 0
        self.wait = 0
        self.best = self._worst()

    def monitor_op(self, a, b):
        """Whether `a` is an improvement on `b`."""
        return a > b + self.min_delta if self._larger_is_better else a < b - self.min_delta

    def on_train_begin(self, logs=None):
        self._reset()
        self._say_if_unknown()

    def on_epoch_end(self, epoch, logs=None):
        logs = Logs() if logs is None else logs
        lr = optimizer_rate(self)
        logs["lr"] = float(K.get_value(lr))
        current = self._current(logs, "Reduce LR on plateau conditioned on metric")
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.monitor_op(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch, lr)

    def _reduce(self, epoch, lr):
        old = float(K.get_value(lr))
        if old > self.min_lr:
            new = max(old * self.factor, self.min_lr)
            K.set_value(lr, new)
            if self.verbose > 0:
                print(f"\nEpoch {epoch + 1:05d}: ReduceLROnPlateau reducing learning rate to {new}.")
            self.cooldown_counter = self.cooldown
            self.wait = 0

    def in_cooldown(self):
        """Whether the epochs after a reduction are still going on."""
        return self.cooldown_counter > 0


class TerminateOnNaN(Callback):
    """Stops training at the first batch whose loss is NaN or infinite.

    Differs: the model then holds the newest state that is finite, where Keras 2.2.4 leaves NaN in it: that before the
    invalid step, or, if that was what made the loss invalid, that before the last valid step. (A state of more than
    8 MB is not kept from step to step; it stays as the invalid step left it.)
    """

    def __init__(self):
        super().__init__()
        self._valid = None  # the state that gave the last valid loss

    def on_train_begin(self, logs=None):
        self._valid = None

    def on_train_end(self, logs=None):
        self._valid = None

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        safeguard = getattr(self.model, "_training_safeguard", None)
        given = None if safeguard is None else safeguard.given()
        if np.isfinite(loss):
            self._valid = given
            return
        print(f"Batch {batch:d}: Invalid loss, terminating training")
        self.model.stop_training = True
        for state, last in ((given, batch), (self._valid, batch - 1)):
            if state is not None and _all_finite(state):
                safeguard.put(state)
                print(f"The model holds the weights from before batch {last:d}.")
                return


def _all_finite(state) -> bool:
    return all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating))

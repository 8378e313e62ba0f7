"""Looks at data and models for what Keras trains on without a word, and what is seldom meant."""

from __future__ import annotations

import warnings

import numpy as np

from kjax import activations, losses

__all__ = ["look_at_data", "look_at_output", "warn_of_loss"]

_LOOK_BYTES = 1 << 27  # larger arrays are not looked through


def look_at_output(output, name, loss) -> None:
    """Warns of activations of the last layer that cannot be what the loss, given by its name, is for."""
    layer = output._keras_history[0] if getattr(output, "_keras_history", None) else None
    activation = getattr(getattr(layer, "layer", layer), "activation", None)
    units = output.shape[-1] if len(output.shape) else None
    if activation is activations.softmax and units == 1:
        _warn(
            f"output {name!r} is a softmax over one unit, which is always 1: for two classes use "
            "Dense(1, activation='sigmoid') with the loss `binary_crossentropy`."
        )
    elif activation is activations.sigmoid and loss == "categorical_crossentropy" and units != 1:
        _warn(
            f"output {name!r} has a sigmoid and the loss `categorical_crossentropy`: for one class per sample use "
            "activation='softmax', for several at once the loss `binary_crossentropy`."
        )


def look_at_data(feed, inputs, targets) -> None:
    """Warns of NaN and infinite numbers, and of targets that a loss is not made for, in data that are in memory.

    Args:
        feed: Feed.
        inputs: names of the inputs.
        targets: (name of the output, name of its loss) of the targets that are fed.
    """
    for name, array in zip(inputs, feed.data, strict=False):
        _look_for_numbers(array, f"the data of input {name!r}")
    for (name, loss), array in zip(targets, feed.data[len(inputs) :], strict=True):
        if getattr(losses, loss, None) is None:
            continue  # a loss of the user's own may take anything
        _look_for_numbers(array, f"the targets of output {name!r}")
        if loss == "binary_crossentropy" and _is_small(array):
            low, high = array.min(), array.max()
            if low < 0 or high > 1:
                _warn(
                    f"the targets of output {name!r} range from {low:g} to {high:g}, binary_crossentropy wants "
                    "them in [0, 1]: (y + 1) / 2 for labels -1 and 1, `sparse_categorical_crossentropy` for class "
                    "numbers."
                )
    for array in feed.weights:
        if array is not None:
            _look_for_numbers(array, "the sample weights")


def _is_small(array) -> bool:
    return isinstance(array, np.ndarray) and 0 < array.nbytes <= _LOOK_BYTES and array.dtype.kind in "fiub"


def _look_for_numbers(array, what) -> None:
    if not _is_small(array) or array.dtype.kind != "f":
        return
    with np.errstate(all="ignore"):
        if np.isfinite(array.sum()):
            return
    wrong = ~np.isfinite(array)
    if wrong.any():
        at = int(np.argmax(wrong.reshape(len(array), -1).any(axis=1)))
        kind = "NaN" if np.isnan(array).any() else "infinite numbers"
        _warn(
            f"{what} hold {kind} ({int(wrong.sum())} in all, the first in sample {at}), and the loss will be NaN; fill "
            "them before, as by np.nan_to_num(x), or drop the samples."
        )


def warn_of_loss(figures, epoch) -> bool:
    """Warns, and tells so, where the loss was not finite in a step of the epoch (counted from 0)."""
    if figures.lost_at is None:
        return False
    _warn(
        f"the loss is {figures.lost:g} from step {figures.lost_at + 1} of epoch {epoch + 1} on. A smaller learning "
        "rate, clipnorm=1.0 of the optimizer, data free of NaN and scaled to about 1, and no log or division by 0 in a "
        "loss of your own help; the TerminateOnNaN callback stops there."
    )
    return True


def _warn(text) -> None:
    warnings.warn(text, UserWarning, stacklevel=5)

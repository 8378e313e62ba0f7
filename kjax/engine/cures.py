"""Cures: what has likely gone wrong when data do not have the shape that a model requires."""

from __future__ import annotations

import math

__all__ = ["of_input", "of_rank", "of_target"]


def of_input(got, want) -> str:
    """A sentence for an input of shape `got` where `want`, with None for any size, is required; '' if none is known.

    Args:
        got: the shape as the user gave it.
        want: of the model's input, the batch axis first.
    """
    want = tuple(want)
    if _fits(got, want[1:]) and not (len(got) == 1 and want[1:] == (1,)):
        return f" Is it a single sample? The batch axis comes first: x[np.newaxis] has shape {(1, *got)}."
    if len(got) == len(want) - 1 and 1 in (want[-1], want[1]) and len(want) > 2:
        if want[-1] == 1 and _fits(got[1:], want[1:-1]):
            return f" An axis of length 1 is missing at the end: x[..., np.newaxis] has shape {(*got, 1)}."
        if want[1] == 1 and _fits(got[1:], want[2:]):
            return f" The channels' axis is missing: x[:, np.newaxis] has shape {(got[0], 1, *got[1:])}."
    if len(got) == len(want) > 3:
        if _fits((*got[2:], got[1]), want[1:]):
            return " The channels come first in it: np.moveaxis(x, 1, -1), or layers with data_format='channels_first'."
        if _fits((got[-1], *got[1:-1]), want[1:]):
            return " The channels come last in it: np.moveaxis(x, -1, 1), or layers with data_format='channels_last'."
    if len(got) == 2 and len(want) == 2 and _fits(got[:1], want[1:]):
        return f" Samples are the rows: x.T has shape {got[::-1]}."
    rest = want[1:]
    if len(got) > 2 and len(want) == 2 and math.prod(got[1:]) == want[1]:
        return " Flatten the samples: x.reshape(len(x), -1), or a first layer Flatten(input_shape=x.shape[1:])."
    if len(got) == 2 and len(want) == 3:
        return " Sequences are (samples, steps, features): " + (
            f"x.reshape(-1, {rest[0]}, {rest[1]})."
            if None not in rest and math.prod(rest) == got[1]
            else f"x[..., np.newaxis] has one feature per step, shape {(*got, 1)}."
        )
    if len(got) == len(want) > 3 and got[-1] == want[-1]:
        return f" Resize the images to {rest[:-1]}."
    if len(got) == len(want) == 4 and {got[-1], want[-1]} == {1, 3}:
        return (
            " Grey images become coloured ones by np.repeat(x, 3, axis=-1)."
            if got[-1] == 1
            else " Coloured images become grey ones by x.mean(axis=-1, keepdims=True)."
        )
    return ""


def of_target(got, output, loss) -> str:
    """A sentence for targets of shape `got`, which do not fit.

    Args:
        got: the shape, (n, 1) where the user gave (n,).
        output: shape of the output.
        loss: name of its loss.
    """
    classes = output[-1]
    if loss == "sparse_categorical_crossentropy":
        if got[-1] == classes and len(got) == len(output):
            return (
                " They are one-hot: use the loss `categorical_crossentropy`, or give class numbers, "
                "np.argmax(y, axis=-1)."
            )
    elif len(got) == len(output) and got[1:-1] == tuple(output[1:-1]) and got[-1] == 1 and classes not in (1, None):
        return (
            f" If they are class numbers: keras.utils.to_categorical(y, {classes}), or the loss "
            "`sparse_categorical_crossentropy`."
        )
    if len(output) > 2 and len(got) < len(output):
        end = "Flatten() or return_sequences=False" if len(output) == 3 else "Flatten() or GlobalAveragePooling"
        return f" The output has shape {_shown(output)}: is {end} missing before the last layer?"
    if len(got) == len(output) and got[-1] != classes and got[1:-1] == tuple(output[1:-1]):
        return f" The last layer has {classes} units; the targets want {got[-1]}, as in Dense({got[-1]})."
    return ""


def of_rank(got, want) -> str:
    """A sentence for a layer that takes tensors of rank `want` and was given one of rank `got`."""
    if want == 3:
        if got == 2:
            return (
                " Sequences (batch, steps, features) are required: return_sequences=True in a recurrent layer before, "
                "or Reshape((steps, features))."
            )
        return " Reshape((steps, features)) or TimeDistributed(Flatten()) makes sequences (batch, steps, features)."
    if want == 4 and got < 4:
        return " Images (batch, rows, columns, channels) are required, as by Reshape((rows, columns, channels))."
    return " Flatten() before it makes vectors." if want == 2 and got > 2 else ""


def _fits(shape, want) -> bool:
    return len(shape) == len(want) and all(w is None or s == w for s, w in zip(shape, want, strict=True))


def _shown(shape) -> str:
    return str(tuple(shape))

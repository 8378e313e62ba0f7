"""The Keras 1 conversions that a renaming cannot express, each one function on a `Call`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from kjax.keras1.call_conversion import Call, Step

# Keras 1 counted samples where Keras 2 counts batches
# Keras 2's converters only rename these: this is what `keras.legacy.interfaces` does; models count samples
_COUNTS = ("samples_per_epoch", "val_samples", "nb_epoch", "nb_val_samples", "nb_worker")
# arguments of generator methods that tell which Keras is meant; `max_q_size` and `pickle_safe` were in both
_ONLY_KERAS1 = ("samples_per_epoch", "nb_epoch", "nb_val_samples", "val_samples", "nb_worker")
_ONLY_KERAS2 = frozenset(
    "steps_per_epoch epochs validation_steps steps workers max_queue_size use_multiprocessing shuffle".split()
)
_SIDES = ("top_pad", "bottom_pad", "left_pad", "right_pad")


def _is_int(x) -> bool:
    return isinstance(x, (int, np.integer)) and not isinstance(x, bool)


def kernel_dims(*names: str) -> Step:
    """`(filters, 3, 5)` and `nb_row=3, nb_col=5` are `kernel_size=(3, 5)`.

    The sizes may start by position and go on by keyword; one that is missing leaves the call as it is.
    """

    def step(call: Call) -> None:
        given = call.args[1:]
        rest = names[len(given) :]
        if len(given) > len(names) or not all(map(_is_int, given)) or (not given and not rest):
            return
        if len(given) == 2:
            mixed = [k for k in ("padding", "strides", "data_format") if k in call.kwargs]
            if mixed:
                raise ValueError(
                    f"{call.label}: {call.text()} mixes the Keras 1 form (filters, {', '.join(names)}) with the "
                    f"Keras 2 argument {', '.join(mixed)}; write kernel_size={tuple(given)}."
                )
        if not all(k in call.kwargs for k in rest):
            return
        size = (*given, *(call.take(k) for k in rest))
        call.converted = True
        if call.args:
            call.args[1:] = [size]
        else:
            call.give("kernel_size", size)

    return step


def drop_output_shape(call: Call) -> None:
    """A transposed convolution's output shape follows from its arguments."""
    if len(call.args) == 4 and isinstance(call.args[3], (tuple, list)):
        call.args.pop()
        call.converted = True
    if "output_shape" in call.kwargs:
        call.take("output_shape")


def separable_init(call: Call) -> None:
    """One Keras 1 initializer for both kernels."""
    if "init" in call.kwargs:
        init = call.take("init")
        call.give("depthwise_initializer", init)
        call.give("pointwise_initializer", init)


def forget_bias(call: Call) -> None:
    """`forget_bias_init='one'` is a flag in Keras 2; any other value is its default."""
    if "forget_bias_init" not in call.kwargs:
        return
    if call.kwargs["forget_bias_init"] == "one":
        call.give("unit_forget_bias", True)
        call.take("forget_bias_init")
    else:
        value = call.kwargs.pop("forget_bias_init")
        call.note(f"forget_bias_init={value!r} is ignored; Keras 2 has unit_forget_bias=True or bias_initializer.")


def sequence_shape(warn: bool) -> Step:
    """`input_dim` and `input_length` are `input_shape=(length, dim)`; `input_length` alone is left to the layer."""

    def step(call: Call) -> None:
        if "input_dim" not in call.kwargs:
            return
        if warn:
            call.note("input_dim and input_length are Keras 1 arguments; give input_shape=(length, dim).")
        length = call.take("input_length") if "input_length" in call.kwargs else None
        dim = call.take("input_dim")
        if dim is not None:
            call.give("input_shape", (length, dim))

    return step


def drop_dropout(call: Call) -> None:
    """Embedding's own dropout is gone."""
    if "dropout" in call.kwargs:
        call.kwargs.pop("dropout")
        call.note("dropout is no argument any more and is ignored; put a SpatialDropout1D layer behind this one.")


def batchnorm_mode(call: Call) -> None:
    """Of Keras 1's three modes Keras 2 kept the first."""
    if "mode" in call.kwargs:
        mode = call.kwargs["mode"]
        if mode != 0:
            raise TypeError(f"{call.label}: mode must be 0, the only mode of Keras 2; got {mode!r}.")
        call.take("mode")


def padding_dict(call: Call) -> None:
    """`{'top_pad': 1, ...}` is `((top, bottom), (left, right))`; sides that are not named are 0."""

    def pairs(padding):
        top, bottom, left, right = (padding.get(side, 0) for side in _SIDES)
        return (top, bottom), (left, right)

    def is_sides(padding):
        return isinstance(padding, dict) and set(padding) <= set(_SIDES)

    if call.args and is_sides(call.args[0]):
        call.args[0] = pairs(call.args[0])
        call.converted = True
    elif is_sides(call.kwargs.get("padding")):
        call.kwargs["padding"] = pairs(call.kwargs["padding"])
        call.converted = True


def sample_counts(call: Call) -> None:
    """`samples_per_epoch` becomes steps where the generator knows its batch size."""
    if len(call.args) < 2 and "samples_per_epoch" in call.kwargs:
        generator = call.args[0] if call.args else call.kwargs.get("generator")
        samples = call.take("samples_per_epoch")
        batch_size = getattr(generator, "batch_size", None)
        call.give("steps_per_epoch", int(samples) // int(batch_size) if batch_size else samples)
    if any(name in call.kwargs for name in _COUNTS):
        call.note("Keras 2 counts batches (steps_per_epoch, validation_steps, steps) where Keras 1 counted samples.")


def _peeked(source):
    """(batch size of a generator, the generator): its first batch tells, and comes first again; None: it cannot."""
    size = getattr(source, "batch_size", None)
    if size or not hasattr(source, "__next__"):
        return size, source
    first = next(source)
    x = first[0] if isinstance(first, tuple) else first
    while isinstance(x, (list, tuple, dict)):
        x = next(iter(x.values() if isinstance(x, dict) else x))
    return len(x), itertools.chain([first], source)


def samples_to_batches(call: Call) -> None:
    """`samples_per_epoch`, `nb_val_samples`, `val_samples` count samples: as many batches as hold them.

    By position they do so where another keyword tells that the call is one of Keras 1, and none that it is not.
    """
    by_position = any(k in call.kwargs for k in _ONLY_KERAS1) and not any(k in call.kwargs for k in _ONLY_KERAS2)
    fits = call.label == "fit_generator"
    for old, new, source, place in (
        ("samples_per_epoch", "steps_per_epoch", "generator", 0),
        ("val_samples", "steps", "generator", 0),
        ("nb_val_samples", "validation_steps", "validation_data", 5),
    ):
        at = place + 1  # the count stands behind its source
        if by_position and len(call.args) > at and _is_int(call.args[at]) and fits == (old != "val_samples"):
            call.args[at] = _batches(call, call.args[at], source, place)
            call.converted = True
        elif call.kwargs.get(old) is not None:
            call.give(new, _batches(call, call.take(old), source, place))
        else:
            continue
        call.note(f"{old} counts samples, as in Keras 1; Keras 2's {new} counts batches.")


def _batches(call: Call, samples, source: str, place: int):
    """How many batches of a generator, an argument of the call, hold so many samples."""
    positional = len(call.args) > place
    size, generator = _peeked(call.args[place] if positional else call.kwargs.get(source))
    if positional:
        call.args[place] = generator
    elif source in call.kwargs:
        call.kwargs[source] = generator
    return samples if not size else -(-int(samples) // int(size))


def shape_before_name(call: Call) -> None:
    """Keras 1's `add_weight(shape, name=...)`."""
    if call.args and not isinstance(call.args[0], str) and isinstance(call.args[0], Sequence):
        order = ("shape", "name", "dtype", "initializer", "regularizer", "trainable", "constraint")
        if len(call.args) > 2:
            raise TypeError(f"{call.label}: takes only name, shape by position, got {call.text()}.")
        for name, value in zip(order, call.args, strict=False):
            call.give(name, value)
        call.args.clear()


def constraints_dropped(call: Call) -> None:
    """Keras 1's `get_updates(params, constraints, loss)`: constraints are the weights' own now."""
    if len(call.args) > 3:
        raise TypeError(f"{call.label}: takes loss, params; got {len(call.args)} positional arguments.")
    given = len(call.args) + sum(name in call.kwargs for name in ("loss", "constraints"))
    if given == 3 and "params" not in call.kwargs:
        params, loss = call.args[0], call.args[2] if len(call.args) == 3 else call.kwargs.pop("loss")
        call.args.clear()
        call.give("loss", loss)
        call.give("params", params)
    call.kwargs.pop("constraints", None)

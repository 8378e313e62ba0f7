"""What Flax modules compute where the time axis of their inputs was filled up: the same as without the filling."""

from __future__ import annotations

import jax.numpy as jnp

from kjax.backend.nn_ops import softmax_padded
from kjax.graph.padded import Padded, Unpaddable, lowest, propagate
from kjax.nn.shapes import effective_size

__all__ = ["run_padded"]


def run_padded(run, module, along_time, inputs, kwargs):
    """A module on Padded inputs.

    Args:
        run: f(module, inputs, kwargs), which applies a module to arrays.
        along_time: see `kjax.nn.module.Module`.
        inputs, kwargs: the arguments of the module's call.

    Returns:
        What `run` returns, Padded where there is filling.
    """
    x = inputs[0] if len(inputs) == 1 else None
    if isinstance(x, Padded) and along_time in ("loop", "softmax"):
        return _EVERYWHERE[along_time](run, module, x, kwargs)
    if isinstance(x, Padded) and along_time is not None and _is_sequence(x) and module.data_format == "channels_last":
        return _OVER_SEQUENCES[along_time](run, module, x, kwargs)
    names = [k for k, v in kwargs.items() if isinstance(v, Padded)]
    if any(isinstance(v, Padded) for k, given in kwargs.items() if k not in names for v in _leaves(given)):
        raise Unpaddable("a list of arguments of a module")

    def on_arrays(*arrays):
        return run(module, arrays[: len(inputs)], {**kwargs, **dict(zip(names, arrays[len(inputs) :], strict=True))})

    return propagate(on_arrays, [*inputs, *[kwargs[k] for k in names]])


def _is_sequence(x) -> bool:
    return set(x.tags) == {1} and x.ndim == 3


def _mask(x, mask):
    """bool (batch, time): the real steps that the mask lets through."""
    real = jnp.broadcast_to(x.valid(1).reshape(1, -1), x.shape[:2])
    if mask is None:
        return real
    mask = mask.value if isinstance(mask, Padded) else mask
    return real & (mask.reshape(x.shape[:2]) != 0)


def _loop(run, module, x, kwargs):
    """A loop over time: steps that only fill up are masked, so they leave the states alone."""
    others = [v for k, v in kwargs.items() if k != "mask"]
    if set(x.tags) != {1} or module.unroll or any(isinstance(v, Padded) for v in _leaves(others)):
        raise Unpaddable("a recurrent layer")
    (output, states), stats = run(module, [x.value], {**kwargs, "mask": _mask(x, kwargs.get("mask"))})
    if module.return_sequences:
        tag = x.tag(1)
        output = x.like(output, {1: tag._replace(end=tag.end != module.go_backwards)})
    return (output, states), stats


def _leaves(x):
    if isinstance(x, (list, tuple)):
        for v in x:
            yield from _leaves(v)
    else:
        yield x


def _softmax(run, module, x, kwargs):
    return softmax_padded(x, module.axis), {}


def _whole_maximum(run, module, x, kwargs):
    return run(module, [x.filled(lowest(x.dtype))], kwargs)


def _whole_mean(run, module, x, kwargs):
    return run(module, [x.filled(0)], {"mask": _mask(x, kwargs.get("mask"))})


def _convolution(run, module, x, kwargs):
    window = module.kernel_size, module.strides, module.dilation_rate
    return _windows(run, module, x, kwargs, window, 0)


def _maximum(run, module, x, kwargs):
    strides = module.pool_size if module.strides is None else module.strides
    y, stats = _windows(run, module, x, kwargs, (module.pool_size, strides, 1), lowest(x.dtype))
    return y.like(y.filled(0)), stats


def _windows(run, module, x, kwargs, window, neutral):
    """Windows over time: (size, stride, dilation). Those that hold a filled-up step give filling."""
    tag = x.tag(1)
    size, stride, rate = (_first(v) for v in window)
    if not tag.end or (module.padding == "same" and stride != 1):
        raise Unpaddable("windows")
    given = x.value if module.padding == "valid" else x.filled(neutral)
    y, stats = run(module, [given], kwargs)
    span = effective_size(size, rate) if module.padding == "valid" else 1
    key = tag.key if (span, stride) == (1, 1) else (*tag.key, (span, stride))
    return x.like(y, {1: tag._replace(key=key, size=y.shape[1])}), stats


def _first(x) -> int:
    return x[0] if isinstance(x, (tuple, list)) else x


_EVERYWHERE = {"loop": _loop, "softmax": _softmax}
_OVER_SEQUENCES = {
    "convolution": _convolution,
    "maximum": _maximum,
    "whole maximum": _whole_maximum,
    "whole mean": _whole_mean,
}

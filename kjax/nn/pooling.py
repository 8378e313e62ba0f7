"""Maximum and average over windows of one to three spatial axes, and over all positions."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kjax.nn.conv_cpu import windows
from kjax.nn.convolution import channels_last, from_channels_last, per_axis
from kjax.nn.derivatives import differentiable
from kjax.nn.module import Module
from kjax.nn.shapes import channel_axis, pads_of, window_length

__all__ = ["AvgPool", "GlobalAvgPool", "GlobalMaxPool", "MaxPool", "avg_pool", "global_pool", "max_pool"]


def _lowest(dtype):
    """A NumPy scalar: `reduce_window` knows its gradient only for a literal start."""
    return np.asarray(-np.inf if jnp.issubdtype(dtype, jnp.inexact) else np.iinfo(dtype).min, dtype)[()]


def _pad(x, pads, value):
    return lax.pad(x, value, [(0, 0, 0), *((*p, 0) for p in pads), (0, 0, 0)])


# ---------------------------------------------------------------- maximum


def _reduce_max(x, window, strides, pads):
    return lax.reduce_window(x, _lowest(x.dtype), lax.max, (1, *window, 1), (1, *strides, 1), ((0, 0), *pads, (0, 0)))


def _taps(x, window, strides, pads):
    """The value at each tap of the window, in row-major order: as many arrays of the output's shape."""
    if any(map(any, pads)):
        x = _pad(x, pads, _lowest(x.dtype))
    output = [(m - k) // s + 1 for m, k, s in zip(x.shape[1:-1], window, strides, strict=True)]
    return [v for _, v in windows(x, window, strides, (1,) * len(window), output)]


def _max_of_taps(x, window, strides, pads):
    return functools.reduce(jnp.maximum, _taps(x, window, strides, pads))


def _max_pool_plain(window, strides, pads, x):
    """Channels last. The gradient of a window goes to its first maximum."""
    return lax.platform_dependent(
        x,
        cpu=lambda x: _max_of_taps(x, window, strides, pads),
        default=lambda x: _reduce_max(x, window, strides, pads),
    )


def _max_pool_keep(window, strides, pads, x):
    y, first = lax.platform_dependent(
        x,
        cpu=lambda x: _max_and_tap(x, window, strides, pads),
        default=lambda x: _max_and_nothing(x, window, strides, pads),
    )
    return y, (x, first)


def _max_and_tap(x, window, strides, pads):
    """The maximum of each window and the number of the first tap that has it."""
    y, first = None, None
    for i, v in enumerate(_taps(x, window, strides, pads)):
        if y is None:
            y, first = v, jnp.zeros(v.shape, _tap_type(window))
        else:
            first = jnp.where(v > y, jnp.asarray(i, first.dtype), first)
            y = jnp.maximum(y, v)
    return y, first


def _max_and_nothing(x, window, strides, pads):
    y = _reduce_max(x, window, strides, pads)
    return y, jnp.zeros(y.shape, _tap_type(window))


def _tap_type(window):
    return jnp.int8 if math.prod(window) < 128 else jnp.int32


def _max_pool_push(window, strides, pads, kept, tangents):
    return lax.platform_dependent(
        *kept,
        *tangents,
        cpu=lambda x, first, dx: _from_tap(first, dx, window, strides, pads),
        default=lambda x, first, dx: jax.jvp(lambda x: _reduce_max(x, window, strides, pads), (x,), (dx,))[1],
    )


def _from_tap(first, x, window, strides, pads):
    """The value of x at tap number `first` of each window."""
    if any(map(any, pads)):
        x = _pad(x, pads, jnp.zeros((), x.dtype))
    taps = _taps(x, window, strides, ((0, 0),) * len(window))
    return sum(jnp.where(first == i, v, jnp.zeros((), v.dtype)) for i, v in enumerate(taps))


def _max_pool_pull(window, strides, pads, kept, ct):
    # Each platform looks at one of the two things kept, so the other is not kept there.
    return (
        lax.platform_dependent(
            *kept,
            ct,
            cpu=lambda x, first, ct: _to_tap(first, ct, window, strides, pads, x.shape[1:-1]),
            default=lambda x, first, ct: jax.vjp(lambda x: _reduce_max(x, window, strides, pads), x)[1](ct)[0],
        ),
    )


def _to_tap(first, ct, window, strides, pads, size):
    """Each window's cotangent, placed at tap number `first`."""
    zero = jnp.zeros((), ct.dtype)
    parts = [jnp.where(first == i, ct, zero) for i in range(math.prod(window))]
    full = _place(parts, window, strides, [m + sum(p) for m, p in zip(size, pads, strict=True)])
    index = tuple(slice(lo, lo + m) for (lo, _), m in zip(pads, size, strict=True))
    return full[(slice(None), *index)]


def _place(parts, window, strides, size):
    """The transpose of taking taps: part i is added at positions q * s + i of an array of spatial size `size`."""
    zero = jnp.zeros((), parts[0].dtype)
    output = parts[0].shape[1:-1]
    if window == strides:
        n = len(window)
        y = jnp.stack(parts, axis=1 + n).reshape(parts[0].shape[0], *output, *window, parts[0].shape[-1])
        order = [0, *(i for a in range(n) for i in (1 + a, 1 + n + a)), 1 + 2 * n]
        y = y.transpose(order).reshape(y.shape[0], *(q * k for q, k in zip(output, window, strict=True)), y.shape[-1])
        tail = [(0, m - k, 0) for m, k in zip(size, y.shape[1:-1], strict=True)]
        return lax.pad(y, zero, [(0, 0, 0), *tail, (0, 0, 0)])
    total = None
    taps = [()]
    for k in window:
        taps = [(*t, i) for t in taps for i in range(k)]
    for tap, part in zip(taps, parts, strict=True):
        config = [(i, m - i - (q - 1) * s - 1, s - 1) for i, m, q, s in zip(tap, size, output, strides, strict=True)]
        part = lax.pad(part, zero, [(0, 0, 0), *config, (0, 0, 0)])
        total = part if total is None else total + part
    return total


_max_pool = differentiable(_max_pool_plain, _max_pool_keep, _max_pool_push, _max_pool_pull, statics=3)


# ---------------------------------------------------------------- functions


def _prepare(x, pool_size, strides, padding, data_format):
    x = channels_last(x, data_format)
    n = x.ndim - 2
    window = per_axis(pool_size, n)
    strides = window if strides is None else per_axis(strides, n)
    return x, window, strides, pads_of(x.shape[1:-1], window, padding, strides, (1,) * n)


def max_pool(x, pool_size, strides=None, padding="valid", data_format="channels_last"):
    """The maximum of each window; 'same' padding never wins.

    Args:
        x: (batch, *spatial, channels), or channels first.
        pool_size, strides: int or tuple; strides None: those of the window.
        padding: 'valid' or 'same'.
    """
    x, window, strides, pads = _prepare(x, pool_size, strides, padding, data_format)
    return from_channels_last(_max_pool(window, strides, pads, x), data_format)


def avg_pool(x, pool_size, strides=None, padding="valid", data_format="channels_last"):
    """The mean of each window over the positions that are not padding; arguments as for `max_pool`."""
    x, window, strides, pads = _prepare(x, pool_size, strides, padding, data_format)
    y = lax.platform_dependent(
        x,
        cpu=lambda x: _sum_of_taps(x, window, strides, pads),
        default=lambda x: lax.reduce_window(
            x, np.zeros((), x.dtype)[()], lax.add, (1, *window, 1), (1, *strides, 1), ((0, 0), *pads, (0, 0))
        ),
    )
    return from_channels_last(y / _counts(x, window, strides, pads), data_format)


def _sum_of_taps(x, window, strides, pads):
    if any(map(any, pads)):
        x = _pad(x, pads, jnp.zeros((), x.dtype))
    return sum(_taps(x, window, strides, ((0, 0),) * len(window)))


def _counts(x, window, strides, pads):
    """How many positions of each window are inside of x: broadcasts against the output."""
    if not any(map(any, pads)):
        return jnp.asarray(math.prod(window), x.dtype)
    counts = jnp.ones((), x.dtype)
    for a, (m, k, s, (lo, _)) in enumerate(zip(x.shape[1:-1], window, strides, pads, strict=True)):
        starts = [q * s - lo for q in range(window_length(m, k, "same", s))]
        inside = jnp.asarray([min(b + k, m) - max(b, 0) for b in starts], x.dtype)
        counts = counts * inside.reshape([-1 if a + 1 == i else 1 for i in range(x.ndim)])
    return counts


def global_pool(x, reduce, data_format="channels_last"):
    """`reduce` (jnp.max, jnp.mean) over all spatial axes: (batch, channels)."""
    axis = channel_axis(data_format, x.ndim)
    return reduce(x, axis=tuple(a for a in range(1, x.ndim) if a != axis))


# ---------------------------------------------------------------- modules


class MaxPool(Module):
    """The maximum of each window."""

    pool_size: int | tuple[int, ...]
    strides: int | tuple[int, ...] | None = None
    padding: str = "valid"
    data_format: str = "channels_last"

    along_time = "maximum"

    def __call__(self, x):
        return max_pool(x, self.pool_size, self.strides, self.padding, self.data_format)


class AvgPool(Module):
    """The mean of each window, padding left out."""

    pool_size: int | tuple[int, ...]
    strides: int | tuple[int, ...] | None = None
    padding: str = "valid"
    data_format: str = "channels_last"

    def __call__(self, x):
        return avg_pool(x, self.pool_size, self.strides, self.padding, self.data_format)


class GlobalMaxPool(Module):
    """The maximum over all positions: (batch, channels)."""

    data_format: str = "channels_last"

    along_time = "whole maximum"

    def __call__(self, x):
        return global_pool(x, jnp.max, self.data_format)


class GlobalAvgPool(Module):
    """The mean over all positions: (batch, channels); with a mask (batch, time), over the unmasked steps."""

    data_format: str = "channels_last"

    along_time = "whole mean"

    def __call__(self, x, mask=None):
        if mask is None:
            return global_pool(x, jnp.mean, self.data_format)
        steps = 1 if self.data_format == "channels_last" else 2
        weights = jnp.expand_dims(mask.astype(x.dtype), 3 - steps)
        return jnp.sum(x * weights, axis=steps) / jnp.sum(weights, axis=steps)

"""The forms of convolution that XLA runs fast on a CPU; equal, term for term, to the definition in `conv`.

Measured on two cores, float32 (seconds of CPU time for 2.7 GFLOP): an unpadded convolution takes up to three times one that
is padded by a row; a gradient by `lhs_dilation` up to thirty times one over the phases of the stride; a kernel gradient over
the whole batch twice one over blocks of it; three-dimensional convolutions three times two-dimensional ones.
"""
from __future__ import annotations

import itertools
import math

import jax.numpy as jnp
from jax import lax

from kjax.nn.shapes import effective_size

__all__ = ["forward", "input_gradient", "kernel_gradient", "windows"]

_BLOCK = 8  # images per convolution in a kernel gradient


def forward(x, w, geometry):
    """y[q] = sum_i x[q * s + i * d - lo] w[i]."""
    if geometry.groups > 1:
        return _depthwise(x, w, geometry.strides, geometry.dilation, geometry.pads, geometry.output)
    return _convolve(x, w, geometry.strides, geometry.dilation, geometry.pads)


def input_gradient(g, w, geometry):
    """x[p] = sum over i, q with q * s + i * d - lo = p of g[q] w[i]."""
    s, d, lo = geometry.strides, geometry.dilation, [p[0] for p in geometry.pads]
    axes = range(len(s))
    if geometry.groups > 1:
        return _depthwise_input_gradient(g, w, geometry)
    w = jnp.swapaxes(w, -1, -2)
    if max(s) == 1:
        return _full(g, jnp.flip(w, list(axes)), d, lo, geometry.size)
    if max(d) > 1:
        g = _spread(g, s)
        return _full(g, jnp.flip(w, list(axes)), d, lo, geometry.size)
    # With p + lo = q' * s + r and i = t * s + r: x[p] = sum_t g[q' - t] w[t * s + r], a plain convolution for each
    # phase r of the stride. All phases together are the channels of one convolution.
    taps = [-(-geometry.kernel[a] // s[a]) for a in axes]
    first = [lo[a] // s[a] for a in axes]
    count = [(geometry.size[a] - 1 + lo[a]) // s[a] + 1 - first[a] for a in axes]
    w = jnp.pad(w, [(0, taps[a] * s[a] - geometry.kernel[a]) for a in axes] + [(0, 0), (0, 0)])
    w = _split_axes(w, taps, s, lead=0)  # (*taps, *phases, out, in)
    n = len(s)
    w = jnp.transpose(w, [*range(n), 2 * n, *range(n, 2 * n), 2 * n + 1])
    channels = w.shape[-1]
    w = w.reshape(*taps, w.shape[n], -1)
    y = _full(g, jnp.flip(w, list(axes)), (1,) * n, first, count)  # (batch, *count, phases * in)
    y = y.reshape(y.shape[0], *count, *s, channels)
    order = [0, *itertools.chain.from_iterable((1 + a, 1 + n + a) for a in axes), 1 + 2 * n]
    y = y.transpose(order).reshape(y.shape[0], *(count[a] * s[a] for a in axes), channels)
    start = [lo[a] - first[a] * s[a] for a in axes]
    return _crop(y, start, geometry.size)


def kernel_gradient(x, g, geometry):
    """w[i] = sum over the batch and q of x[q * s + i * d - lo] g[q]."""
    s, d = geometry.strides, geometry.dilation
    if geometry.groups > 1:
        return _depthwise_kernel_gradient(x, g, geometry)
    x = _pad(x, geometry)
    if max(s) > 1 and max(d) > 1:
        return _fold_kernel_gradient(x, _spread(g, s), d)
    if max(s) == 1:
        return _fold_kernel_gradient(x, g, d)
    # The phases of the stride become channels: tap i = t * s + r is tap t of phase r.
    n = len(s)
    taps = [-(-k // f) for k, f in zip(geometry.kernel, s, strict=True)]
    length = [q + t - 1 for q, t in zip(geometry.output, taps, strict=True)]
    x = _resize(x, [m * f for m, f in zip(length, s, strict=True)])
    x = _split_axes(x, length, s, lead=1)
    x = x.reshape(x.shape[0], *length, -1)
    w = _fold_kernel_gradient(x, g, (1,) * n)  # (*taps, phases * in, out)
    w = w.reshape(*taps, *s, -1, g.shape[-1])
    order = [*itertools.chain.from_iterable((a, n + a) for a in range(n)), 2 * n, 2 * n + 1]
    w = w.transpose(order).reshape(*(t * f for t, f in zip(taps, s, strict=True)), *w.shape[-2:])
    return w[tuple(slice(k) for k in geometry.kernel)]


# ---------------------------------------------------------------- plain convolution


def _convolve(x, w, strides, dilation, pads):
    n = len(strides)
    if n == 1:
        return _convolve(x[:, None], w[None], (1, *strides), (1, *dilation), ((0, 0), *pads))[:, 0]
    if n == 3:
        return _convolve_3d(x, w, strides, dilation, pads)
    if w.shape[:2] == (1, 1) and strides == (1, 1):
        return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*p, 0) for p in pads), (0, 0, 0)]) @ w[0, 0]
    extra = 0
    if pads == ((0, 0), (0, 0)) and w.shape[-2] > 1 and max(w.shape[:2]) > 1:
        # One row of zeros below takes XLA's fast path; the windows that see it are dropped.
        axis = 0 if w.shape[0] > 1 or x.shape[1] > 1 else 1
        extra = 1
        rows = [(x.shape[a + 1] - effective_size(w.shape[a], dilation[a])) // strides[a] + 1 for a in (0, 1)]
        pads = tuple((0, strides[a] if a == axis else 0) for a in (0, 1))
    y = lax.conv_general_dilated(
        x, w, strides, pads, rhs_dilation=dilation, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return y[:, : rows[0], : rows[1]] if extra else y


def _convolve_3d(x, w, strides, dilation, pads):
    """The taps of the first axis become channels of a two-dimensional convolution."""
    depth, in_channels = w.shape[0], w.shape[-2]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (*pads[0], 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)])
    count = (x.shape[1] - effective_size(depth, dilation[0])) // strides[0] + 1
    x = _taps_to_channels(x, depth, dilation[0], strides[0], count)
    w = w.transpose(1, 2, 0, 3, 4).reshape(*w.shape[1:3], depth * in_channels, -1)
    y = _convolve(x.reshape(-1, *x.shape[2:]), w, strides[1:], dilation[1:], pads[1:])
    return y.reshape(-1, count, *y.shape[1:])


def _taps_to_channels(x, taps, dilation, stride, count):
    """(batch, length, ..., channels) -> (batch, count, ..., taps * channels) along the first spatial axis."""
    if taps == 1:
        return x[:, : (count - 1) * stride + 1 : stride]
    stop = (count - 1) * stride + 1
    return jnp.concatenate([x[:, i * dilation : i * dilation + stop : stride] for i in range(taps)], axis=-1)


def _full(g, w, dilation, lo, size):
    """The convolution of g with the flipped kernel w whose output position p, 0 <= p < size, is that of x."""
    pads, start = [], []
    for a, (k, d) in enumerate(zip(w.shape, dilation, strict=False)):
        before = effective_size(k, d) - 1 - lo[a]
        after = size[a] - g.shape[a + 1] - before + effective_size(k, d) - 1
        # XLA miscomputes negative padding on CPUs: crop the output (before) and the input (after) instead.
        start.append(max(-before, 0))
        if after < 0:
            g = lax.slice_in_dim(g, 0, g.shape[a + 1] + after, axis=a + 1)
        pads.append((max(before, 0), max(after, 0)))
    y = _convolve(g, w, (1,) * len(lo), tuple(dilation), tuple(pads))
    return _crop(y, start, size)


# ---------------------------------------------------------------- kernel gradient, stride 1


def _fold_kernel_gradient(x, g, dilation):
    n = len(dilation)
    if n == 1:
        return _fold_kernel_gradient(x[:, None], g[:, None], (1, *dilation))[0]
    if n == 3:
        count = g.shape[1]
        depth = (x.shape[1] - count) // dilation[0] + 1
        x = _taps_to_channels(x, depth, dilation[0], 1, count)
        w = _fold_kernel_gradient(x.reshape(-1, *x.shape[2:]), g.reshape(-1, *g.shape[2:]), dilation[1:])
        w = w.reshape(*w.shape[:2], depth, -1, w.shape[-1])
        return w.transpose(2, 0, 1, 3, 4)
    return _kernel_gradient_2d(x, g, dilation)


def _kernel_gradient_2d(x, g, dilation):
    """w[i] = sum over images and q of x[q + i * d] g[q]: a convolution in which images are channels."""
    if x.shape[1:3] == g.shape[1:3]:
        return jnp.einsum("bhwc,bhwo->co", x, g)[None, None]
    blocks = [
        lax.conv_general_dilated(
            x[b : b + _BLOCK],
            g[b : b + _BLOCK],
            dilation,
            "VALID",
            dimension_numbers=lax.ConvDimensionNumbers((3, 0, 1, 2), (3, 0, 1, 2), (2, 3, 0, 1)),
        )
        for b in range(0, x.shape[0], _BLOCK)
    ]
    return sum(blocks[1:], blocks[0])


# ---------------------------------------------------------------- depthwise


def windows(x, kernel, strides, dilation, output):
    """For each tap i: (i, x[q * s + i * d] for all q)."""
    for tap in itertools.product(*(range(k) for k in kernel)):
        start = [i * d for i, d in zip(tap, dilation, strict=True)]
        stop = [b + (q - 1) * s + 1 for b, q, s in zip(start, output, strides, strict=True)]
        yield tap, x[(slice(None), *map(slice, start, stop, strides))]


def _depthwise(x, w, strides, dilation, pads, output):
    """y[q, c, m] = sum_i x[q * s + i * d - lo, c] w[i, c, m], one fused loop over the taps."""
    channels = x.shape[-1]
    w = w.reshape(*w.shape[:-2], channels, -1)
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*p, 0) for p in pads), (0, 0, 0)])
    taps = windows(x, w.shape[:-2], strides, dilation, output)
    y = sum(v[..., None] * w[tap] for tap, v in taps)
    return y.reshape(*y.shape[:-2], -1)


def _depthwise_input_gradient(g, w, geometry):
    n, channels = len(geometry.size), geometry.groups
    w = w.reshape(*geometry.kernel, channels, -1)
    g = _spread(g.reshape(*g.shape[:-1], channels, -1), geometry.strides)
    # g padded so that tap i of the flipped kernel starts at i * d
    spans = [effective_size(k, d) for k, d in zip(geometry.kernel, geometry.dilation, strict=True)]
    before = [span - 1 - lo for span, (lo, _) in zip(spans, geometry.pads, strict=True)]
    after = [m + span - 1 - b - q for m, span, b, q in zip(geometry.size, spans, before, g.shape[1:], strict=False)]
    # negative amounts crop; this is a plain pad, not a convolution's
    g = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *((b, a, 0) for b, a in zip(before, after, strict=True))]
                + [(0, 0, 0)] * 2)
    taps = windows(g, geometry.kernel, (1,) * n, geometry.dilation, geometry.size)
    return sum((v * w[tuple(k - 1 - i for k, i in zip(geometry.kernel, tap, strict=True))]).sum(-1) for tap, v in taps)


def _depthwise_kernel_gradient(x, g, geometry):
    channels = geometry.groups
    g = g.reshape(*g.shape[:-1], channels, -1)
    x = _pad(x, geometry)
    axes = tuple(range(g.ndim - 2))
    taps = windows(x, geometry.kernel, geometry.strides, geometry.dilation, geometry.output)
    w = jnp.stack([(v[..., None] * g).sum(axes) for _, v in taps])
    return w.reshape(*geometry.kernel, 1, -1)


# ---------------------------------------------------------------- small pieces


def _pad(x, geometry):
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*p, 0) for p in geometry.pads), (0, 0, 0)])


def _spread(g, strides):
    """Zeros between the positions of g: position q goes to q * s."""
    config = [(0, 0, 0), *((0, 0, s - 1) for s in strides)]
    return lax.pad(g, jnp.zeros((), g.dtype), config + [(0, 0, 0)] * (g.ndim - len(config)))


def _crop(x, start, size):
    index = tuple(slice(b, b + m) for b, m in zip(start, size, strict=True))
    return x[(slice(None), *index)]


def _resize(x, size):
    """Cut off or fill with zeros at the end, to `size`."""
    config = [(0, 0, 0), *((0, m - k, 0) for m, k in zip(size, x.shape[1:], strict=False)), (0, 0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def _split_axes(x, outer, inner, lead):
    """Each axis of length outer * inner, after `lead` others, split; all outer parts first, then all inner ones."""
    n = len(outer)
    shape = [*x.shape[:lead], *itertools.chain.from_iterable(zip(outer, inner, strict=True)), *x.shape[lead + n :]]
    assert math.prod(shape) == x.size
    x = x.reshape(shape)
    order = [*range(lead), *range(lead, lead + 2 * n, 2), *range(lead + 1, lead + 2 * n, 2)]
    return x.transpose(order + list(range(len(order), x.ndim)))

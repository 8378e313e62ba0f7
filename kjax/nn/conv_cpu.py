"""The forms of convolution that XLA runs fast on a CPU; equal, term for term, to the definition in `conv`.

Measured on two cores in float32: a gradient by `lhs_dilation` takes up to a hundred times one over the phases of the
stride; a depthwise convolution twenty times one loop over the taps; a three-dimensional one four times two-dimensional
ones; a kernel gradient over a whole batch of large images up to twice one over blocks of it.
"""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
from jax import lax

from kjax.nn import devices
from kjax.nn.shapes import effective_size

__all__ = ["compiler_options", "forward", "input_gradient", "kernel_gradient", "windows"]

_FEW_CHANNELS = 4  # so few make one matrix product with all taps the better choice for a strided gradient
_MANY_CHANNELS = 64  # so many keep a convolution for each phase busy
# A kernel gradient takes at least so many images per convolution, more while both arrays hold fewer numbers than that,
# and makes at most so many convolutions.
_BLOCK_IMAGES, _BLOCK_NUMBERS, _MOST_BLOCKS = 16, 700_000, 16
_CACHED = 2**16  # numbers that fit into a core's cache several times over


def compiler_options():
    """`compiler_options` of a `jax.jit` whose program may hold convolutions, or None.

    JAX 0.10 hands convolutions of more than 16 channels to a library that runs them on one thread; products and sums,
    which it hands over by default too, stay there.
    """
    if jax.default_backend() != "cpu" or tuple(int(part) for part in jax.__version__.split(".")[:2]) >= (0, 11):
        return None
    kinds = ("INDIVIDUAL_DOT", "REDUCE")
    return {"xla_cpu_experimental_ynn_fusion_type": ",".join("LIBRARY_FUSION_TYPE_" + kind for kind in kinds)}


def forward(x, w, geometry):
    """y[q] = sum_i x[q * s + i * d - lo] w[i]."""
    if geometry.groups > 1:
        return _depthwise(x, w, geometry.strides, geometry.dilation, geometry.pads, geometry.output)
    return _convolve(x, w, geometry.strides, geometry.dilation, geometry.pads)


def input_gradient(g, w, geometry):
    """x[p] = sum over i, q with q * s + i * d - lo = p of g[q] w[i]."""
    s, d, lo = geometry.strides, geometry.dilation, [p[0] for p in geometry.pads]
    if geometry.groups > 1:
        return _depthwise_input_gradient(g, w, geometry)
    w = jnp.swapaxes(w, -1, -2)
    if max(s) == 1 or max(d) > 1:
        return _full(_spread(g, s), _flip(w), d, lo, geometry.size)
    # With p + lo = q' * s + r and i = t * s + r: x[p] = sum_t g[q' - t] w[t * s + r], for each phase r of the stride a
    # plain convolution with the taps of that phase. The phases then take turns.
    if w.shape[-1] <= _FEW_CHANNELS:
        return _from_phases(_sums_of_products(g, w, geometry), geometry)
    if w.shape[-1] < _MANY_CHANNELS and all(k % f == 0 for k, f in zip(geometry.kernel, s, strict=True)):
        return _all_phases(g, w, geometry)
    return _from_phases(_each_phase(g, w, geometry), geometry)


def _phases(geometry):
    """For each offset o of the positions p = q * s + o: first and r, with p + lo = (q + first) * s + r."""
    for offset in itertools.product(*map(range, geometry.strides)):
        shifted = (o + lo for o, (lo, _) in zip(offset, geometry.pads, strict=True))
        yield tuple(zip(*map(divmod, shifted, geometry.strides), strict=True))


def _count(geometry):
    """How many positions a phase has at most."""
    return [-(-m // f) for m, f in zip(geometry.size, geometry.strides, strict=True)]


def _from_phases(parts, geometry):
    """(batch, *size, channels) from one part (batch, *count, channels) per phase."""
    s, count = geometry.strides, _count(geometry)
    y = _interleave(jnp.stack(parts).reshape(*s, *parts[0].shape), count, s)
    return _crop(y, [0] * len(s), geometry.size)


def _each_phase(g, w, geometry):
    """One convolution for each phase, with just its own taps and the positions that are wanted."""
    s, count, parts = geometry.strides, _count(geometry), []
    for first, phase in _phases(geometry):
        taps = w[tuple(slice(r, None, f) for r, f in zip(phase, s, strict=True))]
        if 0 in taps.shape:
            parts.append(jnp.zeros((g.shape[0], *count, w.shape[-1]), g.dtype))
        else:
            parts.append(_full(g, _flip(taps), (1,) * len(s), first, count))
    return parts


def _sums_of_products(g, w, geometry):
    """The same from the products of g with all taps, one matrix product: for channels too few for a convolution."""
    s, count, n = geometry.strides, _count(geometry), len(geometry.strides)
    y = jnp.tensordot(g, w, (-1, -2))  # (batch, *output, *taps, channels)
    before = [(k - 1) // f for k, f in zip(geometry.kernel, s, strict=True)]
    after = [
        max(0, m + (f - 1 + lo) // f - q)
        for m, f, (lo, _), q in zip(count, s, geometry.pads, g.shape[1:], strict=False)
    ]
    y = jnp.pad(y, [(0, 0), *zip(before, after, strict=True), *[(0, 0)] * (n + 1)])
    parts = []
    for first, phase in _phases(geometry):
        total = jnp.zeros((g.shape[0], *count, w.shape[-1]), y.dtype)
        for tap in itertools.product(*map(range, phase, geometry.kernel, s)):
            start = [q - i // f + b for q, i, f, b in zip(first, tap, s, before, strict=True)]
            total += y[(slice(None), *(slice(b, b + m) for b, m in zip(start, count, strict=True)), *tap)]
        parts.append(total)
    return parts


def _all_phases(g, w, geometry):
    """The gradient from one convolution, whose channels are the phases', with zeros for the taps that a phase lacks."""
    strides, lo = geometry.strides, [p[0] for p in geometry.pads]
    first = [b // f for b, f in zip(lo, strides, strict=True)]
    count = [(m - 1 + b) // f + 1 - q for m, b, f, q in zip(geometry.size, lo, strides, first, strict=True)]
    start = [b - q * f for b, q, f in zip(lo, first, strides, strict=True)]
    n, channels = len(strides), w.shape[-1]
    taps = [-(-k // f) for k, f in zip(w.shape, strides, strict=False)]
    fill = [(0, t * f - k) for t, f, k in zip(taps, strides, w.shape, strict=False)]
    w = jnp.pad(w, [*fill, (0, 0), (0, 0)])
    shape = itertools.chain.from_iterable(zip(taps, strides, strict=True))
    w = w.reshape(*shape, *w.shape[n:])
    w = w.transpose([*range(0, 2 * n, 2), 2 * n, *range(1, 2 * n, 2), 2 * n + 1]).reshape(*taps, w.shape[2 * n], -1)
    y = _full(g, _flip(w), (1,) * n, first, count)
    y = y.reshape(*y.shape[:-1], *strides, channels).transpose([*range(n + 1, 2 * n + 1), *range(n + 1), 2 * n + 1])
    return _crop(_interleave(y, count, strides), start, geometry.size)


def _interleave(y, count, strides):
    """(*phases, batch, *count, channels) -> (batch, *(count * phases), channels)."""
    n = len(strides)
    y = y.transpose([n, *itertools.chain.from_iterable((n + 1 + a, a) for a in range(n)), 2 * n + 1])
    return y.reshape(y.shape[0], *(m * f for m, f in zip(count, strides, strict=True)), y.shape[-1])


def kernel_gradient(x, g, geometry):
    """w[i] = sum over the batch and q of x[q * s + i * d - lo] g[q]."""
    if geometry.groups > 1:
        return _depthwise_kernel_gradient(x, g, geometry)
    return _correlate(x, g, geometry.strides, geometry.dilation, geometry.pads, geometry.kernel)


# ---------------------------------------------------------------- plain convolution


def _convolve(x, w, strides, dilation, pads):
    n = len(strides)
    if n == 3:
        return _convolve_3d(x, w, strides, dilation, pads)
    if math.prod(w.shape[:n]) == 1 and max(strides) == 1:
        return _zeros_around(x, pads) @ w.reshape(w.shape[-2:])
    letters = "HW"[2 - n :]
    layout = ("N" + letters + "C", letters + "IO", "N" + letters + "C")
    x, pads = _no_smaller(x, w.shape, dilation, pads)
    return lax.conv_general_dilated(x, w, strides, pads, rhs_dilation=dilation, dimension_numbers=layout)


def _no_smaller(x, kernel, dilation, pads):
    """x and its pads; padded beforehand where the kernel spans more than x, which XLA has only a naive loop for.

    The barrier keeps XLA from making the padding the convolution's again.
    """
    spans = [effective_size(k, d) for k, d in zip(kernel, dilation, strict=False)]
    if all(span <= m for span, m in zip(spans, x.shape[1:], strict=False)):
        return x, pads
    return lax.optimization_barrier(_zeros_around(x, pads)), ((0, 0),) * len(pads)


def _convolve_3d(x, w, strides, dilation, pads):
    """The taps of the first axis become channels of a two-dimensional convolution."""
    depth, in_channels = w.shape[0], w.shape[-2]
    x = _zeros_around(x, (pads[0], (0, 0), (0, 0)))
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


# ---------------------------------------------------------------- kernel gradient


def _correlate(x, g, strides, dilation, pads, kernel):
    """w[i] = sum over images and q of x[q * s + i * d - lo] g[q]: a convolution in which images are channels."""
    n = len(strides)
    if n == 3:
        x = _zeros_around(x, (pads[0], (0, 0), (0, 0)))
        x = _taps_to_channels(x, kernel[0], dilation[0], strides[0], g.shape[1])
        x, g = x.reshape(-1, *x.shape[2:]), g.reshape(-1, *g.shape[2:])
        w = _correlate(x, g, strides[1:], dilation[1:], pads[1:], kernel[1:])
        return w.reshape(*kernel[1:], kernel[0], -1, w.shape[-1]).transpose(2, 0, 1, 3, 4)
    if math.prod(kernel) == 1 and max(strides) == 1 and not any(map(any, pads)):
        w = x.reshape(-1, x.shape[-1]).T @ g.reshape(-1, g.shape[-1])
        return w.reshape(*kernel, *w.shape)
    # Positions that no window reaches would count as further taps: pad less, and cut them off.
    axes = zip(g.shape[1:-1], strides, kernel, dilation, strict=True)
    reach = [(m - 1) * stride + effective_size(k, d) for m, stride, k, d in axes]
    pads = tuple((lo, max(min(hi, r - lo - m), 0)) for (lo, hi), r, m in zip(pads, reach, x.shape[1:-1], strict=True))
    if any(lo + hi >= r for (lo, hi), r in zip(pads, reach, strict=True)):
        x, pads = _zeros_around(x, pads), ((0, 0),) * n
    x = x[(slice(None), *(slice(r - sum(p)) for r, p in zip(reach, pads, strict=True)))]
    x, pads = _no_smaller(x, g.shape[1:-1], strides, pads)
    turned = (n + 1, *range(n + 1))  # channels, batch, spatial axes
    layout = lax.ConvDimensionNumbers(turned, turned, (n, n + 1, *range(n)))
    images = x.shape[0]
    most = max(_BLOCK_IMAGES, _BLOCK_NUMBERS * images // max(x.size + g.size, 1))
    # each of many devices has its own images, and only a few of them
    blocks = 1 if devices.in_use() > 1 else min(_MOST_BLOCKS, -(-images // most)) or 1
    step = -(-images // blocks) or 1
    total = None
    for b in range(0, max(1, images), step):
        if total is not None:
            # One block after the other: then all use the same memory for their turned copies.
            x, g, total = lax.optimization_barrier((x, g, total))
        part, of = x[b : b + step], g[b : b + step]
        w = lax.conv_general_dilated(part, of, dilation, pads, rhs_dilation=strides, dimension_numbers=layout)
        total = w if total is None else total + w
    return total


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
    x = _zeros_around(x, pads)
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
    g = lax.pad(
        g,
        jnp.zeros((), g.dtype),
        [(0, 0, 0), *((b, a, 0) for b, a in zip(before, after, strict=True))] + [(0, 0, 0)] * 2,
    )
    taps = windows(g, geometry.kernel, (1,) * n, geometry.dilation, geometry.size)
    return sum((v * w[tuple(k - 1 - i for k, i in zip(geometry.kernel, tap, strict=True))]).sum(-1) for tap, v in taps)


def _depthwise_kernel_gradient(x, g, geometry):
    """Sums of products per tap, a few images at a time so that they stay in the cache."""
    batch, outputs = g.shape[0], g.shape[-1]
    x = jnp.repeat(_zeros_around(x, geometry.pads), outputs // geometry.groups, axis=-1)
    if devices.in_use() > 1:
        few = max(batch, 1)
    else:
        few = max(b for b in range(1, 1 + min(batch, max(1, _CACHED * batch // g.size))) if batch % b == 0)
    axes = tuple(range(g.ndim - 1))

    def add(sums, part):
        x, g = part
        taps = windows(x, geometry.kernel, geometry.strides, geometry.dilation, geometry.output)
        return [total + (v * g).sum(axes) for total, (_, v) in zip(sums, taps, strict=True)], None

    sums = [jnp.zeros(outputs, g.dtype)] * math.prod(geometry.kernel)
    parts = [a.reshape(batch // few, few, *a.shape[1:]) for a in (x, g)]
    return jnp.stack(lax.scan(add, sums, tuple(parts))[0]).reshape(*geometry.kernel, 1, outputs)


# ---------------------------------------------------------------- small pieces


def _zeros_around(x, pads):
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*p, 0) for p in pads), (0, 0, 0)])


def _flip(w):
    """w with all taps in reverse order."""
    return jnp.flip(w, range(w.ndim - 2))


def _spread(g, strides):
    """Zeros between the positions of g: position q goes to q * s."""
    if max(strides) == 1:
        return g
    config = [(0, 0, 0), *((0, 0, s - 1) for s in strides)]
    return lax.pad(g, jnp.zeros((), g.dtype), config + [(0, 0, 0)] * (g.ndim - len(config)))


def _crop(x, start, size):
    index = tuple(slice(b, b + m) for b, m in zip(start, size, strict=True))
    return x[(slice(None), *index)]

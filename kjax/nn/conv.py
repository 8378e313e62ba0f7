"""Convolution and its two gradients: three bilinear functions, each the derivative of the others.

    forward(x, w)          y[q] = sum_i x[q * s + i * d - lo] w[i]
    input_gradient(g, w)   the transpose in x: what a transposed convolution computes
    kernel_gradient(x, g)  the transpose in w

All arrays are channels last: x (batch, *spatial, in), w (*kernel, in / groups, out), g like the output.
On a CPU each is lowered to the form XLA runs fast there (conv_cpu), elsewhere to XLA's convolution. Because each one's
derivatives are the other two, gradients of any order take the fast forms as well.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
from jax import lax

from kjax.nn import conv_cpu
from kjax.nn.derivatives import differentiable
from kjax.nn.shapes import effective_size

__all__ = ["Geometry", "forward", "input_gradient", "kernel_gradient"]


class Geometry(NamedTuple):
    """The static numbers of one convolution; one entry per spatial axis.

    Args:
        size: spatial size of x.
        kernel: spatial size of w.
        strides, dilation: of the window.
        pads: (before, after), not negative.
        groups: 1, or the number of input channels (depthwise).
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    groups: int = 1

    @property
    def output(self) -> tuple[int, ...]:
        """Spatial size of the output."""
        axes = zip(self.size, self.kernel, self.strides, self.dilation, self.pads, strict=True)
        return tuple((n + lo + hi - effective_size(k, d)) // s + 1 for n, k, s, d, (lo, hi) in axes)


def _lax_forward(x, w, geometry):
    n = len(geometry.size)
    letters = "DHW"[3 - n :]
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=geometry.strides,
        padding=geometry.pads,
        rhs_dilation=geometry.dilation,
        dimension_numbers=("N" + letters + "C", letters + "IO", "N" + letters + "C"),
        feature_group_count=geometry.groups,
    )


def _lax_input_gradient(g, w, geometry):
    x = jax.ShapeDtypeStruct((g.shape[0], *geometry.size, w.shape[-2] * geometry.groups), g.dtype)
    return jax.linear_transpose(lambda x: _lax_forward(x, w, geometry), x)(g)[0]


def _lax_kernel_gradient(x, g, geometry):
    w = jax.ShapeDtypeStruct((*geometry.kernel, x.shape[-1] // geometry.groups, g.shape[-1]), g.dtype)
    return jax.linear_transpose(lambda w: _lax_forward(x, w, geometry), w)(g)[0]


def _choose(cpu, default, a, b, geometry):
    return lax.platform_dependent(
        a, b, cpu=functools.partial(cpu, geometry=geometry), default=functools.partial(default, geometry=geometry)
    )


def forward(x, w, geometry):
    """The convolution of x with w."""
    return _forward(geometry, x, w)


def input_gradient(g, w, geometry):
    """The gradient of `sum(forward(x, w) * g)` with respect to x."""
    return _input_gradient(geometry, g, w)


def kernel_gradient(x, g, geometry):
    """The gradient of `sum(forward(x, w) * g)` with respect to w."""
    return _kernel_gradient(geometry, x, g)


def _bilinear(function, pull):
    """`function(a, b, geometry)`, linear in each of a and b, whose transposes `pull(geometry, (a, b), ct)` gives."""

    def of(geometry, a, b):
        return function(a, b, geometry)

    def push(geometry, kept, tangents):
        (a, b), (da, db) = kept, tangents
        parts = [] if da is None else [derivative(geometry, da, b)]
        parts += [] if db is None else [derivative(geometry, a, db)]
        return sum(parts[1:], parts[0])

    derivative = differentiable(of, lambda geometry, a, b: (of(geometry, a, b), (a, b)), push, pull, statics=1)
    return derivative


def _forward_pull(geometry, kept, ct):
    x, w = kept
    return _input_gradient(geometry, ct, w), _kernel_gradient(geometry, x, ct)


def _input_gradient_pull(geometry, kept, ct):
    g, w = kept
    return _forward(geometry, ct, w), _kernel_gradient(geometry, ct, g)


def _kernel_gradient_pull(geometry, kept, ct):
    x, g = kept
    return _input_gradient(geometry, g, ct), _forward(geometry, x, ct)


_forward = _bilinear(functools.partial(_choose, conv_cpu.forward, _lax_forward), _forward_pull)
_input_gradient = _bilinear(
    functools.partial(_choose, conv_cpu.input_gradient, _lax_input_gradient), _input_gradient_pull
)
_kernel_gradient = _bilinear(
    functools.partial(_choose, conv_cpu.kernel_gradient, _lax_kernel_gradient), _kernel_gradient_pull
)

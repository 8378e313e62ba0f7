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


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def forward(x, w, geometry):
    """The convolution of x with w."""
    return _choose(conv_cpu.forward, _lax_forward, x, w, geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def input_gradient(g, w, geometry):
    """The gradient of `sum(forward(x, w) * g)` with respect to x."""
    return _choose(conv_cpu.input_gradient, _lax_input_gradient, g, w, geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def kernel_gradient(x, g, geometry):
    """The gradient of `sum(forward(x, w) * g)` with respect to w."""
    return _choose(conv_cpu.kernel_gradient, _lax_kernel_gradient, x, g, geometry)


def _keep(function):
    return lambda a, b, geometry: (function(a, b, geometry), (a, b))


def _forward_vjp(geometry, kept, ct):
    x, w = kept
    return input_gradient(ct, w, geometry), kernel_gradient(x, ct, geometry)


def _input_gradient_vjp(geometry, kept, ct):
    g, w = kept
    return forward(ct, w, geometry), kernel_gradient(ct, g, geometry)


def _kernel_gradient_vjp(geometry, kept, ct):
    x, g = kept
    return input_gradient(g, ct, geometry), forward(x, ct, geometry)


forward.defvjp(_keep(forward), _forward_vjp)
input_gradient.defvjp(_keep(input_gradient), _input_gradient_vjp)
kernel_gradient.defvjp(_keep(kernel_gradient), _kernel_gradient_vjp)

"""What Flax modules compute where the time axis of their inputs was filled up: the same as without the filling.

Importing this file registers the rule of `run_module`.
"""

from __future__ import annotations

import jax.numpy as jnp

from kjax import nn
from kjax.backend.padded_rules import lowest, softmax
from kjax.engine.modules import run_module
from kjax.graph.padded import Padded, Unpaddable, padded_rule, propagate
from kjax.nn.conv_recurrent import ConvLSTM2D
from kjax.nn.recurrent import Recurrent
from kjax.nn.shapes import effective_size

__all__: list[str] = []

_WINDOWS = (nn.Conv, nn.SeparableConv, nn.DepthwiseConv)


@padded_rule(run_module)
def _run_padded(ctx, module, variables, inputs, kwargs, training=None, rowwise=True, dtype=None):
    """`run_module` on Padded inputs."""

    def run(module, inputs, kwargs):
        return run_module.operation.fn(ctx, module, variables, inputs, kwargs, training, rowwise, dtype)

    if len(inputs) == 1 and isinstance(inputs[0], Padded):
        x = inputs[0]
        if isinstance(module, (Recurrent, ConvLSTM2D)):
            return _recurrent(run, module, x, kwargs)
        if set(x.tags) == {1} and x.ndim == 3 and getattr(module, "data_format", "channels_last") == "channels_last":
            if isinstance(module, nn.GlobalMaxPool):
                return run(module, [x.filled(lowest(x.dtype))], kwargs)
            if isinstance(module, nn.GlobalAvgPool):
                return run(module, [x.filled(0)], {"mask": _mask(x, kwargs.get("mask"))})
            if isinstance(module, (*_WINDOWS, nn.MaxPool)):
                return _windows(run, module, x, kwargs)
        if isinstance(module, nn.Softmax):
            return softmax(x, module.axis), {}
    names = [k for k, v in kwargs.items() if isinstance(v, Padded)]
    if any(isinstance(v, Padded) for k, given in kwargs.items() if k not in names for v in _leaves(given)):
        raise Unpaddable("a list of arguments of a module")

    def on_arrays(*arrays):
        return run(module, arrays[: len(inputs)], {**kwargs, **dict(zip(names, arrays[len(inputs) :], strict=True))})

    return propagate(on_arrays, [*inputs, *[kwargs[k] for k in names]])


def _mask(x, mask):
    """bool (batch, time): the real steps that the mask lets through."""
    real = jnp.broadcast_to(x.valid(1).reshape(1, -1), x.shape[:2])
    if mask is None:
        return real
    mask = mask.value if isinstance(mask, Padded) else mask
    return real & (mask.reshape(x.shape[:2]) != 0)


def _recurrent(run, module, x, kwargs):
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


def _windows(run, module, x, kwargs):
    """Windows over time. Those that hold a filled-up step give filling."""
    tag = x.tag(1)
    size, stride, rate = (_first(v) for v in _window_of(module))
    if not tag.end or (module.padding == "same" and stride != 1):
        raise Unpaddable("windows")
    pools = isinstance(module, nn.MaxPool)
    given = x.value if module.padding == "valid" else x.filled(lowest(x.dtype) if pools else 0)
    y, stats = run(module, [given], kwargs)
    span = effective_size(size, rate) if module.padding == "valid" else 1
    key = tag.key if (span, stride) == (1, 1) else (*tag.key, (span, stride))
    y = x.like(y, {1: tag._replace(key=key, size=y.shape[1])})
    return y.like(y.filled(0)) if pools else y, stats


def _window_of(module):
    if isinstance(module, nn.MaxPool):
        return module.pool_size, module.pool_size if module.strides is None else module.strides, 1
    return module.kernel_size, module.strides, getattr(module, "dilation_rate", 1)


def _first(x) -> int:
    return x[0] if isinstance(x, (tuple, list)) else x

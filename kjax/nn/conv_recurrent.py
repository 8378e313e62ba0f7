"""ConvLSTM2D as Keras 2 computes it: an LSTM whose products are convolutions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from kjax.nn import conv, devices
from kjax.nn import recurrent_cells as cells
from kjax.nn.module import Module
from kjax.nn.recurrence import recurrence
from kjax.nn.recurrent import UNROLLED, choose_cell, dropout_masks, finish, inner, step_mask, time_major
from kjax.nn.shapes import pads_of


def _merged(x, function):
    """`function` of x (..., rows, columns, channels) with all leading axes as one.

    On many devices the batch, along which they divide, comes before time, as the first of two axes that become one.
    """
    if devices.in_use() > 1 and x.ndim == 5:
        x = jnp.swapaxes(x, 0, 1)
        y = function(x.reshape(-1, *x.shape[-3:]))
        return jnp.swapaxes(y.reshape(*x.shape[:2], *y.shape[1:]), 0, 1)
    y = function(x.reshape(-1, *x.shape[-3:]))
    return y.reshape(*x.shape[:-3], *y.shape[1:])


def _geometry(size, kernel, strides, padding, dilation):
    taps = kernel.shape[:2]
    return conv.Geometry(tuple(size), taps, strides, dilation, pads_of(size, taps, padding, strides, dilation))


def _gate_by_gate(x, kernel, masks, convolve):
    """The convolution of x, or one per gate of x times the gate's mask; masks (gates, batch, ...) or None."""
    if masks is None:
        return convolve(x, kernel)
    parts = zip(masks, jnp.split(kernel, masks.shape[0], axis=-1), strict=True)
    return jnp.concatenate([convolve(x * m, w) for m, w in parts], axis=-1)


@dataclass(frozen=True)
class SameConv:
    """The product of `recurrence`: a convolution, stride 1, padding 'same', with dropout masks as in `MatMul`."""

    def __call__(self, x, params):
        masks = params["masks"]
        masks = masks if masks is None else lax.stop_gradient(masks)
        return _gate_by_gate(x, params["kernel"], masks, self._convolve)

    @staticmethod
    def _convolve(x, kernel):
        geometry = _geometry(x.shape[-3:-1], kernel, (1, 1), "same", (1, 1))
        return _merged(x, lambda x: conv.forward(x, kernel, geometry))

    def transposed(self, params):
        masks = params["masks"]
        gates = 1 if masks is None else masks.shape[0]
        return jnp.split(params["kernel"], gates, axis=-1), masks

    def back(self, dz, transposed):
        kernels, masks = transposed
        geometry = _geometry(dz.shape[-3:-1], kernels[0], (1, 1), "same", (1, 1))
        parts = zip(jnp.split(dz, len(kernels), axis=-1), kernels, strict=True)
        grads = [conv.input_gradient(d, w, geometry) for d, w in parts]
        return grads[0] if masks is None else sum(g * m for g, m in zip(grads, masks, strict=True))


class ConvLSTM2D(Module):
    """c' = s(f) c + s(i) t(g); h' = s(o) t(c'); i, f, g, o = x * W + b + h * R, with * a convolution.

    Weights: kernel (rows, columns, channels, 4 filters), recurrent_kernel (rows, columns, filters, 4 filters),
    bias (4 filters,), columns i, f, g, o. States: h, c (batch, rows', columns', filters).

    Args:
        filters: channels of the state.
        kernel_size, strides, padding, dilation_rate: of x * W; h * R has stride 1, no dilation, padding 'same'.
        data_format: 'channels_last' or 'channels_first', of inputs, outputs and states.
        activation, recurrent_activation, use_bias, dropout, recurrent_dropout, return_sequences, go_backwards, unroll:
            as in `kjax.nn.recurrent.Recurrent`; always one mask per gate.

    Call: x (batch, time, rows, columns, channels); initial_state tuple or None for zeros; mask (batch, time) or None.
    Returns: (output (batch, ...) or (batch, time, ...), tuple of last states).
    """

    filters: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str = "valid"
    data_format: str = "channels_last"
    dilation_rate: tuple[int, int] = (1, 1)
    activation: Callable | str | None = "tanh"
    recurrent_activation: Callable | str | None = "hard_sigmoid"
    use_bias: bool = True
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    return_sequences: bool = False
    go_backwards: bool = False
    unroll: bool = False

    slow_in_loops = True
    along_time = "loop"

    @nn.nowrap
    def draws(self):
        return self.dropout != 0.0 or self.recurrent_dropout != 0.0

    @nn.compact
    def __call__(self, x, initial_state=None, mask=None, training: bool = False, in_masks=None, masks=None):
        first = self.data_format == "channels_first"
        last_axis = lambda a: jnp.moveaxis(a, -3, -1) if first else a
        x = last_axis(x)
        kernel = self.param(
            "kernel", nn.initializers.glorot_uniform(), (*self.kernel_size, x.shape[-1], 4 * self.filters)
        )
        recurrent = self.param(
            "recurrent_kernel", nn.initializers.orthogonal(), (*self.kernel_size, self.filters, 4 * self.filters)
        )
        bias = self.param("bias", nn.initializers.zeros, (4 * self.filters,)) if self.use_bias else None
        dtype = jnp.result_type(x, kernel)
        x = x.astype(dtype)

        geometry = _geometry(x.shape[2:4], kernel, self.strides, self.padding, self.dilation_rate)
        if initial_state is None:
            states: tuple = (jnp.zeros((x.shape[0], *geometry.output, self.filters), dtype),) * 2
        else:
            states = tuple(last_axis(s).astype(dtype) for s in initial_state)
        if in_masks is None:
            in_masks = self._masks(self.dropout, x[:, 0], training)
        elif first:
            in_masks = last_axis(in_masks)
        if masks is None:
            masks = self._masks(self.recurrent_dropout, states[0], training)
        elif first:
            masks = last_axis(masks)

        x, mask = time_major(x, self.go_backwards), step_mask(mask, self.go_backwards)
        convolve = lambda x, w: _merged(x, lambda x: conv.forward(x, w, geometry))
        projected = _gate_by_gate(x, kernel, in_masks, convolve)
        projected = projected if bias is None else projected + bias
        cell = choose_cell(cells.LSTMStep, cells.LSTMUnits, self.activation, self.recurrent_activation)
        unroll = UNROLLED if self.unroll else 1
        sequence, states = recurrence(
            cell,
            SameConv(),
            self.return_sequences,
            unroll,
            ((projected,), None),
            states,
            (inner(recurrent, None, masks),),
            mask,
        )
        output = finish(sequence, states, mask, self.unroll, self.return_sequences)
        back = lambda a: jnp.moveaxis(a, -1, -3) if first else a
        return back(output), tuple(map(back, states))

    def _masks(self, rate, like, training):
        if not training or not 0.0 < rate < 1.0:
            return None
        return dropout_masks(self.make_rng("dropout"), rate, 4, like)

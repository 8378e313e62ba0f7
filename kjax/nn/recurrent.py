"""SimpleRNN, LSTM and GRU as Keras 2 computes them, and the weight layouts of CuDNNLSTM and CuDNNGRU."""

from __future__ import annotations

import functools
from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from kjax.nn import cudnn
from kjax.nn import recurrent_cells as cells
from kjax.nn.masks import kept
from kjax.nn.module import Module
from kjax.nn.recurrence import recurrence
from kjax.nn.recurrent_products import MatMul, flat

# steps per round of the compiled loop of an `unroll=True` layer: as good as all of them, and compiled once
UNROLLED = 8


def dropout_masks(rng, rate: float, count: int, like):
    """`count` masks of the shape of `like`, (count, ...): 1 / (1 - rate) with probability 1 - rate, else 0."""
    mask = kept(rng, rate, (count, *like.shape))
    return mask.astype(like.dtype) / jnp.asarray(1.0 - rate, like.dtype)


def choose_cell(step, units, *activations):
    """The cell for these activations: `units` (closed-form gradient) where all are names in UNITWISE, else `step`."""
    names = ["linear" if a is None else a for a in activations]
    for name in names:
        if isinstance(name, str) and name not in cells.UNITWISE:
            known = ", ".join(sorted(cells.UNITWISE))
            raise ValueError(f"activation: a function or one of {known} is needed, got {name!r}")
    functions = [cells.UNITWISE[a] if isinstance(a, str) else a for a in names]
    return (units if all(isinstance(a, str) for a in names) else step)(*functions)


def time_major(x, go_backwards: bool):
    """(batch, time, ...) -> (time, batch, ...), the last step first if `go_backwards`."""
    x = jnp.swapaxes(x, 0, 1)
    return x[::-1] if go_backwards else x


def step_mask(mask, go_backwards: bool):
    """bool (time, batch) of a mask (batch, time) or (batch, time, 1), or None."""
    if mask is None:
        return None
    return time_major(jnp.reshape(mask, mask.shape[:2]).astype(bool), go_backwards)


def finish(sequence, states, mask, unroll: bool, return_sequences: bool):
    """Output of a layer from the loop's results: (batch, units), or (batch, time, units).

    A masked step repeats the state. In an unrolled Keras loop, which remembers outputs instead, the steps before the
    first unmasked one are zeros.
    """
    if mask is not None and unroll:
        over = lambda m, a: m.reshape(m.shape + (1,) * (a.ndim - m.ndim))
        if not return_sequences:
            return jnp.where(over(mask.any(0), states[0]), states[0], 0)
        seen = jnp.cumsum(mask, axis=0) > 0
        sequence = jnp.where(over(seen, sequence), sequence, 0)
    return jnp.swapaxes(sequence, 0, 1) if return_sequences else states[0]


def project(x, kernel, bias, masks):
    """x W + b for all steps at once, gate by gate where `masks` (gates, batch, n) drops inputs. x: (time, batch, n)."""
    if masks is None or masks.shape[0] == 1:
        x = x if masks is None else x * masks[0]
        z = flat(x, kernel)
    else:
        parts = zip(masks, jnp.split(kernel, masks.shape[0], axis=-1), strict=True)
        z = jnp.concatenate([flat(x * m, w) for m, w in parts], axis=-1)
    return z if bias is None else z + bias


def inner(kernel, bias=None, masks=None):
    """Params of one product of the loop."""
    return {"kernel": kernel, "bias": bias, "masks": masks}


def simple_rnn(cell, x, states, kernel, recurrent_kernel, bias, mask, in_masks, masks, sequences, unroll):
    """The loop of SimpleRNN over time-major x; bias (units,) or None."""
    # the bias is added in the loop, where it costs nothing; added here it would be a pass over the whole sequence
    inputs = ((project(x, kernel, None, in_masks),), None)
    return recurrence(cell, MatMul(), sequences, unroll, inputs, states, (inner(recurrent_kernel, bias, masks),), mask)


# columns of both kernels: i, f, g, o, as in simple_rnn
lstm = simple_rnn


def gru(cell, x, states, kernel, recurrent_kernel, bias, mask, in_masks, masks, sequences, unroll):
    """The loop of GRU over time-major x; columns z, r, g; bias (3 units,) or None."""
    n = 2 * recurrent_kernel.shape[0]
    # a single mask serves all gates
    first = lambda m: m if m is None or m.shape[0] == 1 else m[:2]
    last = lambda m: m if m is None or m.shape[0] == 1 else m[2:]
    b = (None, None) if bias is None else (bias[:n], bias[n:])
    projected = (
        project(x, kernel[:, :n], None, first(in_masks)),
        project(x, kernel[:, n:], None, last(in_masks)),
    )
    params = (
        inner(recurrent_kernel[:, :n], b[0], first(masks)),
        inner(recurrent_kernel[:, n:], b[1], last(masks)),
    )
    return recurrence(cell, MatMul(), sequences, unroll, (projected, None), states, params, mask)


def gru_reset_after(cell, x, states, kernel, recurrent_kernel, bias, mask, in_masks, masks, sequences, unroll):
    """The loop of GRU(reset_after=True) over time-major x; bias (2, 3 units): of the input, of the state; or None."""
    b = (None, None) if bias is None else (bias[0], bias[1])
    inputs = ((None,), project(x, kernel, b[0], in_masks))
    params = (inner(recurrent_kernel, b[1], masks),)
    return recurrence(cell, MatMul(), sequences, unroll, inputs, states, params, mask)


def _lstm_sequence(cell, x, states, kernel, recurrent_kernel, bias):
    """The loop of LSTM over x (batch, time, n), with every step's output: (sequence (batch, time, units), states)."""
    x = time_major(x, False)
    sequence, states = lstm(cell, x, states, kernel, recurrent_kernel, bias, None, None, None, True, 1)
    return jnp.swapaxes(sequence, 0, 1), states


class Recurrent(Module):
    """What SimpleRNN, LSTM and GRU share: weights, dropout masks, time order, masked steps.

    Args:
        units: size of the state.
        activation: of the candidate: a name of `recurrent_cells.UNITWISE`, any function on arrays, or None for linear.
        recurrent_activation: of the gates, likewise.
        dropout, recurrent_dropout: rates, one mask for the whole sequence; off outside of (0, 1). Rng: 'dropout'.
        implementation: 2 drops the same inputs and states for every gate, 0 and 1 have a mask per gate.
        return_sequences: the output of every step, in the order in which the steps were taken.
        go_backwards: take the last step first.
        unroll: several steps per round of the compiled loop; masked first steps give zeros, as Keras has it there.

    Call: x (batch, time, n); initial_state tuple of (batch, units) or None for zeros; mask (batch, time) or None;
    in_masks, masks: dropout masks (gates or 1, batch, n or units) to use instead of drawing some.
    Returns: (output (batch, units) or (batch, time, units), tuple of last states).
    """

    units: int
    activation: Callable | str | None = "tanh"
    recurrent_activation: Callable | str | None = "hard_sigmoid"
    use_bias: bool = True
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    implementation: int = 1
    return_sequences: bool = False
    go_backwards: bool = False
    unroll: bool = False

    along_time = "loop"

    # of the class: gates per kernel, states, loop
    gates = 1
    state_count = 1

    @nn.nowrap
    def draws(self):
        return self.dropout != 0.0 or self.recurrent_dropout != 0.0

    def cell(self):
        raise NotImplementedError

    def loop(self):
        raise NotImplementedError

    def cudnn_computes(self, dtype) -> bool:
        """Whether cuDNN computes this layer's loop, without masks, exactly as the scan does."""
        return False

    def bias_shape(self):
        return (self.gates * self.units,)

    def weights(self, features: int):
        """(kernel, recurrent_kernel, bias or None) as the loop takes them."""
        width = self.gates * self.units
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), (features, width))
        recurrent = self.param("recurrent_kernel", nn.initializers.orthogonal(), (self.units, width))
        bias = self.param("bias", nn.initializers.zeros, self.bias_shape()) if self.use_bias else None
        return kernel, recurrent, bias

    def masks(self, rate: float, like, training: bool):
        if not training or not 0.0 < rate < 1.0:
            return None
        count = 1 if self.implementation == 2 else self.gates
        return dropout_masks(self.make_rng("dropout"), rate, count, like)

    @nn.compact
    def __call__(self, x, initial_state=None, mask=None, training: bool = False, in_masks=None, masks=None):
        kernel, recurrent, bias = self.weights(x.shape[-1])
        dtype = jnp.result_type(x, kernel)
        x = x.astype(dtype)
        if initial_state is None:
            initial_state = (jnp.zeros((x.shape[0], self.units), dtype),) * self.state_count
        states = tuple(s.astype(dtype) for s in initial_state)
        if in_masks is None:
            in_masks = self.masks(self.dropout, x[:, 0], training)
        if masks is None:
            masks = self.masks(self.recurrent_dropout, states[0], training)
        if cudnn.available() and all(m is None for m in (mask, in_masks, masks)) and self.cudnn_computes(dtype):
            return self.by_cudnn(x, states, kernel, recurrent, bias)

        x, mask = time_major(x, self.go_backwards), step_mask(mask, self.go_backwards)
        unroll = UNROLLED if self.unroll else 1
        sequence, states = self.loop()(
            self.cell(), x, states, kernel, recurrent, bias, mask, in_masks, masks, self.return_sequences, unroll
        )
        return finish(sequence, states, mask, self.unroll, self.return_sequences), states


class SimpleRNN(Recurrent):
    """h' = f(x W + h R + b). Weights: kernel (n, units), recurrent_kernel (units, units), bias (units,)."""

    def cell(self):
        return choose_cell(cells.SimpleStep, cells.SimpleUnits, self.activation)

    def loop(self):
        return simple_rnn


class LSTM(Recurrent):
    """c' = s(f) c + s(i) t(g); h' = s(o) t(c'). Weights: kernel (n, 4 units), recurrent_kernel (units, 4 units),
    bias (4 units,), columns i, f, g, o. States: h, c."""

    gates = 4
    state_count = 2

    def cell(self):
        return choose_cell(cells.LSTMStep, cells.LSTMUnits, self.activation, self.recurrent_activation)

    def loop(self):
        return lstm

    def cudnn_computes(self, dtype):
        return dtype == jnp.float32 and (self.activation, self.recurrent_activation) == ("tanh", "sigmoid")

    def by_cudnn(self, x, states, kernel, recurrent, bias):
        """The result of a call without masks, `states` filled in."""
        bias = jnp.zeros(kernel.shape[1:], kernel.dtype) if bias is None else bias
        x = x[:, ::-1] if self.go_backwards else x
        sequence, states = cudnn.lstm(
            functools.partial(_lstm_sequence, self.cell()), x, states, kernel, recurrent, bias
        )
        return (sequence if self.return_sequences else states[0]), states


class GRU(Recurrent):
    """h' = z h + (1 - z) g, reset gate r before or after the recurrent product. Weights: kernel (n, 3 units),
    recurrent_kernel (units, 3 units), bias (3 units,), with reset_after (2, 3 units); columns z, r, g.

    Differs: with implementation=2 and recurrent dropout Keras 2.2.4 also drops units of the h that is carried on.
    """

    reset_after: bool = False
    gates = 3

    def bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def cell(self):
        after = self.reset_after
        step = cells.GRUResetAfterStep if after else cells.GRUStep
        units = cells.GRUResetAfterUnits if after else cells.GRUUnits
        return choose_cell(step, units, self.activation, self.recurrent_activation)

    def loop(self):
        return gru_reset_after if self.reset_after else gru


def _cudnn_matrices(kernel, gates: int):
    """cuDNN takes the numbers of each gate's (n, units) block, in memory order, for a (units, n) matrix."""
    blocks = jnp.split(kernel, gates, axis=-1)
    return jnp.concatenate([b.reshape(b.shape[1], b.shape[0]).T for b in blocks], axis=-1)


class CuDNNLSTM(LSTM):
    """LSTM with sigmoid gates in cuDNN's weight layout: bias (8 units,), of the input and of the state; kernels
    (n, 4 units), (units, 4 units) hold each gate's matrix transposed in memory. Runs on any device, see `cudnn`."""

    recurrent_activation: Callable | str | None = "sigmoid"

    def bias_shape(self):
        return (8 * self.units,)

    def weights(self, features):
        kernel, recurrent, bias = super().weights(features)
        both = bias[: 4 * self.units] + bias[4 * self.units :]
        return _cudnn_matrices(kernel, 4), _cudnn_matrices(recurrent, 4), both


class CuDNNGRU(GRU):
    """GRU(reset_after=True) with sigmoid gates in cuDNN's weight layout: bias (6 units,), of the input and of the
    state; kernels (n, 3 units), (units, 3 units) hold each gate's matrix transposed in memory. Runs on any device."""

    recurrent_activation: Callable | str | None = "sigmoid"
    reset_after: bool = True

    def bias_shape(self):
        return (6 * self.units,)

    def weights(self, features):
        kernel, recurrent, bias = super().weights(features)
        return _cudnn_matrices(kernel, 3), _cudnn_matrices(recurrent, 3), bias.reshape(2, 3 * self.units)

"""CuDNNGRU and CuDNNLSTM: sigmoid and tanh only, cuDNN's weight layout, on any device."""

from __future__ import annotations

from typing import NamedTuple

from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers.fields import add_weight, given, positive_int, read_fields, write_fields
from kjax.layers.recurrent_cells import ForgetBias, part
from kjax.layers.rnn import RNN, run_sequence
from kjax.nn import recurrent

__all__ = ["CuDNNGRU", "CuDNNLSTM", "InputSpec", "RNN"]


class _Cell(NamedTuple):
    """What `RNN` asks of a cell where there is none."""

    state_size: int | tuple[int, int]


class _CuDNNRNN(RNN):
    """What the two layers share: fields, weights, states."""

    gates: int
    fields: tuple[str, ...] = ()

    def __init__(
        self,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        # past RNN's own, which needs a cell
        Layer.__init__(self, **kwargs)
        self._set_up_rnn(return_sequences, return_state, go_backwards, stateful, unroll=False)
        self.supports_masking = False

    def _read(self, units, **fields):
        self.units = positive_int(units, "units", self.name)
        read_fields(self, **fields)
        self.fields = ("units", *fields)

    def initial_bias(self):
        return self.bias_initializer

    def build(self, input_shape):
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        features, width = shape[-1], self.gates * self.units
        if features is None:
            raise ValueError(
                f"Layer {self.name}: the last dimension of the inputs must be known; got shape {tuple(shape)}."
            )
        self.input_spec[0] = InputSpec(shape=(shape[0] if self.stateful else None, None, features))
        self.kernel = add_weight(self, "kernel", (features, width))
        self.recurrent_kernel = add_weight(self, "recurrent_kernel", (self.units, width))
        self.bias = add_weight(self, "bias", (2 * width,), self.initial_bias())
        self._check_states()
        if self.stateful:
            self.reset_states()
        self.built = True

    def _module(self):
        raise NotImplementedError(f"{type(self).__name__} must define _module().")

    def call(self, inputs, mask=None, training=None, initial_state=None):
        inputs, mask, initial_state, _ = self._arguments(inputs, mask, initial_state, None)
        if mask is not None:
            raise ValueError(
                f"Layer {self.name}: masking is not supported for CuDNN RNNs; use GRU or LSTM; got the mask {mask!r}."
            )
        return self._finish(inputs, *run_sequence(self, self._module(), inputs, None, training, initial_state))

    def get_losses_for(self, inputs=None):
        return Layer.get_losses_for(self, inputs)

    def get_config(self):
        config = super().get_config()
        del config["unroll"]
        return config

    def _cell_config(self):
        return write_fields(self, *self.fields)

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        num_constants = config.pop("num_constants", None)
        layer = cls(**config)
        layer._num_constants = num_constants
        return layer


class CuDNNGRU(_CuDNNRNN):
    """GRU(reset_after=True, recurrent_activation='sigmoid') with weights in cuDNN's layout; runs on any device.

    Input shape: (batch, time, features). Output shape: (batch, units), with return_sequences (batch, time, units);
    with return_state a list of that and h.
    Weights: kernel (features, 3 units), recurrent_kernel (units, 3 units), bias (6 units,); gates z, r, h; each gate's
    numbers are those of cuDNN's (units, features) matrix in memory; the bias holds those of the inputs, then of h.

    Args:
        units: int >= 1.
        kernel_initializer, recurrent_initializer, bias_initializer: see `initializers`.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: see `regularizers`.
        kernel_constraint, recurrent_constraint, bias_constraint: see `constraints`.
        return_sequences, return_state, stateful, and in the further arguments go_backwards: see `RNN`.

    Differs: the scan of `GRU` runs on every device, GPUs included: JAX has no GRU of cuDNN.
    """

    gates = 3

    def __init__(
        self,
        units,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        return_sequences=False,
        return_state=False,
        stateful=False,
        **kwargs,
    ):
        super().__init__(return_sequences=return_sequences, return_state=return_state, stateful=stateful, **kwargs)
        self._read(**given(locals(), "return_sequences", "return_state", "stateful"))

    @property
    def cell(self):
        return _Cell(self.units)

    def _module(self):
        return recurrent.CuDNNGRU(
            self.units, return_sequences=bool(self.return_sequences), go_backwards=bool(self.go_backwards)
        )

    kernel_z, kernel_r, kernel_h = (part("kernel", k) for k in range(3))
    recurrent_kernel_z, recurrent_kernel_r, recurrent_kernel_h = (part("recurrent_kernel", k) for k in range(3))
    bias_z_i, bias_r_i, bias_h_i, bias_z, bias_r, bias_h = (part("bias", k) for k in range(6))


class CuDNNLSTM(_CuDNNRNN):
    """LSTM(recurrent_activation='sigmoid') with weights in cuDNN's layout; runs on any device.

    Input shape: (batch, time, features). Output shape: (batch, units), with return_sequences (batch, time, units);
    with return_state a list of that, h and c.
    Weights: kernel (features, 4 units), recurrent_kernel (units, 4 units), bias (8 units,); gates i, f, c, o; each
    gate's numbers are those of cuDNN's (units, features) matrix in memory; bias: those of the inputs, then of h.

    Args:
        units: int >= 1.
        kernel_initializer, recurrent_initializer, bias_initializer: see `initializers`.
        unit_forget_bias: start with a bias of 1 for the forget gate.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: see `regularizers`.
        kernel_constraint, recurrent_constraint, bias_constraint: see `constraints`.
        return_sequences, return_state, stateful, and in the further arguments go_backwards: see `RNN`.

    Differs: cuDNN itself runs in float32 on a process's only device, an NVIDIA GPU, unless the environment says
    `KJAX_CUDNN=0`; the scan of `LSTM` anywhere else. `LSTM(recurrent_activation='sigmoid')` without mask and dropout
    goes the same way.
    """

    gates = 4

    def __init__(
        self,
        units,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        return_sequences=False,
        return_state=False,
        stateful=False,
        **kwargs,
    ):
        super().__init__(return_sequences=return_sequences, return_state=return_state, stateful=stateful, **kwargs)
        self._read(**given(locals(), "return_sequences", "return_state", "stateful"))

    @property
    def cell(self):
        return _Cell((self.units, self.units))

    def initial_bias(self):
        n = self.units
        return ForgetBias(self.bias_initializer, 5 * n, n, 2 * n) if self.unit_forget_bias else self.bias_initializer

    def _module(self):
        return recurrent.CuDNNLSTM(
            self.units, return_sequences=bool(self.return_sequences), go_backwards=bool(self.go_backwards)
        )

    kernel_i, kernel_f, kernel_c, kernel_o = (part("kernel", k) for k in range(4))
    recurrent_kernel_i, recurrent_kernel_f, recurrent_kernel_c, recurrent_kernel_o = (
        part("recurrent_kernel", k) for k in range(4)
    )
    bias_i_i, bias_f_i, bias_c_i, bias_o_i, bias_i, bias_f, bias_c, bias_o = (part("bias", k) for k in range(8))

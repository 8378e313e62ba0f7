"""Recurrent layers: SimpleRNN, GRU, LSTM; cells and the layer that runs them are in `recurrent_cells` and `rnn`."""

from __future__ import annotations

import warnings

from kjax import regularizers
from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers.fields import given, read_fields
from kjax.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell
from kjax.layers.rnn import RNN, StackedRNNCells

__all__ = [
    "GRU",
    "GRUCell",
    "InputSpec",
    "LSTM",
    "LSTMCell",
    "Layer",
    "RNN",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
]


_OPTIONS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")


def _of_cell(name):
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's `{name}`.")


class _CellLayer(RNN):
    """An RNN that makes its own cell and answers for the cell's fields.

    Args:
        cell_class: of the cell, which calls itself by the layer's name in error messages.
        arguments: dict: the cell's arguments, activity_regularizer, and those that `RNN` takes besides a cell.
    """

    def __init__(self, cell_class, arguments, **kwargs):
        Layer.__init__(self, **kwargs)
        options = {name: arguments.pop(name) for name in _OPTIONS if name in arguments}
        activity_regularizer = arguments.pop("activity_regularizer")
        self.cell = cell_class(**arguments, name=self.name)
        read_fields(self, activity_regularizer=activity_regularizer)
        self._set_up_rnn(**options)

    def call(self, inputs, mask=None, training=None, initial_state=None):
        return super().call(inputs, mask=mask, training=training, initial_state=initial_state)

    def _cell_config(self):
        own = super(RNN, self).get_config()
        fields = {k: v for k, v in self.cell.get_config().items() if k not in ("name", "trainable", *own)}
        return {**fields, "activity_regularizer": regularizers.serialize(self.activity_regularizer)}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if config.get("implementation") == 0:
            config["implementation"] = 1
        num_constants = config.pop("num_constants", None)
        layer = cls(**config)
        layer._num_constants = num_constants
        return layer

    units = _of_cell("units")
    activation = _of_cell("activation")
    use_bias = _of_cell("use_bias")
    kernel_initializer = _of_cell("kernel_initializer")
    recurrent_initializer = _of_cell("recurrent_initializer")
    bias_initializer = _of_cell("bias_initializer")
    kernel_regularizer = _of_cell("kernel_regularizer")
    recurrent_regularizer = _of_cell("recurrent_regularizer")
    bias_regularizer = _of_cell("bias_regularizer")
    kernel_constraint = _of_cell("kernel_constraint")
    recurrent_constraint = _of_cell("recurrent_constraint")
    bias_constraint = _of_cell("bias_constraint")
    dropout = _of_cell("dropout")
    recurrent_dropout = _of_cell("recurrent_dropout")


def _warn_implementation(implementation):
    if implementation == 0:
        warnings.warn("`implementation=0` has been deprecated, and now defaults to `implementation=1`.")


class SimpleRNN(_CellLayer):
    """Fully connected recurrence: h_t = activation(x_t kernel + h_{t-1} recurrent_kernel + bias).

    Input shape: (batch, time, features). Output shape: (batch, units), with return_sequences (batch, time, units);
    with return_state a list of that and h.
    Weights: kernel (features, units), recurrent_kernel (units, units), bias (units,).

    Args:
        units: int >= 1.
        activation: name or function; None is linear.
        use_bias: bool.
        kernel_initializer, recurrent_initializer, bias_initializer: see `initializers`.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: see `regularizers`.
        kernel_constraint, recurrent_constraint, bias_constraint: see `constraints`.
        dropout, recurrent_dropout: rates for the inputs and for h, 0..1, one mask for all steps; 0 and 1: none.
        return_sequences, return_state, go_backwards, stateful, unroll: see `RNN`.
    """

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
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
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        **kwargs,
    ):
        if "implementation" in kwargs:
            kwargs.pop("implementation")
            warnings.warn(
                "The `implementation` argument in `SimpleRNN` has been deprecated; remove it from your layer call."
            )
        super().__init__(SimpleRNNCell, given(locals()), **kwargs)


class GRU(_CellLayer):
    """Gated recurrent unit: h_t = z h_{t-1} + (1 - z) g, see `GRUCell`.

    Input shape: (batch, time, features). Output shape: (batch, units), with return_sequences (batch, time, units);
    with return_state a list of that and h.
    Weights: kernel (features, 3 units), recurrent_kernel (units, 3 units), bias (3 units,) or, with reset_after,
    (2, 3 units); columns z, r, g.

    Args:
        units: int >= 1.
        activation: of g; name or function; None is linear.
        recurrent_activation: of the gates z and r.
        use_bias: bool.
        kernel_initializer, recurrent_initializer, bias_initializer: see `initializers`.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: see `regularizers`.
        kernel_constraint, recurrent_constraint, bias_constraint: see `constraints`.
        dropout, recurrent_dropout: rates for the inputs and for h, 0..1, one mask for all steps; 0 and 1: none.
        implementation: 0, 1: a dropout mask per gate; 2: one for all gates. The numbers are otherwise the same.
        return_sequences, return_state, go_backwards, stateful, unroll: see `RNN`.
        reset_after: apply r after the product of h with the recurrent kernel, as cuDNN does.

    Differs: with implementation=2 and recurrent_dropout, 2.2.4 also drops units of the h_{t-1} that z carries over.
    References: Cho et al. 2014, arXiv:1406.1078v3 (reset_after=False), v1 (reset_after=True).
    """

    recurrent_activation = _of_cell("recurrent_activation")
    implementation = _of_cell("implementation")
    reset_after = _of_cell("reset_after")

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="hard_sigmoid",
        use_bias=True,
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
        dropout=0.0,
        recurrent_dropout=0.0,
        implementation=1,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=False,
        **kwargs,
    ):
        _warn_implementation(implementation)
        super().__init__(GRUCell, given(locals()), **kwargs)


class LSTM(_CellLayer):
    """Long short-term memory: c_t = f c_{t-1} + i g, h_t = o activation(c_t), see `LSTMCell`.

    Input shape: (batch, time, features). Output shape: (batch, units), with return_sequences (batch, time, units);
    with return_state a list of that, h and c.
    Weights: kernel (features, 4 units), recurrent_kernel (units, 4 units), bias (4 units,); columns i, f, g, o.

    Args:
        units: int >= 1.
        activation: of g and c; name or function; None is linear.
        recurrent_activation: of the gates i, f and o.
        use_bias: bool.
        kernel_initializer, recurrent_initializer, bias_initializer: see `initializers`.
        unit_forget_bias: start with a bias of 1 for the forget gate f.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: see `regularizers`.
        kernel_constraint, recurrent_constraint, bias_constraint: see `constraints`.
        dropout, recurrent_dropout: rates for the inputs and for h, 0..1, one mask for all steps; 0 and 1: none.
        implementation: 0, 1: a dropout mask per gate; 2: one for all gates. The numbers are otherwise the same.
        return_sequences, return_state, go_backwards, stateful, unroll: see `RNN`.

    References: Hochreiter and Schmidhuber 1997; Gers et al. 1999 (forget gate).
    """

    recurrent_activation = _of_cell("recurrent_activation")
    unit_forget_bias = _of_cell("unit_forget_bias")
    implementation = _of_cell("implementation")

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="hard_sigmoid",
        use_bias=True,
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
        dropout=0.0,
        recurrent_dropout=0.0,
        implementation=1,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        **kwargs,
    ):
        _warn_implementation(implementation)
        super().__init__(LSTMCell, given(locals()), **kwargs)

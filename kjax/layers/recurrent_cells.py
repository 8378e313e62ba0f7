"""Cells: one step of SimpleRNN, GRU and LSTM, with the weights."""

from __future__ import annotations

import numpy as np

from kjax import activations, initializers
from kjax import backend as K
from kjax.engine.base_layer import Layer
from kjax.layers.fields import add_weight, given, positive_int, rate, read_fields, write_fields
from kjax.nn import recurrent
from kjax.nn.recurrent_cells import UNITWISE

__all__ = ["BuiltInCell", "ForgetBias", "GRUCell", "LSTMCell", "SimpleRNNCell", "module_activation"]


def module_activation(function):
    """The name of a built-in activation that `kjax.nn` has in closed form, else the function itself."""
    name = getattr(function, "__name__", None)
    return name if name in UNITWISE and getattr(activations, name, None) is function else function


class ForgetBias:
    """An initializer for a bias of `before` + `ones` + `after` numbers: ones in the middle, else from `initializer`."""

    def __init__(self, initializer, before, ones, after):
        self.initializer, self.sizes = initializer, (before, ones, after)

    def __call__(self, shape, dtype=None):
        return self.prepare(shape, dtype)()

    def prepare(self, shape, dtype=None):
        """As `Initializer.prepare`: numbers are made when they are needed, not where a file brings them."""
        dtype = dtype or K.floatx()
        before, ones, after = self.sizes
        first, last = [initializers.prepare(self.initializer, (n,), dtype) for n in (before, after)]
        return lambda: np.concatenate([np.asarray(part, dtype) for part in (first(), np.ones(ones, dtype), last())])


def part(weight, position):
    """A read-only attribute: columns number `position` of a weight, `units` wide; None without the weight.

    Args:
        weight: attribute of the cell: 'kernel', 'recurrent_kernel', 'bias', 'input_bias' or 'recurrent_bias'.
    """

    def get(cell):
        array = getattr(cell, weight)
        return None if array is None else array[..., position * cell.units : (position + 1) * cell.units]

    return property(get, doc=f"Part {position} of `{weight}`.")


class BuiltInCell(Layer):
    """What the cells share: fields, weights, and the step as a Flax module on a sequence of one."""

    gates = 1
    size_name = "units"
    fields: tuple[str, ...] = ()
    implementation = 1

    def __init__(self, fields, **kwargs):
        super().__init__(**kwargs)
        self.units = positive_int(fields.pop(self.size_name), self.size_name, self.name)
        fields["dropout"] = rate(fields["dropout"], "dropout", self.name)
        fields["recurrent_dropout"] = rate(fields["recurrent_dropout"], "recurrent_dropout", self.name)
        read_fields(self, **fields)
        self.fields = (self.size_name, *fields)
        if self.implementation not in (0, 1, 2):
            raise ValueError(
                f"Layer {self.name}: the `implementation` argument must be 0, 1 or 2; got {self.implementation!r}."
            )
        self.output_size = self.units
        self._dropout_mask = None
        self._recurrent_dropout_mask = None

    @property
    def state_size(self):
        return self.units

    @property
    def bias_shape(self):
        return (self.gates * self.units,)

    def initial_bias(self):
        return self.bias_initializer

    def build(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f"Layer {self.name}: the last dimension of the inputs must be known; got shape {tuple(input_shape)}."
            )
        width = self.gates * self.units
        self.kernel = add_weight(self, "kernel", (features, width))
        self.recurrent_kernel = add_weight(self, "recurrent_kernel", (self.units, width))
        self.bias = add_weight(self, "bias", self.bias_shape, self.initial_bias()) if self.use_bias else None
        self.built = True

    def module(self, **options):
        """The Flax module that runs this cell over a sequence.

        Args:
            options: return_sequences, go_backwards, unroll.
        """
        raise NotImplementedError(f"{type(self).__name__} must define module(**options).")

    def _module_fields(self):
        return {
            "units": self.units,
            "activation": module_activation(self.activation),
            "use_bias": self.use_bias,
            "dropout": float(self.dropout),
            "recurrent_dropout": float(self.recurrent_dropout),
            "implementation": self.implementation,
        }

    def call(self, inputs, states, training=None):
        """One step.

        Args:
            inputs: (batch, features).
            states: list of (batch, units), h first.

        Returns:
            (h, list of new states).
        """
        kept = {"in_masks": self._dropout_mask, "masks": self._recurrent_dropout_mask}
        output, states = self.apply_module(
            self.module(),
            K.expand_dims(inputs, 1),
            training=training,
            initial_state=tuple(states),
            **{name: mask for name, mask in kept.items() if mask is not None},
        )
        return output, list(states)

    def set_dropout_masks(self, inputs, state, training=None):
        """Draws the masks that all steps of a sequence share.

        Args:
            inputs, state: of one step, for their shapes.
        """
        count = 1 if self.implementation == 2 else self.gates
        self.forget_dropout_masks()
        if 0.0 < self.dropout < 1.0:
            self._dropout_mask = dropout_masks(K.ones_like(inputs), self.dropout, count, training)
        if 0.0 < self.recurrent_dropout < 1.0:
            self._recurrent_dropout_mask = dropout_masks(K.ones_like(state), self.recurrent_dropout, count, training)

    def forget_dropout_masks(self):
        """From now on every call draws its own."""
        self._dropout_mask = self._recurrent_dropout_mask = None

    def get_config(self):
        return {**super().get_config(), **write_fields(self, *self.fields)}


def dropout_masks(ones, level, count, training):
    """(count, batch, n): masks of 0 and 1 / (1 - level) when training, else ones."""
    return K.stack([K.in_train_phase(K.dropout(ones, level), ones, training=training) for _ in range(count)])


class SimpleRNNCell(BuiltInCell):
    """h' = activation(x kernel + h recurrent_kernel + bias).

    Weights: kernel (features, units), recurrent_kernel (units, units), bias (units,). State: h.

    Args:
        units: int >= 1.
        activation: name or function; None is linear.
        use_bias: bool.
        kernel_initializer, recurrent_initializer, bias_initializer: see `initializers`.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: see `regularizers`.
        kernel_constraint, recurrent_constraint, bias_constraint: see `constraints`.
        dropout, recurrent_dropout: rates for the inputs and for h, 0..1, one mask for all steps; 0 and 1: none.
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
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        **kwargs,
    ):
        super().__init__(given(locals()), **kwargs)

    def module(self, **options):
        return recurrent.SimpleRNN(**self._module_fields(), **options)


class GRUCell(BuiltInCell):
    """h' = z h + (1 - z) g; z, r = s(x W + h R + b); g = activation(x W_g + (r h) R_g + b_g).

    With `reset_after`, r multiplies h R_g + b'_g instead, as in cuDNN.
    Weights: kernel (features, 3 units), recurrent_kernel (units, 3 units), bias (3 units,) or, with reset_after,
    (2, 3 units); columns z, r, g. State: h.

    Args:
        units: int >= 1.
        activation: of g; name or function; None is linear.
        recurrent_activation: of z and r, s above.
        use_bias: bool.
        kernel_initializer, recurrent_initializer, bias_initializer: see `initializers`.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: see `regularizers`.
        kernel_constraint, recurrent_constraint, bias_constraint: see `constraints`.
        dropout, recurrent_dropout: rates for the inputs and for h, 0..1, one mask for all steps; 0 and 1: none.
        implementation: 0, 1: a dropout mask per gate; 2: one for all gates.
        reset_after: bool.
    """

    gates = 3

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
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        implementation=1,
        reset_after=False,
        **kwargs,
    ):
        super().__init__(given(locals()), **kwargs)

    @property
    def bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def module(self, **options):
        fields = self._module_fields()
        return recurrent.GRU(
            **fields,
            recurrent_activation=module_activation(self.recurrent_activation),
            reset_after=bool(self.reset_after),
            **options,
        )

    @property
    def input_bias(self):
        return self.bias[0] if self.reset_after and self.bias is not None else self.bias

    @property
    def recurrent_bias(self):
        return self.bias[1] if self.reset_after and self.bias is not None else None

    kernel_z, kernel_r, kernel_h = (part("kernel", k) for k in range(3))
    recurrent_kernel_z, recurrent_kernel_r, recurrent_kernel_h = (part("recurrent_kernel", k) for k in range(3))
    input_bias_z, input_bias_r, input_bias_h = (part("input_bias", k) for k in range(3))
    recurrent_bias_z, recurrent_bias_r, recurrent_bias_h = (part("recurrent_bias", k) for k in range(3))


class LSTMCell(BuiltInCell):
    """c' = s(f) c + s(i) activation(g); h' = s(o) activation(c'); i, f, g, o = x kernel + h recurrent_kernel + bias.

    Weights: kernel (features, 4 units), recurrent_kernel (units, 4 units), bias (4 units,), columns i, f, g, o.
    States: h, c.

    Args:
        units: int >= 1.
        activation: of g and c'; name or function; None is linear.
        recurrent_activation: of the gates, s above.
        use_bias: bool.
        kernel_initializer, recurrent_initializer, bias_initializer: see `initializers`.
        unit_forget_bias: start with a bias of 1 for f.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: see `regularizers`.
        kernel_constraint, recurrent_constraint, bias_constraint: see `constraints`.
        dropout, recurrent_dropout: rates for the inputs and for h, 0..1, one mask for all steps; 0 and 1: none.
        implementation: 0, 1: a dropout mask per gate; 2: one for all gates.
    """

    gates = 4

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
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        implementation=1,
        **kwargs,
    ):
        super().__init__(given(locals()), **kwargs)

    @property
    def state_size(self):
        return (self.units, self.units)

    def initial_bias(self):
        n = self.units
        return ForgetBias(self.bias_initializer, n, n, 2 * n) if self.unit_forget_bias else self.bias_initializer

    def module(self, **options):
        activation = module_activation(self.recurrent_activation)
        return recurrent.LSTM(**self._module_fields(), recurrent_activation=activation, **options)

    kernel_i, kernel_f, kernel_c, kernel_o = (part("kernel", k) for k in range(4))
    recurrent_kernel_i, recurrent_kernel_f, recurrent_kernel_c, recurrent_kernel_o = (
        part("recurrent_kernel", k) for k in range(4)
    )
    bias_i, bias_f, bias_c, bias_o = (part("bias", k) for k in range(4))

"""Convolutional recurrent layers: ConvRNN2D, ConvLSTM2D and its cell."""

from __future__ import annotations

from kjax import backend as K
from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers.convolution_base import read_padding, read_strides
from kjax.layers.fields import add_weight, given, read_data_format, sizes
from kjax.layers.recurrent import _CellLayer, _of_cell
from kjax.layers.recurrent_cells import BuiltInCell, ForgetBias, module_activation, part
from kjax.layers.rnn import RNN, sizes_of
from kjax.layers.stepwise import ConvRecurrent2D
from kjax.nn.conv_recurrent import ConvLSTM2D as ConvLSTMModule
from kjax.nn.shapes import window_length

__all__ = ["ConvLSTM2D", "ConvLSTM2DCell", "ConvRNN2D", "ConvRecurrent2D", "InputSpec", "Layer", "RNN"]


class ConvRNN2D(RNN):
    """Runs a convolutional cell over a sequence of images.

    Input shape: (batch, time, rows, columns, channels), or channels_first (batch, time, channels, rows, columns).
    Output shape: (batch, rows', columns', filters), with return_sequences (batch, time, rows', columns', filters), or
    channels first; with return_state a list of that and the last states.

    Args:
        cell: as for `RNN`; besides `call` and `state_size` (numbers of channels) it has `filters`, `kernel_size`,
            `strides`, `padding`, `data_format`, `dilation_rate` and `input_conv`.
        return_sequences, return_state, go_backwards, stateful, unroll: see `RNN`.

    Differs: masks and `initial_state` work, where Keras 2.2.4 raises; so does `unroll`.
    """

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        **kwargs,
    ):
        if isinstance(cell, (list, tuple)):
            raise TypeError(
                f"{type(self).__name__}: convolutional cells cannot be stacked; got a list of {len(cell)} cells."
            )
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll, **kwargs)

    def _set_up_rnn(self, *options, **named):
        super()._set_up_rnn(*options, **named)
        self.input_spec = [InputSpec(ndim=5)]

    def build(self, input_shape):
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        cell = self.cell
        image = self._image_shapes(None, shape[2:])[0]
        if min((n for n in image[1:] if n is not None), default=1) < 1:
            raise ValueError(
                f"Layer {self.name}: a kernel of size {cell.kernel_size} with dilation_rate={cell.dilation_rate} does "
                f"not fit into images of shape {tuple(shape[2:])} ({cell.data_format}) when padding={cell.padding!r}."
            )
        super().build(input_shape)

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        batch, steps = input_shape[:2]
        states = self._image_shapes(batch, input_shape[2:])
        output = (batch, steps, *states[0][1:]) if self.return_sequences else states[0]
        return [output, *states] if self.return_state else output

    def _image_shapes(self, batch, step):
        """The shapes of the states for a step of shape (rows, columns, channels) or (channels, rows, columns)."""
        cell = self.cell
        first = cell.data_format == "channels_first"
        axes = zip(
            step[1:] if first else step[:2],
            cell.kernel_size,
            cell.strides,
            cell.dilation_rate,
            strict=True,
        )
        image = [window_length(n, k, cell.padding, s, d) for n, k, s, d in axes]
        return [(batch, n, *image) if first else (batch, *image, n) for n in sizes_of(cell)]

    def _state_shapes(self, batch):
        return self._image_shapes(batch, self.input_spec[0].shape[2:])

    def get_initial_state(self, inputs):
        # a convolution of zeros with zeros has the states' shape, also where the images' size is not known
        image = K.sum(K.zeros_like(inputs), axis=1)
        rows, columns = self.cell.kernel_size
        channels = inputs.shape[2 if self.cell.data_format == "channels_first" else -1]
        return [
            self.cell.input_conv(image, K.constant(0.0, shape=(rows, columns, channels, n)), padding=self.cell.padding)
            for n in sizes_of(self.cell)
        ]


class ConvLSTM2DCell(BuiltInCell):
    """The step of ConvLSTM2D: `LSTMCell` with convolutions: i, f, g, o = x * kernel + h * recurrent_kernel + bias.

    Weights: kernel (rows, columns, channels, 4 filters), recurrent_kernel (rows, columns, filters, 4 filters),
    bias (4 filters,), columns i, f, g, o. States: h, c.

    Args:
        filters: int >= 1, channels of the state.
        kernel_size: int or pair.
        strides, padding, dilation_rate: of the convolution of x; 'valid' or 'same'; not both numbers above 1.
        data_format: 'channels_last', 'channels_first' or None for the setting in `keras.json`.
        activation: of g and c'; name or function; None is linear.
        recurrent_activation: of the gates.
        use_bias: bool.
        kernel_initializer, recurrent_initializer, bias_initializer: see `initializers`.
        unit_forget_bias: start with a bias of 1 for the forget gate.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: see `regularizers`.
        kernel_constraint, recurrent_constraint, bias_constraint: see `constraints`.
        dropout, recurrent_dropout: rates for the inputs and for h, 0..1, a mask per gate for all steps; 0 and 1: none.
    """

    gates = 4
    size_name = "filters"

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
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
        **kwargs,
    ):
        super().__init__(given(locals()), **kwargs)
        self.filters = self.units
        self.kernel_size = sizes(kernel_size, 2, "kernel_size", self.name)
        self.strides, self.dilation_rate = read_strides(strides, dilation_rate, 2, self.name)
        self.padding = read_padding(padding, 2, self.name)
        self.data_format = read_data_format(data_format, self.name)

    @property
    def state_size(self):
        return (self.filters, self.filters)

    def initial_bias(self):
        n = self.filters
        return ForgetBias(self.bias_initializer, n, n, 2 * n) if self.unit_forget_bias else self.bias_initializer

    def build(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        if channels is None:
            raise ValueError(
                f"Layer {self.name}: the channel dimension of the inputs must be known; got shape {tuple(input_shape)} "
                f"with data_format={self.data_format!r}."
            )
        width = 4 * self.filters
        self.kernel_shape = (*self.kernel_size, channels, width)
        self.kernel = add_weight(self, "kernel", self.kernel_shape)
        recurrent_shape = (*self.kernel_size, self.filters, width)
        self.recurrent_kernel = add_weight(self, "recurrent_kernel", recurrent_shape)
        self.bias = add_weight(self, "bias", (width,), self.initial_bias()) if self.use_bias else None
        self.built = True

    def module(self, **options):
        return ConvLSTMModule(
            filters=self.filters,
            kernel_size=self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
            activation=module_activation(self.activation),
            recurrent_activation=module_activation(self.recurrent_activation),
            use_bias=self.use_bias,
            dropout=float(self.dropout),
            recurrent_dropout=float(self.recurrent_dropout),
            **options,
        )

    def input_conv(self, x, w, b=None, padding="valid"):
        """The convolution of the inputs x with w, plus b."""
        y = K.conv2d(
            x,
            w,
            strides=self.strides,
            padding=padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return y if b is None else K.bias_add(y, b, data_format=self.data_format)

    def recurrent_conv(self, x, w):
        """The convolution of a state x with w, which keeps its size."""
        return K.conv2d(x, w, strides=(1, 1), padding="same", data_format=self.data_format)

    kernel_i, kernel_f, kernel_c, kernel_o = (part("kernel", k) for k in range(4))
    recurrent_kernel_i, recurrent_kernel_f, recurrent_kernel_c, recurrent_kernel_o = (
        part("recurrent_kernel", k) for k in range(4)
    )
    bias_i, bias_f, bias_c, bias_o = (part("bias", k) for k in range(4))


class ConvLSTM2D(_CellLayer, ConvRNN2D):
    """An LSTM on images whose products are convolutions, see `ConvLSTM2DCell`.

    Input and output shapes: see `ConvRNN2D`.
    Weights: kernel (rows, columns, channels, 4 filters), recurrent_kernel (rows, columns, filters, 4 filters),
    bias (4 filters,); columns i, f, g, o.

    Args:
        filters: int >= 1, channels of the output.
        kernel_size: int or pair.
        strides, padding, dilation_rate: of the convolution of x; 'valid' or 'same'; not both numbers above 1.
        data_format: 'channels_last', 'channels_first' or None for the setting in `keras.json`.
        activation: name or function; None is linear.
        recurrent_activation: of the gates.
        use_bias: bool.
        kernel_initializer, recurrent_initializer, bias_initializer: see `initializers`.
        unit_forget_bias: start with a bias of 1 for the forget gate.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: see `regularizers`.
        kernel_constraint, recurrent_constraint, bias_constraint: see `constraints`.
        return_sequences, go_backwards, stateful, and in the further arguments return_state, unroll: see `RNN`.
        dropout, recurrent_dropout: rates for the inputs and for h, 0..1, a mask per gate for all steps; 0 and 1: none.

    References: Shi et al. 2015, arXiv:1506.04214.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
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
        return_sequences=False,
        go_backwards=False,
        stateful=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        **kwargs,
    ):
        arguments = given(locals())
        arguments.update({name: kwargs.pop(name) for name in ("return_state", "unroll") if name in kwargs})
        super().__init__(ConvLSTM2DCell, arguments, **kwargs)

    filters = _of_cell("filters")
    kernel_size = _of_cell("kernel_size")
    strides = _of_cell("strides")
    padding = _of_cell("padding")
    data_format = _of_cell("data_format")
    dilation_rate = _of_cell("dilation_rate")
    recurrent_activation = _of_cell("recurrent_activation")
    unit_forget_bias = _of_cell("unit_forget_bias")

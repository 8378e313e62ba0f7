"""`Recurrent`, the base of recurrent layers before Keras 2.1: a subclass defines one step instead of a cell."""

from __future__ import annotations

import numpy as np

from kjax import backend as K
from kjax.engine.base_layer import InputSpec, Layer
from kjax.utils.conv_utils import conv_output_length, normalize_padding, normalize_tuple
from kjax.utils.generic_utils import has_arg


class Recurrent(Layer):
    """Base class of recurrent layers that are defined by their step.

        output_t, states_t = step(preprocess_input(x)_t, states_{t-1} + constants)

    A subclass sets `units` (or Keras 1's `output_dim`) and in `build` the list `states` (None for each state), and
    defines `step(inputs, states)`; where needed `get_constants(inputs, training=None)`,
    `preprocess_input(inputs, training=None)` and `get_initial_state(inputs)`.

    Input shape: (batch, steps, features), or a list of that and the initial states.
    Output shape: (batch, units), or (batch, steps, units); with return_state followed by the states.

    Args:
        return_sequences: the output of every step, not only of the last; default False.
        return_state: the last states as further outputs.
        go_backwards: from the last step to the first.
        stateful: the states a batch ends with are the next batch's first; needs a fixed batch size.
        unroll: write the loop out; needs a fixed number of steps.
        implementation: 0, 1 or 2, kept for subclasses; they give the same numbers here.
    """

    def __init__(
        self,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        implementation=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.implementation = implementation
        self.supports_masking = True
        self.input_spec = [InputSpec(ndim=3)]
        self.state_spec = None
        self.dropout = 0
        self.recurrent_dropout = 0
        self.states = []

    def step(self, inputs, states):
        raise NotImplementedError(f"Layer {self.name}: {type(self).__name__} must define step(inputs, states).")

    def get_constants(self, inputs, training=None):
        """Tensors that every step gets behind the states."""
        return []

    def preprocess_input(self, inputs, training=None):
        """What can be computed for all steps at once."""
        return inputs

    def get_initial_state(self, inputs):
        """Zeros, one tensor (batch, units) for each state."""
        zeros = K.sum(K.zeros_like(inputs), axis=tuple(range(1, K.ndim(inputs))))
        state = K.tile(K.expand_dims(zeros), [1, self._size()])
        return [state for _ in self.states]

    def _size(self):
        size = getattr(self, "units", None) or getattr(self, "output_dim", None)
        if size is None:
            raise AttributeError(f"Layer {self.name}: {type(self).__name__} must set units before it is called.")
        return size

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        batch, steps = input_shape[:2]
        size = self._size()
        output = (batch, steps, size) if self.return_sequences else (batch, size)
        return [output, *[(batch, size) for _ in self.states]] if self.return_state else output

    def compute_mask(self, inputs, mask):
        mask = mask[0] if isinstance(mask, list) else mask
        output = mask if self.return_sequences else None
        return [output, *[None for _ in self.states]] if self.return_state else output

    def __call__(self, inputs, initial_state=None, **kwargs):
        if initial_state is None:
            return super().__call__(inputs, **kwargs)
        states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        specs = self.input_spec if isinstance(self.input_spec, (list, tuple)) else [self.input_spec]
        self.input_spec = [specs[0], *[InputSpec(shape=(None, *K.int_shape(s)[1:])) for s in states]]
        try:
            return super().__call__([*inputs, *states], **kwargs)
        finally:
            self.input_spec = specs[:1]

    def call(self, inputs, mask=None, training=None, initial_state=None):
        if isinstance(inputs, (list, tuple)):
            inputs, *given = inputs
            initial_state = given or initial_state
        mask = mask[0] if isinstance(mask, list) else mask
        if initial_state is None:
            initial_state = self.states if self.stateful else self._first_states(inputs)
        if len(initial_state) != len(self.states):
            raise ValueError(f"Layer {self.name} has {len(self.states)} states, not {len(initial_state)}.")
        steps = K.int_shape(inputs)[1]
        if self.unroll and steps is None:
            raise ValueError(
                f"Layer {self.name}: unroll=True needs a known number of steps; got inputs of shape "
                f"{K.int_shape(inputs)}. Give the first layer input_shape=(steps, features)."
            )
        last, outputs, states = K.rnn(
            self.step,
            _phased(self.preprocess_input, inputs, training),
            list(initial_state),
            go_backwards=self.go_backwards,
            mask=mask,
            constants=_phased(self.get_constants, inputs, training),
            unroll=self.unroll,
            input_length=steps,
        )
        if self.stateful:
            self.add_update(list(zip(self.states, states, strict=True)), inputs)
        output = outputs if self.return_sequences else last
        return [output, *states] if self.return_state else output

    def _first_states(self, inputs):
        # Keras 1 had the plural
        plural = getattr(self, "get_initial_states", None)
        return plural(inputs) if plural is not None else self.get_initial_state(inputs)

    def reset_states(self, states=None):
        """Set the states of a stateful layer to zero, or to the given arrays.

        Args:
            states: list of arrays (batch, units), one for each state, or a single array.
        """
        if not self.stateful:
            raise AttributeError(f"Layer {self.name} must be stateful to have its states set.")
        batch = self._batch_size()
        if self.states[0] is None:
            self.states = [K.zeros((batch, self._size())) for _ in self.states]
        if states is None:
            states = [np.zeros(K.int_shape(s)) for s in self.states]
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        if len(states) != len(self.states):
            raise ValueError(f"Layer {self.name} has {len(self.states)} states; got {len(states)}.")
        for i, (variable, value) in enumerate(zip(self.states, states, strict=True)):
            if tuple(np.shape(value)) != tuple(K.int_shape(variable)):
                raise ValueError(
                    f"Layer {self.name}: state {i} has shape {tuple(K.int_shape(variable))}; got {np.shape(value)}."
                )
            K.set_value(variable, value)

    def _batch_size(self):
        shape = getattr(self, "batch_input_shape", None)
        if self._inbound_nodes:
            shape = K.int_shape(self._inbound_nodes[-1].input_tensors[0])
        spec = self.input_spec[0] if isinstance(self.input_spec, (list, tuple)) else self.input_spec
        batch = shape[0] if shape else spec.shape[0] if spec is not None and spec.shape else None
        if not batch:
            raise ValueError(
                f"Layer {self.name} is stateful and must know its batch size: give the first layer batch_input_shape, "
                "or Input batch_shape."
            )
        return batch

    def get_config(self):
        return {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "implementation": self.implementation,
        }


class ConvRecurrent2D(Recurrent):
    """Base class of convolutional recurrent layers that are defined by their step.

    Input shape: (batch, steps, rows, cols, channels), or with the channels behind the steps.
    Output shape: (batch, rows, cols, filters), or (batch, steps, rows, cols, filters).

    Args:
        filters: int, channels of the output.
        kernel_size, strides, dilation_rate: int or pair of ints.
        padding: 'valid' or 'same'.
        data_format: 'channels_last', 'channels_first' or None for the default.
        return_sequences, go_backwards, stateful: as for `Recurrent`.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        return_sequences=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        super().__init__(return_sequences=return_sequences, go_backwards=go_backwards, stateful=stateful, **kwargs)
        self.filters = filters
        self.kernel_size = normalize_tuple(kernel_size, 2, "kernel_size")
        self.strides = normalize_tuple(strides, 2, "strides")
        self.padding = normalize_padding(padding)
        self.data_format = K.normalize_data_format(data_format)
        self.dilation_rate = normalize_tuple(dilation_rate, 2, "dilation_rate")
        self.input_spec = [InputSpec(ndim=5)]

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        first = self.data_format == "channels_first"
        sizes = input_shape[3:5] if first else input_shape[2:4]
        sizes = [
            conv_output_length(n, k, self.padding, s, d)
            for n, k, s, d in zip(sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        ]
        image = (self.filters, *sizes) if first else (*sizes, self.filters)
        output = (*input_shape[:2], *image) if self.return_sequences else (input_shape[0], *image)
        return [output, *[(input_shape[0], *image)] * 2] if self.return_state else output

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }


def _phased(method, inputs, training):
    """A method of Keras 2 takes the phase, one of Keras 1 does not."""
    return method(inputs, training=training) if has_arg(method, "training") else method(inputs)

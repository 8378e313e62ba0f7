"""RNN: a layer that runs any cell over time, and StackedRNNCells: several cells as one."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.engine.base_layer import InputSpec, Layer, to_list, unique
from kjax.engine.registry import deserialize_layer
from kjax.graph import KerasTensor, Variable
from kjax.layers.recurrent_cells import BuiltInCell
from kjax.utils.generic_utils import has_arg

__all__ = ["RNN", "StackedRNNCells", "are_symbolic", "given_states", "sizes_of", "standardize_args"]


def sizes_of(cell) -> list:
    """`state_size` as a list."""
    size = cell.state_size
    return list(size) if hasattr(size, "__len__") else [size]


def output_size_of(cell):
    """`output_size`, or the size of the first state where the cell does not say."""
    size = getattr(cell, "output_size", None)
    return sizes_of(cell)[0] if size is None else size


def runs_fused(cell) -> bool:
    """Whether the cell's whole sequence can go through one Flax module: a built-in cell with its own step."""
    return isinstance(cell, BuiltInCell) and type(cell).call is BuiltInCell.call


def standardize_args(inputs, initial_state, constants, num_constants):
    """(inputs, list of initial states or None, list of constants or None) of a call, which may have all in one list."""
    if isinstance(inputs, (list, tuple)):
        if initial_state is not None or constants is not None:
            if len(inputs) > 1:
                raise ValueError(
                    "initial_state and constants are given either in the list of inputs or by keyword, not both; got "
                    f"{len(inputs)} inputs and a keyword."
                )
            return inputs[0], _listed(initial_state), _listed(constants)
        inputs, *rest = inputs
        if num_constants:
            rest, constants = rest[:-num_constants], rest[-num_constants:]
        initial_state = rest or None
    return inputs, _listed(initial_state), _listed(constants)


def _listed(x):
    return x if x is None else to_list(x)


def _fit(shape, other) -> bool:
    pairs = zip(shape, other, strict=False)
    return len(shape) == len(other) and all(m is None or n is None or m == n for m, n in pairs)


def given_states(states, layer) -> list:
    """States as tensors: arrays become constants.

    Raises:
        TypeError: for what is neither, naming the layer.
    """
    tensors = []
    for i, state in enumerate(states):
        if not isinstance(state, (KerasTensor, Variable)):
            array = np.asarray(state)
            if array.dtype.kind not in "fiub" and not jnp.issubdtype(array.dtype, jnp.floating):
                raise TypeError(
                    f"Layer {layer}: initial states and constants must be tensors or arrays of numbers; got {state!r} "
                    f"as number {i}."
                )
            state = K.constant(array)
        tensors.append(state)
    return tensors


def are_symbolic(tensors, what) -> bool:
    """Whether these are symbolic tensors; False for none at all.

    Raises:
        ValueError: when only some are, naming `what` they are.
    """
    symbolic = [hasattr(t, "_keras_history") for t in tensors]
    if any(symbolic) and not all(symbolic):
        raise ValueError(
            f"{what} cannot be specified with a mix of Keras tensors and non-Keras tensors; got {tensors}."
        )
    return any(symbolic)


class StackedRNNCells(Layer):
    """Several cells as one: the output of each is the input of the next. Its states are those of the first cell, then
    the second, and so on.

    Args:
        cells: list of cells.

    Differs: with a mask, a masked step repeats the last cell's output; Keras 2.2.4 repeats the first cell's state.
    """

    def __init__(self, cells, **kwargs):
        name = kwargs.get("name") or type(self).__name__
        if not isinstance(cells, (list, tuple)):
            raise TypeError(f"Layer {name}: the `cells` argument must be a list of cells; got {cells!r}.")
        if not cells:
            raise ValueError(f"Layer {name}: the `cells` argument must hold at least one cell; got {cells!r}.")
        for i, cell in enumerate(cells):
            _check_cell(cell, f"Layer {name}: cells[{i}]")
        self.reverse_state_order = kwargs.pop("reverse_state_order", False)
        super().__init__(**kwargs)
        self.cells = list(cells)
        self._tracked_layers.extend(c for c in self.cells if isinstance(c, Layer))

    def _in_state_order(self):
        return self.cells[::-1] if self.reverse_state_order else self.cells

    @property
    def state_size(self):
        return tuple(size for cell in self._in_state_order() for size in sizes_of(cell))

    @property
    def output_size(self):
        return output_size_of(self.cells[-1])

    def split_states(self, states) -> list:
        """For each cell the list of its states."""
        found, start = {}, 0
        for cell in self._in_state_order():
            n = len(sizes_of(cell))
            found[id(cell)] = list(states[start : start + n])
            start += n
        return [found[id(cell)] for cell in self.cells]

    def join_states(self, states) -> list:
        """The inverse of `split_states`."""
        order = states[::-1] if self.reverse_state_order else states
        return [s for group in order for s in group]

    def build(self, input_shape):
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        shape, constants = tuple(shapes[0]), shapes[1:]
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build([shape, *constants] if constants and has_arg(cell.call, "constants") else shape)
                cell.built = True
            shape = (shape[0], output_size_of(cell))
        self.built = True

    def call(self, inputs, states, constants=None, **kwargs):
        new = []
        for cell, own in zip(self.cells, self.split_states(states), strict=True):
            inputs, own = _step(cell, inputs, own, constants, kwargs.get("training"))
            new.append(list(own))
        return inputs, self.join_states(new)

    def get_losses_for(self, inputs=None):
        inner = [x for cell in self.cells if isinstance(cell, Layer) for x in cell.get_losses_for(inputs)]
        return unique([*inner, *super().get_losses_for(inputs)])

    def get_weights(self):
        return [w for cell in self.cells if isinstance(cell, Layer) for w in cell.get_weights()]

    def set_weights(self, weights):
        cells = [c for c in self.cells if isinstance(c, Layer)]
        total = sum(len(c.weights) for c in cells)
        if len(weights) != total:
            raise ValueError(f"Layer {self.name} has {total} weights; a list of {len(weights)} was given.")
        for cell in cells:
            n = len(cell.weights)
            cell.set_weights(weights[:n])
            weights = weights[n:]

    def get_config(self):
        return {**super().get_config(), "cells": [_described(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cells = [deserialize_layer(c, custom_objects=custom_objects) for c in config.pop("cells")]
        return cls(cells, **config)


def _described(cell):
    return {"class_name": type(cell).__name__, "config": cell.get_config()}


def _check_cell(cell, what):
    if not hasattr(cell, "call"):
        raise ValueError(f"{what} should have a `call` method; got {cell!r}.")
    if not hasattr(cell, "state_size"):
        raise ValueError(
            f"{what} should have an attribute `state_size` (tuple of integers, one integer per state); got {cell!r}."
        )


def _step(cell, inputs, states, constants, training):
    """One step of any cell, with those of the further arguments that its `call` takes."""
    kwargs = (
        {"training": training} if has_arg(cell.call, "training", accept_all=isinstance(cell, StackedRNNCells)) else {}
    )
    if constants and has_arg(cell.call, "constants"):
        kwargs["constants"] = constants
    return cell.call(inputs, states, **kwargs)


def _number_names(weights):
    """Weights that would bear the same name get numbers: kernel, kernel_1, ..., as TensorFlow numbers them."""
    seen: dict[str, int] = {}
    for w in weights:
        name = w.name.removesuffix(":0")
        n = seen.get(name, 0)
        seen[name] = n + 1
        if n:
            w._name = f"{name}_{n}"


class RNN(Layer):
    """Runs a cell over the time axis.

    Input shape: (batch, time, features...), alone or in a list followed by the initial states and the constants.
    Output shape: (batch, units), with return_sequences (batch, time, units); with return_state a list of that and the
    last states.
    Masks: a masked step keeps the states and repeats the output before it; with return_sequences the mask is passed on.
    Called with `initial_state=` (list of tensors or arrays, one per state) the layer starts from these; `constants=`
    (list of tensors) go to every step of a cell whose `call` takes `constants`.

    Args:
        cell: object with `call(inputs, states) -> (output, new states)` and `state_size` (int or tuple), optionally
            `output_size`; if it is a Layer its weights are the layer's. A list of cells is stacked.
        return_sequences: the output of every step instead of the last.
        return_state: also the last states.
        go_backwards: the last step comes first, also in the outputs.
        stateful: the states at the end of a batch are those the next one starts from; needs a fixed batch size.
        unroll: write the loop out; needs a known number of steps.
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
            cell = StackedRNNCells(cell)
        _check_cell(cell, f"Layer {kwargs.get('name') or type(self).__name__}: the `cell` argument")
        super().__init__(**kwargs)
        self.cell = cell
        self._set_up_rnn(return_sequences, return_state, go_backwards, stateful, unroll)

    def _set_up_rnn(self, return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False):
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.supports_masking = True
        self.input_spec = [InputSpec(ndim=3)]
        self.state_spec = None
        self.constants_spec = None
        self._states = None
        self._num_constants = None

    # ------------------------------------------------------------ states

    @property
    def states(self) -> list:
        """The variables of a stateful layer, None for each state before they exist."""
        return [None] * len(sizes_of(self.cell)) if self._states is None else self._states

    @states.setter
    def states(self, states):
        self._states = states

    def get_initial_state(self, inputs) -> list:
        """Zeros for each state, (batch, size), for inputs (batch, time, ...)."""
        zero = K.sum(K.zeros_like(inputs), axis=tuple(range(1, len(inputs.shape))))
        column = K.expand_dims(zero)
        return [K.tile(column, (1, int(size))) for size in sizes_of(self.cell)]

    def _state_shapes(self, batch) -> list:
        return [(batch, int(size)) for size in sizes_of(self.cell)]

    def reset_states(self, states=None):
        """Sets the states of a stateful layer.

        Args:
            states: list of arrays, or one array for one state; None: zeros.

        Raises:
            AttributeError: when the layer is not stateful.
            ValueError: without a fixed batch size, or for another number or other shapes of states.
        """
        if not self.stateful:
            raise AttributeError(f"Layer {self.name} must be stateful to have its states reset.")
        spec = self.input_spec[0].shape
        if not spec or not spec[0]:
            raise ValueError(
                f"Layer {self.name}: if a RNN is stateful, it needs to know its batch size. Specify it by "
                "`batch_input_shape` in the first layer of a Sequential model, or `batch_shape` in Input; the input "
                f"shape is {spec}."
            )
        shapes = self._state_shapes(spec[0])
        if states is None:
            values = [np.zeros(shape) for shape in shapes]
        else:
            values = list(states) if isinstance(states, (list, tuple)) else [states]
        if len(values) != len(shapes):
            raise ValueError(
                f"Layer {self.name} expects {len(shapes)} states, but it received {len(values)} state values of shapes "
                f"{[np.shape(v) for v in values]}."
            )
        for i, (value, shape) in enumerate(zip(values, shapes, strict=True)):
            if tuple(np.shape(value)) != shape:
                raise ValueError(
                    f"State {i} is incompatible with layer {self.name}: expected shape={shape}, "
                    f"found shape={np.shape(value)}"
                )
        if self._states is None:
            self._states = [
                Variable(np.zeros(shape, K.floatx()), name=f"{self.name}/state_{i}", dtype=K.floatx(), trainable=False)
                for i, shape in enumerate(shapes)
            ]
        for variable, value in zip(self._states, values, strict=True):
            variable.assign(np.asarray(value, dtype=variable.dtype))

    # ------------------------------------------------------------ shapes, masks

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        size = output_size_of(self.cell)
        batch = input_shape[0]
        output = (batch, input_shape[1], size) if self.return_sequences else (batch, size)
        return [output, *[(batch, n) for n in sizes_of(self.cell)]] if self.return_state else output

    def compute_mask(self, inputs, mask):
        mask = mask[0] if isinstance(mask, list) else mask
        output = mask if self.return_sequences else None
        return [output, *[None] * len(self.states)] if self.return_state else output

    # ------------------------------------------------------------ building and calling

    def build(self, input_shape):
        constants = []
        if isinstance(input_shape, list):
            if self._num_constants:
                constants = input_shape[-self._num_constants :]
            input_shape = input_shape[0]
        batch = input_shape[0] if self.stateful else None
        self.input_spec[0] = InputSpec(shape=(batch, None, *input_shape[2:]))
        if isinstance(self.cell, Layer) and not self.cell.built:
            step = (input_shape[0], *input_shape[2:])
            self.cell.build([step, *constants] if constants else step)
            self.cell.built = True
            _number_names(self.cell.weights)
        self._check_states()
        if self.stateful:
            self.reset_states()
        self.built = True

    def _check_states(self):
        """The shapes of the given initial states against `cell.state_size`."""
        wanted = self._state_shapes(None)
        if self.state_spec is None:
            self.state_spec = [InputSpec(shape=shape) for shape in wanted]
            return
        found = [spec.shape for spec in self.state_spec]
        if not all(_fit(a, b) for a, b in zip(found, wanted, strict=True)):
            raise ValueError(
                f"Layer {self.name}: an `initial_state` was passed that is not compatible with `cell.state_size`. "
                f"Received states of shapes {found}; however `cell.state_size` is {self.cell.state_size}."
            )

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        """Applies the layer.

        Args:
            inputs: tensor, or list of it, the initial states and the constants.
            initial_state: list of tensors or arrays, one per state.
            constants: list of tensors for the cell.
            kwargs: mask, training.
        """
        inputs, initial_state, constants = standardize_args(inputs, initial_state, constants, self._num_constants)
        if initial_state is None and constants is None:
            return super().__call__(inputs, **kwargs)
        further, specs = [], []
        if initial_state is not None:
            self._check_count(initial_state)
            initial_state = given_states(initial_state, self.name)
            self.state_spec = [InputSpec(shape=(None, *s.shape[1:])) for s in initial_state]
            further, specs = further + initial_state, specs + self.state_spec
            if self.built:
                self._check_states()
        if constants is not None:
            constants = given_states(constants, self.name)
            self.constants_spec = [InputSpec(shape=(None, *c.shape[1:])) for c in constants]
            self._num_constants = len(constants)
            further, specs = further + constants, specs + self.constants_spec
        if not are_symbolic(further, f"Layer {self.name}: the initial state or constants of an RNN layer"):
            given = {"initial_state": initial_state, "constants": constants}
            return super().__call__(inputs, **{k: v for k, v in given.items() if v is not None}, **kwargs)
        spec = self.input_spec[:1]
        self.input_spec = [*spec, *specs]
        try:
            return super().__call__([inputs, *further], **kwargs)
        finally:
            self.input_spec = self.input_spec[:1]

    def _check_count(self, states):
        n = len(self.states)
        if len(states) != n:
            raise ValueError(f"Layer {self.name} has {n} states but was passed {len(states)} initial states.")

    def _arguments(self, inputs, mask, initial_state, constants):
        """(inputs, mask, initial states or None, constants or None) of `call`, checked."""
        if isinstance(inputs, (list, tuple)):
            inputs, initial_state, constants = standardize_args(inputs, None, None, self._num_constants)
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        if initial_state is not None:
            initial_state = given_states(to_list(initial_state), self.name)
        elif self.stateful:
            initial_state = self.states
        if initial_state is not None:
            self._check_count(initial_state)
        if self.unroll and inputs.shape[1] is None:
            raise ValueError(
                f"Layer {self.name}: cannot unroll a RNN if the time dimension is undefined; got inputs of shape "
                f"{tuple(inputs.shape)}. Specify it by `input_shape` or `batch_input_shape` in the first layer of a "
                "Sequential model, or `shape` in Input."
            )
        return inputs, mask, initial_state, constants

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        inputs, mask, initial_state, constants = self._arguments(inputs, mask, initial_state, constants)
        cells = self.cell.cells if type(self.cell) is StackedRNNCells else [self.cell]
        if not constants and all(runs_fused(cell) for cell in cells):
            output, states = self._fused(cells, inputs, mask, training, initial_state)
        else:
            output, states = self._stepwise(inputs, mask, training, initial_state, constants)
        return self._finish(inputs, output, states)

    def _finish(self, inputs, output, states):
        """What `call` returns; the new states of a stateful layer become updates."""
        if self.stateful:
            self.add_update(list(zip(self.states, states, strict=True)), inputs)
        for t in (output, *states):
            if getattr(self, "dropout", 0) or getattr(self, "recurrent_dropout", 0):
                t._uses_learning_phase = True
        return [output, *states] if self.return_state else output

    def _fused(self, cells, inputs, mask, training, initial_state):
        """Built-in cells: each one's whole sequence in one Flax module."""
        stack = self.cell if len(cells) > 1 else None
        own = [None] * len(cells)
        if initial_state is not None:
            own = stack.split_states(initial_state) if stack else [initial_state]
        backwards = self.go_backwards
        if stack and backwards:
            inputs = K.reverse(inputs, 1)
            mask = None if mask is None else K.reverse(mask, 1)
            backwards = False
        last = []
        for i, (cell, states) in enumerate(zip(cells, own, strict=True)):
            sequences = self.return_sequences or i + 1 < len(cells)
            module = cell.module(
                return_sequences=bool(sequences), go_backwards=bool(backwards), unroll=bool(self.unroll)
            )
            inputs, states = run_sequence(cell, module, inputs, mask, training, states, self.compute_dtype)
            last.append(states)
        return inputs, stack.join_states(last) if stack else last[0]

    def _stepwise(self, inputs, mask, training, initial_state, constants):
        """Any other cell: `K.rnn` over its `call`."""
        if initial_state is None:
            initial_state = self.get_initial_state(inputs)
        self._draw_masks(inputs[:, 0], initial_state, training)
        n = len(initial_state)

        def step(x, given):
            return _step(self.cell, x, given[:n], given[n:], training)

        last, outputs, states = K.rnn(
            step,
            inputs,
            initial_state,
            constants=constants,
            go_backwards=self.go_backwards,
            mask=mask,
            unroll=self.unroll,
            input_length=inputs.shape[1],
        )
        for cell in self._cells():
            if isinstance(cell, BuiltInCell):
                cell.forget_dropout_masks()
        return (outputs if self.return_sequences else last), list(states)

    def _cells(self) -> list:
        return self.cell.cells if isinstance(self.cell, StackedRNNCells) else [self.cell]

    def _draw_masks(self, first, initial_state, training):
        """Dropout masks for the whole sequence in every built-in cell; `first`: the inputs of one step."""
        stacked = isinstance(self.cell, StackedRNNCells)
        own = self.cell.split_states(initial_state) if stacked else [initial_state]
        for cell, states in zip(self._cells(), own, strict=True):
            if isinstance(cell, BuiltInCell):
                cell.set_dropout_masks(first, states[0], training)
            first = states[0]  # of the shape of this cell's output

    # ------------------------------------------------------------ the cell's

    def get_losses_for(self, inputs=None):
        own = super().get_losses_for(inputs)
        inner = self.cell.get_losses_for(inputs) if isinstance(self.cell, Layer) else []
        return unique([*own, *inner])

    def get_config(self):
        config = {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
        }
        if self._num_constants is not None:
            config["num_constants"] = self._num_constants
        return {**super().get_config(), **config, **self._cell_config()}

    def _cell_config(self):
        return {"cell": _described(self.cell)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cell = deserialize_layer(config.pop("cell"), custom_objects=custom_objects)
        num_constants = config.pop("num_constants", None)
        layer = cls(cell, **config)
        layer._num_constants = num_constants
        return layer


def run_sequence(layer, module, inputs, mask, training, states, dtype=None):
    """A recurrent Flax module on a sequence: (output, list of last states).

    Args:
        layer: whose weights the module takes.
        mask: (batch, time) or None.
        states: list of tensors, or None for zeros.
        dtype: what to compute in; default what `layer` computes in.
    """
    kwargs = {}
    if mask is not None:
        kwargs["mask"] = mask
    if states is not None:
        kwargs["initial_state"] = tuple(states)
    # states of a fixed batch size cannot go with padded batches
    rowwise = all(s.shape[0] is None for s in states or ())
    output, last = layer.apply_module(module, inputs, training=training, rowwise=rowwise, dtype=dtype, **kwargs)
    return output, list(last)

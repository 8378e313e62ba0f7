"""Wrappers: layers around another layer: TimeDistributed and Bidirectional."""

from __future__ import annotations

import copy

import jax.numpy as jnp

from kjax import backend as K
from kjax.engine.base_layer import InputSpec, Layer, to_list, unique
from kjax.engine.registry import deserialize_layer
from kjax.graph import op
from kjax.graph.names import name_scope
from kjax.graph.record import TRIALS
from kjax.layers.rnn import are_symbolic, given_states, standardize_args
from kjax.utils.generic_utils import has_arg

__all__ = ["Bidirectional", "InputSpec", "Layer", "TimeDistributed", "Wrapper"]


def _key(tensors):
    return tuple(id(t) for t in to_list(tensors))


def _named(wrapper, kwargs) -> str:
    """What an error message calls a wrapper that is not made yet."""
    return f"Layer {kwargs['name']} ({type(wrapper).__name__})" if kwargs.get("name") else type(wrapper).__name__


class Wrapper(Layer):
    """Base of layers that hold another layer.

    Args:
        layer: the layer inside; its weights, losses, updates and `trainable` are the wrapper's.

    Differs: wrapping does not unfreeze a frozen layer.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise TypeError(f"{_named(self, kwargs)}: `layer` must be a layer; got {layer!r}.")
        self.layer = layer
        self._input_map = {}
        kwargs.setdefault("trainable", self.trainable)
        super().__init__(**kwargs)

    def build(self, input_shape=None):
        self.built = True

    @property
    def activity_regularizer(self):
        return getattr(self.layer, "activity_regularizer", None)

    @property
    def trainable(self):
        return self.layer.trainable

    @trainable.setter
    def trainable(self, value):
        self.layer.trainable = value

    @property  # type: ignore[misc]  # read-only, as in Keras: they are the inner layer's
    def trainable_weights(self):
        return self.layer.trainable_weights

    @property  # type: ignore[misc]  # read-only, as in Keras: they are the inner layer's
    def non_trainable_weights(self):
        return self.layer.non_trainable_weights

    @property
    def updates(self):
        return self.layer.updates

    @property
    def losses(self):
        return [*self._losses, *self.layer.losses]

    def _inner(self, inputs):
        """The tensors that the layer inside was called on when the wrapper was called on these."""
        return inputs if inputs is None else self._input_map.get(_key(inputs), inputs)

    def _held(self):
        """The layers inside."""
        return (self.layer,)

    def _for(self, what, books, inputs):
        """Losses or updates, the wrapper's own and those of the layers inside, that depend on these inputs."""
        own = books.get(None if inputs is None else _key(inputs), [])
        inner = [x for layer in self._held() for x in getattr(layer, what)(self._inner(inputs))]
        return unique([*own, *inner])

    def get_updates_for(self, inputs=None):
        if not self.trainable and not self.stateful:
            return []
        return self._for("get_updates_for", self._per_input_updates, inputs)

    def get_losses_for(self, inputs=None):
        return self._for("get_losses_for", self._per_input_losses, inputs)

    def get_weights(self):
        return self.layer.get_weights()

    def set_weights(self, weights):
        self.layer.set_weights(weights)

    def get_config(self):
        return {**super().get_config(), "layer": _described(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        layer = deserialize_layer(config.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **config)


def _described(layer):
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


# Rows that only pad the batch stay apart from the others: their steps are rows of their own (`Context.rows_of`).
@op(rowwise=True)
def merge_steps(x):
    """(batch, time, ...) -> (batch * time, ...)."""
    return jnp.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))


@op(rowwise=True)
def split_steps(y, like):
    """(batch * time, ...) -> (batch, time, ...), with the sizes of `like`."""
    batch, time = like.shape[:2]
    if y.shape[0] != batch * time and y.shape[0] in TRIALS:
        # only the shape is asked for: what stands for an unknown size in y is no product of those in `like`
        return jnp.zeros((batch, time, *y.shape[1:]), y.dtype)
    return jnp.reshape(y, (batch, time, *y.shape[1:]))


class TimeDistributed(Wrapper):
    """Applies a layer to every time step: the steps of all samples go through it as one batch.

    Input shape: (batch, time, ...). Output shape: (batch, time, *the layer's output shape without its batch axis).
    A mask (batch, time, ...) is split over the steps like the inputs.

    Args:
        layer: layer or model for inputs (batch, ...).

    Differs: also with a fixed batch size the steps are one batch, so BatchNormalization inside sees them together.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    @property
    def row_limit(self):
        return getattr(self.layer, "row_limit", None)

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(
                f"Layer {self.name}: TimeDistributed needs inputs of rank 3 or more, (batch, time, ...); "
                f"got shape {tuple(input_shape)}."
            )
        self.input_spec = InputSpec(shape=(None, None, *input_shape[2:]))
        if not self.layer.built:
            self.layer.build((input_shape[0], *input_shape[2:]))
            self.layer.built = True
            self.layer._load_initial_weights()
        super().build()

    def compute_output_shape(self, input_shape):
        shape = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (shape[0], input_shape[1], *shape[1:])

    def call(self, inputs, training=None, mask=None):
        kwargs = {}
        if has_arg(self.layer.call, "training"):
            kwargs["training"] = training
        if mask is not None and has_arg(self.layer.call, "mask"):
            kwargs["mask"] = merge_steps(mask)
        steps = merge_steps(inputs)
        self._input_map[_key(inputs)] = steps
        y = self.layer.call(steps, **kwargs)
        if isinstance(y, (list, tuple)):
            raise ValueError(
                f"Layer {self.name}: the layer inside must have one output; {self.layer.name} has {len(y)}."
            )
        return split_steps(y, inputs)

    def compute_mask(self, inputs, mask=None):
        steps = self._input_map.get(_key(inputs))
        if steps is None:
            steps = merge_steps(inputs)
        output = self.layer.compute_mask(steps, None if mask is None else merge_steps(mask))
        if output is not None:
            return split_steps(output, inputs)
        # what the layer inside drops of a mask still says which steps count
        while mask is not None and len(mask.shape) > 2:
            mask = K.any(mask, axis=-1)
        return mask


class Bidirectional(Wrapper):
    """Runs a recurrent layer and its mirror image, which goes through the sequence backwards, and merges their outputs.

    Input shape: as the layer's. Output shape: the layer's; 'concat' doubles the last axis; None gives a list of both.
    With return_state the states of the forward layer, then those of the backward layer follow.
    Weights: those of the forward layer, then those of the backward layer.

    Args:
        layer: recurrent layer.
        merge_mode: 'concat', 'sum', 'mul', 'ave' or None.
        weights: arrays to start from, the forward layer's first.

    Called with `initial_state=`: the states of the forward layer, then of the backward layer.
    Differs: around a stateful layer it is stateful too: states go on in `predict`, `model.reset_states()` clears them.
    """

    def __init__(self, layer, merge_mode="concat", weights=None, **kwargs):
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise ValueError(
                f"{_named(self, kwargs)}: invalid merge mode. Merge mode should be one of 'sum', 'mul', 'ave', "
                f"'concat', None; got {merge_mode!r}."
            )
        if not isinstance(layer, Layer) or not hasattr(layer, "go_backwards"):
            raise TypeError(f"{_named(self, kwargs)}: `layer` must be a recurrent layer; got {layer!r}.")
        self.merge_mode = merge_mode
        self.forward_layer = _copied(layer)
        config = layer.get_config()
        config["go_backwards"] = not config["go_backwards"]
        self.backward_layer = layer.__class__.from_config(config)
        self.forward_layer.name = "forward_" + layer.name
        self.backward_layer.name = "backward_" + layer.name
        if weights:
            half = len(weights) // 2
            self.forward_layer._initial_weights = weights[:half]
            self.backward_layer._initial_weights = weights[half:]
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self._num_constants = None
        super().__init__(layer, **kwargs)
        self.supports_masking = True
        self.input_spec = layer.input_spec

    @property
    def trainable(self):
        return self.forward_layer.trainable

    @trainable.setter
    def trainable(self, value):
        self.forward_layer.trainable = value
        self.backward_layer.trainable = value

    # ------------------------------------------------------------ both layers'

    def _held(self):
        return self.forward_layer, self.backward_layer

    @property  # type: ignore[misc]  # read-only, as in Keras: they are the inner layer's
    def trainable_weights(self):
        return [w for layer in self._held() for w in layer.trainable_weights]

    @property  # type: ignore[misc]  # read-only, as in Keras: they are the inner layer's
    def non_trainable_weights(self):
        return [w for layer in self._held() for w in layer.non_trainable_weights]

    @property
    def updates(self):
        return [u for layer in self._held() for u in layer.updates]

    @property
    def losses(self):
        return [*self._losses, *[x for layer in self._held() for x in layer.losses]]

    @property
    def constraints(self):
        """dict weight -> constraint, of the weights that have one."""
        return {w: w.constraint for w in self.trainable_weights if w.constraint is not None}

    def get_weights(self):
        return self.forward_layer.get_weights() + self.backward_layer.get_weights()

    def set_weights(self, weights):
        total = len(self.weights)
        if len(weights) != total:
            raise ValueError(
                f"Layer {self.name}: set_weights takes {total} arrays, the forward layer's first; "
                f"{len(weights)} were given."
            )
        self.forward_layer.set_weights(weights[: total // 2])
        self.backward_layer.set_weights(weights[total // 2 :])

    def reset_states(self):
        """Sets the states of both layers to zero."""
        for layer in self._held():
            layer.reset_states()

    # ------------------------------------------------------------ shapes, masks

    def compute_output_shape(self, input_shape):
        shape, states = self.forward_layer.compute_output_shape(input_shape), []
        if self.return_state:
            shape, *states = shape
        if self.merge_mode == "concat":
            shape = (*shape[:-1], None if shape[-1] is None else 2 * shape[-1])
        outputs = [shape] if self.merge_mode is not None else [shape, shape]
        outputs = [*outputs, *states, *states]
        return outputs if len(outputs) > 1 else outputs[0]

    def compute_mask(self, inputs, mask):
        mask = mask[0] if isinstance(mask, list) else mask
        mask = mask if self.return_sequences else None
        masks = [mask] if self.merge_mode is not None else [mask, mask]
        if self.return_state:
            masks += [None] * (2 * len(self.forward_layer.states))
        return masks if len(masks) > 1 else masks[0]

    # ------------------------------------------------------------ building and calling

    def build(self, input_shape):
        for layer in self._held():
            with name_scope(layer.name):
                layer.build(input_shape)
            layer.built = True
            layer._load_initial_weights()
        self.built = True

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        """Applies the layer; arguments as `RNN` has them, the states of both layers in one list."""
        inputs, initial_state, constants = standardize_args(inputs, initial_state, constants, self._num_constants)
        if initial_state is None and constants is None:
            return super().__call__(inputs, **kwargs)
        further = []
        if initial_state is not None:
            if len(initial_state) % 2:
                raise ValueError(
                    f"Layer {self.name}: when passing `initial_state` to a Bidirectional RNN, the state should be a "
                    "list containing the states of the underlying RNNs, an even number; got "
                    f"{len(initial_state)}: {initial_state}"
                )
            initial_state = given_states(initial_state, self.name)
            half = len(initial_state) // 2
            for layer, states in (
                (self.forward_layer, initial_state[:half]),
                (self.backward_layer, initial_state[half:]),
            ):
                layer._check_count(states)
                layer.state_spec = [InputSpec(shape=(None, *s.shape[1:])) for s in states]
                if layer.built:
                    layer._check_states()
            further += initial_state
        if constants is not None:
            constants = given_states(constants, self.name)
            self._num_constants = len(constants)
            for layer in self._held():
                layer._num_constants = len(constants)
            further += constants
        if not are_symbolic(further, f"Layer {self.name}: the initial state of a Bidirectional layer"):
            given = {"initial_state": initial_state, "constants": constants}
            return super().__call__(inputs, **{k: v for k, v in given.items() if v is not None}, **kwargs)
        spec = self.input_spec
        self.input_spec = [*to_list(spec)[:1], *[InputSpec(shape=(None, *t.shape[1:])) for t in further]]
        try:
            return super().__call__([inputs, *further], **kwargs)
        finally:
            self.input_spec = spec

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        given = inputs
        if isinstance(inputs, (list, tuple)):
            inputs, initial_state, constants = standardize_args(inputs, None, None, self._num_constants)
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        kwargs = {}
        for name, value in (("training", training), ("mask", mask), ("constants", constants)):
            if value is not None and has_arg(self.forward_layer.call, name):
                kwargs[name] = value
        forward, backward = dict(kwargs), dict(kwargs)
        if initial_state is not None:
            half = len(initial_state) // 2
            forward["initial_state"], backward["initial_state"] = initial_state[:half], initial_state[half:]
        self._input_map[_key(given)] = inputs
        y, y_backward = self.forward_layer.call(inputs, **forward), self.backward_layer.call(inputs, **backward)
        states = []
        if self.return_state:
            states = [*y[1:], *y_backward[1:]]
            y, y_backward = y[0], y_backward[0]
        if self.return_sequences:
            y_backward = K.reverse(y_backward, 1)
        outputs = [*self._merged(y, y_backward), *states]
        return outputs if len(outputs) > 1 else outputs[0]

    def _merged(self, y, y_backward) -> list:
        if self.merge_mode == "concat":
            return [K.concatenate([y, y_backward])]
        if self.merge_mode == "sum":
            return [y + y_backward]
        if self.merge_mode == "ave":
            return [(y + y_backward) / 2]
        if self.merge_mode == "mul":
            return [y * y_backward]
        return [y, y_backward]

    # ------------------------------------------------------------ config

    def get_config(self):
        config = {"merge_mode": self.merge_mode}
        if self._num_constants is not None:
            config["num_constants"] = self._num_constants
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        num_constants = config.pop("num_constants", None)
        layer = super().from_config(config, custom_objects=custom_objects)
        layer._num_constants = num_constants
        return layer


def _copied(layer):
    """A copy of a layer with the same cell and weights, and books of its own."""
    twin = copy.copy(layer)
    for name, value in vars(layer).items():
        if isinstance(value, (list, dict)):
            object.__setattr__(twin, name, copy.copy(value))
    return twin

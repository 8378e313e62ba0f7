"""Layers around layers: Wrapper, TimeDistributed, Bidirectional."""
from __future__ import annotations

from kjax import backend as K
from kjax.engine.base_layer import InputSpec, Layer, to_list, unlist
from kjax.engine.registry import deserialize_layer, serialize_layer
from kjax.graph.names import name_scope
from kjax.utils.generic_utils import has_arg

__all__ = ["Bidirectional", "TimeDistributed", "Wrapper"]


class Wrapper(Layer):
    """A layer that holds another one and takes its weights, losses and updates for its own.

    Args:
        layer: a Layer.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise TypeError(f"{type(self).__name__}: layer must be a Layer; got {type(layer).__name__}: {layer!r:.100}.")
        self.layer = layer
        super().__init__(**kwargs)

    def build(self, input_shape=None):
        self.built = True

    @property
    def trainable(self):
        return self.layer.trainable

    @trainable.setter
    def trainable(self, value):
        self.layer.trainable = value

    @property
    def activity_regularizer(self):
        return getattr(self.layer, "activity_regularizer", None)

    def _inner(self) -> list:
        """The layers whose weights these are."""
        return [self.layer]

    def get_losses_for(self, inputs=None):
        unconditional = [x for inner in self._inner() for x in inner.get_losses_for(None)] if inputs is None else []
        key = None if inputs is None else tuple(id(x) for x in to_list(inputs))
        return [*self._per_input_losses.get(key, []), *unconditional]

    def get_updates_for(self, inputs=None):
        if not self.trainable and not self.stateful:
            return []
        unconditional = [x for inner in self._inner() for x in inner.get_updates_for(None)] if inputs is None else []
        key = None if inputs is None else tuple(id(x) for x in to_list(inputs))
        return [*self._per_input_updates.get(key, []), *unconditional]

    def _adopt(self, inner, inner_inputs, inputs):
        """Losses and updates of an inner call become those of this layer's call."""
        self.add_update(inner.get_updates_for(inner_inputs), inputs)
        self.add_loss(inner.get_losses_for(inner_inputs), inputs)

    def get_config(self):
        return {**super().get_config(), "layer": serialize_layer(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        layer = deserialize_layer(config.pop("layer"), custom_objects)
        return cls(layer, **config)


class TimeDistributed(Wrapper):
    """Applies a layer to every time step.

    Input shape: (batch, time, ...). Output shape: (batch, time, *output of the layer).

    Args:
        layer: any Layer or model.

    Differs: the time steps are always folded into the batch; Keras loops over them when the batch size is fixed.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(f"{self.name}: TimeDistributed needs inputs of shape (batch, time, ...); got {tuple(input_shape)}.")
        self.input_spec = InputSpec(shape=(None, None, *input_shape[2:]))
        step_shape = (input_shape[0], *input_shape[2:])
        if not self.layer.built:
            self.layer.build(step_shape)
            self.layer.built = True
            self.layer._load_initial_weights()
        self.built = True

    def compute_output_shape(self, input_shape):
        step = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (step[0], input_shape[1], *step[1:])

    def call(self, inputs, training=None, mask=None):
        folded = _fold(inputs)
        kwargs = {}
        if has_arg(self.layer.call, "training"):
            kwargs["training"] = training
        if mask is not None and len(mask.shape) > 2 and has_arg(self.layer.call, "mask"):
            kwargs["mask"] = _fold(mask)
        y = self.layer.call(folded, **kwargs)
        self._adopt(self.layer, folded, inputs)
        return _unfold(y, inputs)

    def compute_mask(self, inputs, mask=None):
        inner = None
        if mask is None or len(mask.shape) > 2:
            folded = None if mask is None else _fold(mask)
            supported = self.layer.supports_masking
            inner = self.layer.compute_mask(_fold(inputs), folded) if supported or mask is None else None
        if inner is not None:
            return _unfold(inner, inputs)
        if mask is None:
            return None
        for _ in range(2, len(mask.shape)):
            mask = K.any(mask, axis=-1)
        return mask


def _fold(x):
    """(batch, time, ...) -> (batch * time, ...)."""
    rest = tuple(x.shape)[2:]
    return K.reshape(x, (-1, *rest)) if None not in rest else K.reshape(x, (-1, *[K.shape(x)[i + 2] for i in range(len(rest))]))


def _unfold(y, like):
    """(batch * time, ...) -> (batch, time, ...)."""
    time = like.shape[1]
    rest = tuple(y.shape)[1:]
    sizes = [K.shape(y)[i + 1] if d is None else d for i, d in enumerate(rest)]
    return K.reshape(y, (-1, K.shape(like)[1] if time is None else time, *sizes))


class Bidirectional(Wrapper):
    """Runs a recurrent layer over the sequence and another one over it reversed.

    Args:
        layer: a recurrent layer; the two are made from its config.
        merge_mode: 'sum', 'mul', 'concat', 'ave', or None for a list of both outputs.
        weights: arrays of both layers.
    """

    def __init__(self, layer, merge_mode="concat", weights=None, **kwargs):
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise ValueError(
                f"Invalid merge mode {merge_mode!r} of Bidirectional. Merge mode should be one of 'sum', 'mul', 'ave', 'concat', None."
            )
        if not hasattr(layer, "go_backwards"):
            raise ValueError(f"Bidirectional: layer must be recurrent; got {type(layer).__name__} {getattr(layer, 'name', '')!r}.")
        self._frozen = False
        config = layer.get_config()
        self.forward_layer = _copy(layer, config, "forward_" + layer.name, layer.go_backwards)
        self.backward_layer = _copy(layer, config, "backward_" + layer.name, not layer.go_backwards)
        self.merge_mode = merge_mode
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        super().__init__(layer, **kwargs)
        self.supports_masking = True
        self.input_spec = layer.input_spec
        if weights is not None:
            half = len(weights) // 2
            self.forward_layer._initial_weights = list(weights[:half])
            self.backward_layer._initial_weights = list(weights[half:])

    def _inner(self):
        return [self.forward_layer, self.backward_layer]

    @property
    def trainable(self):
        return not self._frozen

    @trainable.setter
    def trainable(self, value):
        self._frozen = not value
        self.forward_layer.trainable = value
        self.backward_layer.trainable = value

    @property
    def activity_regularizer(self):
        return None  # each direction's own is applied to its own output

    @property
    def trainable_weights(self):
        return [w for inner in self._inner() for w in inner.trainable_weights]

    @property
    def non_trainable_weights(self):
        return [w for inner in self._inner() for w in inner.non_trainable_weights]

    def get_weights(self):
        return [w for inner in self._inner() for w in inner.get_weights()]

    def set_weights(self, weights):
        half = len(weights) // 2
        self.forward_layer.set_weights(weights[:half])
        self.backward_layer.set_weights(weights[half:])

    def build(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        for inner in self._inner():
            with name_scope(inner.name):
                if not inner.built:
                    inner.build(input_shape)
                    inner.built = True
                    inner._load_initial_weights()
        self.built = True

    def compute_output_shape(self, input_shape):
        shape = self.forward_layer.compute_output_shape(input_shape)
        states = []
        if self.return_state:
            shape, states = shape[0], list(shape[1:])
        if self.merge_mode == "concat":
            shape = (*shape[:-1], None if shape[-1] is None else 2 * shape[-1])
        shapes = [shape, shape] if self.merge_mode is None else [shape]
        if self.return_state:
            return [*shapes, *states, *states]
        return unlist(shapes)

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        if constants is not None:
            raise ValueError(f"{self.name}: `constants` are supported by RNN layers with a cell that takes them, not by Bidirectional.")
        if initial_state is None:
            return super().__call__(inputs, **kwargs)
        states = to_list(initial_state)
        if len(states) % 2:
            raise ValueError(
                f"{self.name}: initial_state must hold as many states for the backward as for the forward layer; got {len(states)}."
            )
        return super().__call__([*to_list(inputs), *states], **kwargs)

    def assert_input_compatibility(self, inputs):
        """Checks the sequence; the states are checked by the layers themselves."""
        super().assert_input_compatibility(inputs[:1] if isinstance(inputs, list) else inputs)

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        everything = inputs
        if isinstance(inputs, (list, tuple)):
            initial_state = list(inputs[1:]) or None
            inputs = inputs[0]
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        half = len(initial_state) // 2 if initial_state else 0
        halves = (initial_state[:half], initial_state[half:]) if initial_state else (None, None)
        results = []
        for inner, states in zip(self._inner(), halves, strict=True):
            kwargs = {"mask": mask} if has_arg(inner.call, "mask") else {}
            if has_arg(inner.call, "training"):
                kwargs["training"] = training
            if states is not None:
                kwargs["initial_state"] = states
            y = inner.call(inputs, **kwargs)
            regularizer = getattr(inner, "activity_regularizer", None)
            if regularizer is not None:
                self.add_loss([regularizer(to_list(y)[0])], to_list(everything))
            self._adopt(inner, inputs, everything)
            results.append(to_list(y))
        forward, backward = results[0][0], results[1][0]
        if self.return_sequences:
            backward = K.reverse(backward, 1)
        outputs = self._merge(forward, backward)
        if self.return_state:
            return [*outputs, *results[0][1:], *results[1][1:]]
        return unlist(outputs)

    def _merge(self, forward, backward) -> list:
        if self.merge_mode == "concat":
            return [K.concatenate([forward, backward])]
        if self.merge_mode == "sum":
            return [forward + backward]
        if self.merge_mode == "ave":
            return [(forward + backward) / 2]
        if self.merge_mode == "mul":
            return [forward * backward]
        return [forward, backward]

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        kept = mask if self.return_sequences else None
        outputs = [kept, kept] if self.merge_mode is None else [kept]
        if self.return_state:
            states = 2 * len(to_list(self.forward_layer.cell.state_size))
            return [*outputs, *[None] * states]
        return unlist(outputs)

    def reset_states(self):
        """Sets the states of both layers to zero."""
        for inner in self._inner():
            inner.reset_states()

    def get_config(self):
        return {**super().get_config(), "merge_mode": self.merge_mode}


def _copy(layer, config, name, go_backwards):
    config = {**config, "name": name, "go_backwards": go_backwards}
    known = {type(cell).__name__: type(cell) for cell in _cells(layer)}
    if has_arg(type(layer).from_config, "custom_objects"):
        return type(layer).from_config(config, custom_objects=known)
    return type(layer).from_config(config)


def _cells(layer) -> list:
    """The cells of a layer, a user's own among them."""
    cell = getattr(layer, "cell", None)
    cells = [] if cell is None else [cell, *getattr(cell, "cells", [])]
    return [c for c in cells if isinstance(c, Layer)]

"""Layer: the description of one layer, its weights' handles and its calls."""

from __future__ import annotations

import functools
import numbers
import re

import numpy as np
from flax.errors import ScopeParamShapeError

from kjax import backend as K
from kjax import initializers, mixed_precision
from kjax.backend.config import dtype_name
from kjax.backend.variables import as_tensor
from kjax.engine.added_metrics import AddedMetrics
from kjax.engine.call_layer import call_layer, registers
from kjax.engine.connections import Connections, to_list, unlist
from kjax.engine.input_spec import InputSpec, check_inputs
from kjax.engine.modules import is_module_output, run_module
from kjax.engine.node import Node
from kjax.graph import KerasTensor, Variable, as_update
from kjax.graph.names import name_scope, scoped_weight
from kjax.utils.generic_utils import has_arg

__all__ = ["InputSpec", "Layer", "Node", "to_list", "unlist"]


def unique(items) -> list:
    """The items without repetitions, by identity, in order."""
    return list({id(i): i for i in items}.values())


def _snake_case(name: str) -> str:
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
    return "private" + name if name[0] == "_" else name


_BASE_ARGUMENTS = (
    "input_shape",
    "batch_input_shape",
    "batch_size",
    "dtype",
    "name",
    "trainable",
    "weights",
    "input_dtype",
)


_OF_CALLS = ("_inbound_nodes", "_outbound_nodes", "_losses", "_updates", "_per_input_losses", "_per_input_updates")


class Layer(AddedMetrics, Connections):
    """Base of all layers: `build` makes the weights, `call` the outputs.

    A subclass defines `__init__`, `build(input_shape)` (weights by `add_weight`), `call(inputs)`,
    `compute_output_shape`, `get_config` and, where masks matter, `compute_mask`. `call` runs once per use of the
    layer on symbolic tensors; what it does there with `keras.backend` functions and operators is what the compiled
    model does.

    Args:
        name: str, unique in a model; by default the class name in snake case and a number.
        trainable: whether training may change the weights.
        input_shape: shape of one sample (no batch axis), for the first layer of a Sequential.
        batch_input_shape: the same with the batch axis.
        batch_size: the batch axis of `input_shape`.
        dtype: of the input placeholder, default `floatx()`; without an input shape, what the layer computes in (see
            `mixed_precision`).
        weights: arrays to start from.

    Raises:
        TypeError: for an argument no layer has.
    """

    input_spec: InputSpec | list[InputSpec] | None = None
    supports_masking = False
    stateful: bool = False
    trainable: bool = True
    name: str | None = None
    dtype: str | None = None
    compute_dtype: str | None = None
    batch_input_shape: tuple

    _outbound_nodes: list
    _trainable_weights: list
    _non_trainable_weights: list
    _collections: dict
    _tracked_layers: list
    _losses: list
    _updates: list
    _per_input_losses: dict
    _per_input_updates: dict
    _initial_weights: list | None
    _built: bool

    def __init__(self, **kwargs):
        self._set_up()
        for name in kwargs:
            if name not in _BASE_ARGUMENTS:
                raise TypeError(
                    f"Keyword argument not understood by layer {type(self).__name__}: {name}={kwargs[name]!r:.100}"
                )
        name = kwargs.get("name")
        if not name:
            prefix = _snake_case(type(self).__name__)
            name = f"{prefix}_{K.get_uid(prefix)}"
        if not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name must be a string; got {name!r}.")
        for argument in ("dtype", "input_dtype"):
            if kwargs.get(argument) is not None:
                dtype_name(kwargs[argument], f"Layer {name}")
        self.name = name
        self.trainable = kwargs.get("trainable", True)
        self.dtype = kwargs.get("dtype")
        sized = "input_shape" in kwargs or "batch_input_shape" in kwargs
        self.compute_dtype = mixed_precision.compute_dtype(self.dtype, placeholder=sized)
        if sized:
            if "batch_input_shape" in kwargs:
                batch_input_shape = tuple(kwargs["batch_input_shape"])
            else:
                shape = kwargs["input_shape"]
                shape = (shape,) if shape is None or isinstance(shape, (int, np.integer)) else tuple(shape)
                batch_input_shape = (kwargs.get("batch_size"), *shape)
            self.batch_input_shape = batch_input_shape
            self.dtype = kwargs.get("dtype") or kwargs.get("input_dtype") or K.floatx()
        self._initial_weights = kwargs.get("weights")

    def _set_up(self):
        """The bookkeeping every layer and model has; done once, before anything else is stored."""
        if "_inbound_nodes" in self.__dict__:
            return
        set_plain = object.__setattr__
        for name, value in (
            ("_inbound_nodes", []),
            ("_outbound_nodes", []),
            ("_trainable_weights", []),
            ("_non_trainable_weights", []),
            ("_collections", {}),
            ("_tracked_layers", []),
            ("_losses", []),
            ("_updates", []),
            ("_per_input_losses", {}),
            ("_per_input_updates", {}),
            ("_initial_weights", None),
            ("_built", False),
        ):
            set_plain(self, name, value)

    def __setattr__(self, name, value):
        if "_inbound_nodes" not in self.__dict__:
            self._set_up()
        if isinstance(value, Layer) and not any(value is known for known in self._tracked_layers):
            self._tracked_layers.append(value)
        object.__setattr__(self, name, value)

    # ------------------------------------------------------------ weights

    @property
    def built(self) -> bool:
        return self._built

    @built.setter
    def built(self, value):
        self._built = value

    @property
    def trainable_weights(self) -> list:
        if not getattr(self, "trainable", True):
            return []
        inner = [w for layer in self._tracked_layers for w in layer.trainable_weights]
        return unique([*self._trainable_weights, *inner])

    @trainable_weights.setter
    def trainable_weights(self, weights):
        self._trainable_weights = list(weights)

    @property
    def non_trainable_weights(self) -> list:
        inner = [w for layer in self._tracked_layers for w in layer.non_trainable_weights]
        if getattr(self, "trainable", True):
            return unique([*self._non_trainable_weights, *inner])
        # Frozen: what could be trained comes first, as in Keras.
        return unique(
            [
                *self._trainable_weights,
                *self._non_trainable_weights,
                *[w for layer in self._tracked_layers for w in layer.weights],
            ]
        )

    @non_trainable_weights.setter
    def non_trainable_weights(self, weights):
        self._non_trainable_weights = list(weights)

    @property
    def weights(self) -> list:
        return unique([*self.trainable_weights, *self.non_trainable_weights])

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights
    variables = weights

    def add_weight(
        self,
        name=None,
        shape=None,
        dtype=None,
        initializer=None,
        regularizer=None,
        trainable=True,
        constraint=None,
        collection=None,
    ):
        """Makes one weight of the layer.

        Args:
            name: short name, e.g. 'kernel'; it names the weight in files and in the Flax variables.
            shape: tuple of int; default () for one number.
            dtype: default `floatx()`.
            initializer: as `initializers.get` takes it; default Glorot uniform.
            regularizer: function of the weight, added to the loss.
            trainable: False for statistics and state.
            constraint: function applied after each update.
            collection: Flax collection; default 'params' when trainable, else 'batch_stats' for moving statistics
                and 'state' for the rest.

        Returns:
            Variable.
        """
        name = name or f"weight_{len(self._trainable_weights) + len(self._non_trainable_weights)}"
        shape = self._weight_shape(name, shape)
        dtype = dtype_name(dtype, f"Layer {self.name}, weight {name!r}")
        initializer = initializers.get(initializer or "glorot_uniform")
        prepare = getattr(initializer, "prepare", None)
        if prepare is not None:
            value = prepare(shape, dtype=dtype)
        else:
            value = initializer(shape, dtype=dtype) if has_arg(initializer, "dtype") else initializer(shape)
            value = K.eval(value) if isinstance(value, (KerasTensor, Variable)) else np.asarray(value, dtype=dtype)
        weight = Variable(
            value,
            name=scoped_weight(name, self.name),
            dtype=dtype,
            shape=shape,
            trainable=trainable,
            constraint=constraint,
        )
        weight.initial = functools.partial(initializers.value_of, initializer, shape, dtype)
        if regularizer is not None:
            weight.regularizer = regularizer
            self.add_loss(regularizer(weight))
        if trainable:
            self._trainable_weights.append(weight)
        else:
            self._non_trainable_weights.append(weight)
        if collection is None:
            collection = "params" if trainable else "batch_stats" if name.startswith("moving_") else "state"
        self._collections[id(weight)] = (collection, name)
        return weight

    def get_weights(self) -> list:
        """The weights' values, NumPy arrays: trainable ones first, each group in the order of creation."""
        return K.batch_get_value(self.weights)

    def set_weights(self, weights) -> None:
        """Replaces the weights' values.

        Raises:
            ValueError: when number or shapes differ; nothing is changed then.
        """
        weights = list(weights)
        mine = self.weights
        if len(mine) != len(weights):
            raise ValueError(
                f'You called `set_weights(weights)` on layer "{self.name}" with a weight list of length '
                f"{len(weights)}, but the layer was expecting {len(mine)} weights: shapes "
                f"{[tuple(w.shape) for w in mine]}."
            )
        for handle, value in zip(mine, weights, strict=True):
            if tuple(np.shape(value)) != tuple(handle.shape):
                raise ValueError(
                    f"Layer {self.name}: weight {handle.name!r} has shape {tuple(handle.shape)}, which is not "
                    f"compatible with the provided shape {tuple(np.shape(value))}."
                )
        K.batch_set_value(list(zip(mine, weights, strict=True)))

    def count_params(self) -> int:
        """How many numbers the weights hold.

        Raises:
            RuntimeError: when the layer is not built.
        """
        if not self.built:
            raise RuntimeError(
                f"You tried to call `count_params` on {self.name}, but the layer isn't built. "
                f"You can build it manually via: `{self.name}.build(batch_input_shape)`."
            )
        return sum(int(np.prod(w.shape, dtype=np.int64)) for w in self.weights)

    # ------------------------------------------------------------ calling

    def build(self, input_shape):
        """Makes the weights for inputs of this shape (batch axis included)."""
        self.built = True

    def call(self, inputs, **kwargs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    @property
    def knows_output_shape(self) -> bool:
        """Whether the class has a `compute_output_shape` of its own."""
        return type(self).compute_output_shape is not Layer.compute_output_shape

    def compute_mask(self, inputs, mask=None):
        """The output's mask. Raises a TypeError where a mask comes in that the layer does not support."""
        if not self.supports_masking:
            if mask is not None and any(m is not None for m in to_list(mask)):
                raise TypeError(f"Layer {self.name} does not support masking, but was passed an input_mask: {mask!r}")
            return None
        return mask

    def assert_input_compatibility(self, inputs):
        check_inputs(self, inputs)

    def apply_module(self, module, *inputs, weights=None, training=None, rowwise=True, dtype=None, **kwargs):
        """Runs a Flax module on tensors with this layer's weights bound to its parameters by name.

        Args:
            module: unbound linen module with static fields.
            inputs: tensors.
            weights: the weights to bind; default all of the layer's own.
            training: None: the phase the model runs in; or a bool.
            rowwise: whether a row of the result depends on that row of the inputs only.
            dtype: what to compute in; default the layer's `compute_dtype`.
            kwargs: further arguments of the module, tensors or static.

        Returns:
            What the module returns. Changed batch statistics become updates of the layer.
        """
        own = [*self._trainable_weights, *self._non_trainable_weights] if weights is None else weights
        bound: dict = {"params": {}}
        for w in own:
            collection, name = self._place_of(w)
            held = vars(self).get(name)  # a wrapper may have put a tensor or another variable in the weight's place
            if collection != "state":
                bound.setdefault(collection, {})[name] = held if isinstance(held, (KerasTensor, Variable)) else w
        if isinstance(training, KerasTensor):
            training = None
        elif training is not None:
            training = bool(training)
        elif K.fixed_phase() is not None:
            training = bool(K.fixed_phase())
        dtype = self.compute_dtype if dtype is None else dtype
        precision = {} if dtype is None else {"dtype": dtype}
        try:
            outputs, stats = run_module(module, bound, inputs, kwargs, training=training, rowwise=rowwise, **precision)
        except ScopeParamShapeError:
            shapes = [tuple(x.shape) for x in inputs if hasattr(x, "shape")]
            raise ValueError(
                f"Layer {self.name}: inputs of shapes {shapes} do not fit its weights "
                f"{[(w.short_name, tuple(w.shape)) for w in self.weights]}."
            ) from None
        if stats and training is not False:
            changed = [(bound["batch_stats"][n], v) for n, v in stats.items()]
            given = [t for t in inputs if isinstance(t, KerasTensor)]
            if not self._counts(module, changed, given):
                self.add_update(changed, given)
        return outputs

    def _counts(self, module, changed, inputs) -> bool:
        """Whether the same statistics of these very inputs are updates of the layer already."""
        known = self._per_input_updates.get(tuple(id(x) for x in inputs), []) if inputs else []
        modules = {id(u.variable): u.value.op.template[0][0] for u in known if is_module_output(u.value)}
        return all(modules.get(id(variable)) == module for variable, _ in changed)

    def _place_of(self, weight):
        """(collection, parameter name) of a weight; without `add_weight` the attribute that holds it names it."""
        if id(weight) in self._collections:
            return self._collections[id(weight)]
        name = next((n for n, value in vars(self).items() if value is weight), None)
        if name is None:
            return "params" if weight.trainable else "state", weight.short_name
        return "batch_stats" if name.startswith("moving_") else "params", name

    def __call__(self, inputs, **kwargs):
        """Applies the layer to symbolic tensors.

        Args:
            inputs: KerasTensor or list of them; Variables and `K.constant`s are tensors of known values.
            kwargs: passed on to `call`.

        Returns:
            KerasTensor or list.
        """
        inputs = [as_tensor(x) for x in inputs] if isinstance(inputs, (list, tuple)) else as_tensor(inputs)
        if getattr(self, "name", None) is None:
            raise TypeError(f"{type(self).__name__}: its `__init__` must call super().__init__(**kwargs) first.")
        with name_scope(self.name):
            if not self.built:
                self.assert_input_compatibility(inputs)
                self.build(unlist([_shape_of(x, self) for x in to_list(inputs)]))
                self.built = True
                self._load_initial_weights()
            self.assert_input_compatibility(inputs)
            masks = [getattr(x, "_keras_mask", None) for x in to_list(inputs)]
            outputs, out_masks = call_layer(self, inputs, masks, kwargs)
            self._connect(inputs, outputs, out_masks, dict(kwargs))
        return outputs

    def _weight_shape(self, name, shape) -> tuple:
        try:
            sizes = () if shape is None else tuple(int(d) for d in to_list(shape))
        except (TypeError, ValueError):
            raise ValueError(
                f"Layer {self.name}: the weight {name!r} needs integers as sizes; got {shape!r}."
            ) from None
        if any(d < 0 for d in sizes):
            raise ValueError(f"Layer {self.name}: the weight {name!r} needs sizes >= 0; got shape {sizes}.")
        return sizes

    def _load_initial_weights(self):
        if self._initial_weights is not None:
            weights, self._initial_weights = self._initial_weights, None
            self.set_weights(weights)

    def _connect(self, inputs, outputs, output_mask, arguments=None):
        """Records the call: a Node, and on each output where it comes from."""
        inputs, outputs = to_list(inputs), to_list(outputs)
        masks = to_list(output_mask) if isinstance(output_mask, (list, tuple)) else [output_mask] * len(outputs)
        history = [getattr(x, "_keras_history", (None, None, None)) for x in inputs]
        node = Node(
            self,
            [h[0] for h in history],
            [h[1] for h in history],
            [h[2] for h in history],
            inputs,
            outputs,
            [getattr(x, "_keras_mask", None) for x in inputs],
            masks,
            [tuple(x.shape) for x in inputs],
            [tuple(x.shape) for x in outputs],
            arguments or {},
        )
        by_phase = getattr(self, "uses_learning_phase", False)
        for i, (x, mask) in enumerate(zip(outputs, masks, strict=False)):
            x._uses_learning_phase = x._uses_learning_phase or by_phase
            x._keras_history = (self, len(self._inbound_nodes) - 1, i)
            x._keras_mask = mask
        return node

    # ------------------------------------------------------------ losses and updates

    def add_loss(self, losses, inputs=None):
        """Adds scalar tensors to what training minimises; with `inputs`, only where the layer is called on these."""
        each = [K.constant(x) if isinstance(x, numbers.Real) else x for x in to_list(losses)]
        self._register(self._losses, self._per_input_losses, each, inputs)

    def add_update(self, updates, inputs=None):
        """Adds updates that each training step makes: `K.update(...)` or pairs (variable, value)."""
        if isinstance(updates, tuple) and len(updates) == 2 and isinstance(updates[0], Variable):
            updates = [updates]
        self._register(self._updates, self._per_input_updates, [_update(u) for u in to_list(updates)], inputs)

    @staticmethod
    def _register(everything, per_input, items, inputs):
        if not items or not registers():
            return
        everything.extend(items)
        key = None if inputs is None or to_list(inputs) == [] else tuple(id(x) for x in to_list(inputs))
        per_input.setdefault(key, []).extend(items)

    @property
    def losses(self) -> list:
        inner = [x for layer in self._tracked_layers for x in layer.losses]
        return unique([*self._losses, *inner])

    @property
    def updates(self) -> list:
        if not self.trainable and not self.stateful:
            return []
        inner = [x for layer in self._tracked_layers for x in layer.updates]
        return unique([*self._updates, *inner])

    def get_losses_for(self, inputs) -> list:
        """Losses that depend on these inputs; `None`: those that depend on none."""
        key = None if inputs is None else tuple(id(x) for x in to_list(inputs))
        inner = [x for layer in self._tracked_layers for x in layer.losses] if inputs is None else []
        return unique([*self._per_input_losses.get(key, []), *inner])

    def get_updates_for(self, inputs) -> list:
        """Updates that depend on these inputs; `None`: those that depend on none."""
        if not self.trainable and not self.stateful:
            return []
        key = None if inputs is None else tuple(id(x) for x in to_list(inputs))
        inner = [x for layer in self._tracked_layers for x in layer.updates] if inputs is None else []
        return unique([*self._per_input_updates.get(key, []), *inner])

    # ------------------------------------------------------------ copies and pickles

    def __getstate__(self):
        """The layer by itself: weights and settings, without the calls it was part of."""
        own = [*self._trainable_weights, *self._non_trainable_weights]
        state = {k: v for k, v in self.__dict__.items() if k not in _OF_CALLS}
        state["_collections"] = [(w, self._collections[id(w)]) for w in own if id(w) in self._collections]
        return state

    def __setstate__(self, state):
        self._set_up()
        collections = state.pop("_collections")
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self._collections = {id(w): entry for w, entry in collections}
        for weight, _ in collections:
            regularizer = getattr(weight, "regularizer", None)
            if regularizer is not None:
                self.add_loss(regularizer(weight))

    # ------------------------------------------------------------ config

    def get_config(self) -> dict:
        config: dict = {"name": self.name, "trainable": self.trainable}
        if hasattr(self, "batch_input_shape"):
            config["batch_input_shape"] = self.batch_input_shape
        if getattr(self, "dtype", None) is not None:
            config["dtype"] = self.dtype
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__module__}.{type(self).__name__} {self.name!r}>"


def _update(x):
    """An Update; a number stays until a step is made that has no use for it."""
    return x if isinstance(x, numbers.Real) else as_update(x)


def _shape_of(x, layer):
    if not hasattr(x, "shape"):
        raise ValueError(
            f"Layer {layer.name} was called on {type(x).__name__}, which has no shape; tensors were required."
        )
    return tuple(x.shape)

"""Intake: what users pass as data, checked against the model and made ready to feed."""

from __future__ import annotations

import functools

import numpy as np

from kjax import losses
from kjax.backend.sparse import is_scipy_sparse
from kjax.engine import cures, looks, weighting
from kjax.engine import data as data_room
from kjax.engine.arrays import as_array
from kjax.engine.base_layer import to_list, unlist
from kjax.engine.feeds import Feed
from kjax.engine.input_layer import Input, InputLayer
from kjax.engine.network import Network
from kjax.engine.objectives import loss_name
from kjax.engine.rows import Rows

__all__ = ["Intake", "plain_input"]


class Intake:
    """Mixin of Model: standardizing inputs, targets and weights; building models that waited for their first data."""

    _objectives: list
    _feed_inputs: list
    _feed_input_names: list
    sample_weight_modes: list | None

    def _standardize_x(self, x):
        if not self.built:
            self._build_from(x)
        if self._is_plain(x, "_plain_input", self._feed_inputs, plain_input):
            return [x]
        arrays = data_room.standardize(
            x,
            self._feed_input_names,
            [t.shape for t in self._feed_inputs],
            [t.dtype for t in self._feed_inputs],
            "input",
        )
        for i, (array, tensor, name) in enumerate(zip(arrays, self._feed_inputs, self._feed_input_names, strict=True)):
            for layer in _looked_up_by(self, tensor):
                check = functools.partial(data_room.check_indices, name=name, layer=layer)
                if isinstance(array, Rows):  # data that are not in memory are checked when they are read
                    arrays[i] = arrays[i].checked(check)
                elif array.size:
                    check(array)
        return arrays

    def _is_plain(self, array, name, of, find) -> bool:
        """Whether data need no look of their own: a NumPy array of just the shape of a row and the dtype that `find`
        says; both are kept under `name` until `of` is another."""
        if type(array) is not np.ndarray:
            return False
        known = self.__dict__.get(name)
        if known is None or known[0] is not of:
            known = self.__dict__[name] = (of, *find(self))
        return array.dtype == known[2] and array.shape[1:] == known[1]

    def _build_from(self, x):
        """Builds a model that waited for its first data."""
        if isinstance(x, dict) and not is_scipy_sparse(x):
            given = list(x.values())
        else:
            given = [x] if isinstance(x, list) and len(x) and np.ndim(x[0]) == 0 else to_list(x)
        arrays = [as_array(a, f"input {i}", "input") for i, a in enumerate(given)]
        shapes = [(None, *(a.shape[1:] if len(a.shape) > 1 else (1,))) for a in arrays]
        dtypes = [str(a.dtype) if np.dtype(a.dtype).kind in "iub" else None for a in arrays]
        if hasattr(self, "add"):
            self.build(unlist(shapes))
        else:
            self._build_subclassed(shapes, dtypes)
        pending = getattr(self, "_pending_compile", None)
        if pending is not None:
            self._compile_built(*pending)

    def _build_subclassed(self, shapes, dtypes=None):
        """Runs a subclass's `call` on placeholders and makes the graph of what it did."""
        if type(self).call is Network.call:
            raise NotImplementedError(f"Model {self.name}: a subclass of Model defines `call(inputs)`.")
        dtypes = dtypes or [None] * len(shapes)
        inputs = [Input(batch_shape=s, dtype=d) for s, d in zip(shapes, dtypes, strict=True)]
        tracked, optimizer = list(self._tracked_layers), self.optimizer
        outputs = self.call(unlist(inputs))
        self._init_graph_network(inputs, outputs, self.name)
        self._subclassed, self.optimizer = True, optimizer
        known = {id(layer) for layer in tracked}
        self._layers = [*tracked, *[y for y in self._layers if id(y) not in known and not isinstance(y, InputLayer)]]

    def _standardize_y(self, y):
        if self._is_plain(y, "_plain_target", self._objectives, _plain_target):
            return [y]
        fed = [o for o in self._objectives if o.feed]
        names = [o.name for o in fed]
        shapes = [o.target.shape if self._has_known_targets(o) else None for o in fed]
        targets = data_room.standardize(y, names, None, [o.target.dtype for o in fed], "target")
        checked = []
        for target, o, shape in zip(targets, fed, shapes, strict=True):
            output_shape, loss = tuple(self.outputs[o.position].shape), loss_name(o.loss)
            target = data_room.with_class_axis(target, loss, output_shape)
            checked.append(data_room.check_target(target, loss, o.name, output_shape))
            if shape is not None:
                cure = functools.partial(cures.of_target, output=output_shape, loss=loss)
                data_room.check_shape(target, o.name, shape, "target", cure=cure)
        return checked

    @staticmethod
    def _has_known_targets(objective):
        """Targets are as wide as the output, except for a user's own loss, which may take anything."""
        return getattr(losses, loss_name(objective.loss), None) is not None

    def _standardized(
        self, x, y=None, sample_weight=None, class_weight=None, batch_size=None, may_be_empty=False
    ) -> Feed:
        """Everything a training or test step is fed with, checked."""
        xs = self._standardize_x(x)
        ys = self._standardize_y(y)
        weights = [None] * len(self._objectives)
        if sample_weight is not None or class_weight is not None:
            weights = self._sample_weights(sample_weight, class_weight, xs, ys)
        size = data_room.check_lengths(xs, ys, weights, self._rows_of_tensors(), may_be_empty)
        self._check_stateful_size(size, batch_size)
        return Feed([*xs, *ys], weights, size)

    def _sample_weights(self, sample_weight, class_weight, xs, ys) -> list:
        targets = iter(ys)
        names = [o.name for o in self._objectives]
        per_objective = [next(targets) if o.feed else xs[0] if xs else o.target for o in self._objectives]
        return weighting.sample_weights(sample_weight, class_weight, per_objective, names, self.sample_weight_modes)

    def _look_at(self, feed) -> None:
        """Warns of what is wrong with the numbers of a feed."""
        fed = [o for o in self._objectives if o.feed]
        looks.look_at_data(feed, self._feed_input_names, [(o.name, loss_name(o.loss)) for o in fed])

    def _rows_of_tensors(self):
        """How many rows the inputs have where all of them are tensors of known values; None where some are fed."""
        return None if self._feed_inputs else next((t.shape[0] for t in self.inputs if t.shape[0] is not None), None)

    def _check_stateful_size(self, size, batch_size):
        if batch_size and size > batch_size and size % batch_size and self.stateful:
            raise ValueError(
                "In a stateful network, you should only pass inputs with a number of samples that can be divided by "
                f"the batch size. Found: {size} samples and batch size {batch_size}."
            )
        fixed = next((t.shape[0] for t in self.inputs if t.shape[0] is not None), None)
        if (
            fixed is not None
            and batch_size
            and min(size, batch_size) != fixed
            and (size % fixed or batch_size != fixed)
        ):
            raise ValueError(
                f"Model {self.name} was built for batches of exactly {fixed} samples (batch_input_shape); got {size} "
                f"samples in batches of {batch_size}."
            )


def plain_input(model) -> tuple:
    """(shape of a row, dtype) of the only input, floating-point and of known sizes; (None, None) for other models."""
    if len(model._feed_inputs) != 1:
        return None, None
    tensor = model._feed_inputs[0]
    row = tuple(tensor.shape[1:])
    floating = np.dtype(tensor.dtype).kind == "f"  # bfloat16, for one, is of another kind
    if not floating or not row or None in row or any(_looked_up_by(model, tensor)):
        return None, None
    return row, np.dtype(tensor.dtype)


def _plain_target(model) -> tuple:
    """(shape of a row, dtype) of the only target, floating-point and of known sizes; (None, None) for other models and
    for losses that look at the values."""
    fed = [o for o in model._objectives if o.feed]
    if len(fed) != 1 or not model._has_known_targets(fed[0]) or loss_name(fed[0].loss) in data_room.LOSSES_OF_CLASSES:
        return None, None
    tensor = fed[0].target
    row = tuple(tensor.shape[1:])
    floating = np.dtype(tensor.dtype).kind == "f"
    return (row, np.dtype(tensor.dtype)) if floating and row and None not in row else (None, None)


def _looked_up_by(model, tensor):
    """The layers of a model that take the values of this input as row numbers (`row_limit`), nested ones too."""
    for node in tensor._keras_history[0]._outbound_nodes:
        layer = node.outbound_layer
        if not any(layer is own for own in model.layers):
            continue
        for i, x in enumerate(node.input_tensors):
            if x is tensor and isinstance(layer, Network) and layer.inputs:
                yield from _looked_up_by(layer, layer.inputs[i])
            elif x is tensor and getattr(layer, "row_limit", None) is not None:
                yield layer

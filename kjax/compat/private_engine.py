"""Private attributes and functions of Keras 2.2.4's layers and networks that programs use."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from kjax import backend as K
from kjax.engine.base_layer import to_list, unlist
from kjax.engine.objectives import loss_name
from kjax.engine.topology_map import map_graph
from kjax.utils.generic_utils import has_arg

# ---------------------------------------------------------------- functions of modules


def _collect_input_shape(input_tensors):
    """The shape of a tensor, or the list of the shapes of several."""
    return unlist([K.int_shape(x) for x in to_list(input_tensors)])


def _collect_previous_mask(input_tensors):
    """The mask of a tensor that a layer made, or the list of the masks of several; None where there is none."""
    return unlist([getattr(x, "_keras_mask", None) for x in to_list(input_tensors)])


def _make_node_key(layer_name, node_index):
    """The name of a layer's call in `Network._network_nodes`."""
    return f"{layer_name}_ib-{node_index}"


def _map_graph_network(inputs, outputs):
    """(keys of the calls, calls by depth, layers, layers by depth) of the graph between tensors."""
    topology = map_graph(to_list(inputs), to_list(outputs))
    nodes, layers = defaultdict(list), defaultdict(list)
    for node, depth in zip(topology.nodes, topology.node_depths, strict=True):
        nodes[depth].append(node)
    for layer, depth in zip(topology.layers, topology.layer_depths, strict=True):
        layers[depth].append(layer)
    return _keys(topology.nodes), dict(nodes), topology.layers, dict(layers)


def _keys(nodes):
    return {_make_node_key(n.outbound_layer.name, _index(n.outbound_layer._inbound_nodes, n)) for n in nodes}


def _index(nodes, node):
    return next(i for i, n in enumerate(nodes) if n is node)


# ---------------------------------------------------------------- attributes of Layer


def _node_key(self, layer, node_index):
    return _make_node_key(layer.name, node_index)


def _get_node_attribute_at_index(self, node_index, attr, attr_name):
    """An attribute of one of the layer's calls: `_get_node_attribute_at_index(0, 'output_shapes', 'output shape')`."""
    return self._at(node_index, attr, attr_name)


def _add_inbound_node(
    self, input_tensors, output_tensors, input_masks, output_masks, input_shapes, output_shapes, arguments=None
):
    """Records a call of the layer that did not go through `__call__`; the outputs then come from it."""
    self._connect(input_tensors, output_tensors, output_masks, arguments)
    node = self._inbound_nodes[-1]
    node.input_masks = to_list(input_masks)
    node.input_shapes, node.output_shapes = _shapes(input_shapes), _shapes(output_shapes)


def _shapes(x):
    return list(x) if isinstance(x, list) else [x]


# ---------------------------------------------------------------- attributes of Network and Model


def _graph(self):
    if not self._is_graph_network:
        raise AttributeError(f"model {self.name} is a subclass that is not built: it has no graph of layers yet.")
    return _map_graph_network(self.inputs, self.outputs)


_network_nodes = property(lambda self: _graph(self)[0], doc="Keys of the calls that make up the model.")
_nodes_by_depth = property(lambda self: _graph(self)[1], doc="dict depth -> calls; the outputs are at depth 0.")
_layers_by_depth = property(lambda self: _graph(self)[3], doc="dict depth -> layers; the outputs' are at depth 0.")


def _cache(name):
    return property(lambda self: self.__dict__.setdefault(name, {}), doc="A dict for the program; kjax keeps none.")


_output_mask_cache = _cache("_output_mask_cache")
_output_tensor_cache = _cache("_output_tensor_cache")
_output_shape_cache = _cache("_output_shape_cache")
_uses_inputs_arg = True
_expects_training_arg = property(
    lambda self: bool(getattr(self, "_subclassed", not self._is_graph_network)) and has_arg(self.call, "training"),
    doc="Whether the model is a subclass whose `call` takes `training`.",
)
_feed_input_shapes = property(lambda self: [tuple(x.shape) for x in self._feed_inputs], doc="Shapes of what is fed.")


def _target_shape(self, objective):
    shape, name = tuple(self.outputs[objective.position].shape), loss_name(objective.loss)
    if name == "sparse_categorical_crossentropy":
        channels_first = K.image_data_format() == "channels_first" and len(shape) in (4, 5)
        return (shape[0], 1, *shape[2:]) if channels_first else (*shape[:-1], 1)
    return shape if self._has_known_targets(objective) else None


_feed_output_shapes = property(
    lambda self: [_target_shape(self, o) for o in self._objectives if o.feed],
    doc="Shapes that the targets must have; None where a loss of the user's own takes any.",
)


def _set_inputs(self, inputs, outputs=None, training=None):
    """Builds a model that waits for its first data, from arrays or tensors."""
    if not self.built:
        self._build_from(inputs)


def _standardize_user_data(
    self, x, y=None, sample_weight=None, class_weight=None, check_array_lengths=True, batch_size=None
):
    """What a step is fed with, checked: (inputs, targets, sample weights), lists of arrays.

    Args:
        x, y, sample_weight, class_weight: as for `fit`.
        check_array_lengths: accepted; they are always checked.
        batch_size: of stateful models.
    """
    if y is None:
        return self._standardize_x(x), [], []
    feed = self._standardized(x, y, sample_weight, class_weight, batch_size)
    inputs = len(self._feed_inputs)
    targets = feed.data[inputs:]
    modes = self.sample_weight_modes or [None] * len(feed.weights)
    fed = iter(targets)
    weights = []
    for objective, given, mode in zip(self._objectives, feed.weights, modes, strict=True):
        target = next(fed) if objective.feed else None
        if given is None:
            shape = (feed.size,) if mode is None else np.shape(target)[:2]
            given = np.ones(shape, K.floatx())
        weights.append(given)
    return feed.data[:inputs], targets, weights

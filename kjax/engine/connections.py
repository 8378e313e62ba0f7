"""Connections: what went into a layer and came out of it, by its calls."""

from __future__ import annotations

from kjax.engine.node import Node


class Connections:
    """The queries of a layer's nodes; `_inbound_nodes` holds one node for each call."""

    name: str | None
    _inbound_nodes: list[Node]

    def _at(self, index, attribute, what):
        if not self._inbound_nodes:
            raise RuntimeError(f"The layer {self.name} has never been called and thus has no defined {what}.")
        if not -len(self._inbound_nodes) <= index < len(self._inbound_nodes):
            raise ValueError(
                f"Asked to get {what} at node {index}, but layer {self.name} has only {len(self._inbound_nodes)} "
                f"inbound nodes."
            )
        return unlist(getattr(self._inbound_nodes[index], attribute))

    def _only(self, attribute, what, at):
        if not self._inbound_nodes:
            raise AttributeError(f"Layer {self.name} is not connected, no {what}: it has never been called.")
        if len(self._inbound_nodes) > 1:
            values = [getattr(node, attribute) for node in self._inbound_nodes]
            if not attribute.endswith("shapes") or any(v != values[0] for v in values):
                raise AttributeError(
                    f'Layer {self.name} has multiple inbound nodes, hence the notion of "layer {what}" is ill-defined. '
                    f"Use `{at}(node_index)` instead."
                )
        return unlist(getattr(self._inbound_nodes[0], attribute))

    def get_input_at(self, node_index):
        return self._at(node_index, "input_tensors", "input")

    def get_output_at(self, node_index):
        return self._at(node_index, "output_tensors", "output")

    def get_input_mask_at(self, node_index):
        return self._at(node_index, "input_masks", "input mask")

    def get_output_mask_at(self, node_index):
        return self._at(node_index, "output_masks", "output mask")

    def get_input_shape_at(self, node_index):
        return self._at(node_index, "input_shapes", "input shape")

    def get_output_shape_at(self, node_index):
        return self._at(node_index, "output_shapes", "output shape")

    @property
    def input(self):
        return self._only("input_tensors", "input", "get_input_at")

    @property
    def output(self):
        return self._only("output_tensors", "output", "get_output_at")

    @property
    def input_mask(self):
        return self._only("input_masks", "input mask", "get_input_mask_at")

    @property
    def output_mask(self):
        return self._only("output_masks", "output mask", "get_output_mask_at")

    @property
    def input_shape(self):
        return self._only("input_shapes", "input shape", "get_input_shape_at")

    @property
    def output_shape(self):
        return self._only("output_shapes", "output shape", "get_output_shape_at")


def to_list(x) -> list:
    """A list of what may be one thing, a list or a tuple."""
    if isinstance(x, list):
        return x
    return list(x) if isinstance(x, tuple) else [x]


def unlist(x):
    """The only element of a list of one, else the list."""
    return x[0] if len(x) == 1 else x

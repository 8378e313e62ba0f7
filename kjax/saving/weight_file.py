"""The weights in a file: groups of named arrays, their headers at once, their numbers on demand."""

from __future__ import annotations

from typing import Any, NamedTuple

from kjax.saving.bounded import first_twice
from kjax.saving.errors import CorruptFileError

__all__ = ["StoredLayer", "stored_layers"]


class StoredLayer(NamedTuple):
    """One layer's arrays in a file.

    Attributes:
        name: the layer's.
        weights: names of its arrays, in their order.
        headers: shape and dtype of each.
        gate: the group they lie in.
    """

    name: str
    weights: list
    headers: list
    gate: Any

    @property
    def shapes(self) -> list:
        return [h.shape for h in self.headers]

    @property
    def size(self) -> int:
        """Numbers in all arrays."""
        return sum(h.nbytes // h.dtype.itemsize for h in self.headers)

    def arrays(self) -> list:
        """All arrays, read."""
        return [self.gate.read(n, h.shape) for n, h in zip(self.weights, self.headers, strict=True)]


def stored_layers(gate) -> list:
    """A StoredLayer for each layer the group names, in their order.

    Raises:
        CorruptFileError: when a layer stands twice or an array is missing.
    """
    names = gate.texts("layer_names")
    twice = first_twice(names)
    if twice is not None:
        raise CorruptFileError(f"{gate.where}@layer_names", f"the layer {twice[:80]!r} stands there twice.")
    return [stored_layer(gate, name) for name in names]


def stored_layer(gate, name) -> StoredLayer:
    """The arrays of the layer of this name."""
    group = gate.group(name)
    weights = group.texts("weight_names")
    twice = first_twice(weights)
    if twice is not None:
        raise CorruptFileError(f"{group.where}@weight_names", f"the array {twice[:80]!r} stands there twice.")
    return StoredLayer(name, weights, [group.header(n) for n in weights], group)

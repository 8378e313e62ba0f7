"""The layers at the bottom of a layer: those that own weights."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Leaf", "leaves"]


class Leaf(NamedTuple):
    """A layer that owns weights, somewhere inside another.

    Attributes:
        layer: the layer.
        names: its name and those of what wraps it, innermost first; models are no wrappers.
        weights: its Variables: trainable ones first, each kind in the order of creation, whatever is frozen now.
    """

    layer: object
    names: tuple
    weights: list

    @property
    def title(self) -> str:
        """The names, outermost first, for people."""
        return "/".join(reversed(self.names))

    @property
    def shorts(self) -> list:
        """The weights' short names."""
        return [w.short_name for w in self.weights]

    @property
    def size(self) -> int:
        """Numbers in all weights."""
        total = 0
        for w in self.weights:
            size = 1
            for d in w.shape:
                size *= int(d)
            total += size
        return total


def leaves(layer) -> list:
    """The leaves of a layer or model in the order in which it uses them; shared ones once."""
    found: list[Leaf] = []
    seen: set[int] = set()
    _visit(layer, (), found, seen)
    return found


def is_model(layer) -> bool:
    """Whether a layer is a model, whose layers stand on their own."""
    return hasattr(layer, "_input_coordinates") or hasattr(layer, "_layers")


def _visit(layer, above, found, seen):
    names = (layer.name, *above) if getattr(layer, "name", None) else above
    own = [w for w in [*layer._trainable_weights, *layer._non_trainable_weights] if id(w) not in seen]
    seen.update(id(w) for w in own)
    if own:
        found.append(Leaf(layer, names, own))
    if is_model(layer):
        for inner in layer.layers:
            _visit(inner, (), found, seen)
        return
    for inner in layer._tracked_layers:
        _visit(inner, names, found, seen)

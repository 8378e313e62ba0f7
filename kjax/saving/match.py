"""Which array of a file belongs to which weight of a model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kjax.saving.convert import convert_leaf
from kjax.saving.errors import CorruptFileError, UnsafeModelError, shown
from kjax.saving.leaves import Leaf, is_model, leaves
from kjax.saving.weight_file import StoredLayer
from kjax.saving.weight_names import parse_weight_name

__all__ = ["LeafPlan", "assign", "plan_by_name", "plan_layers", "plan_values"]


class LeafPlan(NamedTuple):
    """The arrays of a file that make one leaf's weights.

    Attributes:
        leaf: Leaf.
        stored: StoredLayer they lie in.
        indices: their numbers there, in the file's order.
    """

    leaf: Leaf
    stored: StoredLayer
    indices: list

    @property
    def names(self) -> list:
        return [self.stored.weights[i] for i in self.indices]

    @property
    def shorts(self) -> list:
        return [parse_weight_name(n).short for n in self.names]

    @property
    def headers(self) -> list:
        return [self.stored.headers[i] for i in self.indices]

    def read(self) -> list:
        """The arrays, as they lie in the file."""
        return [self.stored.gate.read(n, h.shape) for n, h in zip(self.names, self.headers, strict=True)]


# ---------------------------------------------------------------- layers to groups


def plan_layers(layers, stored, where, names_decide=False) -> list:
    """LeafPlans for layers and a file's groups: by their order, or by their names where those are the same set.

    Args:
        layers: the model's.
        stored: StoredLayers of the file.
        where: the file's name.
        names_decide: the names come from the file itself, so that they count more than the order.

    Raises:
        ValueError: when numbers, names or shapes do not fit, with both sides in the message.
    """
    mine = [layer for layer in layers if layer.weights]
    theirs = [s for s in stored if s.weights]
    if len(mine) != len(theirs):
        mine = _flattened(mine, {s.name for s in theirs}) or mine
    if len(theirs) == 1 and len(mine) > 1 and theirs[0].weights and _holds(theirs[0], mine):
        return plan_layer(_Whole(theirs[0].name, mine), theirs[0], where)
    if len(mine) != len(theirs):
        raise ValueError(
            f"{where}: You are trying to load a weight file containing {len(theirs)} layers into a model with "
            f"{len(mine)} layers "
            f"that have weights.\n{table(mine, theirs)}"
        )
    pairs = _paired(mine, theirs, where, names_decide)
    return [plan for layer, group in pairs for plan in plan_layer(layer, group, where)]


def _flattened(layers, names):
    """The layers with models that the file does not name replaced by their own layers."""
    result = []
    for layer in layers:
        if is_model(layer) and layer.name not in names:
            inner = [x for x in layer.layers if x.weights]
            result += _flattened(inner, names) or inner
        else:
            result.append(layer)
    return result if len(result) != len(layers) else None


class _Whole:
    """A model's layers as one layer: what a file of a model that holds this one (`multi_gpu_model`) has them as."""

    _trainable_weights = _non_trainable_weights = ()

    def __init__(self, name, layers):
        self.name = name
        self.layers = self._layers = layers

    @property
    def weights(self) -> list:
        weights = {id(w): w for layer in self.layers for w in layer.weights}.values()
        return sorted(weights, key=lambda w: not w.trainable)


def _holds(group, layers) -> bool:
    """Whether one group has the weights of all layers."""
    return sorted(group.shapes) == sorted(tuple(w.shape) for w in _Whole(group.name, layers).weights)


def _paired(mine, theirs, where, names_decide):
    in_order = list(zip(mine, theirs, strict=True))
    names = {s.name: s for s in theirs}
    if {layer.name for layer in mine} != set(names) or len(names) != len(theirs):
        return in_order
    by_name = [(layer, names[layer.name]) for layer in mine]
    if by_name == in_order or names_decide:
        return by_name
    fits = [all(_may_fit(layer, group) for layer, group in pairs) for pairs in (in_order, by_name)]
    if fits == [True, True]:
        raise ValueError(
            f"{where}: the file's layers have the names of the model's in another order, and the shapes fit "
            f"both ways. Pass "
            f"by_name=True to go by the names, or rename the layers to go by the order.\n{table(mine, theirs)}"
        )
    return by_name if fits[1] else in_order


def _may_fit(layer, group) -> bool:
    return sorted(group.shapes) == sorted(tuple(w.shape) for w in layer.weights)


def table(layers, stored) -> str:
    """Both sides, for people: the model's layers and the file's, with the shapes of their weights."""
    left = [f"{layer.name} {[tuple(int(d) for d in w.shape) for w in layer.weights]}" for layer in layers[:60]]
    right = [f"{s.name} {s.shapes}" for s in stored[:60]]
    width = max([len("model"), *map(len, left)])
    height = max(len(left), len(right))
    left += [""] * (height - len(left))
    right += [""] * (height - len(right))
    lines = [f"{a:{width}}  {b}" for a, b in zip(["model", *left], ["file", *right], strict=True)]
    return "\n".join(shown(line[:400]) for line in lines)


# ---------------------------------------------------------------- one layer


def plan_layer(layer, group, where) -> list:
    """LeafPlans for one layer and one group.

    Raises:
        ValueError: when the arrays cannot be told apart.
    """
    found = leaves(layer)
    if len(found) == 1:
        return [LeafPlan(found[0], group, list(range(len(group.weights))))]
    blocks = _blocks(group)
    plans = _by_scopes(found, blocks, group) if len(blocks) == len(found) else None
    plans = plans or _by_position(layer, found, group)
    if plans is None:
        raise ValueError(
            f"{where}: layer {layer.name}: its weights {[(leaf.layer.name, leaf.shorts) for leaf in found]} cannot be "
            f"told apart in the file's arrays {list(zip(group.weights, group.shapes, strict=True))}."
        )
    return plans


def _blocks(group):
    """Scopes -> numbers of the arrays that stand under them, in the order of their first."""
    blocks: dict[tuple, list] = {}
    for i, name in enumerate(group.weights):
        blocks.setdefault(parse_weight_name(name).scopes, []).append(i)
    return blocks


def _by_scopes(found, blocks, group):
    """Each leaf takes the arrays under its name; where the names differ, those in its place."""
    named, under = [], {}
    for b in blocks:
        for scope in set(b):
            under.setdefault(scope, []).append(b)
    for leaf in found:
        matches = list(dict.fromkeys(b for name in leaf.names for b in under.get(name, ())))
        innermost = [b for b in matches if b and b[-1] == leaf.names[0]]
        matches = innermost if len(innermost) == 1 else matches
        named.append(matches[0] if len(matches) == 1 else None)
    if None not in named and len(set(named)) == len(named):
        return [LeafPlan(leaf, group, blocks[b]) for leaf, b in zip(found, named, strict=True)]
    for order in (found, _frozen_last(found)):
        plans = [LeafPlan(leaf, group, indices) for leaf, indices in zip(order, blocks.values(), strict=True)]
        if all(_same_signature(p) for p in plans):
            return _checked_unique(plans)
    return None


def _frozen_last(found):
    return sorted(found, key=lambda leaf: not getattr(leaf.layer, "trainable", True))


def _same_signature(plan) -> bool:
    """Whether a block may make a leaf's weights: by its shapes, or by its names and about the same size."""
    mine = [tuple(w.shape) for w in plan.leaf.weights]
    if sorted(mine) == sorted(h.shape for h in plan.headers):
        return True
    stored = sum(h.nbytes // h.dtype.itemsize for h in plan.headers)
    per_gate = len(mine) == 3 and len(plan.indices) in (9, 12)
    return (
        (set(plan.shorts) == set(plan.leaf.shorts) or per_gate)
        and stored <= 2 * plan.leaf.size
        and plan.leaf.size <= 2 * stored
    )


def _checked_unique(plans):
    """The plans, unless frozen layers of equal shapes could stand in another order."""
    signatures = [tuple(sorted(tuple(w.shape) for w in p.leaf.weights)) for p in plans]
    flags = {getattr(p.leaf.layer, "trainable", True) for p in plans}
    return plans if len(flags) == 1 or len(set(signatures)) == len(signatures) else None


def _by_position(layer, found, group):
    """All weights in the order the layer gives them, where short names and shapes agree."""
    weights = layer.weights
    if [tuple(w.shape) for w in weights] != group.shapes:
        return None
    shorts = [parse_weight_name(n).short for n in group.weights]
    if shorts != [parse_weight_name(w.name).short for w in weights]:
        return None
    numbers = {id(w): i for i, w in enumerate(weights)}
    return [LeafPlan(leaf, group, [numbers[id(w)] for w in leaf.weights]) for leaf in found]


# ---------------------------------------------------------------- values


def plan_values(plans, conversion) -> list:
    """(Variable, array) for all plans; every array is read once, and nothing is assigned.

    Raises:
        UnsafeModelError: when the file holds far more numbers than the layer has.
        ValueError: when shapes do not fit.
    """
    pairs = []
    for plan in plans:
        stored = sum(h.nbytes // h.dtype.itemsize for h in plan.headers)
        if stored > 2 * plan.leaf.size:
            raise UnsafeModelError(
                plan.stored.gate.where, f"{stored} numbers for layer {plan.leaf.title}, which has {plan.leaf.size}."
            )
        _check_kinds(plan)
        pairs += list(zip(plan.leaf.weights, converted(plan, plan.read(), conversion), strict=True))
    return pairs


def _check_kinds(plan):
    """Real numbers go into real weights, integers into integer ones."""
    kinds = {np.dtype(w.dtype).kind if w.dtype != "bfloat16" else "f" for w in plan.leaf.weights}
    for name, header in zip(plan.names, plan.headers, strict=True):
        kind = "f" if header.dtype.kind == "f" else "i"
        if kind not in {"f" if k == "f" else "i" for k in kinds}:
            raise CorruptFileError(
                f"{plan.stored.gate.where}/{name}",
                f"elements of type {header.dtype}; the weights of layer {plan.leaf.title} are {sorted(kinds)}.",
            )


def converted(plan, arrays, conversion) -> list:
    """Arrays in the file's layout as arrays for the leaf's weights."""
    try:
        return convert_leaf(plan.leaf, plan.shorts, arrays, conversion)
    except CorruptFileError:
        raise
    except ValueError as error:
        raise ValueError(f"{plan.stored.gate.where}: {error}") from None


def plan_by_name(layers, stored, where, conversion, skip_mismatch=False) -> list:
    """(Variable, array) for the layers whose names the file has; others are left alone.

    Args:
        skip_mismatch: leave layers alone whose arrays do not fit, with a note, instead of raising.
    """
    groups = {s.name: s for s in stored}
    pairs: list[tuple] = []
    for layer in layers:
        group = groups.get(layer.name)
        if group is None or not (group.weights or layer.weights):
            continue
        try:
            pairs += (
                plan_values(plan_layer(layer, group, where), conversion)
                if group.weights and layer.weights
                else _nothing(layer, group)
            )
        except (UnsafeModelError, CorruptFileError):
            raise
        except ValueError as error:
            if not skip_mismatch:
                raise
            conversion.notes(f"skipped layer {layer.name}: {error}")
            conversion.notes.skipped.append(str(error))
    return pairs


def _nothing(layer, group):
    raise ValueError(f"layer {layer.name} has {len(layer.weights)} weights, the file {len(group.weights)}.")


def assign(pairs) -> None:
    """Gives all weights their values."""
    for weight, value in pairs:
        weight.assign(
            np.asarray(value, dtype=np.dtype(weight.dtype) if weight.dtype != "bfloat16" else None, order="C")
        )

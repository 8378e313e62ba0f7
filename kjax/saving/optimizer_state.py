"""The optimizer's state in a file: which array belongs to which weight, and in which layout."""

from __future__ import annotations

import math
import warnings

import numpy as np

from kjax import optimizers
from kjax.loss_scale import LossScale
from kjax.saving.match import converted
from kjax.saving.tf_optimizers import base_name
from kjax.saving.weight_names import parse_weight_name

__all__ = ["is_known", "restore_loss_scale", "restore_optimizer", "restore_own_optimizer"]

# how many arrays each optimizer keeps per weight, besides Adam's third with amsgrad
_SLOTS = {
    "SGD": 1,
    "RMSprop": 1,
    "TfRMSprop": 1,
    "Adagrad": 1,
    "Adadelta": 2,
    "Adam": 2,
    "Adamax": 2,
    "Nadam": 2,
    "TfNadam": 2,
}
# the names of TensorFlow's slots -> their place here
_TF_SLOTS = {
    "SGD": ("momentum", "m"),
    "RMSprop": ("rms", "velocity"),
    "TfRMSprop": ("rms", "velocity", "momentum", "average", "mg"),
    "Adagrad": ("accumulator",),
    "Adadelta": ("accumulated_grad", "accumulated_delta_var", "accum_grad", "accum_var"),
    "Adam": ("m", "v", "vhat", "velocity_hat"),
    "Adamax": ("m", "u", "v"),
    "Nadam": ("m", "v"),
    "TfNadam": ("m", "v"),
}


class _Mismatch(ValueError):
    """The state does not belong to this model."""


def restore_optimizer(optimizer, model, plans, gate, conversion) -> None:
    """Gives a fresh optimizer the state that a file holds for the model's trainable weights.

    Args:
        optimizer: of `kjax.optimizers`, not compiled yet.
        plans: LeafPlans the model's weights were read by.
        gate: the group `optimizer_weights`.
        conversion: Conversion.

    Raises:
        ValueError: when the state does not fit; the optimizer is then not to be used.
    """
    kind = base_name(optimizer)
    if not is_known(optimizer):
        raise _Mismatch(f"the layout of the state of {kind} is not known")
    names = gate.texts("weight_names")
    headers = [gate.header(n) for n in names]
    budget = 4 * sum(h.nbytes for plan in plans for h in plan.headers) + 8 * len(names)
    if sum(h.nbytes for h in headers) > budget:
        raise _Mismatch("it holds far more numbers than the model's weights")
    params = model.trainable_weights
    scalars = [i for i, h in enumerate(headers) if h.shape == () and _is_counter(names[i], i)]
    counters = set(scalars)
    rest = [i for i in range(len(names)) if i not in counters]
    if kind == "SGD" and conversion.producer.generation == "tf" and not rest and not optimizer.hyper["momentum"].value:
        _leading(optimizer, kind, [gate.read(names[i], ()) for i in scalars])  # no state but the number of steps
        return
    slots = _tf_slots(kind, names, rest) if conversion.producer.generation == "tf" else None
    targets = _trainable_in_file(plans, params)
    count = len(targets)
    if slots is None:
        slots = _blocks(optimizer, kind, headers, rest, count)
    elif len(slots) != slot_count(optimizer) or any(len(block) != count for block in slots):
        raise _Mismatch(
            f"it holds {[len(b) for b in slots]} arrays where {kind} has {slot_count(optimizer)} for each of "
            f"{count} weights"
        )
    shapes = [plan.headers[n].shape for plan, n in targets]
    order = _order_in_file(targets, shapes, slots, headers, conversion)
    blocks = []
    for block in slots:
        values = [gate.read(names[i], headers[i].shape) for i in block]
        blocks.append(_converted_block({order[k]: v for k, v in enumerate(values)}, targets, plans, params, conversion))
    optimizer.create_slots(params)
    optimizer._slots_for = tuple(id(p) for p in params)
    lead = [gate.read(names[i], ()) for i in scalars]
    optimizer.set_weights([*_leading(optimizer, kind, lead), *[v for block in blocks for v in block]])


def restore_loss_scale(optimizer, gate) -> None:
    """Gives an optimizer the loss scale that a file of a model in float16 holds.

    Args:
        gate: the model's group.
    """
    if not gate.has("loss_scale"):
        return
    for v in optimizer.scale_loss(LossScale()):
        v.assign(gate.read(v.name, ()).astype(v.dtype))


def restore_own_optimizer(model, gate, producer) -> None:
    """Gives the user's own optimizer of a compiled model the state in a file; one warning where it does not fit.

    Its weights are those it makes in `get_updates`, in the order of `optimizer.weights`, as Keras wrote them.

    Args:
        gate: the group `optimizer_weights`.
        producer: Producer of the file.
    """
    model._compiled_executor("train")  # now its weights exist
    mine = model.optimizer.weights
    names = gate.texts("weight_names")
    shapes = [tuple(gate.header(n).shape) for n in names]
    reason = None
    if producer.backend == "theano" or producer.generation == "keras1" or producer.version < (2, 0, 6):
        reason = f"it was written by {producer}, which keeps weights in another order or layout"
    elif len(shapes) != len(mine):
        reason = f"it holds {len(shapes)} arrays where the optimizer has {len(mine)} weights"
    elif shapes != [tuple(v.shape) for v in mine]:
        differing = [i for i, v in enumerate(mine) if tuple(v.shape) != shapes[i]]
        reason = (
            f"its arrays {differing[:5]} have the shapes {[shapes[i] for i in differing[:5]]} where the optimizer's "
            f"weights have {[tuple(mine[i].shape) for i in differing[:5]]}"
        )
    if reason is not None:
        warnings.warn(
            f"{gate.where}: the optimizer {type(model.optimizer).__name__} starts afresh, because the state in the "
            f"file does not fit: {reason}.",
            UserWarning,
            stacklevel=4,
        )
        return
    model.optimizer.set_weights([gate.read(n, s) for n, s in zip(names, shapes, strict=True)])


def _is_counter(name, place) -> bool:
    """Whether a scalar stands for the number of steps or Nadam's schedule, not for a weight of no axes."""
    short = parse_weight_name(name).short
    return place < 3 or short in ("iteration", "iterations", "iter", "m_schedule", "learning_rate", "_m_cache")


def _leading(optimizer, kind, values) -> list:
    """The scalars in the order of `optimizer.weights`."""
    counts = [v for v in values if _is_count(v)]
    first = optimizer.weights[0].shape == () if optimizer.weights else False
    if kind == "Nadam" and len(values) > 1:
        return values[:2]
    if not counts:
        return [np.zeros((), "int64")] if first else []
    if not first:
        optimizer.iterations.assign(np.asarray(counts[0]).astype("int32"))
        return []
    return [counts[0]]


def _is_count(value) -> bool:
    """Whether a number can be one of steps."""
    return math.isfinite(value) and 0 <= value < 2**63 and float(value).is_integer()


def _trainable_in_file(plans, params) -> list:
    """(LeafPlan, number of the array in it) of the file's arrays that make trainable weights, in the model's order."""
    wanted = {id(p): i for i, p in enumerate(params)}
    targets = []
    for plan in plans:
        for n, short in enumerate(plan.shorts):
            if not _is_statistic(short) and _feeds(plan, n, wanted):
                targets.append((min(wanted[id(w)] for w in plan.leaf.weights if id(w) in wanted), plan, n))
    targets.sort(key=lambda t: t[0])
    return [(plan, n) for _, plan, n in targets]


def _is_statistic(short) -> bool:
    return short.startswith(("moving_", "running_"))


def _feeds(plan, n, wanted) -> bool:
    """Whether array n of the plan ends up in a weight that is trained."""
    trained = [w for w in plan.leaf.weights if id(w) in wanted]
    if not trained:
        return False
    if len(plan.indices) != len(plan.leaf.weights):
        return True  # joined gates: all of one kind
    short = plan.shorts[n]
    named = {w.short_name: w for w in plan.leaf.weights}
    target = named.get(short, plan.leaf.weights[n])
    return id(target) in wanted


def _blocks(optimizer, kind, headers, rest, count):
    """The arrays behind the scalars, as one block per slot; Adam's one-element placeholders are left out."""
    wanted = slot_count(optimizer)
    if count == 0:
        return []
    if kind == "Adam" and not optimizer.amsgrad and len(rest) == 3 * count:
        if any(headers[i].shape != (1,) for i in rest[2 * count :]):
            raise _Mismatch("it has three arrays per weight where Adam without amsgrad has two")
        rest = rest[: 2 * count]
    if len(rest) != wanted * count:
        raise _Mismatch(
            f"it holds {len(rest)} arrays where {kind} has {wanted} for each of the {count} trained arrays in the file"
        )
    return [rest[k * count : (k + 1) * count] for k in range(wanted)]


def _tf_slots(kind, names, rest):
    """TensorFlow's arrays by slot, told by their names: 'Adam/m/dense/kernel:0' or 'training/Adam/dense/kernel/m:0'."""
    found: dict[str, list] = {}
    for i in rest:
        parts = names[i].rpartition(":")[0].split("/")
        known = [p for p in (parts[1] if len(parts) > 1 else "", parts[-1]) if p in _TF_SLOTS[kind]]
        if not known:
            return None
        found.setdefault(known[0], []).append(i)
    order = [s for s in _TF_SLOTS[kind] if s in found]
    return [found[s] for s in order] or None


def _order_in_file(targets, shapes, slots, headers, conversion):
    """For the k-th array of a slot, which target it belongs to.

    Until 2.0.5 Keras sorted the trained weights by name; later versions keep the model's order.
    """
    by_model = list(range(len(targets)))
    by_name = sorted(by_model, key=lambda k: targets[k][0].names[targets[k][1]])
    early = conversion.producer.version < (2, 0, 6)
    for order in (by_name, by_model) if early else (by_model, by_name):
        if all([headers[i].shape for i in block] == [shapes[k] for k in order] for block in slots):
            return order
    raise _Mismatch("its arrays do not have the shapes of the trained weights")


def _converted_block(values, targets, plans, params, conversion) -> list:
    """One slot's arrays, given in the file's layout, in the layout and order of the model's trainable weights."""
    per_plan: dict[int, dict] = {}
    for k, (plan, n) in enumerate(targets):
        per_plan.setdefault(id(plan), {})[n] = values[k]
    result: dict[int, np.ndarray] = {}
    for plan in plans:
        own = per_plan.get(id(plan))
        if own is None:
            continue
        arrays = [own[n] if n in own else np.zeros(h.shape, "float32") for n, h in enumerate(plan.headers)]
        for w, a in zip(plan.leaf.weights, converted(plan, arrays, conversion), strict=True):
            result[id(w)] = a
    missing = [p.name for p in params if id(p) not in result]
    if missing:
        raise _Mismatch(f"the weights {missing[:5]} have no state in the file")
    return [result[id(p)] for p in params]


def is_known(optimizer) -> bool:
    """Whether the layout of this optimizer's state is known."""
    return isinstance(optimizer, optimizers.Optimizer) and base_name(optimizer) in _SLOTS


def slot_count(optimizer) -> int:
    """How many arrays an optimizer keeps for each trained weight."""
    kind = base_name(optimizer)
    if kind == "TfRMSprop":
        return 1 + optimizer.moving + optimizer.centered
    return _SLOTS[kind] + (1 if kind == "Adam" and optimizer.amsgrad else 0)

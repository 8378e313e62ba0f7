"""From losses and metrics as users name them to the tensors a step computes."""

from __future__ import annotations

import inspect
import warnings
from typing import Any, NamedTuple

import jax.numpy as jnp

from kjax import activations, losses
from kjax import backend as K
from kjax.engine.base_layer import to_list
from kjax.engine.looks import look_at_output
from kjax.engine.registry import room
from kjax.graph import KerasTensor, Variable, op
from kjax.graph.padded import Padded, mean_over, propagate

__all__ = ["Objective", "Reported", "Scaling", "make_objectives", "nested", "weighted_mean"]


class Scaling(NamedTuple):
    """What the mean of a batch's scores is divided by: 2.2.4 divides by both.

    Attributes:
        mask: whether by the mask's mean.
        weights: whether by the share of sample weights that are not zero.
    """

    mask: bool = True
    weights: bool = True


def _score_rowwise(tensors, args, kwargs):
    return len(args[0].shape) > 0


def _weighted_sum_padded(ctx, score, weights=None, mask=None):
    def product(score, mask, weights):
        return _product(score * ctx.row_weights(score), mask, weights)

    score = propagate(product, [score, mask, weights])
    return jnp.sum(score.filled(0) if isinstance(score, Padded) else score)


@op(name="weighted_sum", context=True, rowwise=_score_rowwise, padded=_weighted_sum_padded)
def weighted_sum(ctx, score, weights=None, mask=None):
    """The sum of per-sample scores (batch, ...) times mask and weights: what 2.3's `reduction='sum'` asks for."""
    score = score * ctx.row_weights(score) if score.ndim else score
    return jnp.sum(_product(score, mask, weights))


def _product(score, *factors):
    """The score times the factors that are there, whose axes are its first ones."""
    for f in factors:
        if f is not None:
            score = score * f.astype(score.dtype).reshape(f.shape + (1,) * (score.ndim - f.ndim))
    return score


def _weighted_mean_padded(ctx, score, weights=None, mask=None, scaling=(True, True)):
    return _weighted_mean(ctx.rows, propagate(_as_float, [score]), weights, mask, Scaling(*scaling))


@op(name="weighted_mean", context=True, rowwise=_score_rowwise, padded=_weighted_mean_padded)
def weighted_mean(ctx, score, weights=None, mask=None, scaling=(True, True)):
    """The mean of per-sample scores (batch, ...) with Keras's masking and weighting.

    A mask scales to its mean; weights of rank r apply after averaging over the axes past r, and scale to the share of
    weights that are not zero; neither where `scaling` (see `Scaling`) says so. Rows the context calls invalid count for
    nothing. A score that is one number for the batch counts for each of its samples, as in Keras.
    """
    return _weighted_mean(ctx.rows, _as_float(jnp.asarray(score)), weights, mask, Scaling(*scaling))


def _as_float(score):
    counted = jnp.issubdtype(score.dtype, jnp.bool_) or jnp.issubdtype(score.dtype, jnp.integer)
    return score.astype(jnp.float32) if counted else score


def _weighted_mean(rows, score, weights, mask, scaling):
    """`weighted_mean`; the arrays may be Padded."""
    dtype = score.dtype
    factor = weights if mask is None else mask
    if score.ndim == 0:
        if factor is None:
            return score
        score = propagate(lambda s, f: jnp.broadcast_to(s, f.shape), [score, factor])

    def mean(x):
        if rows is None and not isinstance(x, Padded):
            return jnp.mean(x)
        per_row = mean_over(x, range(1, x.ndim))
        if rows is None:
            return jnp.mean(per_row)
        return jnp.sum(per_row * rows.astype(dtype)) / jnp.sum(rows.astype(dtype))

    if mask is not None:
        mask = propagate(lambda m: m.astype(dtype), [mask])
        share = mean(mask) if scaling.mask else jnp.ones((), dtype)
        score = propagate(lambda s, m, share: s * m / share, [score, mask, share])
    if weights is not None:
        if score.ndim > weights.ndim:
            score = mean_over(score, range(weights.ndim, score.ndim))
        used = propagate(lambda w: (w != 0).astype(dtype), [weights])
        share = mean(used) if scaling.weights else jnp.ones((), dtype)
        score = propagate(lambda s, w, share: s * w.astype(dtype) / share, [score, weights, share])
    return mean(score)


class Objective(NamedTuple):
    """What one output is trained for.

    Attributes:
        name: the output's name; outputs of one layer share it.
        position: which of the model's outputs it is.
        loss: function (y_true, y_pred) -> per-sample score.
        target: placeholder of the targets, or a tensor the user gave.
        sample_weight: placeholder, rank 1 or (temporal) 2.
        value: scalar tensor, the weighted loss.
        weight: its factor in the total, a number or a tensor.
        feed: whether the target comes with the data.
    """

    name: str
    position: int
    loss: object
    target: KerasTensor
    sample_weight: KerasTensor
    value: KerasTensor
    weight: Any
    feed: bool


class Reported(NamedTuple):
    """One metric: its name in the logs, its scalar tensor, the stateful metric object or None."""

    name: str
    value: object
    stateful: object


def nested(argument, names, what, strict=True) -> list:
    """One entry per output of an argument given for one output, as a list, or as a dict by output name.

    Args:
        strict: whether a name that no output has is an error; else a warning says that it is ignored.

    Raises:
        ValueError: for unknown names or a list of another length.
    """
    if isinstance(argument, dict):
        unknown = [k for k in argument if k not in names]
        if unknown and strict:
            raise ValueError(
                f"Unknown entry in {what} dictionary: {unknown[0]!r}. Only expected the following keys: {list(names)}."
            )
        if unknown:
            warnings.warn(
                f"{what} names {unknown[0]!r}, which is ignored, as in Keras; the outputs are {list(names)}.",
                UserWarning,
                stacklevel=6,
            )
        return [argument.get(n) for n in names]
    if isinstance(argument, (list, tuple)):
        if len(argument) != len(names):
            raise ValueError(
                f"When passing a list as {what}, it should have one entry per model output. The model has {len(names)} "
                f"outputs ({list(names)}), but you passed {what}={argument!r:.200}."
            )
        return list(argument)
    return [argument] * len(names)


def _in_full(dtype) -> str:
    """The type of targets and figures: `floatx` for outputs of 16 bits."""
    return K.floatx() if dtype in ("bfloat16", "float16") else dtype


def _target_shape(loss, shape):
    if loss_name(loss) == "sparse_categorical_crossentropy":
        return (*shape[:-1], 1)
    return tuple(shape)


def loss_name(loss) -> str:
    inner = getattr(loss, "fn", loss)  # a Loss object holds its function
    return getattr(inner, "__name__", type(loss).__name__)


def make_objectives(model, loss, loss_weights, sample_weight_mode, target_tensors, scaling=None) -> list:
    """The Objective of each output that has a loss.

    `scaling` is the Scaling of the losses; None: 2.2.4's, and for Loss objects that of 2.3, which has them.

    Raises:
        ValueError: for losses, weights or modes that do not fit the outputs.
    """
    names = model.output_names
    if isinstance(loss, dict):
        entries = nested(loss, names, "loss")
    elif isinstance(loss, (list, tuple)):
        entries = nested(loss, names, "loss")
    else:
        entries = [loss] * len(names)
    factors = nested(loss_weights, names, "loss_weights")
    if isinstance(loss_weights, (int, float, Variable)) and len(names) > 1:
        raise ValueError(
            f"loss_weights must be a list or a dict with one factor per output {list(names)}; got {loss_weights!r}."
        )
    modes = nested(sample_weight_mode, names, "sample_weight_mode")
    given = nested(target_tensors, names, "target_tensors") if target_tensors is not None else [None] * len(names)
    objectives = []
    for i, (name, entry) in enumerate(zip(names, entries, strict=True)):
        if entry is None:
            continue
        output = model.outputs[i]
        fn = losses.get(entry)
        if modes[i] not in (None, "temporal"):
            raise ValueError(f"sample_weight_mode must be None or 'temporal'; got {modes[i]!r} for output {name!r}.")
        if modes[i] == "temporal" and len(output.shape) < 3:
            raise ValueError(
                f"Found a sample_weight_mode 'temporal' for output {name!r} of shape {tuple(output.shape)}. "
                "Timestep-wise sample weighting needs an output with at least 3 dimensions."
            )
        look_at_output(output, name, loss_name(fn))
        target = given[i]
        if target is None:
            target = KerasTensor(_target_shape(fn, output.shape), _in_full(output.dtype), name=name + "_target:0")
        batch = output.shape[0] if len(output.shape) else None  # fixed under a stateful layer
        shape = (batch,) if modes[i] is None else (batch, None)
        weight = KerasTensor(shape, "float32", name=name + "_sample_weights:0")
        reduction = getattr(fn, "reduction", None)
        target, score = _scored(fn, target, output, given[i] is None)
        mask = getattr(output, "_keras_mask", None)
        if reduction == "sum":
            value = weighted_sum(score, weight, mask)
        else:
            own = scaling or (Scaling() if reduction is None else Scaling(mask=False, weights=False))
            value = weighted_mean(score, weight, mask, scaling=tuple(own))
        factor = 1.0 if factors[i] is None else _factor(factors[i], name)
        objectives.append(Objective(name, i, fn, target, weight, value, factor, given[i] is None))
    return objectives


def _factor(value, name):
    if isinstance(value, (KerasTensor, Variable)):  # annealed by `K.set_value`
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"loss_weights must hold numbers or variables; got {value!r:.100} for output {name!r}."
        ) from None


def _scores(fn, target, output):
    """What a loss or metric computes: a tensor, or a dict of tensors by name."""
    call = getattr(fn, "call", None) if not inspect.isfunction(fn) and hasattr(fn, "reduction") else None
    _require_two_arguments(call or fn, fn)
    result = (call or fn)(target, activations.in_floatx(output))
    for value in result.values() if isinstance(result, dict) else [result]:
        _require_tensor(fn, value)
    return result


def _require_two_arguments(call, fn):
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):  # what says nothing about its arguments
        return
    try:
        signature.bind(None, None)
    except TypeError:
        raise TypeError(
            f"the loss or metric {loss_name(fn)!r} must take (y_true, y_pred); it takes {signature}."
        ) from None


def _scored(fn, target, output, fed):
    """The target and its loss. A user's loss may want targets of other sizes than the output: unknown ones then."""
    try:
        return target, _score(fn, target, output)
    except (TypeError, ValueError) as error:
        if not fed or hasattr(losses, loss_name(fn)):
            raise
        loose = KerasTensor((None,) * len(output.shape), target.dtype, name=target.name)
        try:
            return loose, _score(fn, loose, output)
        except (TypeError, ValueError):
            raise error from None  # what the output's own sizes lead to says more


def _score(fn, target, output):
    result = _scores(fn, target, output)
    _require_tensor(fn, result)
    return result


def _require_tensor(fn, result):
    if not isinstance(result, (KerasTensor, Variable)):
        raise TypeError(
            f"the loss or metric {loss_name(fn)!r} must return a tensor computed from y_true and y_pred by "
            f"keras.backend functions; it returned {type(result).__name__}."
        )


# ---------------------------------------------------------------- metrics

_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")


def _metric_function(metric, objective, output, as_given=False):
    """The function and the short name of a metric as the user gave it."""
    if isinstance(metric, str) and metric in (*_ACCURACY, *_CROSSENTROPY):
        kind = "accuracy" if metric in _ACCURACY else "crossentropy"
        if output.shape[-1] == 1 or loss_name(objective.loss) == "binary_crossentropy":
            name = "binary_" + kind
        elif loss_name(objective.loss) == "sparse_categorical_crossentropy":
            name = "sparse_categorical_" + kind
        else:
            name = "categorical_" + kind
        return room("metrics").get(name), metric if as_given else "acc" if metric in _ACCURACY else "ce"
    fn = room("metrics").get(metric)
    name = getattr(fn, "name", None) or getattr(fn, "__name__", None) or type(fn).__name__
    return fn, name


def make_metrics(model, objectives, plain, weighted) -> list:
    """The metrics of all outputs, in Keras's order and with Keras's names."""
    names = model.output_names
    plain, weighted = collect(plain, names, "metrics"), collect(weighted, names, "weighted_metrics")
    by_position = {o.position: o for o in objectives}
    taken = {"loss"} | ({o.name + "_loss" for o in objectives} if len(names) > 1 else set())
    reported = []
    for i in range(len(names)):
        objective = by_position.get(i)
        if objective is None:
            continue
        for wanted, with_weights in ((plain[i], False), (weighted[i], True)):
            for metric in wanted:
                reported.extend(_report(model, i, objective, metric, with_weights, taken))
    return reported


def _free_name(model, objective, name, with_weights, taken) -> str:
    name = ("weighted_" if with_weights else "") + name
    if len(model.output_names) > 1:
        name = f"{objective.name}_{name}"
    base, j = name, 1
    while name in taken:
        name, j = f"{base}_{j}", j + 1
    taken.add(name)
    return name


def _report(model, i, objective, metric, with_weights, taken) -> list:
    """What one metric reports: one figure, or one per entry of the dict that a function returns."""
    output = model.outputs[i]
    fn, name = _metric_function(metric, objective, output, model.metric_names_as_given)
    mask = getattr(output, "_keras_mask", None)
    weights = objective.sample_weight if with_weights else None
    if hasattr(fn, "reset_states"):
        name = _free_name(model, objective, name, with_weights, taken)
        return [Reported(name, _stateful_value(fn, objective.target, output, weights), fn)]
    scores = _scores(fn, objective.target, output)
    named = scores if isinstance(scores, dict) else {name: scores}
    return [
        Reported(_free_name(model, objective, key, with_weights, taken), weighted_mean(score, weights, mask), None)
        for key, score in named.items()
    ]


def _stateful_value(metric, target, output, weights):
    if "sample_weight" in inspect.signature(type(metric).__call__).parameters:
        return metric(target, activations.in_floatx(output), sample_weight=weights)
    return metric(target, activations.in_floatx(output))


def collect(argument, names, what) -> list:
    """A list of metrics per output: a flat list goes to every output, a dict to the outputs it names."""
    if not argument:
        return [[] for _ in names]
    if isinstance(argument, dict):
        return [to_list(m) if m is not None else [] for m in nested(argument, names, what, strict=False)]
    if not isinstance(argument, (list, tuple)):
        if isinstance(argument, str) or callable(argument):
            room("metrics").get(argument)  # a wrong name is worth more words than the missing brackets
        raise TypeError(
            f"Type of `{what}` argument not understood. Expected a list or dictionary, found: {argument!r:.200}; "
            f"write {what}=[{argument!r:.100}]."
        )
    if len(names) > 1 and any(isinstance(m, (list, tuple)) for m in argument):
        return [list(to_list(m)) if m is not None else [] for m in nested(argument, names, what)]
    flat = [m for entry in argument for m in (entry if isinstance(entry, (list, tuple)) else [entry])]
    return [flat for _ in names]

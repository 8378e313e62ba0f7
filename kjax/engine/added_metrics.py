"""Metrics that layers add where they are called: `add_metric`, as in 2.3."""

from __future__ import annotations

from typing import NamedTuple

from kjax.backend.placeholders import required_placeholders
from kjax.engine.registry import metric_classes
from kjax.graph import KerasTensor

__all__ = ["AddedMetrics", "added_metrics"]


class Added(NamedTuple):
    """A metric object and the tensor of its result after the batch."""

    metric: object
    tensor: KerasTensor


class AddedMetrics:
    """Mixin of Layer: figures of a layer's own that training and evaluation report."""

    def add_metric(self, value, name=None):
        """Reports a figure with the losses and metrics of every model that the layer is called in.

        Args:
            value: symbolic tensor, whose mean over all batches is reported, or what a metric object gave for tensors.
            name: str; default 'mean', or the metric object's.
        """
        if not isinstance(value, KerasTensor):
            raise TypeError(
                f"Layer {self.name}: add_metric takes a symbolic tensor, computed in `call` or from a model's tensors; "
                f"got {type(value).__name__}."
            )
        metric = getattr(value, "_metric_obj", None)
        if metric is None:
            metric = metric_classes["Mean"](name=name or "mean")
            value = metric(value)
        elif name:
            metric.name = name
        self.__dict__.setdefault("_added_metrics", []).append(Added(metric, value))

    @property
    def metrics(self) -> list:
        """The metric objects that `add_metric` made; of a compiled model what was given to `compile`."""
        if "_compiled_metrics" in self.__dict__:
            return self.__dict__["_compiled_metrics"]
        return [a.metric for a in _all_added(self)]

    @metrics.setter
    def metrics(self, given):
        self.__dict__["_compiled_metrics"] = given


def _all_added(layer, known=None):
    """What the layers in a layer added, then what it added itself, each once."""
    known = {} if known is None else known
    if id(layer) in known:
        return []
    known[id(layer)] = layer
    inner = [*layer.__dict__.get("_layers", ()), *layer.__dict__.get("_tracked_layers", ())]
    found = [added for part in inner for added in _all_added(part, known)]
    return [*found, *layer.__dict__.get("_added_metrics", ())]


def added_metrics(model, taken) -> list:
    """What the layers added for tensors of this model: [(name, tensor, metric object)].

    Args:
        taken: names that are in use.
    """
    mine, reported, names = {id(t) for t in model.inputs}, [], set(taken)
    for metric, tensor in _all_added(model):
        if all(id(t) in mine for t in required_placeholders([tensor])):
            name, n = metric.name, 1
            while name in names:
                name, n = f"{metric.name}_{n}", n + 1
            names.add(name)
            reported.append((name, tensor, metric))
    return reported

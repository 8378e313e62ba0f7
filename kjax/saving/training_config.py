"""How a model is trained, as plain data."""

from __future__ import annotations

import warnings

import jax

from kjax import losses, metrics, optimizers
from kjax.graph import Variable

__all__ = ["training_config"]


def _named(value, what):
    """Losses and metrics as Keras 2.2.4 stores them: by name, in the structure the user gave."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {str(k): _named(v, what) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(v, what) for v in value]
    if hasattr(value, "get_config"):
        return (metrics if what == "metric" else losses).serialize(value)
    if hasattr(value, "__name__"):
        return value.__name__
    raise TypeError(f"the {what} {value!r:.100} has neither a name nor a config.")


def training_config(model) -> dict | None:
    """Optimizer, losses, metrics and weights of a compiled model; None, with a warning, when they are no data."""
    if isinstance(model.optimizer, optimizers.OptaxOptimizer):
        warnings.warn(
            "An Optax transformation is made of functions and cannot be stored: the model is saved without its "
            "optimizer and has to be compiled again after loading.",
            stacklevel=5,
        )
        return None
    described = {
        "optimizer_config": {
            "class_name": type(model.optimizer).__name__,
            "config": _plain(model.optimizer.get_config()),
        },
        "loss": _named(model.loss, "loss"),
        "metrics": _named(getattr(model, "metrics", None), "metric"),
        "weighted_metrics": _named(getattr(model, "weighted_metrics", None), "metric"),
        "sample_weight_mode": getattr(model, "sample_weight_mode", None),
        "loss_weights": _plain(getattr(model, "loss_weights", None)),
    }
    scaling = getattr(model, "_loss_scaling", None)
    if scaling is not None:  # of a model that goes on as another Keras trained it
        described["loss_scaling"] = scaling._asdict()
    return _with_known_names(described)


def _with_known_names(described):
    """Genuine Keras knows the mean of cosines under the name of their sum only: a flag of ours tells what is meant."""
    structures = ("loss", "metrics", "weighted_metrics")
    names = {name for key in structures for name in jax.tree.leaves(described[key]) if isinstance(name, str)}
    if "mean_cosine_proximity" not in names or names & {"cosine_proximity", "cosine"}:
        return described
    known = {
        key: jax.tree.map(lambda v: "cosine_proximity" if v == "mean_cosine_proximity" else v, described[key])
        for key in structures
    }
    return {**described, **known, "mean_of_cosines": True}


def _plain(value):
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, Variable):  # of a weight that is annealed: what it is now
        value = value.value
    return value.item() if hasattr(value, "item") else value

"""Models: construction, loading, copying."""

from __future__ import annotations

from kjax.engine.input_layer import Input, InputLayer
from kjax.engine.registry import register_layers
from kjax.engine.sequential import Sequential
from kjax.engine.training import Model
from kjax.saving import load_model, model_from_config, model_from_json, model_from_yaml, save_model

register_layers({"Model": Model, "Sequential": Sequential, "InputLayer": InputLayer, "Functional": Model})

__all__ = [
    "Input",
    "InputLayer",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "save_model",
]


def clone_model(model, input_tensors=None):
    """A model of the same architecture with new layers and fresh weights.

    Args:
        model: Model or Sequential.
        input_tensors: tensors to build it on instead of new placeholders.

    Raises:
        ValueError: when `model` is no model, or the number of input tensors differs.
    """
    if not isinstance(model, Model):
        raise ValueError(f"clone_model: expected `model` argument to be a `Model` instance, got {model!r:.200}")
    clone = type(model).from_config(model.get_config())
    if input_tensors is None:
        return clone
    tensors = list(input_tensors) if isinstance(input_tensors, (list, tuple)) else [input_tensors]
    if len(tensors) != len(clone.inputs):
        raise ValueError(f"clone_model: {len(clone.inputs)} input tensors are required, got {len(tensors)}.")
    tensors = [t if hasattr(t, "_keras_history") else Input(tensor=t) for t in tensors]
    outputs = clone(tensors[0] if len(tensors) == 1 else tensors)
    return Model(tensors, outputs, name=model.name)

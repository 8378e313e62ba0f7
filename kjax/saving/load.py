"""Models and weights out of files."""
from __future__ import annotations

import warnings

from kjax.saving.bounded import parse_json
from kjax.saving.build import build_model, check_size
from kjax.saving.errors import CorruptFileError
from kjax.saving.gate import MAX_BYTES, open_gate
from kjax.saving.weight_file import stored_layers

__all__ = ["load_model", "load_weights"]


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True, max_bytes=MAX_BYTES):
    """The model in a file."""
    with open_gate(filepath, max_bytes) as gate:
        text = gate.text("model_config")
        if text is None:
            raise ValueError(f"{gate.where}: No model found in config file; it may hold weights only: use load_weights.")
        model = build_model(parse_json(text, gate.where + "@model_config"), custom_objects, gate.where)
        check_size(model, max_bytes, gate.where)
        _assign(_by_order(model, stored_layers(gate.group("model_weights")), gate.where))
        training = gate.text("training_config")
        if compile and training is not None:
            _compile(model, parse_json(training, gate.where + "@training_config"), custom_objects)
            if gate.has("optimizer_weights"):
                group = gate.group("optimizer_weights")
                names = group.texts("weight_names")
                model._make_slots(model._collected_trainable_weights)
                model.optimizer.set_weights([group.read(n, group.header(n).shape) for n in names])
        elif compile:
            warnings.warn("No training configuration found in save file: the model was *not* compiled. Compile it manually.", stacklevel=2)
    return model


def _compile(model, training, custom_objects):
    from kjax import optimizers

    optimizer = optimizers.deserialize(training["optimizer_config"], custom_objects)
    custom = custom_objects or {}

    def named(v):
        if isinstance(v, list):
            return [named(x) for x in v]
        if isinstance(v, dict):
            return {k: named(x) for k, x in v.items()}
        return custom.get(v, v) if isinstance(v, str) else v

    model.compile(
        optimizer,
        loss=named(training["loss"]),
        metrics=named(training.get("metrics")),
        loss_weights=training.get("loss_weights"),
        sample_weight_mode=training.get("sample_weight_mode"),
        weighted_metrics=named(training.get("weighted_metrics")),
    )


def _by_order(model, stored, where):
    layers = [layer for layer in model.layers if layer.weights]
    groups = [g for g in stored if g.weights]
    if len(layers) != len(groups):
        raise ValueError(f"{where}: a file of {len(groups)} layers with weights for a model of {len(layers)}.")
    pairs = []
    for layer, group in zip(layers, groups, strict=True):
        shapes = [tuple(w.shape) for w in layer.weights]
        if shapes != group.shapes:
            raise CorruptFileError(group.gate.where, f"layer {layer.name} has weights of shapes {shapes}; the file has {group.shapes}.")
        pairs += list(zip(layer.weights, group.arrays(), strict=True))
    return pairs


def _assign(pairs):
    for w, value in pairs:
        w.assign(value.astype(w.dtype))


def load_weights(model, filepath, by_name=False, skip_mismatch=False, reshape=False):
    """Reads weights from an HDF5 file."""
    with open_gate(filepath) as gate:
        inner = gate.group("model_weights") if not gate.has_texts("layer_names") and gate.has("model_weights") else gate
        stored = stored_layers(inner)
        if by_name:
            raise NotImplementedError("load_weights(by_name=True) is being written.")
        _assign(_by_order(model, stored, gate.where))

"""What a model file holds, without building anything from it."""

from __future__ import annotations

import os
import warnings

from kjax.engine.registry import layer_classes
from kjax.saving.gate import MAX_BYTES
from kjax.saving.isolate import SECONDS, open_isolated
from kjax.saving.load import load_model, read_model_file
from kjax.saving.notes import Collected

__all__ = ["describe_file", "try_loading"]


def describe_file(path, producer=None, seconds=SECONDS) -> dict:
    """Plain data about a model file: producer, layers, arrays, optimizer. Read in a child process.

    Args:
        path: of the file.
        producer: for files that do not say who wrote them.
        seconds: how long reading may take.

    Raises:
        OSError, CorruptFileError, UnsafeModelError, ValueError: when it cannot be read.
    """
    with open_isolated(path, MAX_BYTES, seconds) as gate:
        file = read_model_file(gate, producer)
        described = {
            "file": os.fspath(path),
            "bytes": os.path.getsize(path),
            "producer": str(file.producer),
            "holds": "model" if file.config is not None else "weights",
            "model": _model(file.config),
            "layers": _layers(file),
            "parameters": sum(s.size for s in file.stored),
            "arrays": sum(len(s.weights) for s in file.stored),
            "training": _training(file.training),
            "optimizer_arrays": 0,
            "unknown_classes": sorted(_unknown(file.config)) if file.config is not None else [],
        }
        if gate.has("optimizer_weights"):
            group = gate.group("optimizer_weights")
            described["optimizer_arrays"] = len(group.texts("weight_names")) if group.has_texts("weight_names") else 0
    return described


def _model(config):
    if not isinstance(config, dict):
        return None
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    return {"class": str(config.get("class_name"))[:200], "name": None if name is None else str(name)[:200]}


def _layers(file) -> list:
    """Name, class and arrays of each layer."""
    classes = dict(_classes(file.config)) if file.config is not None else {}
    return [
        {
            "name": s.name,
            "class": classes.get(s.name),
            "weights": [
                {"name": n, "shape": list(h.shape), "dtype": h.dtype.name}
                for n, h in zip(s.weights, s.headers, strict=True)
            ],
        }
        for s in file.stored
    ]


def _classes(value):
    """(layer name, class name) of every layer in a config."""
    if isinstance(value, list):
        for v in value:
            yield from _classes(v)
    elif isinstance(value, dict):
        config = value.get("config")
        if isinstance(value.get("class_name"), str) and isinstance(config, dict):
            name = value.get("name") or config.get("name")
            if isinstance(name, str):
                yield name, value["class_name"]
        for v in value.values():
            yield from _classes(v)


_NOT_LAYERS = frozenset(("Functional", "Graph", "Merge"))


def _unknown(config) -> set:
    """Classes of layers that kjax has none for; those with a list of layers inside are models."""
    found = set()
    for _, name in _classes(config):
        short = name.rpartition(">")[2]
        if (
            short not in layer_classes
            and short not in _NOT_LAYERS
            and not short.endswith(("Initializer", "Regularizer"))
        ):
            found.add(short)
    return found


def _training(config):
    if not isinstance(config, dict):
        return None
    optimizer = config.get("optimizer_config")
    return {
        "optimizer": optimizer.get("class_name") if isinstance(optimizer, dict) else None,
        "loss": config.get("loss"),
        "metrics": config.get("metrics"),
    }


def try_loading(path, producer=None, image_dim_ordering=None, custom_objects=None) -> tuple:
    """(model or None, outcome): loads the file in isolation and tells how that went.

    Returns:
        The model, and a dict: 'loads' (bool), 'compiled' (bool), 'conversions' and 'warnings' (lists of lines), 'error'
        (text or None).
    """
    with Collected() as lines, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model, error = None, None
        try:
            model = load_model(
                path, custom_objects, producer=producer, image_dim_ordering=image_dim_ordering, isolate=True
            )
        except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError, OSError) as caught_error:
            error = str(caught_error)
    return model, {
        "loads": model is not None,
        "compiled": model is not None and model.optimizer is not None,
        "conversions": [line for line in lines if not line.startswith("written by ")],
        "warnings": [str(w.message) for w in caught if issubclass(w.category, UserWarning)],
        "error": error,
    }

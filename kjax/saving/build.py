"""From a config to a model, within bounds."""
from __future__ import annotations

from kjax.engine.registry import deserialize_layer, layer_classes
from kjax.saving.bounded import check_tree, parse_json, parse_yaml
from kjax.saving.errors import UnsafeModelError

__all__ = ["build_model", "check_size", "model_from_config", "model_from_json", "model_from_yaml"]


def build_model(config, custom_objects=None, where="config"):
    """The model of {'class_name': ..., 'config': ...} in today's words."""
    check_tree(config, where)
    if not isinstance(config, dict) or "class_name" not in config or "config" not in config:
        raise ValueError(f"{where}: a dict with 'class_name' and 'config' was required; got {str(config)[:200]!r}.")
    return deserialize_layer(config, custom_objects)


def check_size(model, max_bytes, where):
    """Refuses a model whose weights need more than `max_bytes`, before anything is allocated."""
    if max_bytes is None:
        return
    needed = sum(_bytes(w) for w in model._weights_by_layer())
    if needed > max_bytes:
        raise UnsafeModelError(where, f"its weights need {needed} bytes; the limit is {max_bytes}. Pass max_bytes= to raise it.")


def _bytes(w):
    size = 2 if w.dtype in ("float16", "bfloat16") else 8 if w.dtype.endswith("64") else 4
    for d in w.shape:
        size *= int(d)
    return size


def model_from_config(config, custom_objects=None):
    """The model that a config {'class_name': ..., 'config': ...} describes, with fresh weights.

    Args:
        custom_objects: dict name -> class or function.

    Raises:
        TypeError: for a list: the config of a Sequential alone goes to `Sequential.from_config(config)`.
    """
    if isinstance(config, list):
        raise TypeError(
            "`model_from_config` expects a dictionary, not a list. Maybe you meant to use `Sequential.from_config(config)`?"
        )
    return build_model(config, custom_objects)


def model_from_json(json_string, custom_objects=None):
    """The model that a JSON text of `to_json` describes, with fresh weights."""
    return model_from_config(parse_json(json_string, "JSON config"), custom_objects)


def model_from_yaml(yaml_string, custom_objects=None):
    """The model that a YAML text of `to_yaml` describes, with fresh weights; plain data only."""
    return model_from_config(parse_yaml(yaml_string, "YAML config"), custom_objects)


def model_class(name):
    """Model or Sequential, known once the facade has registered them."""
    return layer_classes[name]

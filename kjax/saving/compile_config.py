"""The training configuration in a file, as arguments of `compile`."""

from __future__ import annotations

from kjax import losses, metrics, optimizers
from kjax.saving.tf_rules import TfNadam, TfRMSprop
from kjax.utils.generic_utils import get_custom_objects

__all__ = ["compile_arguments"]

_TF_ARGUMENTS = {
    # argument -> the values at which it changes nothing; None: any
    "weight_decay": (None, 0, False),
    "use_ema": (False,),
    "ema_momentum": None,
    "ema_overwrite_frequency": None,
    "jit_compile": None,
    "is_legacy_optimizer": None,
    "name": None,
    "gradient_accumulation_steps": (None,),
    "loss_scale_factor": (None,),
    "initial_accumulator_value": None,
    "clipnorm": (None,),  # of each weight by itself, where Keras 2.2.4 clips all together
}


def compile_arguments(config, producer, custom_objects, where) -> tuple:
    """(optimizer, keyword arguments of `compile`) that a file's training configuration describes.

    Raises:
        ValueError, TypeError, KeyError: when something in it is not known here.
    """
    if not isinstance(config, dict) or not isinstance(config.get("optimizer_config"), dict):
        raise ValueError(f"{where}: no optimizer_config in the training configuration.")
    custom = {**get_custom_objects(), **(custom_objects or {})}
    optimizer = _optimizer(config["optimizer_config"], producer, custom)
    arguments = {
        "loss": _named(config.get("loss"), losses, custom, "loss"),
        "metrics": _metrics(config.get("metrics"), custom),
        "loss_weights": config.get("loss_weights"),
        "sample_weight_mode": config.get("sample_weight_mode"),
        "weighted_metrics": _metrics(config.get("weighted_metrics"), custom),
    }
    return optimizer, {k: v for k, v in arguments.items() if v is not None}


def _optimizer(described, producer, custom):
    name = described.get("class_name")
    if not isinstance(name, str) or not isinstance(described.get("config"), dict):
        raise ValueError(f"the optimizer must be a dict with 'class_name' and 'config'; got {str(described)[:100]!r}.")
    name = name.rpartition(">")[2] or name
    config = dict(described["config"])
    if producer.generation == "tf" and name not in custom:
        name, config = _from_tf(name, config)
    if isinstance(config.get("learning_rate", config.get("lr")), dict):
        raise ValueError(f"optimizer {name}: its learning rate is a schedule, which is not supported.")
    return optimizers.deserialize(
        {"class_name": name, "config": config}, {"TfNadam": TfNadam, "TfRMSprop": TfRMSprop, **custom}
    )


def _from_tf(name, config):
    """Class and arguments of TensorFlow's optimizer as ours; what 2.2.4 lacks is dropped at its neutral value."""
    new_style = config.get("is_legacy_optimizer") is False
    for key, neutral in _TF_ARGUMENTS.items():
        if key in config:
            value = config.pop(key)
            if neutral is not None and value not in neutral:
                raise ValueError(f"optimizer {name}: {key}={value!r} is not supported.")
    if config.get("global_clipnorm", 0) is not None and "global_clipnorm" in config:
        config["clipnorm"] = config["global_clipnorm"]
    config.pop("global_clipnorm", None)
    if config.get("clipvalue", 0) is None:
        config.pop("clipvalue")
    if name == "RMSprop":
        if new_style or config.get("momentum") or config.get("centered"):
            return "TfRMSprop", config
        config.pop("momentum", None)
        config.pop("centered", None)
    if name == "Nadam":
        config.pop("decay", None)
        return ("TfNadam" if new_style else name), config
    return name, config


def _named(value, room, custom, what):
    """Losses in the structure they are stored in, resolved in the frozen table or among the caller's own."""
    if value is None:
        return None
    if isinstance(value, list):
        return [_named(v, room, custom, what) for v in value]
    if isinstance(value, dict) and not ("class_name" in value and "config" in value):
        return {k: _named(v, room, custom, what) for k, v in value.items()}
    if isinstance(value, str):
        if value in custom:
            return custom[value]
        room.get(value)  # raises for a name that is not known
        return value
    if isinstance(value, dict):
        config = dict(value["config"]) if isinstance(value["config"], dict) else value["config"]
        if isinstance(config, dict) and isinstance(config.get("fn"), str):
            return _named(config["fn"], room, custom, what)
        return room.deserialize({"class_name": value["class_name"], "config": config}, custom)
    raise ValueError(f"a {what} must be a name; got {str(value)[:100]!r}.")


def _metrics(value, custom):
    if value in (None, []):
        return None
    if isinstance(value, dict) and not ("class_name" in value and "config" in value):
        return {k: _metrics(v, custom) for k, v in value.items()}
    if isinstance(value, list):
        found = [_metrics(v, custom) for v in value]
        if len(found) == 1 and isinstance(found[0], list):
            return found[0]
        return [f if f is not None else [] for f in found] if any(f is not None for f in found) else None
    if isinstance(value, str) and value in ("acc", "accuracy", "ce", "crossentropy"):
        return value
    return _named(value, metrics, custom, "metric")

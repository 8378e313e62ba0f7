"""The training configuration in a file, as arguments of `compile`."""

from __future__ import annotations

from kjax import losses, metrics, optimizers
from kjax.engine.objectives import Scaling
from kjax.keras1.losses import mean_cosine_proximity
from kjax.saving.tf_optimizers import EXTENDED
from kjax.utils.generic_utils import get_custom_objects

__all__ = ["compile_arguments", "loss_scaling"]

_TF_ARGUMENTS = {
    # argument -> the values at which it changes nothing; None: any
    "use_ema": (False,),
    "ema_momentum": None,
    "ema_overwrite_frequency": None,
    "jit_compile": None,
    "is_legacy_optimizer": None,
    "name": None,
    "gradient_accumulation_steps": (None,),
    "loss_scale_factor": (None,),
    "initial_accumulator_value": None,
}


def compile_arguments(config, producer, custom_objects, where) -> tuple:
    """(optimizer, keyword arguments of `compile`) that a file's training configuration describes.

    Raises:
        ValueError, TypeError, KeyError: when something in it is not known here.
    """
    if not isinstance(config, dict) or not isinstance(config.get("optimizer_config"), dict):
        raise ValueError(f"{where}: no optimizer_config in the training configuration.")
    custom = {**_meanings(config, producer), **get_custom_objects(), **(custom_objects or {})}
    optimizer = _optimizer(config["optimizer_config"], producer, custom)
    own = custom_objects or {}
    later = loss_scaling(config, producer, where) is not None
    arguments = {
        "loss": _named(config.get("loss"), losses, {**losses.LATER, **custom} if later else custom, "loss"),
        "metrics": _metrics(config.get("metrics"), custom, own),
        "loss_weights": config.get("loss_weights"),
        "sample_weight_mode": config.get("sample_weight_mode"),
        "weighted_metrics": _metrics(config.get("weighted_metrics"), custom, own),
    }
    return optimizer, {k: v for k, v in arguments.items() if v is not None}


def _meanings(config, producer) -> dict:
    """Names of losses and metrics that meant something else to the file's producer; files written here say it."""
    if config.get("mean_of_cosines") is not True and (producer.tf or producer.version >= (2, 0, 9)):
        return {}
    return {"cosine_proximity": mean_cosine_proximity, "cosine": mean_cosine_proximity}


def loss_scaling(config, producer, where):
    """The Scaling by which the file's producer averages losses; None: 2.2.4's.

    Masked steps and weights of zero count in the mean from 2.3 on; the steps do not again from 2.11 on.

    Args:
        config: the training configuration; files written here say it themselves where it is not 2.2.4's.
    """
    own = config.get("loss_scaling")
    if own is not None:
        if not isinstance(own, dict) or own.keys() != {*Scaling._fields} or {*map(type, own.values())} != {bool}:
            raise ValueError(f"{where}: loss_scaling must be a dict of two flags {Scaling._fields}; got {own!r:.100}.")
        return Scaling(**own)
    if producer.version < ((2, 2, 4) if producer.tf else (2, 3)):
        return None
    return Scaling(mask=producer.version >= (2, 11), weights=False)


def _optimizer(described, producer, custom):
    name = described.get("class_name")
    if not isinstance(name, str) or not isinstance(described.get("config"), dict):
        raise ValueError(f"the optimizer must be a dict with 'class_name' and 'config'; got {str(described)[:100]!r}.")
    name = name.rpartition(">")[2] or name
    config = dict(described["config"])
    if producer.generation == "tf" and name not in custom:
        name, config = _from_tf(name, config)
    if isinstance(config.get("learning_rate", config.get("lr")), dict):
        raise ValueError(f"optimizer {name}: a learning rate that is a schedule is not supported.")
    return optimizers.deserialize({"class_name": name, "config": config}, {**EXTENDED, **custom})


def _from_tf(name, config):
    """Class and arguments of TensorFlow's optimizer as ours; what is not known is dropped at its neutral value."""
    new_style = config.get("is_legacy_optimizer") is False
    for key, neutral in _TF_ARGUMENTS.items():
        if key in config:
            value = config.pop(key)
            if neutral is not None and value not in neutral:
                raise ValueError(f"optimizer {name}: {key}={value!r} is not supported.")
    if name == "AdamW":
        name = "Adam"
    more = _additions(name, config)
    if config.get("global_clipnorm", 0) is not None and "global_clipnorm" in config:
        config["clipnorm"] = config["global_clipnorm"]  # 2.2.4 clips all gradients together, too
    config.pop("global_clipnorm", None)
    if config.get("clipvalue", 0) is None:
        config.pop("clipvalue")
    if name == "RMSprop":
        if new_style or config.get("momentum") or config.get("centered"):
            return "TfRMSprop", {**config, **more}
        config.pop("momentum", None)
        config.pop("centered", None)
    if name == "Nadam":
        config.pop("decay", None)
        if new_style:
            return "TfNadam", {**config, **more}
    if not more:
        return name, config
    if f"Tf{name}" not in EXTENDED or name in ("RMSprop", "Nadam"):
        raise ValueError(f"optimizer {name}: {', '.join(f'{k}={v!r:.100}' for k, v in more.items())} is not supported.")
    return f"Tf{name}", {**config, **more}


def _additions(name, config):
    """What TensorFlow does around the rule, taken out of the arguments."""
    more = {}
    for key, ours in (("clipnorm", "clip_each"), ("weight_decay", "weight_decay")):
        value = config.pop(key, None)
        if value is None or value is False or (value == 0 and ours == "weight_decay"):
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e30:
            raise ValueError(f"optimizer {name}: {key} must be a number > 0; got {value!r:.100}.")
        more[ours] = value
    if isinstance(config.get("learning_rate"), dict):
        more["schedule"] = config.pop("learning_rate")
    return more


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
            if what == "metric" or value["class_name"] == "LossFunctionWrapper":
                return _named(config["fn"], room, custom, what)
            config = _loss_object(config)
        return room.deserialize({"class_name": value["class_name"], "config": config}, custom)
    raise ValueError(f"a {what} must be a name; got {str(value)[:100]!r}.")


def _loss_object(config):
    """The arguments of a Loss as TensorFlow's Keras stores them, without those that say nothing new."""
    config = {k: v for k, v in config.items() if k != "fn"}
    if config.get("reduction") == "auto":
        del config["reduction"]
    if config.get("axis") == -1:
        del config["axis"]
    return config


def _metrics(value, custom, own):
    """Metrics in the structure they are stored in.

    Args:
        custom: objects by name, those of open scopes, too.
        own: those that the caller gave for this file: only they go before 'accuracy' and its like, as in Keras.
    """
    if value in (None, []):
        return None
    if isinstance(value, dict) and not ("class_name" in value and "config" in value):
        return {k: _metrics(v, custom, own) for k, v in value.items()}
    if isinstance(value, list):
        found = [_metrics(v, custom, own) for v in value]
        if len(found) == 1 and isinstance(found[0], list):
            return found[0]
        return [f if f is not None else [] for f in found] if any(f is not None for f in found) else None
    if isinstance(value, str) and value in ("acc", "accuracy", "ce", "crossentropy") and value not in own:
        return value
    return _named(value, metrics, custom, "metric")

"""From a config to a model, within bounds."""

from __future__ import annotations

import contextlib
import sys

from kjax.engine.registry import deserialize_layer, layer_classes
from kjax.saving.bounded import check_tree, parse_json, parse_yaml
from kjax.saving.errors import CorruptFileError, ModelFileError, UnsafeModelError, shown
from kjax.saving.gate import MAX_BYTES
from kjax.saving.keras1 import Keras1Reader
from kjax.saving.keras2 import Keras2Reader
from kjax.saving.notes import Notes
from kjax.saving.placeholder import replace_stored_code
from kjax.saving.producer import BACKENDS, TODAY, Producer, parse_producer
from kjax.saving.tf_keras import TfKerasReader
from kjax.utils.generic_utils import get_custom_objects

__all__ = ["build_from_file", "check_size", "model_class", "model_from_config", "model_from_json", "model_from_yaml"]

# what building a config with missing or absurd entries ends in, besides the layers' own ValueError and TypeError
UNBUILDABLE = (LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError, AssertionError)
_FOUNDATIONS = frozenset(("kjax", "keras", "numpy", "jax", "jaxlib", "flax", "optax", "h5py", "yaml", "ml_dtypes"))
_KEYS_OF_KERAS1 = frozenset(
    ("nb_filter", "border_mode", "dim_ordering", "inner_activation", "input_dtype", "consume_less")
)
_KEYS_OF_TF = frozenset(("registered_name", "time_major", "groups", "ragged"))


@contextlib.contextmanager
def errors_of_file(where):
    """Turns what building from a file ends in into an error with the file, the object and the reason."""
    try:
        yield
    except ModelFileError:
        raise
    except (*UNBUILDABLE, ValueError, TypeError) as error:
        if _is_of_user(error):
            raise
        known = type(error) is ValueError
        reason = str(error).removeprefix(f"{where}: ") if known else f"{type(error).__name__}: {error}"
        place = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        raise (ModelFileError if known else CorruptFileError)(where, shown(reason + place)) from error


def build_from_file(config, producer, custom_objects, notes, names=(), image_dim_ordering=None):
    """The model that a producer's config describes, and the functions that are missing in it.

    Args:
        config: plain data {'class_name', 'config'}.
        producer: Producer.
        custom_objects: dict or None.
        notes: Notes.
        names: of the file's layers in order.
        image_dim_ordering: for Keras 1 configs that do not say it.

    Returns:
        (model, list of Placeholders).
    """
    if not isinstance(config, dict) or "class_name" not in config or "config" not in config:
        raise ValueError(
            f"{notes.where}: a dict with 'class_name' and 'config' was required; got {str(config)[:200]!r}."
        )
    custom = {**get_custom_objects(), **(custom_objects or {})}
    for name in custom:
        if name in layer_classes:
            notes(f"the caller's own {name} is used instead of the layer of that name")
    if producer.generation == "keras1":
        reader = Keras1Reader(notes, custom, names, image_dim_ordering)
    else:
        reader = (TfKerasReader if producer.generation == "tf" else Keras2Reader)(notes, custom, names)
    try:
        today, missing = replace_stored_code(reader.model(config), custom_objects, notes)
        model = deserialize_layer(today, custom_objects)
    except UNBUILDABLE as error:
        if _is_of_user(error):
            raise
        raise CorruptFileError(notes.where, f"its config cannot be built: {type(error).__name__}: {error}") from error
    if not isinstance(model, layer_classes["Model"]):
        raise ValueError(f"{notes.where}: a model was required; the config describes a {type(model).__name__}.")
    model._imported_from = producer
    return model, missing


def _is_of_user(error) -> bool:
    """Whether it was raised in code that is neither kjax's nor of what kjax stands on: in a class of the user's."""
    found = error.__traceback__
    while found is not None:
        root = str(found.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if root not in _FOUNDATIONS and root not in sys.stdlib_module_names:
            return True
        found = found.tb_next
    return False


def _producer_of_config(config, keys) -> Producer:
    """Who wrote a config that came without a file, by its version or by argument names that only one generation had.

    Args:
        keys: all keys in it.
    """
    version = config.get("keras_version")
    if isinstance(version, str):
        backend = config.get("backend")
        return parse_producer(version, backend if backend in BACKENDS else None, "keras_version")
    if keys & _KEYS_OF_KERAS1:
        return Producer((1,), False, None)
    if keys & _KEYS_OF_TF or config.get("class_name") == "Functional":
        return Producer((2, 4), True, "tensorflow")
    return TODAY


def check_size(model, max_bytes, where):
    """Refuses a model whose weights need more than `max_bytes`, before anything is allocated."""
    if max_bytes is None:
        return
    needed = sum(_bytes(w) for w in model._weights_by_layer())
    if needed > max_bytes:
        raise UnsafeModelError(
            where, f"its weights need {needed} bytes; the limit is {max_bytes}. Pass max_bytes= to raise it."
        )


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
            "`model_from_config` expects a dictionary, not a list. Maybe you meant to use "
            "`Sequential.from_config(config)`?"
        )
    if not isinstance(config, dict):
        raise TypeError(f"`model_from_config` expects a dictionary; got {type(config).__name__}.")
    notes = Notes("config")
    producer = _producer_of_config(config, check_tree(config, notes.where))
    model, _ = build_from_file(config, producer, custom_objects, notes)
    check_size(model, MAX_BYTES, notes.where)
    return model


def model_from_json(json_string, custom_objects=None):
    """The model that a JSON text of `to_json` describes, with fresh weights."""
    return model_from_config(parse_json(json_string, "JSON config"), custom_objects)


def model_from_yaml(yaml_string, custom_objects=None):
    """The model that a YAML text of `to_yaml` describes, with fresh weights; plain data only."""
    return model_from_config(parse_yaml(yaml_string, "YAML config"), custom_objects)


def model_class(name):
    """Model or Sequential, known once the facade has registered them."""
    return layer_classes[name]

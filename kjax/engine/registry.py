"""What the engine asks of rooms that stand above it: classes that configs name, and rooms. They register here."""

from __future__ import annotations

from types import ModuleType

from kjax.utils.generic_utils import deserialize_keras_object, serialize_keras_object

__all__ = [
    "deserialize_layer",
    "layer_classes",
    "metric_classes",
    "register_layers",
    "register_room",
    "room",
    "serialize_layer",
]

layer_classes: dict[str, type] = {}
metric_classes: dict[str, type] = {}
_rooms: dict[str, ModuleType] = {}


def register_room(name: str, module: ModuleType) -> None:
    """Offers a module to the engine: 'callbacks', 'metrics' or 'saving', by each of these when it is imported."""
    _rooms[name] = module


def room(name: str) -> ModuleType:
    """The module that registered as `name`; `import kjax` has all of them register."""
    return _rooms[name]


def register_layers(classes) -> None:
    """Makes classes known by name to configs and files."""
    layer_classes.update(classes)


def deserialize_layer(config, custom_objects=None):
    """The layer that {'class_name': ..., 'config': ...} describes.

    Raises:
        ValueError: when the class is neither a layer of kjax nor among `custom_objects`.
    """
    try:
        return deserialize_keras_object(
            config, module_objects=layer_classes, custom_objects=custom_objects, printable_module_name="layer"
        )
    except Exception as error:
        inner = config.get("config") if isinstance(config, dict) else None
        if isinstance(inner, dict) and not getattr(error, "__notes__", None):
            error.add_note(f"in layer {str(inner.get('name'))[:200]!r} ({str(config.get('class_name'))[:80]})")
        raise


def serialize_layer(layer) -> dict:
    return serialize_keras_object(layer)

"""The classes that a model config may name or that layers make, filled in by the rooms that define them."""

from __future__ import annotations

from kjax.utils.generic_utils import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize_layer", "layer_classes", "metric_classes", "register_layers", "serialize_layer"]

layer_classes: dict[str, type] = {}
metric_classes: dict[str, type] = {}


def register_layers(classes) -> None:
    """Makes classes known by name to configs and files."""
    layer_classes.update(classes)


def deserialize_layer(config, custom_objects=None):
    """The layer that {'class_name': ..., 'config': ...} describes.

    Raises:
        ValueError: when the class is neither a layer of kjax nor among `custom_objects`.
    """
    return deserialize_keras_object(
        config, module_objects=layer_classes, custom_objects=custom_objects, printable_module_name="layer"
    )


def serialize_layer(layer) -> dict:
    return serialize_keras_object(layer)

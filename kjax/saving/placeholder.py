"""Functions that a file holds as code: never run, replaced by the caller's or by a placeholder."""

from __future__ import annotations

import jax

from kjax.graph import KerasTensor, symbolic_leaves
from kjax.graph.operation import Operation
from kjax.graph.record import pack
from kjax.graph.tensor import Op
from kjax.layers.lambda_layer import own_lambda
from kjax.utils.generic_utils import get_custom_objects

__all__ = ["Placeholder", "replace_stored_code"]

# layer class -> its arguments that may be functions: (key of the function, key of its kind)
_SLOTS = {
    "Lambda": (("function", "function_type"), ("output_shape", "output_shape_type")),
    "Merge": (("mode", "mode_type"), ("output_shape", "output_shape_type"), ("output_mask", "output_mask_type")),
}


class Placeholder:
    """Stands for a function that nobody has given yet: it can be part of a model, but not run.

    Args:
        layer: name of the layer it belongs to.
        role: which argument it is.
        name: the function's name in the file, None for compiled code.
        shape: of its result without the batch axis, where the file tells; else the shape of its (first) input.
    """

    def __init__(self, layer, role, name=None, shape=None):
        self.layer, self.role, self.name = layer, role, name
        self.shape = None if shape is None else tuple(shape)
        self.__name__ = name or "<lambda>"

    def message(self) -> str:
        """What is missing and how to give it."""
        what = (
            f"only the name of a function, {self.name!r}" if self.name else "compiled Python code, which is never run"
        )
        names = f"{self.layer!r}: function" + (f", or {self.name!r}: function" if self.name else "")
        return (
            f"layer {self.layer!r}: for its {self.role} the file holds {what}. Pass the function when loading: "
            f"custom_objects={{{names}}}."
        )

    def __call__(self, inputs, *args, **kwargs):
        tensors = symbolic_leaves(inputs)
        if not any(isinstance(t, KerasTensor) for t in tensors):
            raise ValueError(self.message())
        message = self.message()

        def missing_function(*args, **kwargs):
            raise ValueError(message)

        leaves: list = []
        template = pack(((inputs,), {}), leaves)
        node = Op(Operation(missing_function), template, leaves)
        first = tensors[0]
        shape = tuple(first.shape) if self.shape is None else (first.shape[0], *self.shape)
        node.outputs = (KerasTensor(shape, first.dtype, node, 0),)
        node.structure = jax.tree.structure(0)
        return node.outputs[0]


def replace_stored_code(config, custom_objects, notes):
    """The config with every function that a layer stores replaced by the caller's, by layer name or function name.

    What the caller does not give becomes a Placeholder.

    Returns:
        (config, list of Placeholders).
    """
    known = {**get_custom_objects(), **(custom_objects or {})}
    missing: list[Placeholder] = []

    def visit(value):
        if isinstance(value, list):
            return [visit(v) for v in value]
        if not isinstance(value, dict):
            return value
        value = {k: visit(v) for k, v in value.items()}
        slots = _SLOTS.get(value.get("class_name")) if isinstance(value.get("class_name"), str) else None
        if slots and value["class_name"] not in known and isinstance(value.get("config"), dict):
            for i, (key, kind) in enumerate(slots):
                _resolve(value["config"], key, kind, i == 0)
        return value

    def _resolve(config, key, kind, main):
        stored, how = config.get(key), config.get(kind, "function" if key == "function" else "raw")
        if how == "raw" or callable(stored):
            return
        layer = str(config.get("name", "lambda"))[:200]
        name = stored if how == "function" and isinstance(stored, str) else None
        given = known.get(layer) if main else None
        if not callable(given) and name is not None:
            given = known.get(name)
        whose = "the caller's"
        if not callable(given):
            given, whose = own_lambda(stored, how, layer), "the one this process wrote"
        if callable(given):
            config[key] = given
            notes(f"layer {layer}: its {key} is {whose}")
        elif main:
            shape = config.get("output_shape") if config.get("output_shape_type", "raw") == "raw" else None
            config[key] = Placeholder(layer, key, name, shape if _is_shape(shape) else None)
            missing.append(config[key])
            notes(f"layer {layer}: its {key} is code, which is never run: a placeholder until custom_objects gives it")
        else:
            config[key] = None  # found out from the function
            if key == "output_mask":
                notes(f"layer {layer}: its {key} is code, which is never run, and is left out")
        config[kind] = "raw"

    return visit(config), missing


def _is_shape(value) -> bool:
    return isinstance(value, (list, tuple)) and all(v is None or isinstance(v, int) for v in value)

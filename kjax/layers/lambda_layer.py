"""Lambda: a user's function as a layer."""

from __future__ import annotations

import inspect

import numpy as np

from kjax import backend as K
from kjax.engine.base_layer import Layer
from kjax.utils.generic_utils import func_dump, get_custom_objects, has_arg
from kjax.utils.serialization import own_function, remembered

__all__ = ["Lambda", "MissingFunction", "own_lambda"]


class MissingFunction:
    """Stands for a function that a file names but that nobody has given.

    Args:
        layer: name of the Lambda layer.
        role: 'function', 'output_shape' or 'mask'.
        name: the function's name in the file; None where the file holds compiled code, which is never run.
    """

    def __init__(self, layer, role, name=None):
        self.layer, self.role, self.name = layer, role, name

    def __call__(self, *args, **kwargs):
        what = f"the function {self.name!r}" if self.name else "compiled Python code, which kjax never runs"
        keys = " or ".join(repr(k) for k in (self.layer, self.name) if k)
        raise ValueError(
            f"Lambda layer {self.layer!r}: its {self.role} is {what} in the file. Pass the function when loading: "
            f"custom_objects={{{keys.split(' or ')[0]}: function}} (by {keys})."
        )


class Lambda(Layer):
    """y = function(x), any function made of `keras.backend` functions and operators.

    Args:
        function: called with the tensor (or list), with `mask=` if it takes one, and with `arguments`.
        output_shape: tuple without the batch axis, or function of the input shape; found out from the function when
            None.
        mask: None, a tensor, or a function (inputs, mask) -> mask.
        arguments: dict of further keyword arguments.

    Differs: files never bring runnable code: a function that this process itself wrote is recognised; any other loads
    as a placeholder and must be given by the layer's name in `custom_objects`.
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Layer {self.name}: function must be callable; got {type(function).__name__}.")
        if not (output_shape is None or isinstance(output_shape, (tuple, list)) or callable(output_shape)):
            raise TypeError(
                f"Layer {self.name}: output_shape must be None, a tuple or a function; got {output_shape!r:.100}."
            )
        self.function = function
        self.arguments = arguments or {}
        self._given_mask = mask
        if mask is not None:
            self.supports_masking = True
        self._output_shape = tuple(output_shape) if isinstance(output_shape, list) else output_shape

    def compute_output_shape(self, input_shape):
        if self._output_shape is None:
            many = isinstance(input_shape, list)
            places = [K.placeholder(shape=s) for s in (input_shape if many else [input_shape])]
            result = self.call(places if many else places[0])
            return [tuple(r.shape) for r in result] if isinstance(result, (list, tuple)) else tuple(result.shape)
        if callable(self._output_shape):
            shape = self._output_shape(input_shape)
            if not isinstance(shape, (list, tuple)):
                raise ValueError(f"Layer {self.name}: the `output_shape` function must return a tuple; got {shape!r}.")
            return shape if isinstance(shape, list) and shape and isinstance(shape[0], (list, tuple)) else tuple(shape)
        batch = input_shape[0][0] if isinstance(input_shape, list) else input_shape[0]
        return (batch, *self._output_shape)

    def call(self, inputs, mask=None):
        arguments = dict(self.arguments)
        if has_arg(self.function, "mask"):
            arguments["mask"] = mask
        try:
            return self.function(inputs, **arguments)
        except (TypeError, ValueError) as error:
            if type(error) not in (TypeError, ValueError) or str(error).startswith(("Layer ", "Lambda layer ")):
                raise
            raise type(error)(f"Layer {self.name}: {error}") from error

    def compute_mask(self, inputs, mask=None):
        if callable(self._given_mask):
            return self._given_mask(inputs, mask)
        return self._given_mask

    def get_config(self):
        function, function_type = _dump(self.function, self.name)
        if callable(self._output_shape):
            shape, shape_type = _dump(self._output_shape, self.name)
        else:
            shape, shape_type = self._output_shape, "raw"
        return {
            **super().get_config(),
            "function": function,
            "function_type": function_type,
            "output_shape": shape,
            "output_shape_type": shape_type,
            "arguments": self.arguments,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        known = {**get_custom_objects(), **(custom_objects or {})}
        name = config.get("name", "lambda")
        function = _restore(config.pop("function"), config.pop("function_type", "function"), known, name, "function")
        shape, kind = config.pop("output_shape", None), config.pop("output_shape_type", "raw")
        if kind != "raw":
            shape = _restore(shape, kind, known, name, "output_shape")
            # Without the user's function the shape is found out from `function`.
            shape = None if isinstance(shape, MissingFunction) else shape
        elif isinstance(shape, list):
            shape = tuple(shape)
        config["arguments"] = {k: _argument(v) for k, v in (config.get("arguments") or {}).items()}
        for extra in ("module", "output_shape_module"):
            config.pop(extra, None)
        return cls(function, output_shape=shape, **config)


def _dump(function, layer):
    """What files hold: the name of a named function, as in genuine Keras the marshalled code of a lambda."""
    if isinstance(function, MissingFunction):
        return function.name, "function"
    if inspect.isfunction(function) and function.__name__ == "<lambda>":
        return func_dump(function), "lambda"
    name = getattr(function, "__name__", type(function).__name__)
    return remembered(function, name, (layer, name)), "function"


def _argument(value):
    """An argument as it was before JSON: arrays are stored as {'type': 'ndarray', 'value': lists}."""
    if isinstance(value, dict) and set(value) == {"type", "value"} and value["type"] == "ndarray":
        return np.array(value["value"])
    return value


def own_lambda(value, kind, layer):
    """The function of this process that `get_config` of a Lambda put into a config, or None."""
    if isinstance(value, (tuple, list)):
        return own_function(tuple(value))
    return own_function((value, None, None)) if kind == "lambda" else own_function((layer, value))


def _restore(value, kind, known, layer, role):
    """The function the user gave for this layer or name, or the one this process wrote there; no code from files."""
    if callable(value):
        return value
    if role == "function" and callable(known.get(layer)):
        return known[layer]
    own = own_lambda(value, kind, layer)
    if own is not None and not (isinstance(value, str) and callable(known.get(value))):
        return own
    if kind == "function" and isinstance(value, str):
        return known[value] if callable(known.get(value)) else MissingFunction(layer, role, value)
    return MissingFunction(layer, role)

"""One call of a layer on tensors: by the user, or again inside of a model that is called on new inputs."""

from __future__ import annotations

import contextlib
import threading
from typing import Any, NamedTuple

import numpy as np

from kjax import backend as K
from kjax.engine.connections import to_list, unlist
from kjax.graph import KerasTensor, Variable
from kjax.utils.generic_utils import has_arg

__all__ = ["Called", "call_layer", "registers", "unregistered"]


class Called(NamedTuple):
    """What a call gave.

    Attributes:
        outputs: as the layer returned them, each a tensor of this call's own.
        masks: one for each output, or None.
    """

    outputs: Any
    masks: list


def call_layer(layer, given, masks: list, arguments: dict) -> Called:
    """Calls a built layer.

    Args:
        layer: Layer or Network.
        given: tensor or list of them.
        masks: the inputs' masks; `call` gets them where it takes a `mask` and was given none.
        arguments: further arguments of `call`.
    """
    inputs, mask = to_list(given), unlist(masks)
    masked = any(m is not None for m in masks)
    if masked and arguments.get("mask") is None and has_arg(layer.call, "mask"):
        arguments = {**arguments, "mask": mask}
    outputs = layer.call(given, **arguments)
    passed = arguments.get("mask")
    out_masks = layer.compute_mask(given, passed if passed is not None else mask if masked else None)
    outputs = _own(layer, inputs, outputs)
    tensors = to_list(outputs)
    _complete_shapes(layer, inputs, tensors)
    regularizer = getattr(layer, "activity_regularizer", None)
    if regularizer is not None:
        layer.add_loss([regularizer(x) for x in tensors], inputs)
    return Called(outputs, to_list(out_masks) if isinstance(out_masks, (list, tuple)) else [out_masks] * len(tensors))


def _own(layer, inputs, outputs):
    """Outputs that are no input of this call and belong to no other layer's call."""
    taken = {id(x) for x in inputs}
    own = []
    for x in to_list(outputs):
        if not isinstance(x, KerasTensor):
            if not isinstance(x, (Variable, np.ndarray)) and not hasattr(x, "shape"):
                raise TypeError(
                    f"Layer {layer.name}: `call` must return tensors made with keras.backend functions; got "
                    f"{type(x).__name__}."
                )
            x = K.identity(K.constant(x) if not isinstance(x, Variable) else x)
        own.append(K.identity(x) if id(x) in taken or hasattr(x, "_keras_history") else x)
    return own if isinstance(outputs, (list, tuple)) and len(own) != 1 else own[0]


def _complete_shapes(layer, inputs, tensors) -> None:
    """Dimensions that only the layer's `compute_output_shape` knows."""
    if not layer.knows_output_shape or all(None not in t.shape[1:] for t in tensors):
        return
    shapes = layer.compute_output_shape(unlist([tuple(x.shape) for x in inputs]))
    shapes = list(shapes) if isinstance(shapes, list) else [shapes]
    for t, shape in zip(tensors, shapes, strict=False):
        if shape is not None and len(shape) == len(t.shape):
            t._keras_shape = tuple(b if a is None else a for a, b in zip(t.shape, shape, strict=True))


class _Books(threading.local):
    open = True


_books = _Books()


def registers() -> bool:
    """Whether layers note the losses and updates of their calls."""
    return _books.open


@contextlib.contextmanager
def unregistered():
    """Within it, calls leave no losses and no updates: they only find out shapes and masks."""
    before, _books.open = _books.open, False
    try:
        yield
    finally:
        _books.open = before

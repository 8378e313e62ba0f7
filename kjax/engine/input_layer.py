"""InputLayer and Input: where data enters a model."""

from __future__ import annotations

import operator

import jax
import numpy as np

from kjax import backend as K
from kjax.backend.variables import as_tensor
from kjax.engine.base_layer import Layer
from kjax.graph import KerasTensor

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """The entry of a model.

    Args:
        input_shape: shape of one sample, without the batch axis.
        batch_size: int or None.
        batch_input_shape: the shape with the batch axis, instead of the two.
        dtype: default `floatx()`.
        input_tensor: a symbolic tensor, Variable or constant to use instead of a new placeholder.
        sparse: whether sparse matrices will be fed.
        name: str.
    Differs: a sparse input is computed with as a dense one; matrices of `scipy.sparse` are made dense batch by batch,
        and arrays are taken too.
    """

    def __init__(
        self,
        input_shape=None,
        batch_size=None,
        batch_input_shape=None,
        dtype=None,
        input_tensor=None,
        sparse=False,
        name=None,
    ):
        if not name:
            name = f"input_{K.get_uid('input')}"
        super().__init__(dtype=dtype, name=name)
        self.trainable = False
        self.built = True
        self.sparse = sparse
        self.supports_masking = True
        if input_shape is not None and batch_input_shape is not None:
            raise ValueError(
                f"Only provide the input_shape OR batch_input_shape argument to InputLayer {name!r}, not both."
            )
        input_tensor = as_tensor(input_tensor)
        if input_tensor is not None and batch_input_shape is None:
            batch_input_shape = tuple(input_tensor.shape)
        if batch_input_shape is None:
            if input_shape is None:
                raise ValueError(
                    f"An InputLayer ({name!r}) needs either a `batch_input_shape` or an `input_shape` argument."
                )
            batch_input_shape = (batch_size, *_as_shape(input_shape, name))
        self.batch_input_shape = _as_shape(batch_input_shape, name)
        self.dtype = dtype or (K.floatx() if input_tensor is None else input_tensor.dtype)
        # A tensor that is computed, not fed: the model needs no data for it.
        self.is_placeholder = input_tensor is None or K.is_placeholder(input_tensor)
        if input_tensor is None:
            input_tensor = KerasTensor(
                self.batch_input_shape, jax.dtypes.canonicalize_dtype(self.dtype), name=self.name + ":0"
            )
            input_tensor._is_placeholder = True
            input_tensor.sparse = bool(sparse)
        input_tensor._keras_mask = None
        self._connect([], [input_tensor], None)
        node = self._inbound_nodes[-1]  # an input is its own source, as in Keras
        node.input_tensors, node.input_masks = [input_tensor], [None]
        node.input_shapes = [self.batch_input_shape]

    def get_config(self):
        return {
            "batch_input_shape": self.batch_input_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "name": self.name,
        }


def _as_shape(shape, name):
    name = f"Input {name!r}" if name else "Input"
    entries = (shape,) if isinstance(shape, (int, np.integer)) else shape
    try:
        sizes = tuple(None if d is None else operator.index(d) for d in entries)
    except TypeError:
        raise ValueError(f"{name}: shape must be a tuple of integers and None; got {shape!r}.") from None
    if any(d is not None and d < 0 for d in sizes):
        raise ValueError(f"{name}: shape must hold integers >= 0 and None; got {shape!r}.")
    return sizes


def Input(shape=None, batch_shape=None, name=None, dtype=None, sparse=False, tensor=None):
    """A symbolic tensor to build models from.

    Args:
        shape: of one sample, without the batch axis; None for sizes that vary.
        batch_shape: the shape with the batch axis, instead.
        name: of the input; must be unique in a model.
        dtype: default `floatx()`.
        sparse: whether matrices of `scipy.sparse` will be fed: `K.is_sparse` says so, numbers are those of dense ones.
        tensor: a symbolic tensor, Variable or `K.constant` to take; data are fed for it only when it is a placeholder.

    Returns:
        KerasTensor of shape (batch, *shape).
    """
    if batch_shape is None and tensor is None and shape is None:
        raise ValueError(
            "Please provide to Input either a `shape` or a `batch_shape` argument (`shape` has no batch dimension)."
        )
    if shape is not None and batch_shape is None:
        batch_shape = (None, *_as_shape(shape, name))
    layer = InputLayer(batch_input_shape=batch_shape, name=name, dtype=dtype, sparse=sparse, input_tensor=tensor)
    outputs = layer._inbound_nodes[0].output_tensors
    return outputs[0] if len(outputs) == 1 else outputs

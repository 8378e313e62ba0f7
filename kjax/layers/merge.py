"""Layers, and functions, that make one tensor of several."""

from __future__ import annotations

import functools
import operator

import numpy as np

from kjax import backend as K
from kjax.engine.base_layer import Layer, to_list

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


def _is_many(shape) -> bool:
    return isinstance(shape, list) and len(shape) > 1


def _broadcast(shape1, shape2, layer):
    """The common shape of two samples, aligned at the end as NumPy does."""
    long, short = (shape1, shape2) if len(shape1) >= len(shape2) else (shape2, shape1)
    common = list(long[: len(long) - len(short)])
    for i, j in zip(long[len(long) - len(short) :], short, strict=True):
        if i is None or j is None:
            common.append(None)
        elif i == 1 or j == 1 or i == j:
            common.append(j if i == 1 else i)
        else:
            raise ValueError(
                f"Layer {layer}: operands could not be broadcast together with shapes {tuple(shape1)} {tuple(shape2)} "
                "(without the batch axis)."
            )
    return tuple(common)


def _check_masks(inputs, mask, layer):
    if not isinstance(mask, (list, tuple)) or not isinstance(inputs, (list, tuple)) or len(mask) != len(inputs):
        raise ValueError(
            f"Layer {layer}: `mask` must be a list with one entry for each of the {len(to_list(inputs))} "
            f"inputs; got {mask!r}."
        )


class _Merge(Layer):
    """Element by element; inputs of lower rank get axes of size 1 after the batch axis."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def _merge_function(self, inputs):
        raise NotImplementedError

    def build(self, input_shape):
        if not _is_many(input_shape):
            raise ValueError(
                f"Layer {self.name}: a merge layer should be called on a list of at least 2 inputs; got "
                f"{'the shape ' + str(input_shape) if isinstance(input_shape, tuple) else input_shape}."
            )
        batches = {s[0] for s in input_shape} - {None}
        if len(batches) > 1:
            raise ValueError(
                f"Layer {self.name}: can not merge tensors with different batch sizes; got tensors with shapes "
                f"{input_shape}."
            )
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(f"Layer {self.name}: a merge layer should be called on a list of inputs; got {inputs!r}.")
        rank = max(len(x.shape) for x in inputs)
        same = []
        for x in inputs:
            for _ in range(rank - len(x.shape)):
                x = K.expand_dims(x, axis=1)
            same.append(x)
        return self._merge_function(same)

    def compute_output_shape(self, input_shape):
        sample = functools.reduce(lambda a, b: _broadcast(a, b, self.name), [tuple(s)[1:] for s in input_shape])
        batches = {s[0] for s in input_shape} - {None}
        return (batches.pop() if len(batches) == 1 else None, *sample)

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        _check_masks(inputs, mask, self.name)
        masks = [m for m in mask if m is not None]
        return functools.reduce(operator.and_, masks) if masks else None


class Add(_Merge):
    """x1 + x2 + ...

    Input shape: a list of shapes that broadcast. Output shape: the common one.
    """

    def _merge_function(self, inputs):
        return functools.reduce(operator.add, inputs)


class Subtract(_Merge):
    """x1 - x2, of exactly two inputs; shapes as for Add."""

    def build(self, input_shape):
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                f"Layer {self.name}: a `Subtract` layer should be called on exactly 2 inputs; got {len(input_shape)}."
            )

    def _merge_function(self, inputs):
        return inputs[0] - inputs[1]


class Multiply(_Merge):
    """x1 * x2 * ...; shapes as for Add."""

    def _merge_function(self, inputs):
        return functools.reduce(operator.mul, inputs)


class Average(_Merge):
    """(x1 + x2 + ... + xn) / n; shapes as for Add."""

    def _merge_function(self, inputs):
        return functools.reduce(operator.add, inputs) / len(inputs)


class Maximum(_Merge):
    """max(x1, x2, ...), element by element; shapes as for Add."""

    def _merge_function(self, inputs):
        return functools.reduce(K.maximum, inputs)


class Minimum(_Merge):
    """min(x1, x2, ...), element by element; shapes as for Add."""

    def _merge_function(self, inputs):
        return functools.reduce(K.minimum, inputs)


class Concatenate(_Merge):
    """The inputs one after another along an axis.

    Input shape: a list of shapes that differ along `axis` only. Output shape: the sizes along `axis` added.

    Args:
        axis: int.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
            raise TypeError(f"Layer {self.name}: axis must be an int; got {axis!r}.")
        self.axis = axis

    def build(self, input_shape):
        if not _is_many(input_shape):
            raise ValueError(
                f"Layer {self.name}: a `Concatenate` layer should be called on a list of at least 2 inputs; got the "
                f"shape {input_shape}."
            )
        first = input_shape[0]
        if not all(-len(s) <= self.axis < len(s) for s in input_shape):
            raise ValueError(
                f"Layer {self.name}: axis {self.axis} is not an axis of all inputs, which have the shapes "
                f"{input_shape}."
            )
        for shape in input_shape[1:]:
            fits = len(shape) == len(first) and all(
                a == b or a is None or b is None
                for i, (a, b) in enumerate(zip(first, shape, strict=True))
                if i != self.axis % len(first)
            )
            if not fits:
                raise ValueError(
                    f"Layer {self.name}: a `Concatenate` layer requires inputs with matching shapes except for the "
                    f"concat axis {self.axis}; got input shapes {input_shape}."
                )
        self.built = True

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"Layer {self.name}: a `Concatenate` layer should be called on a list of inputs; got {inputs!r}."
            )
        return K.concatenate(list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, list):
            raise ValueError(
                f"Layer {self.name}: a `Concatenate` layer should be called on a list of inputs; got the shape "
                f"{input_shape}."
            )
        shape = list(input_shape[0])
        lengths = [s[self.axis] for s in input_shape]
        shape[self.axis] = None if None in lengths else sum(lengths)
        return tuple(shape)

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        _check_masks(inputs, mask, self.name)
        if all(m is None for m in mask):
            return None
        full = []
        for x, m in zip(inputs, mask, strict=True):
            ones = K.ones_like(x, dtype="bool")
            if m is None:
                full.append(ones)
            else:
                full.append(K.expand_dims(m) & ones if len(m.shape) < len(x.shape) else m)
        return K.all(K.concatenate(full, axis=self.axis), axis=-1, keepdims=False)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


class Dot(_Merge):
    """Sums of products of two inputs along one axis of each, sample by sample.

    Input shape: [(batch, ..., n, ...), (batch, ..., n, ...)].
    Output shape: (batch, the other axes of x1, those of x2), or (batch, 1).

    Args:
        axes: int, or two ints: the axis of x1 and that of x2.
        normalize: whether to divide by the lengths along these axes: the cosine of the angle.
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axes, (int, np.integer)) or isinstance(axes, bool):
            if not isinstance(axes, (list, tuple)):
                raise TypeError(f"Layer {self.name}: `axes` must be an int or a list of two; got {axes!r}.")
            if len(axes) != 2 or not all(isinstance(a, (int, np.integer)) for a in axes):
                raise ValueError(f"Layer {self.name}: `axes` must be an int or a list of two ints; got {axes!r}.")
        self.axes = axes
        self.normalize = normalize

    def _axes(self, shape1, shape2):
        pair = (self.axes, self.axes) if isinstance(self.axes, (int, np.integer)) else tuple(self.axes)
        for a, shape in zip(pair, (shape1, shape2), strict=True):
            if not -len(shape) <= a < len(shape) or a % len(shape) == 0:
                raise ValueError(
                    f"Layer {self.name}: axes={self.axes} must name axes of the inputs other than the batch axis; got "
                    f"inputs of shapes {tuple(shape1)} and {tuple(shape2)}."
                )
        return [pair[0] % len(shape1), pair[1] % len(shape2)]

    def build(self, input_shape):
        if not isinstance(input_shape, list) or len(input_shape) != 2:
            raise ValueError(
                f"Layer {self.name}: a `Dot` layer should be called on a list of 2 inputs; got the shapes "
                f"{input_shape}."
            )
        shape1, shape2 = input_shape
        a, b = self._axes(shape1, shape2)
        if None not in (shape1[a], shape2[b]) and shape1[a] != shape2[b]:
            raise ValueError(
                f"Layer {self.name}: dimension incompatibility {shape1[a]} != {shape2[b]}; layer shapes: {shape1}, "
                f"{shape2}, chosen axes: {a}, {b}."
            )
        self.built = True

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            raise ValueError(f"Layer {self.name}: a `Dot` layer should be called on exactly 2 inputs; got {inputs!r}.")
        x1, x2 = inputs
        axes = self._axes(tuple(x1.shape), tuple(x2.shape))
        if self.normalize:
            x1, x2 = K.l2_normalize(x1, axis=axes[0]), K.l2_normalize(x2, axis=axes[1])
        return K.batch_dot(x1, x2, axes)

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, list) or len(input_shape) != 2:
            raise ValueError(
                f"Layer {self.name}: a `Dot` layer should be called on a list of 2 inputs; got the shapes "
                f"{input_shape}."
            )
        shape1, shape2 = map(tuple, input_shape)
        a, b = self._axes(shape1, shape2)
        shape = (*shape1[:a], *shape1[a + 1 :], *[m for i, m in enumerate(shape2) if i not in (0, b)])
        return shape if len(shape) > 1 else (*shape, 1)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


# ---------------------------------------------------------------- functions


def add(inputs, **kwargs):
    """`Add(**kwargs)(inputs)`.

    Args:
        inputs: list of at least two tensors.
        kwargs: of the layer.
    """
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """`Subtract(**kwargs)(inputs)`, of exactly two tensors."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """`Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """`Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """`Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """`Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """`Concatenate(axis, **kwargs)(inputs)`.

    Args:
        inputs: list of at least two tensors.
        axis: int.
        kwargs: of the layer.
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes, normalize=False, **kwargs):
    """`Dot(axes, normalize, **kwargs)(inputs)`.

    Args:
        inputs: list of two tensors.
        axes, normalize: as for Dot.
        kwargs: of the layer.
    """
    return Dot(axes=axes, normalize=normalize, **kwargs)(inputs)

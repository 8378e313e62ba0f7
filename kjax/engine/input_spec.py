"""InputSpec: what a layer requires of its inputs, and the check against it."""

from __future__ import annotations

from kjax.engine import cures
from kjax.graph import KerasTensor

__all__ = ["InputSpec", "check_inputs"]


class InputSpec:
    """Rank, dtype and shape that an input must have; None leaves a thing open.

    Args:
        dtype: str.
        shape: tuple with None for any size.
        ndim, max_ndim, min_ndim: ranks, the batch axis included.
        axes: dict axis -> size.
    """

    def __init__(self, dtype=None, shape=None, ndim=None, max_ndim=None, min_ndim=None, axes=None):
        self.dtype = dtype
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(shape) if shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = axes or {}

    def __repr__(self):
        given = {k: v for k, v in vars(self).items() if v not in (None, {})}
        return "InputSpec(" + ", ".join(f"{k}={v}" for k, v in given.items()) + ")"


def check_inputs(layer, inputs) -> None:
    """Raises a ValueError unless `inputs` are symbolic tensors that fit `layer.input_spec`."""
    inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    for x in inputs:
        if not isinstance(x, KerasTensor):
            what = f"of shape {x.shape}" if hasattr(x, "shape") else f"{x!r:.200}"
            raise ValueError(
                f"Layer {layer.name} was called with an input that isn't a symbolic tensor: {type(x).__name__} {what}. "
                "All inputs to the layer should be tensors; use model.predict(...) to compute numbers."
            )
    if not layer.input_spec:
        return
    specs = list(layer.input_spec) if isinstance(layer.input_spec, (list, tuple)) else [layer.input_spec]
    if len(inputs) != len(specs):
        raise ValueError(
            f"Layer {layer.name} expects {len(specs)} inputs, but it received {len(inputs)} input tensors. "
            f"Input received: {inputs}"
        )
    for i, (x, spec) in enumerate(zip(inputs, specs, strict=True)):
        if spec is not None:
            _check_one(f"Input {i} is incompatible with layer {layer.name}", x, spec)


def _check_one(who, x, spec) -> None:
    shape = tuple(x.shape)
    if spec.ndim is not None and len(shape) != spec.ndim:
        help = cures.of_rank(len(shape), spec.ndim)
        raise ValueError(
            f"{who}: expected ndim={spec.ndim}, found ndim={len(shape)} (shape {shape}){help and '.' + help}"
        )
    if spec.max_ndim is not None and len(shape) > spec.max_ndim:
        raise ValueError(f"{who}: expected max_ndim={spec.max_ndim}, found ndim={len(shape)} (shape {shape})")
    if spec.min_ndim is not None and len(shape) < spec.min_ndim:
        raise ValueError(f"{who}: expected min_ndim={spec.min_ndim}, found ndim={len(shape)} (shape {shape})")
    if spec.dtype is not None and x.dtype != spec.dtype:
        raise ValueError(f"{who}: expected dtype={spec.dtype}, found dtype={x.dtype}")
    for axis, size in spec.axes.items():
        axis = int(axis)
        if size is not None and -len(shape) <= axis < len(shape) and shape[axis] not in (size, None):
            raise ValueError(f"{who}: expected axis {axis} of input shape to have value {size} but got shape {shape}")
    if spec.shape is not None:
        for want, got in zip(spec.shape, shape, strict=True):
            if want is not None and got is not None and want != got:
                raise ValueError(f"{who}: expected shape={spec.shape}, found shape={shape}")

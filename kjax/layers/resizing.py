"""Zero padding, cropping and enlargement of sequences, images and volumes."""

from __future__ import annotations

import numpy as np

from kjax.engine.base_layer import InputSpec, Layer
from kjax.layers.fields import positive_int, read_data_format, sizes
from kjax.nn import padding as resize

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]


def _is_amount(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= 0)


def _pairs(value, n, argument, layer) -> tuple[tuple[int, int], ...]:
    """((before, after), ...) for n axes: from an int, n ints, or n pairs; for one axis also from a pair itself."""
    if _is_amount(value):
        return ((int(value), int(value)),) * n
    entries = list(value) if isinstance(value, (tuple, list, np.ndarray)) else []
    if n == 1 and len(entries) == 2:
        entries = [entries]
    pairs = [(e, e) if _is_amount(e) else e for e in entries]
    good = len(pairs) == n and all(
        isinstance(p, (tuple, list, np.ndarray)) and len(p) == 2 and all(map(_is_amount, p)) for p in pairs
    )
    if not good:
        forms = (
            "an integer >= 0, or a pair of them" if n == 1 else f"an integer >= 0, {n} of them, or {n} pairs of them"
        )
        raise ValueError(f"Layer {layer}: the `{argument}` argument must be {forms}; got {value!r}.")
    return tuple((int(a), int(b)) for a, b in pairs)


class _Resizing(Layer):
    """A change of the spatial axes; `rank` of them."""

    rank: int

    def __init__(self, data_format, **kwargs):
        super().__init__(**kwargs)
        self.data_format = read_data_format(data_format, self.name)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _change(self, axis, length):
        """The new length of spatial axis number `axis`."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        for i, a in enumerate(
            range(1, 1 + self.rank) if self.data_format == "channels_last" else range(2, 2 + self.rank)
        ):
            shape[a] = None if shape[a] is None else self._change(i, shape[a])
        return tuple(shape)


class _ZeroPadding(_Resizing):
    """Zeros before and after the spatial axes."""

    def __init__(self, padding, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self._pads = _pairs(padding, self.rank, "padding", self.name)
        self.padding = self._pads[0] if self.rank == 1 else self._pads

    def call(self, inputs):
        return self.apply_module(resize.ZeroPad(self._pads, self.data_format), inputs, weights=[])

    def _change(self, axis, length):
        return length + sum(self._pads[axis])

    def get_config(self):
        own = {"padding": self.padding}
        return {**super().get_config(), **own, **({} if self.rank == 1 else {"data_format": self.data_format})}


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after a sequence: (batch, steps, channels) -> (batch, before + steps + after, channels).

    Args:
        padding: int, or (before, after).
    """

    rank = 1

    def __init__(self, padding=1, **kwargs):
        super().__init__(padding, "channels_last", **kwargs)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images.

    Input shape: (batch, rows, columns, channels), or channels first.
    Output shape: (batch, top + rows + bottom, left + columns + right, channels), or channels first.

    Args:
        padding: int; (rows, columns), the same before and after; or ((top, bottom), (left, right)).
        data_format: 'channels_last', 'channels_first', or None for the setting in `keras.json`.
    """

    rank = 2

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes (batch, d1, d2, d3, channels), or channels first; every size grows by its two paddings.

    Args:
        padding: int, three ints, or three pairs.
        data_format: as for ZeroPadding2D.
    """

    rank = 3

    def __init__(self, padding=(1, 1, 1), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


class _Cropping(_Resizing):
    """Cuts positions off both ends of the spatial axes."""

    def __init__(self, cropping, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self._amounts = _pairs(cropping, self.rank, "cropping", self.name)
        self.cropping = self._amounts[0] if self.rank == 1 else self._amounts

    def call(self, inputs):
        spatial = inputs.shape[1:-1] if self.data_format == "channels_last" else inputs.shape[2:]
        for m, pair in zip(spatial, self._amounts, strict=True):
            if m is not None and sum(pair) >= m:
                raise ValueError(
                    f"Layer {self.name}: cropping={self.cropping} leaves nothing of an input of shape "
                    f"{tuple(inputs.shape)} ({self.data_format})."
                )
        return self.apply_module(resize.Crop(self._amounts, self.data_format), inputs, weights=[])

    def _change(self, axis, length):
        return length - sum(self._amounts[axis])

    def get_config(self):
        own = {"cropping": self.cropping}
        return {**super().get_config(), **own, **({} if self.rank == 1 else {"data_format": self.data_format})}


class Cropping1D(_Cropping):
    """A sequence without its first and last steps: (batch, steps, channels) -> (batch, fewer, channels).

    Args:
        cropping: int, or (before, after).
    """

    rank = 1

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(cropping, "channels_last", **kwargs)


class Cropping2D(_Cropping):
    """Images without their edges.

    Input shape: (batch, rows, columns, channels), or channels first.
    Output shape: (batch, rows - top - bottom, columns - left - right, channels), or channels first.

    Args:
        cropping: int; (rows, columns), the same before and after; or ((top, bottom), (left, right)).
        data_format: 'channels_last', 'channels_first', or None for the setting in `keras.json`.
    """

    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Volumes (batch, d1, d2, d3, channels), or channels first, without edges; each size shrinks by its croppings.

    Args:
        cropping: int, three ints, or three pairs.
        data_format: as for Cropping2D.
    """

    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class _UpSampling(_Resizing):
    """Repeats positions, or puts interpolated ones between them."""

    interpolation = "nearest"

    def call(self, inputs):
        factors = (self.size,) if self.rank == 1 else self.size
        return self.apply_module(resize.UpSample(factors, self.data_format, self.interpolation), inputs, weights=[])

    def _change(self, axis, length):
        return length * (self.size if self.rank == 1 else self.size[axis])

    def get_config(self):
        own = {"size": self.size}
        return {**super().get_config(), **own, **({} if self.rank == 1 else {"data_format": self.data_format})}


class UpSampling1D(_UpSampling):
    """Repeats each step: (batch, steps, channels) -> (batch, steps * size, channels).

    Args:
        size: int >= 1.
    """

    rank = 1

    def __init__(self, size=2, **kwargs):
        super().__init__("channels_last", **kwargs)
        self.size = positive_int(size, "size", self.name)


class UpSampling2D(_UpSampling):
    """Enlarges images by whole factors.

    Input shape: (batch, rows, columns, channels), or channels first.
    Output shape: (batch, rows * size[0], columns * size[1], channels), or channels first.

    Args:
        size: int >= 1, or (rows, columns).
        data_format: 'channels_last', 'channels_first', or None for the setting in `keras.json`.
        interpolation: 'nearest' or 'bilinear'.
    """

    rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(data_format, **kwargs)
        self.size = sizes(size, 2, "size", self.name)
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(
                f"Layer {self.name}: the `interpolation` argument must be 'nearest' or 'bilinear'; got "
                f"{interpolation!r}."
            )
        self.interpolation = interpolation

    def get_config(self):
        return {**super().get_config(), "interpolation": self.interpolation}


class UpSampling3D(_UpSampling):
    """Repeats the positions of volumes (batch, d1, d2, d3, channels), or channels first: axis i `size[i]` times.

    Args:
        size: int >= 1, or three.
        data_format: as for UpSampling2D.
    """

    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.size = sizes(size, 3, "size", self.name)

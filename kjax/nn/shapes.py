"""Output lengths and padding amounts of windows that slide over an axis, by TensorFlow's rules."""

from __future__ import annotations

__all__ = ["channel_axis", "effective_size", "pads_of", "transposed_length", "window_length"]

PADDINGS = ("valid", "same", "causal")


def effective_size(size: int, dilation: int) -> int:
    """How many positions a window of `size` taps spans: `size + (size - 1) * (dilation - 1)`."""
    return (size - 1) * dilation + 1


def window_length(length: int | None, size: int, padding: str, stride: int, dilation: int = 1) -> int | None:
    """How many windows there are along an axis of `length`; None where the length is unknown."""
    if length is None:
        return None
    if padding == "valid":
        length -= effective_size(size, dilation) - 1
    elif padding == "full":
        length += effective_size(size, dilation) - 1
    return -(-length // stride)


def transposed_length(
    length: int | None, size: int, padding: str, stride: int, dilation: int = 1, output_padding: int | None = None
) -> int | None:
    """The length a transposed convolution gives; without `output_padding` the one TensorFlow infers."""
    if length is None:
        return None
    size = effective_size(size, dilation)
    if output_padding is None:
        if padding == "same":
            return length * stride
        return length * stride + max(size - stride, 0)
    margin = size // 2 if padding == "same" else 0
    return (length - 1) * stride + size - 2 * margin + output_padding


def pads_of(lengths, sizes, padding, strides, dilation) -> tuple[tuple[int, int], ...]:
    """Zeros before and after each axis; 'same' puts the odd one after, 'causal' all before."""
    pads = []
    for n, k, s, d in zip(lengths, sizes, strides, dilation, strict=True):
        span = effective_size(k, d)
        if padding == "same":
            total = max((-(-n // s) - 1) * s + span - n, 0)
            pads.append((total // 2, total - total // 2))
        elif padding == "causal":
            pads.append((span - 1, 0))
        elif padding == "valid":
            pads.append((0, 0))
        else:
            raise ValueError(f"padding must be one of {PADDINGS}; {padding!r} was given.")
    return tuple(pads)


def channel_axis(data_format: str, ndim: int) -> int:
    """The axis of the channels of a tensor with `ndim` axes."""
    if data_format == "channels_last":
        return ndim - 1
    if data_format == "channels_first":
        return 1
    raise ValueError(f"data_format must be 'channels_last' or 'channels_first'; {data_format!r} was given.")

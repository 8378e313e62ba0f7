"""Arithmetic of convolutions: argument tuples, lengths, kernel flipping."""

from __future__ import annotations

import numpy as np

_PADDINGS = ("valid", "same", "causal")


def _is_int(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def normalize_tuple(value, n, name):
    """`value` as a tuple of `n` ints.

    Args:
        value: int, or sequence of n ints.
        n: length wanted.
        name: of the argument, for the error.
    """
    if _is_int(value):
        return (int(value),) * n
    try:
        entries = tuple(value)
    except TypeError:
        entries = ()
    if len(entries) != n or not all(_is_int(entry) for entry in entries):
        raise ValueError(f"The `{name}` argument must be a tuple of {n} integers. Received: {value!r}")
    return tuple(int(entry) for entry in entries)


def normalize_padding(value):
    """`value` in lower case: 'valid', 'same' or 'causal'."""
    padding = value.lower() if isinstance(value, str) else value
    if padding not in _PADDINGS:
        raise ValueError(
            f'The `padding` argument must be one of "valid", "same" (or "causal" for Conv1D). Received: {value!r}'
        )
    return padding


def convert_kernel(kernel):
    """A kernel (*spatial, in, out) with its spatial axes flipped: Theano's convolution to correlation, or back.

    Args:
        kernel: array of rank 3 to 5.
    """
    kernel = np.asarray(kernel)
    if not 3 <= kernel.ndim <= 5:
        raise ValueError(f"convert_kernel: kernel must have rank 3, 4 or 5, received shape {kernel.shape}")
    return np.flip(kernel, axis=tuple(range(kernel.ndim - 2))).copy()


def conv_output_length(input_length, filter_size, padding, stride, dilation=1):
    """Length after a convolution; None stays None.

    same, causal: ceil(L / stride); valid: ceil((L - k + 1) / stride); full: ceil((L + k - 1) / stride),
    where k = filter_size + (filter_size - 1) * (dilation - 1).
    """
    if input_length is None:
        return None
    reach = filter_size + (filter_size - 1) * (dilation - 1)
    change = _choose("conv_output_length", padding, {"same": 0, "causal": 0, "valid": 1 - reach, "full": reach - 1})
    return (input_length + change + stride - 1) // stride


def conv_input_length(output_length, filter_size, padding, stride):
    """A length whose convolution gives `output_length`: (L - 1) * stride - 2 * pad + filter_size; None stays None."""
    if output_length is None:
        return None
    pads = {"same": filter_size // 2, "valid": 0, "full": filter_size - 1}
    pad = _choose("conv_input_length", padding, pads)
    return (output_length - 1) * stride - 2 * pad + filter_size


def deconv_length(dim_size, stride_size, kernel_size, padding, output_padding, dilation=1):
    """Length after a transposed convolution; None stays None.

    Without output_padding, where k = kernel_size + (kernel_size - 1) * (dilation - 1):
    same: L * stride; valid: L * stride + max(k - stride, 0); full: L * stride - (stride + k - 2).
    With it: (L - 1) * stride + k - 2 * pad + output_padding.
    """
    if dim_size is None:
        return None
    reach = kernel_size + (kernel_size - 1) * (dilation - 1)
    if output_padding is None:
        changes = {"same": 0, "valid": max(reach - stride_size, 0), "full": -(stride_size + reach - 2)}
        return dim_size * stride_size + _choose("deconv_length", padding, changes)
    pad = _choose("deconv_length", padding, {"same": reach // 2, "valid": 0, "full": reach - 1})
    return (dim_size - 1) * stride_size + reach - 2 * pad + output_padding


class PaddingError(ValueError, AssertionError):
    """A padding that does not exist; Keras asserts it, programs that check values catch a ValueError."""


def _choose(function, padding, table):
    if padding not in table:
        raise PaddingError(f"{function}: padding must be one of {sorted(table)}, received {padding!r}")
    return table[padding]

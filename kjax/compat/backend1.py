"""Backend functions under their Keras 1 names, and Keras 1's kernel layout."""

from __future__ import annotations

from kjax import backend as K
from kjax.compat.convert import Call, Step


def lesser(x, y):
    """Keras 1's name for `K.less`."""
    return K.less(x, y)


def lesser_equal(x, y):
    """Keras 1's name for `K.less_equal`."""
    return K.less_equal(x, y)


def asymmetric_temporal_padding(x, left_pad=1, right_pad=1):
    """`K.temporal_padding` with different numbers of zeros before and after."""
    return K.temporal_padding(x, (left_pad, right_pad))


def asymmetric_spatial_2d_padding(x, top_pad=1, bottom_pad=1, left_pad=1, right_pad=1, dim_ordering="default"):
    """`K.spatial_2d_padding` with different numbers of zeros on each side."""
    return K.spatial_2d_padding(x, ((top_pad, bottom_pad), (left_pad, right_pad)), data_format=_format(dim_ordering))


def atrous_conv2d(x, kernel, rate=1, border_mode="valid", dim_ordering="default", image_shape=None, filter_shape=None):
    """`K.conv2d` with holes; with dim_ordering 'th' the kernel is (filters, channels, rows, cols)."""
    kernel = K.permute_dimensions(kernel, (2, 3, 1, 0)) if dim_ordering == "th" else kernel
    return K.conv2d(x, kernel, padding=border_mode, data_format=_format(dim_ordering), dilation_rate=(rate, rate))


def deconv2d(
    x,
    kernel,
    output_shape,
    strides=(1, 1),
    border_mode="valid",
    dim_ordering="default",
    image_shape=None,
    filter_shape=None,
):
    """`K.conv2d_transpose`; with dim_ordering 'th' the kernel is (channels in, channels out, rows, cols)."""
    kernel = K.permute_dimensions(kernel, (2, 3, 1, 0)) if dim_ordering == "th" else kernel
    return K.conv2d_transpose(
        x, kernel, output_shape, strides=strides, padding=border_mode, data_format=_format(dim_ordering)
    )


def time_distributed_dense(x, w, b=None, dropout=None, input_dim=None, output_dim=None, timesteps=None):
    """x W + b for every step; x (batch, steps, input_dim), w (input_dim, output_dim).

    Args:
        dropout: rate > 0 of inputs dropped while training, the same ones in every step.
        input_dim, output_dim, timesteps: follow from x and w and are ignored.
    """
    if dropout:
        kept = K.dropout(K.ones_like(x[:, 0, :]), dropout)
        x = K.in_train_phase(x * K.expand_dims(kept, 1), x)
    product = K.dot(x, w)
    return product if b is None else product + b


def legacy_weight_ordering():
    """Whether weights are in the order of Keras before 1.0: never."""
    return False


def set_legacy_weight_ordering(value):
    """Only False: kjax has one order of weights."""
    if value is not False:
        raise ValueError(f"set_legacy_weight_ordering: value must be False, Keras 1.0's order; got {value!r}.")


def theano_kernel(*axes: int) -> Step:
    """With `dim_ordering='th'` Keras 1's backend took kernels (filters, channels, ...)."""

    def step(call: Call) -> None:
        if call.kwargs.get("dim_ordering") != "th":
            return
        if "kernel" in call.kwargs:
            call.kwargs["kernel"] = K.permute_dimensions(call.kwargs["kernel"], axes)
        elif len(call.args) > 1:
            call.args[1] = K.permute_dimensions(call.args[1], axes)

    return step


def _format(dim_ordering):
    formats = {"tf": "channels_last", "th": "channels_first", "default": None}
    if dim_ordering not in formats:
        raise ValueError(f"dim_ordering must be tf, th or default; got {dim_ordering!r}.")
    return formats[dim_ordering]

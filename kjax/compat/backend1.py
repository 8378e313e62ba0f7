"""Backend functions under their Keras 1 names, and Keras 1's kernel layout."""

from __future__ import annotations

from kjax import backend as K
from kjax.backend.config import keras1_dim_ordering
from kjax.keras1.call_conversion import Call, Step

_KEYWORDS1 = ("border_mode", "dim_ordering", "image_shape", "volume_shape", "filter_shape", "filter_dilation")


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
    kernel = K.permute_dimensions(kernel, (2, 3, 1, 0)) if _is_th(dim_ordering) else kernel
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
    """`K.conv2d_transpose` of a kernel (rows, cols, channels in, out), with 'th' (channels out, in, rows, cols)."""
    kernel = K.permute_dimensions(kernel, (2, 3, 0, 1) if _is_th(dim_ordering) else (0, 1, 3, 2))
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
    """With `dim_ordering='th'`, given or set in Keras 1's words, Keras 1 took kernels (filters, channels, ...).

    A call in none of the two's words, `K.conv2d(x, w)`, is Keras 1's where only its kernel fits.
    """

    def step(call: Call) -> None:
        stated = call.kwargs.get("dim_ordering", call.args[4] if len(call.args) > 4 else "default")
        ordering = keras1_dim_ordering() if stated == "default" else stated
        kernel = call.kwargs.get("kernel", call.args[1] if len(call.args) > 1 else None)
        if ordering != "th" or kernel is None:
            return
        old = stated in ("th", "tf") or any(k in call.kwargs for k in _KEYWORDS1)
        if not old and not _fits_keras1_only(call, kernel, axes):
            return
        if "kernel" in call.kwargs:
            call.kwargs["kernel"] = K.permute_dimensions(kernel, axes)
        else:
            call.args[1] = K.permute_dimensions(kernel, axes)

    return step


def _fits_keras1_only(call: Call, kernel, axes) -> bool:
    """Whether the kernel's axis of the input's channels can only be where Keras 1 with 'th' had it."""
    x = call.kwargs.get("x", call.args[0] if call.args else None)
    if any(k in call.kwargs for k in ("padding", "data_format", "dilation_rate")) or x is None:
        return False
    channels, shape = K.int_shape(x)[1], tuple(getattr(kernel, "shape", ()))
    return len(shape) == len(axes) and shape[1] == channels and shape[-2] != channels


def _is_th(dim_ordering) -> bool:
    return (keras1_dim_ordering() if dim_ordering == "default" else dim_ordering) == "th"


def _format(dim_ordering):
    formats = {"tf": "channels_last", "th": "channels_first", "default": None}
    if dim_ordering not in formats:
        raise ValueError(f"dim_ordering must be tf, th or default; got {dim_ordering!r}.")
    return formats[dim_ordering]

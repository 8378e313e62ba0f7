"""The table of Keras 1 calls: which arguments they took and what Keras 2 calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kjax.keras1 import call_rewrites
from kjax.keras1.call_conversion import Interface

FORMATS = {"tf": "channels_last", "th": "channels_first", "default": None}
IMPLEMENTATIONS = {"cpu": 0, "mem": 1, "gpu": 2}

_KERNEL = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
_BIAS = {"b_regularizer": "bias_regularizer", "b_constraint": "bias_constraint", "bias": "use_bias"}
_RECURRENT = {
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}
_FORMAT = {"dim_ordering": "data_format"}
_CONV = {"nb_filter": "filters", "subsample": "strides", "border_mode": "padding", **_FORMAT}
_ROWS_COLS = call_rewrites.kernel_dims("nb_row", "nb_col")


def interface(positional: str | None, renamed=None, *called) -> Interface:
    """An Interface with the value tables that go with its renamings.

    Args:
        positional: blank-separated names; None: not checked.
        renamed: Keras 1 keyword -> Keras 2 keyword or None.
        called: the steps.
    """
    renamed = renamed or {}
    values: dict[str, Mapping[Any, Any]] = {"dim_ordering": FORMATS} if "dim_ordering" in renamed else {}
    if "consume_less" in renamed:
        values["consume_less"] = IMPLEMENTATIONS
    return Interface(None if positional is None else tuple(positional.split()), renamed, values, called)


# by the names that `keras.legacy.interfaces` gives them, without `legacy_` and `_support`
INTERFACES: dict[str, Interface] = {
    "add_weight": interface("name shape", {}, call_rewrites.shape_before_name),
    "batchnorm": interface(
        "", {"beta_init": "beta_initializer", "gamma_init": "gamma_initializer"}, call_rewrites.batchnorm_mode
    ),
    "conv1d": interface(
        "filters kernel_size",
        {
            "nb_filter": "filters",
            "filter_length": "kernel_size",
            "subsample_length": "strides",
            "border_mode": "padding",
            **_KERNEL,
        },
        call_rewrites.sequence_shape(warn=False),
    ),
    "conv2d": interface("filters kernel_size", {**_CONV, **_KERNEL}, _ROWS_COLS),
    "conv3d": interface(
        "filters kernel_size",
        {**_CONV, **_KERNEL},
        call_rewrites.kernel_dims("kernel_dim1", "kernel_dim2", "kernel_dim3"),
    ),
    "convlstm2d": interface(
        "filters kernel_size", {**_CONV, **_RECURRENT, "bias": "use_bias"}, _ROWS_COLS, call_rewrites.forget_bias
    ),
    "cropping2d": interface("cropping", _FORMAT),
    "cropping3d": interface("cropping", _FORMAT),
    "deconv2d": interface("filters kernel_size", {**_CONV, **_KERNEL}, call_rewrites.drop_output_shape, _ROWS_COLS),
    "dense": interface("units", {"output_dim": "units", **_KERNEL}),
    "dropout": interface("rate noise_shape seed", {"p": "rate"}),
    "embedding": interface(
        "input_dim output_dim",
        {
            "init": "embeddings_initializer",
            "W_regularizer": "embeddings_regularizer",
            "W_constraint": "embeddings_constraint",
        },
        call_rewrites.drop_dropout,
    ),
    "gaussiandropout": interface("rate", {"p": "rate"}),
    "gaussiannoise": interface("stddev", {"sigma": "stddev"}),
    "generator_methods": interface(
        "generator steps_per_epoch epochs",
        {
            "samples_per_epoch": "steps_per_epoch",
            "val_samples": "steps",
            "nb_epoch": "epochs",
            "nb_val_samples": "validation_steps",
            "nb_worker": "workers",
            "pickle_safe": "use_multiprocessing",
            "max_q_size": "max_queue_size",
        },
        call_rewrites.sample_counts,
    ),
    "get_updates": interface(None, {}, call_rewrites.constraints_dropped),
    "global_pooling": interface(None, _FORMAT),
    "input": interface(None, {"input_dtype": "dtype"}),
    "lambda": interface("function output_shape"),
    "model_constructor": interface(None, {"input": "inputs", "output": "outputs"}),
    "pooling1d": interface(
        "pool_size strides padding", {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}
    ),
    "pooling2d": interface("pool_size strides padding", {"border_mode": "padding", **_FORMAT}),
    "pooling3d": interface("pool_size strides padding", {"border_mode": "padding", **_FORMAT}),
    "prelu": interface("alpha_initializer", {"init": "alpha_initializer"}),
    "recurrent": interface(
        "units",
        {"output_dim": "units", **_RECURRENT, "consume_less": "implementation"},
        call_rewrites.forget_bias,
        call_rewrites.sequence_shape(warn=True),
    ),
    "separable_conv2d": interface("filters kernel_size", {**_CONV, **_BIAS}, call_rewrites.separable_init, _ROWS_COLS),
    "spatialdropout1d": interface("rate", {"p": "rate"}),
    "spatialdropoutNd": interface("rate", {"p": "rate", **_FORMAT}),
    "upsampling1d": interface("size", {"length": "size"}),
    "upsampling2d": interface("size", _FORMAT),
    "upsampling3d": interface("size", _FORMAT),
    "zeropadding2d": interface("padding", _FORMAT, call_rewrites.padding_dict),
    "zeropadding3d": interface("padding", _FORMAT),
}


@dataclass(frozen=True)
class Row:
    """One class whose constructor took other arguments in Keras 1.

    Attributes:
        interface: key in INTERFACES.
        order: the Keras 1 arguments in their order; those behind `|` Keras 2 does not take by position.
        ignored: Keras 1 keywords that had no effect there either when they come alone.
    """

    interface: str
    order: str
    ignored: tuple[str, ...] = ()


_CONV_TAIL = "W_regularizer b_regularizer activity_regularizer W_constraint b_constraint bias"
_CONV1D = (
    f"nb_filter filter_length | init activation weights border_mode subsample_length {_CONV_TAIL} input_dim "
    "input_length"
)
_CONV2D = f"nb_filter nb_row nb_col | init activation weights border_mode subsample dim_ordering {_CONV_TAIL}"
_RNN_TAIL = "W_regularizer U_regularizer b_regularizer dropout_W dropout_U"

LAYERS: dict[str, Row] = {
    "AveragePooling1D": Row("pooling1d", "pool_length stride border_mode"),
    "AveragePooling2D": Row("pooling2d", "pool_size strides border_mode | dim_ordering"),
    "AveragePooling3D": Row("pooling3d", "pool_size strides border_mode | dim_ordering"),
    "BatchNormalization": Row(
        "batchnorm", "| epsilon mode axis momentum weights beta_init gamma_init gamma_regularizer beta_regularizer"
    ),
    "Conv1D": Row("conv1d", _CONV1D, ("input_length",)),
    "Conv2D": Row("conv2d", _CONV2D),
    "Conv2DTranspose": Row("deconv2d", _CONV2D.replace("nb_col |", "nb_col output_shape |")),
    "Conv3D": Row("conv3d", _CONV2D.replace("nb_row nb_col", "kernel_dim1 kernel_dim2 kernel_dim3")),
    "ConvLSTM2D": Row(
        "convlstm2d",
        "nb_filter nb_row nb_col | init inner_init forget_bias_init activation inner_activation dim_ordering "
        f"border_mode subsample {_RNN_TAIL}",
    ),
    "Cropping2D": Row("cropping2d", "cropping | dim_ordering"),
    "Cropping3D": Row("cropping3d", "cropping | dim_ordering"),
    "Dense": Row("dense", f"output_dim | init activation weights {_CONV_TAIL} input_dim"),
    "Dropout": Row("dropout", "p noise_shape seed"),
    "Embedding": Row(
        "embedding",
        "input_dim output_dim | init input_length W_regularizer activity_regularizer W_constraint mask_zero weights "
        "dropout",
    ),
    "GRU": Row("recurrent", f"output_dim | init inner_init activation inner_activation {_RNN_TAIL}", ("input_length",)),
    "GaussianDropout": Row("gaussiandropout", "p"),
    "GaussianNoise": Row("gaussiannoise", "sigma"),
    "GlobalAveragePooling2D": Row("global_pooling", "| dim_ordering"),
    "GlobalAveragePooling3D": Row("global_pooling", "| dim_ordering"),
    "GlobalMaxPooling2D": Row("global_pooling", "| dim_ordering"),
    "GlobalMaxPooling3D": Row("global_pooling", "| dim_ordering"),
    "InputLayer": Row("input", "input_shape"),
    "LSTM": Row(
        "recurrent",
        f"output_dim | init inner_init forget_bias_init activation inner_activation {_RNN_TAIL}",
        ("input_length",),
    ),
    "Lambda": Row("lambda", "function output_shape | arguments"),
    "LocallyConnected1D": Row("conv1d", _CONV1D, ("input_length",)),
    "LocallyConnected2D": Row("conv2d", _CONV2D),
    "MaxPooling1D": Row("pooling1d", "pool_length stride border_mode"),
    "MaxPooling2D": Row("pooling2d", "pool_size strides border_mode | dim_ordering"),
    "MaxPooling3D": Row("pooling3d", "pool_size strides border_mode | dim_ordering"),
    "PReLU": Row("prelu", "init | weights shared_axes"),
    "SeparableConv2D": Row(
        "separable_conv2d",
        "nb_filter nb_row nb_col | init activation weights border_mode subsample depth_multiplier dim_ordering "
        "depthwise_regularizer pointwise_regularizer b_regularizer activity_regularizer depthwise_constraint "
        "pointwise_constraint b_constraint bias",
    ),
    "SimpleRNN": Row("recurrent", f"output_dim | init inner_init activation {_RNN_TAIL}", ("input_length",)),
    "SpatialDropout1D": Row("spatialdropout1d", "p"),
    "SpatialDropout2D": Row("spatialdropoutNd", "p | dim_ordering"),
    "SpatialDropout3D": Row("spatialdropoutNd", "p | dim_ordering"),
    "UpSampling1D": Row("upsampling1d", "length"),
    "UpSampling2D": Row("upsampling2d", "size | dim_ordering"),
    "UpSampling3D": Row("upsampling3d", "size | dim_ordering"),
    "ZeroPadding2D": Row("zeropadding2d", "padding | dim_ordering"),
    "ZeroPadding3D": Row("zeropadding3d", "padding | dim_ordering"),
}

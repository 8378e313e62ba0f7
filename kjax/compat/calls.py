"""The table of Keras 1 arguments of methods and functions."""

from __future__ import annotations

from kjax.compat.backend1 import theano_kernel
from kjax.keras1.call_conversion import Call, Interface
from kjax.keras1.call_rewrites import samples_to_batches
from kjax.keras1.rules import FORMATS, INTERFACES, interface


def _names(**renamed: str | None) -> Interface:
    """Renamed keywords of a function; `dim_ordering` brings its values along, also by position."""
    return interface(None, renamed, *([_ordering_by_position] if "dim_ordering" in renamed else []))


def _ordering_by_position(call: Call) -> None:
    """'tf', 'th' or 'default' by position, where Keras 1 had `dim_ordering` and Keras 2 has `data_format`."""
    for i, value in enumerate(call.args[1:], 1):
        if isinstance(value, str) and value in FORMATS:
            call.args[i] = FORMATS[value]
            call.converted = True


_BORDER_FORMAT = {"border_mode": "padding", "dim_ordering": "data_format"}

# 'module:function' and 'module:Class.method' (modules without `kjax.`): methods that Keras 2 converted too
METHODS: dict[str, Interface] = {
    "engine.base_layer:Layer.add_weight": INTERFACES["add_weight"],
    "engine.network:Network.__init__": INTERFACES["model_constructor"],
    "engine.training:Model.fit": _names(nb_epoch="epochs"),
    **{
        f"engine.training:Model.{name}_generator": interface(
            None, INTERFACES["generator_methods"].renamed, samples_to_batches
        )
        for name in ("fit", "evaluate", "predict")
    },
    **{
        f"optimizers:{name}.get_updates": INTERFACES["get_updates"]
        for name in ("Optimizer", "SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam", "TFOptimizer")
    },
    "callbacks:ReduceLROnPlateau": _names(epsilon="min_delta"),
    "datasets.imdb:load_data": _names(nb_words="num_words"),
    "datasets.reuters:load_data": _names(nb_words="num_words"),
}

# the same for what Keras 2 did not convert; None: the argument said nothing that JAX has to be told
CALLS: dict[str, Interface] = {
    "backend:conv1d": _names(stride="strides", border_mode="padding", image_shape=None, filter_shape=None),
    "backend:conv2d": interface(
        None,
        {**_BORDER_FORMAT, "filter_dilation": "dilation_rate", "image_shape": None, "filter_shape": None},
        theano_kernel(2, 3, 1, 0),
        _ordering_by_position,
    ),
    "backend:conv3d": interface(
        None,
        {**_BORDER_FORMAT, "volume_shape": None, "filter_shape": None},
        theano_kernel(2, 3, 4, 1, 0),
        _ordering_by_position,
    ),
    "backend:separable_conv2d": _names(**_BORDER_FORMAT),
    "backend:pool2d": _names(**_BORDER_FORMAT),
    "backend:pool3d": _names(**_BORDER_FORMAT),
    "backend:spatial_2d_padding": _names(dim_ordering="data_format"),
    "backend:spatial_3d_padding": _names(dim_ordering="data_format"),
    "backend:resize_images": _names(X="x", dim_ordering="data_format"),
    "backend:resize_volumes": _names(X="x", dim_ordering="data_format"),
    "backend:expand_dims": _names(dim="axis"),
    "backend:one_hot": _names(nb_classes="num_classes"),
    "backend:random_normal": _names(std="stddev"),
    "backend:random_uniform": _names(low="minval", high="maxval"),
    "constraints:MaxNorm": _names(m="max_value"),
    "constraints:MinMaxNorm": _names(low="min_value", high="max_value"),
    "applications.imagenet_utils:preprocess_input": _names(dim_ordering="data_format"),
    "preprocessing.image:ImageDataGenerator": _names(dim_ordering="data_format"),
    "preprocessing.image:ImageDataGenerator.flow": _names(X="x"),
    "preprocessing.image:NumpyArrayIterator": _names(dim_ordering="data_format"),
    "preprocessing.image:DirectoryIterator": _names(dim_ordering="data_format"),
    "preprocessing.image:array_to_img": _names(dim_ordering="data_format"),
    "preprocessing.image:img_to_array": _names(dim_ordering="data_format"),
    "preprocessing.image:random_channel_shift": _names(intensity="intensity_range"),
    "utils.data_utils:validate_file": _names(md5_hash="file_hash"),
    "utils.generic_utils:Progbar.update": _names(force=None),
    "utils.np_utils:normalize": _names(a="x"),
    "utils.np_utils:to_categorical": _names(nb_classes="num_classes"),
    "utils.test_utils:get_test_data": _names(nb_train="num_train", nb_test="num_test", nb_class="num_classes"),
}

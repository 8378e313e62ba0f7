"""The table of module paths: each row says what a path of some Keras version stands for in kjax."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Alias:
    """The path is another name of the module `target` (written without `kjax.`)."""

    target: str


@dataclass(frozen=True)
class Namespace:
    """The path is a module of its own that holds names of other modules.

    Attributes:
        doc: its docstring.
        names: source module (without `kjax.`) -> the names taken from it, blank-separated; `new=old` renames.
        package: it has submodules.
    """

    doc: str
    names: Mapping[str, str] = field(default_factory=dict)
    package: bool = False

    def entries(self) -> Iterator[tuple[str, str, str]]:
        """(source module, name here, name there) for every name."""
        for source, names in self.names.items():
            for item in names.split():
                name, _, found_as = item.partition("=")
                yield source, name, found_as or name


@dataclass(frozen=True)
class Absent:
    """The path is of a Keras version, but kjax has nothing of the kind.

    Attributes:
        reason: what the ImportError says.
    """

    reason: str


_ONE_BACKEND = Absent("kjax has one backend, JAX: import keras.backend instead")
_MUSIC_TAGGER = Absent("the music tagger of Keras 1 is gone, and so are its weights")
_TENSOR_NAMES = "get_uid is_keras_tensor reset_uids"
_SETTINGS = (
    "cast_to_floatx epsilon floatx image_data_format image_dim_ordering normalize_data_format set_epsilon set_floatx "
    "set_image_data_format set_image_dim_ordering"
)
_HELPERS = (
    "batch_shuffle check_array_length_consistency check_loss_and_target_compatibility check_num_samples "
    "collect_metrics iter_sequence_infinite make_batches standardize_class_weights standardize_input_data "
    "standardize_sample_or_class_weights standardize_sample_weights standardize_single_array standardize_weights "
    "weighted_masked_objective"
)
_SAVING = (
    "load_model model_from_config model_from_json model_from_yaml save_attributes_to_hdf5_group save_model "
    "save_weights_to_hdf5_group"
)
_WEIGHT_FILES = (
    "load_attributes_from_hdf5_group load_weights_from_hdf5_group load_weights_from_hdf5_group_by_name pickle_model "
    "preprocess_weights_for_loading unpickle_model"
)

# path (without `kjax.`) -> what is there; a file of kjax at the path itself comes first
MODULES: dict[str, Alias | Namespace | Absent] = {
    "applications.audio_conv_utils": _MUSIC_TAGGER,
    "applications.mobilenetv2": Alias("applications.mobilenet_v2"),
    "applications.music_tagger_crnn": _MUSIC_TAGGER,
    "backend.cntk_backend": _ONE_BACKEND,
    "backend.common": Namespace(
        "The settings of the backend.",
        {
            "backend.config": _SETTINGS,
            "backend": f"{_TENSOR_NAMES} eager symbolic",
            "compat.backend1": "legacy_weight_ordering set_legacy_weight_ordering",
        },
    ),
    "backend.load_backend": Alias("backend"),
    "backend.numpy_backend": _ONE_BACKEND,
    "backend.tensorflow_backend": Alias("backend"),
    "backend.theano_backend": _ONE_BACKEND,
    "callbacks.callbacks": Alias("callbacks"),
    "callbacks.tensorboard_v1": Alias("callbacks"),
    "callbacks.tensorboard_v2": Alias("callbacks"),
    "engine.saving": Namespace(
        "Models and weights in files.",
        {
            "saving": _SAVING,
            "saving.helpers": _WEIGHT_FILES,
            "utils.io_utils": "ask_to_proceed_with_overwrite h5dict",
        },
    ),
    "engine.topology": Namespace(
        "Layers, nodes and networks, as Keras before 2.2 kept them in one file.",
        {
            "engine.base_layer": "InputSpec Layer Node",
            "engine.input_layer": "Input InputLayer",
            "engine.network": "Network Container=Network",
            "compat.merge1": "Merge merge",
            "saving": "save_weights_to_hdf5_group",
            "saving.helpers": (
                "load_weights_from_hdf5_group load_weights_from_hdf5_group_by_name preprocess_weights_for_loading"
            ),
            "utils.generic_utils": "object_list_uid to_list",
            "utils.layer_utils": "get_source_inputs",
        },
    ),
    "engine.training_arrays": Namespace(
        "The training loops over arrays, for steps of one's own.",
        {
            "compat.training_loops": "fit_loop predict_loop test_loop",
            "compat.training1": "batch_shuffle check_num_samples make_batches",
            "utils.generic_utils": "Progbar slice_arrays to_list unpack_singleton",
        },
    ),
    "engine.training_generator": Namespace(
        "The training loops over generators.",
        {
            "compat.training_loops": "evaluate_generator fit_generator predict_generator",
            "compat.training1": "iter_sequence_infinite",
            "utils.data_utils": "GeneratorEnqueuer OrderedEnqueuer Sequence",
            "utils.generic_utils": "Progbar to_list unpack_singleton",
        },
    ),
    "engine.training_utils": Namespace(
        "Helpers of the training loops.", {"compat.training1": _HELPERS, "utils.generic_utils": "slice_arrays"}
    ),
    "initializations": Alias("compat.initializations"),
    "legacy": Namespace("What Keras 2 kept of Keras 1.", package=True),
    "legacy.interfaces": Alias("compat.interfaces"),
    "legacy.layers": Namespace(
        "Layers of Keras 1 and of Keras before 2.1.",
        {
            "engine.base_layer": "InputSpec Layer",
            "compat.layers1": "AtrousConvolution1D AtrousConvolution2D Highway MaxoutDense",
            "compat.merge1": "Merge merge",
            "layers.stepwise": "ConvRecurrent2D Recurrent",
        },
    ),
    "objectives": Alias("losses"),
    "utils.losses_utils": Namespace(
        "Weights and reductions of losses.",
        {
            "losses": "Reduction",
            "compat.losses23": (
                "broadcast_weights compute_weighted_loss reduce_weighted_loss squeeze_or_expand_dimensions"
            ),
        },
    ),
    "utils.metrics_utils": Alias("compat.metrics23"),
    "utils.test_utils": Alias("compat.layer_tests"),
    "utils.training_utils": Alias("utils.multi_gpu_utils"),
    "utils.visualize_util": Namespace(
        "Diagrams of models.", {"utils.vis_utils": "model_to_dot plot=plot_model plot_model"}
    ),
}

"""The table of single names: what a name of an older Keras version stands for."""

from __future__ import annotations

_MERGE = {"Merge": "compat.merge1:Merge", "merge": "compat.merge1:merge"}
_CONV = {
    "AtrousConv1D": "compat.layers1:AtrousConvolution1D",
    "AtrousConv2D": "compat.layers1:AtrousConvolution2D",
    "AtrousConvolution1D": "compat.layers1:AtrousConvolution1D",
    "AtrousConvolution2D": "compat.layers1:AtrousConvolution2D",
    "Convolution1D": "layers:Conv1D",
    "Convolution2D": "layers:Conv2D",
    "Convolution2DTranspose": "layers:Conv2DTranspose",
    "Convolution3D": "layers:Conv3D",
    "Deconv2D": "layers:Conv2DTranspose",
    "Deconv3D": "layers:Conv3DTranspose",
    "Deconvolution2D": "layers:Conv2DTranspose",
    "Deconvolution3D": "layers:Conv3DTranspose",
    "SeparableConvolution1D": "layers:SeparableConv1D",
    "SeparableConvolution2D": "layers:SeparableConv2D",
}
_DENSE = {
    "Highway": "compat.layers1:Highway",
    "MaxoutDense": "compat.layers1:MaxoutDense",
    "TimeDistributedDense": "compat.layers1:TimeDistributedDense",
}
_LEARNED = {
    "ParametricSoftplus": "compat.layers1:ParametricSoftplus",
    "SReLU": "compat.layers1:SReLU",
}
_RECURRENT = {"Recurrent": "layers.stepwise:Recurrent"}
_CONV_RECURRENT = {"ConvRecurrent2D": "layers.stepwise:ConvRecurrent2D"}
_LOSSES = {"mean_cosine_proximity": "keras1.losses:mean_cosine_proximity"}
_METRICS = {
    name: f"compat.metrics1:{name}"
    for name in ("f1score", "fbeta_score", "fmeasure", "fscore", "matthews_correlation", "precision", "recall")
}
_TRAINING = (
    "batch_shuffle",
    "check_array_length_consistency",
    "check_loss_and_target_compatibility",
    "collect_metrics",
    "make_batches",
    "standardize_class_weights",
    "standardize_input_data",
    "standardize_sample_or_class_weights",
    "standardize_sample_weights",
    "standardize_weights",
    "weighted_masked_objective",
)

# module (without `kjax.`) -> name -> 'module:name' of the object it stands for
NAMES: dict[str, dict[str, str]] = {
    "applications.inception_v3": {"conv2d_bn": "compat.blocks1:conv2d_bn"},
    "applications.resnet50": {
        "conv_block": "compat.blocks1:conv_block",
        "identity_block": "compat.blocks1:identity_block",
    },
    "layers": {
        **_CONV,
        **_DENSE,
        **_LEARNED,
        **_RECURRENT,
        **_CONV_RECURRENT,
        "Merge": "compat.merge1:Merge",
        "time_distributed_dense": "compat.backend1:time_distributed_dense",
    },
    "layers.core": {**_DENSE, "Merge": "compat.merge1:Merge"},
    "layers.convolutional": {
        **_CONV,
        "InputSpec": "engine.base_layer:InputSpec",
        "Layer": "engine.base_layer:Layer",
    },
    "layers.advanced_activations": _LEARNED,
    "layers.recurrent": {**_RECURRENT, "time_distributed_dense": "compat.backend1:time_distributed_dense"},
    "layers.convolutional_recurrent": {**_RECURRENT, **_CONV_RECURRENT},
    "engine": {
        "Input": "engine.input_layer:Input",
        "InputLayer": "engine.input_layer:InputLayer",
        "InputSpec": "engine.base_layer:InputSpec",
        "Layer": "engine.base_layer:Layer",
        "Model": "engine.training:Model",
        "get_source_inputs": "utils.layer_utils:get_source_inputs",
        **_MERGE,
    },
    "engine.input_layer": {"Node": "engine.base_layer:Node"},
    "engine.sequential": {
        "InputLayer": "engine.input_layer:InputLayer",
        "Layer": "engine.base_layer:Layer",
        "Model": "engine.training:Model",
    },
    "engine.training": {
        "Container": "engine.network:Network",
        "Layer": "engine.base_layer:Layer",
        "GeneratorEnqueuer": "utils.data_utils:GeneratorEnqueuer",
        "Network": "engine.network:Network",
        **{name: f"compat.training1:{name}" for name in _TRAINING},
        "check_array_lengths": "compat.training1:check_array_length_consistency",
        "slice_X": "utils.generic_utils:slice_arrays",
        "slice_arrays": "utils.generic_utils:slice_arrays",
        "weighted_objective": "compat.training1:weighted_masked_objective",
    },
    "models": {
        "Layer": "engine.base_layer:Layer",
        "Merge": "compat.merge1:Merge",
        "Node": "engine.base_layer:Node",
        "get_source_inputs": "utils.layer_utils:get_source_inputs",
        "optimizer_from_config": "optimizers:deserialize",
    },
    "backend": {
        "get_session": "compat.tensor_words:get_session",
        "set_session": "compat.tensor_words:set_session",
        **{
            name: f"compat.backend1:{name}"
            for name in (
                "asymmetric_spatial_2d_padding",
                "asymmetric_temporal_padding",
                "atrous_conv2d",
                "deconv2d",
                "legacy_weight_ordering",
                "lesser",
                "lesser_equal",
                "set_legacy_weight_ordering",
            )
        },
    },
    "metrics": _METRICS,
    "optimizers": {"optimizer_from_config": "optimizers:deserialize"},
    "preprocessing.image": {"apply_transform": "compat.image1:apply_transform"},
    "regularizers": {
        "ActivityRegularizer": "regularizers:L1L2",
        "EigenvalueRegularizer": "compat.regularizers1:EigenvalueRegularizer",
        "L1L2Regularizer": "regularizers:L1L2",
        "WeightRegularizer": "regularizers:L1L2",
        "activity_l1": "compat.regularizers1:activity_l1",
        "activity_l1l2": "compat.regularizers1:l1l2",
        "activity_l2": "compat.regularizers1:activity_l2",
        "l1l2": "compat.regularizers1:l1l2",
    },
    "utils": {"H5Dict": "utils.io_utils:H5Dict"},
    "utils.conv_utils": {"normalize_data_format": "backend.config:normalize_data_format"},
    "utils.generic_utils": {
        "getargspec": "compat.utils23:getargspec",
        "get_from_module": "compat.utils1:get_from_module",
        "make_tuple": "compat.utils1:make_tuple",
    },
    "utils.io_utils": {
        "load_array": "compat.utils1:load_array",
        "load_from_binary_h5py": "compat.utils23:load_from_binary_h5py",
        "save_array": "compat.utils1:save_array",
        "save_to_binary_h5py": "compat.utils23:save_to_binary_h5py",
    },
    "utils.layer_utils": {
        "count_total_params": "compat.utils1:count_total_params",
        "layer_from_config": "layers:deserialize",
    },
    "utils.np_utils": {
        "accuracy": "compat.utils1:accuracy",
        "binary_logloss": "compat.utils1:binary_logloss",
        "categorical_probas_to_classes": "compat.utils1:categorical_probas_to_classes",
        "conv_input_length": "utils.conv_utils:conv_input_length",
        "conv_output_length": "utils.conv_utils:conv_output_length",
        "convert_kernel": "compat.utils1:convert_kernel",
        "multiclass_logloss": "compat.utils1:multiclass_logloss",
        "probas_to_classes": "compat.utils1:probas_to_classes",
    },
    "utils.vis_utils": {name: f"compat.utils23:{name}" for name in ("add_edge", "is_model", "is_wrapped_model")},
    "utils.test_utils": {"keras_test": "compat.utils1:keras_test"},
}

# module -> the class it gets: one that can be called, one whose variables are settings
MODULE_CLASSES: dict[str, str] = {
    "backend.common": "compat.private_backend:Settings",
    "layers.merge": "compat.merge1:MergeModule",
}

# 'module:Class' -> old attribute -> attribute
ATTRIBUTES: dict[str, dict[str, str]] = {
    "engine.base_layer:Layer": {"inbound_nodes": "_inbound_nodes", "outbound_nodes": "_outbound_nodes"},
    "engine.network:Network": {
        "_is_compiled": "_compiled",
        "container_nodes": "_network_nodes",
        "input_layers": "_input_layers",
        "layers_by_depth": "_layers_by_depth",
        "nodes_by_depth": "_nodes_by_depth",
        "output_layers": "_output_layers",
    },
}

# the same for weights and settings that programs read; a subclass may have its own under the old name
_DENSE_WEIGHTS = {"W": "kernel", "b": "bias"}
_CONV_WEIGHTS = {**_DENSE_WEIGHTS, "nb_filter": "filters", "subsample": "strides", "border_mode": "padding"}
WEIGHTS: dict[str, dict[str, str]] = {
    "layers:Dense": {**_DENSE_WEIGHTS, "output_dim": "units"},
    "layers:Conv1D": _CONV_WEIGHTS,
    "layers:Conv2D": _CONV_WEIGHTS,
    "layers:Conv3D": _CONV_WEIGHTS,
    "layers:Embedding": {"W": "embeddings"},
    "layers:Dropout": {"p": "rate"},
    "layers:SimpleRNN": {"output_dim": "units"},
    "layers:GRU": {"output_dim": "units"},
    "layers:LSTM": {"output_dim": "units"},
}

# methods of layers that users override: Keras 1's name -> Keras 2's
METHOD_NAMES: dict[str, str] = {"get_output_shape_for": "compute_output_shape"}

# tables of names that configs and `compile` may use: 'module:table' -> name -> object
REGISTRIES: dict[str, dict[str, str]] = {
    "engine.registry:layer_classes": {
        **_CONV,
        **_DENSE,
        **_LEARNED,
        "BatchNormalizationByInput": "compat.layers1:BatchNormalizationByInput",
        "Merge": "compat.merge1:Merge",
    },
    "losses:_REGISTRY": _LOSSES,
    "metrics:_REGISTRY": {**_LOSSES, **_METRICS},
}

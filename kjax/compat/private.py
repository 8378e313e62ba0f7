"""The table of private names of Keras 2.2.4 (and a few of 2.0 and 2.1) that programs use."""

from __future__ import annotations

_DROPOUT_MASK = {
    "_generate_dropout_mask": "compat.private_layers:_generate_dropout_mask",
    "_standardize_args": "layers.rnn:standardize_args",
}
_INJECTION = {"keras_modules_injection": "compat.applications21:keras_modules_injection"}
# module (without `kjax.`) -> name -> 'module:name' of what it stands for
PRIVATE_NAMES: dict[str, dict[str, str]] = {
    "applications": _INJECTION,
    **{
        f"applications.{name}": _INJECTION
        for name in (
            "densenet inception_resnet_v2 inception_v3 mobilenet_v2 nasnet resnet50 vgg16 vgg19 xception".split()
        )
    },
    "applications.imagenet_utils": {
        **_INJECTION,
        "_obtain_input_shape": "compat.applications21:_obtain_input_shape",
    },
    "applications.mobilenet": {
        **_INJECTION,
        "DepthwiseConv2D": "layers:DepthwiseConv2D",
        "relu6": "compat.applications21:relu6",
    },
    "backend": {
        **{
            name: f"compat.private_backend:{name}"
            for name in (
                "_BACKEND _GRAPH_LEARNING_PHASES _GRAPH_UID_DICTS _LOCAL_DEVICES _MANUAL_VAR_INIT _get_available_gpus "
                "_get_current_tf_device _has_nchw_support _is_current_explicit_device _preprocess_conv1d_input "
                "_preprocess_conv2d_input _preprocess_conv3d_input _preprocess_padding _to_tensor"
            ).split()
        },
        **{
            f"_{kind}_normalize_batch_in_training": "compat.private_backend:_normalize_batch_in_training"
            for kind in ("regular", "broadcast", "fused")
        },
        "_config": "backend.config:_settings",
    },
    "engine.base_layer": {
        "_collect_input_shape": "compat.private_engine:_collect_input_shape",
        "_collect_previous_mask": "compat.private_engine:_collect_previous_mask",
        "_to_snake_case": "engine.base_layer:_snake_case",
    },
    "engine": {"training_arrays": "engine.training_arrays:", "training_generator": "engine.training_generator:"},
    "engine.network": {
        "_make_node_key": "compat.private_engine:_make_node_key",
        "_map_graph_network": "compat.private_engine:_map_graph_network",
    },
    "engine.saving": {
        "_deserialize_model": "compat.private_layers:_deserialize_model",
        "_need_convert_kernel": "compat.private_layers:_need_convert_kernel",
        "_serialize_model": "compat.private_layers:_serialize_model",
    },
    "engine.training": {
        "training_arrays": "engine.training_arrays:",
        "training_generator": "engine.training_generator:",
    },
    "layers.convolutional": {
        "_Conv": "layers.convolution_base:ConvBase",
        "_Cropping": "layers.resizing:_Cropping",
        "_SeparableConv": "compat.private_layers:SeparableConv",
        "_UpSampling": "layers.resizing:_UpSampling",
        "_ZeroPadding": "layers.resizing:_ZeroPadding",
    },
    "layers.convolutional_recurrent": _DROPOUT_MASK,
    "layers.recurrent": {
        **_DROPOUT_MASK,
        "_time_distributed_dense": "compat.backend1:time_distributed_dense",
    },
    "models": {
        "_clone_functional_model": "compat.private_layers:_clone_functional_model",
        "_clone_sequential_model": "compat.private_layers:_clone_sequential_model",
    },
    "utils.generic_utils": {"_GLOBAL_CUSTOM_OBJECTS": "utils.custom_objects:_GLOBAL_CUSTOM_OBJECTS"},
    "utils.multi_gpu_utils": {
        "_get_available_devices": "compat.private_layers:_get_available_devices",
        "_normalize_device_name": "compat.private_layers:_normalize_device_name",
    },
    "utils.vis_utils": {"_check_pydot": "compat.private_layers:_check_pydot"},
}

# 'module:Class' -> attribute -> 'module:name' of the function, property or value
PRIVATE_ATTRIBUTES: dict[str, dict[str, str]] = {
    "engine.base_layer:Layer": {
        name: f"compat.private_engine:{name}"
        for name in ("_add_inbound_node", "_get_node_attribute_at_index", "_node_key")
    },
    "engine.network:Network": {
        name: f"compat.private_engine:{name}"
        for name in (
            "_expects_training_arg _layers_by_depth _network_nodes _nodes_by_depth _output_mask_cache "
            "_output_shape_cache _output_tensor_cache _uses_inputs_arg"
        ).split()
    },
    "engine.training:Model": {
        **{
            name: f"compat.private_engine:{name}"
            for name in ("_feed_input_shapes", "_feed_output_shapes", "_set_inputs", "_standardize_user_data")
        },
        "_fit_loop": "compat.training_loops:fit_loop",
        "_predict_loop": "compat.training_loops:predict_loop",
        "_test_loop": "compat.training_loops:test_loop",
    },
}

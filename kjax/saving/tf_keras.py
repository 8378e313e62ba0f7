"""Configs of TensorFlow's Keras, 1.x to 2.15, in the words of Keras 2.2.4."""

from __future__ import annotations

import warnings

from kjax.saving.config_reader import ConfigReader
from kjax.saving.tf_rules import BatchMeanL1L2

__all__ = ["TfKerasReader"]

# arguments 2.2.4 does not have, dropped at the one value that changes nothing
_NEUTRAL = {
    "groups": (1,),
    "time_major": (False,),
    "ragged": (False,),
    "zero_output_for_mask": (False,),
    "keepdims": (False,),
    "sparse": (False,),
    "type_spec": (None,),
    "optional": (False,),
    "renorm": (False,),
    "fused": (None, True, False),
    "virtual_batch_size": (None,),
    "adjustment": (None,),
    "synchronized": (False,),
    "autocast": (True, False),
    "force_generator": (False,),
    "rng_type": (None, "stateful"),
    "split": (False,),
    "pad_to_aspect_ratio": (False,),
    "dynamic": (False,),
    "experimental_autocast": (True, False),
    "use_legacy_format": (True, False),
}
_KEPT = {"InputLayer": ("sparse",)}
_KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
# stored by a base class of TensorFlow's, without meaning for the class itself
_DEAD = {
    "SeparableConv1D": _KERNEL,
    "SeparableConv2D": _KERNEL,
    "DepthwiseConv2D": (*_KERNEL, "filters"),
    "CuDNNLSTM": ("time_major",),
    "CuDNNGRU": ("time_major",),
    # the numbers a seed gives are others here in any case
    "GaussianNoise": ("seed",),
    "GaussianDropout": ("seed",),
    "SpatialDropout1D": ("seed", "noise_shape"),
    "SpatialDropout2D": ("seed", "noise_shape"),
    "SpatialDropout3D": ("seed", "noise_shape"),
}
_SCALES = {
    "GlorotUniform": (1.0, "fan_avg", "uniform"),
    "GlorotNormal": (1.0, "fan_avg", "normal"),
    "HeUniform": (2.0, "fan_in", "uniform"),
    "HeNormal": (2.0, "fan_in", "normal"),
    "LecunUniform": (1.0, "fan_in", "uniform"),
    "LecunNormal": (1.0, "fan_in", "normal"),
}
_RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
    "Functional": "Model",
}


class TfKerasReader(ConfigReader):
    """Reads the configs of tf.keras and of Keras 2.4 to 2.15, which is the same."""

    def class_name(self, name):
        name = name.rpartition(">")[2] or name  # 'Custom>Scale'
        return _RENAMED.get(name, name)

    def common(self, config):
        dtype = config.get("dtype")
        if isinstance(dtype, dict):
            inner = dtype.get("config") or {}
            dtype = inner.get("name")
            if dtype not in ("float16", "float32", "float64", "bfloat16"):
                self.fail(
                    f"layer {config.get('name')}: the dtype policy {str(dtype)[:40]!r} is not supported; save "
                    f"the model with 'float32'."
                )
            config["dtype"] = dtype
        return config

    def model_fields(self, config):
        return {k: config[k] for k in ("name", "trainable") if config.get(k) is not None}

    def _graph_layer(self, data):
        """A layer of a functional model; a frozen BatchNormalization is called in test phase, as in TensorFlow 2."""
        result = super()._graph_layer(data)
        if result["class_name"] == "BatchNormalization" and result["config"].get("trainable") is False:
            if data["class_name"] != "BatchNormalizationV1" and result["inbound_nodes"]:
                self.notes(f"layer {result['name']}: frozen, so its moving averages are used in training too")
                for call in result["inbound_nodes"]:
                    call[0] = [*call[0][:3], {"training": False, **(call[0][3] if len(call[0]) > 3 else {})}]
        return result

    def _sequential(self, config, names):
        result = super()._sequential(config, names)
        for layer in result["config"].get("layers", ()):
            if layer["class_name"] == "BatchNormalization" and layer["config"].get("trainable") is False:
                where = f"{self.notes.where}: layer {layer['config'].get('name')}"
                warnings.warn(
                    f"{where}: a frozen BatchNormalization in a Sequential normalizes with the batch's statistics in "
                    "training, as in Keras 2.2.4; TensorFlow 2 uses its moving averages. In a functional model it is "
                    "called with training=False.",
                    UserWarning,
                    stacklevel=2,
                )
        return result

    def plain_layer(self, name, config):
        if name.startswith("LocallyConnected") and config.pop("implementation", 1) != 1:
            raise ValueError(
                f"{self.notes.where}: {name} {config.get('name')} has another implementation than 1, whose kernels are "
                "kept in a layout that cannot be read."
            )
        for key in _DEAD.get(name, ()):
            config.pop(key, None)
        for key in [k for k in config if k in _NEUTRAL and k not in _KEPT.get(name, ())]:
            value = config.pop(key)
            if value not in _NEUTRAL[key]:
                raise ValueError(
                    f"{self.notes.where}: {name} {config.get('name')} has {key}={value!r}, which Keras 2.2.4 does not "
                    f"know; only {key}={_NEUTRAL[key][0]!r} can be read."
                )
        if name == "BatchNormalization" and isinstance(config.get("axis"), list):
            axes = config["axis"]
            if len(axes) != 1:
                raise ValueError(
                    f"{self.notes.where}: BatchNormalization {config.get('name')} over several axes {axes} "
                    f"cannot be read."
                )
            config["axis"] = axes[0]
        if name == "Lambda":
            config.pop("module", None)
            config.pop("output_shape_module", None)
        if name == "Dropout" and config.get("noise_shape", 0) is None:
            config.pop("noise_shape")
        config = {k: self._object(k, v) for k, v in config.items()}
        if name == "ActivityRegularization":
            config["activity_regularizer"] = {
                "class_name": "L1L2",
                "config": {k: config.get(k, 0.0) for k in ("l1", "l2")},
            }
        if isinstance(config.get("activity_regularizer"), dict):
            config["activity_regularizer"] = self._penalty(config["activity_regularizer"], config.get("name"))
        return {"class_name": name, "config": config}

    def _penalty(self, described, layer):
        """The penalty on an output, which TensorFlow's Keras divides by the batch size."""
        if described["class_name"] not in ("L1L2", "BatchMeanL1L2"):
            self.notes(
                f"layer {layer}: its activity_regularizer {described['class_name']} is not divided by the batch size"
            )
            return described
        return BatchMeanL1L2(**described["config"])

    def _object(self, key, value):
        """Initializers, regularizers, constraints and activations without module paths."""
        if (
            not isinstance(value, dict)
            or not isinstance(value.get("class_name"), str)
            or key in ("layer", "backward_layer", "cell")
        ):
            return value
        name = self.class_name(value["class_name"])
        config = value.get("config")
        if name == "function" and isinstance(config, str):
            return self.class_name(config)
        if isinstance(config, dict):
            config = {k: v for k, v in config.items() if k != "dtype"}
            if name in _SCALES:
                scale, mode, distribution = _SCALES[name]
                config = {"scale": scale, "mode": mode, "distribution": distribution, "seed": config.get("seed")}
                name = "VarianceScaling"
            elif name in ("L1", "L2"):
                name = "L1L2"
        return {"class_name": name, "config": config}

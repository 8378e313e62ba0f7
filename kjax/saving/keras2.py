"""Configs of Keras 2.0 to 2.3 in the words of 2.2.4."""

from __future__ import annotations

from kjax.saving.branches import merge_layer
from kjax.saving.config_reader import ConfigReader
from kjax.saving.tf_rules import BatchMeanL1L2

__all__ = ["Keras2Reader"]

# arguments that 2.0 and 2.1 stored and that had no effect on the numbers of these layers
_WITHOUT_EFFECT = {"SimpleRNN": ("implementation",), "ConvLSTM2D": ("implementation",)}


class Keras2Reader(ConfigReader):
    """Reads the configs of standalone Keras 2.0 to 2.3: 2.2.4's own, and what differs by a few keys."""

    def plain_layer(self, name, config):
        if name == "Merge":
            return merge_layer(config, self.notes)
        for key in _WITHOUT_EFFECT.get(name, ()):
            config.pop(key, None)
        if name in ("GRU", "GRUCell"):
            config.setdefault("reset_after", False)  # 2.1 and before had no other
        penalty = config.get("activity_regularizer")
        if isinstance(penalty, dict) and penalty.get("class_name") == "BatchMeanL1L2":
            config["activity_regularizer"] = BatchMeanL1L2(**penalty["config"])  # a model of tf.keras, saved again
        return {"class_name": name, "config": config}

    def model_fields(self, config):
        return {k: config[k] for k in ("name", "trainable") if config.get(k) is not None}

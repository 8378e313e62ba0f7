"""Configs of Keras 1.0 to 1.2 in today's words."""

from __future__ import annotations

from kjax.keras1.call_conversion import Call
from kjax.keras1.rules import INTERFACES, LAYERS
from kjax.saving.branches import merge_layer
from kjax.saving.config_reader import ConfigReader

__all__ = ["Keras1Reader"]

# class names that are others today; the arguments are translated by the tables of `kjax.keras1.rules`
_CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
}
_UNCHANGED = frozenset(
    "Activation ActivityRegularization ELU Flatten GlobalAveragePooling1D GlobalMaxPooling1D LeakyReLU Masking "
    "Permute RepeatVector Reshape "
    "ThresholdedReLU Highway MaxoutDense SReLU ParametricSoftplus Cropping1D ZeroPadding1D".split()
)
# layers that have an image ordering, stored or not
_SPATIAL = frozenset(name for name, row in LAYERS.items() if "dim_ordering" in INTERFACES[row.interface].renamed)
_FORMATS = {"tf": "channels_last", "th": "channels_first"}


class _Call(Call):
    """A call whose remarks go to the import's notes."""

    def __init__(self, label, kwargs, notes):
        super().__init__(label, [], kwargs)
        self.notes = notes

    def note(self, text):
        self.notes(f"{self.label}: {text}")


class Keras1Reader(ConfigReader):
    """Reads the configs of Keras 1.0 to 1.2.

    Args:
        notes, custom, names: see `ConfigReader`.
        image_dim_ordering: 'th' or 'tf', for layers that do not say.
    """

    def __init__(self, notes, custom=(), names=(), image_dim_ordering=None):
        super().__init__(notes, custom, names)
        if image_dim_ordering not in (None, "th", "tf"):
            raise ValueError(f"image_dim_ordering must be 'th', 'tf' or None; got {image_dim_ordering!r}.")
        self.ordering = image_dim_ordering
        self._stated: set[str] = set()

    def model(self, config):
        self._stated = set(_orderings(config))
        return super().model(config)

    def common(self, config):
        if "input_dtype" in config:
            config["dtype"] = config.pop("input_dtype")
        return config

    def plain_layer(self, name, config):
        if name == "Merge":
            return merge_layer(config, self.notes)
        special = getattr(self, f"_{name.lower()}") if name in _SPECIAL else None
        if special is not None:
            config = special(config)
        today = _CLASSES.get(name, name)
        if name not in _UNCHANGED and today in LAYERS:
            config = self._renamed(today, name, config)
        if name == "BatchNormalization" and config.get("mode"):
            today = "BatchNormalizationByInput"
        for key in [k for k in config if k.endswith(("_regularizer", "_constraint"))]:
            config[key] = self._penalty(config[key], today, config.get("data_format"))
        if today != name:
            self.notes(f"{name} is read as {today}")
        return {"class_name": today, "config": config}

    def _renamed(self, today, name, config) -> dict:
        """Keras 1 argument names -> today's, by the tables."""
        row = LAYERS[today]
        interface = INTERFACES[row.interface]
        mode = config.pop("mode", None) if today == "BatchNormalization" else None
        if today in _SPATIAL:
            config["dim_ordering"] = self._ordering_of(config, name)
        keep = {k: config.pop(k) for k in ("input_dim", "input_length") if k in config}
        call = _Call(today, config, self.notes)
        for step in interface.steps:
            step(call)
        result = dict(call.kwargs)
        for old, new in interface.renamed.items():
            if old in result:
                value = result.pop(old)
                table = interface.values.get(old)
                if new is not None:
                    result[new] = table.get(value, value) if table is not None and isinstance(value, str) else value
        if today == "Embedding":
            result.update(keep)
        if mode:
            result["mode"] = mode
        if today == "SimpleRNN":
            result.pop("implementation", None)
        return result

    def _ordering_of(self, config, name) -> str:
        stated = config.get("dim_ordering")
        if stated in _FORMATS:
            return stated
        if stated not in (None, "default"):
            self.fail(f"{name} {config.get('name')}: dim_ordering {str(stated)[:40]!r} is neither 'th' nor 'tf'.")
        if self.ordering is not None:
            return self.ordering
        if len(self._stated) == 1:
            only = next(iter(self._stated))
            self.notes(f"{name} {config.get('name')} stores no image ordering: {only!r}, as the other layers have")
            return only
        raise ValueError(
            f"{self.notes.where}: {name} {config.get('name')} stores no image ordering and no other layer tells. Pass "
            "image_dim_ordering='th' (channels first) or 'tf' (channels last), as in the keras.json of the "
            "program that wrote the file."
        )

    # ------------------------------------------------------------ single classes

    def _atrousconvolution1d(self, config):
        config["dilation_rate"] = config.pop("atrous_rate", 1)
        return config

    def _atrousconvolution2d(self, config):
        config["dilation_rate"] = config.pop("atrous_rate", [1, 1])
        return config

    def _timedistributeddense(self, config):
        config.pop("input_length", None)
        return config

    def _highway(self, config):
        config.pop("transform_bias", None)
        return config

    def _convlstm2d(self, config):
        config.pop("input_dim", None)
        return config

    def _embedding(self, config):
        if "dtype" in config:
            config["dtype"] = "float32"  # Keras 1 named the type of the indices, Keras 2 names that of the weights
        rate = config.pop("dropout", 0.0)
        if rate:
            self.notes(
                f"Embedding {config.get('name')}: its dropout of {rate} during training has no counterpart and "
                f"is not done"
            )
        return config

    def _flatten(self, config):
        config.setdefault("data_format", "channels_last")  # Keras 1 kept the order, whatever the images' layout
        return config

    def _dropout(self, config):
        config.setdefault("p", 0.0)
        return config

    # ------------------------------------------------------------ regularizers and constraints

    def _penalty(self, value, cls, data_format):
        """{'name': ..., **arguments} -> {'class_name': ..., 'config': arguments}."""
        if not isinstance(value, dict) or "name" not in value:
            return value
        arguments = {k: v for k, v in value.items() if k != "name"}
        name = value["name"]
        if name in ("WeightRegularizer", "ActivityRegularizer", "L1L2Regularizer"):
            return {"class_name": "L1L2", "config": arguments}
        if "m" in arguments and name == "MaxNorm":
            arguments["max_value"] = arguments.pop("m")
        if "axis" in arguments:
            arguments["axis"] = _kernel_axis(arguments["axis"], cls, data_format)
        return {"class_name": name, "config": arguments}


_SPECIAL = frozenset(
    "AtrousConvolution1D AtrousConvolution2D TimeDistributedDense Highway ConvLSTM2D Embedding Dropout Flatten".split()
)
_TRANSPOSED = {"Conv2D": (2, 3, 1, 0), "Conv2DTranspose": (2, 3, 1, 0), "Conv3D": (2, 3, 4, 1, 0)}


def _kernel_axis(axis, cls, data_format):
    """An axis of a Keras 1 kernel in today's kernel."""
    if cls == "Conv1D":  # (length, 1, in, out) -> (length, in, out)
        order: tuple = (0, 2, 3)
    elif data_format == "channels_first" and cls in _TRANSPOSED:
        order = _TRANSPOSED[cls]
    else:
        return axis
    if isinstance(axis, list):
        return [order.index(a) for a in axis if a in order]
    return order.index(axis) if axis in order else axis


def _orderings(config):
    """Every image ordering that a config states."""
    if isinstance(config, dict):
        if config.get("dim_ordering") in _FORMATS:
            yield config["dim_ordering"]
        for value in config.values():
            yield from _orderings(value)
    elif isinstance(config, list):
        for value in config:
            yield from _orderings(value)

"""Classes of Keras whose defaults `tf.keras` has changed: Keras 2.3's gates, its names of accuracies."""

from __future__ import annotations

import functools
import inspect

from kjax import layers, models

__all__ = ["ConvLSTM2D", "ConvLSTM2DCell", "GRU", "GRUCell", "LSTM", "LSTMCell", "Model", "Sequential"]

# layer -> argument -> its default in tf.keras
DEFAULTS = {
    "ConvLSTM2D": {"recurrent_activation": "sigmoid"},
    "ConvLSTM2DCell": {"recurrent_activation": "sigmoid"},
    "GRU": {"recurrent_activation": "sigmoid", "reset_after": True},
    "GRUCell": {"recurrent_activation": "sigmoid", "reset_after": True},
    "LSTM": {"recurrent_activation": "sigmoid"},
    "LSTMCell": {"recurrent_activation": "sigmoid"},
}


def _with_defaults(cls, defaults):
    """A subclass of the same name with other defaults; its config names them, so that files mean the same anywhere."""
    signature = inspect.signature(cls.__init__)

    @functools.wraps(cls.__init__)
    def __init__(self, *args, **kwargs):
        given = signature.bind_partial(self, *args, **kwargs).arguments
        cls.__init__(self, *args, **{**{k: v for k, v in defaults.items() if k not in given}, **kwargs})

    changed = ", ".join(f"{k}={v!r}" for k, v in defaults.items())
    doc = f"`{cls.__name__}` of kjax with tf.keras's defaults: {changed}."
    made = type(cls.__name__, (cls,), {"__init__": __init__, "__doc__": doc, "__module__": __name__})
    __init__.__signature__ = signature.replace(
        parameters=[p.replace(default=defaults.get(n, p.default)) for n, p in signature.parameters.items()]
    )
    return made


_made = {name: _with_defaults(getattr(layers, name), defaults) for name, defaults in DEFAULTS.items()}
ConvLSTM2D, ConvLSTM2DCell = _made["ConvLSTM2D"], _made["ConvLSTM2DCell"]
GRU, GRUCell = _made["GRU"], _made["GRUCell"]
LSTM, LSTMCell = _made["LSTM"], _made["LSTMCell"]


class Model(models.Model):
    """`Model` of kjax that reports metrics under the names they were asked for: 'accuracy'."""

    metric_names_as_given = True


class Sequential(models.Sequential):
    """`Sequential` of kjax that reports metrics under the names they were asked for: 'accuracy'."""

    metric_names_as_given = True


# what takes the place of what, wherever it is found
REPLACED = {
    **{getattr(layers, name): name for name in DEFAULTS},
    models.Model: "Model",
    models.Sequential: "Sequential",
}

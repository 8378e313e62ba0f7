"""Private functions of Keras 2.2.4's layer modules, of `keras.models` and of the utilities, that programs use."""

from __future__ import annotations

import jax

from kjax import backend as K
from kjax import models
from kjax.layers.convolution_separable import _SeparableConv as SeparableBase
from kjax.saving.layout import write_model


def _generate_dropout_mask(ones, rate, training=None, count=1):
    """A dropout mask of the shape of `ones` for the training phase, ones in the test phase; a list if `count` > 1."""
    masks = [K.in_train_phase(lambda: K.dropout(ones, rate), ones, training=training) for _ in range(count)]
    return masks if count > 1 else masks[0]


class SeparableConv(SeparableBase):
    """A separable convolution of any rank, by the arguments of Keras's private base class."""

    def __init__(self, rank, filters, kernel_size, **arguments):
        defaults = {
            "strides": 1,
            "padding": "valid",
            "data_format": None,
            "dilation_rate": 1,
            "depth_multiplier": 1,
            "activation": None,
            "use_bias": True,
            "bias_initializer": "zeros",
            "bias_regularizer": None,
            "activity_regularizer": None,
            "bias_constraint": None,
        }
        for kernel in ("depthwise", "pointwise"):
            defaults |= {f"{kernel}_initializer": "glorot_uniform"}
            defaults |= {f"{kernel}_regularizer": None, f"{kernel}_constraint": None}
        super().__init__(rank=rank, filters=filters, kernel_size=kernel_size, **{**defaults, **arguments})


# ---------------------------------------------------------------- models and files


def _clone_functional_model(model, input_tensors=None):
    """`clone_model` of a functional model.

    Raises:
        ValueError: for a Sequential.
    """
    if isinstance(model, models.Sequential):
        raise ValueError("_clone_functional_model: a functional Model was required; got a Sequential.")
    return models.clone_model(model, input_tensors)


def _clone_sequential_model(model, input_tensors=None):
    """`clone_model` of a Sequential.

    Raises:
        ValueError: for any other model.
    """
    if not isinstance(model, models.Sequential):
        raise ValueError(f"_clone_sequential_model: a Sequential was required; got {model!r:.200}")
    return models.clone_model(model, input_tensors)


def _group(f):
    """The h5py group behind an `H5Dict`, or the group itself."""
    return getattr(f, "data", f)


def _serialize_model(model, f, include_optimizer=True):
    """Writes a model into an `H5Dict` or an open h5py group, as `save_model` does."""
    write_model(model, _group(f), include_optimizer)


def _deserialize_model(f, custom_objects=None, compile=True):
    """The model in an `H5Dict` or an open h5py group, as from `load_model`."""
    return models.load_model(_group(f), custom_objects=custom_objects, compile=compile)


def _need_convert_kernel(original_backend):
    """Whether convolution kernels of this backend are stored the other way round: Theano's are.

    Args:
        original_backend: 'theano', 'tensorflow', 'cntk', or None where a file does not say.
    """
    return original_backend == "theano"


# ---------------------------------------------------------------- utilities


def _check_pydot():
    """Raises an ImportError unless pydot is installed and finds graphviz."""
    try:
        import pydot
    except ImportError:
        raise ImportError("Failed to import pydot. Install it, for example with `pip install pydot`.") from None
    try:
        pydot.Dot.create(pydot.Dot())
    except OSError:
        raise OSError("pydot did not find graphviz's `dot`; install graphviz and add it to the PATH.") from None


def _get_available_devices():
    """The names of the devices that JAX sees, as '/cpu:0' and '/gpu:0'."""
    kinds = {"cuda": "gpu", "rocm": "gpu"}
    return [f"/{kinds.get(d.platform, d.platform)}:{d.id}" for d in jax.devices()]


def _normalize_device_name(name):
    """'/gpu:0' for '/device:GPU:0' and other spellings."""
    return "/" + ":".join(name.lower().replace("/", "").split(":")[-2:])

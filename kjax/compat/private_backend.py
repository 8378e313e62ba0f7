"""Names of `keras.backend` that Keras 2.2.4 keeps private and programs use all the same."""

from __future__ import annotations

from collections.abc import MutableMapping
from types import ModuleType

import jax

from kjax import backend as K
from kjax.backend import config, naming
from kjax.backend.phase import forget_phase
from kjax.graph import KerasTensor, Variable

_LAST = {3: "NWC", 4: "NHWC", 5: "NDHWC"}


def _to_tensor(x, dtype):
    """A number or an array as a tensor of this type.

    Raises:
        ValueError: for a tensor of another type.
    """
    if not isinstance(x, (KerasTensor, Variable)):
        return K.constant(x, dtype=dtype)
    if x.dtype != dtype:
        raise ValueError(f"_to_tensor: a tensor of dtype {dtype} was required; got {x!r}. Convert it with K.cast.")
    return x


def _preprocess_conv1d_input(x, data_format):
    """(x with the channels last, 'NWC')."""
    return _channels_last(x, data_format, 3)


def _preprocess_conv2d_input(x, data_format, force_transpose=False):
    """(x with the channels last, 'NHWC'); `force_transpose` has nothing to force."""
    return _channels_last(x, data_format, 4)


def _preprocess_conv3d_input(x, data_format):
    """(x with the channels last, 'NDHWC')."""
    return _channels_last(x, data_format, 5)


def _channels_last(x, data_format, rank):
    x = K.cast(x, "float32") if K.dtype(x) == "float64" and K.floatx() != "float64" else x
    if config.normalize_data_format(data_format) == "channels_first":
        x = K.permute_dimensions(x, (0, *range(2, rank), 1))
    return x, _LAST[rank]


def _preprocess_padding(padding):
    """'SAME' or 'VALID'.

    Raises:
        ValueError: for another padding.
    """
    if padding not in ("same", "valid"):
        raise ValueError(f"Invalid padding: {padding}; 'same' or 'valid' was required.")
    return padding.upper()


def _normalize_batch_in_training(x, gamma, beta, reduction_axes, epsilon=1e-3):
    """(normalized x, mean, variance), as `K.normalize_batch_in_training` gives them."""
    return K.normalize_batch_in_training(x, gamma, beta, reduction_axes, epsilon=epsilon)


def _get_available_gpus():
    """The names of the GPUs that JAX sees: '/device:GPU:0', ...; an empty list without any."""
    return [f"/device:GPU:{d.id}" for d in jax.devices() if d.platform in ("gpu", "cuda", "rocm")]


def _get_current_tf_device():
    """None: no device scope is in force; placement is XLA's."""
    return None


def _is_current_explicit_device(device_type):
    """False: see `_get_current_tf_device`.

    Args:
        device_type: 'CPU' or 'GPU'.
    """
    if device_type.upper() not in ("CPU", "GPU"):
        raise ValueError(f"device_type must be CPU or GPU; got {device_type!r}.")
    return False


def _has_nchw_support():
    """False: convolutions of this backend want the channels last (`_preprocess_conv2d_input` moves them there)."""
    return False


class _Everywhere(MutableMapping):
    """What Keras keeps for every graph, where there is one state: any key stands for it."""

    def __init__(self, get, put, drop):
        self._get, self._put, self._drop = get, put, drop

    def __getitem__(self, graph):
        return self._get()

    def __setitem__(self, graph, value):
        self._put(value)

    def __delitem__(self, graph):
        self._drop()

    def __contains__(self, graph):
        return True

    def __iter__(self):
        return iter((None,))

    def __len__(self):
        return 1

    def clear(self):
        self._drop()


def _put_uids(counts):
    naming.reset_uids()
    naming._uids.update(counts)


_GRAPH_LEARNING_PHASES = _Everywhere(K.learning_phase, K.set_learning_phase, forget_phase)
_GRAPH_UID_DICTS = _Everywhere(lambda: naming._uids, _put_uids, naming.reset_uids)
_LOCAL_DEVICES = None
_MANUAL_VAR_INIT = False
_BACKEND = "tensorflow"


def _setting(name, put):
    return property(lambda module: getattr(config, name)(), lambda module, value: put(value))


class Settings(ModuleType):
    """The class of the module `keras.backend.common`: its private variables are the settings."""

    _FLOATX = _setting("floatx", config.set_floatx)
    _EPSILON = _setting("epsilon", config.set_epsilon)
    _IMAGE_DATA_FORMAT = _setting("image_data_format", config.set_image_data_format)

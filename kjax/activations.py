"""Activation functions, on arrays and on symbolic tensors."""

from __future__ import annotations

import warnings

from kjax import backend as K
from kjax.utils.generic_utils import deserialize_keras_object


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`.

    Args:
        x: tensor of rank >= 2.
        axis: int, default the last.
    """
    if K.ndim(x) < 2:
        raise ValueError(f"softmax: x must have a rank of at least 2, received the shape {K.int_shape(x)}.")
    return K.softmax(in_floatx(x), axis=axis)


def in_floatx(x):
    """A tensor of 16 bits in `floatx`; another as it is."""
    return K.cast(x, K.floatx()) if K.dtype(x) in ("bfloat16", "float16") and K.dtype(x) != K.floatx() else x


def elu(x, alpha=1.0):
    """x where x > 0, else alpha * (exp(x) - 1)."""
    return K.elu(x, alpha)


def selu(x):
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 with 'lecun_normal' weights and AlphaDropout.

    Reference: Klambauer et al., Self-Normalizing Neural Networks, 2017.
    """
    return _SELU_SCALE * K.elu(x, _SELU_ALPHA)


_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def softplus(x):
    """log(exp(x) + 1)."""
    return K.softplus(x)


def softsign(x):
    """x / (|x| + 1)."""
    return K.softsign(x)


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """max_value where x >= max_value; x where threshold <= x < max_value; else alpha * (x - threshold).

    Args:
        x: tensor.
        alpha: slope below the threshold, number, default 0.
        max_value: number, or None for no upper limit.
        threshold: number, default 0.
    """
    return K.relu(x, alpha=alpha, max_value=max_value, threshold=threshold)


def tanh(x):
    """Hyperbolic tangent."""
    return K.tanh(x)


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return K.sigmoid(x)


def hard_sigmoid(x):
    """0.2 * x + 0.5, kept within [0, 1]."""
    return K.hard_sigmoid(x)


def exponential(x):
    """exp(x)."""
    return K.exp(x)


def linear(x):
    """x itself."""
    return x


_REGISTRY = {
    fn.__name__: fn
    for fn in (softmax, elu, selu, softplus, softsign, relu, tanh, sigmoid, hard_sigmoid, exponential, linear)
}


def serialize(activation):
    """The name of an activation function."""
    return activation.__name__


def deserialize(name, custom_objects=None):
    """The activation function of that name."""
    return deserialize_keras_object(
        name, module_objects=_REGISTRY, custom_objects=custom_objects, printable_module_name="activation function"
    )


def get(identifier):
    """The activation of a name, None (linear) or any callable.

    Raises:
        ValueError: for anything else.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        return deserialize(identifier)
    if callable(identifier):
        if hasattr(identifier, "_inbound_nodes"):
            warnings.warn(
                f"Do not pass a layer instance (such as {type(identifier).__name__}) as the activation argument of "
                "another layer: its weights and losses would be lost. Add it to the model like any other layer.",
                UserWarning,
                stacklevel=2,
            )
        return identifier
    raise ValueError(f"Could not interpret activation function identifier: received {identifier!r}.")

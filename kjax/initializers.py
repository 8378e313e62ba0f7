"""Initializers: the first values of weights, sampled with NumPy."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import jax
import numpy as np

from kjax import backend as K
from kjax.backend.config import floatx
from kjax.graph.random import draw_seed
from kjax.utils.generic_utils import deserialize_keras_object, serialize_keras_object

# Standard deviation of a standard normal distribution cut off at -2 and 2.
_TRUNCATED_STD = 0.87962566103423978


class Initializer:
    """Base class: `initializer(shape, dtype=None)` is an array.

    A subclass defines `__call__`. The built-in ones give NumPy arrays; a user's may give tensors of `K.random_normal`
    and the like. Without `seed` the seed is drawn from `numpy.random`, so `numpy.random.seed(n)` fixes all weights.
    """

    def __call__(self, shape, dtype=None):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype=None).")

    def prepare(self, shape, dtype=None) -> Callable[[], object]:
        """A function without arguments that gives what a call now would give; whatever is random is decided now."""
        value = _called(self, shape, dtype)
        return lambda: value

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        # tf.keras writes the dtype into the config; it is given at the call
        return cls(**{k: v for k, v in config.items() if k != "dtype"})


class _Fixed(Initializer):
    """An initializer whose values do not depend on chance."""

    def __call__(self, shape, dtype=None):
        return self._values(_checked(shape, self), _dtype(dtype))

    def prepare(self, shape, dtype=None):
        shape, dtype = _checked(shape, self), _dtype(dtype)
        return lambda: self._values(shape, dtype)

    def _values(self, shape, dtype) -> np.ndarray:
        raise NotImplementedError


class _Random(Initializer):
    """An initializer that samples; `seed` None: another seed each time, drawn from `numpy.random`."""

    seed: int | None

    def __call__(self, shape, dtype=None):
        return self.prepare(shape, dtype)()

    def prepare(self, shape, dtype=None):
        shape, dtype = _checked(shape, self), _dtype(dtype)
        # the global generator on purpose: it is what numpy.random.seed() in a script is meant to fix
        seed = draw_seed() if self.seed is None else self.seed
        wide = np.float64 if dtype == np.float64 else np.float32

        def sample():
            generator = np.random.Generator(np.random.SFC64(seed))
            return self._sample(generator, shape, wide).astype(dtype, copy=False)

        return sample

    def _sample(self, generator, shape, dtype) -> np.ndarray:
        raise NotImplementedError


def _dtype(dtype) -> np.dtype:
    return np.dtype(floatx() if dtype is None else dtype)


def _checked(shape, initializer) -> tuple[int, ...]:
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(not isinstance(d, (int, np.integer)) or d < 0 for d in shape):
        raise ValueError(
            f"{type(initializer).__name__}: shape must be made of integers >= 0, received {shape}; "
            "a weight cannot have an unknown dimension."
        )
    return tuple(int(d) for d in shape)


def _normal(generator, shape, mean, stddev, dtype):
    return _placed(generator.standard_normal(shape, dtype=dtype), mean, stddev)


def _placed(standard, mean, stddev):
    standard *= standard.dtype.type(stddev)
    standard += standard.dtype.type(mean)
    return standard


def _truncated_normal(generator, shape, mean, stddev, dtype):
    """Normal values; those further than two standard deviations off are drawn again."""
    values = generator.standard_normal(shape, dtype=dtype).reshape(-1)
    outside = np.flatnonzero(np.abs(values) > 2)
    while outside.size:
        values[outside] = generator.standard_normal(outside.size, dtype=dtype)
        outside = outside[np.abs(values[outside]) > 2]
    return _placed(values, mean, stddev).reshape(shape)


def _uniform(generator, shape, minval, maxval, dtype):
    return _placed(generator.random(shape, dtype=dtype), minval, maxval - minval)


class Zeros(_Fixed):
    """All zero."""

    def _values(self, shape, dtype):
        return np.zeros(shape, dtype)


class Ones(_Fixed):
    """All one."""

    def _values(self, shape, dtype):
        return np.ones(shape, dtype)


class Constant(_Fixed):
    """All `value`.

    Args:
        value: number, or an array (nested list) that has the weight's shape or spreads to it; default 0.
    """

    def __init__(self, value=0):
        self.value = value

    def _values(self, shape, dtype):
        value = np.asarray(self.value, dtype)
        if value.size == int(np.prod(shape)):
            return value.reshape(shape).copy()
        return np.broadcast_to(value, shape).copy()

    def get_config(self):
        return {"value": self.value.tolist() if isinstance(self.value, np.ndarray) else self.value}


class RandomNormal(_Random):
    """Normal distribution.

    Args:
        mean, stddev: numbers, default 0 and 0.05.
        seed: int or None.
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        self.seed = seed

    def _sample(self, generator, shape, dtype):
        return _normal(generator, shape, self.mean, self.stddev, dtype)

    def get_config(self):
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class RandomUniform(_Random):
    """Uniform distribution over [minval, maxval).

    Args:
        minval, maxval: numbers, default -0.05 and 0.05.
        seed: int or None.
    """

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval = minval
        self.maxval = maxval
        self.seed = seed

    def _sample(self, generator, shape, dtype):
        return _uniform(generator, shape, self.minval, self.maxval, dtype)

    def get_config(self):
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class TruncatedNormal(_Random):
    """Normal distribution without what lies more than two standard deviations off.

    Args:
        mean, stddev: numbers, default 0 and 0.05 (of the distribution before it is cut).
        seed: int or None.
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        self.seed = seed

    def _sample(self, generator, shape, dtype):
        return _truncated_normal(generator, shape, self.mean, self.stddev, dtype)

    def get_config(self):
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class VarianceScaling(_Random):
    """Samples whose variance is scale / n, n the number of inputs, outputs or their mean.

    normal: truncated normal with that variance;  uniform: over [-limit, limit), limit = sqrt(3 * scale / n)

    Args:
        scale: number > 0, default 1.
        mode: 'fan_in', 'fan_out' or 'fan_avg'.
        distribution: 'normal' (also 'truncated_normal'), 'uniform' or 'untruncated_normal'.
        seed: int or None.
    """

    def __init__(self, scale=1.0, mode="fan_in", distribution="normal", seed=None):
        if not scale > 0:
            raise ValueError(f"VarianceScaling: scale must be a number > 0, received {scale!r}.")
        self.scale = scale
        self.mode = _one_of("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        kinds = ("normal", "uniform", "truncated_normal", "untruncated_normal")
        self.distribution = _one_of("distribution", distribution, kinds)
        self.seed = seed

    def _sample(self, generator, shape, dtype):
        fan_in, fan_out = _compute_fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = np.sqrt(3.0 * variance)
            return _uniform(generator, shape, -limit, limit, dtype)
        if self.distribution == "untruncated_normal":
            return _normal(generator, shape, 0.0, np.sqrt(variance), dtype)
        return _truncated_normal(generator, shape, 0.0, np.sqrt(variance) / _TRUNCATED_STD, dtype)

    def get_config(self):
        return {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, "seed": self.seed}


def _one_of(name, value, allowed):
    lower = value.lower() if isinstance(value, str) else value
    if lower not in allowed:
        raise ValueError(f"VarianceScaling: {name} must be one of {allowed}, received {value!r}.")
    return lower


class Orthogonal(_Random):
    """A random matrix with orthonormal rows or columns, times `gain`; more dimensions are flattened but the last.

    Args:
        gain: number, default 1.
        seed: int or None.
    """

    def __init__(self, gain=1.0, seed=None):
        self.gain = gain
        self.seed = seed

    def _sample(self, generator, shape, dtype):
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: shape must have at least two dimensions, received {shape}.")
        rows, columns = int(np.prod(shape[:-1])), shape[-1]
        q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
        # The signs make the distribution uniform over all orthogonal matrices.
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
        q = q if rows >= columns else q.T
        return (self.gain * q).reshape(shape).astype(dtype)

    def get_config(self):
        return {"gain": self.gain, "seed": self.seed}


class Identity(_Fixed):
    """The identity matrix times `gain`, for two-dimensional weights; side by side where one side is a multiple.

    Args:
        gain: number, default 1.
    """

    def __init__(self, gain=1.0):
        self.gain = gain

    def _values(self, shape, dtype):
        if len(shape) != 2:
            raise ValueError(f"Identity: shape must have two dimensions, received {shape}.")
        short, long = sorted(int(n) for n in shape)
        if not short or long % short:
            raise ValueError(f"Identity: the longer side must be a multiple of the shorter one, received {shape}.")
        axis = 0 if shape[0] == long else 1
        return (self.gain * np.concatenate([np.eye(short)] * (long // short), axis)).astype(dtype)

    def get_config(self):
        return {"gain": self.gain}


def lecun_uniform(seed=None):
    """Uniform over [-limit, limit), limit = sqrt(3 / fan_in)."""
    return VarianceScaling(scale=1.0, mode="fan_in", distribution="uniform", seed=seed)


def glorot_normal(seed=None):
    """Truncated normal of variance 2 / (fan_in + fan_out)."""
    return VarianceScaling(scale=1.0, mode="fan_avg", distribution="normal", seed=seed)


def glorot_uniform(seed=None):
    """Uniform over [-limit, limit), limit = sqrt(6 / (fan_in + fan_out))."""
    return VarianceScaling(scale=1.0, mode="fan_avg", distribution="uniform", seed=seed)


def he_normal(seed=None):
    """Truncated normal of variance 2 / fan_in."""
    return VarianceScaling(scale=2.0, mode="fan_in", distribution="normal", seed=seed)


def lecun_normal(seed=None):
    """Truncated normal of variance 1 / fan_in."""
    return VarianceScaling(scale=1.0, mode="fan_in", distribution="normal", seed=seed)


def he_uniform(seed=None):
    """Uniform over [-limit, limit), limit = sqrt(6 / fan_in)."""
    return VarianceScaling(scale=2.0, mode="fan_in", distribution="uniform", seed=seed)


def _compute_fans(shape, data_format="channels_last"):
    """(inputs, outputs) of one unit of a weight of this shape.

    Args:
        shape: of a matrix, a convolution kernel (3 to 5 dimensions) or anything else (then both are sqrt(size)).
        data_format: where a kernel has its channels.
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) in (3, 4, 5):
        if data_format == "channels_first":
            field = int(np.prod(shape[2:]))
            return shape[1] * field, shape[0] * field
        if data_format == "channels_last":
            field = int(np.prod(shape[:-2]))
            return shape[-2] * field, shape[-1] * field
        raise ValueError(f"data_format must be 'channels_first' or 'channels_last', received {data_format!r}.")
    size = np.sqrt(np.prod(shape))
    return size, size


zero = zeros = Zeros
one = ones = Ones
constant = Constant
uniform = random_uniform = RandomUniform
normal = random_normal = RandomNormal
truncated_normal = TruncatedNormal
identity = Identity
orthogonal = Orthogonal

_REGISTRY = {
    "Initializer": Initializer,
    "Zeros": Zeros,
    "Ones": Ones,
    "Constant": Constant,
    "RandomNormal": RandomNormal,
    "RandomUniform": RandomUniform,
    "TruncatedNormal": TruncatedNormal,
    "VarianceScaling": VarianceScaling,
    "Orthogonal": Orthogonal,
    "Identity": Identity,
    "lecun_uniform": lecun_uniform,
    "lecun_normal": lecun_normal,
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "zero": Zeros,
    "zeros": Zeros,
    "one": Ones,
    "ones": Ones,
    "constant": Constant,
    "uniform": RandomUniform,
    "random_uniform": RandomUniform,
    "normal": RandomNormal,
    "random_normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    "identity": Identity,
    "orthogonal": Orthogonal,
    # how tf.keras writes them
    "LecunUniform": lecun_uniform,
    "LecunNormal": lecun_normal,
    "GlorotUniform": glorot_uniform,
    "GlorotNormal": glorot_normal,
    "HeUniform": he_uniform,
    "HeNormal": he_normal,
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
}

_FACTORIES = (lecun_uniform, lecun_normal, glorot_uniform, glorot_normal, he_uniform, he_normal)


def prepare(initializer, shape, dtype=None) -> Callable[[], object]:
    """A function without arguments that gives the first value of a weight; whatever is random is decided now.

    Args:
        initializer: an Initializer, or any `f(shape)` or `f(shape, dtype=...)`.
        shape: tuple of ints.
        dtype: str, default floatx.
    """
    if isinstance(initializer, Initializer):
        return initializer.prepare(shape, dtype)
    value = _called(initializer, shape, dtype)
    return lambda: value


def value_of(initializer, shape, dtype=None):
    """An array that the initializer gives now; arguments as for `prepare`."""
    return prepare(initializer, shape, dtype)()


def _called(initializer, shape, dtype):
    """The value of a user's initializer as an array."""
    takes_dtype = "dtype" in inspect.signature(initializer).parameters
    value = initializer(shape, dtype=floatx() if dtype is None else dtype) if takes_dtype else initializer(shape)
    return K.eval(value)


def serialize(initializer):
    """{'class_name': ..., 'config': ...} of an initializer, the name of a function."""
    return serialize_keras_object(initializer)


def deserialize(config, custom_objects=None):
    """The initializer that `serialize` described."""
    return deserialize_keras_object(
        config, module_objects=_REGISTRY, custom_objects=custom_objects, printable_module_name="initializer"
    )


def get(identifier):
    """The initializer of a name, a config dict, a callable, or an array (then `Constant` of it).

    Raises:
        ValueError: for anything else.
    """
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        found = deserialize(identifier)
        return found() if found in _FACTORIES else found
    if inspect.isclass(identifier) and issubclass(identifier, Initializer):
        return identifier()
    if callable(identifier):
        return identifier
    if isinstance(identifier, (np.ndarray, jax.Array)):
        return Constant(np.asarray(identifier))
    raise ValueError(f"Could not interpret initializer identifier: received {identifier!r}.")

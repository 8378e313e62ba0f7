"""`tf.distributions`: random numbers with a density."""

from __future__ import annotations

import math

from kjax import backend as K
from kjax.compat.tensorflow.indexing import one_hot
from kjax.compat.tensorflow.math import erf, log1p, sigmoid
from kjax.compat.tensorflow.nn import log_softmax, sigmoid_cross_entropy_with_logits, softmax
from kjax.compat.tensorflow.random import categorical, random_normal, random_uniform
from kjax.compat.tensorflow.shapes import sizes_of
from kjax.compat.tensorflow.tensors import held, kind_of, value_of


def _floats(x):
    x = held(value_of(x))
    return K.cast(x, "float32") if str(x.dtype).startswith("int") else x


class Distribution:
    """What distributions have in common: `prob` from `log_prob`, `sample`, `kl_divergence`."""

    def __init__(self, name=None):
        self.name = name or type(self).__name__

    def log_prob(self, value, name=None):
        """log(density) at `value`."""
        raise NotImplementedError(f"{type(self).__name__}.log_prob is not there.")

    def prob(self, value, name=None):
        """The density at `value`."""
        return K.exp(self.log_prob(value))

    def cdf(self, value, name=None):
        """The probability of at most `value`."""
        raise NotImplementedError(f"{type(self).__name__}.cdf is not there.")

    def sample(self, sample_shape=(), seed=None, name=None):
        """Random numbers, (*sample_shape, *batch_shape)."""
        raise NotImplementedError(f"{type(self).__name__}.sample is not there.")

    def variance(self, name=None):
        """The variance."""
        return K.square(self.stddev())

    def stddev(self, name=None):
        """The standard deviation."""
        return K.sqrt(self.variance())

    def kl_divergence(self, other, name=None):
        """`kl_divergence(self, other)`."""
        return kl_divergence(self, other)

    def _shaped(self, sample_shape, like):
        known = sizes_of(sample_shape if isinstance(sample_shape, (list, tuple)) else [sample_shape])
        own = [K.shape(like)[i] if d is None else int(d) for i, d in enumerate(like.shape)]
        return [*known, *own]


class Normal(Distribution):
    """Normal: exp(-((x - loc) / scale)^2 / 2) / (scale sqrt(2 pi))."""

    def __init__(self, loc, scale, validate_args=False, allow_nan_stats=True, name="Normal"):
        super().__init__(name)
        self.loc, self.scale = _floats(loc), _floats(scale)
        self._like = self.loc + K.zeros_like(self.scale)

    def _z(self, x):
        return (_floats(x) - self.loc) / self.scale

    def log_prob(self, value, name=None):
        return -0.5 * K.square(self._z(value)) - (0.5 * math.log(2 * math.pi) + K.log(self.scale))

    def cdf(self, value, name=None):
        return 0.5 * (1 + erf(self._z(value) * math.sqrt(0.5)))

    def entropy(self, name=None):
        """0.5 + log(scale sqrt(2 pi))."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + K.log(self.scale + K.zeros_like(self._like))

    def mean(self, name=None):
        """`loc`."""
        return self._like

    mode = mean

    def stddev(self, name=None):
        return self.scale + K.zeros_like(self._like)

    def sample(self, sample_shape=(), seed=None, name=None):
        drawn = random_normal(self._shaped(sample_shape, self._like), dtype=str(self.loc.dtype), seed=seed)
        return drawn * self.scale + self.loc


class Uniform(Distribution):
    """Uniform in [low, high)."""

    def __init__(self, low=0.0, high=1.0, validate_args=False, allow_nan_stats=True, name="Uniform"):
        super().__init__(name)
        self.low, self.high = _floats(low), _floats(high)
        self._like = self.low + K.zeros_like(self.high)

    def log_prob(self, value, name=None):
        return K.log(self.prob(value))

    def prob(self, value, name=None):
        x = _floats(value) + K.zeros_like(self._like)
        outside = K.cast(K.less(x, self.low), "float32") + K.cast(K.greater_equal(x, self.high), "float32")
        return K.cast(K.equal(outside, 0.0), str(self.low.dtype)) / (self.high - self.low)

    def cdf(self, value, name=None):
        return K.clip((_floats(value) - self.low) / (self.high - self.low), 0.0, 1.0)

    def entropy(self, name=None):
        """log(high - low)."""
        return K.log(self.high - self.low)

    def mean(self, name=None):
        """The middle."""
        return (self.low + self.high) / 2

    def variance(self, name=None):
        return K.square(self.high - self.low) / 12

    def sample(self, sample_shape=(), seed=None, name=None):
        drawn = random_uniform(self._shaped(sample_shape, self._like), dtype=str(self.low.dtype), seed=seed)
        return drawn * (self.high - self.low) + self.low


class Bernoulli(Distribution):
    """1 with probability `probs` (or sigmoid(logits)), else 0."""

    def __init__(
        self, logits=None, probs=None, dtype="int32", validate_args=False, allow_nan_stats=True, name="Bernoulli"
    ):
        super().__init__(name)
        if (logits is None) == (probs is None):
            raise ValueError("Bernoulli: exactly one of logits and probs must be given.")
        self.dtype = kind_of(dtype)
        self.probs = sigmoid(_floats(logits)) if probs is None else _floats(probs)
        self.logits = K.log(self.probs) - log1p(-self.probs) if logits is None else _floats(logits)

    def log_prob(self, value, name=None):
        y = K.cast(held(value_of(value)), str(self.logits.dtype)) + K.zeros_like(self.logits)
        return -sigmoid_cross_entropy_with_logits(labels=y, logits=self.logits + K.zeros_like(y))

    def entropy(self, name=None):
        """-p log(p) - (1 - p) log(1 - p)."""
        return sigmoid_cross_entropy_with_logits(labels=self.probs, logits=self.logits)

    def mean(self, name=None):
        """`probs`."""
        return self.probs

    def mode(self, name=None):
        """The more probable value."""
        return K.cast(K.greater(self.probs, 0.5), self.dtype)

    def variance(self, name=None):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=(), seed=None, name=None):
        drawn = random_uniform(self._shaped(sample_shape, self.probs), dtype=str(self.probs.dtype), seed=seed)
        return K.cast(K.less(drawn, self.probs), self.dtype)


class Categorical(Distribution):
    """Class i with probability probs[..., i] (or softmax(logits)[..., i])."""

    def __init__(
        self, logits=None, probs=None, dtype="int32", validate_args=False, allow_nan_stats=True, name="Categorical"
    ):
        super().__init__(name)
        if (logits is None) == (probs is None):
            raise ValueError("Categorical: exactly one of logits and probs must be given.")
        self.dtype = kind_of(dtype)
        self.logits = K.log(_floats(probs)) if logits is None else _floats(logits)
        self.probs = softmax(self.logits) if probs is None else _floats(probs)

    @property
    def event_size(self):
        """How many classes there are."""
        return K.shape(self.logits)[-1]

    def log_prob(self, value, name=None):
        classes = self.logits.shape[-1]
        chosen = one_hot(held(value_of(value)), classes, dtype=str(self.logits.dtype))
        return K.sum(chosen * log_softmax(self.logits), -1)

    def entropy(self, name=None):
        """-sum(p log(p))."""
        return -K.sum(log_softmax(self.logits) * self.probs, -1)

    def mode(self, name=None):
        """The most probable class."""
        return K.cast(K.argmax(self.logits, -1), self.dtype)

    def sample(self, sample_shape=(), seed=None, name=None):
        sizes = sizes_of(sample_shape if isinstance(sample_shape, (list, tuple)) else [sample_shape])
        classes = self.logits.shape[-1]
        rows = K.reshape(self.logits, (-1, classes))
        count = 1
        for n in sizes:
            count = count * n
        drawn = K.cast(categorical(rows, count, seed=seed), self.dtype)
        batch = [
            K.shape(self.logits)[i] if d is None else int(d) for i, d in enumerate(self.logits.shape[:-1].as_list())
        ]
        return K.reshape(K.transpose(drawn), [*sizes, *batch])


class MultivariateNormalDiag(Distribution):
    """Independent normal numbers along the last axis."""

    def __init__(self, loc=None, scale_diag=None, validate_args=False, allow_nan_stats=True, name="MultivariateNormal"):
        super().__init__(name)
        given = scale_diag if loc is None else loc
        loc = K.zeros_like(_floats(given)) if loc is None else loc
        self._each = Normal(loc, K.ones_like(_floats(given)) if scale_diag is None else scale_diag)
        self.loc, self.scale_diag = self._each.loc, self._each.scale

    def log_prob(self, value, name=None):
        return K.sum(self._each.log_prob(value), -1)

    def entropy(self, name=None):
        """The sum of the entropies of the numbers."""
        return K.sum(self._each.entropy(), -1)

    def mean(self, name=None):
        """`loc`."""
        return self._each.mean()

    mode = mean

    def stddev(self, name=None):
        return self._each.stddev()

    def sample(self, sample_shape=(), seed=None, name=None):
        return self._each.sample(sample_shape, seed)


def kl_divergence(distribution_a, distribution_b, allow_nan_stats=True, name=None):
    """The Kullback-Leibler divergence of two distributions of one kind."""
    a, b = distribution_a, distribution_b
    if isinstance(a, MultivariateNormalDiag) and isinstance(b, MultivariateNormalDiag):
        return K.sum(kl_divergence(a._each, b._each), -1)
    if isinstance(a, Normal) and isinstance(b, Normal):
        ratio = K.square(a.scale) / K.square(b.scale)
        return K.square(a.loc - b.loc) / (2 * K.square(b.scale)) + 0.5 * (ratio - 1 - K.log(ratio))
    if isinstance(a, Categorical) and isinstance(b, Categorical):
        return K.sum(a.probs * (log_softmax(a.logits) - log_softmax(b.logits)), -1)
    if isinstance(a, Bernoulli) and isinstance(b, Bernoulli):
        cross = sigmoid_cross_entropy_with_logits(labels=a.probs, logits=b.logits)
        return cross - a.entropy()
    raise NotImplementedError(f"kl_divergence of {type(a).__name__} and {type(b).__name__} is not there.")

"""Stateful metrics (from 2.3): totals kept in variables, updated batch by batch."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.engine.base_layer import Layer, to_list
from kjax.engine.registry import metric_classes
from kjax.graph import KerasTensor, Update, as_update, op, symbolic_leaves
from kjax.graph.execute import compute
from kjax.graph.substitute import substitute
from kjax.losses import _aligned


def _given_symbols(args, kwargs) -> bool:
    return any(isinstance(t, KerasTensor) for t in symbolic_leaves((args, kwargs)))


def _eager_update(method):
    """update_state that carries its updates out at once when it is given numbers."""

    @functools.wraps(method)
    def update_state(self, *args, **kwargs):
        updates = method(self, *args, **kwargs)
        if self._recording or _given_symbols(args, kwargs) or updates is None:
            return updates
        updates = [as_update(u) for u in _flat(updates)]
        for update, value in zip(updates, compute([u.value for u in updates]), strict=True):
            update.variable.assign(value)
        return updates

    return update_state


def _eager_result(method):
    """result that is a number unless a graph is being built."""

    @functools.wraps(method)
    def result(self, *args, **kwargs):
        value = method(self, *args, **kwargs)
        return value if self._recording or not isinstance(value, KerasTensor) else K.eval(value)

    return result


def _flat(updates) -> list:
    """Updates from nested lists, in order."""
    if isinstance(updates, Update) or (isinstance(updates, tuple) and len(updates) == 2):
        return [updates]
    return [u for part in to_list(updates) for u in _flat(part)]


class Metric(Layer):
    """Base class of stateful metrics.

    A subclass makes its totals in `__init__` by `add_weight(name)` and defines `result()` and
    `update_state(y_true, y_pred, sample_weight=None)`, which returns the `K.update(...)`s of a batch. On numbers both
    work at once; calling the metric on symbolic tensors records them: its tensor is the result after the update.

    Args:
        name: str; default the class name in snake case.
        dtype: of the totals, default floatx.
    """

    def __init__(self, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=K.floatx() if dtype is None else dtype, **kwargs)
        self.stateful = True
        self.built = True
        self._recording = 0

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "update_state" in cls.__dict__:
            cls.update_state = _eager_update(cls.__dict__["update_state"])
        if "result" in cls.__dict__:
            cls.result = _eager_result(cls.__dict__["result"])

    def __call__(self, *args, sample_weight=None, **kwargs):
        """Updates the totals and gives the result: a tensor for tensors, a number for numbers.

        Args:
            *args: y_true and y_pred (what `update_state` takes).
            sample_weight: None, or weights, passed on to `update_state`.
        """
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        if not _given_symbols(args, kwargs):
            self.update_state(*args, **kwargs)
            return self.result()
        self._recording += 1
        try:
            updates = [as_update(u) for u in _flat(self.update_state(*args, **kwargs))]
            result = self.result()
        finally:
            self._recording -= 1
        self.add_update(updates, [t for t in symbolic_leaves((args, kwargs)) if isinstance(t, KerasTensor)])
        result = substitute([result], {u.variable: u.value for u in updates})[0]
        result._metric_obj = self  # `add_metric` asks for it
        return result

    def add_weight(self, name, shape=(), initializer=None, dtype=None):
        """Makes a total.

        Args:
            name: short name.
            shape: tuple of int, default () for one number.
            initializer: default 'zeros'.
            dtype: default the metric's.
        """
        return super().add_weight(
            name=name,
            shape=shape,
            dtype=self.dtype if dtype is None else dtype,
            initializer="zeros" if initializer is None else initializer,
            trainable=False,
        )

    def reset_states(self):
        """All totals become zero."""
        for weight in self.weights:
            weight.assign(np.zeros(weight.shape, weight.dtype))

    def update_state(self, *args, **kwargs):
        """Adds a batch to the totals; gives the updates."""
        raise NotImplementedError(
            f"{type(self).__name__} must define update_state(y_true, y_pred, sample_weight=None)."
        )

    def result(self):
        """The metric's value from the totals."""
        raise NotImplementedError(f"{type(self).__name__} must define result().")

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


def row_weighted(ctx, values, sample_weight):
    """The weight of every element: sample weights spread over the trailing axes, 0 in rows that only pad the batch."""
    weights = jnp.ones(values.shape, values.dtype)
    if sample_weight is not None:
        given = jnp.asarray(sample_weight).astype(values.dtype)
        if given.ndim == values.ndim + 1 and given.shape[-1] == 1:
            given = given[..., 0]
        weights = weights * given.reshape(given.shape + (1,) * (values.ndim - given.ndim))
    if ctx.rows is not None and values.ndim:
        weights = weights * ctx.row_weights(values)
    return weights


@op(context=True, rowwise=True)
def _sum_and_weight(ctx, values, sample_weight):
    """(weighted sum, sum of weights)."""
    values = jnp.asarray(values)
    values = values.astype(jnp.promote_types(values.dtype, jnp.float32))
    weights = row_weighted(ctx, values, sample_weight)
    return jnp.sum(values * weights), jnp.sum(weights)


@op(name="divide", rowwise=True)
def divide_no_nan(a, b):
    """a / b, and 0 where b is 0."""
    return jnp.where(b == 0, jnp.zeros_like(a), a / jnp.where(b == 0, jnp.ones_like(b), b))


class Reduce(Metric):
    """A sum or a weighted mean of all values seen.

    Args:
        reduction: 'sum' or 'weighted_mean'.
        name: str.
        dtype: of the totals, default floatx.
    """

    def __init__(self, reduction, name, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if reduction not in ("sum", "weighted_mean"):
            raise ValueError(
                f"{type(self).__name__}: reduction must be 'sum' or 'weighted_mean', received {reduction!r}."
            )
        self.reduction = reduction
        self.total = self.add_weight("total")
        if reduction == "weighted_mean":
            self.count = self.add_weight("count")

    def update_state(self, values, sample_weight=None):
        """Adds values.

        Args:
            values: tensor of any shape.
            sample_weight: None, or weights of the shape of `values` or of its leading axes.
        """
        total, weight = _sum_and_weight(values, sample_weight)
        updates = [K.update_add(self.total, K.cast(total, self.dtype))]
        if self.reduction == "weighted_mean":
            updates.append(K.update_add(self.count, K.cast(weight, self.dtype)))
        return updates

    def result(self):
        """The sum, or the sum divided by the sum of weights."""
        return K.identity(self.total) if self.reduction == "sum" else divide_no_nan(self.total, self.count)


class Sum(Reduce):
    """Weighted sum of all values.

    Args:
        name, dtype: see `Metric`.
    """

    def __init__(self, name="sum", dtype=None):
        super().__init__("sum", name, dtype)


class Mean(Reduce):
    """Weighted mean of all values.

    Args:
        name, dtype: see `Metric`.
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__("weighted_mean", name, dtype)


metric_classes["Mean"] = Mean


class MeanMetricWrapper(Mean):
    """Weighted mean of a metric function.

    Args:
        fn: f(y_true, y_pred, **kwargs), one number per sample.
        name, dtype: see `Metric`.
        **kwargs: passed on to `fn`.
    """

    sparse = False

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name or fn.__name__, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true, y_pred: targets and predictions.
            sample_weight: None, or one weight per sample.
        """
        if not self.sparse:
            y_true = _aligned(_array(y_true), _array(y_pred))
        return super().update_state(self._fn(y_true, y_pred, **self._fn_kwargs), sample_weight)

    def get_config(self):
        return {**super().get_config(), **self._fn_kwargs}


def _array(x):
    return x if hasattr(x, "shape") else jax.numpy.asarray(x)

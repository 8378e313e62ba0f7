"""Optimizers: Keras's objects with changeable rates around the pure rules of `kjax.update_rules`."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from kjax import backend as K
from kjax import update_rules
from kjax.graph import Variable
from kjax.optimizer_base import Optimizer, clip_norm
from kjax.utils.generic_utils import deserialize_keras_object, serialize_keras_object

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "Adamax",
    "Nadam",
    "OptaxOptimizer",
    "Optimizer",
    "RMSprop",
    "TFOptimizer",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "clip_norm",
    "deserialize",
    "get",
    "nadam",
    "rmsprop",
    "serialize",
    "sgd",
]


def _rate_of(lr, kwargs):
    """The learning rate, also where it is given as `learning_rate=`."""
    return kwargs.pop("learning_rate", lr)


class SGD(Optimizer):
    """Gradient descent with momentum.

    v <- momentum * v - lr * g;  w <- w + v, with `nesterov`: w + momentum * v - lr * g;  lr = lr0 / (1 + decay * step)

    Args:
        lr: number >= 0, default 0.01 (also `learning_rate`).
        momentum: number >= 0, default 0.
        decay: number >= 0, default 0.
        nesterov: bool.
        clipnorm, clipvalue: see `Optimizer`.
    """

    def __init__(self, lr=0.01, momentum=0.0, decay=0.0, nesterov=False, **kwargs):
        lr = _rate_of(lr, kwargs)
        super().__init__(**kwargs)
        self._rates(lr=lr, momentum=momentum, decay=decay)
        self.initial_decay = decay
        self.nesterov = nesterov

    def _rule(self):
        return update_rules.sgd, {"nesterov": bool(self.nesterov)}

    def get_config(self):
        return {**super().get_config(), "nesterov": self.nesterov}


class _EpsilonOptimizer(Optimizer):
    """An optimizer with a small number `epsilon` that keeps divisions finite."""

    def __init__(self, epsilon=None, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = K.epsilon() if epsilon is None else epsilon

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


class _UncountedOptimizer(_EpsilonOptimizer):
    """An optimizer whose number of steps Keras 2.2.4 does not save (2.3 does)."""

    def _saved_variables(self):
        return self.slot_variables[1:]

    def _known_layout(self, weights):
        if len(weights) == len(self.weights) + 1 and weights[0].shape == ():
            self.iterations.assign(weights[0].astype(self.iterations.dtype))
            return weights[1:]
        return weights


class RMSprop(_UncountedOptimizer):
    """Gradients divided by a moving root mean square.

    a <- rho * a + (1 - rho) * g^2;  w <- w - lr * g / (sqrt(a) + epsilon);  lr = lr0 / (1 + decay * step)

    Args:
        lr: number >= 0, default 0.001 (also `learning_rate`).
        rho: number >= 0, default 0.9.
        epsilon: number, default K.epsilon().
        decay: number >= 0, default 0.
        clipnorm, clipvalue: see `Optimizer`.
    """

    def __init__(self, lr=0.001, rho=0.9, epsilon=None, decay=0.0, **kwargs):
        lr = _rate_of(lr, kwargs)
        super().__init__(epsilon, **kwargs)
        self._rates(lr=lr, rho=rho, decay=decay)
        self.initial_decay = decay

    def _rule(self):
        return update_rules.rmsprop, {"epsilon": self.epsilon}


class Adagrad(_UncountedOptimizer):
    """Gradients divided by the root of the sum of all their squares.

    a <- a + g^2;  w <- w - lr * g / (sqrt(a) + epsilon);  lr = lr0 / (1 + decay * step)

    Args:
        lr: number >= 0, default 0.01 (also `learning_rate`).
        epsilon: number, default K.epsilon().
        decay: number >= 0, default 0.
        clipnorm, clipvalue: see `Optimizer`.
    """

    def __init__(self, lr=0.01, epsilon=None, decay=0.0, **kwargs):
        lr = _rate_of(lr, kwargs)
        super().__init__(epsilon, **kwargs)
        self._rates(lr=lr, decay=decay)
        self.initial_decay = decay

    def _rule(self):
        return update_rules.adagrad, {"epsilon": self.epsilon}


class Adadelta(_UncountedOptimizer):
    """Steps scaled by the ratio of two moving root mean squares.

    a <- rho * a + (1 - rho) * g^2;  u = g * sqrt(d + epsilon) / sqrt(a + epsilon)
    w <- w - lr * u;  d <- rho * d + (1 - rho) * u^2;  lr = lr0 / (1 + decay * step)

    Args:
        lr: number >= 0, default 1 (also `learning_rate`).
        rho: number >= 0, default 0.95.
        epsilon: number, default K.epsilon().
        decay: number >= 0, default 0.
        clipnorm, clipvalue: see `Optimizer`.
    """

    def __init__(self, lr=1.0, rho=0.95, epsilon=None, decay=0.0, **kwargs):
        lr = _rate_of(lr, kwargs)
        super().__init__(epsilon, **kwargs)
        self._rates(lr=lr, rho=rho, decay=decay)
        self.initial_decay = decay

    def _rule(self):
        return update_rules.adadelta, {"epsilon": self.epsilon}


class Adam(_EpsilonOptimizer):
    """Adam.

    m <- beta_1 * m + (1 - beta_1) * g;  v <- beta_2 * v + (1 - beta_2) * g^2
    w <- w - lr * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon);  lr = lr0 / (1 + decay * step)

    Args:
        lr: number >= 0, default 0.001 (also `learning_rate`).
        beta_1, beta_2: numbers in [0, 1), default 0.9 and 0.999.
        epsilon: number, default K.epsilon().
        decay: number >= 0, default 0.
        amsgrad: bool; divide by the root of the largest v so far.
        clipnorm, clipvalue: see `Optimizer`.
    """

    def __init__(self, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=None, decay=0.0, amsgrad=False, **kwargs):
        lr = _rate_of(lr, kwargs)
        super().__init__(epsilon, **kwargs)
        self._rates(lr=lr, beta_1=beta_1, beta_2=beta_2, decay=decay)
        self.initial_decay = decay
        self.amsgrad = amsgrad
        self._placeholders: list[Variable] = []

    def _rule(self):
        return update_rules.adam, {"epsilon": self.epsilon, "amsgrad": bool(self.amsgrad)}

    def create_slots(self, params):
        super().create_slots(params)
        # Keras keeps a one-element zero for each absent maximum; files hold them.
        count = 0 if self.amsgrad else len(params)
        names = [f"training/Adam/Variable_{len(self.slot_variables) - 1 + i}" for i in range(count)]
        self._placeholders = [Variable(np.zeros(1, K.floatx()), name=name, trainable=False) for name in names]

    def _saved_variables(self):
        return self.slot_variables + self._placeholders

    def _known_layout(self, weights):
        if not self.amsgrad and len(weights) == len(self.slot_variables):
            return weights + [np.zeros(1)] * len(self._placeholders)
        return weights

    def get_config(self):
        return {**super().get_config(), "amsgrad": self.amsgrad}


class Adamax(_EpsilonOptimizer):
    """Adam with the infinity norm.

    m <- beta_1 * m + (1 - beta_1) * g;  u <- max(beta_2 * u, |g|)
    w <- w - lr / (1 - beta_1^t) * m / (u + epsilon);  lr = lr0 / (1 + decay * step)

    Args:
        lr: number >= 0, default 0.002 (also `learning_rate`).
        beta_1, beta_2: numbers in [0, 1), default 0.9 and 0.999.
        epsilon: number, default K.epsilon().
        decay: number >= 0, default 0.
        clipnorm, clipvalue: see `Optimizer`.
    """

    def __init__(self, lr=0.002, beta_1=0.9, beta_2=0.999, epsilon=None, decay=0.0, **kwargs):
        lr = _rate_of(lr, kwargs)
        super().__init__(epsilon, **kwargs)
        self._rates(lr=lr, beta_1=beta_1, beta_2=beta_2, decay=decay)
        self.initial_decay = decay

    def _rule(self):
        return update_rules.adamax, {"epsilon": self.epsilon}


class Nadam(_EpsilonOptimizer):
    """Adam with Nesterov momentum; the formula is that of `kjax.update_rules.nadam`.

    Args:
        lr: number >= 0, default 0.002 (also `learning_rate`).
        beta_1, beta_2: numbers in [0, 1), default 0.9 and 0.999.
        epsilon: number, default K.epsilon().
        schedule_decay: number >= 0, default 0.004.
        clipnorm, clipvalue: see `Optimizer`.
    """

    def __init__(self, lr=0.002, beta_1=0.9, beta_2=0.999, epsilon=None, schedule_decay=0.004, **kwargs):
        lr = _rate_of(lr, kwargs)
        super().__init__(epsilon, **kwargs)
        self._rates(lr=lr, beta_1=beta_1, beta_2=beta_2)
        self.schedule_decay = schedule_decay

    def _rule(self):
        return update_rules.nadam, {"epsilon": self.epsilon, "schedule_decay": self.schedule_decay}

    @property
    def m_schedule(self):
        """The variable of the product of all momentum terms, which 2.2.4 does not save; None before the first step."""
        return self.slot_variables[1] if self.slot_variables else None

    def _saved_variables(self):
        return self.slot_variables[:1] + self.slot_variables[2:]

    def _known_layout(self, weights):
        if len(weights) == len(self.weights) + 1 and weights[1].shape == ():
            self.m_schedule.assign(weights[1].astype(self.m_schedule.dtype))
            return weights[:1] + weights[2:]
        return weights

    def get_config(self):
        return {**super().get_config(), "schedule_decay": self.schedule_decay}


class _CountedState(NamedTuple):
    count: Any
    inner: Any


def _counted(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """An Optax transformation whose state starts with the number of steps."""

    def init(params):
        return _CountedState(np.zeros((), np.int32), optimizer.init(params))

    def update(grads, state, params=None):
        updates, inner = optimizer.update(grads, state.inner, params)
        return updates, _CountedState(state.count + 1, inner)

    return optax.GradientTransformation(init, update)


class OptaxOptimizer(Optimizer):
    """Any Optax transformation as an optimizer; `compile(optimizer=optax.adamw(1e-3))` makes one.

    Args:
        optimizer: optax.GradientTransformation; with `optax.inject_hyperparams` its learning rate is there as `lr`.
        clipnorm, clipvalue: see `Optimizer`.
    """

    def __init__(self, optimizer, **kwargs):
        if not isinstance(optimizer, optax.GradientTransformation):
            raise TypeError(
                "OptaxOptimizer: optimizer must be an optax.GradientTransformation, received "
                f"{type(optimizer).__name__}."
            )
        super().__init__(**kwargs)
        self.optimizer = optimizer
        self._rate_slot: int | None = None

    def _rule(self):
        return _counted, {"optimizer": self.optimizer}

    def _examples(self, params):
        return [p.value if isinstance(p, Variable) else p for p in params]

    def create_slots(self, params):
        super().create_slots(params)
        state = jax.tree.unflatten(self.slot_structure, self.slot_variables)
        paths, _ = jax.tree_util.tree_flatten_with_path(state)
        found = [i for i, (path, _) in enumerate(paths) if "hyperparams['learning_rate']" in jax.tree_util.keystr(path)]
        self._rate_slot = found[0] if found else None

    @property
    def lr(self):
        """The variable of an injected learning rate."""
        if self._rate_slot is None:
            raise AttributeError(
                "this Optax transformation has no learning rate that can be read or set; build it as "
                "optax.inject_hyperparams(optax.adam)(learning_rate=...) and train or compile once."
            )
        return self.slot_variables[self._rate_slot]

    @lr.setter
    def lr(self, value):
        self.lr.assign(np.asarray(value, self.lr.dtype))

    def get_config(self):
        raise NotImplementedError(
            "an Optax transformation is made of functions and has no config; pass optimizer= again after loading."
        )


class TFOptimizer(Optimizer):
    """An optimizer of TensorFlow's words, `tf.train.AdamOptimizer(...)` and the like, for `model.compile`.

    Args:
        optimizer: of the stand-in for TensorFlow.

    Its rates are those of `optimizer`; it has no config, so that models are saved without it.
    """

    def __init__(self, optimizer):
        if not getattr(optimizer, "of_tensorflow", False):
            raise TypeError(
                f"TFOptimizer: TensorFlow's optimizers do not run on JAX, received {type(optimizer).__name__}; "
                "use a class of keras.optimizers or pass any optax transformation as optimizer=."
            )
        super().__init__()
        self.optimizer = optimizer
        self.hyper = optimizer.hyper

    def _rule(self):
        return self.optimizer._rule()

    @property
    def defines_updates(self) -> bool:
        """Whether a rate is computed from variables, so that the whole step is recorded."""
        return bool(self.optimizer.rate_tensors)

    def get_updates(self, loss, params):
        if not self.defines_updates:
            return super().get_updates(loss, params)
        changes = self.optimizer.changes(self.get_gradients(loss, params), list(params))
        self.updates = [change.update for change in changes] + [K.update_add(self.iterations, 1)]
        return self.updates

    def get_config(self):
        raise NotImplementedError("TFOptimizer: TensorFlow's optimizers have no config.")


sgd = SGD
rmsprop = RMSprop
adagrad = Adagrad
adadelta = Adadelta
adam = Adam
adamax = Adamax
nadam = Nadam

_CLASSES = [SGD, RMSprop, Adagrad, Adadelta, Adam, Adamax, Nadam, TFOptimizer]
_REGISTRY = {c.__name__.lower(): c for c in _CLASSES}


def serialize(optimizer):
    """{'class_name': ..., 'config': ...} of an optimizer."""
    return serialize_keras_object(optimizer)


def deserialize(config, custom_objects=None):
    """The optimizer that `serialize` described; the class name's letter case does not matter.

    As in Keras, a built-in's class name is written in lower case into the given dict.
    """
    if isinstance(config, dict) and str(config.get("class_name", "")).lower() in _REGISTRY:
        config["class_name"] = config["class_name"].lower()
    return deserialize_keras_object(
        config, module_objects=_REGISTRY, custom_objects=custom_objects, printable_module_name="optimizer"
    )


def get(identifier):
    """The optimizer of a name, config dict, Optimizer or Optax transformation.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(identifier, Optimizer):
        return TFOptimizer(identifier) if getattr(identifier, "of_tensorflow", False) else identifier
    if isinstance(identifier, optax.GradientTransformation):
        return OptaxOptimizer(identifier)
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    if isinstance(identifier, type):
        raise ValueError(
            f"optimizer must be an instance, {identifier.__name__}(...), or a name; received the class itself: "
            f"{identifier!r}."
        )
    raise ValueError(
        "Could not interpret optimizer identifier: it must be a name, a config dict, an Optimizer or an Optax "
        f"transformation, received {identifier!r}."
    )

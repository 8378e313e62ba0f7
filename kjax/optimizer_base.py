"""The base class of the optimizers: rates and slots as variables around a pure rule of `kjax.update_rules`."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from kjax import backend as K
from kjax import update_rules
from kjax.graph import KerasTensor, Variable, op
from kjax.loss_scale import LossScale

_SPELLINGS = {"learning_rate": "lr"}


class RuleSpec(NamedTuple):
    """The static, hashable part of an optimizer: everything but its rates and slots.

    Called with the rates by name (numbers or traced scalars) it gives the gradient transformation.
    """

    make: Callable[..., optax.GradientTransformation]
    options: tuple[tuple[str, Any], ...]
    clipnorm: float | None
    clipvalue: float | None

    def __call__(self, **rates) -> optax.GradientTransformation:
        rates = {{"lr": "learning_rate"}.get(name, name): rate for name, rate in rates.items()}
        return update_rules.clipped(self.make(**rates, **dict(self.options)), self.clipnorm, self.clipvalue)


def clip_norm(g, c, n):
    """`g` scaled to norm `c` where the norm `n` reaches it; `g` itself where c <= 0."""
    return g if c <= 0 else _clip_norm(g, c, n)


@op
def _clip_norm(g, c, n):
    return jax.numpy.where(n >= c, g * c / n, g)


@op
def _clip(grads, clipnorm, clipvalue):
    return update_rules.clip_gradients(grads, clipnorm, clipvalue)


@op(name="apply_update_rule")
def _apply_rule(grads, params, leaves, rates, spec, treedef):
    """New parameters and new state leaves of one step."""
    updates, state = spec(**rates).update(grads, jax.tree.unflatten(treedef, leaves), params)
    return optax.apply_updates(params, updates), jax.tree.leaves(state)


class _Rate:
    """A class attribute for a rate that instances hold as their own."""

    def __init__(self, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        raise AttributeError(f"the optimizer {type(instance).__name__} has no {self.name}.")


class _OtherName:
    """A class attribute that gives `lr`; a subclass may keep something of its own under the name."""

    def __get__(self, instance, owner=None):
        return self if instance is None else instance.lr


class Optimizer:
    """Base class of the optimizers.

    Args:
        clipnorm: number >= 0 (keyword only); the norm of all gradients together is kept below it.
        clipvalue: number >= 0 (keyword only); each gradient element is kept within [-clipvalue, clipvalue].

    A rate (`lr`, `decay`, `momentum`, ...) is a variable: `K.get_value(opt.lr)`, `K.set_value(opt.lr, 0.1)`;
    `learning_rate` is another name of `lr`, and assigning a number sets the variable, assigning a scalar tensor takes
    its place.

    What a training step uses, all pure: `hyper` (name -> Variable of each rate), `signature()` (hashable; called with
    the rates it gives the Optax transformation), `slots(params)` (initial state), and the live state, whose leaves are
    the Variables of `slot_variables` in the structure `slot_structure`; its first leaf is `iterations`.
    """

    lr: Any = _Rate("lr")

    def __init__(self, **kwargs):
        self.hyper: dict[str, Variable] = {}
        for name, value in kwargs.items():
            if name not in ("clipnorm", "clipvalue"):
                raise TypeError(
                    f"Unexpected keyword argument passed to optimizer {type(self).__name__}: {name!r}; "
                    "accepted besides its own arguments: clipnorm, clipvalue."
                )
            if value is None:
                continue
            if not value >= 0:
                raise ValueError(f"{type(self).__name__}: {name} must be a number >= 0, received {value!r}.")
            setattr(self, name, value)
        self.updates: list = []
        self.slot_variables: list[Variable] = []
        self.slot_structure = None
        self.loss_scale_variables: list[Variable] = []  # of models that compute in float16
        if not isinstance(getattr(type(self), "iterations", None), property):  # a wrapper may show another's
            self.iterations = Variable(np.zeros((), "int32"), name=f"{type(self).__name__}/iterations", trainable=False)

    # ------------------------------------------------------------ rates

    def _rates(self, **values) -> None:
        """Makes the variables of the rates."""
        for name, value in values.items():
            value = K.eval(value) if isinstance(value, KerasTensor) else value  # what it is now, as in Keras
            self.hyper[name] = Variable(
                self._number(name, value), name=f"{type(self).__name__}/{name}", trainable=False
            )
            object.__setattr__(self, name, self.hyper[name])

    def _number(self, name, value) -> np.ndarray:
        where = f"{type(self).__name__}: {name} must be a number >= 0, received {value!r}."
        if not isinstance(value, (numbers.Real, np.ndarray, jax.Array, Variable)) or getattr(value, "shape", ()) != ():
            raise TypeError(where)
        number = np.asarray(value, K.floatx())
        if not number >= 0:
            raise ValueError(where)
        return number

    def __setattr__(self, name, value):
        if isinstance(type(self).lr, _Rate):  # else `lr` is a property of the subclass, over what it keeps itself
            name = _SPELLINGS.get(name, name)
        hyper = self.__dict__.get("hyper", {})
        if name in hyper and not isinstance(value, (Variable, KerasTensor)):
            hyper[name].assign(self._number(name, value))
            return
        if name in hyper:
            hyper[name] = value
        object.__setattr__(self, name, value)

    learning_rate = _OtherName()

    # ------------------------------------------------------------ the pure side

    def _rule(self) -> tuple[Callable[..., optax.GradientTransformation], dict[str, Any]]:
        """The function of `kjax.update_rules` and its static options."""
        raise NotImplementedError(
            f"{type(self).__name__} has no update rule: a subclass of Optimizer defines get_updates(loss, params)."
        )

    def signature(self) -> RuleSpec:
        """The static description: equal for optimizers that differ in their rates only."""
        make, options = self._rule()
        own = self._defines_gradients  # which then has clipped them, or not
        clips = (None, None) if own else (self.__dict__.get("clipnorm"), self.__dict__.get("clipvalue"))
        return RuleSpec(make, tuple(sorted(options.items())), *clips)

    def rule(self, **rates) -> optax.GradientTransformation:
        """The transformation with these (traced) rates; those not given keep their present value."""
        return self.signature()(**{name: _value(v) for name, v in self.hyper.items()} | rates)

    def slots(self, params):
        """The initial state for a pytree of parameters."""
        return self.rule().init(params)

    def create_slots(self, params) -> None:
        """Fresh slot variables for `params` (Variables or arrays in weight order); `iterations` goes on counting."""
        leaves, self.slot_structure = jax.tree.flatten(self.slots(self._examples(params)))
        group = f"training/{type(self).__name__}/Variable"
        self.slot_variables = [self.iterations] + [
            Variable(np.array(leaf), name=f"{group}_{i}" if i else group, trainable=False)
            for i, leaf in enumerate(leaves[1:])
        ]

    def scale_loss(self, scale: LossScale) -> list[Variable]:
        """The variables of the loss scale, made when there are none."""
        if not self.loss_scale_variables:
            self.loss_scale_variables = [
                Variable(np.array(value), name=f"loss_scale/{name}", trainable=False)
                for name, value in zip(("scale", "finite_steps"), scale.initial_state(), strict=True)
            ]
        if scale.interval is None:
            self.loss_scale_variables[0].assign(np.float32(scale.initial))
        return self.loss_scale_variables

    def _examples(self, params) -> list:
        """What the initial state is made from: shapes do for Keras's rules, weights need not exist yet."""
        return [jax.ShapeDtypeStruct(tuple(p.shape), p.dtype) for p in params]

    @property
    def defines_updates(self) -> bool:
        """True where a step is the updates of `get_updates`: a user's own, own gradients, rates that are tensors."""
        own = type(self).get_updates is not Optimizer.get_updates or "get_updates" in self.__dict__
        return own or self._defines_gradients or any(isinstance(v, KerasTensor) for v in self.hyper.values())

    @property
    def _defines_gradients(self) -> bool:
        """Whether a subclass or a program put its own function in the place of `get_gradients`."""
        return type(self).get_gradients is not Optimizer.get_gradients or "get_gradients" in self.__dict__

    # ------------------------------------------------------------ Keras's symbolic side

    def get_gradients(self, loss, params):
        """The clipped gradients of a scalar tensor with respect to `params`, as symbolic tensors."""
        grads = self._gradients(loss, params)
        clips = (self.__dict__.get("clipnorm"), self.__dict__.get("clipvalue"))
        return grads if clips == (None, None) else _clip(grads, *clips)

    @staticmethod
    def _gradients(loss, params):
        grads = K.gradients(loss, params)
        missing = [p.name for p, g in zip(params, grads, strict=True) if g is None]
        if missing:
            raise ValueError(
                f"the loss does not depend on {missing} in a differentiable way, so they have no gradient; "
                "K.argmax, K.round, K.eval and comparisons have none."
            )
        return grads

    def get_updates(self, loss, params):
        """The updates of one step as pairs (variable, new value), for `K.function(inputs, outputs, updates=...)`.

        Args:
            loss: scalar symbolic tensor.
            params: list of Variables.
        """
        params = list(params)
        key = tuple(id(p) for p in params)
        if getattr(self, "_slots_for", None) != key:  # the state goes on, as that of a loaded model
            self.create_slots(params)
            self._slots_for = key
        grads = self.get_gradients(loss, params) if self._defines_gradients else self._gradients(loss, params)
        values, leaves = self.stepped(grads, params, self.slot_variables, self.slot_structure, self.hyper)
        constrained = [p.constraint(v) if p.constraint is not None else v for p, v in zip(params, values, strict=True)]
        self.updates = [K.update(v, t) for v, t in zip(self.slot_variables, leaves, strict=True)]
        self.updates += [K.update(p, t) for p, t in zip(params, constrained, strict=True)]
        return self.updates

    def stepped(self, grads, params, slots, structure, rates):
        """(new parameters, new slots) of one step, as symbolic tensors.

        Args:
            grads, params: lists of tensors and of Variables.
            slots, structure: as `create_slots` makes them.
            rates: dict name -> Variable or tensor.
        """
        return _apply_rule(grads, params, list(slots), dict(rates), self.signature(), structure)

    # ------------------------------------------------------------ weights and config

    @property
    def weights(self) -> list[Variable]:
        """The variables that Keras 2.2.4 saves, in its order; empty until the slots exist."""
        return self.__dict__.get("_weights") or self._saved_variables()

    @weights.setter
    def weights(self, variables):
        self._weights = list(variables)

    def _saved_variables(self) -> list[Variable]:
        return list(self.slot_variables)

    def get_weights(self) -> list[np.ndarray]:
        """The values of `weights` as arrays."""
        return [_saved(v) for v in self.weights]

    def set_weights(self, weights) -> None:
        """Sets the state from arrays as `get_weights` gives them, here or in Keras 1 to 2.3.

        Raises:
            ValueError: when the number or a shape differs, or the slots do not exist yet.
        """
        name = type(self).__name__
        params = self.weights
        if not params:
            raise ValueError(
                f"{name}.set_weights: the slots do not exist before the first training step; "
                f"received {len(weights)} arrays."
            )
        given = self._known_layout([np.asarray(w) for w in weights])
        if len(given) != len(params):
            raise ValueError(f"{name}.set_weights: {len(params)} arrays are required, received {len(weights)}.")
        for v, w in zip(params, given, strict=True):
            if tuple(v.shape) != w.shape:
                raise ValueError(
                    f"{name}.set_weights: {v.name} has shape {tuple(v.shape)}, received an array of shape {w.shape}."
                )
        for v, w in zip(params, given, strict=True):
            v.assign(w.astype(v.dtype))

    def _known_layout(self, weights: list[np.ndarray]) -> list[np.ndarray]:
        """The arrays of another Keras version in the order of `weights`."""
        return weights

    def get_config(self) -> dict:
        config: dict[str, Any] = {k: self.__dict__[k] for k in ("clipnorm", "clipvalue") if k in self.__dict__}
        config.update({name: float(_value(v)) for name, v in self.hyper.items()})
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _value(rate):
    """The present value of a rate."""
    return rate.value if isinstance(rate, Variable) else K.eval(rate)


def _saved(variable) -> np.ndarray:
    value = np.array(variable.value)
    return value.astype("int64") if value.dtype == np.int32 else value

"""`tf.train.*Optimizer`: for `minimize` in a session, and for `model.compile`."""

from __future__ import annotations

import jax
import numpy as np

from kjax import update_rules as keras_rules
from kjax.backend import gradients
from kjax.compat.tensorflow import update_rules as rules
from kjax.compat.tensorflow.effects import Operation, assign, assign_add
from kjax.compat.tensorflow.graphs import GraphKeys, get_default_graph
from kjax.graph import KerasTensor, Variable
from kjax.optimizer_base import Optimizer as KerasOptimizer

__all__ = [
    "AdadeltaOptimizer", "AdagradOptimizer", "AdamOptimizer", "GradientDescentOptimizer", "MomentumOptimizer",
    "Optimizer", "RMSPropOptimizer",
]  # fmt: skip


class Optimizer(KerasOptimizer):
    """Base class of TensorFlow's optimizers.

    Args:
        use_locking: not read.
        name: what slots are named after.
        rates: numbers; the learning rate may be a Variable or a tensor of `tf.train.exponential_decay` and the like.
    """

    of_tensorflow = True
    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2
    slot_names: tuple[str, ...] = ()

    def __init__(self, use_locking=False, name="Optimizer", **rates):
        super().__init__()
        if type(self)._rule is KerasOptimizer._rule:
            raise NotImplementedError(
                f"{type(self).__name__}: subclasses of tf.train.Optimizer with an update of their own do not run on "
                "JAX; subclass keras.optimizers.Optimizer, or pass an optax transformation."
            )
        self._name = name
        self.rate_tensors: dict[str, KerasTensor | Variable] = {}  # rates that are computed
        for rate, value in rates.items():
            value = value() if callable(value) else value
            if isinstance(value, (KerasTensor, Variable)):
                self.rate_tensors[rate] = value
            else:
                self._rates(**{rate: value})
        self._states: dict[tuple, tuple] = {}  # ids of parameters -> (parameters, slot variables, structure)

    def get_name(self) -> str:
        return self._name

    # ------------------------------------------------------------ in a session

    def compute_gradients(
        self,
        loss,
        var_list=None,
        gate_gradients=GATE_OP,
        aggregation_method=None,
        colocate_gradients_with_ops=False,
        grad_loss=None,
    ):
        """[(gradient or None, variable), ...] of the loss.

        Args:
            loss: tensor.
            var_list: Variables; default: the trainable ones of the graph.
            grad_loss: tensor of the loss's shape that the gradient begins with.
        """
        if callable(loss):
            raise TypeError("compute_gradients: loss must be a tensor: there is no eager execution.")
        if var_list is None:
            var_list = get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES)
        variables = list(var_list) if isinstance(var_list, (list, tuple)) else [var_list]
        if not variables:
            raise ValueError("compute_gradients: there are no variables to optimize.")
        return list(zip(gradients(loss if grad_loss is None else loss * grad_loss, variables), variables, strict=True))

    def apply_gradients(self, grads_and_vars, global_step=None, name=None) -> Operation:
        """The operation that changes the variables by their gradients.

        Args:
            grads_and_vars: pairs as `compute_gradients` gives them.
            global_step: Variable that counts the steps.
        """
        pairs = [(g, v) for g, v in grads_and_vars if g is not None]
        if not pairs:
            names = [v.name for _, v in grads_and_vars]
            raise ValueError(f"apply_gradients: no gradients for any variable; the loss does not depend on {names}.")
        changes = self.changes([g for g, _ in pairs], [v for _, v in pairs])
        counted = [] if global_step is None else [assign_add(global_step, 1)]
        return Operation([*changes, *counted], name=name or self._name, kind="NoOp")

    def minimize(
        self,
        loss,
        global_step=None,
        var_list=None,
        gate_gradients=GATE_OP,
        aggregation_method=None,
        colocate_gradients_with_ops=False,
        name=None,
        grad_loss=None,
    ) -> Operation:
        """The operation that does one step; arguments as for `compute_gradients` and `apply_gradients`."""
        pairs = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
        return self.apply_gradients(pairs, global_step, name)

    def changes(self, grads, params) -> list:
        """The assignments of one step."""
        slots, structure = self._state_of(params)
        values, leaves = self.stepped(grads, params, slots, structure, {**self.hyper, **self.rate_tensors})
        values = [v if p.constraint is None else p.constraint(v) for p, v in zip(params, values, strict=True)]
        return [assign(v, t) for v, t in zip([*slots, *params], [*leaves, *values], strict=True)]

    def _state_of(self, params):
        """The slot variables for these parameters, made once."""
        key = tuple(map(id, params))
        if key not in self._states:
            leaves, structure = jax.tree.flatten(self.slots(self._examples(params)))
            group = [f"{p.name[:-2]}/{self._name}{f'_{i}' if i else ''}" for i in self._slots_each() for p in params]
            slots = [Variable(np.array(leaves[0]), f"{self._name}/step", trainable=False)]
            slots += [
                Variable(np.array(leaf), name, trainable=False) for leaf, name in zip(leaves[1:], group, strict=True)
            ]
            self._states[key] = (list(params), slots, structure)
        return self._states[key][1:]

    def rule(self, **rates):
        # what a rate is does not matter to the shape of the state
        return super().rule(**{**dict.fromkeys(self.rate_tensors, 0.0), **rates})

    def _slots_each(self):
        return range(len(self.slot_names))

    def get_slot_names(self) -> list[str]:
        """The names of the slots."""
        return sorted(self.slot_names)

    def get_slot(self, var, name):
        """The slot variable of a parameter; None before there is one."""
        for params, slots, _ in self._states.values():
            places = [i for i, p in enumerate(params) if p is var]
            if places and name in self.slot_names:
                return slots[1 + self.slot_names.index(name) * len(params) + places[0]]
        return None

    def variables(self) -> list[Variable]:
        """All slot variables."""
        return [v for _, slots, _ in self._states.values() for v in slots]

    def get_config(self):
        raise NotImplementedError(f"{type(self).__name__}: TensorFlow's optimizers have no config.")


class GradientDescentOptimizer(Optimizer):
    """p <- p - rate * g.

    Args:
        learning_rate: number, Variable or tensor.
    """

    slot_names = ()

    def __init__(self, learning_rate, use_locking=False, name="GradientDescent"):
        super().__init__(use_locking, name, lr=learning_rate)

    def _rule(self):
        return rules.descent, {}


class MomentumOptimizer(Optimizer):
    """a <- momentum * a + g;  p <- p - rate * a.

    Args:
        learning_rate, momentum: numbers, Variables or tensors.
        use_nesterov: bool.
    """

    slot_names = ("momentum",)

    def __init__(self, learning_rate, momentum, use_locking=False, name="Momentum", use_nesterov=False):
        super().__init__(use_locking, name, lr=learning_rate, momentum=momentum)
        self.use_nesterov = bool(use_nesterov)

    def _rule(self):
        return rules.momentum, {"nesterov": self.use_nesterov}


class AdamOptimizer(Optimizer):
    """Adam, as Keras computes it but for the default of `epsilon`.

    Args:
        learning_rate, beta1, beta2: numbers, Variables or tensors.
        epsilon: number.
    """

    slot_names = ("m", "v")

    def __init__(self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, use_locking=False, name="Adam"):
        super().__init__(use_locking, name, lr=learning_rate, beta_1=beta1, beta_2=beta2)
        self.epsilon = epsilon

    def _rule(self):
        return keras_rules.adam, {"epsilon": self.epsilon}


class RMSPropOptimizer(Optimizer):
    """Gradients divided by a moving root mean square that begins at 1.

    Args:
        learning_rate, decay, momentum: numbers, Variables or tensors.
        epsilon: number, inside the root.
        centered: bool.
    """

    def __init__(
        self,
        learning_rate,
        decay=0.9,
        momentum=0.0,
        epsilon=1e-10,
        use_locking=False,
        centered=False,
        name="RMSProp",
    ):
        super().__init__(use_locking, name, lr=learning_rate, decay=decay, momentum=momentum)
        self.epsilon, self.centered = epsilon, bool(centered)
        self.slot_names = ("rms", "momentum", "mg") if centered else ("rms", "momentum")

    def _rule(self):
        return rules.rmsprop, {"epsilon": self.epsilon, "centered": self.centered}


class AdagradOptimizer(Optimizer):
    """a <- a + g^2;  p <- p - rate * g / sqrt(a).

    Args:
        learning_rate: number, Variable or tensor.
        initial_accumulator_value: number > 0 that a begins with.
    """

    slot_names = ("accumulator",)

    def __init__(self, learning_rate, initial_accumulator_value=0.1, use_locking=False, name="Adagrad"):
        if initial_accumulator_value <= 0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}.")
        super().__init__(use_locking, name, lr=learning_rate)
        self.initial_accumulator_value = initial_accumulator_value

    def _rule(self):
        return rules.adagrad, {"initial_accumulator_value": self.initial_accumulator_value}


class AdadeltaOptimizer(Optimizer):
    """Adadelta, as Keras computes it but for the defaults.

    Args:
        learning_rate, rho: numbers, Variables or tensors.
        epsilon: number.
    """

    slot_names = ("accum", "accum_update")

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-8, use_locking=False, name="Adadelta"):
        super().__init__(use_locking, name, lr=learning_rate, rho=rho)
        self.epsilon = epsilon

    def _rule(self):
        return keras_rules.adadelta, {"epsilon": self.epsilon}

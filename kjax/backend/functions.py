"""`K.function`: a compiled function from symbolic inputs to symbolic outputs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kjax.backend.elementwise import cast
from kjax.backend.phase import is_learning_phase
from kjax.backend.sparse import densified
from kjax.graph import KerasTensor, Update, Variable, as_update, build_program
from kjax.graph.execute import run_program, values_of
from kjax.graph.random import next_key
from kjax.nn.conv_cpu import compiler_options

__all__ = ["Function", "function"]


class Function:
    """Computes symbolic outputs from values for symbolic inputs, then carries out updates.

    Args: see :func:`function`.
    """

    def __init__(self, inputs, outputs, updates=None, name=None, **session_kwargs):
        self.name = name
        given = {k: v for k, v in session_kwargs.items() if v is not None and not (k == "session_kwargs" and not v)}
        if given:
            raise ValueError(
                f"function: argument(s) {sorted(given)} are not supported: they steer a TensorFlow session."
            )
        self._single = not isinstance(outputs, (list, tuple))
        self.inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        self.outputs = [outputs] if self._single else list(outputs)
        for x in self.inputs:
            _check_input(x)
        pairs = [(o.variable, o.value) for o in self.outputs if isinstance(o, Update)]
        self.updates = [Update(*_fitting(*pair)) for pair in pairs + [tuple(as_update(u)) for u in updates or []]]
        values = [_tensor(o.value if isinstance(o, Update) else o, i) for i, o in enumerate(self.outputs)]
        fed = [x for x in self.inputs if not is_learning_phase(x)]
        self._program, self._variables, self._constants = build_program(fed, values + [u.value for u in self.updates])
        self._calls = 0

    def __call__(self, inputs):
        """The outputs, a list of NumPy arrays.

        Args:
            inputs: list of as many values as the function has inputs; a learning phase (0 or 1) behind them that
                the function does not have is left unread, as in Keras.
        """
        if not isinstance(inputs, (list, tuple)):
            if len(self.inputs) != 1:
                raise TypeError(
                    f"{self._label}: inputs must be a list of {len(self.inputs)} values; got {type(inputs)}."
                )
            inputs = [inputs]
        if (
            len(inputs) == len(self.inputs) + 1
            and _is_phase(inputs[-1])
            and not any(map(is_learning_phase, self.inputs))
        ):
            inputs = inputs[:-1]  # a phase that is passed along to a function without one: Keras leaves it unread
        if len(inputs) == len(self.inputs) - 1 and is_learning_phase(self.inputs[-1]):
            inputs = [*inputs, 0]
        if len(inputs) != len(self.inputs):
            raise ValueError(f"{self._label}: inputs must hold {len(self.inputs)} value(s); got {len(inputs)}.")
        training, arrays = False, []
        for tensor, value in zip(self.inputs, inputs, strict=True):
            if is_learning_phase(tensor):
                training = bool(np.asarray(value))
            else:
                arrays.append(self._feed(tensor, value))
        random = self._program.random
        results = run_program(
            self._program,
            arrays,
            values_of(self._variables),
            self._constants,
            training,
            next_key() if random else None,
            np.int32(self._calls) if random else None,
            compiler_options(),
        )
        self._calls += 1
        outputs = results[: len(self.outputs)]
        # A copy: updated variables may be given away by a later training step, and callers write into what they get.
        outputs = [np.array(v)[()] for v in outputs]
        for update, value in zip(self.updates, results[len(self.outputs) :], strict=True):
            if value.shape != tuple(update.variable.shape):
                raise ValueError(
                    f"{self._label}: the update of {update.variable.name!r} of shape {tuple(update.variable.shape)} "
                    f"gave an array of shape {tuple(value.shape)}."
                )
            update.variable.replace(value)
        return outputs[0] if self._single else outputs

    @property
    def _label(self):
        return f"function {self.name!r}" if self.name else "function"

    def _feed(self, tensor, value):
        value = densified(value)
        array = jnp.asarray(value, tensor.dtype) if isinstance(value, jax.Array) else np.asarray(value, tensor.dtype)
        shape = tuple(tensor.shape)
        known = zip(shape[1:], array.shape[1:], strict=False)  # the batch may be of any size
        if len(shape) != array.ndim or any(d is not None and d != n for d, n in known):
            raise ValueError(
                f"{self._label}: the value for {tensor.name!r} must have shape {shape}; got shape {tuple(array.shape)}."
            )
        return array


def _is_phase(value) -> bool:
    return np.ndim(value) == 0 and not isinstance(value, (KerasTensor, Variable)) and value in (0, 1)


def _check_input(x):
    if isinstance(x, (int, np.integer)):
        raise TypeError(
            f"function: inputs must be tensors; got the number {x!r}. (After K.set_learning_phase, K.learning_phase() "
            "is a number: leave it out of the inputs.)"
        )
    if not isinstance(x, (KerasTensor, Variable)):
        raise TypeError(f"function: inputs must be symbolic tensors or Variables; got {type(x).__name__}.")


def _tensor(x, i):
    if isinstance(x, (KerasTensor, Variable, jax.Array)):
        return x
    if isinstance(x, (int, float, np.ndarray, np.generic)):
        return jnp.asarray(x)
    raise TypeError(f"function: outputs must be tensors; got {type(x).__name__} as output {i}.")


def _fitting(variable, value):
    """The pair, with the value in the variable's type; its shape must fit as far as it is known."""
    value = _tensor(value, "of an update")
    shape = tuple(value.shape)
    fits = len(shape) == len(variable.shape) and all(
        d is None or d == n for d, n in zip(shape, variable.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"function: the update of {variable.name!r} must have its shape {tuple(variable.shape)}; got shape {shape}."
        )
    return variable, value if str(value.dtype) == variable.dtype else cast(value, variable.dtype)


def function(inputs, outputs, updates=None, **kwargs):
    """A compiled function from values of `inputs` to values of `outputs`.

    Args:
        inputs: list of placeholders, other symbolic tensors (what they depend on is then not computed), Variables,
            and `K.learning_phase()`, which is fed 0 or 1 (not an input: the test phase).
        outputs: list of tensors, Variables, or updates (their new values are returned); a single one gives one value.
        updates: list of `K.update...(...)` or (variable, new value); carried out after the outputs are computed, all
            from the values before the call.
        kwargs: `name`; TensorFlow's session arguments are refused.

    Returns:
        Function: called with a list of values it returns a list of NumPy arrays.
    """
    return Function(inputs, outputs, updates=updates, **kwargs)

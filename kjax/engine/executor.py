"""Executor: one compiled kind of step, bound to the variables it reads and replaces."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax import mixed_precision
from kjax.distribute.placement import Placement
from kjax.engine.feeds import Feed
from kjax.engine.safeguard import Safeguard
from kjax.engine.sizes import Sizes
from kjax.engine.step import Spec, State, forward_step, traces, train_chunk, train_step
from kjax.graph import KerasTensor, build_program
from kjax.graph.interrupts import uninterrupted
from kjax.graph.operation import When
from kjax.graph.variable import on_device

__all__ = ["Executor", "in_floatx"]


class Executor:
    """Runs steps of one kind and keeps the variables' handles up to date.

    Args:
        inputs: placeholders, sample weights last.
        logs: scalar tensors to report, the loss first.
        outputs: tensors to return.
        updates: list of Update.
        params: Variables to train (empty: no gradient is taken).
        optimizer: for training.
        weights: how many of the inputs are sample weights.
        on_trace: called with the number of new compilations.

    Attributes:
        random: whether steps need a random key.
        is_plain: whether a prediction reads nothing but its inputs, of any batch size, and replaces nothing.
    """

    def __init__(self, inputs, logs, outputs, updates=(), params=(), optimizer=None, weights=0, on_trace=None):
        self.params = list(params)
        # an input of a fixed batch size: whatever the graph does with its rows, there are as many
        self.fixed_size = any(tuple(t.shape[:1]) not in ((None,), ()) for t in inputs)
        known = {id(v): i for i, v in enumerate(self.params)}
        self.updated = []
        for u in updates:
            if id(u.variable) not in known:
                known[id(u.variable)] = len(known)
                self.updated.append(u.variable)
        results = [*logs, *outputs, *[_as_tensor(u.value) for u in updates]]
        program, variables, self.constants = build_program(inputs, results, [*self.params, *self.updated])
        self.fixed = variables[len(known) :]
        self.on_trace = on_trace
        self.optimizer = optimizer
        rule = slots = constraints = scale = None
        constrained: tuple[int, ...] = ()
        self.constraint_constants = []
        self.slots = []
        if optimizer is not None and not optimizer.defines_updates:
            rule = optimizer.signature()
            slots = optimizer.slot_structure
            self.slots = optimizer.slot_variables
            if "float16" in program.facts.precisions:  # its gradients would vanish
                scale = mixed_precision.loss_scale()
                self.slots = [*self.slots, *optimizer.scale_loss(scale)]
            constrained = tuple(i for i, v in enumerate(self.params) if v.constraint is not None)
            if constrained:
                places = [KerasTensor(self.params[i].shape, self.params[i].dtype) for i in constrained]
                allowed = [self.params[i].constraint(p) for i, p in zip(constrained, places, strict=True)]
                constraints, leaked, self.constraint_constants = build_program(places, allowed)
                if leaked:
                    raise ValueError(
                        f"a constraint uses the variables {[v.name for v in leaked]}; it may use its argument only."
                    )
        self.spec = Spec(
            program,
            len(self.params),
            len(self.updated),
            len(logs),
            len(outputs),
            tuple(known[id(u.variable)] for u in updates),
            weights,
            tuple(len(t.shape) for t in inputs[len(inputs) - weights :]) if weights else (),
            rule,
            slots,
            constraints,
            constrained,
            scale,
        )
        in_any_phase = program.facts.phase is When.ALWAYS
        self._reads_rows = in_any_phase
        self.random = program.random and (optimizer is not None or in_any_phase)
        self.is_plain = not (self.updated or self.random or in_any_phase or self.fixed_size)
        self.sizes = Sizes(inputs, self.spec, variables, self.constants)
        self.safeguard = Safeguard([self.params, self.updated, self.slots])

    def _spec_for(self, batch, training) -> Spec:
        """The spec for a batch (data, weights), or (data, weights, lengths) with sequences that were filled up."""
        return self.spec if len(batch) == 2 else self.spec._replace(groups=self.sizes.groups(training))

    def stretched(self, feed, training=False, placement=None) -> Feed:
        """The feed with sequences of many lengths brought to few, where that changes no result."""
        several = placement is not None and placement.processes > 1  # whose sequences may have other lengths
        return feed if several else self.sizes.stretched(feed, training)

    def on_host(self, outputs, batch, size) -> list:
        """The outputs of a batch as NumPy arrays, the first `size` rows and without filling.

        What a layer computed in fewer bits than `floatx` has is given in `floatx`.
        """
        lengths = np.asarray(batch[2]) if len(batch) == 3 else None
        return [self.sizes.cropped(i, in_floatx(y)[:size], lengths) for i, y in enumerate(outputs)]

    @property
    def rowwise(self) -> bool:
        """Whether a batch may be padded."""
        return self.spec.program.rowwise and not self.fixed_size

    def rows_read(self, rows, size):
        """What to give `forward` as rows in a prediction: the mask only where an operation reads it.

        Where none does, rows that only pad are cut off again and nothing else depends on them.

        Args:
            rows: the mask of a batch, or None where all rows are valid.
            size: that the batch was padded to; None: it was not.
        """
        if not self._reads_rows or size is None:
            return None
        return np.ones((size,), "float32") if rows is None else rows

    def _values(self, variables, placement) -> list:
        """The variables' values where the step needs them; what is not there yet is moved once."""
        there = None if Placement.made else on_device(variables)
        if there is not None:
            return there
        values = []
        for v in variables:
            value = v.value
            if placement is not None:
                placed = placement.state(value)
            elif not isinstance(value, jax.Array):
                placed = jnp.array(value)
            elif len(value.sharding.device_set) > 1:
                placed = jax.device_put(value, jax.devices()[0])  # it was last used on many devices
            else:
                placed = value
            if placed is not value:
                v.replace(placed)
            values.append(placed)
        return values

    def _rates(self, placement) -> dict:
        if self.spec.rule is None:
            return {}
        hyper = self.optimizer.hyper
        return dict(zip(hyper, self._values(hyper.values(), placement), strict=True))

    def _state(self, placement) -> State:
        return State(*[self._values(group, placement) for group in (self.params, self.updated, self.slots)])

    def _counted(self, run, placement):
        before = traces.count
        if placement is None:
            result = run()
        else:
            with placement.in_force():
                result = run()
        if self.on_trace is not None and traces.count != before:
            self.on_trace(traces.count - before)
        return result

    def train(self, batch, rows, key, count, placement=None):
        """One training step; returns its logs, a device array."""
        if placement is not None:
            (batch, rows), key = placement.feed((batch, rows)), placement.key(key)
        fixed, rates = self._values(self.fixed, placement), self._rates(placement)
        constants = (self.constants, self.constraint_constants)
        step = train_step(self._spec_for(batch, True), self.safeguard.donates)
        with uninterrupted():
            state = self.safeguard.before(self._state(placement))
            with self.safeguard.attempt(state):
                new, logs = self._counted(
                    lambda: step(state, fixed, constants, rates, batch, rows, key, _number(key, count)), placement
                )
            self.safeguard.put(new)
            self.safeguard.after(state, logs)
        return logs

    def train_many(self, batches, rows, key, count, logs, start, stop, placement=None):
        """Several training steps in one dispatch; returns the log array, rows `start` to `stop` filled."""
        fixed, rates = self._values(self.fixed, placement), self._rates(placement)
        constants = (self.constants, self.constraint_constants)
        chunk, number = train_chunk(self._spec_for(batches, True), self.safeguard.donates), _number(key, count)

        def run(state, start, stop):
            steps = np.int32(start), np.int32(stop)
            return self._counted(
                lambda: chunk(state, logs, fixed, constants, rates, batches, rows, key, number, *steps), placement
            )

        def again(state, i):
            return run(state, start + i, start + i + 1)

        with uninterrupted():
            state = self.safeguard.before(self._state(placement))
            with self.safeguard.attempt(state, stop - start, again):
                new, filled = run(state, start, stop)
            self.safeguard.put(new)
            self.safeguard.after(state, filled, stop - start, again)
        return filled

    def forward(self, batch, rows, key, count, training=False, placement=None):
        """A step without gradient; returns (logs, outputs)."""
        if placement is not None:
            (batch, rows), key = placement.feed((batch, rows)), placement.key(key)
        step = forward_step(self._spec_for(batch, training), training, self.safeguard.donates)
        fixed = self._values(self.fixed, placement)
        number = _number(key, count)
        if not self.updated:
            with uninterrupted():
                logs, outputs = self._counted(
                    lambda: step([], fixed, self.constants, batch, rows, key, number)[1:], placement
                )
            return logs, outputs if placement is None else placement.own(outputs)
        with uninterrupted():
            state = self.safeguard.before(self._state(placement))
            values, logs, outputs = self._counted(
                lambda: step(state.updated, fixed, self.constants, batch, rows, key, number), placement
            )
            self.safeguard.put(state._replace(updated=values))
            self.safeguard.after(state, (logs, outputs))
        return logs, outputs if placement is None else placement.own(outputs)


def in_floatx(y) -> np.ndarray:
    """y as a NumPy array; what has 16 floating-point bits as `floatx`."""
    y = np.asarray(y)
    if y.dtype.itemsize != 2:
        return y
    return y.astype(K.floatx()) if str(y.dtype) in ("bfloat16", "float16") and str(y.dtype) != K.floatx() else y


def _number(key, count):
    """The number of a step for its random key, None where nothing is random."""
    return None if key is None else np.uint32(count % 2**32)


def _as_tensor(value):
    return value if not isinstance(value, (int, float, np.ndarray)) else jnp.asarray(value, jnp.float32)

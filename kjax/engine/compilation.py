"""Compilation: from what `compile` is told to the programs that train, test and predict."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import jax

from kjax import distribute, losses, optimizers
from kjax.engine.added_metrics import added_metrics
from kjax.engine.executor import Executor
from kjax.engine.objectives import Reported, make_metrics, make_objectives
from kjax.engine.step_functions import OwnStep, StepFunctions
from kjax.graph import as_update
from kjax.graph.interrupts import listening
from kjax.graph.random import next_key

__all__ = ["Compilation"]


class Compilation(StepFunctions):
    """Mixin of Model: `compile`, and the executors of its steps."""

    inputs: Any
    _feed_inputs: list

    def compile(
        self,
        optimizer,
        loss=None,
        metrics=None,
        loss_weights=None,
        sample_weight_mode=None,
        weighted_metrics=None,
        target_tensors=None,
        **kwargs,
    ):
        """Says how the model is to be trained.

        Args:
            optimizer: name, kjax optimizer, or any `optax.GradientTransformation`.
            loss: name, function or Loss, a list of them or a dict by output name; None entries are not trained for.
            metrics: list of names, functions or Metrics; for several outputs a list per output or a dict by name.
            loss_weights: factors of the outputs' losses, list or dict.
            sample_weight_mode: None, or 'temporal' for weights per time step (samples, time); list or dict per output.
            weighted_metrics: as `metrics`, computed with the sample weights.
            target_tensors: symbolic tensors to use as targets instead of data.

        Raises:
            ValueError, TypeError: for names that do not exist and arguments that do not fit the outputs. The model
                stays as it was then.
        """
        if kwargs:
            raise TypeError(
                f"compile got unexpected arguments {sorted(kwargs)}; TensorFlow session arguments (options, "
                "run_metadata, feed_dict, ...) have no counterpart in JAX."
            )
        spec = {
            "loss": loss,
            "metrics": metrics,
            "loss_weights": loss_weights,
            "sample_weight_mode": sample_weight_mode,
            "weighted_metrics": weighted_metrics,
            "target_tensors": target_tensors,
        }
        self._compile_spec(optimizer, spec)

    def _compile_spec(self, optimizer, spec, scaling=None):
        """`compile` by its arguments after the first, as a dict; `scaling` is the Scaling of another Keras's losses."""
        absent = dict.fromkeys(
            ("loss", "metrics", "loss_weights", "sample_weight_mode", "weighted_metrics", "target_tensors")
        )
        spec = {**absent, **spec, "scaling": scaling}
        optimizer = optimizers.get(optimizer)
        if not self.built:
            if isinstance(spec["loss"], str):
                losses.get(spec["loss"])  # a wrong name is said now, not at the first fit
            self._pending_compile = (optimizer, spec)
            self.optimizer, self.loss = optimizer, spec["loss"]
            return
        self._compile_built(optimizer, spec)

    def _compile_built(self, optimizer, spec):
        objectives = make_objectives(
            self,
            spec["loss"],
            spec["loss_weights"],
            spec["sample_weight_mode"],
            spec["target_tensors"],
            spec["scaling"],
        )
        penalties = self.losses
        if not objectives and not penalties:
            raise ValueError("The model cannot be compiled because it has no loss to optimize.")
        reported = make_metrics(self, objectives, spec["metrics"], spec["weighted_metrics"])
        reported += [Reported(*added) for added in added_metrics(self, [r.name for r in reported])]
        total = None
        for o in objectives:
            value = o.value if isinstance(o.weight, float) and o.weight == 1.0 else o.value * o.weight
            total = value if total is None else total + value
        for penalty in penalties:
            total = penalty if total is None else total + penalty
        # Nothing can fail any more: the model changes now.
        self.__dict__.pop("_pending_compile", None)
        self.optimizer, self.loss = optimizer, spec["loss"]
        self.metrics = spec["metrics"] or []
        self.weighted_metrics = spec["weighted_metrics"]
        self.loss_weights, self.sample_weight_mode = spec["loss_weights"], spec["sample_weight_mode"]
        self._loss_scaling = spec["scaling"]
        self._objectives, self._reported = objectives, reported
        self.loss_functions = [o.loss for o in objectives]
        self.targets = [o.target for o in objectives]
        self.sample_weights = [o.sample_weight for o in objectives]
        self.sample_weight_modes = ["temporal" if len(w.shape) == 2 else None for w in self.sample_weights]
        self.total_loss = total
        separate = len(self.outputs) > 1
        self.metrics_names = ["loss"] + [o.name + "_loss" for o in objectives if separate] + [r.name for r in reported]
        self.metrics_tensors = [o.value for o in objectives if separate] + [r.value for r in reported]
        self.stateful_metric_functions = [r.stateful for r in reported if r.stateful is not None]
        self.stateful_metric_names = [r.name for r in reported if r.stateful is not None]
        self._collected_trainable_weights = self.trainable_weights
        self._checked_flags = None
        self._differs_from_compiled = False
        self.metrics_updates = [u for m in self.stateful_metric_functions for u in m.updates]
        self._own_updates = None
        self._compiled = True
        self._forget_programs()
        self.train_function = self.test_function = self.predict_function = None

    def _forget_programs(self):
        self._executors = {}
        self._shortcut = None
        self._logged: list = []
        self.__dict__.setdefault("metrics_updates", [])
        self._slots_for = None

    def _require_compiled(self, what):
        if not self._compiled and not hasattr(self, "_pending_compile"):
            raise RuntimeError(
                f"You must compile your model before training/testing: `{what}` was called. Use "
                f"`model.compile(optimizer, loss)`."
            )

    def _before_summary(self):
        if self._compiled:
            self._check_trainable_weights_consistency()

    def _check_trainable_weights_consistency(self):
        flags: list = []
        _collect_flags(self, flags)
        if flags != self._checked_flags:  # to collect the weights takes longer
            self._checked_flags = flags
            self._differs_from_compiled = len(self.trainable_weights) != len(self._collected_trainable_weights)
        if self._differs_from_compiled:
            warnings.warn(
                "Discrepancy between trainable weights and collected trainable weights, did you set `model.trainable` "
                "without calling `model.compile` after ?",
                UserWarning,
                stacklevel=3,
            )

    # ------------------------------------------------------------ programs

    def _executor(self, kind) -> Executor | OwnStep:
        """The step of one kind: 'train', 'test' or 'predict'."""
        own = self._own_step(kind)
        return self._compiled_executor(kind) if own is None else own

    def _compiled_executor(self, kind) -> Executor:
        if kind != "predict":
            self._take_appended_metrics()
        if kind not in self._executors:
            with listening(sys._getframe()):
                executor = self._executors[kind] = self._make_executor(kind)
            executor.fixed_size = executor.fixed_size or self._holds_data()
        return self._executors[kind]

    def _holds_data(self) -> bool:
        """Whether tensors of known values stand where data are fed else: every batch has as many rows as they have."""
        own = [o.target for o in getattr(self, "_objectives", ()) if not o.feed and o.target is not None]
        return len(self._feed_inputs) < len(self.inputs) or any(t.shape[:1] not in ((None,), ()) for t in own)

    def _take_appended_metrics(self):
        """Users append to the metrics' tensors, names and updates of a compiled model: its steps are then made anew."""
        if len(self.metrics_names) != 1 + len(self.metrics_tensors):
            raise ValueError(
                f"Model {self.name}: metrics_names must name the loss and each of metrics_tensors; got "
                f"{self.metrics_names} for the loss and {len(self.metrics_tensors)} tensors."
            )
        logged = [*self.metrics_tensors, *self.metrics_updates]
        if len(self._logged) != len(logged) or any(a is not b for a, b in zip(self._logged, logged, strict=True)):
            self._executors.pop("train", None)
            self._executors.pop("test", None)
            self._logged = logged

    def _make_executor(self, kind):
        if kind == "predict":
            return Executor(self._feed_inputs, [], self.outputs, self.state_updates, on_trace=self._traced)
        fed = [o for o in self._objectives if o.feed]
        inputs = [*self._feed_inputs, *[o.target for o in fed], *[o.sample_weight for o in self._objectives]]
        logs = [self.total_loss, *self.metrics_tensors]
        weights = len(self._objectives)
        if kind == "test":
            return Executor(
                inputs,
                logs,
                [],
                [*self.state_updates, *[as_update(u) for u in self.metrics_updates]],
                weights=weights,
                on_trace=self._traced,
            )
        params = self._collected_trainable_weights
        updates = [*[as_update(u) for u in self.updates], *[as_update(u) for u in self.metrics_updates]]
        if params and self.optimizer.defines_updates:
            if self._own_updates is None:  # made once: they hold the optimizer's state
                own = self.optimizer.get_updates(loss=self.total_loss, params=params)
                self._own_updates = [as_update(u) for u in own]
            updates = [*updates, *self._own_updates]
        elif params:
            self._make_slots(params)
        return Executor(
            inputs,
            logs,
            [],
            updates,
            params,
            self.optimizer if params else None,
            weights=weights,
            on_trace=self._traced,
        )

    def _make_slots(self, params):
        """The optimizer's state, made once for these params; a loaded state of the same shapes is kept."""
        key = tuple(id(p) for p in params)
        if self._slots_for != key:
            if getattr(self.optimizer, "_slots_for", None) != key:
                self.optimizer.create_slots(params)
                self.optimizer._slots_for = key
            self._slots_for = key

    @property
    def _placement(self):
        """Where the model runs: its own placement (`multi_gpu_model`), or the one in force."""
        own = self.__dict__.get("_own_placement")
        return own if own is not None else distribute.current()

    def _traced(self, count):
        self.compilations += count

    @property
    def _chunked(self) -> bool:
        """Whether many steps may go out in one dispatch: not where they would run slower in a loop."""
        if self._own_step("train") is not None:
            return False
        if self._placement is not None and self._placement.processes > 1:
            return False  # how many go out together follows each process's clock
        return jax.default_backend() != "cpu" or not self._compiled_executor("train").spec.program.facts.slow_in_loops

    def _next_key(self, executor, steps=1, random=None):
        """(key, number of the first of these steps) for the random operations of an executor, if it has such."""
        if not (executor.random if random is None else random):
            return None, 0
        if self._key is None:
            self._key = next_key()
        first, self._count = self._count, self._count + steps
        return self._key, first

    def _reset_metrics(self):
        for metric in getattr(self, "stateful_metric_functions", ()):
            metric.reset_states()


def _collect_flags(layer, flags) -> None:
    """Appends `trainable` of a layer and of all within it."""
    flags.append(layer.trainable)
    for inner in layer.__dict__.get("_layers", ()):
        _collect_flags(inner, flags)
    for inner in layer._tracked_layers:
        _collect_flags(inner, flags)

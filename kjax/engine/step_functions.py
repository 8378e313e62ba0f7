"""`model.train_function` and its kin: one step as a function of a list, which programs call, wrap and replace."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from kjax import backend as K

__all__ = ["OwnStep", "StepFunction", "StepFunctions"]


class StepFunction:
    """One step of a model as a function: `[*inputs, *targets, *sample weights, phase]` -> list of figures or outputs.

    It is the step that `fit`, `evaluate` and `predict` run, with the same optimizer state.

    Args:
        model: a compiled model; for 'predict' any.
        kind: 'train', 'test' or 'predict'.

    Attributes:
        inputs, outputs: the symbolic tensors that it takes and gives.
    """

    def __init__(self, model, kind):
        self.name = f"{kind}_function"
        self._model, self._kind = model, kind
        if kind == "predict":
            self.inputs, self.outputs = list(model._feed_inputs), list(model.outputs)
        else:
            self.inputs = [*model._feed_inputs, *model._feed_targets, *model._feed_sample_weights]
            self.outputs = [model.total_loss, *model.metrics_tensors]

    def __call__(self, inputs):
        """One step.

        Args:
            inputs: list of arrays; the learning phase (0 or 1) may follow them.
        """
        values, phase = list(inputs), None
        if len(values) == len(self.inputs) + 1 and np.ndim(values[-1]) == 0:
            phase = bool(values.pop())
        if len(values) != len(self.inputs):
            raise ValueError(
                f"{self.name} of model {self._model.name}: {len(self.inputs)} arrays are required, for "
                f"{[t.name for t in self.inputs]}, and the learning phase may follow; got {len(values)}."
            )
        if self._kind == "train" and phase is False:
            raise ValueError(
                f"{self.name} of model {self._model.name}: a training step runs in the training phase, 1; got 0."
            )
        arrays = [np.asarray(v, t.dtype) for v, t in zip(values, self.inputs, strict=True)]
        weights = 0 if self._kind == "predict" else len(self._model._feed_sample_weights)
        batch = (arrays[: len(arrays) - weights], arrays[len(arrays) - weights :])
        return self._run(batch, bool(phase))

    def _run(self, batch, training):
        model = self._model
        executor = model._compiled_executor(self._kind)
        key = model._next_key(executor, random=executor.spec.program.random if training else None)
        if self._kind == "train":
            logs = executor.train(batch, None, *key, placement=model._placement)
        else:
            logs, outputs = executor.forward(batch, None, *key, training, model._placement)
            if self._kind == "predict":
                return [np.array(y) for y in outputs]
        return list(np.asarray(logs))


class OwnStep:
    """A user's `train_function`, `test_function` or `predict_function` in the place of a compiled step.

    Args:
        function: takes the list that `StepFunction` takes; gives a list of figures or outputs.
        model: whose step it is.
        kind: 'train', 'test' or 'predict'.
    """

    rowwise = False  # batches are fed as they are: the function knows nothing of rows that only pad
    random = False  # it draws its own numbers

    def __init__(self, function, model, kind):
        self._function, self._model, self._kind = function, model, kind

    def stretched(self, feed, training=False, placement=None):
        """The feed: a function gets the data as they are."""
        return feed

    def rows_read(self, rows, size):
        """None: there are no rows that only pad."""
        return None

    def on_host(self, outputs, batch, size) -> list:
        """The outputs of a batch as NumPy arrays."""
        return [np.asarray(y)[:size] for y in outputs]

    def _call(self, batch, training):
        data, weights = batch
        size = np.shape(data[0])[0]
        full = []
        for w, tensor in zip(weights, self._model._feed_sample_weights if weights else (), strict=True):
            like = data[len(data) - len(weights) + len(full)] if len(tensor.shape) > 1 else None
            full.append(np.ones((size,) if like is None else like.shape[:2], "float32") if w is None else np.asarray(w))
        phase = [1.0 if training else 0.0] if self._model._uses_dynamic_learning_phase() else []
        outputs = self._function([*[np.asarray(x) for x in data], *full, *phase])
        return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]

    def _figures(self, outputs):
        names = self._model.metrics_names
        if len(outputs) != len(names):
            raise ValueError(
                f"{self._kind}_function of model {self._model.name} must return {len(names)} figure(s), {names}; it "
                f"returned {len(outputs)}."
            )
        return jnp.stack([jnp.mean(jnp.asarray(v, "float32")) for v in outputs])

    def train(self, batch, rows, key, count, placement=None):
        """One training step by the user's function; returns its figures."""
        return self._figures(self._call(batch, True))

    def forward(self, batch, rows, key, count, training=False, placement=None):
        """One test or predict step by the user's function; returns (figures, outputs)."""
        outputs = self._call(batch, training)
        if self._kind == "predict":
            return None, outputs
        return self._figures(outputs), []


class StepFunctions:
    """Mixin of Model: its step functions, and what programs read to build some of their own."""

    _function_kwargs: dict = {}

    @property
    def _feed_targets(self):
        return [o.target for o in self._objectives if o.feed]

    @property
    def _feed_sample_weights(self):
        return [o.sample_weight for o in self._objectives]

    @property
    def _feed_sample_weight_modes(self):
        return list(self.sample_weight_modes)

    @property
    def _feed_loss_fns(self):
        return [o.loss for o in self._objectives if o.feed]

    @property
    def _feed_output_names(self):
        return [o.name for o in self._objectives if o.feed]

    @property
    def _feed_outputs(self):
        return [self.outputs[o.position] for o in self._objectives if o.feed]

    def _uses_dynamic_learning_phase(self):
        return self.uses_learning_phase and K.fixed_phase() is None

    def _make_train_function(self):
        """Makes `train_function`, unless there is one."""
        self._make_function("train")

    def _make_test_function(self):
        """Makes `test_function`, unless there is one."""
        self._make_function("test")

    def _make_predict_function(self):
        """Makes `predict_function`, unless there is one."""
        self._make_function("predict")

    def _make_function(self, kind):
        if kind != "predict" and not self._compiled:
            raise RuntimeError("You must compile your model before using it.")
        if kind == "train":
            self._check_trainable_weights_consistency()
            self._compiled_executor(kind)  # the optimizer has its state from here on
        if self.__dict__.get(f"{kind}_function") is None:
            self.__dict__[f"{kind}_function"] = StepFunction(self, kind)

    def _own_step(self, kind):
        """The step that a program put in the place of a compiled one: its own function, or its own maker of one."""
        name, maker = f"{kind}_function", f"_make_{kind}_function"
        if self.__dict__.get(name) is None:
            if getattr(type(self), maker) is getattr(StepFunctions, maker) and maker not in self.__dict__:
                return None
            getattr(self, maker)()
        function = self.__dict__.get(name)
        return None if function is None or isinstance(function, StepFunction) else OwnStep(function, self, kind)

"""Models as scikit-learn estimators."""

from __future__ import annotations

import copy
import inspect

import numpy as np

from kjax.engine.objectives import loss_name
from kjax.engine.sequential import Sequential
from kjax.engine.training import Model
from kjax.losses import get as get_loss
from kjax.utils.np_utils import to_categorical

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor"]

_MODEL_METHODS = {
    "fit": Model.fit,
    "predict": Model.predict,
    "evaluate": Model.evaluate,
    "predict_classes": Sequential.predict_classes,
}


class BaseWrapper:
    """What the classifier and the regressor share.

    Args:
        build_fn: function or callable object that returns a compiled model; a subclass may define `__call__` instead.
        sk_params: arguments of `build_fn`, and of `fit`, `predict`, `score`.

    Raises:
        ValueError: for a parameter that neither takes.
    """

    def __init__(self, build_fn=None, **sk_params):
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def __sklearn_tags__(self):
        """What scikit-learn 1.6 and later asks of an estimator; scikit-learn is loaded already when it does."""
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        kind = self._estimator_type
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if kind == "classifier" else None,
            regressor_tags=RegressorTags() if kind == "regressor" else None,
            input_tags=InputTags(three_d_array=True, allow_nan=True),
        )

    @property
    def _builder(self):
        """The function that builds the model."""
        if self.build_fn is None:
            return type(self).__call__ if callable(self) else None
        if inspect.isfunction(self.build_fn) or inspect.ismethod(self.build_fn) or isinstance(self.build_fn, type):
            return self.build_fn
        return type(self.build_fn).__call__

    def _build(self):
        if isinstance(self.build_fn, Model):
            raise TypeError(
                f"{type(self).__name__}: build_fn must be a function that returns a compiled model; got the model "
                f"{self.build_fn.name} itself."
            )
        arguments = self.filter_sk_params(self._builder)
        model = self.__call__(**arguments) if self.build_fn is None else self.build_fn(**arguments)
        if not isinstance(model, Model):
            raise TypeError(
                f"{type(self).__name__}: build_fn must return a compiled model; it returned {model!r:.100}."
            )
        return model

    def check_params(self, params):
        """Refuses parameters that neither `build_fn` nor the model's methods take."""
        builder = self._builder
        if builder is None:
            raise ValueError(
                f"{type(self).__name__}: build_fn must be a function that returns a compiled model; got None."
            )
        known = [builder, *_MODEL_METHODS.values()]
        accepted = {name for fn in known for name in _names(fn)}
        open_ended = any(
            p.kind is inspect.Parameter.VAR_KEYWORD for p in inspect.signature(builder).parameters.values()
        )
        for name in params:
            if name not in accepted and name != "nb_epoch" and not open_ended:
                raise ValueError(
                    f"{name} is not a legal parameter: neither {getattr(builder, '__name__', builder)!r} nor fit, "
                    f"predict or evaluate takes it."
                )

    def get_params(self, **params):
        """The parameters, `build_fn` among them; of `deep` no use is made."""
        result = dict(self.sk_params)  # the values themselves: sklearn.base.clone compares by identity
        result["build_fn"] = self.build_fn
        return result

    def set_params(self, **params):
        """Changes parameters; returns the estimator."""
        rest = {k: v for k, v in params.items() if k != "build_fn"}
        if "build_fn" in params:
            self.build_fn = params["build_fn"]
        self.check_params(rest)
        self.sk_params.update(rest)
        return self

    def filter_sk_params(self, fn, override=None):
        """The parameters among `sk_params` that `fn` takes, updated with `override`."""
        names = _names(fn)
        result = {k: v for k, v in self.sk_params.items() if k in names}
        result.update(override or {})
        return result

    def fit(self, x, y, **kwargs):
        """Builds a new model and trains it.

        Args:
            x: array (samples, features).
            y: array (samples,) or (samples, outputs).
            kwargs: of `Model.fit`.

        Returns:
            History.
        """
        self.model = self._build()
        if loss_of(self.model) == "categorical_crossentropy" and np.ndim(y) != 2:
            y = to_categorical(y)
        arguments = copy.deepcopy(self.filter_sk_params(Model.fit))
        arguments.update(kwargs)
        return self.model.fit(x, y, **arguments)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "model")


def loss_of(model) -> str:
    """The name of the function a compiled model minimises."""
    return loss_name(get_loss(model.loss))


def _names(fn) -> set:
    return {n for n in inspect.signature(fn).parameters if n != "self"}


class KerasClassifier(BaseWrapper):
    """A classifier for scikit-learn. Arguments: see `BaseWrapper`."""

    _estimator_type = "classifier"

    def fit(self, x, y, sample_weight=None, **kwargs):
        """Trains on labels (any values) or one-hot rows. See `BaseWrapper.fit`.

        Raises:
            ValueError: when y has more than two axes.
        """
        y = np.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim in (1, 2):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(f"Invalid shape for y: {y.shape}; (samples,) or (samples, classes) is required.")
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y, **kwargs)

    def predict(self, x, **kwargs):
        """Labels, shape (samples,) (or (samples, 1) for a single sigmoid unit)."""
        arguments = self.filter_sk_params(Sequential.predict_classes, kwargs)
        probabilities = self.model.predict(x, **arguments)
        if probabilities.shape[-1] > 1:
            return self.classes_[probabilities.argmax(axis=-1)]
        return self.classes_[(probabilities > 0.5).astype("int32")]

    def predict_proba(self, x, **kwargs):
        """Probabilities, shape (samples, classes)."""
        probabilities = self.model.predict(x, **self.filter_sk_params(Sequential.predict_classes, kwargs))
        if probabilities.shape[1] == 1:
            probabilities = np.hstack([1 - probabilities, probabilities])
        return probabilities

    def score(self, x, y, **kwargs):
        """The accuracy on data.

        Raises:
            ValueError: when the model was compiled without `metrics=['accuracy']`.
        """
        y = np.searchsorted(self.classes_, y)
        if loss_of(self.model) == "categorical_crossentropy" and y.ndim != 2:
            y = to_categorical(y, self.n_classes_)
        values = self.model.evaluate(x, y, **self.filter_sk_params(Model.evaluate, {"verbose": 0, **kwargs}))
        values = values if isinstance(values, list) else [values]
        for name, value in zip(self.model.metrics_names, values, strict=True):
            if name in ("acc", "accuracy"):
                return value
        raise ValueError(
            "The model is not configured to compute accuracy. You should pass `metrics=[\"accuracy\"]` to "
            "`model.compile()`."
        )


class KerasRegressor(BaseWrapper):
    """A regressor for scikit-learn. Arguments: see `BaseWrapper`."""

    _estimator_type = "regressor"

    def predict(self, x, **kwargs):
        """Predictions, shape (samples,) or (samples, outputs)."""
        return (
            np.squeeze(self.model.predict(x, **self.filter_sk_params(Model.predict, kwargs)), axis=-1)
            if self._single
            else (self.model.predict(x, **self.filter_sk_params(Model.predict, kwargs)))
        )

    @property
    def _single(self) -> bool:
        return self.model.output_shape[-1] == 1

    def score(self, x, y, **kwargs):
        """Minus the loss on data: larger is better."""
        loss = self.model.evaluate(x, y, **self.filter_sk_params(Model.evaluate, {"verbose": 0, **kwargs}))
        return -(loss[0] if isinstance(loss, list) else loss)

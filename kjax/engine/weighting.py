"""From sample weights and class weights as users pass them to one array of weights per output."""

from __future__ import annotations

import warnings

import numpy as np

__all__ = ["sample_weights"]


def sample_weights(given, class_weight, targets, names, modes) -> list:
    """The weights of each output's samples: arrays, or None for all ones.

    Args:
        given: None, array, list, or dict by output name.
        class_weight: None, dict class -> weight, list or dict by output of such dicts.
        targets: the standardized targets.
        modes: None or 'temporal' per output.

    What weighs nothing in Keras (a class_weight that is no dict or names no output, weights of outputs that the model
    has not, weights of a model without targets) weighs nothing here, with a warning.
    """
    if not names:
        if given is not None:
            _warn("sample_weight weighs nothing, as in Keras: the model has no targets.")
        return []
    weights = _per_output(given, names, "sample_weight")
    classes = _class_weights(class_weight, names)
    result = []
    for w, c, y, name, mode in zip(weights, classes, targets, names, modes, strict=True):
        if w is not None:
            if c is not None:
                _warn(f"output {name!r} has a sample_weight, so its class_weight is ignored, as in Keras.")
            result.append(_given_weights(_as_numbers(w, "sample_weight", name), y, name, mode))
        elif c is not None:
            result.append(_weights_of_classes(c, y, name, mode))
        else:
            result.append(None)
    return result


def _warn(text) -> None:
    warnings.warn(text, UserWarning, stacklevel=6)


def _as_numbers(x, what, name):
    try:
        return np.asarray(x, "float32")
    except (TypeError, ValueError):
        raise TypeError(f"the {what} of output {name!r} must hold numbers; got {x!r:.200}.") from None


def _per_output(x, names, what) -> list:
    if x is None or (isinstance(x, (dict, list, tuple)) and not len(x)):
        return [None] * len(names)
    if isinstance(x, dict):
        unknown = [k for k in x if k not in names]
        if len(names) == 1 and unknown:
            raise ValueError(f"{what} names the output {unknown[0]!r}; the outputs are {list(names)}.")
        if unknown:
            _warn(f"{what} names {unknown[0]!r}, which is ignored, as in Keras; the outputs are {list(names)}.")
        return [x.get(n) for n in names]
    if len(names) == 1:
        if isinstance(x, (list, tuple)) and len(x) == 1 and not np.isscalar(x[0]):
            return [x[0]]
        return [x]
    if isinstance(x, (list, tuple)):
        if len(x) != len(names):
            raise ValueError(f"{what} must have one entry per output {list(names)}; got {len(x)}.")
        return list(x)
    raise TypeError(
        f"The model has multiple outputs, so `{what}` should be either a list or a dict by name {list(names)}; "
        f"got {type(x).__name__}."
    )


def _class_weights(x, names) -> list:
    """A dict class -> weight, or None, per output."""
    if x is None or (isinstance(x, (dict, list, tuple)) and not len(x)):
        return [None] * len(names)
    if isinstance(x, dict):
        if len(names) == 1:
            entries = [x[names[0]] if names[0] in x else x]
        else:
            entries = _per_output(x, names, "class_weight")
    elif isinstance(x, list) and len(x) == len(names):
        entries = x
    elif isinstance(x, (list, tuple)) and len(names) > 1 and not all(map(np.isscalar, x)):
        raise ValueError(f"class_weight must have one entry per output {list(names)}; got {len(x)}.")
    else:
        entries = [x] * len(names)
    if not all(e is None or isinstance(e, dict) for e in entries):
        _warn(f"class_weight={x!r:.200} weighs nothing, as in Keras; pass a dict class -> weight.")
    return [e if isinstance(e, dict) else None for e in entries]


def _given_weights(w, y, name, mode):
    rank = 2 if mode == "temporal" else 1
    if w.ndim != rank:
        if rank == 1:
            raise ValueError(
                f"Found a sample_weight array with shape {w.shape} for output {name!r}. In order to use timestep-wise "
                "sample weights, you should specify sample_weight_mode=\"temporal\" in compile(); otherwise it must "
                "be 1-D."
            )
        raise ValueError(
            f"Found a sample_weight array with shape {w.shape} for output {name!r}: temporal weights must be 2-D "
            f"(samples, timesteps)."
        )
    if w.shape != tuple(y.shape[:rank]):
        raise ValueError(
            f"Found a sample_weight array with shape {w.shape} for targets of output {name!r} with shape "
            f"{tuple(y.shape)}. sample_weight cannot be broadcast."
        )
    return w


def _weights_of_classes(classes, y, name, mode):
    if mode == "temporal" or len(y.shape) > 2:
        raise ValueError(
            f"`class_weight` not supported for 3+ dimensional or temporal targets (output {name!r}, shape "
            f"{tuple(y.shape)}); give a sample_weight."
        )
    classes = {_label(k): v for k, v in classes.items()}
    y = np.asarray(y)
    labels = y.argmax(axis=1) if y.shape[1] > 1 else y.reshape(-1)
    known = sorted(classes)
    missing = sorted(set(np.unique(labels).tolist()) - set(known))
    if missing:
        raise ValueError(
            f"`class_weight` must contain all classes in the data. The classes {missing} exist in the data but "
            f"not in `class_weight`."
        )
    table = _as_numbers([classes[k] for k in known], "class_weight", name)
    return table[np.searchsorted(np.array(known), labels)]


def _label(key):
    """The number that a class given as text stands for; anything else as it is."""
    if not isinstance(key, (str, bytes)):
        return key
    try:
        return float(key)
    except ValueError:
        raise ValueError(f"`class_weight` must have the classes' numbers as keys; got {key!r}.") from None

"""Helpers that Keras keeps beside its training loops, for code that imports them; kjax itself does not use them."""

from __future__ import annotations

import numpy as np

from kjax import backend as K
from kjax.graph import KerasTensor, Variable


def make_batches(size, batch_size):
    """(start, end) of every batch of `batch_size` rows; the last may be shorter."""
    return [(start, min(size, start + batch_size)) for start in range(0, size, batch_size)]


def batch_shuffle(index_array, batch_size):
    """The indices with whole batches in random order; those behind the last whole batch stay at the end."""
    whole = len(index_array) // batch_size * batch_size
    batches = np.array(index_array[:whole]).reshape(-1, batch_size)
    # the global generator on purpose: numpy.random.seed() in a script fixes it
    np.random.shuffle(batches)
    return np.append(batches.ravel(), index_array[whole:])


def check_array_length_consistency(inputs, targets, weights=None):
    """ValueError unless all arrays have the same number of rows.

    Args:
        inputs, targets, weights: lists of arrays or None.
    """
    lengths = {
        kind: sorted({len(x) for x in arrays if x is not None})
        for kind, arrays in (("inputs", inputs), ("targets", targets), ("sample weights", weights))
        if arrays is not None
    }
    if len({n for found in lengths.values() for n in found}) > 1:
        found = ", ".join(f"{kind} with {' and '.join(map(str, n))} rows" for kind, n in lengths.items() if n)
        raise ValueError(f"All arrays must have the same number of rows; got {found}.")


def check_num_samples(ins, batch_size=None, steps=None, steps_name="steps"):
    """How many rows there are; None where `steps` counts and there are no arrays.

    Args:
        ins: list of arrays, or of tensors of known values.
        batch_size, steps: of which one is given.
        steps_name: what errors call `steps`.
    """
    if steps is not None:
        if batch_size is not None:
            raise ValueError(f"If {steps_name} is set, the `batch_size` must be None.")
    elif not ins or any(isinstance(x, KerasTensor) for x in ins):
        raise ValueError(
            f"If your data is in the form of symbolic tensors, you should specify the `{steps_name}` argument, because "
            "symbolic tensors give batches of input data; got no arrays."
        )
    first = ins[0] if ins else None
    return int(first.shape[0]) if hasattr(first, "shape") and not isinstance(first, KerasTensor) else None


def standardize_single_array(x):
    """The array with an axis more where it has only one; None stays None."""
    if x is None or len(x.shape) != 1 or isinstance(x, (KerasTensor, Variable)):
        return x
    return np.expand_dims(x, 1)


def iter_sequence_infinite(seq):
    """The items of a `Sequence`, over and over."""
    while True:
        yield from (seq[i] for i in range(len(seq)))


def weighted_masked_objective(fn):
    """A loss function as training uses it: `f(y_true, y_pred, weights, mask=None)`, one number for the batch."""
    if fn is None:
        return None

    def weighted(y_true, y_pred, weights, mask=None):
        score = fn(y_true, y_pred)
        if mask is not None:
            mask = K.cast(mask, K.floatx())
            score = score * mask / K.mean(mask)
        if weights is not None:
            inner = list(range(K.ndim(weights), K.ndim(score)))
            score = (K.mean(score, axis=inner) if inner else score) * weights
            score = score / K.mean(K.cast(K.not_equal(weights, 0), K.floatx()))
        return K.mean(score)

    return weighted


def standardize_input_data(data, names, shapes=None, check_batch_axis=True, exception_prefix=""):
    """A list of arrays, one for each name; vectors become columns.

    Args:
        data: array, list of arrays, dict by name, or None.
        names: list of str.
        shapes: list of shapes to check against; None leaves one or a size open.
        check_batch_axis: whether the first size is checked too.
        exception_prefix: what errors call the data.
    """
    if not names:
        if data is not None and hasattr(data, "__len__") and len(data):
            raise ValueError(f"Error when checking {exception_prefix}: no data were expected; got {_kind(data)}.")
        return []
    if data is None:
        return [None for _ in names]
    arrays = _by_name(data, names, exception_prefix)
    arrays = [np.expand_dims(x, 1) if x is not None and np.ndim(x) == 1 else x for x in arrays]
    for name, x, shape in zip(names, arrays, shapes or [None] * len(names), strict=True):
        if x is None or shape is None:
            continue
        sizes = list(zip(np.shape(x), shape, strict=False))[0 if check_batch_axis else 1 :]
        if len(np.shape(x)) != len(shape) or any(want is not None and have != want for have, want in sizes):
            raise ValueError(
                f"Error when checking {exception_prefix}: expected {name} to have shape {tuple(shape)}; "
                f"got an array of shape {np.shape(x)}."
            )
    return arrays


def standardize_sample_or_class_weights(x_weight, output_names, weight_type):
    """A list of weights, one (or None) for each output.

    Args:
        x_weight: None, the weights of a single output, or a list or dict for several.
        output_names: list of str.
        weight_type: 'sample_weight' or 'class_weight', for errors.
    """
    if x_weight is None or len(x_weight) == 0:
        return [None for _ in output_names]
    if len(output_names) == 1:
        if isinstance(x_weight, list) and len(x_weight) == 1:
            return x_weight
        if isinstance(x_weight, dict) and output_names[0] in x_weight:
            return [x_weight[output_names[0]]]
        return [x_weight]
    if isinstance(x_weight, list) and len(x_weight) == len(output_names):
        return x_weight
    if isinstance(x_weight, dict):
        return [x_weight.get(name) for name in output_names]
    raise ValueError(
        f"{weight_type} must be a list or a dict with weights for each of the outputs {output_names}; "
        f"got {_kind(x_weight)}."
    )


def standardize_class_weights(class_weight, output_names):
    """`standardize_sample_or_class_weights` for class weights."""
    return standardize_sample_or_class_weights(class_weight, output_names, "class_weight")


def standardize_sample_weights(sample_weight, output_names):
    """`standardize_sample_or_class_weights` for sample weights."""
    return standardize_sample_or_class_weights(sample_weight, output_names, "sample_weight")


def standardize_weights(y, sample_weight=None, class_weight=None, sample_weight_mode=None):
    """The weight of every sample, or of every step of every sample.

    Args:
        y: targets.
        sample_weight: array (samples,), or (samples, steps) with mode 'temporal'; it wins over class weights.
        class_weight: dict class -> weight; `y` holds labels or one-hot rows then.
        sample_weight_mode: None or 'temporal'.
    """
    temporal = sample_weight_mode == "temporal"
    if sample_weight_mode is not None and not temporal:
        raise ValueError(f"sample_weight_mode must be None or temporal; got {sample_weight_mode!r}.")
    if sample_weight is not None:
        shape = np.shape(sample_weight)
        if len(shape) != (2 if temporal else 1) or shape != np.shape(y)[: len(shape)]:
            raise ValueError(
                f"sample_weight must have the shape {'(samples, steps)' if temporal else '(samples,)'} of the targets, "
                f"which are {np.shape(y)}; got {shape}."
            )
        return sample_weight
    if isinstance(class_weight, dict) and not temporal:
        labels = np.argmax(y, axis=1) if np.ndim(y) == 2 and np.shape(y)[1] > 1 else np.ravel(y)
        unknown = set(np.unique(labels).tolist()) - set(class_weight)
        if unknown:
            raise ValueError(f"class_weight must have all classes of the targets; it lacks {sorted(unknown)}.")
        return np.array([class_weight[label] for label in labels])
    return np.ones(np.shape(y)[: 2 if temporal else 1], dtype=K.floatx())


def check_loss_and_target_compatibility(targets, loss_fns, output_shapes):
    """ValueError where the targets' shapes cannot be those of the losses.

    Args:
        targets: list of arrays.
        loss_fns: list of loss functions.
        output_shapes: list of the outputs' shapes.
    """
    exact = ("mean_squared_error", "binary_crossentropy", "categorical_crossentropy")
    for y, loss, shape in zip(targets, loss_fns, output_shapes, strict=True):
        name = getattr(loss, "__name__", None)
        if y is None or loss is None:
            continue
        if name == "categorical_crossentropy" and np.shape(y)[-1] == 1:
            raise ValueError(
                f"You are passing a target array of shape {np.shape(y)} to categorical_crossentropy, which needs "
                "one-hot rows. Convert labels with "
                "keras.utils.to_categorical, or use sparse_categorical_crossentropy."
            )
        pairs = zip(np.shape(y)[1:], shape[1:], strict=False)
        if name in exact and any(want is not None and have != want for have, want in pairs):
            raise ValueError(
                f"{name} needs targets to have the same shape as the output, {tuple(shape)}; got {np.shape(y)}."
            )


def collect_metrics(metrics, output_names):
    """A list of metrics for each output, from one list for all or a dict by name."""
    if not metrics:
        return [[] for _ in output_names]
    if isinstance(metrics, dict):
        found = [metrics.get(name, []) for name in output_names]
        return [m if isinstance(m, list) else [m] for m in found]
    if isinstance(metrics, list):
        return [list(metrics) for _ in output_names]
    raise TypeError(f"metrics must be a list or a dict by output name; got {metrics!r}.")


def _by_name(data, names, prefix):
    if isinstance(data, dict):
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(f"Error when checking {prefix}: no data for {', '.join(missing)}; got {sorted(data)}.")
        return [data[name] for name in names]
    if isinstance(data, (list, tuple)) and not np.isscalar(data[0] if data else 0):
        arrays = [None if x is None else np.asarray(x) for x in data]
    else:
        arrays = [np.asarray(data)]
    if len(arrays) != len(names):
        raise ValueError(f"Error when checking {prefix}: expected {len(names)} arrays; got {_kind(data)}.")
    return arrays


def _kind(data):
    if isinstance(data, (list, tuple, dict)):
        return f"{type(data).__name__} of {len(data)}"
    return f"{type(data).__name__} of shape {np.shape(data)}"

"""Models and weights out of files."""

from __future__ import annotations

import warnings
from typing import NamedTuple

from kjax.saving.build import UNBUILDABLE, build_from_file, check_size, errors_of_file
from kjax.saving.compile_config import compile_arguments, loss_scaling
from kjax.saving.convert import Conversion
from kjax.saving.errors import CorruptFileError, ModelFileError, shown
from kjax.saving.gate import MAX_BYTES, open_gate
from kjax.saving.isolate import MAX_SECONDS, SECONDS, open_isolated
from kjax.saving.match import assign, plan_by_name, plan_layers, plan_values
from kjax.saving.notes import Notes
from kjax.saving.optimizer_state import is_known, restore_loss_scale, restore_optimizer, restore_own_optimizer
from kjax.saving.producer import Producer, parse_producer, producer_of
from kjax.saving.weight_file import stored_layers

__all__ = ["ModelFile", "load_model", "load_weights", "read_model_file"]


class ModelFile(NamedTuple):
    """A model file before anything is built.

    Attributes:
        gate: its root.
        producer: who wrote it.
        config: the parsed model config, None in a file of weights alone.
        training: the parsed training configuration or None.
        stored: StoredLayers.
    """

    gate: object
    producer: Producer
    config: object
    training: object
    stored: list


def read_model_file(gate, producer=None) -> ModelFile:
    """What the file says of itself; no array is read.

    Args:
        producer: e.g. '1.2.2-theano', for files that do not tell.

    Raises:
        ValueError: when neither the file nor the caller tells the producer.
    """
    inner = gate.group("model_weights") if not gate.has_texts("layer_names") and gate.has("model_weights") else gate
    config, training = (gate.json(name) for name in ("model_config", "training_config"))
    stored = stored_layers(inner)
    names = [n for s in stored for n in s.weights]
    found = parse_producer(producer) if producer is not None else producer_of(gate, inner, names=names)
    if found is None:
        raise ModelFileError(
            gate.where,
            "the file does not say which Keras wrote it. Pass producer=, e.g. producer='2.2.4-tensorflow' or "
            "'1.2.2-theano'.",
        )
    return ModelFile(gate, found, config, training, stored)


def load_model(
    filepath,
    custom_objects=None,
    compile=True,
    safe_mode=True,
    max_bytes=None,
    producer=None,
    image_dim_ordering=None,
    isolate=False,
):
    """The model in a file of Keras 1.0 to 2.15, ready to predict and, when it was saved compiled, to go on training.

    Args:
        filepath: path, bytes, binary file object, or open h5py file or group.
        custom_objects: dict of the user's own: class, function and loss names, and for a Lambda also the layer's name.
        compile: whether to restore loss, metrics and the optimizer with its state.
        safe_mode: True bounds what a file may ask for (see `max_bytes`); False, for files of your own, lifts the bound.
            Code in a file is never run, in either mode: functions come from `custom_objects`.
        max_bytes: the most bytes that weights may take; default 8 GiB in safe mode.
        producer: e.g. '1.2.2-theano', for files that do not say who wrote them.
        image_dim_ordering: 'th' or 'tf', for Keras 1 files that do not say it.
        isolate: read the file in a child process with limits on memory and time (True: 60 seconds; or the number of
            seconds), so that a file made to crash or block the HDF5 library harms nothing; for files from strangers.

    Raises:
        CorruptFileError, UnsafeModelError: when the file is damaged or asks for what no model needs.
        ValueError: when something in it is unknown here, with what to pass.
    """
    max_bytes = _bound(safe_mode, max_bytes)
    with _opened(filepath, max_bytes, isolate) as gate:
        notes = Notes(gate.where)
        file = read_model_file(gate, producer)
        if file.config is None:
            raise ModelFileError(
                gate.where,
                "No model found in config file: it holds weights only. Build the model and use load_weights.",
            )
        notes(f"written by {file.producer}")
        names = [s.name for s in file.stored]
        with errors_of_file(f"{gate.where}@model_config"):
            model, missing = build_from_file(
                file.config, file.producer, custom_objects, notes, names, image_dim_ordering
            )
            check_size(model, max_bytes, gate.where)
        conversion = Conversion(file.producer, notes, image_dim_ordering, same_config=True)
        try:
            plans = plan_layers(model.layers, file.stored, gate.where, names_decide=True)
            assign(plan_values(plans, conversion))
        except ModelFileError:
            raise
        except (*UNBUILDABLE, ValueError, TypeError) as error:
            hint = "\nThe shapes behind these layers are not known without their functions: " if missing else ""
            reason = str(error).removeprefix(f"{gate.where}: ") + hint + " ".join(p.message() for p in missing)
            raise (ModelFileError if missing else CorruptFileError)(gate.where, reason) from error
        if compile:
            _compile(model, file, plans, custom_objects, conversion)
    return model


def _bound(safe_mode, max_bytes):
    if safe_mode not in (True, False):
        raise TypeError(f"safe_mode must be True or False; got {safe_mode!r}.")
    if max_bytes is None:
        return MAX_BYTES if safe_mode else None
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 0:
        raise ValueError(f"max_bytes must be an integer >= 0 or None; got {max_bytes!r}.")
    return max_bytes


def _opened(filepath, max_bytes, isolate):
    if isolate is False:
        return open_gate(filepath, max_bytes)
    if isolate is not True and not (isinstance(isolate, (int, float)) and 0 < isolate <= MAX_SECONDS):
        raise ValueError(
            f"isolate must be True, False or a number of seconds > 0, at most {MAX_SECONDS:.0e}; got {isolate!r:.80}."
        )
    return open_isolated(filepath, max_bytes, SECONDS if isolate is True else float(isolate))


def _compile(model, file, plans, custom_objects, conversion):
    """Compiles the model as the file says, state included, or leaves it uncompiled with one warning."""
    where = file.gate.where
    if file.training is None:
        warnings.warn(
            "No training configuration found in save file: the model was *not* compiled. Compile it manually.",
            UserWarning,
            stacklevel=3,
        )
        return
    try:
        optimizer, arguments = compile_arguments(file.training, file.producer, custom_objects, where)
        group = file.gate.group("optimizer_weights") if file.gate.has("optimizer_weights") else None
        stored = group is not None and group.has_texts("weight_names")
        if stored and is_known(optimizer):
            restore_optimizer(optimizer, model, plans, group, conversion)
            restore_loss_scale(optimizer, file.gate)
            conversion.notes(f"optimizer {type(optimizer).__name__} continues with its state")
        scaling = loss_scaling(file.training, file.producer, where)
        if scaling is not None and "binary_crossentropy" in str(arguments.get("loss")):
            conversion.notes(
                "binary_crossentropy is 2.2.4's: outputs that reach 0 or 1 are clipped, 2.3 uses their logits"
            )
        model._compile_spec(optimizer, arguments, scaling)
    except (*UNBUILDABLE, ValueError, TypeError, NotImplementedError) as error:
        warnings.warn(
            f"{where}: the model is loaded but *not* compiled, because its training state cannot be restored: "
            f"{shown(error)} Compile it manually.",
            UserWarning,
            stacklevel=3,
        )
        return
    if stored and not is_known(optimizer):
        restore_own_optimizer(model, group, file.producer)


def load_weights(
    model,
    filepath,
    by_name=False,
    skip_mismatch=False,
    reshape=False,
    producer=None,
    image_dim_ordering=None,
    max_bytes=MAX_BYTES,
    isolate=False,
):
    """Reads weights into a model.

    Args:
        filepath: as for `load_model`; a file of weights alone or of a whole model.
        by_name: match layers by name instead of by order; layers the file does not have are left alone.
        skip_mismatch: with `by_name`, leave layers alone whose arrays do not fit, with a warning.
        reshape: reshape arrays of equal size.
        producer, image_dim_ordering, max_bytes, isolate: as for `load_model`.

    Raises:
        ValueError: when the file does not fit, with both sides; nothing is changed then.
    """
    if skip_mismatch and not by_name:
        raise ValueError("When calling model.load_weights, skip_mismatch can only be set to True when by_name is True.")
    if not model.built:
        raise ValueError(
            f"Model {model.name} has no weights yet: load_weights needs its input shape. Call `build(input_shape)` or "
            "give the first layer an `input_shape`."
        )
    with _opened(filepath, max_bytes, isolate) as gate:
        notes = Notes(gate.where)
        file = read_model_file(gate, producer)
        origin = getattr(model, "_imported_from", None)
        conversion = Conversion(
            file.producer,
            notes,
            image_dim_ordering,
            reshape,
            origin is not None and origin.generation == file.producer.generation == "keras1",
        )
        if by_name:
            assign(plan_by_name(model.layers, file.stored, gate.where, conversion, skip_mismatch))
        else:
            assign(plan_values(plan_layers(model.layers, file.stored, gate.where), conversion))
    for line in notes.skipped:
        warnings.warn(f"Skipping loading of weights: {line}", UserWarning, stacklevel=2)

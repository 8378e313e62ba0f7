"""The functions of `keras.engine.saving` that programs call by name."""

from __future__ import annotations

import io

from kjax.saving.convert import Conversion, convert_leaf
from kjax.saving.errors import CorruptFileError
from kjax.saving.gate import MAX_BYTES, open_gate
from kjax.saving.leaves import leaves
from kjax.saving.load import load_model
from kjax.saving.match import assign, plan_by_name, plan_layers, plan_values
from kjax.saving.notes import Notes
from kjax.saving.producer import TODAY, Producer, parse_producer, producer_of
from kjax.saving.save import save_model
from kjax.saving.weight_file import stored_layers

__all__ = [
    "load_attributes_from_hdf5_group",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "pickle_model",
    "preprocess_weights_for_loading",
    "unpickle_model",
]


def load_attributes_from_hdf5_group(group, name) -> list:
    """A list of texts from an attribute or its numbered chunks; an empty list when it is not there.

    Args:
        group: h5py.Group.
        name: of the attribute.
    """
    with open_gate(group) as gate:
        return gate.texts(name) if gate.has_texts(name) else []


def _read(f, reshape):
    with open_gate(f, MAX_BYTES) as gate:
        stored = stored_layers(gate)
        producer = producer_of(gate, names=[n for s in stored for n in s.weights]) or TODAY
        return gate.where, stored, Conversion(producer, Notes(gate.where), reshape=reshape)


def load_weights_from_hdf5_group(f, layers, reshape=False) -> None:
    """Reads the weights of layers, in their order.

    Args:
        f: h5py.Group with the attribute `layer_names`.
        layers: list of layers.
        reshape: reshape arrays of equal size.

    Raises:
        ValueError: when the group does not fit; nothing is changed then.
    """
    where, stored, conversion = _read(f, reshape)
    assign(plan_values(plan_layers(layers, stored, where), conversion))


def load_weights_from_hdf5_group_by_name(f, layers, skip_mismatch=False, reshape=False) -> None:
    """Reads the weights of those layers whose names the group has.

    Args:
        f, layers, reshape: as for `load_weights_from_hdf5_group`.
        skip_mismatch: leave layers alone whose arrays do not fit.
    """
    where, stored, conversion = _read(f, reshape)
    assign(plan_by_name(layers, stored, where, conversion, skip_mismatch))


def preprocess_weights_for_loading(
    layer, weights, original_keras_version=None, original_backend=None, reshape=False
) -> list:
    """Arrays as another Keras kept them, as arrays for `layer.set_weights`.

    Args:
        layer: a built layer that owns its weights itself.
        weights: list of arrays.
        original_keras_version: e.g. '1', '2.1.6'; default '1', as in Keras.
        original_backend: 'tensorflow', 'theano', 'cntk' or None.
        reshape: reshape arrays of equal size.
    """
    found = leaves(layer)
    if len(found) != 1:
        names = [leaf.layer.name for leaf in found]
        raise ValueError(
            f"preprocess_weights_for_loading: layer {layer.name} must own its weights itself; they belong to {names}. "
            "Load such a layer from its HDF5 group, whose names tell the arrays apart."
        )
    version = parse_producer(original_keras_version or "1").version
    conversion = Conversion(Producer(version, False, original_backend), Notes(layer.name), reshape=reshape)
    return convert_leaf(found[0], _assumed_names(found[0], weights, conversion), list(weights), conversion)


def _assumed_names(leaf, weights, conversion) -> list:
    """Short names for arrays that come without: the layer's own, or Keras 1's one per gate."""
    gates = {12: "icfo", 9: "zrh"}.get(len(weights))
    if conversion.producer.generation == "keras1" and gates and len(leaf.weights) == 3:
        return [f"{part}_{gate}" for gate in gates for part in "WUb"]
    return leaf.shorts if len(leaf.shorts) == len(weights) else [f"weight_{i}" for i in range(len(weights))]


def pickle_model(model) -> dict:
    """Architecture, weights and training state as plain data: {'model': bytes of the HDF5 file}."""
    memory = io.BytesIO()
    save_model(model, memory)
    return {"model": memory.getvalue()}


def unpickle_model(state):
    """The model of a state that `pickle_model` made; read as carefully as a file."""
    if not isinstance(state, dict) or not isinstance(state.get("model"), bytes):
        raise CorruptFileError("pickled model", "a dict with the bytes of an HDF5 file under 'model' was required.")
    return load_model(state["model"], compile=_is_compiled(state["model"]))


def _is_compiled(data) -> bool:
    with open_gate(data) as gate:
        return gate.text("training_config") is not None

"""A stack of layers grows by one call at a time, and its graph with it."""

import numpy as np
import pytest

from kjax.engine import network
from kjax.layers import Activation, BatchNormalization, Dense, Dropout, Embedding, Masking
from kjax.models import Model, Sequential


def chain(model):
    return [(n.outbound_layer.name, [x.name for x in n.input_tensors]) for n in model._nodes]


def test_each_added_layer_is_looked_at_once(monkeypatch):
    """Otherwise building is quadratic: the whole graph was mapped at each `add`."""
    mapped = []
    monkeypatch.setattr(network, "map_graph", lambda *a, _map=network.map_graph: mapped.append(a) or _map(*a))
    model = Sequential([Dense(2, input_shape=(2,))])
    for _ in range(40):
        model.add(Activation("relu"))
    assert len(mapped) == 1 and len(model.layers) == 41 and len(model._nodes) == 42
    assert [n for n in model._inbound_nodes if not n.inbound_layers] == model._inbound_nodes[:1]


def test_a_grown_stack_is_the_graph_that_mapping_finds():
    model = Sequential([Embedding(5, 3, mask_zero=True, input_length=4)])
    for layer in (Masking(), Dense(3), Dropout(0.1), BatchNormalization(), Sequential([Dense(2, input_shape=(4, 3))])):
        model.add(layer)
    grown = chain(model), model.output_names, model.get_config(), len(model.updates), model.output_mask
    model._finish()
    assert (chain(model), model.output_names, model.get_config(), len(model.updates), model.output_mask) == grown
    x = np.array([[1, 2, 0, 0]])
    np.testing.assert_allclose(Model(model.inputs, model.outputs).predict(x), model.predict(x), rtol=1e-6)


def test_a_layer_that_is_added_twice_or_has_a_name_of_another():
    shared = Dense(2, name="shared")
    model = Sequential([Dense(2, input_shape=(2,)), shared, shared])
    assert [n.outbound_layer for n in model._nodes].count(shared) == 2
    model.add(Dense(1))
    assert len(model._nodes) == 5 and len(model.weights) == 6
    with pytest.raises(ValueError, match="'shared' is used 2 times"):
        model.add(Dense(1, name="shared"))


def test_layers_taken_off_by_hand_are_gone_after_the_next_add():
    model = Sequential([Dense(3, input_shape=(2,)), Dense(4), Dense(5)])
    model._layers.pop()
    model.outputs = [model.layers[-1].output]
    model.add(Dense(1))
    assert [n.outbound_layer for n in model._nodes][1:] == model.layers and model.output_shape == (None, 1)
    model.pop()
    model.add(Dense(6))
    assert model.predict(np.zeros((2, 2))).shape == (2, 6)

"""Weights that are missing or swapped and graphs that cannot be are refused in bounded time (attacks 35 and 36)."""

import numpy as np
import pytest

import kjax
from kjax.saving import UnsafeModelError
from tests.saving.hostile import REFUSED, bounded, refuses, sequential, write


def two(first, second):
    return sequential(
        {'class_name': 'Dense', 'config': {'name': first, 'units': 3, 'batch_input_shape': [None, 3]}},
        {'class_name': 'Dense', 'config': {'name': second, 'units': 3}},
    )


def arrays(seed):
    return {'kernel:0': np.full((3, 3), seed, 'f4'), 'bias:0': np.zeros(3, 'f4')}


def test_missing_and_extra_layers_are_listed(tmp_path):
    for weights in ({'a': arrays(1)}, {'a': arrays(1), 'b': arrays(2), 'c': arrays(3)}):
        message = refuses(write(tmp_path / 'x.h5', two('a', 'b'), weights))
        assert f'{len(weights)} layers into a model with 2 layers' in message and 'a [(3, 3), (3,)]' in message


def test_swapped_layers_of_equal_shapes_are_told_by_their_names(tmp_path):
    path = write(tmp_path / 'x.h5', two('a', 'b'), {'b': arrays(2), 'a': arrays(1)})
    model = kjax.models.load_model(path, compile=False)
    assert model.get_layer('a').get_weights()[0][0, 0] == 1
    other = kjax.models.model_from_config(two('a', 'b'))
    with pytest.raises(ValueError, match='in another order, and the shapes fit both ways'):
        other.load_weights(path)
    other.load_weights(path, by_name=True)
    assert other.get_layer('b').get_weights()[0][0, 0] == 2


def functional(*layers, inputs=(('i', 0, 0),), outputs=(('o', 0, 0),)):
    first = {
        'class_name': 'InputLayer',
        'name': 'i',
        'config': {'name': 'i', 'batch_input_shape': [None, 3]},
        'inbound_nodes': [],
    }
    return {
        'class_name': 'Model',
        'config': {
            'name': 'm',
            'layers': [first, *layers],
            'input_layers': list(map(list, inputs)),
            'output_layers': list(map(list, outputs)),
        },
    }


def dense(name, *sources):
    return {
        'class_name': 'Dense',
        'name': name,
        'config': {'name': name, 'units': 3},
        'inbound_nodes': [[[s, 0, 0, {}]] for s in sources],
    }


GRAPHS = {
    'circle': functional(dense('a', 'b'), dense('b', 'a'), dense('o', 'b')),
    'itself': functional(dense('o', 'o')),
    'unknown layer': functional(dense('o', 'nobody')),
    'node index': functional({**dense('o'), 'inbound_nodes': [[['i', 10**9, 0, {}]]]}),
    'negative index': functional({**dense('o'), 'inbound_nodes': [[['i', -1, 0, {}]]]}),
    'tensor index': functional({**dense('o'), 'inbound_nodes': [[['i', 0, 7, {}]]]}),
    'missing output': functional(dense('a', 'i'), outputs=[('o', 0, 0)]),
    'missing input': functional(dense('o', 'i'), inputs=[('j', 0, 0)]),
    'called a million times': functional({**dense('o'), 'inbound_nodes': [[['i', 0, 0, {}]]] * 200_000}),
    'twice the same name': functional(dense('o', 'i'), dense('o', 'i')),
    'nodes no list': functional({**dense('o'), 'inbound_nodes': 7}),
    'long circle': functional(
        *[dense(f'n{i}', f'n{i + 1}') for i in range(9000)], dense('n9000', 'n0'), dense('o', 'n0')
    ),
}


@pytest.mark.parametrize('config', list(GRAPHS.values()), ids=list(GRAPHS))
def test_impossible_graphs_are_refused_in_bounded_time(config):
    with bounded(), pytest.raises(REFUSED) as caught:
        kjax.models.model_from_config(config)
    assert len(str(caught.value)) < 3000


def test_models_nested_to_double_each_time_are_refused():
    inner = dense('o', 'i')
    for level in range(40):
        calls = [[['i', 0, 0, {}]], [['i', 0, 0, {}]]]
        inner = {
            'class_name': 'Model',
            'name': 'o',
            'config': {**functional(inner)['config'], 'name': f'm{level}'},
            'inbound_nodes': calls,
        }
    with bounded(), pytest.raises(UnsafeModelError, match='layer calls'):
        kjax.models.model_from_config(functional(inner))

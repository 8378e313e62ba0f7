"""Names and signatures of keras.backend."""

import ast
import inspect
import json

import pytest

from kjax import backend as K

# Only what other packages import; the shared inventory also holds their signatures.
INTERNAL = {'SparseLabels', 'fixed_phase', 'forget_phase'}


def names(shared):
    found = dict(json.loads((shared / 'api' / 'keras-2.2.4.json').read_text())['modules']['keras.backend']['names'])
    found.update(json.loads((shared / 'api' / 'keras-2.3.1.delta.json').read_text())['names_added']['keras.backend'])
    return found


def test_every_name_with_its_signature(shared):
    for name, facts in names(shared).items():
        parameters = inspect.signature(getattr(K, name)).parameters
        for wanted in facts.get('signature', []):
            assert wanted['name'] in parameters, f'{name}({wanted["name"]})'
            if 'default' in wanted:
                assert parameters[wanted['name']].default == ast.literal_eval(wanted['default']), name
        order = [p['name'] for p in facts.get('signature', [])]
        assert [p for p in parameters if p in order] == order, name


@pytest.mark.parametrize('name', sorted(set(K.__all__) - INTERNAL))
def test_documented(name):
    assert inspect.getdoc(getattr(K, name)), name


@pytest.mark.parametrize('name', ['get_session', 'set_session', 'manual_variable_initialization', 'tf'])
def test_tensorflow_only(name):
    with pytest.raises((NotImplementedError, AttributeError), match=rf'{name} belongs to TensorFlow; .* Use instead: '):
        getattr(K, name)(*[True] * (name != 'get_session'))


def test_manual_variable_initialization_may_stay_off():
    K.manual_variable_initialization(False)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        K.nonsense  # noqa: B018

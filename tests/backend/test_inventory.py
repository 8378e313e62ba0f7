"""Names and signatures of keras.backend."""

import ast
import inspect
import json
from pathlib import Path

import pytest

from kjax import backend as K

# for other rooms of the package
INTERNAL = {'SparseLabels', 'fixed_phase', 'forget_phase'}


# name -> {parameter: its default's repr, or null}: Keras 2.2.4 and what 2.3.1 added
SIGNATURES = json.loads((Path(__file__).parents[1] / 'data' / 'backend_signatures.json').read_text())


@pytest.mark.parametrize('name', sorted(SIGNATURES))
def test_signature(name):
    wanted, parameters = SIGNATURES[name], inspect.signature(getattr(K, name)).parameters
    assert [p for p in parameters if p in wanted] == list(wanted)
    for parameter, default in wanted.items():
        if default is not None:
            assert parameters[parameter].default == ast.literal_eval(default)


@pytest.mark.parametrize('name', sorted(set(K.__all__) - INTERNAL))
def test_documented(name):
    assert inspect.getdoc(getattr(K, name)), name


@pytest.mark.parametrize('name', ['manual_variable_initialization', 'tf'])
def test_tensorflow_only(name):
    with pytest.raises((NotImplementedError, AttributeError), match=rf'{name} belongs to TensorFlow; .* Use instead: '):
        getattr(K, name)(True)


def test_manual_variable_initialization_may_stay_off():
    K.manual_variable_initialization(False)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        K.nonsense  # noqa: B018

"""Programs in session style give what genuine TensorFlow gave for the same text."""

import pathlib

import numpy as np
import pytest

import kjax
from kjax import backend as K
from tests.compat.tensorflow.session_programs import PROGRAMS, results

GENUINE = np.load(pathlib.Path(__file__).parents[2] / 'data' / 'tensorflow' / 'sessions.npz')


@pytest.mark.parametrize('name', PROGRAMS)
def test_a_program_gives_what_genuine_tensorflow_gives(name, tensorflow):
    found = results(name, tensorflow, kjax, K)
    expected = {key: GENUINE[key] for key in GENUINE if key.startswith(f'{name}|')}
    assert list(found) == list(expected)
    wrong = []
    for key, value in expected.items():
        same = (
            np.allclose(found[key], value, rtol=2e-5, atol=1e-6)
            if value.dtype.kind == 'f'
            else np.array_equal(found[key], value)
        )
        if not same or found[key].dtype.kind != value.dtype.kind or found[key].shape != value.shape:
            wrong.append(f'{key}: {found[key]!r} instead of {value!r}')
    assert not wrong, '\n'.join(wrong)

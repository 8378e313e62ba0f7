"""Unusual configurations against recorded numbers of genuine Keras 2.2.4: outputs, states, two steps of training."""

from pathlib import Path

import numpy as np
import pytest

import kjax as keras
from tests.layers.genuine_models import MODELS, run

RECORDED = np.load(Path(__file__).parents[1] / "data" / "genuine_models.npz")


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_numbers_are_those_of_genuine_keras(make):
    got = run(keras, make)
    wanted = {k.split("/")[1]: RECORDED[k] for k in RECORDED.files if k.startswith(make.__name__ + "/")}
    # genuine Keras does not know that a model with a stateful Bidirectional is stateful: no second call is recorded
    assert set(wanted) == {k for k in got if make.__name__ != "stateful_both_ways" or "second" not in k}
    for name, want in wanted.items():
        assert np.shape(got[name]) == want.shape, name
        np.testing.assert_allclose(got[name], want, rtol=1e-5, atol=1e-5 * np.abs(want).max() + 1e-7, err_msg=name)

"""Constraints against genuine numbers and configs."""

import jax
import numpy as np
import pytest

from kjax import constraints
from tests.golden import cases, ids, same_config

CASES = cases("constraints")


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_projection_and_config(case):
    constraint = getattr(constraints, case["name"])(**case["kwargs"])
    case.check("y0", constraint(case.arrays["x0"]))
    case.check("y0", jax.jit(lambda w: constraint(w))(case.arrays["x0"]))
    config = constraints.serialize(constraint)
    assert same_config(case["facts"]["config"], config)
    case.check("y0", constraints.get(config)(case.arrays["x0"]))


def test_projection_is_idempotent():
    w = np.random.RandomState(0).normal(size=(5, 4)).astype("float32")
    for constraint in (constraints.MaxNorm(0.5), constraints.NonNeg(), constraints.UnitNorm()):
        once = np.asarray(constraint(w))
        np.testing.assert_allclose(constraint(once), once, rtol=1e-5)


def test_get_takes_names_objects_functions_and_none():
    assert constraints.get(None) is None
    assert constraints.get("maxnorm").max_value == 2
    assert isinstance(constraints.get("non_neg"), constraints.NonNeg)
    function = lambda w: w
    assert constraints.get(function) is function
    with pytest.raises(ValueError, match="Could not interpret constraint identifier"):
        constraints.get(3)
    with pytest.raises(ValueError, match="Unknown constraint: max_nrm.*Did you mean"):
        constraints.get("max_nrm")

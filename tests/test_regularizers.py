"""Regularizers against genuine numbers, gradients and configs."""

import jax
import numpy as np
import pytest

from kjax import regularizers
from kjax.graph import KerasTensor, build_program
from kjax.graph.context import Context
from tests.golden import cases, ids, same_config

CASES = cases("regularizers")


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_penalty_gradient_and_config(case):
    regularizer = getattr(regularizers, case["name"])(**case["kwargs"])
    x = case.arrays["x0"]
    case.check("y0", regularizer(x))
    case.check("gx0", jax.grad(lambda v: regularizer(v))(x))
    assert same_config(case["facts"]["config"], regularizers.serialize(regularizer))
    restored = regularizers.get({"class_name": "L1L2", "config": regularizer.get_config()})
    case.check("restored", restored(x))


def test_get_takes_names_objects_functions_and_none():
    assert regularizers.get(None) is None
    assert regularizers.get("l2").l2 == pytest.approx(0.01)
    assert regularizers.get("L1L2").l1 == 0
    function = lambda w: 0.1
    assert regularizers.get(function) is function
    with pytest.raises(ValueError, match="Could not interpret regularizer identifier"):
        regularizers.get(3)
    with pytest.raises(ValueError, match="Unknown regularizer: L1L3.*Did you mean L1L2"):
        regularizers.get("L1L3")


def test_penalty_of_an_output_leaves_out_padding_rows():
    x = KerasTensor((None, 3), "float32")
    program, variables, constants = build_program([x], [regularizers.l1_l2(0.5, 0.25)(x)])
    assert program.rowwise
    rows = np.array([1.0, 1.0, 0.0], "float32")
    value = np.arange(9, dtype="float32").reshape(3, 3)
    got = program([value], [], constants, Context(rows=rows))[0]
    assert float(got) == pytest.approx(0.5 * value[:2].sum() + 0.25 * (value[:2] ** 2).sum())

"""Activations: genuine values and gradients, names, errors."""

import jax
import jax.numpy as jnp
import pytest

from kjax import activations
from kjax import backend as K
from kjax.graph import KerasTensor, build_program
from tests.golden import cases, ids

CASES = cases("activations")


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_values_and_gradients_are_keras(case):
    fn = activations.get(case["name"])
    x, c = case.arrays["x0"], case.arrays["c0"]
    case.check("y0", fn(x, **case["kwargs"]))
    case.check("y0", K.eval(fn(K.variable(x), **case["kwargs"])))
    case.check("gx0", jax.jit(jax.grad(lambda x: jnp.sum(fn(x, **case["kwargs"]) * c)))(x))
    assert activations.serialize(fn) == case["facts"]["name"]


@pytest.mark.parametrize("name", sorted(activations._REGISTRY))
def test_rows_are_independent(name):
    x = KerasTensor((None, 3), "float32")
    assert build_program([x], [activations.get(name)(x)])[0].rowwise


def test_get_takes_names_functions_and_none():
    assert activations.get(None) is activations.linear
    assert activations.get("relu") is activations.relu
    assert activations.get(K.tanh) is K.tanh
    assert activations.deserialize("mine", custom_objects={"mine": K.exp}) is K.exp


def test_errors():
    with pytest.raises(ValueError, match="Unknown activation function: sigmoit.*Did you mean sigmoid"):
        activations.get("sigmoit")
    with pytest.raises(ValueError, match="Could not interpret activation function identifier"):
        activations.get(3)
    with pytest.raises(ValueError, match=r"softmax: x must have a rank of at least 2, received the shape \(None,\)"):
        activations.softmax(KerasTensor((None,), "float32"))

"""Initializers: exact values, statistics of genuine samples, seeds, configs."""

import ml_dtypes  # noqa: F401  (names bfloat16)
import numpy as np
import pytest

from kjax import initializers
from tests.golden import cases, ids, same_config

CASES = cases("initializers")
RANDOM = [
    initializers.RandomNormal,
    initializers.RandomUniform,
    initializers.TruncatedNormal,
    initializers.VarianceScaling,
    initializers.Orthogonal,
    initializers.glorot_uniform,
    initializers.he_normal,
]


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_values_are_keras(case):
    initializer = getattr(initializers, case["name"])(**case["kwargs"])
    facts = case["facts"]
    assert same_config(facts["config"], initializers.serialize(initializer))
    assert same_config(facts["config"], initializers.serialize(initializers.get(facts["config"])))
    got = initializer(tuple(case["shape"]))
    assert list(got.shape) == facts["shape"] and str(got.dtype) == facts["dtype"]
    if case["kind"] == "exact":
        case.check("y0", got)
    elif case["kind"] == "orthogonal":
        flat = got.reshape(-1, got.shape[-1])
        flat = flat if flat.shape[0] >= flat.shape[1] else flat.T
        case.check("gram", flat.T @ flat)
    else:
        want, n, std = facts["stats"], got.size, facts["stats"]["std"]
        assert abs(got.astype("float64").mean() - want["mean"]) < 8 * std * (2 / n) ** 0.5
        assert abs(got.astype("float64").std() / std - 1) < 8 * (1 / n) ** 0.5
        if want["bounded"]:
            assert abs(got.min() - want["min"]) < 0.01 * std and abs(got.max() - want["max"]) < 0.01 * std


@pytest.mark.parametrize("make", RANDOM)
def test_seed_decides_the_values(make):
    one, two = make(seed=7)((20, 30)), make(seed=7)((20, 30))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, make(seed=8)((20, 30)))


@pytest.mark.parametrize("make", RANDOM)
def test_numpy_seed_decides_unseeded_values(make):
    draws = []
    for _ in range(2):
        np.random.seed(3)
        initializer = make()
        draws.append((initializer((20, 30)), initializer((20, 30))))
    np.testing.assert_array_equal(draws[0][0], draws[1][0])
    np.testing.assert_array_equal(draws[0][1], draws[1][1])
    assert not np.array_equal(draws[0][0], draws[0][1])


def test_prepare_fixes_the_seed_at_once_and_samples_later():
    np.random.seed(5)
    want = initializers.glorot_uniform()((4, 5))
    np.random.seed(5)
    thunk = initializers.glorot_uniform().prepare((4, 5))
    np.random.seed(99)
    np.testing.assert_array_equal(thunk(), want)
    np.testing.assert_array_equal(thunk(), want)


def test_prepare_takes_any_function():
    thunk = initializers.prepare(lambda shape: np.full(shape, 2.0), (2, 2), "float32")
    assert thunk().sum() == 8
    assert initializers.prepare(lambda shape, dtype=None: np.zeros(shape, dtype), (2,), "float16")().dtype == "float16"


def test_orthogonal_directions_are_uniform():
    first = np.array([initializers.Orthogonal(seed=s)((3, 3))[0, 0] for s in range(400)])
    assert abs(first.mean()) < 0.15


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dtype_is_kept(dtype):
    assert str(initializers.get("glorot_normal")((3, 3), dtype=dtype).dtype) == dtype


def test_get_takes_names_classes_objects_and_functions():
    assert isinstance(initializers.get("zeros"), initializers.Zeros)
    assert initializers.get("he_uniform").scale == 2.0
    assert isinstance(initializers.get("GlorotUniform"), initializers.VarianceScaling)
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    ones = initializers.Ones()
    assert initializers.get(ones) is ones
    function = lambda shape: np.zeros(shape)
    assert initializers.get(function) is function
    np.testing.assert_array_equal(initializers.get(np.arange(6.0))((2, 3)), np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: initializers.get("glorot_unifrm"), "Unknown initializer: glorot_unifrm.*glorot_uniform"),
        (lambda: initializers.get(3), "Could not interpret initializer identifier"),
        (lambda: initializers.VarianceScaling(scale=0), "scale must be a number > 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "mode must be one of"),
        (lambda: initializers.VarianceScaling(distribution="flat"), "distribution must be one of"),
        (lambda: initializers.Identity()((2, 2, 2)), "Identity: shape must have two dimensions"),
        (lambda: initializers.Orthogonal()((3,)), "Orthogonal: shape must have at least two"),
        (lambda: initializers.Zeros()((None, 3)), "Zeros: shape must be made of integers"),
    ],
)
def test_errors_name_the_argument(call, text):
    with pytest.raises(ValueError, match=text):
        call()

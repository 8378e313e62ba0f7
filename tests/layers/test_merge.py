"""Merge layers: broadcasting, masks, what they refuse."""

import numpy as np
import pytest

import kjax as keras
from kjax import layers as L

RNG = np.random.default_rng(0)


def run(layer, *arrays):
    inputs = [L.Input(a.shape[1:]) for a in arrays]
    return keras.models.Model(inputs, layer(inputs)).predict(list(arrays))


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    "name, fn",
    [
        ("Add", np.add),
        ("Subtract", np.subtract),
        ("Multiply", np.multiply),
        ("Maximum", np.maximum),
        ("Minimum", np.minimum),
    ],
)
def test_two_inputs(name, fn):
    a, b = normal(2, 3), normal(2, 3)
    np.testing.assert_allclose(run(getattr(L, name)(), a, b), fn(a, b), atol=1e-6)


def test_lower_ranks_get_axes_after_the_batch():
    a, b = normal(2, 3, 4), normal(2, 4)
    np.testing.assert_allclose(run(L.Add(), a, b), a + b[:, None], atol=1e-6)
    c = normal(2, 5, 3, 4)
    np.testing.assert_allclose(run(L.Multiply(), b, c), b[:, None, None] * c, atol=1e-6)


@pytest.mark.parametrize("axes, rank", [(1, 2), (-1, 2), ((2, 1), 3), ((1, 1), 3), (2, 3)])
def test_dot_contracts_one_axis_of_each(axes, rank):
    a, b = normal(2, *(4, 4)[: rank - 1]), normal(2, *(4, 4)[: rank - 1])
    i, j = (axes, axes) if isinstance(axes, int) else axes
    want = np.stack([np.tensordot(p, q, (i % rank - 1, j % rank - 1)) for p, q in zip(a, b, strict=True)])
    got = run(L.Dot(axes), a, b)
    np.testing.assert_allclose(got, want.reshape(got.shape), atol=1e-5)


def test_normalized_dot_is_the_cosine():
    a, b = normal(3, 5), normal(3, 5)
    cosine = (
        (a * b).sum(1, keepdims=True)
        / np.linalg.norm(a, axis=1, keepdims=True)
        / np.linalg.norm(b, axis=1, keepdims=True)
    )
    np.testing.assert_allclose(run(L.Dot(1, normalize=True), a, b), cosine, atol=1e-5)


@pytest.mark.parametrize(
    "apply, message",
    [
        (lambda: L.add([L.Input((3,))]), "at least 2 inputs"),
        (
            lambda: L.Add(name="m")([L.Input((3,)), L.Input((4,))]),
            r"Layer m: .* could not be broadcast .*\(3,\) \(4,\)",
        ),
        (lambda: L.add([L.Input(batch_shape=(2, 3)), L.Input(batch_shape=(4, 3))]), "different batch sizes"),
        (lambda: L.subtract([L.Input((3,)), L.Input((3,)), L.Input((3,))]), "exactly 2 inputs; got 3"),
        (lambda: L.concatenate([L.Input((3, 4)), L.Input((2, 5))]), "matching shapes except for the concat axis"),
        (lambda: L.concatenate([L.Input((3,))]), "at least 2 inputs"),
        (lambda: L.concatenate([L.Input((3,)), L.Input((3,))], axis=4), "axis 4 is not an axis"),
        (lambda: L.dot([L.Input((3,)), L.Input((4,))], axes=1), "dimension incompatibility 3 != 4"),
        (lambda: L.dot([L.Input((3,)), L.Input((3,))], axes=0), "other than the batch axis"),
        (lambda: L.Dot(axes=(1, 2, 3)), "list of two ints"),
    ],
)
def test_refused(apply, message):
    with pytest.raises(ValueError, match=message):
        apply()


def test_axes_of_another_kind_are_a_type_error():
    with pytest.raises(TypeError, match="`axes` must be an int or a list"):
        L.Dot(axes="1")


def masked(tensor):
    return L.Masking()(tensor)


def test_elementwise_masks_are_joined_by_and():
    a, b = L.Input((4, 2)), L.Input((4, 2))
    joined = L.add([masked(a), masked(b)])
    x, y = np.ones((1, 4, 2), "float32"), np.ones((1, 4, 2), "float32")
    x[:, 1], y[:, 2] = 0, 0
    mask = keras.backend.function([a, b], [joined._keras_mask])([x, y])[0]
    np.testing.assert_array_equal(mask, [[True, False, False, True]])


@pytest.mark.parametrize("axis, want", [(-1, [[True, False, True]]), (1, [[True, False, True, True, True, True]])])
def test_concatenated_masks_follow_the_axis(axis, want):
    a, b = L.Input((3, 2)), L.Input((3, 2))
    joined = L.concatenate([masked(a), b], axis=axis)
    x = np.ones((1, 3, 2), "float32")
    x[:, 1] = 0
    mask = keras.backend.function([a, b], [joined._keras_mask])([x, np.ones_like(x)])[0]
    np.testing.assert_array_equal(mask, want)


def test_no_mask_in_means_no_mask_out():
    a, b = L.Input((3, 2)), L.Input((3, 2))
    assert L.add([a, b])._keras_mask is None
    assert L.concatenate([a, b])._keras_mask is None
    assert L.dot([masked(a), masked(b)], axes=2)._keras_mask is None


def test_unknown_lengths_merge():
    a, b = L.Input((None, 3)), L.Input((5, 3))
    assert tuple(L.concatenate([a, b], axis=1).shape) == (None, None, 3)
    assert tuple(L.concatenate([a, b]).shape)[2] == 6
    assert len(L.add([a, b]).shape) == 3

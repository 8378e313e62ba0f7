"""What programs of Keras 1 and 2 hand to `keras.backend` in unusual but genuine ways."""

import numpy as np
import pytest

from kjax import backend as K

X = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]], "float32")


def computed(x, *tensors):
    return K.function([x], list(tensors))([X])


def test_lists_stand_beside_tensors_as_numbers():
    x, held = K.placeholder((None, 3)), K.variable([2.0, 3.0, 4.0])
    row = np.array([1.0, 2.0, 3.0])
    tensors = [x * [1.0, 2.0, 3.0], [1.0, 2.0, 3.0] - x, x / (1.0, 2.0, 3.0), x > [0.0, 0.0, 0.0]]
    found = computed(x, *tensors, held + [1, 2, 3], x ** [2, 1, 0])
    for got, wanted in zip(found, (X * row, row - X, X / row, X > 0, [3.0, 5.0, 7.0], X ** [2, 1, 0]), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
    mixed = computed(x, x * [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], x + [x[0, 0], 1.0, 2.0])
    np.testing.assert_allclose(mixed[0], X * [[1, 2, 3], [4, 5, 6]], rtol=1e-6)
    np.testing.assert_allclose(mixed[1], X + [X[0, 0], 1, 2], rtol=1e-6)
    whole = K.placeholder((2,), dtype="int32")
    assert K.dtype(whole * [1, 2]) == "int32" and K.dtype(K.cast(x, "float16") * [1.0, 2.0, 3.0]) == "float16"


def test_one_number_pads_both_sides_as_in_keras_1():
    image = np.arange(8, dtype="float32").reshape(1, 2, 2, 2)
    found = K.eval(K.spatial_2d_padding(K.constant(image), (1, 2), data_format="channels_last"))
    np.testing.assert_array_equal(found, np.pad(image, ((0, 0), (1, 1), (2, 2), (0, 0))))
    volume = image.reshape(1, 2, 2, 1, 2)
    found = K.eval(K.spatial_3d_padding(K.constant(volume), (1, 0, 2), data_format="channels_last"))
    np.testing.assert_array_equal(found, np.pad(volume, ((0, 0), (1, 1), (0, 0), (2, 2), (0, 0))))
    with pytest.raises(ValueError, match=r"spatial_2d_padding: padding must be 2 pair\(s\)"):
        K.spatial_2d_padding(K.constant(image), (1, -2))
    with pytest.raises(ValueError, match=r"temporal_padding: padding must be 1 pair\(s\)"):
        K.temporal_padding(K.constant(image[0]), 2)

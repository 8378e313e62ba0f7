"""np_utils and conv_utils."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjax.utils import conv_utils, normalize, to_categorical


@given(st.lists(st.integers(0, 6), min_size=1), st.integers(7, 9))
def test_one_hot(labels, classes):
    got = to_categorical(labels, classes)
    assert got.shape == (len(labels), classes) and got.dtype == np.float32
    assert (got.argmax(axis=1) == labels).all() and (got.sum(axis=1) == 1).all()


def test_one_hot_shapes():
    assert to_categorical([[0], [2]]).shape == (2, 3)
    assert to_categorical([[0, 1], [2, 1]]).shape == (2, 2, 3)
    assert to_categorical(1, 3, dtype="int8").tolist() == [0, 1, 0]
    assert to_categorical([], 4).shape == (0, 4)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 5], 3, r"labels from 0 to num_classes - 1 = 2 \(or from -3 to -1, .*\); received labels from 0 to 5"),
        ([-4, 1], 3, "received labels from -4 to 1"),
        ([], None, "y is empty, so num_classes must be given"),
    ],
)
def test_wrong_labels(labels, classes, message):
    with pytest.raises(ValueError, match=message):
        to_categorical(labels, classes)


def test_negative_labels_count_from_the_end():
    """As genuine: -1 is the last class; where that is another label's class, kjax warns."""
    assert to_categorical([-1, 0, 1], 3).tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    with pytest.warns(UserWarning, match="-1 and 1 are one class of 2"):
        assert to_categorical([-1, 1]).tolist() == [[0, 1], [0, 1]]


def test_zero_vectors_stay_zero():
    np.testing.assert_allclose(normalize(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0, 0]])


@given(
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["valid", "same", "full", "causal"]),
)
def test_output_length_counts_positions(length, size, stride, dilation, padding):
    reach = (size - 1) * dilation + 1
    padded = {
        "valid": length,
        "same": length + reach - 1,
        "causal": length + reach - 1,
        "full": length + 2 * (reach - 1),
    }
    positions = len(range(0, max(0, padded[padding] - reach + 1), stride))
    got = conv_utils.conv_output_length(length, size, padding, stride, dilation)
    assert max(0, got) == positions
    assert conv_utils.conv_output_length(None, size, padding, stride) is None


@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 4))
def test_transposed_lengths_invert_valid_convolutions(length, size, stride):
    longer = conv_utils.deconv_length(length, stride, size, "valid", None)
    assert conv_utils.conv_output_length(longer, size, "valid", stride) == length
    assert conv_utils.conv_input_length(length, size, "valid", stride) == (length - 1) * stride + size
    assert conv_utils.deconv_length(length, stride, size, "same", None) == length * stride
    assert conv_utils.deconv_length(None, stride, size, "same", None) is None


@pytest.mark.parametrize("shape", [(3, 2, 1), (3, 2, 2, 1), (2, 3, 2, 1, 2)])
def test_kernels_are_flipped_in_space_only(shape):
    kernel = np.random.RandomState(0).rand(*shape)
    flipped = conv_utils.convert_kernel(kernel)
    np.testing.assert_array_equal(flipped[(0,) * (len(shape) - 2)], kernel[(-1,) * (len(shape) - 2)])
    np.testing.assert_array_equal(conv_utils.convert_kernel(flipped), kernel)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv_utils.convert_kernel(np.zeros((2, 2))), r"rank 3, 4 or 5, received shape \(2, 2\)"),
        (lambda: conv_utils.normalize_tuple((1, 2), 3, "strides"), "`strides` argument must be a tuple of 3 integers"),
        (lambda: conv_utils.normalize_tuple("ab", 2, "strides"), "Received: 'ab'"),
        (lambda: conv_utils.normalize_tuple(None, 2, "strides"), "Received: None"),
        (lambda: conv_utils.normalize_tuple((1.5, 2), 2, "strides"), "Received: "),
        (lambda: conv_utils.normalize_padding("full"), '`padding` argument must be one of "valid", "same"'),
        (lambda: conv_utils.conv_output_length(3, 1, "none", 1), "padding must be one of .* received 'none'"),
        (lambda: conv_utils.deconv_length(3, 1, 1, "causal", None), "padding must be one of"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_normalisation():
    assert conv_utils.normalize_tuple(np.int64(3), 2, "size") == (3, 3)
    assert conv_utils.normalize_tuple([1, 2], 2, "size") == (1, 2)
    assert conv_utils.normalize_padding("SAME") == "same"

"""Padding, skip-grams, windows: edges and wrong input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjax.preprocessing import sequence


@given(
    st.lists(st.lists(st.integers(-5, 99), max_size=7), max_size=6),
    st.one_of(st.none(), st.integers(0, 9)),
    st.sampled_from(["pre", "post"]),
    st.sampled_from(["pre", "post"]),
)
def test_padding_keeps_the_wanted_end(sequences, maxlen, padding, truncating):
    got = sequence.pad_sequences(sequences, maxlen=maxlen, padding=padding, truncating=truncating, value=-9)
    length = max(map(len, sequences), default=0) if maxlen is None else maxlen
    assert got.shape == (len(sequences), length)
    for row, original in zip(got.tolist(), sequences, strict=True):
        kept = original[max(0, len(original) - length) :] if truncating == "pre" else original[:length]
        fill = [-9] * (length - len(kept))
        assert row == (fill + kept if padding == "pre" else kept + fill)


def test_text_is_padded_with_text():
    got = sequence.pad_sequences([["a", "bcd"], ["e"]], dtype=object, value="-")
    assert got.tolist() == [["a", "bcd"], ["-", "e"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(sequences=5), "must be a list of sequences"),
        (dict(sequences=[1, 2]), "entry 0 of sequences must be a sequence, received 1"),
        (dict(sequences=[[1], "ab"]), "entry 1 of sequences must be a sequence"),
        (dict(sequences=[[1]], maxlen=-3), "maxlen must be an int >= 0, received -3"),
        (dict(sequences=[[1]], padding="left"), "padding must be 'pre' or 'post', received 'left'"),
        (dict(sequences=[[1]], truncating="left"), "truncating must be 'pre' or 'post'"),
        (dict(sequences=[["a"]], value="x"), "text value needs dtype object"),
        (dict(sequences=[[[1, 2]], [[1, 2, 3]]]), r"samples of entry 1 have shape \(3,\), those before it \(2,\)"),
    ],
)
def test_wrong_padding_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        sequence.pad_sequences(**arguments)


def test_sampling_table_of_nothing():
    assert sequence.make_sampling_table(0).shape == (0,)


def test_skipgrams_need_words_to_draw():
    with pytest.raises(ValueError, match="vocabulary_size must be at least 2, received 1"):
        sequence.skipgrams([1, 2], 1)
    assert sequence.skipgrams([], 5) == ([], [])


def test_same_seed_same_order():
    couples = [sequence.skipgrams(list(range(1, 9)), 9, negative_samples=0, seed=4) for _ in range(2)]
    assert couples[0] == couples[1]


def test_series_survives_json():
    data = np.arange(30.0).reshape(15, 2)
    generator = sequence.TimeseriesGenerator(data, data[:, 0], length=3, stride=2, start_index=1, batch_size=4)
    again = sequence.timeseries_generator_from_json(generator.to_json())
    assert len(again) == len(generator)
    for i in range(len(generator)):
        for a, b in zip(again[i], generator[i], strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(TypeError, match="data cannot be written as JSON"):
        sequence.TimeseriesGenerator([object()] * 5, [0] * 5, length=1).to_json()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(targets=[1, 2]), "equally long, received 10 and 2"),
        (dict(length=10), r"start_index \+ length = 10 is beyond end_index = 9"),
        (dict(length=-1), "length must not be negative"),
        (dict(stride=0), "stride must be at least 1"),
        (dict(batch_size=0), "batch_size must be at least 1"),
    ],
)
def test_wrong_series(arguments, message):
    with pytest.raises(ValueError, match=message):
        sequence.TimeseriesGenerator(**{"data": list(range(10)), "targets": list(range(10)), "length": 2, **arguments})


def test_padding_that_the_type_cannot_hold():
    with pytest.raises(ValueError, match="value -1 does not fit into dtype uint8"):
        sequence.pad_sequences([[1], [2, 3]], dtype="uint8", value=-1)

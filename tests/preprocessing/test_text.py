"""Tokenizer and hashing: JSON, splitters, limits, wrong input."""

import json

import pytest

from kjax.preprocessing import text

TEXTS = ["The cat sat on the mat.", "The dog sat!", "我 爱 北京"]


@pytest.mark.parametrize(
    "arguments", [{}, {"oov_token": "<x>", "num_words": 4}, {"char_level": True}, {"lower": False}]
)
def test_tokenizer_survives_json(arguments):
    tokenizer = text.Tokenizer(**arguments)
    tokenizer.fit_on_texts(TEXTS)
    again = text.tokenizer_from_json(tokenizer.to_json())
    assert again.get_config() == tokenizer.get_config()
    assert again.texts_to_sequences(TEXTS) == tokenizer.texts_to_sequences(TEXTS)
    assert (again.texts_to_matrix(TEXTS, "tfidf") == tokenizer.texts_to_matrix(TEXTS, "tfidf")).all()
    again.fit_on_texts(["more words"])  # counting goes on
    assert again.document_count == 4


def test_json_is_in_the_form_that_keras_writes():
    tokenizer = text.Tokenizer()
    tokenizer.fit_on_texts(["b a", "a"])
    content = json.loads(tokenizer.to_json())
    assert content["class_name"] == "Tokenizer"
    assert json.loads(content["config"]["word_counts"]) == {"b": 1, "a": 2}
    assert json.loads(content["config"]["index_word"]) == {"1": "a", "2": "b"}


def test_lists_of_words_come_from_the_users_own_splitter():
    tokenizer = text.Tokenizer()
    tokenizer.fit_on_texts([["北京", "是", "首都"], ["北京", "!"]])
    assert tokenizer.word_index == {"北京": 1, "是": 2, "首都": 3, "!": 4}
    assert tokenizer.texts_to_sequences([["首都", "上海"]]) == [[3]]


def test_generators_are_read_once():
    tokenizer = text.Tokenizer(oov_token="?")
    tokenizer.fit_on_texts(t for t in TEXTS)
    assert tokenizer.document_count == 3
    numbers = tokenizer.texts_to_sequences_generator(t for t in ["the unicorn"])
    assert next(numbers) == [2, 1]


def test_numbers_beyond_num_words_are_left_out_of_matrices():
    tokenizer = text.Tokenizer(num_words=3)
    assert tokenizer.sequences_to_matrix([[1, 2, 7, 2]], mode="count").tolist() == [[0, 1, 2]]
    with pytest.raises(ValueError, match="sequence 0 has the negative number -1"):
        tokenizer.sequences_to_matrix([[-1]], mode="count")


def test_matrix_needs_a_size_and_counts():
    with pytest.raises(ValueError, match="give num_words, or fit on texts first"):
        text.Tokenizer().sequences_to_matrix([[1]])
    with pytest.raises(ValueError, match="fit on texts or sequences before using mode 'tfidf'"):
        text.Tokenizer(num_words=5).sequences_to_matrix([[1]], mode="tfidf")
    with pytest.raises(ValueError, match="mode must be one of .* received 'sum'"):
        text.Tokenizer(num_words=5).sequences_to_matrix([[1]], mode="sum")


def test_old_names_and_unknown_ones():
    with pytest.warns(UserWarning, match="renamed `num_words`"):
        assert text.Tokenizer(nb_words=7).num_words == 7
    with pytest.raises(TypeError, match=r"unknown arguments \['words'\]"):
        text.Tokenizer(words=7)


def test_hashing():
    assert text.hashing_trick("a b a", 10, "md5") == text.hashing_trick("a b a", 10, "md5")
    numbers = text.one_hot("the cat the", 50)
    assert numbers[0] == numbers[2] and all(1 <= n < 50 for n in numbers)
    with pytest.raises(ValueError, match="n must be at least 2, received 1"):
        text.one_hot("a", 1)
    with pytest.raises(ValueError, match="hash_function must be a function, 'md5' or None"):
        text.hashing_trick("a", 5, "sha1")


def test_split_of_several_letters():
    assert text.text_to_word_sequence("a.b--c", split="--") == ["a", "b", "c"]


@pytest.mark.parametrize("given", ["{}", "nope", '{"config": null}', '{"config": {"word_counts": 3}}', 7])
def test_json_of_another_kind_is_refused(given):
    with pytest.raises(ValueError, match="must be what Tokenizer.to_json gave"):
        text.tokenizer_from_json(given)


def test_only_text_has_words():
    with pytest.raises(TypeError, match="text must be a string, received 3"):
        text.text_to_word_sequence(3)
    with pytest.raises(TypeError, match="received None"):
        text.Tokenizer().fit_on_texts([None])


def described(**changes):
    tokenizer = text.Tokenizer()
    tokenizer.fit_on_texts(["a b a"])
    config = {**tokenizer.get_config(), **changes}
    return json.dumps({"class_name": "Tokenizer", "config": {k: v for k, v in config.items() if v != "gone"}})


@pytest.mark.parametrize(
    "content",
    [
        "[" * 9999,
        described(word_counts="[" * 9999),
        described(word_counts="[1]"),
        described(word_index='{"a": []}'),
        described(word_index="gone"),
        described(index_word='{"one": "a"}'),
        described(index_docs='{"' + "9" * 5000 + '": 1}'),
        described(index_word='{"1": ["a"]}'),
        described(num_words="5"),
        described(num_words=-5),
        described(document_count=None),
        described(filters=[["a"]]),
        described(filters=5),
        described(split=["a"]),
        described(lower="yes"),
        described(oov_token={}),
        described(more=1),
        '{"config": {}, "config": {}}',
        '"' + '\\"' * 9999,
        "null",
        b"\xff",
    ],
    ids=range(21),
)
def test_a_damaged_description_of_a_tokenizer_is_one_clear_error(content):
    with pytest.raises(ValueError, match="tokenizer_from_json: json_string must be what Tokenizer.to_json gave"):
        text.tokenizer_from_json(content)


def test_tokenizers_of_lists_of_numbers_come_back():
    tokenizer = text.Tokenizer(lower=False)
    tokenizer.fit_on_texts([[3, 4, 3]])
    again = text.tokenizer_from_json(tokenizer.to_json())
    assert again.index_word == tokenizer.index_word and again.document_count == 1

"""Text, as in `keras.preprocessing.text`: words to numbers."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import Counter, OrderedDict, defaultdict

import numpy as np

from kjax.saving.bounded import parse_json

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "freq", "tfidf")


def text_to_word_sequence(text, filters=_FILTERS, lower=True, split=" "):
    """The words of a text.

    Args:
        text: string.
        filters: characters that count as `split`.
        lower: make everything lower case first.
        split: what lies between words.
    """
    if not isinstance(text, str):
        raise TypeError(f"text_to_word_sequence: text must be a string, received {text!r:.200}")
    if lower:
        text = text.lower()
    return [word for word in text.translate({ord(c): split for c in filters}).split(split) if word]


def one_hot(text, n, filters=_FILTERS, lower=True, split=" "):
    """The numbers of the words of a text, by Python's own hash, which differs from process to process.

    Args:
        text: string.
        n: numbers go from 1 to n - 1; different words may share one.
        filters, lower, split: as in `text_to_word_sequence`.
    """
    return hashing_trick(text, n, hash, filters, lower, split)


def hashing_trick(text, n, hash_function=None, filters=_FILTERS, lower=True, split=" "):
    """The numbers hash(word) mod (n - 1) + 1 of the words of a text.

    Args:
        text: string.
        n: numbers go from 1 to n - 1, n at least 2.
        hash_function: of a word; default Python's hash, which differs from process to process; 'md5' is stable.
        filters, lower, split: as in `text_to_word_sequence`.
    """
    if n < 2:
        raise ValueError(f"hashing_trick: n must be at least 2, received {n!r}")
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":
        hash_function = _md5
    elif not callable(hash_function):
        raise ValueError(f"hashing_trick: hash_function must be a function, 'md5' or None, received {hash_function!r}")
    return [hash_function(word) % (n - 1) + 1 for word in text_to_word_sequence(text, filters, lower, split)]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Numbers the words of texts, the most frequent first.

    Args:
        num_words: only numbers below this are given out, default all.
        filters: characters that separate words.
        lower: make everything lower case.
        split: what lies between words.
        char_level: every character is a word.
        oov_token: stands, as number 1, for words that have no number; default: they are left out.
        document_count: texts seen before.

    A text may also be a list of words (from a splitter of Chinese, say), which are taken as they are.
    Attributes: word_index (word -> number from 1), index_word, word_counts, word_docs (texts that have the word),
    index_docs, document_count.
    """

    def __init__(
        self,
        num_words=None,
        filters=_FILTERS,
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
        document_count=0,
        **kwargs,
    ):
        if "nb_words" in kwargs:
            warnings.warn("The `nb_words` argument in `Tokenizer` has been renamed `num_words`.", stacklevel=2)
            num_words = kwargs.pop("nb_words")
        if kwargs:
            raise TypeError(f"Tokenizer: unknown arguments {sorted(kwargs)}")
        self.word_counts: OrderedDict[str, int] = OrderedDict()
        self.word_docs: defaultdict[str, int] = defaultdict(int)
        self.filters = filters
        self.split = split
        self.lower = lower
        self.num_words = num_words
        self.document_count = document_count
        self.char_level = char_level
        self.oov_token = oov_token
        self.index_docs: defaultdict[int, int] = defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def fit_on_texts(self, texts):
        """Counts the words of the texts and numbers all words seen so far.

        Args:
            texts: list or generator of strings, or of lists of words.
        """
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        ranked = sorted(self.word_counts, key=self.word_counts.__getitem__, reverse=True)
        if self.oov_token is not None:
            ranked.insert(0, self.oov_token)
        self.word_index = {word: number for number, word in enumerate(ranked, start=1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences):
        """Counts, for 'tfidf', the sequences that have each number.

        Args:
            sequences: list of lists of numbers.
        """
        self.document_count += len(sequences)
        for sequence in sequences:
            for number in set(sequence):
                self.index_docs[number] += 1

    def texts_to_sequences(self, texts):
        """The list of `texts_to_sequences_generator`."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts):
        """The numbers of each text's words; words without one become the oov_token's or are left out."""
        oov = self.word_index.get(self.oov_token)
        for text in texts:
            numbers = (self._limited(self.word_index.get(word), oov) for word in self._words(text))
            yield [number for number in numbers if number is not None]

    def sequences_to_texts(self, sequences):
        """The list of `sequences_to_texts_generator`."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences):
        """The words of each list of numbers, with blanks between."""
        oov = self.word_index.get(self.oov_token)
        for sequence in sequences:
            known = (self._limited(number if number in self.index_word else None, oov) for number in sequence)
            yield " ".join(self.index_word[number] for number in known if number is not None)

    def texts_to_matrix(self, texts, mode="binary"):
        """`sequences_to_matrix` of the texts' numbers."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """An array (number of sequences, num_words), one column per number.

        Args:
            sequences: list of lists of numbers; those from num_words on are ignored.
            mode: 'binary' (1 where present), 'count', 'freq' (count / length),
                'tfidf' ((1 + log count) * log(1 + texts / (1 + texts that have it))).
        """
        if mode not in _MODES:
            raise ValueError(f"Tokenizer.sequences_to_matrix: mode must be one of {_MODES}, received {mode!r}")
        columns = self.num_words or (len(self.word_index) + 1 if self.word_index else 0)
        if not columns:
            raise ValueError("Tokenizer.sequences_to_matrix: give num_words, or fit on texts first")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Tokenizer.sequences_to_matrix: fit on texts or sequences before using mode 'tfidf'")
        matrix = np.zeros((len(sequences), columns))
        for row, sequence in enumerate(sequences):
            if not sequence:
                continue
            counts = Counter(number for number in sequence if number < columns)
            for number, count in counts.items():
                if number < 0:
                    raise ValueError(f"Tokenizer.sequences_to_matrix: sequence {row} has the negative number {number}")
                matrix[row, number] = self._entry(mode, number, count, len(sequence))
        return matrix

    def _entry(self, mode, number, count, length):
        if mode == "binary":
            return 1
        if mode == "count":
            return count
        if mode == "freq":
            return count / length
        return (1 + np.log(count)) * np.log(1 + self.document_count / (1 + self.index_docs.get(number, 0)))

    def _words(self, text):
        if not (self.char_level or isinstance(text, list)):
            return text_to_word_sequence(text, self.filters, self.lower, self.split)
        if not self.lower:
            return text
        return [word.lower() for word in text] if isinstance(text, list) else text.lower()

    def _limited(self, number, oov):
        if number is None or (self.num_words and number >= self.num_words):
            return oov
        return number

    def get_config(self):
        """The arguments and what was learned; the dicts as JSON texts."""
        config = {
            "num_words": self.num_words,
            "filters": self.filters,
            "lower": self.lower,
            "split": self.split,
            "char_level": self.char_level,
            "oov_token": self.oov_token,
            "document_count": self.document_count,
        }
        for name in _LEARNED:
            config[name] = json.dumps(getattr(self, name))
        return config

    def to_json(self, **kwargs):
        """A JSON text for `tokenizer_from_json`; `kwargs` go to json.dumps."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


_LEARNED = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")


def tokenizer_from_json(json_string):
    """The Tokenizer that `to_json` described."""
    try:
        config = _checked_config(_parsed(json_string, "json_string"))
        learned = {name: _learned(name, config.pop(name)) for name in _LEARNED}
        tokenizer = Tokenizer(**config)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"tokenizer_from_json: json_string must be what Tokenizer.to_json gave, received {json_string!r:.200} "
            f"({type(error).__name__}: {str(error)[:300]})"
        ) from error
    tokenizer.word_counts = OrderedDict(learned["word_counts"])
    tokenizer.word_docs = defaultdict(int, learned["word_docs"])
    tokenizer.index_docs = defaultdict(int, learned["index_docs"])
    tokenizer.index_word = learned["index_word"]
    tokenizer.word_index = learned["word_index"]
    return tokenizer


# argument -> the kinds that `to_json` writes
_KINDS: dict[str, tuple[type, ...]] = {
    "num_words": (int, type(None)),
    "filters": (str, list),
    "lower": (bool, int),
    "split": (str,),
    "char_level": (bool, int),
    "oov_token": (str, int, float, type(None)),
    "document_count": (int,),
}


def _parsed(text, name):
    return parse_json(text, name, max_text=1 << 29, max_items=10_000_000)  # vocabularies may be far larger than models


def _checked_config(described) -> dict:
    config = dict(described["config"])
    for name, kinds in _KINDS.items():
        if name in config and not isinstance(config[name], kinds):
            raise TypeError(f"{name} must be {' or '.join(k.__name__ for k in kinds)}; got {config[name]!r:.80}")
    if any(not isinstance(sign, str) or len(sign) != 1 for sign in config.get("filters", "")):
        raise ValueError("filters must be single characters")
    if (config.get("num_words") or 0) < 0 or config.get("document_count", 0) < 0:
        raise ValueError("num_words and document_count must not be negative")
    return config


def _learned(name, text) -> dict:
    """One of the dicts: words and numbers, some with the numbers, which JSON writes as texts, as keys."""
    found = _parsed(text, name)
    if not isinstance(found, dict):
        raise TypeError(f"{name} must hold a dict; got {type(found).__name__}")
    kinds = (str, int, float, bool) if name == "index_word" else (int,)
    if any(type(value) not in kinds for value in found.values()):
        raise TypeError(f"the values of {name} must be {' or '.join(k.__name__ for k in kinds)}")
    if not name.startswith("index_"):
        return found
    if any(len(key) > 20 for key in found):
        raise ValueError(f"the keys of {name} must be numbers")
    return {int(key): value for key, value in found.items()}

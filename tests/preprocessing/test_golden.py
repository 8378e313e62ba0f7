"""Sequences, text and images against the numbers of genuine Keras 2.2.4."""

import json
import random

import numpy as np
import pytest

from kjax.preprocessing import image, sequence, text
from kjax.utils import np_utils
from tests import golden

CASES = golden.cases("preprocessing")


def of(*names):
    return [case for case in CASES if case["fn"] in names]


def argument(case, value):
    """{'$a': name} is an array of the case, {'$fn': name} a function."""
    if isinstance(value, dict) and "$a" in value:
        return case.arrays[value["$a"]]
    if isinstance(value, dict) and "$fn" in value:
        return {"invert_image": lambda x: 255.0 - x}[value["$fn"]]
    return value


def call(case, function):
    random.seed(case.get("seed", 0))
    np.random.seed(case.get("seed", 0))
    arguments = [argument(case, value) for value in case.get("args", [])]
    return function(*arguments, **{k: argument(case, v) for k, v in case.get("kwargs", {}).items()})


def plain(value):
    return json.loads(json.dumps(value, default=lambda x: x.item() if hasattr(x, "item") else x))


@pytest.mark.parametrize("case", of("pad_sequences", "make_sampling_table"), ids=golden.ids)
def test_sequence_arrays(case):
    case.check("y0", call(case, getattr(sequence, case["fn"])))


@pytest.mark.parametrize("case", of("skipgrams"), ids=golden.ids)
def test_skipgrams(case):
    kwargs = dict(case.get("kwargs", {}))
    random.seed(case.get("seed", 0))
    if "sampling_table" in case:
        kwargs["sampling_table"] = sequence.make_sampling_table(case["sampling_table"])
    pairs, labels = sequence.skipgrams(*case["args"], **kwargs)
    assert plain(pairs) == case["facts"]["pairs"]
    assert plain(labels) == case["facts"]["labels"]


@pytest.mark.parametrize("case", of("TimeseriesGenerator"), ids=golden.ids)
def test_windows_of_time_series(case):
    generator = call(case, sequence.TimeseriesGenerator)
    assert len(generator) == case["facts"]["length"]
    for i in range(case["batches"]):
        for j, part in enumerate(generator[i]):
            case.check(f"batch{i}_{j}", part)


@pytest.mark.parametrize("case", of("text_to_word_sequence", "hashing_trick"), ids=golden.ids)
def test_words(case):
    assert call(case, getattr(text, case["fn"])) == case["facts"]["result"]


@pytest.mark.parametrize("case", of("Tokenizer"), ids=golden.ids)
def test_tokenizer(case):
    tokenizer = text.Tokenizer(**case.get("kwargs", {}))
    tokenizer.fit_on_texts(case["texts"])
    facts = case["facts"]
    for name in ("word_index", "word_counts", "word_docs", "index_docs", "document_count"):
        assert plain(getattr(tokenizer, name)) == facts[name], name
    sequences = tokenizer.texts_to_sequences(case["new_texts"])
    assert sequences == facts["sequences"]
    for mode in case["modes"]:
        case.check("matrix_" + mode, tokenizer.texts_to_matrix(case["new_texts"], mode=mode))
    if case.get("back"):
        assert tokenizer.sequences_to_texts(sequences) == facts["texts"]
    if case.get("sequences_matrix"):
        case.check("sequences_matrix", tokenizer.sequences_to_matrix(sequences, mode="count"))
    if case.get("fit_sequences"):
        other = text.Tokenizer(num_words=case["fit_sequences"])
        other.fit_on_sequences(sequences)
        case.check("refit_tfidf", other.sequences_to_matrix(sequences, mode="tfidf"))


@pytest.mark.parametrize("case", of("to_categorical", "normalize"), ids=golden.ids)
def test_labels_and_norms(case):
    case.check("y0", call(case, getattr(np_utils, case["fn"])))


IMAGE_FUNCTIONS = {case["fn"] for case in CASES if case["fn"].startswith(("apply_", "random_"))}


@pytest.mark.parametrize("case", of(*IMAGE_FUNCTIONS), ids=golden.ids)
def test_image_functions(case):
    case.check("y0", call(case, getattr(image, case["fn"])))


@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")
@pytest.mark.parametrize("case", of("ImageDataGenerator"), ids=golden.ids)
def test_image_data_generator(case):
    generator = call(case, image.ImageDataGenerator)
    x = case.arrays["x0"]
    for i, step in enumerate(case["do"]):
        np.random.seed(1000 + i)
        name, arguments = step["as"], step.get("args", {})
        picture = x[step["image"]].copy() if "image" in step else None
        if step["call"] == "get_random_transform":
            assert golden.same_config(
                case["facts"][name], plain(generator.get_random_transform(x[0].shape, **arguments))
            )
        elif step["call"] == "fit":
            generator.fit(x, **arguments)
            learned = [v for v in (generator.mean, generator.std, generator.principal_components) if v is not None]
            for j, value in enumerate(learned):
                case.check(f"{name}{j}", value)
        elif step["call"] == "flow":
            batches = generator.flow(x, case.arrays.get("y"), **arguments)
            got = [batch if isinstance(batch, tuple) else (batch,) for batch in (next(batches) for _ in range(3))]
            for j, part in enumerate(part for batch in got for part in batch):
                case.check(f"{name}{j}", part)
        elif step["call"] == "apply_transform":
            case.check(name, generator.apply_transform(picture, step["parameters"]))
        else:
            case.check(name, getattr(generator, step["call"])(picture, **arguments))

"""The conversion of Keras 1 calls, against what genuine Keras 2.2.4 made of 290 calls."""

import inspect
import json
import warnings
from pathlib import Path

import pytest

from kjax.compat import interfaces
from kjax.keras1.rules import INTERFACES, LAYERS

FACTS = json.loads((Path(__file__).parents[1] / "data" / "keras1_calls.json").read_text())


class Generator:
    """Stands for a data generator with the attributes it is given."""

    def __init__(self, attributes):
        self.__dict__.update(attributes)
        self.attributes = attributes

    def __eq__(self, other):
        return self.attributes == other.attributes


def decoded(x):
    if isinstance(x, dict) and list(x) == ["tuple"]:
        return tuple(map(decoded, x["tuple"]))
    if isinstance(x, dict) and list(x) == ["generator"]:
        return Generator(x["generator"])
    if isinstance(x, dict):
        return {k: decoded(v) for k, v in x.items()}
    return [decoded(v) for v in x] if isinstance(x, list) else x


def replayed(interface, args, kwargs):
    """What the decorated function gets, or the error's name; and how many warnings there were."""
    got = {}

    class Subject:
        def __init__(self, *args, **kwargs):
            got.update(args=list(args), kwargs=kwargs)

    Subject.__init__ = getattr(interfaces, interface)(Subject.__init__)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            Subject(*args, **kwargs)
        except (TypeError, ValueError) as err:
            return type(err).__name__, len(caught)
    assert all(w.category is UserWarning and w.filename == __file__ for w in caught)
    return got, len(caught)


@pytest.mark.parametrize("example", FACTS["examples"], ids=lambda e: e["interface"][7:-8])
def test_example(example):
    args = [decoded(x) for x in example["args"]]
    kwargs = {k: decoded(v) for k, v in example["kwargs"].items()}
    result, count = replayed(example["interface"], args, kwargs)
    if "error" in example:
        assert result == example["error"]
    else:
        want = example["result"]
        assert result["args"] == [decoded(x) for x in want["args"]]
        assert result["kwargs"] == {k: decoded(v) for k, v in want["kwargs"].items()}
    assert count == example["warnings"]


@pytest.mark.parametrize("name", FACTS["interfaces"])
def test_interface_row_agrees_with_the_genuine_table(name):
    want = FACTS["interfaces"][name]
    row = INTERFACES[name.removeprefix("legacy_").removesuffix("_support")]
    assert row.positional == (None if want["positional"] is None else tuple(want["positional"]))
    assert row.renamed == want["renamed"]
    assert row.values == want["values"]
    assert inspect.signature(getattr(interfaces, name)).parameters.keys() == {"func"}


@pytest.mark.parametrize("name", FACTS["layers"])
def test_layer_row_agrees_with_the_genuine_table(name):
    want = FACTS["layers"][name]
    if want["class"].startswith("Atrous"):
        pytest.skip("a function that forwards to another layer")
    row = LAYERS[want["class"]]
    assert f"legacy_{row.interface}_support" == want["interface"]
    order = row.order.replace("|", "").split()
    assert order == want["order"][: len(order)]


def test_every_converted_class_has_a_row():
    used = {path.rpartition(".")[2] for facts in FACTS["interfaces"].values() for path in facts["used_by"]}
    methods = {
        "fit_generator",
        "evaluate_generator",
        "predict_generator",
        "Network",
        "Model",
        "add_weight",
        "get_updates",
    }
    assert used - methods == set(LAYERS)


def test_warning_shows_the_keras_2_call():
    class Dense:
        @interfaces.legacy_dense_support
        def __init__(self, units, activation=None, kernel_initializer=None):
            pass

    with pytest.warns(UserWarning) as caught:
        Dense(output_dim=3, init="uniform", activation="relu")
    text = (
        "Update your `Dense` call to the Keras 2 API: `Dense(activation='relu', units=3, kernel_initializer='uniform')`"
    )
    assert str(caught[0].message) == text


@pytest.mark.parametrize(
    "interface, args, kwargs, text",
    [
        ("dense", (1, 2), {}, r"takes only units by position, got 2 positional arguments: Subject\(1, 2\)"),
        ("batchnorm", (0.1,), {}, r"takes no positional arguments, got 1"),
        ("dense", (), {"units": 1, "output_dim": 2}, "units was given twice"),
        ("conv2d", (8, 3, 5), {"padding": "same"}, r"write kernel_size=\(3, 5\)"),
        ("batchnorm", (), {"mode": 2}, "mode must be 0, the only mode of Keras 2; got 2"),
        ("get_updates", (1, 2, 3, 4), {}, "takes loss, params; got 4"),
        ("add_weight", ((2, 3), "w", "float32"), {}, "takes only name, shape by position"),
    ],
)
def test_error_text(interface, args, kwargs, text):
    class Subject:
        @getattr(interfaces, f"legacy_{interface}_support")
        def __init__(self, *args, **kwargs):
            pass

    with pytest.raises((TypeError, ValueError), match=text):
        Subject(*args, **kwargs)


def test_signature_and_docstring_are_those_of_the_function():
    def __init__(self, units, use_bias=True):
        """Doc."""

    wrapped = interfaces.legacy_dense_support(__init__)
    assert list(inspect.signature(wrapped).parameters) == ["self", "units", "use_bias"]
    assert wrapped.__doc__ == "Doc." and wrapped.__name__ == "__init__"


def test_own_interface():
    def shorten(args, kwargs):
        return args[:2], {k: v for k, v in kwargs.items() if k != "junk"}, [("junk", None)]

    @interfaces.generate_legacy_interface(
        ["size"], [("length", "size")], shorten, {"length": {"long": 10}}, object_type="class"
    )
    def build(self, size):
        return size

    class Thing:
        __init__ = None
        make = build

    with pytest.warns(UserWarning, match="Update your `Thing` call"):
        assert Thing.make(object.__new__(Thing), length="long", junk=1) == 10
    method = interfaces.generate_legacy_method_interface(["a"], [("b", "a")])(lambda self, a: a)
    with pytest.warns(UserWarning, match="Update your `<lambda>` call"):
        assert method(None, b=3) == 3
    with pytest.raises(ValueError, match="object_type must be class, method or function; got 'x'"):
        interfaces.generate_legacy_interface(object_type="x")
    with pytest.raises(TypeError, match="a was given twice: as a and by its Keras 1 name b"):
        interfaces.raise_duplicate_arg_error("b", "a")

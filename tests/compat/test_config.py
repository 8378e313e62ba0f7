"""`keras.json` and the settings: what is honoured, what is reported, and that nothing of it is fatal."""

import importlib.util
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

SOURCE = Path(__file__).parents[2] / "kjax" / "backend" / "config.py"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


def fresh():
    """A private copy of the module: it reads keras.json as at start-up and leaves the real settings alone."""
    spec = importlib.util.spec_from_file_location("config_under_test", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written(home, content):
    home.mkdir(exist_ok=True)
    (home / "keras.json").write_text(content if isinstance(content, str) else json.dumps(content))


def test_missing_file_is_created_with_the_defaults(home):
    config = fresh()
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == ("float32", 1e-7, "channels_last")
    assert json.loads((home / "keras.json").read_text()) == {
        "floatx": "float32",
        "epsilon": 1e-07,
        "image_data_format": "channels_last",
        "backend": "tensorflow",
    }
    assert [p.name for p in home.iterdir()] == ["keras.json"]


def test_home_folder_is_the_default_place(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    fresh()
    assert (tmp_path / ".keras" / "keras.json").exists()


def test_keys_are_honoured_and_the_backend_key_is_not(home):
    written(home, {"floatx": "float16", "epsilon": 1e-5, "image_data_format": "channels_first", "backend": "theano"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = fresh()
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == ("float16", 1e-5, "channels_first")
    assert config.backend() == "tensorflow"
    assert config.image_dim_ordering() == "th"


@pytest.mark.parametrize("ordering, expected", [("th", "channels_first"), ("tf", "channels_last")])
def test_keras_1_file(home, ordering, expected):
    written(home, {"image_dim_ordering": ordering, "epsilon": 1e-07, "floatx": "float32", "backend": "theano"})
    assert fresh().image_data_format() == expected


def test_the_newer_key_wins_over_the_older(home):
    written(home, {"image_dim_ordering": "th", "image_data_format": "channels_last"})
    assert fresh().image_data_format() == "channels_last"


@pytest.mark.parametrize(
    "content, text",
    [
        ('{"floatx": ', "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("", "is not valid JSON"),
        ("[1]", "must hold one JSON object, got list"),
        ('{"floatx": "float8"}', "floatx must be one of .* got 'float8'"),
        ('{"epsilon": "small"}', "epsilon must be a finite number >= 0, got 'small'"),
        ('{"epsilon": -1}', "epsilon must be a finite number >= 0, got -1"),
        ('{"epsilon": true}', "epsilon must be a finite number >= 0, got True"),
        ('{"image_data_format": ["x"]}', r"image_data_format must be one of .* got \['x'\]"),
        ('{"image_dim_ordering": ["x"]}', r"image_dim_ordering must be tf or th, got \['x'\]"),
    ],
)
def test_broken_file_is_one_warning_and_leaves_the_defaults(home, content, text):
    written(home, content)
    with pytest.warns(UserWarning, match=text) as record:
        config = fresh()
    assert len(record) == 1
    assert "\n" not in str(record[0].message)
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == ("float32", 1e-7, "channels_last")


def test_good_keys_of_a_partly_bad_file_are_used(home):
    written(home, {"floatx": "float8", "epsilon": 1e-3})
    with pytest.warns(UserWarning, match="floatx"):
        assert fresh().epsilon() == 1e-3


def test_file_that_is_not_text(home):
    home.mkdir()
    (home / "keras.json").write_bytes(b"\xff\xfe\x00")
    with pytest.warns(UserWarning, match="cannot be read"):
        fresh()


def test_folder_in_the_place_of_the_file(home):
    (home / "keras.json").mkdir(parents=True)
    with pytest.warns(UserWarning, match="cannot be read"):
        fresh()


def test_unwritable_place_is_one_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file" / "below"))
    with pytest.warns(UserWarning, match="cannot be (read|written)") as record:
        fresh()
    assert len(record) == 1


def test_the_warning_is_shown_as_one_line(home):
    written(home, "{")
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        fresh()
    w = record[0]
    assert warnings.formatwarning(w.message, w.category, w.filename, w.lineno).count("\n") == 1


def test_setters(home):
    config = fresh()
    config.set_floatx("bfloat16")
    assert config.cast_to_floatx([1.5]).dtype.name == "bfloat16"
    config.set_floatx("float16")
    assert config.cast_to_floatx(np.ones(2)).dtype == np.float16
    config.set_epsilon(np.float32(0.5))
    assert config.epsilon() == 0.5 and type(config.epsilon()) is float
    config.set_image_dim_ordering("th")
    assert config.image_data_format() == "channels_first"
    config.set_image_data_format("channels_last")
    assert config.image_dim_ordering() == "tf"
    assert config.normalize_data_format(None) == "channels_last"
    assert config.normalize_data_format("Channels_First") == "channels_first"


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda c: c.set_floatx("int8"), "floatx must be one of float16, bfloat16, float32, float64; got 'int8'"),
        (lambda c: c.set_floatx(None), "floatx must be one of"),
        (lambda c: c.set_epsilon(-1), "e must be a finite number >= 0; got -1"),
        (lambda c: c.set_epsilon("1"), "e must be a finite number >= 0"),
        (lambda c: c.set_image_data_format("th"), "channels_last or channels_first; got 'th'"),
        (lambda c: c.set_image_dim_ordering("channels_last"), "must be tf or th; got 'channels_last'"),
        (lambda c: c.normalize_data_format("tf"), "channels_first, channels_last or None; got 'tf'"),
        (lambda c: c.normalize_data_format(3), "got 3"),
    ],
)
def test_refused_values(home, call, text):
    with pytest.raises(ValueError, match=text):
        call(fresh())


def test_reading_a_given_file(home, tmp_path):
    config = fresh()
    other = tmp_path / "other.json"
    other.write_text('{"epsilon": 0.25}')
    config.load_config(other)
    assert config.epsilon() == 0.25
    assert "tensorflow" not in sys.modules

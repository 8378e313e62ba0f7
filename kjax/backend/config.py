"""Settings shared by every room: `floatx`, `epsilon`, `image_data_format`, and the `keras.json` that sets them."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import jax
import ml_dtypes  # noqa: F401  (importing it teaches NumPy the name 'bfloat16')
import numpy as np

__all__ = [
    "backend",
    "cast_to_floatx",
    "config_path",
    "dtype_name",
    "epsilon",
    "floatx",
    "image_data_format",
    "image_dim_ordering",
    "keras1_dim_ordering",
    "load_config",
    "normalize_data_format",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_image_dim_ordering",
]

FLOATX = ("float16", "bfloat16", "float32", "float64")
FORMATS = ("channels_last", "channels_first")
# Keras 1 named the image layout after the backend that preferred it
ORDERING_TO_FORMAT = {"tf": "channels_last", "th": "channels_first"}
FORMAT_TO_ORDERING = {fmt: ordering for ordering, fmt in ORDERING_TO_FORMAT.items()}

_settings: dict[str, Any] = {"floatx": "float32", "epsilon": 1e-07, "image_data_format": "channels_last"}
# whether the image layout was last set in Keras 1's words
_words = {"keras1": False}


def backend() -> str:
    """The name that scripts branch on: always `'tensorflow'`.

    Differs: the numerics are JAX's. Scripts written for Keras 2 ask this only to choose between `'theano'` and
    `'tensorflow'` layouts, and kjax has the latter's.
    """
    return "tensorflow"


def floatx() -> str:
    """The default float type, `'float32'` unless set."""
    return _settings["floatx"]


def set_floatx(floatx: str) -> None:
    """Set the default float type.

    Args:
        floatx: 'float16', 'bfloat16', 'float32' or 'float64'.
    Differs: 'bfloat16' is accepted; 'float64' switches JAX's 64-bit mode on.
    """
    if floatx not in FLOATX:
        raise ValueError(f"set_floatx: floatx must be one of {', '.join(FLOATX)}; got {floatx!r}.")
    if floatx == "float64":
        jax.config.update("jax_enable_x64", True)
    _settings["floatx"] = str(floatx)


def epsilon() -> float:
    """The fuzz factor of losses and normalisations, 1e-7 unless set."""
    return _settings["epsilon"]


def set_epsilon(e: float) -> None:
    """Set the fuzz factor.

    Args:
        e: a number >= 0.
    """
    _settings["epsilon"] = _as_epsilon(e, "set_epsilon: e")


def image_data_format() -> str:
    """The default image layout, `'channels_last'` unless set."""
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the default image layout.

    Args:
        data_format: 'channels_last' or 'channels_first'.
    """
    if data_format not in FORMATS:
        raise ValueError(
            f"set_image_data_format: data_format must be channels_last or channels_first; got {data_format!r}."
        )
    _settings["image_data_format"] = str(data_format)
    _words["keras1"] = False


def image_dim_ordering() -> str:
    """Keras 1's word for `image_data_format()`: `'tf'` (channels last) or `'th'` (channels first)."""
    return FORMAT_TO_ORDERING[image_data_format()]


def keras1_dim_ordering() -> str | None:
    """`image_dim_ordering()` if that is what set the layout, or a `keras.json` of Keras 1; else None."""
    return image_dim_ordering() if _words["keras1"] else None


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Keras 1's word for `set_image_data_format()`.

    Args:
        dim_ordering: 'tf' (channels last) or 'th' (channels first).
    """
    if dim_ordering not in ORDERING_TO_FORMAT:
        raise ValueError(f"set_image_dim_ordering: dim_ordering must be tf or th; got {dim_ordering!r}.")
    set_image_data_format(ORDERING_TO_FORMAT[dim_ordering])
    _words["keras1"] = True


def dtype_name(dtype, what: str) -> str:
    """The name of the type that JAX computes in for `dtype`: 64-bit types are 32-bit ones unless floatx is 'float64'.

    Args:
        dtype: the name of a type of numbers, such a type, or None for `floatx()`.
        what: whose argument it is, for the error.

    Raises:
        TypeError: when it names no type of numbers.
    """
    try:
        found = np.dtype(floatx() if dtype is None else dtype)
    except TypeError:
        found = None
    if found is None or not (found.kind in "biufc" or found.name.startswith(("bfloat", "float", "int", "uint"))):
        raise TypeError(f"{what}: dtype must name a type of numbers, as 'float32' or 'int32' do; got {dtype!r}.")
    return str(jax.dtypes.canonicalize_dtype(found))


def cast_to_floatx(x) -> np.ndarray:
    """`x` as a NumPy array of type `floatx()`."""
    return np.asarray(x, dtype=floatx())


def normalize_data_format(value: str | None) -> str:
    """`value` in lower case, or the default layout for None; ValueError for anything but the two layouts."""
    if value is None:
        return image_data_format()
    data_format = value.lower() if isinstance(value, str) else value
    if data_format not in FORMATS:
        raise ValueError(f"data_format must be channels_first, channels_last or None; got {value!r}.")
    return data_format


def config_path() -> Path:
    """Where `keras.json` is looked for: `$KERAS_HOME`, else `~/.keras`."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path(os.path.expanduser("~")) / ".keras") / "keras.json"


def load_config(path: str | os.PathLike | None = None) -> None:
    """Take the settings from `keras.json`; write one with the settings in force if there is none.

    Keys: floatx, epsilon, image_data_format, Keras 1's image_dim_ordering ('tf', 'th'); backend and unknown keys are
    ignored. What cannot be read, used or written is reported in one warning and leaves the settings as they are.
    """
    target = Path(path) if path is not None else config_path()
    try:
        text = target.read_text(encoding="utf-8")
    except FileNotFoundError:
        _create(target)
        return
    except (OSError, UnicodeDecodeError) as err:
        _report(target, f"cannot be read ({err}); using the settings {_settings}")
        return
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as err:
        _report(target, f"is not valid JSON ({err}); using the settings {_settings}")
        return
    if not isinstance(content, dict):
        _report(target, f"must hold one JSON object, got {type(content).__name__}; using the settings {_settings}")
        return
    problems = _apply(content)
    if problems:
        _report(target, f"ignored: {'; '.join(problems)}")


def _as_epsilon(value: Any, where: str) -> float:
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not 0 <= value < float("inf"):
        raise ValueError(f"{where} must be a finite number >= 0; got {value!r}.")
    return float(value)


def _apply(content: dict[str, Any]) -> list[str]:
    """Use what is valid in `content`; return one phrase for each value that is not."""
    problems = []
    if "floatx" in content:
        if content["floatx"] in FLOATX:
            set_floatx(content["floatx"])
        else:
            problems.append(f"floatx must be one of {', '.join(FLOATX)}, got {content['floatx']!r}")
    if "epsilon" in content:
        try:
            set_epsilon(content["epsilon"])
        except ValueError:
            problems.append(f"epsilon must be a finite number >= 0, got {content['epsilon']!r}")
    # a file that Keras 1 wrote and Keras 2 went on with may hold both: the newer key is the one in use
    if "image_data_format" in content:
        if content["image_data_format"] in FORMATS:
            set_image_data_format(content["image_data_format"])
        else:
            problems.append(
                f"image_data_format must be one of {', '.join(FORMATS)}, got {content['image_data_format']!r}"
            )
    elif "image_dim_ordering" in content:
        ordering = content["image_dim_ordering"]
        if isinstance(ordering, str) and ordering in ORDERING_TO_FORMAT:
            set_image_dim_ordering(ordering)
        else:
            problems.append(f"image_dim_ordering must be tf or th, got {ordering!r}")
    return problems


def _create(target: Path) -> None:
    """Write the settings in force, whole or not at all: another process may be reading at the same time."""
    content = json.dumps({**_settings, "backend": backend()}, indent=4)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(content, encoding="utf-8")
        os.replace(temporary, target)
    except OSError as err:
        temporary.unlink(missing_ok=True)
        _report(target, f"cannot be written ({err}); using the settings {_settings}")


def _report(target: Path, what: str) -> None:
    # as a line of the file itself, not of this module: nothing but the one line is shown
    warnings.warn_explicit(f"{target} {what}", UserWarning, filename="kjax", lineno=0)


load_config()

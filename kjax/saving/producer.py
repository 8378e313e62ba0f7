"""Which program wrote a file."""

from __future__ import annotations

import re
from typing import NamedTuple

from kjax.saving.errors import CorruptFileError

__all__ = ["KERAS_VERSION", "TODAY", "Producer", "parse_producer", "producer_of"]

KERAS_VERSION = "2.2.4"  # of the files that are written

BACKENDS = ("tensorflow", "theano", "cntk", "jax")


class Producer(NamedTuple):
    """A Keras version and its backend.

    Attributes:
        version: (major, minor, patch); (0,) when unknown.
        tf: whether it is TensorFlow's own Keras.
        backend: 'tensorflow', 'theano', 'cntk', 'jax' or None.
    """

    version: tuple
    tf: bool
    backend: str | None

    @property
    def generation(self) -> str:
        """'keras1', 'keras2' (standalone 2.0 to 2.3) or 'tf' (tf.keras, Keras 2.4 to 2.15)."""
        if self.version < (2,):
            return "keras1"
        return "tf" if self.tf else "keras2"

    def __str__(self):
        name = "tf.keras" if self.tf else "Keras"
        return f"{name} {'.'.join(map(str, self.version))}, backend {self.backend or 'unknown'}"


TODAY = Producer((2, 2, 4), False, "tensorflow")

# Keras 1 joined a layer's name and its array's by '_', later versions by '/'
_KERAS1_NAME = re.compile(r"_(W|b|U|gamma|beta|running_mean|running_std)$")
_KERAS1_GATE = re.compile(r"\w+?_[WUb]_")  # of a name read backwards, so that one pass finds it


def parse_producer(text, backend=None, where="producer"):
    """Producer of a version text like '1.2.2', '2.2.4-tf' or '1.0.8-theano'.

    Raises:
        CorruptFileError: when it is no version.
    """
    match = re.fullmatch(r"(\d{1,3})((?:\.\d{1,5}){0,3})((?:[-.+]?[A-Za-z][\w.+-]*)?)", text.strip()[:80])
    if match is None:
        raise CorruptFileError(where, f"{text[:80]!r} is no version of Keras; e.g. '1.2.2-theano' was required.")
    version = (int(match[1]), *[int(n) for n in match[2].split(".") if n])
    tail = match[3].lstrip("-.+").lower()
    if tail in BACKENDS:
        backend = tail
    return Producer(version, tail.startswith("tf") or (2, 4) <= version < (3,), backend)


def _is_keras1(name) -> bool:
    stem = name.removesuffix(":0")
    return bool(_KERAS1_NAME.search(stem) or _KERAS1_GATE.match(stem[::-1]))


def producer_of(*gates, names=()):
    """The producer that a file names.

    Args:
        gates: groups whose attributes `keras_version` and `backend` tell, the first that has them.
        names: of weights: TensorFlow's end in ':0', Theano's do not; for files that do not name their backend.

    Returns:
        Producer, or None when the file names no version and the weights' names do not tell.
    """
    version = next((v for g in gates if (v := g.text("keras_version")) is not None), None)
    backend = next((v for g in gates if (v := g.text("backend")) is not None), None)
    if backend is not None and backend not in BACKENDS:
        raise CorruptFileError(gates[0].where + "@backend", f"{backend[:80]!r} is no backend of Keras.")
    if backend is None and names:
        backend = "tensorflow" if all(n.endswith(":0") for n in names) else "theano"
    if version is not None:
        return parse_producer(version, backend, gates[0].where + "@keras_version")
    if not any("/" in n for n in names) and any(map(_is_keras1, names)):
        return Producer((1,), False, backend)
    return None

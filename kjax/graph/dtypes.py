"""The type of a tensor's elements: a name that also answers to TensorFlow 1's spellings."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

__all__ = ["DType", "as_dtype"]


class DType(str):
    """The name of a type ('float32'), equal to that string, to NumPy's type and to TensorFlow's words for it."""

    __slots__ = ()

    def __eq__(self, other):
        if isinstance(other, str):
            return str.__eq__(self, other)
        try:
            return str.__eq__(self, as_dtype(other))
        except TypeError:
            return False

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__

    def __repr__(self):
        return f"tf.{str(self)}"

    def __reduce__(self):
        return DType, (str(self),)

    @property
    def name(self) -> str:
        return str(self)

    @property
    def base_dtype(self) -> DType:
        return self

    real_dtype = base_dtype

    @property
    def as_numpy_dtype(self) -> type:
        """NumPy's scalar type."""
        return object if self == "string" else np.dtype(str(self)).type

    @property
    def _kind(self) -> str:
        return "O" if self == "string" else "f" if self == "bfloat16" else np.dtype(str(self)).kind

    @property
    def is_floating(self) -> bool:
        return self._kind == "f"

    @property
    def is_integer(self) -> bool:
        return self._kind in "iu"

    @property
    def is_unsigned(self) -> bool:
        return self._kind == "u"

    @property
    def is_complex(self) -> bool:
        return self._kind == "c"

    @property
    def is_bool(self) -> bool:
        return self._kind == "b"

    @property
    def is_numpy_compatible(self) -> bool:
        return True

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return np.dtype(str(self)).itemsize

    @property
    def _limits(self) -> Any:
        return ml_dtypes.finfo(str(self)) if self.is_floating else np.iinfo(str(self))

    @property
    def min(self):
        return False if self.is_bool else self._limits.min

    @property
    def max(self):
        return True if self.is_bool else self._limits.max

    @property
    def limits(self) -> tuple:
        return self.min, self.max

    def is_compatible_with(self, other) -> bool:
        return self == other


_WORDS = {"float": "float32", "double": "float64", "half": "float16", "str": "string"}


def as_dtype(type_value) -> DType:
    """The DType that a name ('float32', 'float', 'float32_ref'), a NumPy type or a DType stands for.

    Raises:
        TypeError: when it names no type.
    """
    if isinstance(type_value, DType):
        return type_value
    if isinstance(type_value, str):
        word = type_value.removesuffix("_ref")
        type_value = _WORDS.get(word, word)
        if type_value == "string":
            return DType("string")
    elif type_value is str or type_value is bytes:
        return DType("string")
    elif type_value is float:
        return DType("float32")
    elif type_value is int:
        return DType("int32")
    elif type_value is None:
        raise TypeError("dtype must name a type of elements, as 'float32' or 'int32' do; got None.")
    try:
        return DType(np.dtype(type_value).name)
    except TypeError:
        raise TypeError(
            f"dtype must name a type of elements, as 'float32' or 'int32' do; got {type_value!r}."
        ) from None

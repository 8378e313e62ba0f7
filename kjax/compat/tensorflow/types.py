"""Types and shapes as TensorFlow has them."""

from __future__ import annotations

from kjax.graph import KerasTensor
from kjax.graph.dtypes import DType, as_dtype
from kjax.graph.shape import StaticShape, make_dimension

__all__ = ["DType", "Tensor", "TensorShape", "as_dtype"]

TensorShape = StaticShape
Tensor = KerasTensor
bfloat16, float16, half = DType("bfloat16"), DType("float16"), DType("float16")
float32, float64, double = DType("float32"), DType("float64"), DType("float64")
int8, int16, int32, int64 = DType("int8"), DType("int16"), DType("int32"), DType("int64")
uint8, uint16, uint32, uint64 = DType("uint8"), DType("uint16"), DType("uint32"), DType("uint64")
bool, complex64, complex128, string = DType("bool"), DType("complex64"), DType("complex128"), DType("string")


class _MakesDimensions(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, (type(make_dimension(0)), type(make_dimension(None))))


class Dimension(metaclass=_MakesDimensions):
    """Dimension(3), or Dimension(None) where the size is unknown: something with a `value`."""

    def __new__(cls, value):
        return make_dimension(getattr(value, "value", value))


def dimension_value(dimension):
    """The int or None of a Dimension, an int or None."""
    return getattr(dimension, "value", dimension)


def dimension_at_index(shape, index):
    """The Dimension at a place of a shape."""
    return StaticShape(shape)[index]


def as_shape(shape):
    """A TensorShape."""
    return StaticShape(shape)


def executing_eagerly() -> object:
    """False: tensors are computed when a model, function or session runs."""
    return False


def as_bytes(bytes_or_text, encoding="utf-8") -> bytes:
    """Text as bytes."""
    return bytes_or_text.encode(encoding) if isinstance(bytes_or_text, str) else bytes_or_text


def as_text(bytes_or_text, encoding="utf-8") -> str:
    """Bytes as text."""
    return bytes_or_text.decode(encoding) if isinstance(bytes_or_text, (bytes, bytearray)) else bytes_or_text


as_str = as_text

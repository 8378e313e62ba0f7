"""Static shapes: tuples that also answer to TensorFlow 1's spellings."""

from __future__ import annotations

import operator

__all__ = ["UNKNOWN", "Dimension", "StaticShape", "TensorShape", "make_dimension"]


class Dimension(int):
    """A known size: an int that has a `value`."""

    __slots__ = ()

    @property
    def value(self) -> int:
        return int(self)

    def __repr__(self):
        return f"Dimension({int(self)})"

    __str__ = int.__repr__

    def __reduce__(self):
        return Dimension, (int(self),)

    def is_compatible_with(self, other) -> bool:
        other = make_dimension(other)
        return other is UNKNOWN or int(self) == other

    assert_is_compatible_with = is_compatible_with

    def merge_with(self, other):
        return self


class _Unknown:
    """A size that is not known: it has a `value` of None, and so has what is computed from it."""

    __slots__ = ()
    value = None

    def __repr__(self):
        return "Dimension(None)"

    def __str__(self):
        return "?"

    def __eq__(self, other):
        return None

    def __ne__(self, other):
        return None

    def __hash__(self):
        return hash(None)

    def __reduce__(self):
        return "UNKNOWN"

    def __int__(self):
        raise TypeError("the size is unknown when the graph is built; take it from K.shape(x) or tf.shape(x).")

    __index__ = __int__

    def is_compatible_with(self, other) -> bool:
        return True

    def merge_with(self, other):
        return make_dimension(other)


UNKNOWN = _Unknown()


def make_dimension(value) -> Dimension | _Unknown:
    """The Dimension of an int or None."""
    return UNKNOWN if value is None or value is UNKNOWN else Dimension(value)


def _arithmetic(name):
    plain = getattr(int, f"__{name}__")

    def method(self, other):
        if other is None or other is UNKNOWN:
            return UNKNOWN
        result = plain(self, other)
        return result if result is NotImplemented else Dimension(result)

    return method


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    for _side in (_name, "r" + _name):
        setattr(Dimension, f"__{_side}__", _arithmetic(_side))
        setattr(_Unknown, f"__{_side}__", lambda self, other: UNKNOWN)
Dimension.__div__ = Dimension.__floordiv__  # type: ignore[attr-defined]


class TensorShape(tuple):
    """A static shape: sizes, None where one is unknown."""

    __slots__ = ()

    def __getitem__(self, key):
        if isinstance(key, slice):
            return type(self)(tuple.__getitem__(self, key))
        size = tuple.__getitem__(self, key)
        return None if size is None else Dimension(size)

    def as_list(self) -> list:
        return list(tuple.__iter__(self))

    @property
    def ndims(self) -> int:
        return len(self)

    rank = ndims

    @property
    def dims(self) -> list:
        return [make_dimension(d) for d in self.as_list()]

    def is_fully_defined(self) -> bool:
        return None not in self.as_list()

    def num_elements(self) -> int | None:
        """How many elements a tensor of the shape has; None where a size is unknown."""
        n = 1
        for d in self.as_list():
            if d is None:
                return None
            n *= d
        return n

    def with_rank(self, rank):
        """The shape itself, which must have `rank` axes."""
        if len(self) != rank:
            raise ValueError(f"the shape {tuple(self.as_list())} must have rank {rank}; it has {len(self)}.")
        return self

    assert_has_rank = with_rank

    def with_rank_at_least(self, rank):
        """The shape itself, which must have `rank` axes or more."""
        if len(self) < rank:
            raise ValueError(f"the shape {tuple(self.as_list())} must have at least rank {rank}; it has {len(self)}.")
        return self

    def is_compatible_with(self, other) -> bool:
        """Whether a tensor may have both shapes."""
        other = as_shape(other).as_list()
        return len(self) == len(other) and all(
            a is None or b is None or a == b for a, b in zip(self.as_list(), other, strict=True)
        )

    def assert_is_compatible_with(self, other) -> None:
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {tuple(self.as_list())} and {as_shape(other).as_list()} are not compatible.")

    def merge_with(self, other):
        """What is known of a shape that has this and the other form."""
        self.assert_is_compatible_with(other)
        sizes = zip(self.as_list(), as_shape(other).as_list(), strict=True)
        return type(self)(b if a is None else a for a, b in sizes)

    def concatenate(self, other):
        """The sizes of both, one after the other."""
        return type(self)([*self.as_list(), *as_shape(other).as_list()])


class StaticShape(TensorShape):
    """A shape whose sizes are Dimensions, as TensorFlow 1 has them: `tf.TensorShape`, `tensor.get_shape()`."""

    __slots__ = ()

    def __new__(cls, dims):
        if dims is None:
            raise ValueError("TensorShape: the number of axes must be known; got None.")
        dims = dims if isinstance(dims, (list, tuple)) else [dims]
        sizes = dims.as_list() if isinstance(dims, TensorShape) else dims
        return super().__new__(cls, (getattr(d, "value", d) if d is None else _size(d) for d in sizes))

    def __getitem__(self, key):
        found = super().__getitem__(key)
        return UNKNOWN if found is None else found

    def __iter__(self):
        return iter(self.dims)

    def __eq__(self, other):
        return self.as_list() == as_shape(other).as_list() if isinstance(other, (list, tuple)) else NotImplemented

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash(tuple(self.as_list()))

    def __add__(self, other):
        return self.concatenate(other)

    def __repr__(self):
        return f"TensorShape({self.dims})"

    def __str__(self):
        sizes = ["?" if d is None else str(d) for d in self.as_list()]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def __reduce__(self):
        return StaticShape, (self.as_list(),)


def _size(d):
    return None if d is UNKNOWN or d == -1 else operator.index(d)


def as_shape(shape) -> TensorShape:
    """A TensorShape of a tuple or list of sizes."""
    return shape if isinstance(shape, TensorShape) else StaticShape(shape)

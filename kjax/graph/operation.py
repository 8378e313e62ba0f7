"""Operation: a pure function on arrays that can be recorded, and everything that is known of it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypedDict

__all__ = ["Declared", "Facts", "Operation", "When"]


class When(enum.IntEnum):
    """In which phase a result depends on the surroundings: the phase itself, random keys, which rows are valid."""

    NEVER = 0
    TRAINING = 1
    ALWAYS = 2


class Facts(NamedTuple):
    """What is known of one application of an operation, or of several together.

    Attributes:
        draws: whether random numbers are drawn.
        phase: when the surroundings matter.
        slow_in_loops: whether XLA on a CPU runs it several times slower in the body of a compiled loop.
        precisions: the floating-point types that were asked for, where that is not the arguments' own.
        counted: whether the size of a result depends on data, so that it cannot be compiled.
    """

    draws: bool = False
    phase: When = When.NEVER
    slow_in_loops: bool = False
    precisions: frozenset[str] = frozenset()
    counted: bool = False

    @staticmethod
    def of_all(facts: Iterable[Facts]) -> Facts:
        """What is known of several applications together."""
        everything = [Facts(), *facts]
        return Facts(
            any(f.draws for f in everything),
            max(f.phase for f in everything),
            any(f.slow_in_loops for f in everything),
            frozenset().union(*(f.precisions for f in everything)),
            any(f.counted for f in everything),
        )


class Declared(TypedDict, total=False):
    """What an operation may be declared with; see `Operation`."""

    name: str | None
    context: bool
    static: bool
    always: bool
    rowwise: bool | Callable[..., bool]
    draws: bool | Callable[..., bool]
    phase: When | Callable[..., When] | None
    slow_in_loops: bool | Callable[..., bool]
    precision: Callable[..., str | None] | None
    padded: Callable[..., Any] | None
    counted: bool


class Operation:
    """A named pure function that can be recorded. Where a fact depends on the call, it is a function of its arguments.

    Args:
        fn: the function on arrays.
        context: whether `fn` takes the evaluation's Context as its first argument.
        static: whether the result is known from static shapes alone (`K.shape`).
        always: whether a call without symbolic arguments is recorded too (random numbers, the phase).
        rowwise: True, False, or f(tensors, args, kwargs) -> bool: whether row i of every output
            depends on row i of the inputs only (axis 0), so that rows may be padded.
        draws: whether random numbers are drawn: a bool, or f(args, kwargs) -> bool.
        phase: when the surroundings matter: a When, or f(args, kwargs) -> When; by default always where `fn` takes the
            Context, else never.
        slow_in_loops: whether XLA on a CPU runs it several times slower in the body of a compiled loop: a bool, or
            f(args, kwargs) -> bool.
        precision: None, or f(args, kwargs): the floating-point type that is asked for, or None.
        padded: None, or what is called instead of `fn` when arguments are `Padded`: it takes what `fn` takes, and gives
            Padded results where there is filling; see `kjax.graph.padded`.
        counted: whether the size of a result depends on data; see `kjax.graph.context.unknown_size`.

    The arguments that the functions get, but for `rowwise`, are those of the call with a `Leaf` for every tensor.
    """

    __slots__ = (
        "always", "context", "counted", "draws", "fn", "name", "padded", "phase", "precision", "rowwise",
        "slow_in_loops", "static",
    )  # fmt: skip

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        context: bool = False,
        static: bool = False,
        always: bool = False,
        rowwise: bool | Callable[..., bool] = False,
        draws: bool | Callable[..., bool] = False,
        phase: When | Callable[..., When] | None = None,
        slow_in_loops: bool | Callable[..., bool] = False,
        precision: Callable[..., str | None] | None = None,
        padded: Callable[..., Any] | None = None,
        counted: bool = False,
    ):
        self.fn = fn
        self.name = name or fn.__name__
        self.context = context
        self.static = static
        self.always = always
        self.rowwise = rowwise
        self.draws = draws
        self.phase = phase if phase is not None else When.ALWAYS if context else When.NEVER
        self.slow_in_loops = slow_in_loops
        self.precision = precision
        self.padded = padded
        self.counted = counted

    def facts(self, args: tuple, kwargs: dict) -> Facts:
        """What is known of the application to these arguments."""
        precision = None if self.precision is None else self.precision(args, kwargs)
        return Facts(
            self.draws(args, kwargs) if callable(self.draws) else self.draws,
            self.phase_of(args, kwargs),
            self.slow_in_loops(args, kwargs) if callable(self.slow_in_loops) else self.slow_in_loops,
            frozenset() if precision is None else frozenset((precision,)),
            self.counted,
        )

    def phase_of(self, args: tuple, kwargs: dict) -> When:
        return self.phase(args, kwargs) if callable(self.phase) else self.phase

    def run(self, context: Any, args: tuple, kwargs: dict) -> Any:
        """The function's result on arrays."""
        return self.fn(context, *args, **kwargs) if self.context else self.fn(*args, **kwargs)

    def run_padded(self, context: Any, args: tuple, kwargs: dict) -> Any:
        """The result of `padded`."""
        assert self.padded is not None
        return self.padded(context, *args, **kwargs) if self.context else self.padded(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Operation {self.name}>"

"""What an operation may know beyond its arguments: phase, random keys, valid rows."""

from __future__ import annotations

import threading

import jax
import jax.numpy as jnp

__all__ = ["Context", "Resolver", "current_resolver", "inferring", "is_inferring"]


class Context:
    """The surroundings of one evaluation of a program.

    Args:
        training: the phase, a Python bool (each phase is its own compiled program).
        key: PRNG key, or None where the program draws nothing.
        rows: None, or a float array (batch,) that is 0 for rows which only pad the batch.
        seeded: PRNG key that operations with a seed of their own draw from; None: from `key`.
    """

    __slots__ = ("key", "rows", "seeded", "training", "_draw", "_draws")

    def __init__(self, training: bool = False, key=None, rows=None, seeded=None):
        self.training = training
        self.key = key
        self.rows = rows
        self.seeded = seeded
        self._draw = 0
        self._draws = 0

    def at(self, draw: int) -> Context:
        """The same surroundings for the operation whose random stream is number `draw`."""
        self._draw = draw
        self._draws = 0
        return self

    def folded(self, step) -> Context:
        """For the body of a loop: the same surroundings, another stream for every `step`."""
        key = None if self.key is None else jax.random.fold_in(self.key, step)
        seeded = None if self.seeded is None else jax.random.fold_in(self.seeded, step)
        return Context(self.training, key, self.rows, seeded)

    def next_key(self, seed=None):
        """A fresh PRNG key; the same operation draws the same key wherever it is evaluated again.

        Args:
            seed: the operation's own integer seed: operations of the same seed draw the same key.
        """
        if seed is not None and self.seeded is not None:
            return jax.random.fold_in(self.seeded, seed)
        if self.key is None:
            raise RuntimeError("a random operation was evaluated without a random key")
        if seed is not None:
            return jax.random.fold_in(self.key, seed)
        key = jax.random.fold_in(self.key, self._draw)
        if self._draws:
            key = jax.random.fold_in(key, self._draws)
        self._draws += 1
        return key

    def rows_of(self, x):
        """`rows` for the entries along axis 0 of `x`: a row each, or several, as where steps of time are a batch."""
        if self.rows is None:
            return None
        each = x.shape[0] // self.rows.shape[0]
        return self.rows if each == 1 else jnp.repeat(self.rows, each)

    def row_weights(self, x):
        """`rows_of(x)` shaped to multiply `x`; ones where every row is valid."""
        if self.rows is None:
            return jnp.ones((x.shape[0],) + (1,) * (x.ndim - 1), x.dtype)
        return self.rows_of(x).astype(x.dtype).reshape((-1,) + (1,) * (x.ndim - 1))


class Resolver(threading.local):
    """Stack of functions that give the value of a Variable while opaque user code is traced."""

    def __init__(self):
        self.stack = []


_resolver = Resolver()


def current_resolver():
    """The innermost function Variable -> value, or None outside of a trace."""
    return _resolver.stack[-1] if _resolver.stack else None


class _Inference(threading.local):
    def __init__(self):
        self.on = False
        self.size = None


_inference = _Inference()


def is_inferring() -> bool:
    """Whether shapes are being found out with trial values for unknown sizes, which need not fit together."""
    return _inference.on


def unknown_size():
    """While shapes are being found out, the size that stands for one which depends on data; else None."""
    return _inference.size


class inferring:
    """Within this scope operations are evaluated to find out the shapes of their results.

    Args:
        unknown: whether a size among their arguments is unknown.
        size: stands for sizes that depend on data.
    """

    def __init__(self, unknown, size=None):
        self.found = unknown, size

    def __enter__(self):
        self._before = _inference.on, _inference.size
        _inference.on, _inference.size = self.found

    def __exit__(self, *exc):
        _inference.on, _inference.size = self._before


class resolving:
    """Within this scope a Variable stands for `resolve(variable)`."""

    def __init__(self, resolve):
        self.resolve = resolve

    def __enter__(self):
        _resolver.stack.append(self.resolve)

    def __exit__(self, *exc):
        _resolver.stack.pop()

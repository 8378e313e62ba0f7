"""Sizes: which sizes batches and sequences are brought to, so that data of any size need few programs."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from kjax.engine.feeds import Feed
from kjax.engine.step import padded_results
from kjax.graph import Context
from kjax.graph.padded import Lengths, SameLength, Unpaddable, length_of
from kjax.graph.random import key_of

__all__ = ["BatchSizes", "Sizes", "bucket"]

_EXACT = 2  # so many sizes have programs of their own: those of training and validation, say
_SMALLEST = 8


def bucket(size: int) -> int:
    """The power of two, from 8 on, that a size is filled up to."""
    return max(_SMALLEST, 1 << (int(size) - 1).bit_length())


class BatchSizes:
    """How many rows batches are filled up to, so that batches of any size need few programs.

    The first sizes are left as they are, further ones are filled up to powers of two.

    Args:
        exact: how many sizes are left as they are.
        fills: whether smaller batches are filled up to the first size: those of one source have one size but the last.

    Attributes:
        kept: the sizes left as they are, in the order they came.
    """

    def __init__(self, exact=_EXACT, fills=False):
        self.kept: list = []
        self._exact, self._fills = exact, fills

    def full(self, size, placement=None):
        """The number of rows to fill up to; None for a size that is left as it is."""
        if size not in self.kept and len(self.kept) < self._exact:
            self.kept.append(size)
        if size in self.kept:
            full = size if placement is None else placement.padded(size)
            return None if full == size else full
        full = self.kept[0] if self._fills and size < self.kept[0] else bucket(size)
        return full if placement is None else placement.padded(full)


class Plan(NamedTuple):
    """How sequences are filled up.

    Attributes:
        groups: for each input the number of its group of equal lengths, or None.
        outputs: {index of an output: {axis: Tag}}.
        keys: the lengths that occur, each of which must be at least 1.
    """

    groups: tuple
    outputs: dict
    keys: frozenset


class Sizes:
    """The sizes one executor has seen, and what it does about further ones.

    Args:
        inputs: its placeholders; axis 1 of those that leave it open is a sequence's.
        spec: of its step.
        variables: what the step's program takes.
        constants: likewise.

    Attributes:
        batches: BatchSizes of batches that are given one by one.
    """

    def __init__(self, inputs, spec, variables, constants):
        self._open = tuple(i for i, t in enumerate(inputs) if len(t.shape) > 1 and t.shape[1] is None)
        self._spec = spec
        self._variables = variables
        self._constants = constants
        self.batches = BatchSizes()
        self._seen_lengths: set = set()
        self._plans: dict = {}

    def seen(self) -> dict:
        """Plain data for `remember`: a continued run fills up what this one does."""
        return {"rows": list(self.batches.kept), "lengths": sorted(self._seen_lengths)}

    def remember(self, seen) -> None:
        """Takes what another run's `seen` gave."""
        self.batches.kept, self._seen_lengths = list(seen["rows"]), set(seen["lengths"])

    def stretched(self, feed, training) -> Feed:
        """The feed with sequences of yet another length filled up; the same feed where the program forbids it."""
        arrays = [*feed.data, *feed.weights]
        present = [i for i in self._open if i < len(arrays) and arrays[i] is not None]
        if not present or feed.lengths is not None or not all(isinstance(arrays[i], np.ndarray) for i in present):
            return feed
        own = tuple(arrays[i].shape[1] for i in present)
        if own in self._seen_lengths or len(self._seen_lengths) < _EXACT or min(own) < 1:
            self._seen_lengths.add(own)
            return feed
        filled = list(arrays)
        for i in present:
            x = arrays[i]
            more = [(0, 0)] * x.ndim
            more[1] = (0, bucket(x.shape[1]) - x.shape[1])
            filled[i] = np.pad(x, more, mode="edge")
        stretched = Feed(filled[: len(feed.data)], filled[len(feed.data) :], feed.size)
        plan = self._plan(stretched, present, training)
        if plan is None:
            return feed
        lengths = {plan.groups[i]: n for i, n in zip(present, own, strict=True)}
        if any(lengths[plan.groups[i]] != n for i, n in zip(present, own, strict=True)):
            return feed  # not equal where the program wants them equal: its own error says so best
        stretched.lengths = np.array([lengths.get(g, 1) for g in range(len(self._open))], "int32")
        return stretched if all(length_of(key, stretched.lengths) >= 1 for key in plan.keys) else feed

    def groups(self, training) -> tuple:
        return self._plans[training].groups

    def cropped(self, index, array, lengths, training=False):
        """Output number `index`, an array, without its filling."""
        if lengths is None:
            return array
        for axis, tag in self._plans[training].outputs.get(index, {}).items():
            n = int(length_of(tag.key, lengths))
            part = slice(n) if tag.end else slice(array.shape[axis] - n, None)
            array = array[(slice(None),) * axis + (part,)]
        return array

    def _plan(self, feed, present, training):
        """The Plan of the program, found once by tracing it; None if filling would change results."""
        if training not in self._plans:
            self._plans[training] = _planned(self, feed, present, training)
        return self._plans[training]


def _planned(sizes, feed, present, training):
    groups: list = [sizes._open.index(i) if i in sizes._open else None for i in range(len(feed.data + feed.weights))]
    spec = sizes._spec
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), (feed.data, feed.weights))
    variables = [jax.ShapeDtypeStruct(tuple(v.shape), v.dtype) for v in sizes._variables]
    context = Context(training, key_of(0) if spec.program.random else None)
    while True:
        grouped = spec._replace(groups=tuple(groups))
        lengths, found = Lengths(np.ones(len(sizes._open), "int32")), []

        def trace(batch, variables, grouped=grouped, lengths=lengths, found=found):
            results = padded_results(grouped, (*batch, lengths), None, variables, sizes._constants, context)
            found.append(results)

        try:
            jax.eval_shape(trace, shapes, variables)
        except SameLength as error:
            kept, gone = sorted(error.groups)
            groups = [kept if g == gone else g for g in groups]
            continue
        except Unpaddable:
            return None
        outputs = {i - spec.logs: tags for i, tags in found[0].items()}
        tags = [t for by_axis in outputs.values() for t in by_axis.values()]
        if any(not 0 <= i < spec.outputs for i in outputs) or any(t.inner != 1 for t in tags):
            return None
        return Plan(tuple(groups), outputs, frozenset(lengths.keys | {t.key for t in tags}))

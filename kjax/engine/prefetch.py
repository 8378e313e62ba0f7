"""Prefetch: batches of generators and Sequences checked and on the device before the step that wants them."""

from __future__ import annotations

import collections
import threading
from typing import NamedTuple

import jax

from kjax.graph.interrupts import uninterrupted
from kjax.utils.data_utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence
from kjax.utils.pass_orders import PassOrders

__all__ = ["Making", "Prefetch"]

_AHEAD = 2  # batches on the device besides those that steps are working on
_JOIN_SECONDS = 10.0


class Making(NamedTuple):
    """How batches are made ahead.

    Attributes:
        workers: threads or processes that make batches; 0: the calling thread makes each batch when it is asked for.
        use_multiprocessing, max_queue_size: see the enqueuers.
    """

    workers: int
    use_multiprocessing: bool
    max_queue_size: int


class Prefetch:
    """The batches of a source, each prepared while the device works on those before; a context manager.

    Args:
        source: generator, iterator or Sequence.
        prepare: function (what the source gave, its number) -> (arrays, rest); the arrays are put on the device.
        place: function that puts a tree of arrays on the device.
        what: the method that asks, for messages.
        making: Making.
        shuffle: whether a Sequence's batches come in random order.
        sizes: BatchSizes that `prepare` fills batches up by, or None; they belong to the position.

    The first batch is prepared by the calling thread, because a model may be built by it; a thread prepares the others.
    Nothing starts before the first batch is taken. When the context is left, all threads and processes are gone.
    """

    def __init__(self, source, prepare, place, what, making: Making, shuffle=False, sizes=None):
        self.source = source
        self.prepare = prepare
        self.place = place
        self.what = what
        self.workers, self.use_multiprocessing, self.max_queue_size = making
        self.shuffle = shuffle
        self.sizes = sizes
        self._number = 0  # of the next batch to be prepared
        self._taken = self._used = 0
        self._begin: dict | None = None  # a position to go on from
        self._orders: PassOrders | None = None
        self._state = self._used_state = None  # of an iterator that tells it, after the batch taken (used) last
        self._ready: collections.deque = collections.deque()
        self._changed = threading.Condition()
        self._closed = False
        self._enqueuer = self._stream = self._thread = self._peeked = None

    def __enter__(self):
        return self

    def _start(self):
        workers, source = self.workers, self.source
        enqueuer: OrderedEnqueuer | GeneratorEnqueuer
        if isinstance(source, Sequence):
            enqueuer = OrderedEnqueuer(source, self.use_multiprocessing, shuffle=self.shuffle)
            self._orders = enqueuer.orders
            if self._begin is not None:
                self._orders.move_to(self._begin)
        else:
            if self._begin is not None:
                source.set_state(self._begin["state"])
            if self._tells:
                source, workers = _Telling(source), min(1, workers)  # one thread: the state is that of its last batch
            enqueuer = GeneratorEnqueuer(source, self.use_multiprocessing)
        if workers == 0:
            self._stream = source if self._orders is None else _cycle(self._orders)
            return
        self._enqueuer = enqueuer
        with uninterrupted():
            self._enqueuer.start(workers=workers, max_queue_size=self.max_queue_size)
            self._stream = self._enqueuer.get()

    @property
    def _tells(self) -> bool:
        """Whether the source is an iterator that tells where it is; in other processes it could not."""
        return hasattr(self.source, "get_state") and hasattr(self.source, "set_state") and not self.use_multiprocessing

    def mark_used(self) -> None:
        """Says that a step was made with the batch taken last; until then `position` is in front of it."""
        self._used, self._used_state = self._taken, self._state

    def position(self) -> dict:
        """Where the source is after the batches used so far, for `move_to`."""
        if self._orders is not None:
            place = self._orders.position(self._used)
        else:
            place = None if self._used_state is None else {"state": self._used_state}
        return {"sizes": list(self.sizes.kept) if self.sizes is not None else [], **(place or {})}

    def move_to(self, position) -> None:
        """Goes on where another run's source was; before the first batch is taken.

        Raises:
            ValueError: when the source has other batches.
        """
        if self.sizes is not None:
            self.sizes.kept = list(position["sizes"])
        if not {"order", "state"} & {*position}:
            return
        if self._stream is not None:
            raise ValueError(f"{self.what}: the source has begun already, it cannot go on from a checkpoint.")
        if "order" in position and isinstance(self.source, Sequence):
            if len(position["order"]) != len(self.source):
                raise ValueError(
                    f"{self.what}: the Sequence has {len(self.source)} batches, that of the checkpoint had "
                    f"{len(position['order'])}."
                )
        elif "state" not in position or not self._tells:
            raise ValueError(
                f"{self.what}: the checkpoint belongs to another kind of source than {type(self.source).__name__}."
            )
        self._begin = position

    def __exit__(self, *exc):
        with uninterrupted(), self._changed:
            self._closed = True
            self._ready.clear()
            self._changed.notify_all()
        if self._enqueuer is not None:
            self._enqueuer.stop()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def peek(self):
        """Prepares the first batch, which builds a model that waited for data; `take` gives it out."""
        self._peeked = self.take()

    def take(self):
        """The next batch as `prepare` returned it, its arrays on the device.

        Raises:
            ValueError: when the source has ended, or the batch does not fit the model; the text has the batch's number.
            RuntimeError: when the source or a worker failed.
        """
        if self._peeked is not None:
            result, self._peeked = self._peeked, None
            return result
        result, self._state = self._take()
        self._taken += 1
        return result

    def _take(self):
        """(the next batch, the state of its iterator after it)."""
        if self._stream is None:
            self._start()
        if self._thread is None:
            result = self._next(self.place)
            if self.workers > 0:
                # The default device is a setting of the thread that trains.
                device = jax.config.jax_default_device
                name = f"kjax-prefetch-{self.what}"
                with uninterrupted():
                    self._thread = threading.Thread(target=self._run, args=(device,), name=name, daemon=True)
                    self._thread.start()
            return result
        with self._changed:
            self._changed.wait_for(lambda: self._ready)
            result, error = self._ready[0]
            if error is None:
                self._ready.popleft()
                self._changed.notify_all()
        if error is not None:
            raise error
        return result

    def _next(self, place):
        number = self._number
        try:
            given = next(self._stream)
        except StopIteration:
            raise ValueError(
                f"{self.what}: the generator ended before batch {number}; it must give a batch for every step of every "
                "epoch (a generator that is to serve several epochs starts again by itself)."
            ) from None
        except Exception as error:
            if self._enqueuer is None:
                error.add_note(f"{self.what}: raised by the generator at batch {number}")
            raise
        given, state = given if isinstance(given, _Told) else (given, None)
        try:
            arrays, rest = self.prepare(given, number)
        except (ValueError, TypeError) as error:
            raise type(error)(f"{self.what}: batch {number} of the generator does not fit. {error}") from error
        self._number += 1
        return (place(arrays), rest), state

    def _run(self, device):
        with jax.default_device(device):
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or len(self._ready) < _AHEAD)
                    if self._closed:
                        return
                try:
                    entry = (self._next(self.place), None)
                except BaseException as error:  # noqa: BLE001  raised where the batch is taken
                    entry = (None, error)
                with self._changed:
                    if self._closed:
                        return
                    self._ready.append(entry)
                    self._changed.notify_all()
                if entry[1] is not None:
                    return


def _cycle(orders):
    while True:
        for i in orders.draw():
            yield orders.sequence[i]
        orders.sequence.on_epoch_end()


class _Told(NamedTuple):
    """A batch and the state of its iterator after it."""

    batch: object
    state: object


class _Telling:
    """An iterator that gives its state beside every batch."""

    def __init__(self, source):
        self.source = source
        self.__name__ = type(source).__name__  # for messages

    def __iter__(self):
        return self

    def __next__(self):
        return _Told(next(self.source), self.source.get_state())

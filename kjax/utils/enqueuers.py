"""Enqueuers: batches made ahead of time by threads or by processes, given out in order."""

from __future__ import annotations

import threading
import time
import types
import warnings
import weakref

from kjax.utils.job_line import Job, JobLine
from kjax.utils.pass_orders import PassOrders
from kjax.utils.sequence import Sequence
from kjax.utils.worker_process import WorkerProcess, pack

# A batch that takes longer than the first is worth a warning, longer than the second an error instead of a hang.
WARN_SECONDS = 60.0
GIVE_UP_SECONDS = 3600.0
JOIN_SECONDS = 5.0

_serial_numbers = iter(range(1, 1 << 62))


class SequenceEnqueuer:
    """Base of the enqueuers: `start`, then `get()`, then `stop`.

    Args:
        sequence: where batches come from.
        use_multiprocessing: use processes, not threads.

    Processes are started anew, never forked (JAX's threads do not survive a fork). What cannot be sent to a process
    (a plain generator, classes of an unguarded main script) is handled by threads, with a warning.
    """

    def __init__(self, sequence, use_multiprocessing=False):
        self.sequence = sequence
        self.use_multiprocessing = use_multiprocessing
        self.uid = next(_serial_numbers)
        self.workers = 0
        self.executor_fn = None
        self.queue: JobLine | None = None
        self.run_thread: threading.Thread | None = None
        self.stop_signal: threading.Event | None = None
        self.give_up_seconds = GIVE_UP_SECONDS
        self._threads: list[threading.Thread] = []
        self._makers: list = []
        self._finalizer = None

    def is_running(self):
        """True between `start` and `stop`."""
        return self.stop_signal is not None and not self.stop_signal.is_set()

    def start(self, workers=1, max_queue_size=10):
        """Starts making batches.

        Args:
            workers: threads or processes, at least 1.
            max_queue_size: batches made or being made and not yet taken, at least 1.
        """
        if self.is_running():
            raise RuntimeError(f"{type(self).__name__}.start: it runs already; call stop() first")
        self.workers = max(1, int(workers))
        line = self.queue = JobLine(max(1, int(max_queue_size)))
        self.stop_signal = line.stopped
        self._makers = self._new_makers()
        planner = self._planner(line)
        self.run_thread = threading.Thread(target=_plan, args=(planner, line), name="kjax-enqueuer-plan", daemon=True)
        self._threads = [self.run_thread]
        for number, maker in enumerate(self._makers):
            name = f"kjax-enqueuer-worker-{number}"
            self._threads.append(threading.Thread(target=_work, args=(maker, line), name=name, daemon=True))
        # an enqueuer that is dropped without stop() must not leave its threads behind
        self._finalizer = weakref.finalize(self, _shut_down, line, self._makers)
        for thread in self._threads:
            thread.start()

    def stop(self, timeout=None):
        """Stops all threads and processes, and waits for them.

        Args:
            timeout: most seconds to wait for a batch that is being made, default 5.
        """
        if self.queue is None:
            return
        _shut_down(self.queue, self._makers)
        if self._finalizer is not None:
            self._finalizer.detach()
        deadline = time.monotonic() + (JOIN_SECONDS if timeout is None else timeout)
        for thread in self._threads:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        stuck = [thread.name for thread in self._threads if thread.is_alive()]
        self._threads = []
        if stuck:
            warnings.warn(
                f"{type(self).__name__}.stop: {len(stuck)} thread(s) are still inside {_describe(self.sequence)}; "
                "they end as soon as it returns",
                stacklevel=2,
            )

    def get(self):
        """Generator of batches, in order. What goes wrong in a batch is raised as RuntimeError with its number."""
        line = self.queue
        if line is None:
            raise RuntimeError(f"{type(self).__name__}.get: call start() first")
        while (job := self._wait_for_first(line)) is not None:
            if isinstance(job.error, StopIteration):
                line.close()  # the batches that other workers are making still count
                line.take_first()
                continue
            if job.error is not None:
                self.stop()
                raise RuntimeError(
                    f"{_describe(self.sequence)} failed at {job.label}: {type(job.error).__name__}: {job.error}"
                ) from job.error
            value = job.value
            line.take_first()
            if value is not None:
                yield value
        self.stop()

    def _wait_for_first(self, line: JobLine) -> Job | None:
        began = time.monotonic()
        warned = False
        while True:
            left = self.give_up_seconds - (time.monotonic() - began)
            job = line.first(max(0.0, min(left, WARN_SECONDS)))
            if job is not None or line.finished():
                return job
            waited = time.monotonic() - began
            place = line.oldest_label() or "the turn of an epoch"
            if waited >= self.give_up_seconds:
                self.stop(timeout=1)
                raise TimeoutError(f"{_describe(self.sequence)} gave nothing for {waited:.0f} s at {place}")
            if not warned:
                warned = True
                warnings.warn(f"{_describe(self.sequence)} has worked for {waited:.0f} s at {place}", stacklevel=3)

    def _new_makers(self) -> list:
        packed = self._packed()
        if packed is None:
            return self._thread_makers()
        return [_ProcessMaker(packed, self._seed(number)) for number in range(self.workers)]

    def _packed(self):
        if not self.use_multiprocessing:
            return None
        packed = pack(self.sequence)
        if isinstance(packed, str):
            warnings.warn(f"use_multiprocessing: {packed}; threads are used", stacklevel=4)
            return None
        return packed

    def _seed(self, number):
        return None

    def _thread_makers(self) -> list:
        raise NotImplementedError("SequenceEnqueuer: use OrderedEnqueuer or GeneratorEnqueuer")

    def _planner(self, line: JobLine):
        raise NotImplementedError("SequenceEnqueuer: use OrderedEnqueuer or GeneratorEnqueuer")


class OrderedEnqueuer(SequenceEnqueuer):
    """Batches of a `Sequence`, epoch after epoch, in its order.

    Args:
        sequence: a Sequence, or any object with `__getitem__` and `__len__`.
        use_multiprocessing: use processes, not threads.
        shuffle: give the batches of every epoch in a new random order.

    `on_epoch_end` runs here, when the last batch of an epoch was taken and no worker is busy.
    """

    def __init__(self, sequence, use_multiprocessing=False, shuffle=False):
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle
        self.orders = PassOrders(sequence, shuffle)
        self.end_of_epoch_signal = threading.Event()

    def join_end_of_epoch(self):
        """Waits (at most 30 s) until `on_epoch_end` of the epoch that was taken last is done."""
        self.end_of_epoch_signal.wait(30)
        self.end_of_epoch_signal.clear()

    def _thread_makers(self):
        return [_IndexMaker(self.sequence) for _ in range(self.workers)]

    def _planner(self, line):
        return _EpochPlanner(self.orders, self._makers, line, self.end_of_epoch_signal)


class GeneratorEnqueuer(SequenceEnqueuer):
    """Batches of a generator or iterator; ends when it ends.

    Args:
        sequence: generator or iterator.
        use_multiprocessing: use processes; each has its own copy of the iterator.
        wait_time: ignored, kept for old code.
        random_seed: process `i` starts NumPy's generator at random_seed + i.

    Differs: a plain generator is always run by one thread, in its order; an iterator with its own lock by all of them.
    """

    def __init__(self, sequence, use_multiprocessing=False, wait_time=None, random_seed=None):
        super().__init__(sequence, use_multiprocessing)
        if not hasattr(sequence, "__next__"):
            hint = "; use OrderedEnqueuer for a Sequence" if isinstance(sequence, Sequence) else ""
            raise TypeError(f"GeneratorEnqueuer: sequence must be a generator or iterator, received {sequence!r}{hint}")
        if wait_time is not None:
            warnings.warn("`wait_time` is not used anymore.", DeprecationWarning, stacklevel=2)
        self.random_seed = random_seed

    def _seed(self, number):
        return None if self.random_seed is None else self.random_seed + number

    def _thread_makers(self):
        # a generator runs in one thread at a time anyhow; with one worker its order is kept, too
        workers = 1 if isinstance(self.sequence, types.GeneratorType) else self.workers
        return [_NextMaker(self.sequence) for _ in range(workers)]

    def _planner(self, line):
        return _EndlessPlanner(line)


class _IndexMaker:
    """Makes `sequence[index]` in the calling thread."""

    def __init__(self, sequence):
        self.sequence = sequence

    def make(self, index):
        return self.sequence[index]

    def stop(self):
        """Nothing to end."""


class _NextMaker:
    """Makes `next(iterator)` in the calling thread."""

    def __init__(self, iterator):
        self.iterator = iterator

    def make(self, index):
        return next(self.iterator)

    def stop(self):
        """Nothing to end."""


class _ProcessMaker:
    """Makes batches in a process, started when the first is wanted."""

    def __init__(self, packed, seed):
        self.news = (*packed, seed)
        self.process = None
        self.stopped = False
        self.guard = threading.Lock()

    def make(self, index):
        with self.guard:
            if self.stopped:
                raise RuntimeError("stopped")
            news, self.news = self.news, None
            if self.process is None:
                self.process = WorkerProcess()
        if news is not None:
            self.process.load(*news)
        return self.process.make(index)

    def stop(self):
        with self.guard:
            self.stopped = True
            if self.process is not None:
                self.process.stop()


class _EndlessPlanner:
    """Orders batch after batch."""

    def __init__(self, line):
        self.line = line
        self.label = "batch 0"

    def run(self):
        number = 0
        while self.line.add(Job(f"batch {number}", None)):
            number += 1
            self.label = f"batch {number}"


class _EpochPlanner:
    """Orders the batches of one epoch after the other."""

    def __init__(self, orders, makers, line, ended):
        self.ended = ended
        self.orders = orders
        self.sequence = orders.sequence
        self.makers = makers
        self.line = line
        self.label = "__len__ before the first epoch"

    def run(self):
        number = 0
        while not self.line.stopped.is_set():
            length = len(self.sequence)
            if not length:
                raise ValueError("it has no batches: its length is 0")
            for index in self.orders.draw():
                if not self.line.add(Job(f"batch {number} (index {index} of {length})", index)):
                    return
                number += 1
            if not self.line.wait_until_empty():
                return
            self.label = f"on_epoch_end after batch {number - 1}"
            self._end_epoch()
            self.ended.set()

    def _end_epoch(self):
        end_epoch = getattr(type(self.sequence), "on_epoch_end", Sequence.on_epoch_end)
        if end_epoch is Sequence.on_epoch_end:
            return
        self.sequence.on_epoch_end()
        processes = [maker for maker in self.makers if isinstance(maker, _ProcessMaker)]
        if not processes:
            return
        packed = pack(self.sequence)
        if isinstance(packed, str):
            raise TypeError(packed)
        for maker in processes:
            maker.news = (*packed, None)


def _plan(planner, line: JobLine) -> None:
    try:
        planner.run()
    except BaseException as error:  # noqa: BLE001  user code: the error is raised where batches are taken
        line.add_failure(Job(planner.label, None), error)


def _work(maker, line: JobLine) -> None:
    while (job := line.begin()) is not None:
        try:
            value = maker.make(job.argument)
        except BaseException as error:  # noqa: BLE001  user code: the error is raised where the batch is taken
            line.finish(job, error=error)
        else:
            line.finish(job, value)


def _shut_down(line: JobLine, makers) -> None:
    line.stop()
    for maker in makers:
        maker.stop()


def _describe(source) -> str:
    if not hasattr(source, "__next__"):
        return f"the Sequence {type(source).__name__}"
    kind = "generator" if isinstance(source, types.GeneratorType) else "iterator"
    return f"the {kind} {getattr(source, '__name__', type(source).__name__)}"  # a generator has its function's name

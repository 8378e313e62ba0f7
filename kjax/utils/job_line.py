"""A line of jobs that come out in the order they went in, however many threads work on them."""

from __future__ import annotations

import threading
from collections import deque


class Job:
    """One batch to be made: `argument` for the worker, `label` for messages."""

    __slots__ = ("argument", "done", "error", "label", "value")

    def __init__(self, label, argument):
        self.label = label
        self.argument = argument
        self.value = None
        self.error = None
        self.done = False


class JobLine:
    """At most `size` jobs between the one who adds them, the threads that do them and the one who takes the results.

    Every wait ends when `stop` is called; no wait is busy, and nobody is woken for what concerns others only.
    """

    def __init__(self, size: int):
        self.size = size
        self.stopped = threading.Event()
        self._closed = False
        self._jobs: deque[Job] = deque()  # in order, until their result was taken
        self._waiting: deque[Job] = deque()  # not yet begun
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)  # for the one who adds
        self._work = threading.Condition(self._lock)  # for the threads that do the jobs
        self._result = threading.Condition(self._lock)  # for the one who takes the results

    def stop(self) -> None:
        with self._lock:
            self.stopped.set()
            self._wake_all()

    def _wake_all(self):
        for condition in (self._room, self._work, self._result):
            condition.notify_all()

    def close(self) -> None:
        """Nothing more is added; jobs that nobody began are dropped, the others come to their end."""
        with self._lock:
            self._closed = True
            for job in self._waiting:
                self._jobs.remove(job)
            self._waiting.clear()
            self._wake_all()

    def add(self, job: Job) -> bool:
        """Appends a job when there is room; False if the line was stopped or closed."""
        with self._lock:
            self._room.wait_for(lambda: self.stopped.is_set() or self._closed or len(self._jobs) < self.size)
            if self.stopped.is_set() or self._closed:
                return False
            self._jobs.append(job)
            self._waiting.append(job)
            self._work.notify()
            return True

    def add_failure(self, job: Job, error: BaseException) -> None:
        """Appends an error, to be met by the taker after all results before it."""
        with self._lock:
            job.error, job.done = error, True
            self._jobs.append(job)
            self._result.notify_all()

    def begin(self) -> Job | None:
        """The next job to work on; None if the line was stopped."""
        with self._lock:
            self._work.wait_for(lambda: self.stopped.is_set() or self._waiting)
            return None if self.stopped.is_set() else self._waiting.popleft()

    def finish(self, job: Job, value=None, error: BaseException | None = None) -> None:
        with self._lock:
            job.value, job.error, job.done = value, error, True
            if self._jobs and self._jobs[0] is job:
                self._result.notify_all()

    def wait_until_empty(self) -> bool:
        """Waits until every result was taken; False if the line was stopped."""
        with self._lock:
            self._room.wait_for(lambda: self.stopped.is_set() or not self._jobs)
            return not self.stopped.is_set()

    def first(self, timeout: float) -> Job | None:
        """The oldest job, once it is done, or None: `timeout` seconds went by, or `finished()`. It keeps its place."""
        with self._lock:
            self._result.wait_for(lambda: self._finished() or (self._jobs and self._jobs[0].done), timeout)
            if self.stopped.is_set() or not self._jobs or not self._jobs[0].done:
                return None
            return self._jobs[0]

    def take_first(self) -> None:
        """Removes the oldest job, which makes room for another."""
        with self._lock:
            self._jobs.popleft()
            self._room.notify_all()

    def finished(self) -> bool:
        """True when no result will come any more."""
        with self._lock:
            return self._finished()

    def _finished(self) -> bool:
        return self.stopped.is_set() or (self._closed and not self._jobs)

    def oldest_label(self):
        """The label of the job that everybody waits for, or None."""
        with self._lock:
            return self._jobs[0].label if self._jobs else None

    def qsize(self) -> int:
        """Number of results ready or under way."""
        with self._lock:
            return len(self._jobs)

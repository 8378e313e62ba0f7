"""The progress bar: Keras's line of text, drawn rarely and without waiting for the device."""

from __future__ import annotations

import sys
import time
from collections import deque

import numpy as np

# A redraw is a host-side wait for the newest numbers, so it is rationed.
REDRAW_SECONDS = 0.2
# A notebook keeps every redraw in its file: there the pauses also grow with the time gone by, a few hundred redraws
# at most in a day.
NOTEBOOK_PAUSE = 0.05
# Numbers waiting to be averaged: beyond this the older half (long since computed) is folded in.
PENDING_LIMIT = 4096


def _is_numeric(value) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


class _Average:
    """A running mean of (value, weight) pairs that looks at the values only when asked."""

    def __init__(self):
        self.total = 0.0
        self.weight = 0.0
        self.pending = deque()

    def add(self, value, weight) -> None:
        self.pending.append((value, weight))
        if len(self.pending) > PENDING_LIMIT:
            self._fold(PENDING_LIMIT // 2)

    def _fold(self, count: int) -> None:
        for _ in range(count):
            value, weight = self.pending.popleft()
            self.total += float(np.mean(np.asarray(value))) * weight
            self.weight += weight

    def result(self):
        self._fold(len(self.pending))
        return self.total / max(1, self.weight)


class _Latest:
    """The newest value of a stateful metric (or of something that is not a number)."""

    def __init__(self, value):
        self.value = value

    def result(self):
        if isinstance(self.value, str) or not _is_numeric(self.value):
            return self.value
        return float(self.value)


def _number(value, verbose) -> str:
    """Four decimals, or an exponent for what four decimals would lose; verbose=2 puts one to all negative numbers."""
    return f" {value:.4f}" if (value if verbose == 2 else abs(value)) > 1e-3 else f" {value:.4e}"


def _clock(seconds: float) -> str:
    seconds = int(seconds)
    if seconds > 3600:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    if seconds > 60:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds}s"


def _per_step(seconds: float) -> str:
    if seconds >= 1:
        return f" {seconds:.0f}s/step"
    if seconds >= 1e-3:
        return f" {seconds * 1e3:.0f}ms/step"
    return f" {seconds * 1e6:.0f}us/step"


class Progbar:
    """Shows `seen/target [===>...] - ETA: 3s - loss: 0.1234`.

    Args:
        target: number of steps expected, or None when unknown.
        width: characters of the bar, default 30.
        verbose: 0 nothing, 1 the bar, 2 one line when the target is reached.
        interval: least seconds between two redraws, default 0.05; never less than 0.2 is used.
        stateful_metrics: names whose newest value is shown; all other names are averaged over the steps.

    Differs: at most five redraws per second; where standard output is neither a terminal nor a notebook, the bar is
    printed once, complete, when the target is reached; values (device scalars, too) are read only when drawn.
    """

    def __init__(self, target, width=30, verbose=1, interval=0.05, stateful_metrics=None):
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.stateful_metrics = set(stateful_metrics) if stateful_metrics else set()
        self._values: dict[str, _Average | _Latest] = {}
        self._seen_so_far = 0
        self._start = time.monotonic()
        self._last_update = float("-inf")
        self._drawn_width = 0
        self._surface = None

    def update(self, current, values=None):
        """Moves the bar.

        Args:
            current: step reached (not the increment).
            values: list of (name, value); value is the mean since the last call, or the current one if stateful.
        """
        weight = current - self._seen_so_far
        for name, value in values or ():
            if name in self.stateful_metrics or isinstance(value, str):
                self._values[name] = _Latest(value)
                continue
            average = self._values.get(name)
            if not isinstance(average, _Average):
                average = self._values[name] = _Average()
            average.add(value, weight)
        self._seen_so_far = current
        self._show(finished=self.target is not None and current >= self.target)

    def add(self, n, values=None):
        """Moves the bar by `n` steps; `values` as in `update`."""
        self.update(self._seen_so_far + n, values)

    def close(self):
        """Ends the line of a bar that did not reach its target, or has none."""
        if self.target is None or self._seen_so_far < self.target:
            self._show(finished=True)

    def _show(self, finished: bool) -> None:
        now = time.monotonic()
        if self.verbose == 2:
            if finished:
                self._write(f" - {now - self._start:.0f}s{self._describe_values()}\n")
            return
        if self.verbose != 1:
            return
        if self._surface is None:
            self._surface = _surface(sys.stdout)
        if not finished and (self._surface == "log" or now - self._last_update < self._pause(now)):
            return
        line = self._bar() + self._timing(now, finished) + self._describe_values()
        padding = " " * max(0, self._drawn_width - len(line))
        self._drawn_width = len(line)
        self._last_update = now
        self._write(("" if self._surface == "log" else "\r") + line + padding + ("\n" if finished else ""))

    def _pause(self, now: float) -> float:
        pause = max(self.interval, REDRAW_SECONDS)
        return max(pause, NOTEBOOK_PAUSE * (now - self._start)) if self._surface == "notebook" else pause

    def _bar(self) -> str:
        if self.target is None:
            return f"{self._seen_so_far:7d}/Unknown"
        digits = len(str(self.target))
        fraction = min(1.0, float(self._seen_so_far) / self.target) if self.target else 1.0
        filled = int(self.width * fraction)
        bar = ""
        if filled > 0:
            bar = "=" * (filled - 1) + (">" if self._seen_so_far < self.target else "=")
        return f"{self._seen_so_far:{digits}d}/{self.target} [{bar}{'.' * (self.width - filled)}]"

    def _timing(self, now: float, finished: bool) -> str:
        elapsed = now - self._start
        per_step = elapsed / self._seen_so_far if self._seen_so_far else 0
        if self.target is not None and not finished:
            return " - ETA: " + _clock(per_step * (self.target - self._seen_so_far))
        return f" - {elapsed:.0f}s{_per_step(per_step)}"

    def _describe_values(self) -> str:
        text = ""
        for name, held in self._values.items():
            value = held.result()
            text += f" - {name}:{_number(value, self.verbose) if isinstance(value, float) else f' {value}'}"
        return text

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _surface(stream) -> str:
    """What the bar is drawn on: 'terminal', 'notebook' or 'log' (a file or pipe)."""
    isatty = getattr(stream, "isatty", None)
    if isatty is not None and isatty():
        return "terminal"
    return "notebook" if "ipykernel" in sys.modules else "log"

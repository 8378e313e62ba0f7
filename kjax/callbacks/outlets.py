"""Callbacks that hand the figures on: to a CSV file, a web server, functions of one's own."""

from __future__ import annotations

import csv
import json
import os
import urllib.error
import urllib.parse
import urllib.request
import warnings

import numpy as np

from kjax.callbacks.base import Callback

__all__ = ["CSVLogger", "LambdaCallback", "RemoteMonitor"]

_TIMEOUT = 30.0  # seconds for a monitor that does not answer


class CSVLogger(Callback):
    """Writes the figures of every epoch as a line of a CSV file.

    Args:
        filename: path.
        separator: between two entries, default ','.
        append: whether an existing file is continued instead of replaced.

    The columns are those of the first epoch and of the validation; a figure missing later is 'NA'.
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename = filename
        self.sep = separator
        self.append = append
        self.append_header = True
        self.writer = None
        self.keys = None
        self.csv_file = None
        self.file_flags = ""

    def on_train_begin(self, logs=None):
        if self.append and os.path.exists(self.filename):
            with open(self.filename, encoding="utf-8") as file:
                self.append_header = not file.readline()
        self.csv_file = open(self.filename, "a" if self.append else "w", encoding="utf-8", newline="")

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self.writer is None:
            expected = self.params.get("metrics", ()) if self.params.get("do_validation") else ()
            self.keys = sorted({*logs, *(name for name in expected if name not in logs)})
            self.writer = csv.DictWriter(
                self.csv_file,
                fieldnames=["epoch", *self.keys],
                delimiter=self.sep,
                lineterminator="\n",
                extrasaction="ignore",
            )
            if self.append_header:
                self.writer.writeheader()
        row = {name: _cell(logs[name]) if name in logs else "NA" for name in self.keys}
        self.writer.writerow({"epoch": epoch, **row})
        self.csv_file.flush()

    def on_train_end(self, logs=None):
        self.csv_file.close()
        self.writer = None

    def get_state(self) -> dict:
        """Nothing that a checkpoint has to keep: the file itself says whether it has a header."""
        return {}

    def set_state(self, state):
        """Takes what `get_state` gave."""


def _cell(value):
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'


class RemoteMonitor(Callback):
    """Sends the figures of every epoch to a web server by HTTP POST.

    Args:
        root: address of the server, default 'http://localhost:9000'.
        path: of the page, default '/publish/epoch/end/'.
        field: name of the form field that holds the JSON, default 'data'.
        headers: dict of further HTTP headers, or None.
        send_as_json: whether the JSON is the body itself instead of a form field.

    A server that cannot be reached is warned about, training goes on.
    """

    def __init__(
        self,
        root="http://localhost:9000",
        path="/publish/epoch/end/",
        field="data",
        headers=None,
        send_as_json=False,
    ):
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch, logs=None):
        figures = {"epoch": epoch, **{k: np.asarray(v).tolist() for k, v in (logs or {}).items()}}
        text = json.dumps(figures)
        if self.send_as_json:
            body, kind = text, "application/json"
        else:
            body, kind = urllib.parse.urlencode({self.field: text}), "application/x-www-form-urlencoded"
        request = urllib.request.Request(
            self.root + self.path, data=body.encode(), headers={"Content-Type": kind, **(self.headers or {})}
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
                answer.read()
        except (urllib.error.URLError, TimeoutError, ConnectionError) as err:
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root}: {err}", stacklevel=2)


class LambdaCallback(Callback):
    """Functions as a callback.

    Args:
        on_epoch_begin, on_epoch_end: f(epoch, logs).
        on_batch_begin, on_batch_end: f(batch, logs).
        on_train_begin, on_train_end: f(logs).
        **kwargs: further hooks (`on_train_batch_end=...`) or attributes by name.
    """

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_batch_begin=None,
        on_batch_end=None,
        on_train_begin=None,
        on_train_end=None,
        **kwargs,
    ):
        super().__init__()
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_batch_begin": on_batch_begin,
            "on_batch_end": on_batch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            **kwargs,
        }
        for name, value in hooks.items():
            # hooks not given stay the class's own, so that they cost nothing
            if value is not None:
                setattr(self, name, value)

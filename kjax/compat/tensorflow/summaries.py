"""`tf.summary`: numbers, histograms and images for TensorBoard."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from kjax.backend.naming import scoped_name
from kjax.callbacks.event_file import EventFile, Histogram
from kjax.compat.tensorflow.fetched import Fetched
from kjax.compat.tensorflow.graphs import GraphKeys, get_default_graph

__all__ = ["FileWriter", "Summary", "histogram", "image", "merge", "merge_all", "scalar", "text"]


class SummaryValue:
    """One entry of a Summary: a tag and one value.

    Args:
        tag: str.
        simple_value: number.
        histo, image: as `tf.summary.histogram` and `tf.summary.image` give them.
    """

    def __init__(self, tag="", simple_value=None, histo=None, image=None):
        self.tag, self.simple_value, self.histo, self.image = tag, simple_value, histo, image


class _Values(list):
    def add(self, **fields) -> SummaryValue:
        """Appends an entry and returns it."""
        self.append(SummaryValue(**fields))
        return self[-1]


class Summary:
    """What a FileWriter writes for one step.

    Args:
        value: list of Summary.Value.
    """

    Value = SummaryValue

    def __init__(self, value=()):
        self.value = _Values(value)


def scalar(name, tensor, collections=None, family=None) -> Fetched:
    """The value of a scalar tensor."""
    tag = _tag(name, family)
    return Fetched(tensor, lambda v: Summary([SummaryValue(tag, simple_value=float(v))]), tag, collections)


def histogram(name, values, collections=None, family=None) -> Fetched:
    """The distribution of a tensor's values."""
    tag = _tag(name, family)
    return Fetched(values, lambda v: Summary([SummaryValue(tag, histo=np.asarray(v))]), tag, collections)


def image(name, tensor, max_outputs=3, collections=None, family=None) -> Fetched:
    """Pictures (n, height, width, channels); up to three are shown."""
    tag = _tag(name, family)
    return Fetched(tensor, lambda v: Summary([SummaryValue(tag, image=np.asarray(v)[:max_outputs])]), tag, collections)


def text(name, tensor, collections=None):
    """Raises NotImplementedError."""
    raise NotImplementedError("tf.summary.text: tensors hold no texts here; write texts with Python's logging.")


def merge(inputs, collections=None, name=None) -> Fetched:
    """Several summaries as one."""
    inputs = list(inputs)

    def finish(values):
        parts = [s.finish(v) for s, v in zip(inputs, values, strict=True)]
        return Summary(itertools.chain.from_iterable(p.value for p in parts))

    return Fetched([s.tensors for s in inputs], finish, name or "Merge", collections or ["merged_summaries"])


def merge_all(key=GraphKeys.SUMMARIES, scope=None, name=None):
    """All summaries of the graph as one; None where there are none."""
    found = get_default_graph().get_collection(key, scope)
    return merge(found) if found else None


def _tag(name, family):
    tag = scoped_name(name.replace(" ", "_"))
    return f"{family}/{tag}" if family else tag


class FileWriter:
    """Writes summaries into an event file.

    Args:
        logdir: folder.
        graph: not written: there is no GraphDef; `keras.callbacks.TensorBoard` draws models.

    Raises:
        ImportError: when the package `tensorboard` is not installed.
    """

    def __init__(
        self, logdir, graph=None, max_queue=10, flush_secs=120, graph_def=None, filename_suffix=None, **kwargs
    ):
        self._logdir = logdir
        self._file: EventFile | None = EventFile(str(logdir))

    def get_logdir(self):
        return self._logdir

    def _open(self) -> EventFile:
        if self._file is None:
            self.reopen()
        assert self._file is not None
        return self._file

    def add_summary(self, summary, global_step=None) -> None:
        """Writes a Summary, as `Session.run` gives it or as the program made it."""
        if not isinstance(summary, Summary):
            raise TypeError(f"add_summary: a tf.Summary was required; got {type(summary).__name__}.")
        step = 0 if global_step is None else int(global_step)
        for value in summary.value:
            _write(self._open(), value, step)

    def add_graph(self, graph, global_step=None) -> None:
        """Does nothing: there is no GraphDef."""

    def add_session_log(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing."""

    def flush(self) -> None:
        """Brings what was written to the file."""
        self._open().flush()

    def close(self) -> None:
        """Ends the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def reopen(self) -> None:
        """Goes on in a new file."""
        self._file = EventFile(str(self._logdir))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _write(file: EventFile, value: SummaryValue, step: int) -> None:
    if value.histo is not None:
        file.histogram(value.tag, Histogram().add(value.histo), step)
    elif value.image is not None:
        file.images(value.tag, value.image, step)
    elif value.simple_value is not None:
        file.scalar(value.tag, value.simple_value, step)
    else:
        raise ValueError(f"add_summary: the entry {value.tag!r} has no simple_value, histo or image.")

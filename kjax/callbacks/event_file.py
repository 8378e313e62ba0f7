"""TensorBoard event files: scalars, histograms, images and graphs, written with the `tensorboard` package alone."""

from __future__ import annotations

import struct
import time
import zlib

import numpy as np

__all__ = ["EventFile", "Histogram"]

# The bucket limits of TensorFlow's histograms: 1e-12 growing by a tenth each, both signs.
_POSITIVE = 1e-12 * 1.1 ** np.arange(776)
_LIMITS = np.concatenate([-_POSITIVE[::-1], [0.0], _POSITIVE, [np.finfo("float64").max]])


class Histogram:
    """Counts of values in TensorFlow's buckets, collected piece by piece."""

    def __init__(self):
        self.counts = np.zeros(len(_LIMITS), "int64")
        self.low, self.high = np.inf, -np.inf
        self.total = self.squares = 0.0

    def add(self, values) -> Histogram:
        values = np.asarray(values, "float64").reshape(-1)
        values = values[np.isfinite(values)]
        if values.size:
            self.counts += np.bincount(np.searchsorted(_LIMITS, values, side="right"), minlength=len(_LIMITS))
            self.low, self.high = min(self.low, values.min()), max(self.high, values.max())
            self.total += values.sum()
            self.squares += np.square(values).sum()
        return self

    def fields(self) -> dict:
        """The fields of a HistogramProto, empty buckets at the ends left out."""
        filled = np.flatnonzero(self.counts)
        if not filled.size:
            return {"bucket_limit": [_LIMITS[-1]], "bucket": [0.0]}
        inside = slice(max(0, filled[0] - 1), filled[-1] + 1)
        return {
            "min": self.low,
            "max": self.high,
            "num": float(self.counts.sum()),
            "sum": self.total,
            "sum_squares": self.squares,
            "bucket_limit": _LIMITS[inside].tolist(),
            "bucket": self.counts[inside].astype("float64").tolist(),
        }


def _png(pixels: np.ndarray) -> bytes:
    """A PNG file of bytes (height, width, channels); 1, 3 or 4 channels."""
    height, width, channels = pixels.shape

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = np.concatenate([np.zeros((height, 1), "uint8"), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


def _as_bytes(image: np.ndarray) -> np.ndarray:
    """Numbers as grey values: 0 is black, or the middle grey where there are negative ones."""
    largest = float(np.abs(image[np.isfinite(image)]).max(initial=0.0)) or 1.0
    scaled = image * (127.0 / largest) + 128.0 if (image < 0).any() else image * (255.0 / largest)
    return np.nan_to_num(scaled, nan=0.0).clip(0, 255).astype("uint8")


class EventFile:
    """A writer of one event file.

    Args:
        folder: where the file is made.

    Raises:
        ImportError: when the package `tensorboard` is not installed.
    """

    def __init__(self, folder):
        try:
            from tensorboard.compat.proto import event_pb2, graph_pb2, node_def_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as err:
            raise ImportError(
                "the TensorBoard callback writes with the package `tensorboard`; install it with "
                f"`pip install kjax[tensorboard]` ({err})."
            ) from err
        self._events, self._summaries = event_pb2, summary_pb2
        self._graph, self._node = graph_pb2, node_def_pb2
        self._writer = EventFileWriter(folder)

    def _add(self, step, **value):
        summary = self._summaries.Summary(value=[self._summaries.Summary.Value(**value)])
        self._writer.add_event(self._events.Event(wall_time=time.time(), step=int(step), summary=summary))

    def scalar(self, tag, value, step) -> None:
        self._add(step, tag=tag, simple_value=float(value))

    def histogram(self, tag, histogram: Histogram, step) -> None:
        self._add(step, tag=tag, histo=self._summaries.HistogramProto(**histogram.fields()))

    def images(self, tag, images: np.ndarray, step) -> None:
        """Up to three images (n, height, width, channels)."""
        for i, image in enumerate(images[:3]):
            height, width, channels = image.shape
            encoded = self._summaries.Summary.Image(
                height=height, width=width, colorspace=channels, encoded_image_string=_png(_as_bytes(image))
            )
            self._add(step, tag=f"{tag}/image/{i}" if len(images) > 1 else f"{tag}/image", image=encoded)

    def graph(self, nodes) -> None:
        """A graph of (name, kind, names of its inputs)."""
        made = [self._node.NodeDef(name=name, op=kind, input=inputs) for name, kind, inputs in nodes]
        data = self._graph.GraphDef(node=made).SerializeToString()
        self._writer.add_event(self._events.Event(wall_time=time.time(), graph_def=data))

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

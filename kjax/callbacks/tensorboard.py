"""The TensorBoard callback."""

from __future__ import annotations

import os

import numpy as np

from kjax import backend as K
from kjax.callbacks.base import Callback
from kjax.callbacks.event_file import EventFile, Histogram

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes figures, histograms, images, the graph and embeddings for the program `tensorboard`.

    Args:
        log_dir: folder of the event files, default './logs'.
        histogram_freq: epochs between two sets of histograms of weights and layer outputs; 0: none. Needs
            `validation_data` as arrays in `fit`.
        batch_size: samples at a time when layer outputs and gradients are computed, default 32.
        write_graph: whether the model's layers are drawn as a graph.
        write_grads: whether histograms of the weights' gradients are written too (with `histogram_freq`).
        write_images: whether the weights are drawn as images (with `histogram_freq`).
        embeddings_freq: epochs between two savings of embeddings; 0: none.
        embeddings_layer_names: list of names of layers; None or empty: all Embedding layers.
        embeddings_metadata: dict layer name -> file of labels, or one file name for all.
        embeddings_data: input (array or list) whose embeddings are saved.
        update_freq: 'epoch', 'batch' or a number of samples: how often figures are written.

    Differs: needs only the package `tensorboard`; the graph shows layers, not single operations; embeddings are saved
    as tab-separated text, gradients are those of the whole validation set.
    """

    def __init__(
        self,
        log_dir="./logs",
        histogram_freq=0,
        batch_size=32,
        write_graph=True,
        write_grads=False,
        write_images=False,
        embeddings_freq=0,
        embeddings_layer_names=None,
        embeddings_metadata=None,
        embeddings_data=None,
        update_freq="epoch",
    ):
        super().__init__()
        every = isinstance(update_freq, (int, np.integer)) and update_freq > 0
        if not every and update_freq not in ("epoch", "batch"):
            raise ValueError(
                f"TensorBoard: update_freq must be 'epoch', 'batch' or an integer > 0, received {update_freq!r}."
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.batch_size = batch_size
        self.write_graph = write_graph
        self.write_grads = write_grads
        self.write_images = write_images
        self.embeddings_freq = embeddings_freq
        self.embeddings_layer_names = embeddings_layer_names
        self.embeddings_metadata = embeddings_metadata
        self.embeddings_data = embeddings_data
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.samples_seen = 0
        self.samples_seen_at_last_write = 0
        self.writer: EventFile | None = None

    @property
    def uses_batches(self) -> bool:
        return self.update_freq != "epoch"

    def set_model(self, model):
        self.model = model
        if self.embeddings_freq and self.embeddings_data is None:
            raise ValueError("To visualize embeddings, embeddings_data must be provided.")
        os.makedirs(self.log_dir, exist_ok=True)
        self.writer = EventFile(self.log_dir)
        if self.write_graph:
            self.writer.graph(_graph_nodes(model))
        if self.embeddings_freq:
            _write_projector_config(self.log_dir, self._embedding_layers(), self.embeddings_metadata)

    def on_train_begin(self, logs=None):
        if self.histogram_freq and not self.validation_data:
            raise ValueError("If printing histograms, validation_data must be provided, and cannot be a generator.")

    def on_batch_end(self, batch, logs=None):
        if self.update_freq == "epoch":
            return
        logs = logs or {}
        self.samples_seen += logs.get("size", 0)
        if self.samples_seen - self.samples_seen_at_last_write >= self.update_freq:
            self._write_logs(logs, self.samples_seen)
            self.samples_seen_at_last_write = self.samples_seen

    def on_epoch_end(self, epoch, logs=None):
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_histograms(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        self._write_logs(logs or {}, epoch if self.update_freq == "epoch" else self.samples_seen)

    def on_train_end(self, _):
        self.writer.close()

    def _write_logs(self, logs, index):
        for name, value in logs.items():
            if name not in ("batch", "size"):
                self.writer.scalar(name, value, index)
        self.writer.flush()

    # ------------------------------------------------------------ histograms and images

    def _write_histograms(self, epoch):
        for layer in self.model.layers:
            for weight in layer.weights:
                tag = weight.name.replace(":", "_")
                value = K.get_value(weight)
                self.writer.histogram(tag, Histogram().add(value), epoch)
                if self.write_images:
                    images = _weight_images(value)
                    if images is not None:
                        self.writer.images(tag, images, epoch)
        for tag, histogram in self._output_histograms().items():
            self.writer.histogram(tag, histogram, epoch)
        if self.write_grads:
            for tag, value in self._gradients().items():
                self.writer.histogram(tag, Histogram().add(value), epoch)

    def _validation_batches(self, count):
        """Batches of the first `count` arrays of the validation data, in test phase order."""
        size = len(self.validation_data[0])
        # samples without weights weigh one
        arrays = [np.ones(size, K.floatx()) if a is None else a for a in self.validation_data[:count]]
        for start in range(0, size, self.batch_size):
            yield [a[start : start + self.batch_size] for a in arrays], min(self.batch_size, size - start)

    def _output_histograms(self):
        tensors = {}
        for layer in self.model.layers:
            outputs = layer.output if isinstance(layer.output, list) else [layer.output]
            for i, tensor in enumerate(outputs):
                tensors[f"{layer.name}_out" if len(outputs) == 1 else f"{layer.name}_out_{i}"] = tensor
        run = K.function(self.model.inputs, list(tensors.values()))
        histograms = {tag: Histogram() for tag in tensors}
        for batch, _ in self._validation_batches(len(self.model.inputs)):
            for histogram, value in zip(histograms.values(), run(batch), strict=True):
                histogram.add(value)
        return histograms

    def _gradients(self):
        weights = [w for layer in self.model.layers for w in layer.trainable_weights]
        gradients = K.gradients(self.model.total_loss, weights)
        named = {
            f"{w.name.replace(':', '_')}_grad": g for w, g in zip(weights, gradients, strict=True) if g is not None
        }
        fed = [*self.model.inputs, *self.model.targets, *self.model.sample_weights]
        run = K.function(fed, list(named.values()))
        totals, seen = [0.0] * len(named), 0
        for batch, size in self._validation_batches(len(fed)):
            totals = [t + size * np.asarray(g) for t, g in zip(totals, run(batch), strict=True)]
            seen += size
        return {tag: total / seen for tag, total in zip(named, totals, strict=True)}

    # ------------------------------------------------------------ embeddings

    def _embedding_layers(self):
        names = self.embeddings_layer_names
        found = [layer for layer in self.model.layers if _is_embedding(layer)]
        return [self.model.get_layer(name) for name in names] if names else found

    def _write_embeddings(self):
        data = self.embeddings_data if isinstance(self.embeddings_data, list) else [self.embeddings_data]
        layers = self._embedding_layers()
        run = K.function(self.model.inputs, [layer.output for layer in layers])
        size = len(data[0])
        parts = [run([a[i : i + self.batch_size] for a in data]) for i in range(0, size, self.batch_size)]
        for layer, values in zip(layers, zip(*parts, strict=True), strict=True):
            table = np.concatenate([np.asarray(v).reshape(len(v), -1) for v in values])
            np.savetxt(os.path.join(self.log_dir, _table_name(layer)), table, fmt="%.8g", delimiter="\t")


def _is_embedding(layer) -> bool:
    return type(layer).__name__ == "Embedding"


def _table_name(layer) -> str:
    return f"{layer.name}_embedding.tsv"


def _write_projector_config(folder, layers, metadata):
    """The file that tells TensorBoard's projector which tables there are."""
    from google.protobuf import text_format
    from tensorboard.plugins.projector import projector_config_pb2

    config = projector_config_pb2.ProjectorConfig()
    for layer in layers:
        entry = config.embeddings.add()
        entry.tensor_name = layer.name
        entry.tensor_path = _table_name(layer)
        labels = metadata.get(layer.name) if isinstance(metadata, dict) else metadata
        if labels:
            entry.metadata_path = labels
    with open(os.path.join(folder, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
        file.write(text_format.MessageToString(config))


def _graph_nodes(model, prefix=""):
    """(name, class, inputs) of every layer; the layers of an inner model stand in a group of its name."""
    nodes = []
    for layer in model.layers:
        name = prefix + layer.name
        inputs = [
            prefix + inner.name
            for node in layer._inbound_nodes
            for inner in node.inbound_layers
            if inner is not None and any(inner is known for known in model.layers)
        ]
        nodes.append((name, type(layer).__name__, list(dict.fromkeys(inputs))))
        if getattr(layer, "layers", None):
            nodes.extend(_graph_nodes(layer, name + "/"))
    return nodes


def _weight_images(value):
    """A weight as images (n, height, width, 1), or None where it has no such form."""
    image = np.squeeze(value)
    if image.ndim == 1:
        return image.reshape(1, -1, 1, 1)
    if image.ndim == 2:
        image = image.T if image.shape[0] > image.shape[1] else image
        return image.reshape(1, *image.shape, 1)
    if image.ndim == 3:
        if K.image_data_format() == "channels_last":
            image = image.transpose(2, 0, 1)
        return image[..., None]
    return None

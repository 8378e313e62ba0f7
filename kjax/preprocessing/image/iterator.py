"""Iterator: endless batches of numbered samples, in random order if wanted."""

from __future__ import annotations

import os
import threading

import numpy as np

from kjax.preprocessing.image.files import array_to_img, img_to_array, load_img
from kjax.utils.sequence import Sequence


class Iterator(Sequence):
    """Base of the image iterators: batches by `next`, epoch after epoch, or by index as a `Sequence`.

    Args:
        n: number of samples.
        batch_size: samples in a batch; the last batch of an epoch may have fewer.
        shuffle: give the samples of every epoch in a new random order.
        seed: batch k (counted from the start) begins with NumPy's global generator seeded by seed + k; or None.

    A subclass has `_get_batches_of_transformed_samples(index_array)`.
    """

    white_list_formats = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

    def __init__(self, n, batch_size, shuffle, seed):
        if batch_size < 1:
            raise ValueError(f"{type(self).__name__}: batch_size must be at least 1, received {batch_size!r}")
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array = None
        self.index_generator = self._flow_index()

    def _set_index_array(self):
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def __getitem__(self, idx):
        if not 0 <= idx < len(self):
            raise ValueError(
                f"Asked to retrieve element {idx}, but the Sequence {type(self).__name__} has length {len(self)}"
            )
        with self.lock:
            if self.seed is not None:
                np.random.seed(self.seed + self.total_batches_seen)
            self.total_batches_seen += 1
            if self.index_array is None:
                self._set_index_array()
            chosen = self.index_array[self.batch_size * idx : self.batch_size * (idx + 1)]
        return self._get_batches_of_transformed_samples(chosen)

    def __len__(self):
        return (self.n + self.batch_size - 1) // self.batch_size

    def on_epoch_end(self):
        """Draws the order of the next epoch."""
        self._set_index_array()

    def reset(self):
        """Begins a new epoch with the next batch."""
        self.batch_index = 0

    def _flow_index(self):
        """Generator of the sample numbers of each batch."""
        self.reset()
        while True:
            if self.n == 0:
                place = getattr(self, "directory", None)
                raise ValueError(f"{type(self).__name__} has no samples" + (f" in {place}" if place else ""))
            if self.seed is not None:
                np.random.seed(self.seed + self.total_batches_seen)
            if self.batch_index == 0:
                self._set_index_array()
            first = (self.batch_index * self.batch_size) % self.n
            self.batch_index = self.batch_index + 1 if self.n > first + self.batch_size else 0
            self.total_batches_seen += 1
            yield self.index_array[first : first + self.batch_size]

    def __iter__(self):
        return self

    def __next__(self, *args, **kwargs):
        return self.next(*args, **kwargs)

    def next(self):
        """The next batch."""
        with self.lock:
            chosen = next(self.index_generator)
        # outside the lock: batches of several threads are made at the same time
        return self._get_batches_of_transformed_samples(chosen)

    def _get_batches_of_transformed_samples(self, index_array):
        """The batch of these samples."""
        raise NotImplementedError(f"{type(self).__name__} needs _get_batches_of_transformed_samples(index_array)")

    def __getstate__(self):
        """For a copy in another process: it begins a new epoch."""
        state = dict(self.__dict__)
        del state["lock"], state["index_generator"]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()

    def _save(self, batch, index_array):
        """Writes the images of a batch into save_to_dir."""
        for image, number in zip(batch, index_array, strict=True):
            picture = array_to_img(image, self.data_format, scale=True)
            name = f"{self.save_prefix}_{number}_{np.random.randint(10_000)}.{self.save_format}"
            picture.save(os.path.join(self.save_to_dir, name))


class BatchFromFilesMixin:
    """Batches of image files. A subclass has `filepaths`, `labels` and `sample_weight`."""

    def set_processing_attrs(
        self,
        image_data_generator,
        target_size,
        color_mode,
        data_format,
        save_to_dir,
        save_prefix,
        save_format,
        subset,
        interpolation,
    ):
        """Keeps the settings that iterators over files share."""
        name = type(self).__name__
        self.image_data_generator = image_data_generator
        if np.ndim(target_size) != 1 or len(target_size) != 2:
            raise ValueError(f"{name}: target_size must be (height, width), received {target_size!r}")
        self.target_size = tuple(target_size)
        channels = {"rgb": 3, "rgba": 4, "grayscale": 1}
        if color_mode not in channels:
            raise ValueError(f"{name}: color_mode must be one of {sorted(channels)}, received {color_mode!r}")
        self.color_mode = color_mode
        self.data_format = data_format
        depth = (channels[color_mode],)
        self.image_shape = self.target_size + depth if data_format == "channels_last" else depth + self.target_size
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.interpolation = interpolation
        self.split = split_of(image_data_generator, subset, name)
        self.subset = subset

    def _get_batches_of_transformed_samples(self, index_array):
        images = np.zeros((len(index_array), *self.image_shape), dtype=self.dtype)
        paths = self.filepaths
        for place, number in enumerate(index_array):
            picture = load_img(
                paths[number],
                color_mode=self.color_mode,
                target_size=self.target_size,
                interpolation=self.interpolation,
            )
            images[place] = img_to_array(picture, data_format=self.data_format)
            picture.close()
        images = transformed(self.image_data_generator, images, self.dtype)
        if self.save_to_dir:
            self._save(images, index_array)
        labels = self._labels_of(images, index_array)
        if labels is None:
            return images
        if self.sample_weight is None:
            return images, labels
        return images, labels, self.sample_weight[index_array]

    def _labels_of(self, images, index_array):
        if self.class_mode is None:
            return None
        if self.class_mode == "input":
            return images.copy()
        if self.class_mode in ("binary", "sparse"):
            return np.array([self.classes[number] for number in index_array], dtype=self.dtype)
        if self.class_mode == "categorical":
            labels = np.zeros((len(images), len(self.class_indices)), dtype=self.dtype)
            for place, number in enumerate(index_array):
                labels[place, self.classes[number]] = 1.0
            return labels
        if self.class_mode == "multi_output":
            return [output[index_array] for output in self.labels]
        return self.labels[index_array]


def split_of(image_data_generator, subset, name):
    """(from, to) as fractions of the samples for 'training' and 'validation', None for all."""
    if subset is None:
        return None
    fraction = getattr(image_data_generator, "_validation_split", 0.0)
    if subset not in ("training", "validation"):
        raise ValueError(f"{name}: subset must be 'training' or 'validation', received {subset!r}")
    return (0, fraction) if subset == "validation" else (fraction, 1)


def transformed(generator, images, dtype):
    """The batch as the generator transforms and standardises it; unchanged for None."""
    if generator is None:
        return images
    if hasattr(generator, "transform_batch"):
        return generator.transform_batch(images)
    out = np.empty(images.shape, dtype)
    for place, image in enumerate(images):
        image = generator.apply_transform(image, generator.get_random_transform(image.shape))
        out[place] = generator.standardize(image)
    return out

"""Batches of images that are in memory."""

from __future__ import annotations

import warnings

import numpy as np

from kjax.backend import config
from kjax.preprocessing.image.iterator import Iterator, split_of, transformed


class NumpyArrayIterator(Iterator):
    """Batches x, (x, y) or (x, y, weights) of arrays, transformed by an ImageDataGenerator.

    Args:
        x: array of rank 4; or (that array, list of further arrays, which are passed on as they are).
        y: targets, or None.
        image_data_generator: its settings are used.
        batch_size, shuffle, seed: as in `Iterator`.
        sample_weight: array, or None.
        data_format: 'channels_last' or 'channels_first', default that of the backend.
        save_to_dir, save_prefix, save_format: folder to write the images into, name and ending; or None.
        subset: 'training' or 'validation', by the generator's validation_split; the validation data come first.
        dtype: of the images, default floatx.
    """

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        sample_weight=None,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        dtype=None,
    ):
        self.dtype = dtype or config.floatx()
        self.data_format = config.image_data_format() if data_format is None else data_format
        x, further = _split_off(x)
        for name, values in [("y", y), ("sample_weight", sample_weight), *(("x[1]", v) for v in further)]:
            if values is not None and len(values) != len(x):
                raise ValueError(
                    f"NumpyArrayIterator: x and {name} must be equally long, received shapes {np.shape(x)} and "
                    f"{np.shape(values)}"
                )
        split = split_of(image_data_generator, subset, "NumpyArrayIterator")
        if split is not None:
            cut = int(len(x) * image_data_generator._validation_split)
            rows = slice(0, cut) if subset == "validation" else slice(cut, None)
            if y is not None and not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
                raise ValueError(
                    "NumpyArrayIterator: training and validation subsets have different classes. If the arrays are "
                    "sorted by class, shuffle them first"
                )
            x, further = x[rows], [values[rows] for values in further]
            y = y if y is None else y[rows]
            sample_weight = sample_weight if sample_weight is None else np.asarray(sample_weight)[rows]
        self.x = np.asarray(x)
        self.x_misc = further
        if self.x.ndim != 4:
            raise ValueError(f"NumpyArrayIterator: x must have rank 4, received shape {self.x.shape}")
        channel_axis = 3 if self.data_format == "channels_last" else 1
        if self.x.shape[channel_axis] not in (1, 3, 4):
            warnings.warn(
                f'NumpyArrayIterator is set to use the data format convention "{self.data_format}" (channels on axis '
                f"{channel_axis}), i.e. expected either 1, 3, or 4 channels on axis {channel_axis}. However, it was "
                f"passed an array with shape {self.x.shape} ({self.x.shape[channel_axis]} channels).",
                stacklevel=2,
            )
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        self.image_data_generator = image_data_generator
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array):
        # chosen by a list of rows, so a copy that may be changed
        images = self.x[index_array].astype(self.dtype, copy=False)
        images = transformed(self.image_data_generator, images, self.dtype)
        if self.save_to_dir:
            self._save(images, index_array)
        inputs = [images, *(values[index_array] for values in self.x_misc)] if self.x_misc else images
        if self.y is None:
            return inputs
        if self.sample_weight is None:
            return inputs, self.y[index_array]
        return inputs, self.y[index_array], self.sample_weight[index_array]


def _split_off(x):
    if not isinstance(x, (tuple, list)):
        return x, []
    if isinstance(x, list) and not (len(x) == 2 and np.ndim(x[0]) == 4):
        return x, []
    further = [np.asarray(values) for values in (x[1] if isinstance(x[1], (list, tuple)) else [x[1]])]
    return x[0], further

"""Batches of image files in folders, one folder per class."""

from __future__ import annotations

import os
import warnings

import numpy as np

from kjax.backend import config
from kjax.preprocessing.image.iterator import BatchFromFilesMixin, Iterator


class DirectoryIterator(BatchFromFilesMixin, Iterator):
    """Batches of the images below a folder; the folders in it are the classes.

    Args:
        directory: folder.
        image_data_generator: an ImageDataGenerator, or None for the images as they are.
        target_size: (height, width) that images are resized to.
        color_mode: 'rgb', 'rgba' or 'grayscale'.
        classes: names of the folders to use, in the order of their numbers; default all, by alphabet.
        class_mode: targets: 'categorical' (one-hot), 'binary' or 'sparse' (number), 'input' (the images), None.
        batch_size, shuffle, seed: as in `Iterator`.
        data_format: 'channels_last' or 'channels_first', default that of the backend.
        save_to_dir, save_prefix, save_format: folder to write the images into, name and ending; or None.
        follow_links: go into folders that are links.
        subset: 'training' or 'validation', by the generator's validation_split; each class's first files validate.
        interpolation: for resizing, as in `load_img`.
        dtype: of the batches, default floatx.

    Attributes: filenames, filepaths, classes (number of each file's class), class_indices (name -> number), samples.
    """

    allowed_class_modes = ("categorical", "binary", "sparse", "input", None)

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        dtype=None,
    ):
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            config.image_data_format() if data_format is None else data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
        )
        if class_mode not in self.allowed_class_modes:
            raise ValueError(
                f"DirectoryIterator: class_mode must be one of {self.allowed_class_modes}, received {class_mode!r}"
            )
        self.directory = directory
        self.class_mode = class_mode
        self.dtype = dtype or config.floatx()
        names = [n for n in sorted(os.listdir(directory)) if os.path.isdir(os.path.join(directory, n))]
        if classes:
            missing = [name for name in classes if not os.path.isdir(os.path.join(directory, name))]
            if missing:
                warnings.warn(f"DirectoryIterator: {directory} has no folder for the classes {missing}", stacklevel=2)
            names = list(classes)
        self.num_classes = len(names)
        self.class_indices = {name: number for number, name in enumerate(names)}
        self.filenames = []
        numbers = []
        for name, number in self.class_indices.items():
            found = self._files_of(os.path.join(directory, name), follow_links)
            self.filenames += [os.path.join(name, path) for path in found]
            numbers += [number] * len(found)
        self.classes = np.array(numbers, dtype="int32")
        self.samples = len(self.filenames)
        self._filepaths = [os.path.join(directory, name) for name in self.filenames]
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _files_of(self, folder, follow_links):
        """Paths of the image files of one class, relative to its folder, as far as they belong to the subset."""
        found = []
        for root, _, names in sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0]):
            for name in sorted(names):
                if name.lower().endswith(tuple("." + ending for ending in self.white_list_formats)):
                    found.append(os.path.relpath(os.path.join(root, name), folder))
        if any(name.lower().endswith(".tiff") for name in found):
            warnings.warn(
                'Using ".tiff" files with multiple bands will cause distortion. Please verify your output.',
                stacklevel=3,
            )
        if self.split is None:
            return found
        return found[int(self.split[0] * len(found)) : int(self.split[1] * len(found))]

    @property
    def filepaths(self):
        """Paths of the files."""
        return self._filepaths

    @property
    def labels(self):
        """Number of each file's class."""
        return self.classes

    @property
    def sample_weight(self):
        """None: folders carry no weights."""
        return None

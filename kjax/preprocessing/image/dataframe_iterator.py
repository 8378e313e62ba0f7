"""Batches of image files that a pandas table names."""

from __future__ import annotations

import os
import warnings

import numpy as np

from kjax.backend import config
from kjax.preprocessing.image.iterator import BatchFromFilesMixin, Iterator

_WITHOUT_CLASSES = ("input", "multi_output", "raw", None)


class DataFrameIterator(BatchFromFilesMixin, Iterator):
    """Batches of the images in one column of a table, with targets from others.

    Args:
        dataframe: pandas DataFrame; it is not changed.
        directory: folder that the paths are relative to, or None for whole paths.
        image_data_generator: an ImageDataGenerator, or None for the images as they are.
        x_col: column of file names.
        y_col: column of targets, or list of columns.
        weight_col: column of sample weights, or None.
        target_size: (height, width) that images are resized to.
        color_mode: 'rgb', 'rgba' or 'grayscale'.
        classes: names of the classes to use, default all; they are numbered by alphabet.
        class_mode: targets: 'categorical' (one-hot; lists of classes give several ones), 'binary' or 'sparse' (number),
            'raw' (the column's values), 'multi_output' (a list of arrays), 'input' (the images), None.
        batch_size, shuffle, seed: as in `Iterator`.
        data_format: 'channels_last' or 'channels_first'; None: that of the backend.
        save_to_dir, save_prefix, save_format: folder to write the images into, name and ending; or None.
        subset: 'training' or 'validation', by the generator's validation_split; the first rows validate.
        interpolation: for resizing, as in `load_img`.
        dtype: of the batches, default 'float32'; None: floatx.
        validate_filenames: leave out (with a warning) rows whose file is missing or of no known image format.
    """

    allowed_class_modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)

    def __init__(
        self,
        dataframe,
        directory=None,
        image_data_generator=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format="channels_last",
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        dtype="float32",
        validate_filenames=True,
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
        self.directory = directory or ""
        self.class_mode = class_mode
        self.dtype = dtype or config.floatx()
        if not hasattr(dataframe, "columns") or not hasattr(dataframe, "iloc"):
            raise TypeError(f"DataFrameIterator: dataframe must be a pandas DataFrame, received {dataframe!r:.200}")
        table = dataframe.copy()
        self._check(table, x_col, y_col, weight_col, classes)
        if validate_filenames:
            table = self._with_files(table, x_col)
        if class_mode not in _WITHOUT_CLASSES:
            table, names = _with_classes(table, y_col, classes)
            self.num_classes = len(names)
            self.class_indices = {name: number for number, name in enumerate(names)}
        if self.split is not None:
            table = table.iloc[int(self.split[0] * len(table)) : int(self.split[1] * len(table))]
        if class_mode not in _WITHOUT_CLASSES:
            self.classes = self._numbers(table[y_col])
        self.filenames = table[x_col].tolist()
        self._sample_weight = table[weight_col].values if weight_col else None
        if class_mode == "multi_output":
            self._targets = [np.array(table[column].tolist()) for column in y_col]
        if class_mode == "raw":
            self._targets = table[y_col].values
        self.samples = len(self.filenames)
        kind = "validated" if validate_filenames else "non-validated"
        ending = "" if class_mode in _WITHOUT_CLASSES else f" belonging to {self.num_classes} classes"
        print(f"Found {self.samples} {kind} image filenames{ending}.")
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _check(self, table, x_col, y_col, weight_col, classes):
        mode = self.class_mode
        if mode not in self.allowed_class_modes:
            raise ValueError(
                f"DataFrameIterator: class_mode must be one of {self.allowed_class_modes}, received {mode!r}"
            )
        wanted = [x_col, *([weight_col] if weight_col else [])]
        if mode not in ("input", None):
            wanted += list(y_col) if isinstance(y_col, (list, tuple)) else [y_col]
        missing = [column for column in wanted if column not in table.columns]
        if missing:
            raise ValueError(f"DataFrameIterator: the table has no column {missing}; it has {list(table.columns)}")
        if not all(isinstance(value, str) for value in table[x_col]):
            raise TypeError(f"DataFrameIterator: all values in column x_col={x_col!r} must be strings")
        if mode in ("binary", "sparse") and not all(isinstance(value, str) for value in table[y_col]):
            raise TypeError(f'DataFrameIterator: class_mode="{mode}" needs strings in column y_col={y_col!r}')
        if mode == "binary":
            count = len(classes) if classes else table[y_col].nunique()
            if count != 2:
                raise ValueError(f'DataFrameIterator: class_mode="binary" needs 2 classes, received {count}')
        if mode == "categorical" and not all(isinstance(value, (str, list, tuple)) for value in table[y_col]):
            raise TypeError(f'DataFrameIterator: class_mode="{mode}" needs strings or lists in column y_col={y_col!r}')
        if mode == "multi_output" and not isinstance(y_col, (list, tuple)):
            raise TypeError(f'DataFrameIterator: class_mode="multi_output" needs a list of columns, received {y_col!r}')
        if classes and mode in _WITHOUT_CLASSES:
            warnings.warn(f'`classes` will be ignored given the class_mode="{mode}"', stacklevel=3)
        if weight_col and table[weight_col].dtype.kind not in "biuf":
            raise TypeError(f"DataFrameIterator: column weight_col={weight_col!r} must be numeric")

    def _with_files(self, table, x_col):
        endings = tuple("." + ending for ending in self.white_list_formats)
        paths = (os.path.join(self.directory, name) for name in table[x_col])
        valid = np.array([path.lower().endswith(endings) and os.path.isfile(path) for path in paths], dtype=bool)
        if not valid.all():
            lost = [name for name, good in zip(table[x_col], valid, strict=True) if not good]
            warnings.warn(
                f'Found {len(lost)} invalid image filename(s) in x_col="{x_col}" (the first is {lost[0]!r}). '
                "These filename(s) will be ignored.",
                stacklevel=3,
            )
        return table[valid]

    def get_classes(self, df, y_col):
        """The class number of each row of a table, or the list of numbers where a row has several.

        Args:
            df: pandas DataFrame.
            y_col: its column of classes.
        """
        return self._numbers(df[y_col])

    def _numbers(self, column):
        """Class number of each row, or list of numbers."""
        return [
            [self.class_indices[name] for name in value]
            if isinstance(value, (list, tuple))
            else self.class_indices[value]
            for value in column
        ]

    @property
    def filepaths(self):
        """Paths of the files."""
        return self._filepaths

    @property
    def labels(self):
        """Class numbers, or the targets of 'raw' and 'multi_output'."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    @property
    def sample_weight(self):
        """Weights of the rows, or None."""
        return self._sample_weight


def _with_classes(table, y_col, classes):
    """(table, names): rows without any of the classes are dropped, lists of classes cut down to those."""
    if not classes:
        names = set()
        for value in table[y_col]:
            names.update(value if isinstance(value, (list, tuple)) else [value])
        return table, sorted(names)
    if isinstance(classes, str):
        raise ValueError(f"DataFrameIterator: classes must be a list of names, received {classes!r}")
    names = sorted(set(classes))
    kept, rows = [], []
    for value in table[y_col]:
        if isinstance(value, (list, tuple)):
            value = [name for name in value if name in names]
            rows.append(bool(value))
        else:
            rows.append(value in names)
        kept.append(value)
    table[y_col] = kept
    return table[np.array(rows, dtype=bool)], names

"""ImageDataGenerator: random transformations and standardisation of images, as settings."""

from __future__ import annotations

import warnings

import numpy as np

from kjax.backend import config
from kjax.preprocessing.image import draws
from kjax.preprocessing.image.affine import affine_matrices, apply_affine_transform, centered, flip_each, warp
from kjax.preprocessing.image.color import apply_channel_shift, brighten, brighten_each, shift_each
from kjax.preprocessing.image.dataframe_iterator import DataFrameIterator
from kjax.preprocessing.image.directory_iterator import DirectoryIterator
from kjax.preprocessing.image.numpy_iterator import NumpyArrayIterator
from kjax.utils.arguments import given

_TINY = 1e-6  # added to standard deviations
# a subclass that changes one of these is asked image by image
_PER_IMAGE = ("apply_transform", "get_random_transform", "random_transform", "standardize")


class ImageDataGenerator:
    """Batches of images, each transformed at random, then standardised.

    Args:
        featurewise_center, featurewise_std_normalization: subtract the mean, divide by the deviation, of `fit`'s data.
        samplewise_center, samplewise_std_normalization: the same with each image's own.
        zca_whitening, zca_epsilon: multiply by the whitening matrix of `fit`'s data.
        rotation_range: degrees either way.
        width_shift_range, height_shift_range: float: either way, a fraction of the size if below 1, else pixels;
            int n: whole pixels below n either way; list: one of these either way.
        brightness_range: two factors, or None.
        shear_range: degrees either way.
        zoom_range: two factors, or z for (1 - z, 1 + z).
        channel_shift_range: added to all channels, either way.
        fill_mode, cval: what lies outside: 'constant' (cval), 'nearest', 'reflect' or 'wrap'.
        horizontal_flip, vertical_flip: flip every other image, at random.
        rescale: factor, applied before the other standardisations, or None.
        preprocessing_function: function of one image, applied after the transformation, or None.
        data_format: 'channels_last' or 'channels_first', default that of the backend.
        validation_split: fraction of the data kept for subset='validation'.
        dtype: of the batches, default floatx.
        interpolation_order: of the transformation's spline, default 1.

    Random numbers come from NumPy's global generator, in the order of keras_preprocessing 1.1.2.
    Differs: whole batches are transformed at once; numbers agree to float32 accuracy.
    """

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format=None,
        validation_split=0.0,
        dtype=None,
        interpolation_order=1,
    ):
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = _brightness(brightness_range)
        self.shear_range = shear_range
        self.zoom_range = _zoom(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.dtype = dtype or config.floatx()
        self.interpolation_order = interpolation_order
        self.data_format = config.image_data_format() if data_format is None else data_format
        if self.data_format not in config.FORMATS:
            raise ValueError(
                f"ImageDataGenerator: data_format must be one of {config.FORMATS}, received {data_format!r}"
            )
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(
                f"ImageDataGenerator: validation_split must lie between 0 and 1, received {validation_split!r}"
            )
        self._validation_split = validation_split
        self._check_kinds()
        self.mean = None
        self.std = None
        self.principal_components = None
        self._settle_standardisation()

    def _check_kinds(self):
        """Numbers where numbers are due, before the first batch needs them."""
        numbers = ("rotation_range", "shear_range", "channel_shift_range", "cval", "zca_epsilon", "interpolation_order")
        optional = ("rescale",)
        for name in (*numbers, *optional):
            value = getattr(self, name)
            if not (_numeric(value) and np.ndim(value) == 0) and not (name in optional and value is None):
                raise TypeError(f"ImageDataGenerator: {name} must be a number, received {value!r}")
        for name in ("width_shift_range", "height_shift_range"):
            value = getattr(self, name)
            if not _numeric(value):
                raise TypeError(f"ImageDataGenerator: {name} must be a number or a list of them, received {value!r}")
        if self.preprocessing_function is not None and not callable(self.preprocessing_function):
            raise TypeError(
                f"ImageDataGenerator: preprocessing_function must be callable, received {self.preprocessing_function!r}"
            )
        if self.interpolation_order not in range(6):
            raise ValueError(
                f"ImageDataGenerator: interpolation_order must be 0 to 5, received {self.interpolation_order!r}"
            )
        try:
            np.dtype(self.dtype)
        except TypeError as error:
            raise TypeError(f"ImageDataGenerator: dtype must be a NumPy type, received {self.dtype!r}") from error

    def _settle_standardisation(self):
        """Settings that imply or exclude one another."""
        if self.zca_whitening and not self.featurewise_center:
            self.featurewise_center = True
            _note("`zca_whitening`, which overrides setting of `featurewise_center`.")
        if self.zca_whitening and self.featurewise_std_normalization:
            self.featurewise_std_normalization = False
            _note("`zca_whitening` which overrides setting of `featurewise_std_normalization`.")
        if self.featurewise_std_normalization and not self.featurewise_center:
            self.featurewise_center = True
            _note("`featurewise_std_normalization`, which overrides setting of `featurewise_center`.")
        if self.samplewise_std_normalization and not self.samplewise_center:
            self.samplewise_center = True
            _note("`samplewise_std_normalization`, which overrides setting of `samplewise_center`.")

    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
    ):
        """A NumpyArrayIterator over arrays; see there for the arguments."""
        return NumpyArrayIterator(**given(locals()), **self._for_iterators())

    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
    ):
        """A DirectoryIterator over the image files of a folder; see there for the arguments."""
        return DirectoryIterator(**given(locals()), **self._for_iterators())

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
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
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        **kwargs,
    ):
        """A DataFrameIterator over the image files that a pandas table names; see there for the arguments.

        The old arguments has_ext, sort, drop_duplicates and class_mode='other' are accepted with a warning.
        """
        asked = given(locals())
        for name in ("has_ext", "sort", "drop_duplicates"):
            if name in kwargs:
                warnings.warn(f"flow_from_dataframe: {name} has no effect any more", stacklevel=2)
                del kwargs[name]
        if kwargs:
            raise TypeError(f"flow_from_dataframe: unknown arguments {sorted(kwargs)}")
        if class_mode == "other":
            warnings.warn('`class_mode="other"` is deprecated, please use `class_mode="raw"`.', stacklevel=2)
            asked["class_mode"] = "raw"
        return DataFrameIterator(**asked, **self._for_iterators())

    def _for_iterators(self):
        return {"image_data_generator": self, "data_format": self.data_format, "dtype": self.dtype}

    def standardize(self, x):
        """One image or a batch of them, preprocessed, rescaled, centred and normalised; float arrays in place."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + _TINY
        return self._standardize_by_features(x)

    def _standardize_by_features(self, x):
        if self.featurewise_center:
            if self._is_fitted(self.mean, "featurewise_center"):
                x -= self.mean
        if self.featurewise_std_normalization:
            if self._is_fitted(self.std, "featurewise_std_normalization"):
                x /= self.std + _TINY
        if self.zca_whitening:
            if self._is_fitted(self.principal_components, "zca_whitening"):
                flat = np.reshape(x, (-1, np.prod(x.shape[-3:])))
                x = np.reshape(np.dot(flat, self.principal_components), x.shape)
        return x

    def _is_fitted(self, statistic, setting):
        if statistic is None:
            warnings.warn(
                f"This ImageDataGenerator specifies `{setting}`, but it hasn't been fit on any training data. "
                "Fit it first by calling `.fit(numpy_data)`.",
                stacklevel=4,
            )
        return statistic is not None

    def get_random_transform(self, img_shape, seed=None):
        """A dict of parameters for `apply_transform`, drawn at random.

        Args:
            img_shape: of one image.
            seed: for NumPy's global generator, or None to go on with it.
        """
        if seed is not None:
            np.random.seed(seed)
        theta = np.random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        height, width = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        tx = draws.draw_shift(self.height_shift_range, height) if np.any(self.height_shift_range) else 0
        ty = draws.draw_shift(self.width_shift_range, width) if np.any(self.width_shift_range) else 0
        shear = np.random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = 1, 1
        if self.zoom_range[0] != 1 or self.zoom_range[1] != 1:
            zx, zy = np.random.uniform(self.zoom_range[0], self.zoom_range[1], 2)
        flip_horizontal = (np.random.random() < 0.5) * self.horizontal_flip
        flip_vertical = (np.random.random() < 0.5) * self.vertical_flip
        channel_shift, brightness = None, None
        if self.channel_shift_range != 0:
            channel_shift = np.random.uniform(-self.channel_shift_range, self.channel_shift_range)
        if self.brightness_range is not None:
            brightness = np.random.uniform(self.brightness_range[0], self.brightness_range[1])
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": channel_shift,
            "brightness": brightness,
        }

    def apply_transform(self, x, transform_parameters):
        """One image, transformed.

        Args:
            x: array of rank 3.
            transform_parameters: dict; what is missing changes nothing: theta, tx, ty, shear, zx, zy (as in
                `apply_affine_transform`), flip_horizontal, flip_vertical, channel_shift_intensity, brightness.
        """
        get = transform_parameters.get
        row, column, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        x = apply_affine_transform(
            x,
            theta=get("theta", 0),
            tx=get("tx", 0),
            ty=get("ty", 0),
            shear=get("shear", 0),
            zx=get("zx", 1),
            zy=get("zy", 1),
            row_axis=row,
            col_axis=column,
            channel_axis=channel,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        if get("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, get("channel_shift_intensity"), channel)
        if get("flip_horizontal", False):
            x = np.flip(x, column)
        if get("flip_vertical", False):
            x = np.flip(x, row)
        if get("brightness") is not None:
            x = brighten(x, get("brightness"), channel)
        return x

    def random_transform(self, x, seed=None):
        """One image, transformed at random; `seed` as in `get_random_transform`."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def transform_batch(self, images):
        """A batch, each image transformed at random and standardised.

        Args:
            images: array of rank 4 of type `dtype`; it may be changed.
        """
        if self._works_on_batches():
            return self._standardize_each(self._transform_each(images))
        out = np.empty(images.shape, self.dtype)
        for i, image in enumerate(images):
            out[i] = self.standardize(self.apply_transform(image, self.get_random_transform(image.shape)))
        return out

    def _works_on_batches(self):
        """Whether nothing needs images one by one: a user's function could draw random numbers in between."""
        return (
            self.preprocessing_function is None
            and not draws.chooses(self.height_shift_range)
            and not draws.chooses(self.width_shift_range)
            and all(getattr(type(self), name) is getattr(ImageDataGenerator, name) for name in _PER_IMAGE)
        )

    def _transform_each(self, images):
        if self.data_format == "channels_first":
            images = np.moveaxis(images, 1, 3)
        count, height, width, _ = images.shape
        drawn = draws.draw_many(self, count, height, width)
        flips = [flags if flags.any() else None for flags in (drawn.flip_vertical, drawn.flip_horizontal)]
        affine = drawn.affine()
        if affine is None:
            images = flip_each(images, *flips)
        else:
            matrices = centered(affine_matrices(*affine), height, width)
            images = warp(images, matrices, self.fill_mode, self.cval, self.interpolation_order, *flips)
        if drawn.channel_shift is not None:
            images = shift_each(images, drawn.channel_shift)
        if drawn.brightness is not None:
            images = brighten_each(images, drawn.brightness)
        return np.moveaxis(images, 3, 1) if self.data_format == "channels_first" else images

    def _standardize_each(self, images):
        flat = np.ascontiguousarray(images, dtype=self.dtype).reshape(len(images), -1)
        if self.rescale:
            flat *= self.rescale
        if self.samplewise_center:
            flat -= flat.mean(axis=1, keepdims=True)
        if self.samplewise_std_normalization:
            flat /= flat.std(axis=1, keepdims=True) + _TINY
        return self._standardize_by_features(flat.reshape(images.shape))

    def fit(self, x, augment=False, rounds=1, seed=None):
        """Learns mean, deviation and whitening matrix, as far as the settings need them.

        Args:
            x: array of rank 4.
            augment: learn from randomly transformed images.
            rounds: how often each image is transformed.
            seed: for NumPy's global generator.

        With `rescale` it learns from the rescaled images, as keras_preprocessing does since 1.1.1.
        """
        x = np.asarray(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(f"ImageDataGenerator.fit: x must have rank 4, received shape {x.shape}")
        if x.shape[self.channel_axis] not in (1, 3, 4):
            warnings.warn(
                "Expected input to be images (as Numpy array) following the data format convention "
                f'"{self.data_format}" (channels on axis {self.channel_axis}), i.e. expected either 1, 3 or 4 channels '
                f"on axis {self.channel_axis}. However, it was passed an array with shape {x.shape}.",
                stacklevel=2,
            )
        if seed is not None:
            np.random.seed(seed)
        x = np.copy(x)
        if self.rescale:
            x *= self.rescale
        if rounds < 1 and augment:
            raise ValueError(f"ImageDataGenerator.fit: rounds must be at least 1, received {rounds!r}")
        if augment:
            x = np.stack([self.random_transform(image) for _ in range(rounds) for image in x])
        over = (0, self.row_axis, self.col_axis)
        shape = [1, 1, 1]
        shape[self.channel_axis - 1] = x.shape[self.channel_axis]
        if self.featurewise_center:
            self.mean = np.reshape(np.mean(x, axis=over), shape)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.reshape(np.std(x, axis=over), shape)
            x /= self.std + _TINY
        if self.zca_whitening:
            flat = np.reshape(x, (x.shape[0], -1))
            u, s, _ = np.linalg.svd(np.dot(flat.T, flat) / flat.shape[0])
            self.principal_components = (u * (1.0 / np.sqrt(s[np.newaxis] + self.zca_epsilon))).dot(u.T)


def _numeric(value):
    return np.asarray(value).dtype.kind in "fiub"


def _note(what):
    warnings.warn(f"This ImageDataGenerator specifies {what}", stacklevel=4)


def _zoom(zoom_range):
    if np.ndim(zoom_range) == 0:
        return [1 - zoom_range, 1 + zoom_range]
    if len(zoom_range) == 2 and all(isinstance(z, (float, int, np.number)) for z in zoom_range):
        return [zoom_range[0], zoom_range[1]]
    raise ValueError(f"ImageDataGenerator: zoom_range must be a number or two numbers, received {zoom_range!r}")


def _brightness(brightness_range):
    if brightness_range is None:
        return None
    if not isinstance(brightness_range, (tuple, list, np.ndarray)) or len(brightness_range) != 2:
        raise ValueError(
            f"ImageDataGenerator: brightness_range must be two numbers or None, received {brightness_range!r}"
        )
    return brightness_range

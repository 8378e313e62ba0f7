"""Images, as in `keras.preprocessing.image`: files, random transformations, iterators of batches."""

from kjax.preprocessing.image.affine import apply_affine_transform, flip_axis, transform_matrix_offset_center
from kjax.preprocessing.image.color import apply_brightness_shift, apply_channel_shift
from kjax.preprocessing.image.dataframe_iterator import DataFrameIterator
from kjax.preprocessing.image.directory_iterator import DirectoryIterator
from kjax.preprocessing.image.files import array_to_img, img_to_array, list_pictures, load_img, save_img
from kjax.preprocessing.image.generator import ImageDataGenerator
from kjax.preprocessing.image.iterator import Iterator
from kjax.preprocessing.image.numpy_iterator import NumpyArrayIterator
from kjax.preprocessing.image.random_ops import (
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "transform_matrix_offset_center",
]
